//! A switch alone: parse, walk, flood.

use dataplane::clock::Time;
use dataplane::outcome::PortId;
use dataplane::pipeline::Pipeline;
use dataplane::wire::ethernet::MacAddr;
use std::hint::black_box;
use udp_bridge_benches::counting::{Case, Work};
use udp_bridge_benches::switching::{BATCH, config, forwarder, frame, judge, serve, super_frame};
use udp_bridge_tests::packets::Kind;
use udp_bridge_tests::world::own_mac;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "parse and walk, TCPv4 64 B", build: || walk(small(Kind::TcpV4, own_mac(1))) },
        Case { name: "parse and walk, TCPv6 84 B", build: || walk(small(Kind::TcpV6, own_mac(1))) },
        Case {
            name: "parse and walk, TCPv4 64 KiB super-frame",
            build: || walk(super_frame(Kind::TcpV4)),
        },
        Case {
            name: "parse and walk, TCPv6 64 KiB super-frame",
            build: || walk(super_frame(Kind::TcpV6)),
        },
        Case {
            name: "forward, known unicast 64 B",
            build: || forward(3, small(Kind::TcpV4, own_mac(1))),
        },
        Case {
            name: "forward, flood 64 B to 8 ports",
            build: || forward(9, small(Kind::TcpV4, MacAddr::BROADCAST)),
        },
    ]
}

fn small(kind: Kind, to: MacAddr) -> Vec<u8> {
    frame(kind, to, 64)
}

fn walk(mut bytes: Vec<u8>) -> Work {
    let mut pipeline = Pipeline::new(&config(3, |_| false));
    Work::of(BATCH, move || {
        for _ in 0..BATCH {
            black_box(judge(&mut pipeline, black_box(&mut bytes), Time::START));
        }
    })
}

fn forward(ports: u16, bytes: Vec<u8>) -> Work {
    let mut forwarder = forwarder(ports, bytes);
    Work::of(BATCH, move || serve(&mut forwarder, PortId(0)))
}
