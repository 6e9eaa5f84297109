//! What do NAT and published ports cost in memory, without any system call?
//!
//! * `rewrite`: other addresses and ports into a parsed frame, checksums included.
//! * `lease`: a port for a new connection, and back; by how many others have one.
//! * `published`: where a port of the host leads, of 1 and of 10,000.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark has no users, and criterion's macros no docs"
)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dataplane::config::{NatConfig, PublishedPorts};
use dataplane::flow::{Address, Tuple};
use dataplane::frame::{Frame, Subject, with_plain_header};
use dataplane::nat::{Lease, Nat, rewrite};
use dataplane::outcome::PortId;
use dataplane::wire::tcp;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_bridge_benches::flows::{
    self, LARGE, PER_ADDRESS, SIZES, SMALL, Segment, external, original, scattered,
};
use udp_bridge_benches::tables::{SEED, publish, take_and_release};
use udp_bridge_tests::packets::Kind;
use udp_bridge_tests::world::{own_mac, strange_mac};

fn rewriting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite");
    let tcp = |payload| flows::frame(&original(0), Segment::Data, own_mac(1), payload);
    let whole = |kind: Kind| with_plain_header(&kind.frame(own_mac(1), strange_mac(1), &[1; 10]));
    let partial = |kind: Kind| kind.offloaded(own_mac(1), strange_mac(1), &[1; 45 * 1448], 1448);
    let v4 = [
        ("TCPv4 64 B", tcp(SMALL)),
        ("TCPv4 1514 B", tcp(LARGE)),
        ("UDPv4 52 B", whole(Kind::UdpV4)),
        ("TCPv4 64 KiB super-frame", partial(Kind::TcpV4)),
    ];
    for (name, mut bytes) in v4 {
        let other = (Ipv4Addr::new(192, 0, 2, 1), 61_000);
        group.bench_function(name, |bencher| there_and_back(bencher, &mut bytes, other));
    }
    let v6 =
        [("TCPv6 84 B", whole(Kind::TcpV6)), ("TCPv6 64 KiB super-frame", partial(Kind::TcpV6))];
    for (name, mut bytes) in v6 {
        let other = (Ipv6Addr::LOCALHOST, 61_000);
        group.bench_function(name, |bencher| there_and_back(bencher, &mut bytes, other));
    }
}

/// Gives the frame another source and its own, in turns: one rewriting is measured.
fn there_and_back<A: Address>(
    bencher: &mut criterion::Bencher<'_>,
    bytes: &mut [u8],
    (source, source_port): (A, u16),
) {
    let mut frame = Frame::parse(PortId(1), bytes).unwrap();
    let Subject::Flow(own) = frame.subject::<A>() else {
        unreachable!("a whole TCP or UDP packet")
    };
    let other = Tuple { source, source_port, ..own };
    let mut turn = [other, own].into_iter().cycle();
    bencher.iter(|| rewrite(black_box(&mut frame), &turn.next().unwrap()));
}

/// A NAT with the mappings of connections 0 to `size`, less one, and their leases.
fn filled(size: u32) -> (Nat<Ipv4Addr>, Vec<Lease>) {
    let mut nat = Nat::new(&flows::nat_config(), SEED);
    let lease = |n| nat.lease(&original(n), external(n), |_| false).unwrap().0;
    let leases = (0..size).map(lease).collect();
    (nat, leases)
}

fn lease(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lease and release");
    for size in SIZES {
        let (mut nat, _leases) = filled(size);
        // Of an internal address that has none yet, on an external one that has none either.
        let mut next = scattered(PER_ADDRESS).map(|n| n + 40 * PER_ADDRESS);
        group.bench_function(BenchmarkId::new("a new mapping", size), |bencher| {
            bencher.iter(|| {
                let n = next.next().unwrap();
                take_and_release(&mut nat, n, external(n));
            });
        });
        let mut known = scattered(size);
        group.bench_function(BenchmarkId::new("one more on a mapping", size), |bencher| {
            bencher.iter(|| {
                let n = known.next().unwrap();
                take_and_release(&mut nat, n, external(n));
            });
        });
    }
    // The default range has 4,536 ports. Hardly a source port here is one of them, so chance chooses.
    for (name, used) in [("no port in use", 0), ("half of the ports in use", 2268), ("all", 4536)] {
        let mut nat = Nat::new(&NatConfig::default(), SEED);
        let lease = |n| nat.lease(&original(n), external(0), |_| false).unwrap().0;
        let _leases: Vec<_> = (0..used).map(lease).collect();
        let mut next = scattered(PER_ADDRESS).map(|n| n + 40 * PER_ADDRESS);
        group.bench_function(BenchmarkId::new("the default range", name), |bencher| {
            bencher.iter(|| take_and_release(&mut nat, next.next().unwrap(), external(0)));
        });
    }
}

fn published(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("published");
    let host = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    for count in [1, 10_000] {
        let ports = PublishedPorts::new((0..count).map(publish).collect());
        let mut known = scattered(u32::from(count)).map(|n| 10_000 + n as u16);
        group.bench_function(BenchmarkId::new("known", count), |bencher| {
            bencher.iter(|| {
                ports.find(tcp::PROTOCOL, black_box(host), known.next().unwrap()).unwrap()
            });
        });
        let mut unknown = scattered(9000).map(|n| n as u16);
        group.bench_function(BenchmarkId::new("unknown", count), |bencher| {
            bencher.iter(|| ports.find(tcp::PROTOCOL, black_box(host), unknown.next().unwrap()));
        });
    }
}

criterion_group!(benches, rewriting, lease, published);
criterion_main!(benches);
