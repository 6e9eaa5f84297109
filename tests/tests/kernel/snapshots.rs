//! Would the snapshots of a host notice what is left behind?

use super::wire::tap;
use dataplane::frame::Offloads;
use std::fs;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_snapshot_of_an_unchanged_host_is_the_same", |host| {
        host.snapshot().assert_same(&host.snapshot());
    });
    suite
        .add("a_snapshot_notices_a_namespace", |host| notices(host, |host| host.add_netns("left")));
    suite.add("a_snapshot_notices_a_network_on_record", |host| {
        notices(host, |_| fs::create_dir_all("/run/udp-bridge/left").unwrap());
    });
    suite.add("a_snapshot_notices_an_interface", |host| {
        let mut left = None;
        notices(host, |_| left = Some(tap("left", 0, Offloads::NONE)));
    });
    suite.add("a_snapshot_notices_an_address", |host| {
        notices(host, |_| Rtnl::open().add_address("lo", [10, 9, 9, 9], 32));
    });
    suite.add("a_snapshot_notices_a_route", |host| {
        let _tap = tap("t0", 0, Offloads::NONE);
        notices(host, |_| Rtnl::open().add_default_route([10, 9, 0, 2]));
    });
    suite.add("a_snapshot_notices_a_sysctl", |host| {
        notices(host, |_| fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    });
}

fn notices(host: &Host, change: impl FnOnce(&Host)) {
    let before = host.snapshot();
    change(host);
    assert_ne!(before, host.snapshot());
}
