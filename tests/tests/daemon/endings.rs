//! Nothing is left behind, however the daemon ends; two daemons do not fight.

use super::house::House;
use nix::sys::signal::Signal;
use std::fs;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

pub(super) fn add_to(suite: &mut Suite) {
    for (signal, name) in [
        (Signal::SIGINT, "ctrl_c_takes_all_networks_of_the_daemon_down"),
        (Signal::SIGTERM, "sigterm_takes_all_networks_of_the_daemon_down"),
    ] {
        suite.add(name, move |host| by_signal(host, signal));
    }
    suite.add("a_stop_over_the_api_takes_all_networks_down", by_stop);
    suite.add("a_daemon_that_ends_while_it_makes_networks_leaves_nothing_behind", while_making);
    suite.add("the_next_daemon_clears_what_kill_9_left", daemon_after_kill);
    suite.add("down_all_clears_what_kill_9_left_of_a_daemon", down_after_kill);
    suite.add("up_clears_its_own_after_kill_9_of_a_daemon", up_after_kill);
    suite.add("a_second_daemon_is_refused_and_told_by_whom", second);
    suite.add("of_four_daemons_at_once_one_wins", race);
    suite.add("an_up_whose_daemon_is_killed_says_so", orphaned);
}

fn by_signal(host: &Host, signal: Signal) {
    let before = host.snapshot();
    let house = House::start(host, "");
    house.make("red");
    house.make("blue");
    house.assert_reached("blue");
    let ended = house.end_by(signal);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    before.assert_same(&host.snapshot());
}

fn by_stop(host: &Host) {
    let before = host.snapshot();
    let house = House::start(host, "");
    house.make("red");
    let stopping = host.ask("POST", "/v1/stop", "");
    assert_eq!(stopping.status, 202, "{stopping:?}");
    assert_eq!(stopping.json()["stopping"], house.running.pid().as_raw());
    assert_eq!(house.running.wait().code(), Some(0));
    before.assert_same(&host.snapshot());
}

fn while_making(host: &Host) {
    let before = host.snapshot();
    let house = House::start(host, "");
    let socket = host.daemon_socket();
    let mut clients = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let body = format!(r#"{{"name": "{name}", "ports": 20}}"#);
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        let head = format!("POST /v1/networks HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(&mut stream, (head + &body).as_bytes()).unwrap();
        clients.push(stream);
    }
    wait::for_yes("a namespace is made", || {
        fs::read_dir("/run/netns").is_ok_and(|mut all| all.next().is_some())
    });
    let ended = house.end_by(Signal::SIGTERM);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    before.assert_same(&host.snapshot());
}

fn kill(house: House<'_>) {
    house.make("red");
    house.make("blue");
    let host = house.host;
    assert_eq!(house.end_by(Signal::SIGKILL).code(), None);
    let listed = host.udp_bridge("ps").ok().stdout;
    assert_eq!(listed.lines().filter(|line| line.contains(" dead ")).count(), 2, "{listed}");
}

fn daemon_after_kill(host: &Host) {
    let before = host.snapshot();
    kill(House::start(host, ""));
    // Its socket has nobody behind it now.
    assert!(host.daemon_socket().exists());
    let house = House::start(host, "");
    assert_eq!(house.names(), [""; 0]);
    assert_eq!(host.udp_bridge("ps --json").ok().stdout.trim(), "[]");
    house.make("red");
    house.assert_reached("red");
    assert_eq!(house.end_by(Signal::SIGTERM).code(), Some(0));
    before.assert_same(&host.snapshot());
}

fn down_after_kill(host: &Host) {
    let before = host.snapshot();
    kill(House::start(host, ""));
    host.udp_bridge("down --all").ok();
    before.assert_same(&host.snapshot());
}

fn up_after_kill(host: &Host) {
    let before = host.snapshot();
    kill(House::start(host, ""));
    let network = host.up("--ports 2 --name red");
    let ends = network.ends();
    ends[1].ping(host, ends[2].ipv4.into());
    assert!(network.shown().contains("red-1"));
    assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
    let cleared = host.udp_bridge("down blue").ok().stdout;
    assert!(cleared.contains("blue-1"), "{cleared}");
    before.assert_same(&host.snapshot());
}

fn second(host: &Host) {
    let house = House::start(host, "");
    house.make("red");
    let second = host.udp_bridge("daemon");
    assert_eq!(second.code(), Some(1), "{second:?}");
    let process = format!("process {}", house.running.pid());
    assert!(second.stderr.contains(&process), "{second:?}");
    assert!(second.stderr.contains(STATE_DIR), "{second:?}");
    house.assert_reached("red");
    assert_eq!(house.names(), ["red"]);
}

fn race(host: &Host) {
    let before = host.snapshot();
    let mut all: Vec<_> = (0..4).map(|_| host.start(&mut host.command("daemon"))).collect();
    wait::for_yes("all but one have ended", || {
        all.iter_mut().filter_map(|one| one.has_ended().then_some(())).count() == 3
    });
    let (mut winners, losers): (Vec<Running>, Vec<_>) =
        all.into_iter().partition(|one| one.stderr().contains("the daemon keeps"));
    for loser in losers {
        assert_eq!(loser.wait().code(), Some(1));
    }
    assert_eq!(winners.len(), 1);
    let winner = winners.remove(0);
    wait::for_yes("it answers", || host.daemon_socket().exists());
    assert_eq!(host.ask("GET", "/v1/daemon", "").json()["pid"], winner.pid().as_raw());
    winner.signal(Signal::SIGTERM);
    assert_eq!(winner.wait().code(), Some(0));
    before.assert_same(&host.snapshot());
}

fn orphaned(host: &Host) {
    let before = host.snapshot();
    let house = House::start(host, "");
    let network = host.up("--ports 1");
    assert_eq!(house.end_by(Signal::SIGKILL).code(), None);
    let ended = network.running.wait();
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the daemon is gone"), "{ended:?}");
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}
