//! A switch without a router: what it is given, and what it is.

use dataplane::clock::Time;
use dataplane::config::{Config, SwitchConfig};
use dataplane::engine::{Forwarder, Served};
use dataplane::frame::{Frame, with_plain_header};
use dataplane::outcome::{PortId, Verdict};
use dataplane::pipeline::Pipeline;
use dataplane::port::{Offloads, Port};
use dataplane::wire::ethernet::MacAddr;
use std::hint::black_box;
use udp_bridge_tests::null::NullPort;
use udp_bridge_tests::packets::Kind;
use udp_bridge_tests::world::{PortSetup, own_mac, strange_mac};

/// Frames that one call of the forwarder moves.
pub const BATCH: usize = 64;

/// The largest payload of TCP over IPv4 that fits one packet, in whole segments of 1,448 bytes.
pub const SUPER_PAYLOAD: usize = 45 * 1448;

/// A complete frame of `length` bytes from a learned MAC, behind a plain virtio header.
pub fn frame(kind: Kind, to: MacAddr, length: usize) -> Vec<u8> {
    let payload = vec![1; length.saturating_sub(kind.headers())];
    with_plain_header(&kind.frame(to, strange_mac(1), &payload))
}

/// A super-frame of 64 KiB, its checksum left to others, to port 1.
pub fn super_frame(kind: Kind) -> Vec<u8> {
    kind.offloaded(own_mac(1), strange_mac(1), &vec![1; SUPER_PAYLOAD], 1448)
}

/// A switch of `ports` ports, without storm control, for it would be what is measured.
pub fn config(ports: u16, check_source: impl Fn(u16) -> bool) -> Config {
    let switch = SwitchConfig { storm: None, ..SwitchConfig::default() };
    let port = |id| PortSetup { check_source: check_source(id), ..PortSetup::default() }.config(id);
    Config::new(switch, (0..ports).map(port).collect()).unwrap()
}

/// Such a switch with ports that do nothing, the first of which gives this frame for ever.
pub fn forwarder(ports: u16, source: Vec<u8>) -> Forwarder {
    let null = |source| Box::new(NullPort::new(Offloads::ALL, source)) as Box<dyn Port>;
    let others = (1..ports).map(|_| null(None));
    let boxed = std::iter::once(null(Some(source))).chain(others).collect();
    Forwarder::new(&config(ports, |_| false), boxed)
}

/// Moves a [`BATCH`] of frames of one port.
#[inline]
pub fn serve(forwarder: &mut Forwarder, port: PortId) {
    assert_eq!(forwarder.serve(port, black_box(BATCH), Time::START), Served::More);
}

/// Parses a frame of port 0 and walks it.
#[inline]
pub fn judge(pipeline: &mut Pipeline, bytes: &mut [u8], now: Time) -> Verdict {
    let mut frame = Frame::parse(PortId(0), bytes).unwrap();
    pipeline.walk(&mut frame, now).outcome.unwrap()
}
