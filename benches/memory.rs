//! How much memory does a connection take, all included?
//!
//! Connections are begun as a router begins them, each with an entry in conntrack and a lease, and what the
//! process has in memory (`VmRSS`) is compared before and after. Pages that were reserved and never
//! written count for nothing, as they do for whoever pays for them.
//!
//! Each has a port, and so a mapping, for itself in the first table of figures. That takes 20 external
//! addresses for a million. In the second they share the ports of the default range.
//!
//! No criterion: it is the same in every run.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot measure has failed")]

mod flows;

use dataplane::clock::Time;
use dataplane::config::{ConntrackConfig, NatConfig};
use dataplane::conntrack::{Census, Conntrack, NewFlow, Packet};
use dataplane::flow::{Address, Tuple};
use dataplane::frame::Frame;
use dataplane::nat::Nat;
use dataplane::outcome::PortId;
use flows::{SMALL, Segment, external, original};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use udp_bridge_tests::world::own_mac;

fn main() {
    // `cargo bench` passes options of criterion's to all benchmarks: there is nothing to choose here.
    let kinds =
        [("each with a port of its own", flows::nat_config()), ("sharing", NatConfig::default())];
    for (kind, nat) in kinds {
        for count in [10_000, 1_000_000] {
            let v4 = per_connection(count, &nat, original, external);
            let v6 = per_connection(count, &nat, original_v6, |n| v6(external(n)));
            println!("{count} connections, {kind}: IPv4 {v4:.0}, IPv6 {v6:.0} bytes for each");
        }
    }
}

/// Begins so many connections and gives what each of them took, in bytes.
fn per_connection<A: Address>(
    count: u32,
    nat: &NatConfig,
    original: impl Fn(u32) -> Tuple<A>,
    external: impl Fn(u32) -> A,
) -> f64 {
    let limit = count as usize;
    let config = ConntrackConfig { limit, port_limit: limit, ..ConntrackConfig::default() };
    let packet = packet();
    let before = resident();
    let mut census = Census::new(&config, 2);
    let mut conntrack = Conntrack::new(&config);
    let mut nat = Nat::new(nat, 1);
    for n in 0..count {
        let original = original(n);
        let (lease, address, port) = nat.lease(&original, external(n), |_| false).unwrap();
        let reply = Tuple { destination: address, destination_port: port, ..original.inverted() };
        let flow = NewFlow { original, reply, owner: PortId(1), related: false, extra: lease };
        assert!(conntrack.insert(flow, &packet, &mut census, Time::START).is_ok());
    }
    assert_eq!(census.flows(), limit);
    (resident() - before) as f64 / f64::from(count)
}

/// A SYN's; of which connection does not matter here.
fn packet() -> Packet {
    let mut bytes = flows::frame(&original(0), Segment::Syn, own_mac(0), SMALL);
    Packet::of(&Frame::parse(PortId(1), &mut bytes).unwrap())
}

fn original_v6(n: u32) -> Tuple<Ipv6Addr> {
    let Tuple { source, destination, source_port, destination_port, protocol } = original(n);
    let (source, destination) = (v6(source), v6(destination));
    Tuple { source, destination, source_port, destination_port, protocol }
}

fn v6(address: Ipv4Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xfd << 120 | u128::from(address.to_bits()))
}

/// What the process has in memory, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
