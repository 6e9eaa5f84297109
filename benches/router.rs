//! What does the engine's whole work for one routed frame cost, without any system call?
//!
//! A forwarder of three ports, the host's and two namespaces', moves 64 frames of one connection. The
//! copy into the buffer and all counters are included, as in `forward` of `packet_path`.
//!
//! * `bridged`: from one namespace to the other, by a switch alone and by one with an idle router.
//! * `masqueraded`: from a namespace to the outside, and replies.
//! * `captured`: the same while a capture runs, whose filter wants none or all of the frames.
//! * `published`: from the outside into a published port, of 1 and of 10,000.
//!
//! Before anything is measured, the first frame of each way is seen to be addressed as it should.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark has no users, and criterion's macros no docs"
)]

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use dataplane::capture::{Filter, Protocol, Spec, begin};
use dataplane::clock::Time;
use dataplane::config::Config;
use dataplane::engine::Forwarder;
use dataplane::flow::Tuple;
use std::hint::black_box;
use std::net::Ipv4Addr;
use udp_bridge_benches::flows::{self, LARGE, SERVER, SMALL, Segment, original};
use udp_bridge_benches::routing::{
    self, HOST, NAMESPACE, PUBLISHED, Scene, Script, bridged, router, switch, v4,
};
use udp_bridge_benches::switching::{BATCH, serve};
use udp_bridge_tests::world::own_mac;

/// How long the reader of a capture rests when there is nothing, as the api's does.
const READER_RESTS: std::time::Duration = std::time::Duration::from_millis(4);

/// Opens the connection and measures its data.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    config: &Config,
    scene: Scene<Ipv4Addr>,
) {
    measure_watched(group, id, config, scene, None);
}

/// The same while frames are captured, and read as fast as another thread can.
fn measure_watched(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    config: &Config,
    scene: Scene<Ipv4Addr>,
    wanted: Option<Filter>,
) {
    let measured = scene.measured;
    let mut forwarder = scene.open(config);
    let reader = wanted.map(|filter| {
        let (capture, mut catch) = begin(Spec { filter, ..Spec::ALL }, config.ports().len());
        forwarder.capture(capture, Time::START).unwrap();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while !catch.is_over() {
                while catch.next(&mut bytes).is_some() {}
                std::thread::sleep(READER_RESTS);
            }
        })
    });
    group.bench_function(id, |bencher| bencher.iter(|| serve(&mut forwarder, measured)));
    drop(forwarder);
    if let Some(reader) = reader {
        reader.join().unwrap();
    }
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("router, 64 frames");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (length, payload) in [("64 B", SMALL), ("1514 B", LARGE)] {
        let id = |name: &str| BenchmarkId::new(name, length);
        let out = || routing::masqueraded(NAMESPACE, payload, v4);
        let back = routing::masqueraded(HOST, payload, v4);
        measure(&mut group, id("bridged, no router"), &switch(), bridged(payload));
        measure(&mut group, id("bridged, idle router"), &router(1), bridged(payload));
        measure(&mut group, id("masqueraded, out"), &router(1), out());
        measure(&mut group, id("masqueraded, in"), &router(1), back);
        let arp = Filter::Protocol(Protocol::Arp);
        for (name, wanted) in [("none of it", arp), ("all of it", Filter::All)] {
            let id = id(&format!("masqueraded, out, captured: {name}"));
            measure_watched(&mut group, id, &router(1), out(), Some(wanted));
        }
        for count in [1, 10_000] {
            let id = id(&format!("published, one of {count}"));
            let scene = routing::published(PUBLISHED + count / 2, payload, v4);
            measure(&mut group, id, &router(count), scene);
        }
    }
}

/// How long the path waits while a packet is explained, with so many flows.
fn explain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("explain, with so many flows");
    group.sample_size(10);
    for flows in [1_000_u32, 262_144] {
        let tuple = |n: u32| Tuple {
            destination: Ipv4Addr::from(u32::from(SERVER) + n / 30_000),
            // One mapping for each, which serves for all destinations.
            source_port: 16_000 + (n % 30_000) as u16,
            ..original(0)
        };
        let opening = |n| flows::frame(&tuple(n), Segment::Syn, own_mac(0), 0);
        let ports = [Vec::new(), (0..flows).map(opening).collect(), Vec::new()];
        let mut forwarder = Forwarder::new(&router(1), ports.map(Script::boxed).into());
        forwarder.serve(NAMESPACE, flows as usize, Time::START);
        let known = forwarder.pipeline().router.as_ref().map(|router| router.flows());
        assert_eq!(known, Some(flows as usize));
        let mut packet = opening(0);
        group.bench_function(BenchmarkId::from_parameter(flows), |bencher| {
            bencher.iter(|| {
                let told = forwarder.pipeline().explain(NAMESPACE, &mut packet, Time::START);
                black_box(told).unwrap()
            });
        });
    }
}

criterion_group!(benches, forward, explain);
criterion_main!(benches);
