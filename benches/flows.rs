//! Which flows and frames do the benchmarks of conntrack and NAT have?
//!
//! TCP connections from namespaces to one server outside. An internal address has [`PER_ADDRESS`] of
//! them, and an external address of its own: so each connection can have a port for itself, which is
//! the dearest case in memory.
use dataplane::config::{ConntrackConfig, NatConfig};
use dataplane::flow::{Address, Tuple};
use dataplane::frame::with_plain_header;
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::tcp;
use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Entries of the tables that are measured.
pub const SIZES: [u32; 3] = [1, 10_000, 1_000_000];

/// Most entries of one table: a little more than the largest of [`SIZES`].
pub const LIMIT: usize = 1 << 20;

/// Connections of one internal address.
pub const PER_ADDRESS: u32 = 50_000;

/// The first port of each address, internal and external. What is published lies below.
const FIRST_PORT: u16 = 15_000;

/// The server outside.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// A table that takes all connections of the largest size, of one namespace.
pub fn conntrack_config() -> ConntrackConfig {
    ConntrackConfig { limit: LIMIT, port_limit: LIMIT, ..ConntrackConfig::default() }
}

/// More ports of an external address than an internal one uses, and among them the same.
pub fn nat_config() -> NatConfig {
    NatConfig { ports: FIRST_PORT..=u16::MAX, ..NatConfig::default() }
}

/// The first packet of connection `n`, as it leaves its namespace.
pub fn original(n: u32) -> Tuple<Ipv4Addr> {
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
pub fn external(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(192, 0, 2, 1).to_bits() + n / PER_ADDRESS)
}

/// The IPv6 address that stands for an IPv4 one.
pub fn v6(address: Ipv4Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xfd << 120 | u128::from(address.to_bits()))
}

/// The same tuple between such addresses.
pub fn tuple_v6(tuple: Tuple<Ipv4Addr>) -> Tuple<Ipv6Addr> {
    let Tuple { source, destination, source_port, destination_port, protocol } = tuple;
    let (source, destination) = (v6(source), v6(destination));
    Tuple { source, destination, source_port, destination_port, protocol }
}

/// The connections of a table of this size, in an order that jumps about in it.
pub fn scattered(size: u32) -> impl Iterator<Item = u32> + Clone {
    // A prime that no size is a multiple of: each connection comes once in a round.
    (0..size).map(move |n| (u64::from(n) * 7919 % u64::from(size)) as u32).cycle()
}

/// Whom the host sends to what it has for us.
pub const NEXT_HOP: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);

/// What a segment does.
#[derive(Clone, Copy, Debug)]
pub enum Segment {
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
pub fn frame<A: Address>(
    tuple: &Tuple<A>,
    segment: Segment,
    to: MacAddr,
    payload: usize,
) -> Vec<u8> {
    let ip = packet(tuple, to);
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

/// A frame with a UDP datagram between the ends of this tuple, without a virtio header.
pub fn datagram<A: Address>(tuple: &Tuple<A>, to: MacAddr, payload: usize) -> Vec<u8> {
    let udp = packet(tuple, to).udp(tuple.source_port, tuple.destination_port);
    let mut frame = Vec::new();
    udp.write(&mut frame, &vec![1; payload]).unwrap();
    frame
}

fn packet<A: Address>(tuple: &Tuple<A>, to: MacAddr) -> PacketBuilderStep<IpHeaders> {
    // Whoever calls the next hop is the host.
    let from = MacAddr([2, 0, 0, 0, 0, u8::from(to != NEXT_HOP)]);
    let ethernet = PacketBuilder::ethernet2(from.0, to.0);
    match (tuple.source.into(), tuple.destination.into()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ethernet.ipv4(source.octets(), destination.octets(), 64)
        }
        (source, destination) => ethernet.ipv6(octets(source), octets(destination), 64),
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Payload of a TCP frame of 64 bytes.
pub const SMALL: usize = 10;
/// Payload of a TCP frame of 1,514 bytes.
pub const LARGE: usize = 1460;
