//! What does it cost to find a MAC, and to note one? Our table beside a `DashMap` of the same content.
//!
//! The map is read and written as a switch with several threads would: a lookup takes a read lock on
//! a shard; a refresh compares under the read lock and takes a write lock when the entry is new,
//! stale or elsewhere. It does no more: no lists by age, no limits, no eviction. So it is measured
//! at its best, with one thread and no contention, and with the same hasher as ours.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark has no users, and criterion's macros no docs"
)]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use dataplane::clock::Time;
use dataplane::config::SwitchConfig;
use dataplane::outcome::PortId;
use dataplane::switch::Fdb;
use dataplane::wire::ethernet::MacAddr;
use foldhash::fast::RandomState;
use std::hint::black_box;
use std::time::Duration;
use udp_bridge_benches::tables::{filled_fdb, macs};
use udp_bridge_tests::world::strange_mac;

const SIZES: [u32; 3] = [1, 1000, 8000];
const STEP: Duration = Duration::from_secs(1);

type Map = DashMap<MacAddr, (PortId, Time), RandomState>;

fn filled_map(macs: &[MacAddr]) -> Map {
    let map = Map::with_capacity_and_hasher(8192, RandomState::default());
    for &mac in macs {
        map.insert(mac, (PortId(1), Time::START));
    }
    map
}

fn refresh(map: &Map, mac: MacAddr, port: PortId, now: Time) {
    let known = map.get(&mac).map(|entry| *entry);
    if known.is_none_or(|(home, seen)| home != port || now - seen >= STEP) {
        map.insert(mac, (port, now));
    }
}

/// Measures `work` on one MAC after the other.
fn each(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    macs: &[MacAddr],
    mut work: impl FnMut(MacAddr),
) {
    let mut next = macs.iter().copied().cycle();
    group.bench_function(BenchmarkId::new(name, macs.len()), |bencher| {
        bencher.iter(|| work(black_box(next.next().unwrap())));
    });
}

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fdb lookup");
    for macs in SIZES.map(macs) {
        let fdb = filled_fdb(&macs);
        each(&mut group, "ours, known", &macs, |mac| {
            black_box(fdb.lookup(mac, Time::START));
        });
        let unknown: Vec<_> = (0..macs.len() as u32).map(|n| strange_mac(n + 1_000_000)).collect();
        each(&mut group, "ours, unknown", &unknown, |mac| {
            black_box(fdb.lookup(mac, Time::START));
        });
        let map = filled_map(&macs);
        each(&mut group, "dashmap, known", &macs, |mac| {
            black_box(map.get(&mac).map(|entry| entry.0));
        });
    }
}

fn learn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fdb learn");
    for macs in SIZES.map(macs) {
        let mut fdb = filled_fdb(&macs);
        each(&mut group, "ours, known", &macs, |mac| {
            black_box(fdb.learn(mac, PortId(1), Time::START));
        });
        let mut now = Time::START;
        each(&mut group, "ours, refreshed", &macs, |mac| {
            now = now + STEP;
            black_box(fdb.learn(mac, PortId(1), now));
        });
        let (mut turn, mut left) = (2, macs.len());
        each(&mut group, "ours, moved", &macs, |mac| {
            black_box(fdb.learn(mac, PortId(turn), now));
            left -= 1;
            if left == 0 {
                (turn, left) = (3 - turn, macs.len());
            }
        });
        let map = filled_map(&macs);
        each(&mut group, "dashmap, known", &macs, |mac| {
            refresh(&map, mac, PortId(1), Time::START);
        });
        let mut now = Time::START;
        each(&mut group, "dashmap, refreshed", &macs, |mac| {
            now = now + STEP;
            refresh(&map, mac, PortId(1), now);
        });
    }
}

fn evict(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fdb evict");
    let mut fdb = Fdb::new(&SwitchConfig::default(), 64);
    let mut n = 0;
    group.bench_function("new MAC, its port full", |bencher| {
        bencher.iter(|| {
            n += 1;
            black_box(fdb.learn(strange_mac(n), PortId(1), Time::START))
        });
    });
    group.bench_function("new MACs from 64 ports in turn, the table full", |bencher| {
        bencher.iter(|| {
            n += 1;
            black_box(fdb.learn(strange_mac(n), PortId((n % 64) as u16), Time::START))
        });
    });
}

criterion_group!(benches, lookup, learn, evict);
criterion_main!(benches);
