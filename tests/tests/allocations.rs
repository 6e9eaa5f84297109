//! Does a frame cost an allocation on its way? Never, but where it has to wait, or is answered.
//!
//! A new flow allocates where a table of mappings grows: never once as many have been there.
#![allow(clippy::unwrap_used, reason = "a forwarder that cannot be made is a failed test")]

use allocation_counter::measure;
use dataplane::clock::Time;
use dataplane::config::{Config, PortLimits, SwitchConfig};
use dataplane::engine::{Forwarder, Served};
use dataplane::frame::FrameBuffer;
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::{Offloads, Port, Received};
use dataplane::wire::ethernet::MacAddr;
use std::num::NonZeroU64;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use udp_bridge_tests::fuzz::tight;
use udp_bridge_tests::network::*;
use udp_bridge_tests::null::NullPort;
use udp_bridge_tests::packets::{Kind, plain};
use udp_bridge_tests::talk::{Tcp, tcp, udp};
use udp_bridge_tests::world::{PortSetup, own_mac, strange_mac};

const FRAMES: usize = 1000;

/// Port 0 gives `bytes` for ever; the others, of which each takes `offloads`, swallow.
fn forwarder(ports: u16, offloads: Offloads, bytes: Vec<u8>) -> (Forwarder, Arc<AtomicU64>) {
    let switch = SwitchConfig { storm: None, fdb_capacity: 128, ..SwitchConfig::default() };
    let configs = (0..ports).map(|id| PortSetup::default().config(id));
    let config = Config::new(switch, configs.collect()).unwrap();
    let mut boxed: Vec<Box<dyn Port>> = vec![Box::new(NullPort::new(Offloads::ALL, Some(bytes)))];
    let null = NullPort::new(offloads, None);
    let swallowed = null.swallowed();
    boxed.push(Box::new(null));
    boxed.extend((2..ports).map(|_| Box::new(NullPort::new(offloads, None)) as Box<dyn Port>));
    (Forwarder::new(&config, boxed), swallowed)
}

/// Port 1 gets `copies` of each frame that port 0 sends, and nobody allocates.
#[track_caller]
fn nothing_is_allocated(ports: u16, offloads: Offloads, bytes: Vec<u8>, copies: u64) {
    let (mut forwarder, swallowed) = forwarder(ports, offloads, bytes);
    let allocations = measure(|| {
        assert_eq!(forwarder.serve(PortId(0), FRAMES, Time::START), Served::More);
    });
    assert_eq!(swallowed.load(Relaxed), FRAMES as u64 * copies);
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
}

fn behind_plain_header(frame: Vec<u8>) -> Vec<u8> {
    [&[0; 10][..], &frame].concat()
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(7)))).count_total, 1);
}

#[test]
fn known_unicast_allocates_nothing() {
    for kind in Kind::ALL {
        let frame = behind_plain_header(kind.frame(own_mac(1), strange_mac(1), &[1; 64]));
        nothing_is_allocated(3, Offloads::ALL, frame, 1);
        let super_frame = kind.offloaded(own_mac(1), strange_mac(1), &[1; 60_000], 1400);
        nothing_is_allocated(3, Offloads::ALL, super_frame, 1);
    }
}

#[test]
fn a_port_with_limits_allocates_nothing() {
    let (mut forwarder, swallowed) = forwarder(3, Offloads::ALL, {
        behind_plain_header(Kind::TcpV4.frame(own_mac(1), strange_mac(1), &[1; 64]))
    });
    let many = NonZeroU64::new(1 << 40);
    let limits = PortLimits {
        packets_in: many,
        packets_out: many,
        bytes_in: many,
        bytes_out: many,
        ..PortLimits::NONE
    };
    let pipeline = forwarder.pipeline_mut();
    [0, 1].into_iter().for_each(|port| pipeline.limit(PortId(port), limits));
    let allocations = measure(|| {
        assert_eq!(forwarder.serve(PortId(0), FRAMES, Time::START), Served::More);
    });
    assert_eq!(swallowed.load(Relaxed), FRAMES as u64);
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
}

#[test]
fn a_flood_to_64_ports_allocates_nothing() {
    for destination in [MacAddr::BROADCAST, strange_mac(2)] {
        let frame = behind_plain_header(plain(destination, strange_mac(1), 60));
        nothing_is_allocated(64, Offloads::ALL, frame, 1);
    }
}

#[test]
fn segmenting_allocates_nothing() {
    for kind in Kind::ALL {
        let bytes = kind.offloaded(own_mac(1), strange_mac(1), &[1; 14_000], 1400);
        nothing_is_allocated(3, Offloads::NONE, bytes, 10);
    }
}

#[test]
fn completing_a_checksum_allocates_nothing() {
    for kind in Kind::ALL {
        let bytes = kind.offloaded(own_mac(1), strange_mac(1), &[1; 1400], 0);
        nothing_is_allocated(3, Offloads::NONE, bytes, 1);
    }
}

#[test]
fn learning_moving_and_evicting_allocate_nothing() {
    use dataplane::switch::Fdb;
    let config = SwitchConfig { fdb_capacity: 100, fdb_port_limit: 80, ..SwitchConfig::default() };
    let mut fdb = Fdb::new(&config, 3);
    let allocations = measure(|| {
        for n in 0..20_000u32 {
            let port = PortId((n % 3) as u16);
            fdb.learn(strange_mac(n % 331), port, Time::from_nanos(u64::from(n) * 100_000_000));
            fdb.expire(Time::from_nanos(u64::from(n) * 100_000_000), 4);
        }
    });
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
}

