//! Stages by themselves: tables, rewriting, checksums.

use dataplane::clock::Time;
use dataplane::config::{NatConfig, PublishedPorts, SwitchConfig};
use dataplane::flow::{Address, Tuple};
use dataplane::frame::segment::Segments;
use dataplane::frame::{BUFFER_LEN, Frame, Subject, complete, with_plain_header};
use dataplane::nat::{Nat, rewrite};
use dataplane::outcome::PortId;
use dataplane::switch::Fdb;
use dataplane::wire::tcp;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use udp_bridge_benches::counting::{Case, Work};
use udp_bridge_benches::flows::{self, PER_ADDRESS, SMALL, Segment, external, original, scattered};
use udp_bridge_benches::switching::super_frame;
use udp_bridge_benches::tables::{
    SEED, Tables, filled_fdb, macs, packet, publish, take_and_release,
};
use udp_bridge_tests::packets::Kind;
use udp_bridge_tests::world::{own_mac, strange_mac};

/// MACs of a table.
const MACS: u32 = 1000;
/// Connections of a table, or published ports.
const MANY: u16 = 10_000;
/// Operations that are counted: enough that the seed of a hash does not show in their mean.
const OPERATIONS: u32 = 1000;
/// Another source for what is rewritten.
const V4: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 61_000);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "fdb lookup, known, of 1,000", build: || fdb_lookup(0) },
        Case { name: "fdb lookup, unknown, of 1,000", build: || fdb_lookup(1_000_000) },
        Case { name: "fdb learn, known", build: || fdb_learn(Duration::ZERO) },
        Case { name: "fdb learn, refreshed", build: || fdb_learn(Duration::from_secs(1)) },
        Case { name: "fdb learn, new, its port full", build: fdb_evict },
        Case { name: "conntrack lookup, of 10,000", build: conntrack_lookup },
        Case { name: "established, parse to rewritten, of 10,000", build: established },
        Case { name: "connection begun and forgotten", build: connection },
        Case { name: "lease and release, half of the ports in use", build: lease },
        Case { name: "published ports, known, of 10,000", build: find_published },
        Case { name: "rewrite, TCPv4 64 B", build: || there_and_back(segment(), V4) },
        Case {
            name: "rewrite, TCPv4 64 KiB super-frame",
            build: || there_and_back(super_frame(Kind::TcpV4), V4),
        },
        Case { name: "rewrite, TCPv6 84 B", build: rewrite_v6 },
        Case { name: "checksum completed, TCPv4 1514 B", build: completed },
        Case { name: "super-frame cut into 45, TCPv4", build: cut },
    ]
}

fn fdb_lookup(first: u32) -> Work {
    let fdb = filled_fdb(&macs(MACS));
    Work::of(OPERATIONS as usize, move || {
        for n in first..first + OPERATIONS {
            black_box(fdb.lookup(black_box(strange_mac(n)), Time::START));
        }
    })
}

/// All MACs of the table, each time so much later.
fn fdb_learn(step: Duration) -> Work {
    let macs = macs(MACS);
    let mut fdb = filled_fdb(&macs);
    let mut now = Time::START;
    Work::of(macs.len(), move || {
        now = now + step;
        for &mac in &macs {
            black_box(fdb.learn(black_box(mac), PortId(1), now));
        }
    })
}

fn fdb_evict() -> Work {
    let config = SwitchConfig::default();
    let mut fdb = Fdb::new(&config, 3);
    let full = config.fdb_port_limit as u32;
    (0..full).for_each(|n| _ = fdb.learn(strange_mac(n), PortId(1), Time::START));
    let mut next = full;
    Work::of(OPERATIONS as usize, move || {
        for n in next..next + OPERATIONS {
            black_box(fdb.learn(black_box(strange_mac(n)), PortId(1), Time::START));
        }
        next += OPERATIONS;
    })
}

