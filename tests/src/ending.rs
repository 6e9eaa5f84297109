//! Does every frame end exactly once?
//!
//! [`offer`] lets one frame walk and checks what no frame may break, whatever its bytes are:
//!
//! * either it died at its ingress port, for one reason, and nothing else happened;
//! * or it went to one other port, or to all that may hear the ingress port, and at each of them it
//!   was written or died, once, or once for every segment that it was cut into;
//! * what a host got is what was counted, parses again, and leaves nothing undone that the port
//!   cannot take.

use crate::counts::{Count, Moved};
use crate::world::World;
use dataplane::engine::Served;
use dataplane::frame::segment::Segments;
use dataplane::frame::{Frame, Offloads};
use dataplane::outcome::{DropReason, PortId};
use dataplane::wire::vnet;

/// Lets `bytes` walk from `ingress` through a world with a router, and checks what is true there of every
/// frame: it and each frame that it let go on ended once, what was counted arrived, and what arrived
/// parses and leaves nothing undone that the port cannot take. Panics if the frame broke a rule.
pub fn offer_routed(world: &mut World, ingress: u16, bytes: &[u8]) {
    for port in world.ports() {
        world.raw_received_by(port);
    }
    let before = world.counters();
    world.send_raw(ingress, bytes.to_vec());
    let served = world.step(ingress);
    let moved = world.moved_since(&before);
    if served == Served::Gone {
        assert!(moved.is_empty(), "a port that is gone counted {moved:?}");
        return;
    }
    let all = |count| world.ports().map(|port| of(&moved, port, count)).sum::<u64>();
    let died = |at_egress| {
        let reasons = DropReason::ALL.iter().filter(|&&reason| is_of_egress(reason) == at_egress);
        reasons.map(|&reason| all(Count::Dropped(reason))).sum::<u64>()
    };
    assert_eq!((of(&moved, ingress, Count::Received), all(Count::Received)), (1, 1));
    // One that is kept may push out another, which had been kept before.
    let pushed_out = all(Count::Dropped(DropReason::Unresolved)).min(all(Count::Held));
    let came = 1 + all(Count::Released) + pushed_out;
    let ended = all(Count::Answered) + all(Count::Held) + died(false);
    assert!(ended <= came, "{came} frames ended {ended} times: {moved:?}");
    let left = all(Count::Sent) + died(true);
    assert!(left >= came - ended, "{came} frames, {ended} ended, {left} left: {moved:?}");
    for port in world.ports() {
        let arrived = world.raw_received_by(port);
        assert_eq!(arrived.len() as u64, of(&moved, port, Count::Sent));
        for mut bytes in arrived {
            let setup = world.setup(port);
            match Frame::parse(PortId(port), &mut bytes) {
                Ok(frame) => {
                    assert!(setup.offloads.contains(frame.required_offloads()));
                    assert!(frame.largest_packet() <= usize::from(setup.mtu));
                }
                // A sender may ask for its checksum to be put over its own headers.
                Err(reason) => {
                    let whole = !setup.offloads.contains(Offloads::CHECKSUM);
                    assert!(whole, "what was sent does not parse: {reason}");
                }
            }
        }
    }
}

/// How a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At its ingress port.
    Died(DropReason),
    /// It went to this many ports.
    Handed(usize),
    /// Nowhere: the ingress port is gone.
    NotRead,
}

/// Lets `bytes`, a virtio header and a frame, walk from `ingress`, and checks its end. The ingress
/// host's queue must be empty. Panics if the frame broke a rule.
pub fn offer(world: &mut World, ingress: u16, bytes: &[u8]) -> Ending {
    for port in world.ports() {
        world.raw_received_by(port);
    }
    let before = world.counters();
    world.send_raw(ingress, bytes.to_vec());
    let served = world.step(ingress);
    let moved = world.moved_since(&before);
    if served == Served::Gone {
        assert!(moved.is_empty(), "a port that is gone counted {moved:?}");
        return Ending::NotRead;
    }
    assert_eq!(served, Served::More);
    assert_eq!(of(&moved, ingress, Count::Received), 1);
    assert_eq!(
        of(&moved, ingress, Count::ReceivedBytes),
        bytes.len().saturating_sub(vnet::HEADER_LEN) as u64
    );
    let ending = ending(world, ingress, &moved);
    check_parse(ingress, bytes, ending);
    for port in world.ports() {
        check_port(world, port, ingress, bytes, &moved);
    }
    ending
}

fn of(moved: &Moved, port: u16, count: Count) -> u64 {
    moved.get(&(port, count)).copied().unwrap_or_default()
}

