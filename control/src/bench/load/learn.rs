//! Frames with many MACs: how does a switch learn?
//!
//! ```text
//!   this end's namespace:   raw0, a TAP of ours ── rawbr, a kernel bridge ── the end's interface ── the switch
//! ```
//!
//! No socket sends frames under others' MACs, but what is written to a TAP does, and a bridge takes it to
//! the interface, which it becomes the owner of: the end is good for nothing else afterwards. What a
//! switch was taught is asked by frames to those MACs: see `measure::learn`.

use super::pace::Pace;
use super::{Job, LoadError, Parent, Ready, Tally};
use crate::netlink::{LinkChange, Netlink, NetlinkError};
use dataplane::port::tap::Tap;
use dataplane::port::{Offloads, Port};
use dataplane::wire::vnet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

const TAP: &str = "raw0";
const BRIDGE: &str = "rawbr";
/// Frames that are written before one looks at the clock again.
const BATCH: usize = 32;
/// Bytes of a frame: the smallest there is, without its check sequence.
const FRAME: usize = 60;
/// For experiments within a network (IEEE 802, local experimental EtherType 1).
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];
/// The number of the MAC of who asks.
pub const ASKER: u32 = u32::MAX;

/// The MAC with this number: locally administered.
fn mac(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, 0x4c, a, b, c, d]
}

/// One frame, with the virtio header that a TAP takes before it.
fn frame(to: u32, from: u32) -> [u8; vnet::HEADER_LEN + FRAME] {
    let mut bytes = [0; vnet::HEADER_LEN + FRAME];
    let frame = &mut bytes[vnet::HEADER_LEN..];
    frame[..6].copy_from_slice(&mac(to));
    frame[6..12].copy_from_slice(&mac(from));
    frame[12..14].copy_from_slice(&ETHERTYPE);
    bytes
}

/// Sends `count` frames: from the MACs that begin with `first` to the asker, which `teach`es them; or from
/// the asker to them.
pub(super) fn run(
    job: &Job,
    teach: bool,
    first: u32,
    count: u32,
    rate: Option<f64>,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    let mut tap = Tap::open(TAP, Offloads::NONE)?;
    attach(*job.server.ip())?;
    parent.ready(&Ready { port: 0, congestion: None })?;
    let (began, mut pace, mut sent) = (Instant::now(), Pace::start(rate, BATCH), 0);
    while sent < count {
        let due = pace.wait(sent.into()).min((count - sent) as usize);
        for _ in 0..due {
            let number = first.wrapping_add(sent);
            let bytes = if teach { frame(ASKER, number) } else { frame(number, ASKER) };
            // What is full is told by what is not learned.
            let _ = tap.send(&bytes);
            sent += 1;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Tally { count: sent.into(), seconds, total: sent.into(), ..Tally::default() })
}

/// Connects the TAP with the interface that has the end's address, or had it when this was done before.
fn attach(address: Ipv4Addr) -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    let up = LinkChange { up: true, ..LinkChange::default() };
    let known = netlink.interfaces()?.into_iter().any(|it| it.name == BRIDGE);
    if !known {
        netlink.add_bridge(BRIDGE, 1500)?;
        let bridge = netlink.link(BRIDGE)?;
        netlink.change_link(&bridge, &up)?;
    }
    let controller = Some(netlink.link(BRIDGE)?.index);
    let owns = |it: &crate::netlink::Interface| {
        it.addresses.iter().any(|net| net.addr() == IpAddr::V4(address))
    };
    let own = netlink.interfaces()?.into_iter().find(owns).map(|it| it.name);
    for name in own.iter().map(String::as_str).chain([TAP]) {
        let link = netlink.link(name)?;
        netlink.change_link(&link, &LinkChange { controller, ..up.clone() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_their_macs_are_their_own() {
        let bytes = frame(ASKER, 7);
        let (header, frame) = bytes.split_at(vnet::HEADER_LEN);
        assert!(header.iter().all(|byte| *byte == 0));
        let sliced = etherparse::Ethernet2Header::from_slice(frame).unwrap().0;
        assert_eq!(sliced.source, [0x02, 0x4c, 0, 0, 0, 7]);
        assert_eq!(sliced.destination, [0x02, 0x4c, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(frame.len(), 60);
    }
}
