//! Nothing is left behind, however it ends.

use nix::sys::signal::Signal;
use std::process::Command;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product::binary;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    for (signal, name) in [
        (Signal::SIGINT, "ctrl_c_leaves_nothing_behind"),
        (Signal::SIGTERM, "sigterm_leaves_nothing_behind"),
        (Signal::SIGHUP, "a_closed_terminal_leaves_nothing_behind"),
    ] {
        suite.add(name, move |host| by_signal(host, signal));
    }
    suite.add("impatient_signals_leave_nothing_behind", impatient);
    suite.add("down_leaves_nothing_behind", by_down);
    suite.add("down_of_a_network_in_the_background_leaves_nothing_behind", detached);
    suite.add("down_all_ends_every_network", down_all);
    suite.add("down_clears_what_kill_9_left", down_after_kill);
    suite.add("up_clears_what_kill_9_left", up_after_kill);
    suite.add("kill_9_at_any_moment_of_starting_leaves_nothing_that_down_cannot_clear", kill_early);
    suite.add("a_failure_half_way_undoes_everything", half_way);
    suite.add("what_was_there_before_stays", others_stay);
}

fn use_it(host: &Host) {
    let ends = host.ends("ub0");
    for address in ends[2].addresses() {
        ends[0].ping(host, address);
        ends[1].ping(host, address);
    }
}

fn by_signal(host: &Host, signal: Signal) {
    let before = host.snapshot();
    let network = host.up("--ports 3");
    use_it(host);
    let ended = network.end_by(signal);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    before.assert_same(&host.snapshot());
}

fn impatient(host: &Host) {
    let before = host.snapshot();
    let network = host.up("--ports 50");
    for _ in 0..5 {
        network.running.signal(Signal::SIGINT);
    }
    let ended = network.end_by(Signal::SIGTERM);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    before.assert_same(&host.snapshot());
}

fn by_down(host: &Host) {
    let before = host.snapshot();
    let network = host.up("--ports 3");
    use_it(host);
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
    assert_eq!(network.running.wait().code(), Some(0));
}

fn detached(host: &Host) {
    let before = host.snapshot();
    let shown = host.udp_bridge("up --ports 3 --detach").ok().stdout;
    assert!(shown.contains("ub0-3"), "{shown}");
    assert!(host.is_running("ub0"), "it is ready when the command returns");
    use_it(host);
    host.udp_bridge("down ub0").ok();
    before.assert_same(&host.snapshot());
    assert!(host.processes().is_empty(), "{:?}", host.processes());
}

fn down_all(host: &Host) {
    let before = host.snapshot();
    for name in ["red", "green", "blue"] {
        host.udp_bridge(&format!("up --ports 1 --detach --name {name}")).ok();
    }
    host.udp_bridge("down --all").ok();
    before.assert_same(&host.snapshot());
}

fn killed(host: &Host) {
    let network = host.up("--ports 3");
    use_it(host);
    assert_eq!(network.end_by(Signal::SIGKILL).code(), None);
    let listed = host.udp_bridge("ps").ok().stdout;
    assert!(listed.contains("dead"), "{listed}");
}

fn down_after_kill(host: &Host) {
    let before = host.snapshot();
    killed(host);
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

fn up_after_kill(host: &Host) {
    let before = host.snapshot();
    killed(host);
    let network = host.up("--ports 2");
    use_it(host);
    assert_eq!(network.ports().len(), 3);
    assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
    before.assert_same(&host.snapshot());
}

/// Killed after more and more namespaces were made.
fn kill_early(host: &Host) {
    let before = host.snapshot();
    for count in [0, 1, 5, 12, 20] {
        let starting = host.start(&mut host.command("up --ports 20"));
        wait::for_yes("that many namespaces", || {
            let made = std::fs::read_dir("/run/netns").map_or(0, Iterator::count);
            made >= count
        });
        starting.signal(Signal::SIGKILL);
        starting.wait();
        let cleared = host.udp_bridge("down");
        // Killed before it began, there is nothing of that name.
        assert!(cleared.code() == Some(0) || count == 0, "{cleared:?}");
        before.assert_same(&host.snapshot());
    }
}

/// Too few descriptors for so many TAPs: the shell's limit is hard as well.
fn half_way(host: &Host) {
    let before = host.snapshot();
    let script = format!("ulimit -n 40; exec {} up --ports 60", binary().display());
    let failed = host.finish(Command::new("sh").args(["-c", &script]));
    assert_eq!(failed.code(), Some(1), "{failed:?}");
    let message = &failed.stderr;
    assert!(message.contains("ub0-") && message.contains("Too many open files"), "{message}");
    before.assert_same(&host.snapshot());
}

fn others_stay(host: &Host) {
    for name in ["mine", "ub0-7", "ub0"] {
        host.add_netns(name);
    }
    let before = host.snapshot();
    let network = host.up("--ports 3");
    assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
    before.assert_same(&host.snapshot());
    host.visit("ub0-7", || ());
}
