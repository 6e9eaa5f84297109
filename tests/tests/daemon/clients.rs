//! Who may ask, and what becomes of those who ask badly.

use super::house::House;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use udp_bridge_tests::host::api::say;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("garbage_too_much_and_nothing_do_not_stop_the_daemon", bad_clients);
    suite.add("more_clients_than_can_be_are_told_and_networks_go_on", too_many);
    suite.add_needing(&[Need::Curl], "a_group_may_ask_and_nobody_else", group);
    suite.add("an_unknown_group_is_refused", unknown_group);
    let needs = &[Need::UserNamespaces, Need::Curl];
    suite.add_needing(needs, "without_root_a_daemon_holds_networks", rootless);
}

fn bad_clients(host: &Host) {
    let house = House::start(host, "");
    house.make("red");
    let socket = host.daemon_socket();
    let silent = UnixStream::connect(&socket).unwrap();
    let mut half = UnixStream::connect(&socket).unwrap();
    half.write_all(b"POST /v1/networks HTTP/1.1\r\nContent-Length: 99\r\n\r\n{").unwrap();
    let garbage: Vec<u8> =
        (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for words in [&garbage[..], b"\r\n\r\n\0", b"GET /v1/daemon\r\n\r\n"] {
        let answer = String::from_utf8_lossy(&say(&socket, words)).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let long = b"POST /v1/networks HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n";
    let answer = String::from_utf8_lossy(&say(&socket, long)).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    for (method, path, body, status) in [
        ("POST", "/v1/networks", "{]", 400),
        ("POST", "/v1/networks", r#"{"ports": 1e99}"#, 400),
        ("POST", "/v1/networks", r#"{"name": "../x", "ports": 1}"#, 400),
        ("POST", "/v1/networks", r#"{"name": "daemon.lock", "ports": 1}"#, 400),
        ("GET", "/v1/networks/%ff/ports", "", 400),
        ("GET", "/v2/networks", "", 404),
        ("GET", "/v1/networks/blue/fdb", "", 404),
        ("PUT", "/v1/networks/red", "", 405),
        ("DELETE", "/v1/networks", "", 405),
        ("GET", "/v1/networks/red/flows?x=y", "", 400),
    ] {
        let answer = host.ask(method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(!answer.detail().is_empty());
    }
    // Those who said nothing, or not all, are let go in the end.
    for stream in [silent, half] {
        let mut answer = String::new();
        stream.set_read_timeout(Some(wait::LONG)).unwrap();
        let _ = std::io::Read::read_to_string(&mut &stream, &mut answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    let clients = &host.ask("GET", "/v1/daemon", "").json()["clients"];
    assert_eq!((&clients["connected"], &clients["timed_out"]), (&1.into(), &2.into()), "{clients}");
    assert_eq!(clients["too_large"], 1, "{clients}");
    house.assert_reached("red");
}

fn too_many(host: &Host) {
    let house = House::start(host, "");
    house.make("red");
    let socket = host.daemon_socket();
    let ends = host.ends("red");
    let crowd: Vec<_> = (0..64).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let refused = wait::for_some("one is refused", || {
        let answer = host.ask("GET", "/v1/daemon", "");
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.detail().contains("64 clients"), "{refused:?}");
    ends[1].ping(host, ends[2].ipv4.into());
    drop(crowd);
    let info = wait::for_some("there is room again", || {
        let answer = host.ask("GET", "/v1/daemon", "");
        (answer.status == 200).then(|| answer.json())
    });
    assert!(info["clients"]["refused"].as_u64().unwrap() >= 1, "{info}");
}

/// A group that every Debian has, and one that is not it.
const GROUP: (&str, u32) = ("daemon", 1);
const OTHERS: u32 = 65_534;

fn group(host: &Host) {
    let _house = House::start(host, &format!("--group {}", GROUP.0));
    let socket = fs::metadata(host.daemon_socket()).unwrap();
    assert_eq!((socket.gid(), socket.permissions().mode() & 0o777), (GROUP.1, 0o660));
    let ask = |gid| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--unix-socket"]).arg(host.daemon_socket());
        curl.arg("http://localhost/v1/networks").uid(OTHERS).gid(gid);
        host.finish(&mut curl)
    };
    assert_eq!(ask(GROUP.1).ok().stdout, "[]");
    assert_ne!(ask(OTHERS).code(), Some(0));
    assert_eq!(fs::metadata(STATE_DIR).unwrap().permissions().mode() & 0o777, 0o710);
}

fn unknown_group(host: &Host) {
    let before = host.snapshot();
    let refused = host.udp_bridge("daemon --group no-such-group");
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("no-such-group"), "{refused:?}");
    before.assert_same(&host.snapshot());
}

/// A user without privileges.
const USER: u32 = 12_345;

fn rootless(host: &Host) {
    host.open_tun_to(0o666);
    fs::create_dir("/run/user").unwrap();
    chown("/run/user", Some(USER), Some(USER)).unwrap();
    fs::set_permissions("/run/user", fs::Permissions::from_mode(0o700)).unwrap();
    let programs = host.open_programs_to_all();
    let command = |arguments: &str| {
        let mut command = Command::new(programs.join("udp-bridge"));
        command.args(arguments.split(' ')).uid(USER).gid(USER).current_dir("/");
        command.env("XDG_RUNTIME_DIR", "/run/user").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command
    };
    let before = host.snapshot();
    let daemon = host.start(&mut command("daemon"));
    wait::for_yes("the daemon answers", || {
        UnixStream::connect("/run/user/udp-bridge/api.sock").is_ok()
    });
    for name in ["red", "blue"] {
        host.finish(&mut command(&format!("up --ports 2 --name {name} --detach"))).ok();
    }
    let listed = host.finish(&mut command("ps")).ok().stdout;
    assert_eq!(listed.matches("running (rootless)").count(), 2, "{listed}");
    for port in ["red-1", "blue-2"] {
        let shown = host.finish(&mut command(&format!("exec {port} -- ls /sys/class/net"))).ok();
        assert_eq!(shown.stdout, "eth0\nlo\n");
    }
    host.finish(&mut command("down red")).ok();
    before.assert_same(&host.snapshot());
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(fs::read_dir("/run/user/udp-bridge").unwrap().count(), 0);
}