/// Does this reason end a frame on its way out?
pub fn is_of_egress(reason: DropReason) -> bool {
    reason >= DropReason::LimitPacketsIn
}

/// Frames that were written to `port` or died there on their way out.
fn handed_to(moved: &Moved, port: u16) -> u64 {
    let died = DropReason::ALL.iter().filter(|&&reason| is_of_egress(reason));
    of(moved, port, Count::Sent)
        + died.map(|&reason| of(moved, port, Count::Dropped(reason))).sum::<u64>()
}

fn ending(world: &World, ingress: u16, moved: &Moved) -> Ending {
    let handed: Vec<u16> = world.ports().filter(|&port| handed_to(moved, port) > 0).collect();
    let died: Vec<_> = world
        .ports()
        .flat_map(|port| DropReason::ALL.iter().map(move |&reason| (port, reason)))
        .filter(|&(port, reason)| {
            !is_of_egress(reason) && of(moved, port, Count::Dropped(reason)) > 0
        })
        .collect();
    if let &[(port, reason)] = &died[..] {
        assert_eq!(port, ingress, "{reason} was counted at another port");
        assert_eq!(of(moved, port, Count::Dropped(reason)), 1);
        assert!(handed.is_empty(), "a frame died of {reason} and went to {handed:?}");
        return Ending::Died(reason);
    }
    assert!(died.is_empty(), "a frame died more than once: {died:?}");
    assert!(!handed.contains(&ingress), "a frame came back to its ingress port");
    assert!(!handed.is_empty(), "a frame ended nowhere");
    let audience =
        |&port: &u16| port != ingress && world.is_alive(port) && hears(world, port, ingress);
    let flooded = handed.iter().copied().eq(world.ports().filter(audience));
    assert!(flooded || handed.len() == 1, "neither one port nor all: {handed:?}");
    assert!(handed.iter().all(|port| hears(world, *port, ingress)), "isolated ports: {handed:?}");
    Ending::Handed(handed.len())
}

fn hears(world: &World, port: u16, ingress: u16) -> bool {
    !(world.setup(port).isolated && world.setup(ingress).isolated)
}

/// A frame that does not parse dies of what the parser says.
fn check_parse(ingress: u16, bytes: &[u8], ending: Ending) {
    let mut copy = bytes.to_vec();
    if let Err(reason) = Frame::parse(PortId(ingress), &mut copy) {
        assert_eq!(ending, Ending::Died(reason));
    }
}

/// What arrived at one port.
fn check_port(world: &World, port: u16, ingress: u16, bytes: &[u8], moved: &Moved) {
    let arrived = world.raw_received_by(port);
    assert_eq!(arrived.len() as u64, of(moved, port, Count::Sent));
    let length = |bytes: &Vec<u8>| (bytes.len() - vnet::HEADER_LEN) as u64;
    assert_eq!(arrived.iter().map(length).sum::<u64>(), of(moved, port, Count::SentBytes));
    let handed = handed_to(moved, port);
    if handed == 0 {
        return;
    }
    let mut copy = bytes.to_vec();
    let Ok(frame) = Frame::parse(PortId(ingress), &mut copy) else { return };
    let setup = world.setup(port);
    let as_it_is = setup.offloads.contains(frame.required_offloads());
    let too_large = frame.largest_packet() > usize::from(setup.mtu);
    assert_eq!(too_large, of(moved, port, Count::Dropped(DropReason::ExceedsMtu)) > 0);
    match Segments::of(&frame) {
        Some(segments) if !as_it_is && !too_large => assert_eq!(handed, segments.count() as u64),
        _ => assert_eq!(handed, 1, "a frame that is not cut ends once"),
    }
    for mut bytes in arrived {
        if as_it_is {
            assert_eq!(bytes, frame.with_vnet_header(), "a frame is passed as it is");
        }
        check_arrival(&frame, &mut bytes, world, port);
    }
}

fn check_arrival(sent: &Frame<'_>, bytes: &mut [u8], world: &World, port: u16) {
    let completed = sent.offload().needs_checksum() && sent.super_frame().is_none();
    match Frame::parse(PortId(port), bytes) {
        Ok(frame) => {
            let setup = world.setup(port);
            assert!(setup.offloads.contains(frame.required_offloads()));
            assert!(frame.largest_packet() <= usize::from(setup.mtu));
        }
        // A sender may ask for its checksum to be put over its own headers.
        Err(reason) => assert!(completed, "what was sent does not parse: {reason}"),
    }
}
