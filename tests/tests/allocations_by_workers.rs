//! Does a frame cost an allocation on its way where several workers forward? Never, as with one.
//!
//! What is counted is the whole process's: the workers are threads of the engine's making. So this test has a
//! program of its own, and does nothing else while it counts.
#![allow(clippy::unwrap_used, reason = "an engine that cannot be made is a failed test")]

use dataplane::config::{Config, PortConfig, RouterConfig, SwitchConfig, Workers};
use dataplane::engine::Engine;
use dataplane::frame::FrameBuffer;
use dataplane::outcome::DropReason;
use dataplane::port::{Offloads, Port, Received};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;
use udp_bridge_tests::host::wait;
use udp_bridge_tests::network::{FAMILIES, at, down, published, publishing, router, up};
use udp_bridge_tests::packets::Kind;
use udp_bridge_tests::talk::udp;
use udp_bridge_tests::world::{PortSetup, own_mac};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many frames go each way before it is counted, and while it is.
const WARM_UP: u64 = 500;
const FRAMES: u64 = 10_000;

/// What both ends of a port in memory have: how many frames it may still give, and how many it got.
#[derive(Debug, Default)]
struct Gauge {
    gives: AtomicU64,
    got: AtomicU64,
}

/// A port that gives the same frame as often as it may, and swallows what comes. It has twins, which share its
/// gauge: none waits for another.
#[derive(Clone, Debug)]
struct Pump {
    bytes: Vec<u8>,
    gauge: Arc<Gauge>,
}

impl Port for Pump {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        // Read by one worker alone.
        let left = self.gauge.gives.load(Relaxed);
        if left == 0 {
            return Received::Empty;
        }
        self.gauge.gives.store(left - 1, Relaxed);
        buffer.space()[..self.bytes.len()].copy_from_slice(&self.bytes);
        Received::Frame(self.bytes.len())
    }

    fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
        self.gauge.got.fetch_add(1, Relaxed);
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn twin(&self) -> Option<Box<dyn Port>> {
        Some(Box::new(self.clone()))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

fn port(id: u16) -> PortConfig {
    PortSetup { check_source: true, ..PortSetup::default() }.config(id)
}

fn behind_plain_header(frame: Vec<u8>) -> Vec<u8> {
    [&[0; 10][..], &frame].concat()
}

/// Lets both ports give so many frames at a time, and waits until the other one has got them.
fn let_flow(gauges: &[Arc<Gauge>; 2], frames: u64) {
    let wanted = gauges.each_ref().map(|gauge| gauge.got.load(Relaxed) + frames);
    gauges.iter().for_each(|gauge| gauge.gives.store(frames, Relaxed));
    let begun = Instant::now();
    while gauges.iter().zip(wanted).any(|(gauge, wanted)| gauge.got.load(Relaxed) < wanted) {
        assert!(begun.elapsed() < wait::LONG, "frames are lost: {gauges:?}");
        thread::yield_now();
    }
}

/// Two workers, of which each reads one of two ports that give these frames, forward both ways at a time; not
/// one thread of the process allocates meanwhile.
#[track_caller]
fn nothing_is_allocated(frames: [Vec<u8>; 2], with: Option<RouterConfig>) {
    let switch = SwitchConfig { storm: None, ..SwitchConfig::default() };
    let config = Config::new(switch, vec![port(0), port(1)]).unwrap();
    let config = match with {
        None => config,
        Some(router) => config.with_router(router).unwrap(),
    };
    let pumps = frames.map(|bytes| Pump { bytes, gauge: Arc::default() });
    let gauges = pumps.each_ref().map(|pump| Arc::clone(&pump.gauge));
    let ports = pumps.into_iter().map(|pump| Box::new(pump) as Box<dyn Port>).collect();
    let two = Workers::new(2).unwrap();
    let (engine, handle) = Engine::with_workers(config, ports, Vec::new(), two).unwrap();
    let engine = thread::spawn(move || engine.run());
    // Both have begun once frames of both have come; a flow is known by its first.
    gauges[1].gives.store(1, Relaxed);
    wait::for_yes("the first frame has come", || gauges[0].got.load(Relaxed) == 1);
    let_flow(&gauges, WARM_UP);

    let region = Region::new(ALLOCATOR);
    let_flow(&gauges, FRAMES);
    let change = region.change();

    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
    handle.stop();
    engine.join().unwrap().unwrap();
    let dropped: u64 = handle.ports().iter().map(|port| port.counters.dropped_total()).sum();
    assert_eq!(dropped, 0);
}

/// One test, so that nothing else runs in the process.
#[test]
fn two_workers_allocate_nothing_while_frames_go_both_ways() {
    let region = Region::new(ALLOCATOR);
    thread::spawn(|| drop(std::hint::black_box(Box::new(7)))).join().unwrap();
    assert!(region.change().allocations > 1, "what other threads allocate is counted");

    for kind in Kind::ALL {
        let frame =
            |from, to| behind_plain_header(kind.frame(own_mac(to), own_mac(from), &[1; 64]));
        nothing_is_allocated([frame(0, 1), frame(1, 0)], None);
        let large = |from, to| kind.offloaded(own_mac(to), own_mac(from), &[1; 60_000], 1400);
        nothing_is_allocated([large(0, 1), large(1, 0)], None);
    }
    for family in FAMILIES {
        let (inside, outside) = (at(family.inside(1), 61_000), at(family.outside, 80));
        let out = udp(up(1), inside, outside, &[1; 64]);
        let back = udp(down(), outside, at(family.host, 61_000), &[1; 64]);
        let mut config = router(2);
        config.published = publishing([published(17)]);
        nothing_is_allocated([behind_plain_header(back), behind_plain_header(out)], Some(config));
    }
}
