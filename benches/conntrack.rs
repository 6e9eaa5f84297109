//! What does it cost to know a connection, and to begin one, in memory and without any system call?
//!
//! Each with 1, 10,000 and 1,000,000 connections in the table, all of one server outside:
//!
//! * `lookup`: a tuple to its entry, by either direction and of a connection that is not there.
//! * `established`: a data segment from its bytes to its new addresses: parse, find, update, rewrite.
//! * `new connection`: a SYN's tuple to an entry with an external port. 100,000 are begun beside so many
//!   others and removed, again and again; only the beginning is measured, in memory that was used before.
//!   `remove` is the other half.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark has no users, and criterion's macros no docs"
)]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use dataplane::clock::Time;
use dataplane::flow::Tuple;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;
use udp_bridge_benches::flows::{
    self, LARGE, SIZES, SMALL, Segment, external, original, scattered,
};
use udp_bridge_benches::tables::{Tables, packet};
use udp_bridge_tests::world::own_mac;

/// New connections that are begun before they are removed.
const ROUND: u32 = 100_000;
/// Most frames that are kept to be translated in turns.
const MOST_FRAMES: u32 = 250_000;
/// Length of the virtio header and all others: the payload is the same in all frames.
const HEADERS: usize = 10 + 54;

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conntrack lookup");
    for size in SIZES {
        let tables = Tables::filled(size);
        find(&mut group, "original", size, &tables, original);
        // The external port is the internal one: both ranges are the same.
        let reply = |n| Tuple { destination: external(n), ..original(n).inverted() };
        find(&mut group, "reply", size, &tables, reply);
        let unknown = |n| Tuple { destination_port: 81, ..original(n) };
        find(&mut group, "unknown", size, &tables, unknown);
    }
}

fn find(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    size: u32,
    tables: &Tables,
    tuple: impl Fn(u32) -> Tuple<Ipv4Addr>,
) {
    // Looking up the tuples must not cost more than looking up the table.
    let tuples: Vec<_> = scattered(size).take(size as usize).map(tuple).collect();
    let mut next = tuples.iter().cycle();
    group.bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter(|| tables.conntrack.find(black_box(next.next().unwrap()), Time::START));
    });
}

fn established(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("established, parse to rewritten");
    for (length, payload) in [("64 B", SMALL), ("1514 B", LARGE)] {
        for size in SIZES {
            let mut tables = Tables::filled(size);
            let frame = |n| flows::frame(&original(n), Segment::Data, own_mac(0), payload);
            // One after the other in memory, and their connections all over the table.
            let order = scattered(size).take(size.min(MOST_FRAMES) as usize);
            let headers: Vec<u8> = order.flat_map(|n| frame(n).into_iter().take(HEADERS)).collect();
            let mut next = headers.chunks_exact(HEADERS).cycle();
            let mut buffer = frame(0);
            group.bench_function(BenchmarkId::new(length, size), |bencher| {
                bencher.iter(|| {
                    buffer[..HEADERS].copy_from_slice(next.next().unwrap());
                    tables.translate(black_box(&mut buffer));
                });
            });
        }
    }
}

fn begin(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connections beside others");
    let syn = packet(Segment::Syn);
    for others in [0, 10_000, 900_000] {
        let mut tables = Tables::filled(others);
        let tuples: Vec<_> = (others..others + ROUND).map(original).collect();
        let mut begun = |count: u32| {
            let began = Instant::now();
            for (n, tuple) in (others..others + count).zip(&tuples) {
                black_box(tables.begin(n, black_box(tuple), &syn, Time::START));
            }
            let middle = Instant::now();
            (others..others + count).for_each(|n| tables.forget(n));
            (middle - began, middle.elapsed())
        };
        // Once for memory that nobody has used yet.
        begun(ROUND);
        for (name, which) in [("new with a mapping", true), ("remove", false)] {
            group.bench_function(BenchmarkId::new(name, others), |bencher| {
                bencher.iter_custom(|iterations| {
                    let rounds = in_rounds(iterations).map(&mut begun);
                    rounds.map(|(new, removed)| if which { new } else { removed }).sum()
                });
            });
        }
    }
}

/// So many, in rounds of at most [`ROUND`].
fn in_rounds(count: u64) -> impl Iterator<Item = u32> {
    let round = u64::from(ROUND);
    // Each at most a round.
    (0..count.div_ceil(round)).map(move |n| (count - n * round).min(round) as u32)
}

criterion_group!(benches, lookup, established, begin);
criterion_main!(benches);