fn conntrack_lookup() -> Work {
    let tables = Tables::filled(MANY.into());
    let tuples: Vec<_> = scattered(MANY.into()).take(OPERATIONS as usize).map(original).collect();
    Work::of(tuples.len(), move || {
        for tuple in &tuples {
            black_box(tables.conntrack.find(black_box(tuple), Time::START));
        }
    })
}

fn established() -> Work {
    let mut tables = Tables::filled(MANY.into());
    let frame = |n| flows::frame(&original(n), Segment::Data, own_mac(0), SMALL);
    let frames: Vec<_> = scattered(MANY.into()).take(OPERATIONS as usize).map(frame).collect();
    let mut buffer = frame(0);
    Work::of(frames.len(), move || {
        for frame in &frames {
            buffer.copy_from_slice(frame);
            tables.translate(black_box(&mut buffer));
        }
    })
}

fn connection() -> Work {
    let others = u32::from(MANY);
    let mut tables = Tables::filled(others);
    let syn = packet(Segment::Syn);
    let tuples: Vec<_> = (others..others + OPERATIONS).map(original).collect();
    Work::of(tuples.len(), move || {
        for (n, tuple) in (others..).zip(&tuples) {
            black_box(tables.begin(n, black_box(tuple), &syn, Time::START));
        }
        (others..others + OPERATIONS).for_each(|n| tables.forget(n));
    })
}

fn lease() -> Work {
    let mut nat = Nat::new(&NatConfig::default(), SEED);
    let used = NatConfig::DEFAULT_PORTS.len() as u32 / 2;
    (0..used).for_each(|n| _ = nat.lease(&original(n), external(0), |_| false).unwrap());
    // Of internal addresses that have none yet.
    let mut next = 40 * PER_ADDRESS;
    Work::of(OPERATIONS as usize, move || {
        (next..next + OPERATIONS).for_each(|n| take_and_release(&mut nat, n, external(0)));
        next += OPERATIONS;
    })
}

fn find_published() -> Work {
    let ports = PublishedPorts::new((0..MANY).map(publish).collect());
    let host = IpAddr::V4(external(0));
    let called: Vec<_> = scattered(MANY.into())
        .take(OPERATIONS as usize)
        .map(|n| *publish(n as u16).ports.start())
        .collect();
    Work::of(called.len(), move || {
        for &port in &called {
            black_box(ports.find(tcp::PROTOCOL, black_box(host), port).unwrap());
        }
    })
}

fn segment() -> Vec<u8> {
    flows::frame(&original(0), Segment::Data, own_mac(1), SMALL)
}

fn rewrite_v6() -> Work {
    let bytes = with_plain_header(&Kind::TcpV6.frame(own_mac(1), strange_mac(1), &[1; SMALL]));
    there_and_back(bytes, (Ipv6Addr::LOCALHOST, 61_000))
}

/// Gives a frame another source and its own, in turns.
fn there_and_back<A: Address>(mut bytes: Vec<u8>, (source, source_port): (A, u16)) -> Work {
    Work::of(OPERATIONS as usize, move || {
        let mut frame = Frame::parse(PortId(1), &mut bytes).unwrap();
        let Subject::Flow(own) = frame.subject::<A>() else {
            unreachable!("a whole TCP or UDP packet")
        };
        let other = Tuple { source, source_port, ..own };
        for _ in 0..OPERATIONS / 2 {
            rewrite(black_box(&mut frame), &other);
            rewrite(black_box(&mut frame), &own);
        }
    })
}

fn completed() -> Work {
    let mut bytes = Kind::TcpV4.offloaded(own_mac(1), strange_mac(1), &[1; 1460], 0);
    let mut room = vec![0; BUFFER_LEN];
    Work::of(1, move || {
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        black_box(complete::complete(black_box(&frame), &mut room).len());
    })
}

fn cut() -> Work {
    let mut bytes = super_frame(Kind::TcpV4);
    let mut room = vec![0; BUFFER_LEN];
    Work::of(1, move || {
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let mut segments = Segments::of(&frame).unwrap();
        while black_box(segments.write_next(&mut room)).is_some() {}
    })
}
