//! All of a file is made or nothing, and goes again; what is adopted stays.

use super::written::{TWO, forget_leases, reaches, up, write};
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
use nix::sys::signal::Signal;
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("the_steps_are_told_and_nothing_is_made", rehearsed);
    suite.add("a_file_that_is_wrong_is_refused_by_line_and_field", refused);
    suite.add("a_file_of_which_one_step_fails_leaves_nothing_behind", undone);
    suite.add("a_port_that_somebody_has_is_refused_by_line_and_field", taken);
    suite.add("a_file_lives_in_the_background_until_down", detached);
    suite.add("what_a_killed_process_left_is_cleared_by_the_next", killed);
    suite.add("what_a_killed_process_left_is_cleared_by_down", killed_and_down);
    suite.add("adopted_namespaces_stay_as_they_were", adopted);
    suite.add("sandboxes_of_all_modes_are_entered", modes);
    suite.add("a_daemon_holds_a_file_beside_other_networks", in_daemon);
    suite.add("addresses_are_leased_and_stay_over_a_restart", leased);
}

fn rehearsed(host: &Host) {
    let before = host.snapshot();
    let path = write("net.toml", TWO);
    let told = host.udp_bridge(&format!("apply -f {} --dry-run", path.display())).ok().stdout;
    assert!(told.starts_with("1. network front: create with 172.16.1.0/24"), "{told}");
    assert!(told.contains("sandbox b: connect to front as eth0 with 172.16.1.3"), "{told}");
    forget_leases();
    before.assert_same(&host.snapshot());
    let nothing = host.udp_bridge(&format!("apply -f {}", path.display()));
    assert!(nothing.code() == Some(1) && nothing.stderr.contains("up -f"), "{nothing:?}");
}

fn refused(host: &Host) {
    let before = host.snapshot();
    host.add_netns("taken");
    fs::write("/run/netns/plain", "").unwrap();
    let wrong = [
        ("[networks.front]\nsubnet = '172.16.1.7/24'", ":3:10: networks.front.subnet: "),
        ("[networks.front]\ncolour = 1", ":3:1: networks.front.colour: "),
        ("[sandboxes.taken]\nmode = 'none'", ":2:12: sandboxes.taken: "),
        ("[sandboxes.old]\nnamespace = '/run/netns/plain'", ":3:13: sandboxes.old.namespace: "),
        ("[sandboxes.old]\nnamespace = '/run/netns/none'", ":3:13: sandboxes.old.namespace: "),
        ("[sandboxes.old]\npid = 4194999", ":3:7: sandboxes.old.pid: there is no process"),
        ("[networks.front]\nworkers = 17", ":3:11: networks.front.workers: there must be 1 to 16"),
        ("[networks.front]\nhost-interface = 'lo'", ":3:18: networks.front.host-interface: "),
    ];
    for (text, words) in wrong {
        let path = write("net.toml", &format!("version = 1\n{text}\n"));
        let ended = host.udp_bridge(&format!("up -f {}", path.display()));
        assert_eq!(ended.code(), Some(2), "{text}: {ended:?}");
        let expected = format!("error: {}{words}", path.display());
        assert!(ended.stderr.contains(&expected), "{text}: {ended:?}");
    }
    fs::remove_file("/run/netns/plain").unwrap();
    host.remove_netns("taken");
    forget_leases();
    before.assert_same(&host.snapshot());
}

/// A late step cannot be done: the namespace has an interface of that name already.
fn undone(host: &Host) {
    host.add_netns("old");
    let taken = host.visit("old", || Tap::open("eth0", Offloads::NONE).unwrap());
    let before = host.snapshot();
    let text = format!(
        "{TWO}[sandboxes.old]\nnamespace = '/run/netns/old'\n[sandboxes.old.endpoints.front]\n"
    )
    .replace("[sandboxes.a.", "publish = ['8080:a:80']\n[sandboxes.a.");
    let ended = host.udp_bridge(&format!("up -f {}", write("net.toml", &text).display()));
    assert!(ended.code() != Some(0), "{ended:?}");
    assert!(ended.stderr.contains("sandbox old: connect to front as eth0"), "{ended:?}");
    assert!(ended.stderr.contains("everything done before is undone"), "{ended:?}");
    forget_leases();
    before.assert_same(&host.snapshot());
    assert!(!host.netns("a").exists());
    TcpListener::bind("0.0.0.0:8080").unwrap();
    drop(taken);
}

fn taken(host: &Host) {
    let before = host.snapshot();
    let taken = TcpListener::bind("0.0.0.0:8080").unwrap();
    let text = TWO.replace("[sandboxes.a.", "publish = ['8079:a:80', '8080:a:81']\n[sandboxes.a.");
    let path = write("net.toml", &text).display().to_string();
    for command in [format!("up -f {path}"), format!("apply --dry-run -f {path}")] {
        let ended = host.udp_bridge(&command);
        assert_eq!(ended.code(), Some(2), "{ended:?}");
        let expected = "/run/net.toml:4:25: networks.front.publish[1]: [::]:8080/tcp is in use: ";
        assert!(ended.stderr.contains(expected), "{ended:?}");
    }
    let text = TWO.replace("[sandboxes.a.", "publish = ['192.0.2.77:80:a:80']\n[sandboxes.a.");
    let ended = host.udp_bridge(&format!("up -f {}", write("net.toml", &text).display()));
    let expected = "publish[0]: this host has no address 192.0.2.77";
    assert!(ended.code() == Some(2) && ended.stderr.contains(expected), "{ended:?}");
    forget_leases();
    before.assert_same(&host.snapshot());
    drop(taken);
}

