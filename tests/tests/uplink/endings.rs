//! Nothing is left behind, and the host is never without its `local` rule.

use super::world::{HOST4, OUTSIDE4, add_outside, rules, set, setting};
use nix::sys::signal::Signal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::pings_once;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("down_leaves_the_host_as_it_was", by_down);
    suite.add("down_repairs_what_kill_9_left", down_after_kill);
    suite.add("up_repairs_what_kill_9_left", up_after_kill);
    suite.add("of_two_networks_one_killed_the_other_undoes_the_rest", killed_beside);
    suite.add("kill_9_at_any_step_of_the_uplink_leaves_nothing_that_down_cannot_undo", kill_early);
    suite.add("bad_input_does_not_even_clear_what_kill_9_left", kept_for_bad_input);
    suite.add(
        "a_namespace_with_a_name_and_no_process_keeps_its_rules_until_down_comes_there",
        killed_elsewhere,
    );
    suite.add("settings_that_were_as_they_should_be_stay", stays_forwarding);
    suite.add("what_the_host_forwards_by_all_interfaces_meanwhile_it_goes_on_to", all_forward);
    suite.add_needing(
        &[Need::IpCommand],
        "a_host_that_moved_its_local_rule_keeps_it_where_it_is",
        moved_before,
    );
    suite.add("the_local_rule_is_never_missing_and_no_ping_is_lost", never_missing);
}

fn by_down(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    for _ in 0..2 {
        host.udp_bridge("up --ports 2 --detach").ok();
        host.udp_bridge("down").ok();
        before.assert_same(&host.snapshot());
    }
}

fn killed(host: &Host) {
    let network = host.up("--ports 1");
    assert_eq!(network.end_by(Signal::SIGKILL).code(), None);
    assert!(rules().iter().any(|rule| rule == "v4 2 lookup local"));
}

