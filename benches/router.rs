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

mod flows;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use dataplane::capture::{Filter, Protocol, Spec, begin};
use dataplane::clock::Time;
use dataplane::config::{
    Config, ConntrackConfig, FilterConfig, HostView, NextHop, PortConfig, PortLimits, Publish,
    PublishedPorts, Route, RouterConfig, SwitchConfig, UplinkConfig,
};
use dataplane::engine::{Forwarder, Served};
use dataplane::flow::Tuple;
use dataplane::frame::{Frame, FrameBuffer, Subject};
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::{Offloads, Port, Received};
use dataplane::wire::tcp;
use flows::{LARGE, NEXT_HOP, SERVER, SMALL, Segment, external, original};
use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, Weak};
use udp_bridge_tests::world::own_mac;

/// Frames that one call of the forwarder moves.
const BATCH: usize = 64;

/// How long the reader of a capture rests when there is nothing, as the api's does.
const READER_RESTS: std::time::Duration = std::time::Duration::from_millis(4);

const HOST: PortId = PortId(0);
const NAMESPACE: PortId = PortId(1);
/// The bridge's address, and those of the two namespaces behind it.
const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 3)];
/// The first published port.
const PUBLISHED: u16 = 2000;
/// The port that it leads to.
const TARGET: u16 = 80;

/// A port that gives its frames in turn and then the last of them for ever, and keeps a copy of the
/// newest frame that it is sent as long as somebody wants it.
struct Script {
    frames: VecDeque<Vec<u8>>,
    newest: Weak<Mutex<Vec<u8>>>,
}

impl Port for Script {
    #[inline]
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        if self.frames.len() > 1
            && let Some(frame) = self.frames.pop_front()
        {
            return give(&frame, buffer);
        }
        self.frames.front().map_or(Received::Empty, |frame| give(frame, buffer))
    }

    #[inline]
    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        if let Some(newest) = self.newest.upgrade() {
            bytes.clone_into(&mut newest.lock().unwrap());
        }
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

#[inline]
fn give(frame: &[u8], buffer: &mut FrameBuffer) -> Received {
    buffer.space()[..frame.len()].copy_from_slice(frame);
    Received::Frame(frame.len())
}

/// A connection as one side of the forwarder sees it: the frames of each end.
struct Scene {
    /// What the host's port and the first namespace's give; the namespace or the host begins.
    frames: [Vec<Vec<u8>>; 2],
    /// Who begins.
    first: PortId,
    /// Whose data is measured, and how it is addressed when it leaves.
    measured: PortId,
    leaves: Tuple<Ipv4Addr>,
}

/// A connection from a namespace to the outside, of which `measured` sends `payload` for ever.
fn masqueraded(measured: PortId, payload: usize) -> Scene {
    let inside = original(0);
    // Its own port lies in the NAT's range and is free, so it keeps it.
    let outside = Tuple { source: external(0), ..inside };
    let [to_gateway, to_us] = [own_mac(0), NEXT_HOP];
    let reply = outside.inverted();
    let from_inside = vec![
        flows::frame(&inside, Segment::Syn, to_gateway, 0),
        flows::frame(&inside, Segment::Data, to_gateway, payload),
    ];
    let from_outside = vec![
        flows::frame(&reply, Segment::SynAck, to_us, 0),
        flows::frame(&reply, Segment::Answer, to_us, payload),
    ];
    let leaves = if measured == NAMESPACE { outside } else { inside.inverted() };
    Scene { frames: [from_outside, from_inside], first: NAMESPACE, measured, leaves }
}

/// A connection from the outside to the published port, which sends `payload` for ever.
fn published(port: u16, payload: usize) -> Scene {
    let called = Tuple {
        source: SERVER,
        destination: external(0),
        source_port: 40_000,
        destination_port: port,
        protocol: tcp::PROTOCOL,
    };
    let inside = Tuple { destination: ENDS[0], destination_port: TARGET, ..called };
    let from_outside = vec![
        flows::frame(&called, Segment::Syn, NEXT_HOP, 0),
        flows::frame(&called, Segment::Data, NEXT_HOP, payload),
    ];
    let from_inside = vec![flows::frame(&inside.inverted(), Segment::SynAck, own_mac(0), 0)];
    Scene { frames: [from_outside, from_inside], first: HOST, measured: HOST, leaves: inside }
}

/// Data from the first namespace to the second.
fn bridged(payload: usize) -> Scene {
    let across = Tuple { destination: ENDS[1], ..original(0) };
    let frames = vec![flows::frame(&across, Segment::Data, own_mac(2), payload)];
    Scene { frames: [Vec::new(), frames], first: NAMESPACE, measured: NAMESPACE, leaves: across }
}

impl Scene {
    /// Opens the connection, sees that its data is addressed as it should, and measures that.
    fn measure(self, group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, config: &Config) {
        self.measure_watched(group, id, config, None);
    }