fn detached(host: &Host) {
    let before = host.snapshot();
    let path = write("net.toml", TWO);
    let shown = host.udp_bridge(&format!("up -f {} --detach", path.display())).ok().stdout;
    assert!(shown.contains("172.16.1.3"), "{shown}");
    assert!(reaches(host, "a", "172.16.1.3"));
    let fdb = host.udp_bridge("fdb front").ok().stdout;
    assert!(fdb.contains(" a ") || fdb.contains(" a\n"), "{fdb}");
    host.udp_bridge("down front").ok();
    wait::for_yes("the process has gone", || folders().is_empty());
    forget_leases();
    before.assert_same(&host.snapshot());
}

/// The folders of processes that have made files.
fn folders() -> Vec<String> {
    let names = fs::read_dir(STATE_DIR).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".up-")).collect()
}

fn killed(host: &Host) {
    let before = host.snapshot();
    let path = write("net.toml", TWO);
    let running = up(host, &path, "front");
    running.signal(Signal::SIGKILL);
    drop(running);
    assert!(host.netns("a").exists());
    let running = up(host, &path, "front");
    assert!(reaches(host, "a", "172.16.1.3"));
    assert_eq!(folders().len(), 1);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), Some(0));
    forget_leases();
    before.assert_same(&host.snapshot());
}

fn killed_and_down(host: &Host) {
    let before = host.snapshot();
    let running = up(host, &write("net.toml", TWO), "front");
    running.signal(Signal::SIGKILL);
    drop(running);
    let said = host.udp_bridge("down front").ok().stdout;
    assert!(said.contains("cleared") && said.contains("a, b"), "{said}");
    forget_leases();
    before.assert_same(&host.snapshot());
    assert!(folders().is_empty() && !host.netns("a").exists());
}

/// One by its path and one by a process in it; both have a life of their own before and after.
fn adopted(host: &Host) {
    host.add_netns("old");
    host.add_netns("lived-in");
    let mut sleeper = Command::new("sleep");
    sleeper.arg("1000");
    let child = host.visit("lived-in", || sleeper.spawn().unwrap());
    let before = host.snapshot();
    let text = format!(
        "version = 1\n[networks.front]\nsubnet = '172.16.1.0/24'\n\
         [sandboxes.one]\nnamespace = '/run/netns/old'\n\
         [sandboxes.one.endpoints.front]\naddress = '172.16.1.2'\n\
         [sandboxes.two]\npid = {}\n[sandboxes.two.endpoints.front]\naddress = '172.16.1.3'\n",
        child.id()
    );
    let running = up(host, &write("net.toml", &text), "front");
    assert!(reaches(host, "old", "172.16.1.3") && reaches(host, "lived-in", "172.16.1.2"));
    let seen = host.udp_bridge("exec two -- cat /proc/net/dev").ok().stdout;
    assert!(seen.contains("eth0"), "{seen}");
    host.udp_bridge("down front").ok();
    assert_eq!(running.wait().code(), Some(0));
    for name in ["old", "lived-in"] {
        let devices = host.visit(name, || fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        assert!(devices.contains("lo") && !devices.contains("eth0"), "{devices}");
    }
    forget_leases();
    before.assert_same(&host.snapshot());
    let mut child = child;
    child.kill().unwrap();
    child.wait().unwrap();
}

fn modes(host: &Host) {
    let text = format!(
        "{TWO}[sandboxes.alone]\nmode = 'none'\n[sandboxes.own]\nmode = 'host'\n\
         [sandboxes.beside]\nmode = 'container:a'\n"
    );
    let running = up(host, &write("net.toml", &text), "front");
    let seen =
        |name: &str| host.udp_bridge(&format!("exec {name} -- cat /proc/net/dev")).ok().stdout;
    let alone = seen("alone");
    assert!(alone.contains("lo") && !alone.contains("eth0") && !alone.contains("front"), "{alone}");
    assert!(seen("own").contains("front"));
    assert!(seen("beside").contains("eth0") && !seen("beside").contains("front"));
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().code(), Some(0));
    assert!(!host.netns("alone").exists());
}

fn in_daemon(host: &Host) {
    let daemon = host.daemon();
    let before = host.snapshot();
    host.udp_bridge("up --ports 1 --subnet 10.9.0.0/24 --detach").ok();
    let path = write("net.toml", TWO);
    let mut running = up(host, &path, "front");
    assert!(reaches(host, "a", "172.16.1.3"));
    let again = host.udp_bridge(&format!("up -f {}", path.display()));
    assert!(again.code() == Some(2) && again.stderr.contains("already"), "{again:?}");
    assert!(!running.has_ended());
    let listed = host.ask("GET", "/v1/sandboxes", "").json();
    assert_eq!(listed[0]["namespace"], "/run/netns/a");
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().code(), Some(0));
    assert!(!host.netns("a").exists() && host.is_running("ub0"));
    host.udp_bridge("down ub0").ok();
    forget_leases();
    before.assert_same(&host.snapshot());
    // What is there goes with the daemon.
    host.udp_bridge(&format!("up -f {} --detach", path.display())).ok();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!host.netns("a").exists() && folders().is_empty());
}

fn leased(host: &Host) {
    let text = "version = 1\n[networks.front]\n[sandboxes.b.endpoints.front]\n";
    let first = write("first.toml", text);
    // One that comes before it by name would have its address.
    let both = write("both.toml", &format!("{text}[sandboxes.a.endpoints.front]\n"));
    let running = up(host, &first, "front");
    let address = host.ends("front")[1].ipv4;
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().code(), Some(0));
    let running = up(host, &both, "front");
    let ends = host.ends("front");
    let of_b = ends.iter().find(|end| end.namespace.as_deref() == Some("b")).unwrap();
    assert_eq!(of_b.ipv4, address);
    drop(running);
}