fn down_after_kill(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    killed(host);
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

fn up_after_kill(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    killed(host);
    let network = host.up("--ports 1");
    assert_eq!(rules().iter().filter(|rule| rule.contains("iif u0")).count() % 2, 0);
    assert_eq!(network.end_by(Signal::SIGTERM).code(), Some(0));
    before.assert_same(&host.snapshot());
}

fn killed_beside(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    killed(host);
    let red = host.up("--ports 1 --name red");
    host.udp_bridge("down red").ok();
    drop(red);
    // The last living one has put back what is shared; the dead one's own rules wait for `down`.
    assert!(rules().iter().any(|rule| rule == "v4 0 lookup local"));
    assert_eq!(setting("ipv4/conf/u0/forwarding"), "0");
    host.udp_bridge("down ub0").ok();
    before.assert_same(&host.snapshot());
}

fn kept_for_bad_input(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    killed(host);
    let left = host.snapshot();
    assert_eq!(host.udp_bridge("up --ports 1 --mtu 7").code(), Some(2));
    left.assert_same(&host.snapshot());
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

/// In a namespace that outlives its processes; then the namespace goes too.
fn killed_elsewhere(host: &Host) {
    let ledger = Path::new("/run/udp-bridge/.uplink.json");
    // The first network makes the directory of names a mount, and names from before are in it twice.
    host.udp_bridge("up --ports 1 --uplink none --detach").ok();
    host.udp_bridge("down").ok();
    for gone in [false, true] {
        host.add_netns("elsewhere");
        let network = host.visit("elsewhere", || {
            Rtnl::open().up("lo");
            let starting = host.start(&mut host.command("up --ports 1 --uplink route"));
            wait::for_yes("its local rule is moved", || {
                rules().iter().any(|rule| rule == "v4 2 lookup local")
            });
            starting
        });
        network.signal(Signal::SIGKILL);
        network.wait();
        if gone {
            host.remove_netns("elsewhere");
            wait::for_yes("nothing is left to undo", || host.udp_bridge("down").code() == Some(0));
        } else {
            let refused = host.udp_bridge("down");
            assert_eq!(refused.code(), Some(1), "{refused:?}");
            assert!(refused.stderr.contains("another network namespace"), "{refused:?}");
            assert!(ledger.exists());
            host.visit("elsewhere", || {
                host.udp_bridge("down").ok();
                assert_eq!(rules(), ["v4 0 lookup local", "v6 0 lookup local"]);
            });
            host.remove_netns("elsewhere");
        }
        assert!(!ledger.exists());
    }
}

/// Killed at the first sight of one step after the other.
fn kill_early(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    let has = |text: &str| rules().iter().any(|rule| rule.contains(text));
    let steps: [&dyn Fn() -> bool; 5] = [
        &|| Path::new("/run/udp-bridge/.uplink.json").exists(),
        &|| setting("ipv4/conf/u0/forwarding") == "1",
        &|| has("v4 2 lookup local"),
        &|| !has("v4 0 lookup local"),
        &|| has("iif u0"),
    ];
    for step in steps {
        let starting = host.start(&mut host.command("up --ports 1"));
        wait::for_yes("that step", step);
        starting.signal(Signal::SIGKILL);
        starting.wait();
        host.udp_bridge("down").ok();
        before.assert_same(&host.snapshot());
    }
}

fn stays_forwarding(host: &Host) {
    add_outside(host);
    set("ipv4/conf/u0/forwarding", "1");
    let before = host.snapshot();
    let network = host.up("--ports 1");
    assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
    before.assert_same(&host.snapshot());
}

/// As a container engine does that starts while the network stands.
fn all_forward(host: &Host) {
    add_outside(host);
    let mut keys = vec!["ipv4/conf/all/forwarding"];
    let force = "ipv6/conf/all/force_forwarding";
    keys.extend(Path::new(&format!("/proc/sys/net/{force}")).exists().then_some(force));
    for key in keys {
        let network = host.up("--ports 1");
        set(key, "1");
        assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
        let of_interface = key.replace("all", "u0");
        assert_eq!(setting(&of_interface), "1", "{of_interface}");
        // That of all is the host's, and was before: the interface's own is put back.
        set(&of_interface, "0");
        let network = host.up("--ports 1");
        assert_eq!(setting(&of_interface), "1", "{of_interface}");
        assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
        assert_eq!(setting(&of_interface), "0", "{of_interface}");
    }
}

fn moved_before(host: &Host) {
    add_outside(host);
    let ip = |arguments: &str| {
        host.finish(std::process::Command::new("ip").args(arguments.split(' '))).ok()
    };
    ip("rule add pref 100 lookup local");
    ip("rule del pref 0");
    let before = host.snapshot();
    let network = host.up("--ports 1 --subnet6 none");
    let local: Vec<_> = rules().into_iter().filter(|rule| rule.ends_with("local")).collect();
    assert_eq!(local, ["v4 100 lookup local", "v6 0 lookup local"]);
    assert!(rules().iter().any(|rule| rule.starts_with("v4 99 ") && rule.contains("iif u0")));
    assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
    before.assert_same(&host.snapshot());
}

/// The rules are read without a pause while networks come and go, and the host pings.
fn never_missing(host: &Host) {
    add_outside(host);
    // With the first rule that a host gets, whoever makes it, the kernel takes its local table out of
    // the main one (`fib_unmerge`) and finds its own addresses in neither for some microseconds.
    host.udp_bridge("up --ports 1 --detach").ok();
    host.udp_bridge("down").ok();
    let done = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut looks = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let now = rules();
                for version in ["v4", "v6"] {
                    let local =
                        |rule: &String| rule.starts_with(version) && rule.ends_with(" local");
                    assert!(now.iter().any(local), "no local rule: {now:?}");
                }
                looks += 1;
            }
            looks
        });
        let pinger = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for to in [OUTSIDE4, HOST4] {
                    assert!(pings_once(to.into(), wait::LONG), "a ping to {to} is lost");
                }
            }
        });
        for _ in 0..5 {
            host.udp_bridge("up --ports 1 --detach").ok();
            host.udp_bridge("down").ok();
        }
        done.store(true, Ordering::Relaxed);
        pinger.join().unwrap();
        looker.join().unwrap()
    });
    wait::for_yes("the rules were read many times", || looks > 10);
}
