//! Which flows and frames do the benchmarks of conntrack and NAT have?
//!
//! TCP connections from namespaces to one server outside. An internal address has [`PER_ADDRESS`] of
//! them, and an external address of its own: so each connection can have a port for itself, which is
//! the dearest case in memory.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "no benchmark uses all of it, and one that cannot build its frames has failed"
)]

use dataplane::config::{ConntrackConfig, NatConfig};
use dataplane::flow::Tuple;
use dataplane::frame::with_plain_header;
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::tcp;
use etherparse::PacketBuilder;
use std::net::Ipv4Addr;

/// Entries of the tables that are measured.
pub(crate) const SIZES: [u32; 3] = [1, 10_000, 1_000_000];

/// Most entries of one table: a little more than the largest of [`SIZES`].
pub(crate) const LIMIT: usize = 1 << 20;

/// Connections of one internal address.
pub(crate) const PER_ADDRESS: u32 = 50_000;

/// The first port of each address, internal and external. What is published lies below.
const FIRST_PORT: u16 = 15_000;

/// The server outside.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// A table that takes all connections of the largest size, of one namespace.
pub(crate) fn conntrack_config() -> ConntrackConfig {
    ConntrackConfig { limit: LIMIT, port_limit: LIMIT, ..ConntrackConfig::default() }
}

/// More ports of an external address than an internal one uses, and among them the same.
pub(crate) fn nat_config() -> NatConfig {
    NatConfig { ports: FIRST_PORT..=u16::MAX, ..NatConfig::default() }
}

/// The first packet of connection `n`, as it leaves its namespace.
pub(crate) fn original(n: u32) -> Tuple<Ipv4Addr> {
    Tuple {
        source: Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 2).to_bits() + n / PER_ADDRESS),
        destination: SERVER,
        // Below 65,000.
        source_port: FIRST_PORT + (n % PER_ADDRESS) as u16,
        destination_port: 80,
        protocol: tcp::PROTOCOL,
    }
}

/// The host's address that connection `n` wears.
pub(crate) fn external(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(192, 0, 2, 1).to_bits() + n / PER_ADDRESS)
}

/// The connections of a table of this size, in an order that jumps about in it.
pub(crate) fn scattered(size: u32) -> impl Iterator<Item = u32> + Clone {
    // A prime that no size is a multiple of: each connection comes once in a round.
    (0..size).map(move |n| (u64::from(n) * 7919 % u64::from(size)) as u32).cycle()
}

/// Whom the host sends to what it has for us.
pub(crate) const NEXT_HOP: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);

/// What a segment does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Segment {
    /// Opens the connection.
    Syn,
    /// Answers that.
    SynAck,
    /// Carries data of who opened it.
    Data,
    /// Carries data of the other side.
    Answer,
}

/// A virtio header and the frame of this segment, with so many bytes of payload.
pub(crate) fn frame(
    tuple: &Tuple<Ipv4Addr>,
    segment: Segment,
    to: MacAddr,
    payload: usize,
) -> Vec<u8> {
    // Whoever calls the next hop is the host.
    let from = MacAddr([2, 0, 0, 0, 0, u8::from(to != NEXT_HOP)]);
    let ip = PacketBuilder::ethernet2(from.0, to.0).ipv4(
        tuple.source.octets(),
        tuple.destination.octets(),
        64,
    );
    let ports = (tuple.source_port, tuple.destination_port);
    let tcp = match segment {
        Segment::Syn => ip.tcp(ports.0, ports.1, 100, 64_000).syn(),
        Segment::SynAck => ip.tcp(ports.0, ports.1, 500, 64_000).syn().ack(101),
        Segment::Data => ip.tcp(ports.0, ports.1, 101, 64_000).psh().ack(501),
        Segment::Answer => ip.tcp(ports.0, ports.1, 501, 64_000).psh().ack(101),
    };
    let mut frame = Vec::new();
    tcp.write(&mut frame, &vec![1; payload]).unwrap();
    with_plain_header(&frame)
}

/// Payload of a TCP frame of 64 bytes.
pub(crate) const SMALL: usize = 10;
/// Payload of a TCP frame of 1,514 bytes.
pub(crate) const LARGE: usize = 1460;
