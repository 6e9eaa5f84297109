//! Does a frame cost an allocation on its way? Never.
#![allow(clippy::unwrap_used, reason = "a forwarder that cannot be made is a failed test")]

use allocation_counter::measure;
use dataplane::clock::Time;
use dataplane::config::{Config, PortConfig, SwitchConfig};
use dataplane::engine::{Forwarder, Served};
use dataplane::outcome::PortId;
use dataplane::port::{Offloads, Port};
use dataplane::wire::ethernet::MacAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use udp_bridge_tests::null::NullPort;
use udp_bridge_tests::packets::{Kind, plain};
use udp_bridge_tests::world::{own_mac, strange_mac};

const FRAMES: usize = 1000;

/// Port 0 gives `bytes` for ever; the others, of which each takes `offloads`, swallow.
fn forwarder(ports: u16, offloads: Offloads, bytes: Vec<u8>) -> (Forwarder, Arc<AtomicU64>) {
    let switch = SwitchConfig { storm: None, fdb_capacity: 128, ..SwitchConfig::default() };
    let configs = (0..ports).map(|id| PortConfig {
        name: format!("port-{id}"),
        mac: own_mac(id),
        mtu: 1500,
        isolated: false,
        check_source: false,
    });
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
