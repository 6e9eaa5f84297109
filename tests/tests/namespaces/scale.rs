//! 250 ports. Times are printed and not judged: the machine decides.

use std::time::Instant;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("two_hundred_and_fifty_ports_are_all_reached", all_reached);
}

fn all_reached(host: &Host) {
    let before = host.snapshot();
    let start = Instant::now();
    host.udp_bridge("up --ports 250 --detach").ok();
    let ready = start.elapsed();
    let ends = host.ends("ub0");
    assert_eq!(ends.len(), 251);
    for end in &ends[1..] {
        for address in end.addresses() {
            ends[0].ping(host, address);
        }
    }
    ends[250].ping(host, ends[1].ipv4.into());
    let start = Instant::now();
    host.udp_bridge("down").ok();
    let gone = start.elapsed();
    eprintln!("250 ports: ready in {ready:.2?}, gone in {gone:.2?}");
    before.assert_same(&host.snapshot());
}
