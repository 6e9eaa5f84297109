//! Ping, TCP and UDP between all ends; a megabyte at every MTU, with offloads and without.

use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::{End, exchange_datagrams, random, transfer};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("everyone_pings_everyone", everyone_pings_everyone);
    suite.add("what_is_sent_is_queued_by_the_tap_alone", queued_once);
    for (workers, words) in [(1, "one_worker"), (2, "two_workers")] {
        let name = format!("tcp_and_udp_pass_between_all_ends_by_{words}");
        suite.add(&name, move |host| tcp_and_udp(host, workers));
    }
    for mtu in [1500, 9000, 65_520] {
        for (offloads, words) in
            [("", "with"), (" --no-offloads all", "without"), (" --no-offloads 1", "with_mixed")]
        {
            let name = format!("a_megabyte_arrives_as_it_was_at_mtu_{mtu}_{words}_offloads");
            suite.add(&name, move |host| {
                for workers in [1, 2] {
                    let mtu = format!("--mtu {mtu}{offloads}");
                    megabyte(host, &format!("--ports 2 {mtu} --workers {workers}"));
                }
            });
        }
    }
}

/// All ordered pairs of different ends.
fn pairs(ends: &[End]) -> impl Iterator<Item = (&End, &End)> {
    let all = move |from| ends.iter().enumerate().map(move |to| (from, to));
    ends.iter()
        .enumerate()
        .flat_map(all)
        .filter(|(from, to)| from.0 != to.0)
        .map(|(a, b)| (a.1, b.1))
}

fn everyone_pings_everyone(host: &Host) {
    let network = host.up("--ports 3");
    let ends = network.ends();
    assert_eq!(ends.len(), 4);
    for (from, to) in pairs(&ends) {
        for address in to.addresses() {
            from.ping(host, address);
        }
    }
}

/// By as many queues as there are workers, which share the room.
fn queued_once(host: &Host) {
    for (workers, each) in [(1, 10_000), (2, 5000), (16, 1000)] {
        let network = host.up(&format!("--ports 1 --workers {workers}"));
        for end in network.ends() {
            let interface = if end.namespace.is_some() { "eth0" } else { "ub0" };
            let queueing = end.visit(host, || Rtnl::open().queueing(interface));
            assert_eq!(queueing, ("noqueue".to_owned(), each), "{workers} workers");
        }
    }
}

fn tcp_and_udp(host: &Host, workers: usize) {
    let network = host.up(&format!("--ports 2 --workers {workers}"));
    let data = random(10_000, 3);
    for (from, to) in pairs(&network.ends()) {
        for address in to.addresses() {
            assert!(transfer(host, from, to, address, &data) == data, "TCP to {address}");
            // Empty, as large as fits a packet, and in fragments.
            for length in [1, 1400, 20_000] {
                exchange_datagrams(host, from, to, address, length);
            }
        }
    }
}

fn megabyte(host: &Host, arguments: &str) {
    let network = host.up(arguments);
    let data = random(1 << 20, 4);
    for (from, to) in pairs(&network.ends()) {
        for address in to.addresses() {
            assert!(
                transfer(host, from, to, address, &data) == data,
                "TCP to {address} was changed"
            );
        }
    }
    for port in network.ports() {
        for reason in ["bad-offload", "cannot-segment", "exceeds-mtu", "egress-refused"] {
            assert_eq!(port.drops(reason), 0, "{reason} at {}", port.name());
        }
    }
}
