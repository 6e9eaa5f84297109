//! What kill -9 leaves is undone, and what was there before stays as it was.

use super::call::{Call, Protocol};
use super::world::{MTU, NEEDS, World, outside};
use nix::sys::signal::Signal;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::End;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "down_leaves_nothing_behind_after_traffic", by_down);
    suite.add_needing(NEEDS, "down_undoes_what_kill_9_left_and_up_works_again", killed);
    suite.add_needing(NEEDS, "up_undoes_what_kill_9_left_and_works", killed_and_up);
}

const UP: &str = "--ports 2 --publish 8080:ub0-1:80";

/// Out, in, and from the host.
fn use_it(host: &Host, outside: &End) {
    let ends = host.ends("ub0");
    let (bridge, server) = (&ends[0], &ends[1]);
    for family in Family::BOTH {
        let there = (family.of(outside), 7000).into();
        Call::direct(&ends[2], outside, there).make(host, Protocol::Udp);
        for client in [outside, bridge] {
            let (to, at) = ((family.host(), 8080).into(), (family.of(server), 80).into());
            Call { client, to, server, at }.make(host, Protocol::Tcp);
        }
    }
}

fn by_down(host: &Host) {
    let outside = outside(host, MTU);
    let before = host.snapshot();
    for _ in 0..2 {
        host.udp_bridge(&format!("up {UP} --detach")).ok();
        use_it(host, &outside);
        host.udp_bridge("down").ok();
        before.assert_same(&host.snapshot());
    }
}

fn kill(host: &Host, outside: &End) {
    let world = World::beside(host, outside.clone(), UP);
    use_it(host, outside);
    assert_eq!(world.network.end_by(Signal::SIGKILL).code(), None);
}

fn killed(host: &Host) {
    let outside = outside(host, MTU);
    let before = host.snapshot();
    for _ in 0..2 {
        kill(host, &outside);
        host.udp_bridge("down").ok();
        before.assert_same(&host.snapshot());
    }
}

fn killed_and_up(host: &Host) {
    let outside = outside(host, MTU);
    let before = host.snapshot();
    kill(host, &outside);
    let world = World::beside(host, outside.clone(), UP);
    use_it(host, &outside);
    assert_eq!(world.network.end_by(Signal::SIGTERM).code(), Some(0));
    before.assert_same(&host.snapshot());
}
