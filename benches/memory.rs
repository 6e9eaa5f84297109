//! How much memory does a connection take, all included?
//!
//! Connections are begun as a router begins them, each with an entry in conntrack and a lease, and what the
//! process has in memory (`VmRSS`) is compared before and after. Pages that were reserved and never
//! written count for nothing, as they do for whoever pays for them.
//!
//! Twice: with a port, and so a mapping, for each connection, which takes 20 external addresses for a
//! million; and with the default range of ports, which they must share.
//!
//! No criterion: it is the same in every run.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot measure has failed")]

use dataplane::clock::Time;
use dataplane::config::{ConntrackConfig, NatConfig};
use dataplane::conntrack::{Census, Conntrack, NewFlow, Packet};
use dataplane::flow::{Address, Tuple};
use dataplane::frame::Frame;
use dataplane::nat::Nat;
use dataplane::outcome::PortId;
use std::net::Ipv4Addr;
use std::process::Command;
use std::{env, fs};
use udp_bridge_benches::flows::{self, SMALL, Segment, external, original, tuple_v6, v6};
use udp_bridge_tests::world::own_mac;

/// Servers outside. The default range has 11 times fewer ports than an internal address has connections.
const SERVERS: u32 = 32;

/// What is measured, each in a process of its own: memory that another gave back would not be missed.
const TABLES: [(u32, bool, bool); 8] = [
    (10_000, true, true),
    (10_000, true, false),
    (1_000_000, true, true),
    (1_000_000, true, false),
    (10_000, false, true),
    (10_000, false, false),
    (1_000_000, false, true),
    (1_000_000, false, false),
];

/// The argument of such a process, with a place in [`TABLES`].
const TABLE: &str = "--table";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [first, place] if first == TABLE => measure(TABLES[place.parse::<usize>().unwrap()]),
        // `cargo bench` passes options of criterion's to all benchmarks.
        _ => (0..TABLES.len()).for_each(|place| {
            let program = env::current_exe().unwrap();
            let status = Command::new(program).args([TABLE, &place.to_string()]).status();
            assert!(status.unwrap().success());
        }),
    }
}

fn measure((count, own_port, is_v4): (u32, bool, bool)) {
    let nat = if own_port { flows::nat_config() } else { NatConfig::default() };
    let bytes = if is_v4 {
        per_connection(count, &nat, to_many, external)
    } else {
        per_connection(count, &nat, |n| tuple_v6(to_many(n)), |n| v6(external(n)))
    };
    let family = if is_v4 { "IPv4" } else { "IPv6" };
    let ports = if own_port { "a port for each" } else { "shared ports" };
    println!("{count:>7} connections, {family}, {ports:<15}  {bytes:.0} bytes for each");
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
        let taken = |reply: &Tuple<A>| conntrack.find(reply, Time::START).is_some();
        let (lease, address, port) = nat.lease(&original, external(n), taken).unwrap();
        let reply = Tuple { destination: address, destination_port: port, ..original.inverted() };
        // As a router: the port at the other end is kept too.
        let extra = (lease, PortId(0));
        let flow = NewFlow { original, reply, owner: PortId(1), related: false, extra };
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

/// Connection `n` to one of so many servers that a port has use for all its connections.
fn to_many(n: u32) -> Tuple<Ipv4Addr> {
    let original = original(n);
    let destination = Ipv4Addr::from_bits(original.destination.to_bits() + n % SERVERS);
    Tuple { destination, ..original }
}

/// What the process has in memory, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
