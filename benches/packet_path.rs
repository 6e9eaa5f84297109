//! What does a frame cost in memory, without any system call?
//!
//! * `parse`: bytes to a `Frame`; independent of the payload.
//! * `walk`: a parsed frame to its verdict; `parse and walk` is both, the figure to compare with the
//!   target of 60 ns for 64 bytes.
//! * `forward`: the engine's whole work for one frame between ports that do nothing, the copy into
//!   the buffer and all counters included.
//! * `cut`, `complete`: what a port without offloads costs.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark has no users, and criterion's macros no docs"
)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dataplane::clock::Time;
use dataplane::frame::segment::Segments;
use dataplane::frame::{BUFFER_LEN, Frame, complete, with_plain_header};
use dataplane::outcome::PortId;
use dataplane::pipeline::Pipeline;
use dataplane::wire::ethernet::MacAddr;
use std::hint::black_box;
use udp_bridge_benches::switching::{BATCH, config, forwarder, frame, judge, serve, super_frame};
use udp_bridge_tests::packets::Kind;
use udp_bridge_tests::world::{own_mac, strange_mac};

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let frames = [
        ("TCPv4 64 B", frame(Kind::TcpV4, own_mac(1), 64)),
        ("TCPv6 74 B", frame(Kind::TcpV6, own_mac(1), 74)),
        ("TCPv4 1514 B", frame(Kind::TcpV4, own_mac(1), 1514)),
        ("TCPv4 64 KiB super-frame", super_frame(Kind::TcpV4)),
        ("TCPv6 64 KiB super-frame", super_frame(Kind::TcpV6)),
    ];
    for (name, mut bytes) in frames {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                Frame::parse(PortId(0), black_box(&mut bytes)).unwrap().required_offloads()
            });
        });
    }
}

fn walk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("walk");
    let now = Time::START;
    for length in [64, 1514] {
        let mut bytes = frame(Kind::TcpV4, own_mac(1), length);
        let mut pipeline = Pipeline::new(&config(3, |_| false));
        group.bench_function(format!("known unicast {length} B"), |bencher| {
            let mut frame = Frame::parse(PortId(0), &mut bytes).unwrap();
            bencher.iter(|| pipeline.walk(black_box(&mut frame), now));
        });
        let mut bytes = frame(Kind::TcpV4, own_mac(1), length);
        let mut pipeline = Pipeline::new(&config(3, |_| false));
        group.bench_function(format!("parse and walk, known unicast {length} B"), |bencher| {
            bencher.iter(|| judge(&mut pipeline, black_box(&mut bytes), now));
        });
    }
    let own = Kind::TcpV4.frame(own_mac(1), own_mac(0), &[1; 10]);
    let mut bytes = with_plain_header(&own);
    let mut pipeline = Pipeline::new(&config(3, |_| true));
    group.bench_function("parse and walk, known unicast 64 B, source check", |bencher| {
        bencher.iter(|| judge(&mut pipeline, black_box(&mut bytes), now));
    });
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forward 64 frames");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (one, all) = (own_mac(1), MacAddr::BROADCAST);
    for (name, ports, to, length) in [
        ("known unicast 64 B", 3, one, 64),
        ("known unicast 1514 B", 3, one, 1514),
        ("flood 64 B to 2 of 3 ports", 3, all, 64),
        ("flood 64 B to 63 of 64 ports", 64, all, 64),
    ] {
        let mut forwarder = forwarder(ports, frame(Kind::TcpV4, to, length));
        group.bench_function(name, |bencher| {
            bencher.iter(|| serve(&mut forwarder, PortId(0)));
        });
    }
    let mut whole = forwarder(3, super_frame(Kind::TcpV4));
    group.bench_function("known unicast 64 KiB super-frame", |bencher| {
        bencher.iter(|| serve(&mut whole, PortId(0)));
    });
}

fn without_offloads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("without offloads");
    for kind in Kind::ALL {
        let mut bytes = super_frame(kind);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut room = vec![0; BUFFER_LEN];
        group.bench_function(format!("cut {kind:?} 64 KiB into 45"), |bencher| {
            let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
            bencher.iter_batched(
                || Segments::of(&frame).unwrap(),
                |mut segments| while black_box(segments.write_next(&mut room)).is_some() {},
                BatchSize::SmallInput,
            );
        });
    }
    let mut bytes = Kind::TcpV4.offloaded(own_mac(1), strange_mac(1), &[1; 1460], 0);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let mut room = vec![0; BUFFER_LEN];
    group.bench_function("complete TcpV4 1514 B", |bencher| {
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        bencher.iter(|| complete::complete(black_box(&frame), &mut room).len());
    });
}

criterion_group!(benches, parse, walk, forward, without_offloads);
criterion_main!(benches);