    /// The same while frames are captured, and read as fast as another thread can.
    fn measure_watched(
        self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        id: BenchmarkId,
        config: &Config,
        wanted: Option<Filter>,
    ) {
        let newest = Arc::new(Mutex::new(Vec::new()));
        let [host, inside] = self.frames.map(VecDeque::from);
        let ports = [host, inside, VecDeque::new()].map(|frames| {
            Box::new(Script { frames, newest: Arc::downgrade(&newest) }) as Box<dyn Port>
        });
        let mut forwarder = Forwarder::new(config, ports.into());
        let second = if self.first == HOST { NAMESPACE } else { HOST };
        for port in [self.first, second, self.first, self.measured] {
            forwarder.serve(port, 1, Time::START);
        }
        let mut sent = newest.lock().unwrap().clone();
        let frame = Frame::parse(HOST, &mut sent).unwrap();
        assert_eq!(frame.subject(), Subject::Flow(self.leaves));
        drop(newest);
        let reader = wanted.map(|filter| {
            let (capture, mut catch) = begin(Spec { port: None, filter }, config.ports().len());
            forwarder.capture(capture, Time::START).unwrap();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                while !catch.is_over() {
                    while catch.next(&mut bytes).is_some() {}
                    std::thread::sleep(READER_RESTS);
                }
            })
        });
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                let served = forwarder.serve(self.measured, black_box(BATCH), Time::START);
                assert_eq!(served, Served::More);
            });
        });
        drop(forwarder);
        if let Some(reader) = reader {
            reader.join().unwrap();
        }
    }
}

/// Three ports, without storm control, for it would be what is measured.
fn switch() -> Config {
    let switch = SwitchConfig { storm: None, ..SwitchConfig::default() };
    let port = |id| PortConfig {
        name: format!("port-{id}"),
        mac: own_mac(id),
        mtu: 1500,
        isolated: false,
        // As `up` has it: the host may send from any MAC.
        check_source: id != 0,
        limits: PortLimits::NONE,
    };
    Config::new(switch, (0..3).map(port).collect()).unwrap()
}

/// The same with a router, and so many published ports.
fn router(published: u16) -> Config {
    let ports = (PUBLISHED..PUBLISHED + published).map(|port| Publish {
        protocol: tcp::PROTOCOL,
        address: None,
        ports: port..=port,
        target_v4: ENDS[0],
        target_v6: None,
        target_port: TARGET,
    });
    let hosts = ENDS.iter().zip(1..).map(|(&end, id)| (end.into(), own_mac(id), PortId(id)));
    let own: IpAddr = external(0).into();
    let outside = Route { destination: "0.0.0.0/0".parse().unwrap(), source: Some(own), mtu: 1500 };
    let ipv6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xb);
    let next_hop = NextHop { mac: NEXT_HOP, ipv4: Ipv4Addr::new(169, 254, 0, 1), ipv6 };
    let router = RouterConfig {
        ipv4: format!("{BRIDGE}/24").parse().unwrap(),
        ipv6: None,
        hosts: hosts.collect(),
        uplink: Some(UplinkConfig { next_hop, internal: false }),
        published: PublishedPorts::new(ports.collect()),
        filter: FilterConfig { icc: true, ..FilterConfig::default() },
        conntrack: ConntrackConfig {
            port_limit: ConntrackConfig::DEFAULT_LIMIT,
            ..ConntrackConfig::default()
        },
        nat: flows::nat_config(),
        host: HostView {
            addresses: [own, BRIDGE.into()].into(),
            routes: vec![outside],
            networks: Vec::new(),
        },
    };
    switch().with_router(router).unwrap()
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("router, 64 frames");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (length, payload) in [("64 B", SMALL), ("1514 B", LARGE)] {
        let id = |name: &str| BenchmarkId::new(name, length);
        bridged(payload).measure(&mut group, id("bridged, no router"), &switch());
        bridged(payload).measure(&mut group, id("bridged, idle router"), &router(1));
        let out = masqueraded(NAMESPACE, payload);
        out.measure(&mut group, id("masqueraded, out"), &router(1));
        masqueraded(HOST, payload).measure(&mut group, id("masqueraded, in"), &router(1));
        let arp = Filter::Protocol(Protocol::Arp);
        for (name, wanted) in [("none of it", arp), ("all of it", Filter::All)] {
            let id = id(&format!("masqueraded, out, captured: {name}"));
            let out = masqueraded(NAMESPACE, payload);
            out.measure_watched(&mut group, id, &router(1), Some(wanted));
        }
        for count in [1, 10_000] {
            let id = id(&format!("published, one of {count}"));
            published(PUBLISHED + count / 2, payload).measure(&mut group, id, &router(count));
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
        let frames = [VecDeque::new(), (0..flows).map(opening).collect(), VecDeque::new()];
        let ports =
            frames.map(|frames| Box::new(Script { frames, newest: Weak::new() }) as Box<dyn Port>);
        let mut forwarder = Forwarder::new(&router(1), ports.into());
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