/// A router between the host, which gives `down` for ever, and a namespace, which gives `up`. Mappings
/// may have the ports from 61000 on; a sender that uses one of them keeps it.
fn router(up: Box<dyn Port>, down: Vec<u8>, with_rules: bool) -> Forwarder {
    let mut config = udp_bridge_tests::network::router(2);
    if with_rules {
        tight(&mut config);
    }
    (config.conntrack.limit, config.conntrack.port_limit) = (10_000, 10_000);
    config.published = publishing([published(17)]);
    let switch = SwitchConfig { storm: None, ..SwitchConfig::default() };
    let port = |id| PortSetup { check_source: true, ..PortSetup::default() }.config(id);
    let ports = vec![port(0), port(1)];
    let config = Config::new(switch, ports).unwrap().with_router(config).unwrap();
    Forwarder::new(&config, vec![Box::new(NullPort::new(Offloads::ALL, Some(down))), up])
}

/// Serves a port for some frames, none of which dies.
fn serve(forwarder: &mut Forwarder, port: u16, frames: usize, now: Time) {
    assert_eq!(forwarder.serve(PortId(port), frames, now), Served::More);
    let dropped: u64 =
        forwarder.counters().iter().map(|port| port.snapshot().dropped_total()).sum();
    assert_eq!(dropped, 0);
}

#[test]
fn a_known_flow_allocates_nothing_in_either_direction() {
    for family in FAMILIES {
        for (with_rules, is_tcp) in [(false, false), (false, true), (true, false), (true, true)] {
            let (inside, outside) = (at(family.inside(1), 61_000), at(family.outside, 80));
            let host = at(family.host, 61_000);
            let says =
                Tcp { flags: "A", sequence: 7, acknowledgment: 7, payload: &[1; 64], mss: None };
            let (out, back) = match is_tcp {
                true => (tcp(up(1), inside, outside, says), tcp(down(), outside, host, says)),
                false => {
                    (udp(up(1), inside, outside, &[1; 64]), udp(down(), outside, host, &[1; 64]))
                }
            };
            let port = NullPort::new(Offloads::ALL, Some(behind_plain_header(out)));
            let heard = port.swallowed();
            let mut forwarder = router(Box::new(port), behind_plain_header(back), with_rules);
            let now = Time::START;
            [1, 0, 1, 0].iter().for_each(|&port| serve(&mut forwarder, port, 1, now));
            assert_eq!(heard.load(Relaxed), 2, "replies arrive");
            let allocations = measure(|| {
                serve(&mut forwarder, 1, FRAMES, now);
                serve(&mut forwarder, 0, FRAMES, now);
            });
            assert_eq!(heard.load(Relaxed), 2 + FRAMES as u64);
            assert_eq!(allocations.count_total, 0, "{allocations:?}");
        }
    }
}

/// A namespace whose datagrams each come from another port, without a checksum.
struct Caller {
    bytes: Vec<u8>,
    /// Where in the bytes the source port is.
    at: usize,
    next: u16,
}

impl Port for Caller {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        self.bytes[self.at..self.at + 2].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.wrapping_add(1);
        buffer.space()[..self.bytes.len()].copy_from_slice(&self.bytes);
        Received::Frame(self.bytes.len())
    }

    fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

#[test]
fn a_new_flow_allocates_nothing_where_as_many_have_been() {
    for family in FAMILIES {
        for to in [at(family.outside, 53), at(family.host, 8000)] {
            let frame = behind_plain_header(udp(up(1), at(family.inside(1), 1), to, &[1; 64]));
            let at = family.of(10 + 34, 10 + 54);
            let caller = Caller { bytes: frame, at, next: 1024 };
            let down = behind_plain_header(udp(down(), to, to, b""));
            let mut forwarder = router(Box::new(caller), down, false);
            let mut now = Time::START;
            serve(&mut forwarder, 1, 2 * FRAMES, now);
            now = now + Duration::from_secs(60);
            let router = forwarder.pipeline_mut().router.as_mut().unwrap();
            assert_eq!(router.ports_in_use(), 2 * FRAMES);
            router.expire(now, usize::MAX);
            assert_eq!(router.ports_in_use(), 0);
            let allocations = measure(|| serve(&mut forwarder, 1, FRAMES / 2, now));
            assert_eq!(allocations.count_total, 0, "{allocations:?}");
            let router = forwarder.pipeline_mut().router.as_mut().unwrap();
            assert_eq!((router.flows(), router.ports_in_use()), (FRAMES / 2, FRAMES / 2));
        }
    }
}

#[test]
fn a_capture_allocates_nothing_for_a_frame_whether_it_fits_or_not() {
    use dataplane::capture::{RING_SIGHTINGS, Spec, begin};
    let (inside, outside) = (at(V4.inside(1), 61_000), at(V4.outside, 80));
    let out = udp(up(1), inside, outside, &[1; 64]);
    let back = udp(down(), outside, at(V4.host, 61_000), &[1; 64]);
    let port = NullPort::new(Offloads::ALL, Some(behind_plain_header(out)));
    let mut forwarder = router(Box::new(port), behind_plain_header(back), true);
    let now = Time::START;
    [1, 0, 1, 0].iter().for_each(|&port| serve(&mut forwarder, port, 1, now));
    let (capture, mut catch) = begin(Spec::ALL, 2);
    forwarder.capture(capture, now).unwrap();
    // Each frame is seen twice.
    let frames = RING_SIGHTINGS / 2 + FRAMES;
    let allocations = measure(|| serve(&mut forwarder, 1, frames, now));
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
    let mut bytes = Vec::new();
    let caught = std::iter::from_fn(|| catch.next(&mut bytes)).count();
    assert_eq!(caught, RING_SIGHTINGS);
    assert_eq!(catch.missed(), [FRAMES as u64, FRAMES as u64]);
}
