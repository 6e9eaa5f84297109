//! Is every reason for a frame's end reached by a frame?
//!
//! The stories are told by a `match` over all reasons: a new reason does not compile without one.

use dataplane::config::{PortLimits, StormLimit};
use dataplane::frame::BUFFER_LEN;
use dataplane::frame::segment::MAX_SEGMENTS;
use dataplane::outcome::DropReason;
use dataplane::port::Offloads;
use dataplane::port::memory::QUEUE_LEN;
use dataplane::wire::ethernet::MacAddr;
use std::num::NonZeroU64;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::ending::{Ending, is_of_egress, offer};
use udp_bridge_tests::packets::{Kind, plain};
use udp_bridge_tests::world::{Setup, World, own_mac, strange_mac};

/// A world, and a virtio header and frame that dies in it: from port 0, to port 1 if it gets out.
type Story = (World, Vec<u8>);

/// A well-built packet from port 0 to port 1 with some bytes changed. Counted with the virtio header,
/// Ethernet begins at 10, IP at 24, and TCP at 44 behind IPv4.
fn spoiled(kind: Kind, change: impl FnOnce(&mut Vec<u8>)) -> Story {
    let mut bytes = kind.offloaded(own_mac(1), own_mac(0), &[7; 100], 0);
    change(&mut bytes);
    (Setup::of(2).start(), bytes)
}

/// A plain frame in a world of its own kind.
fn told(setup: Setup, to: MacAddr, from: MacAddr) -> Story {
    (setup.start(), [&[0; 10][..], &plain(to, from, 60)].concat())
}

fn storm(frames_per_second: u64, bytes_per_second: u64) -> Story {
    let limit = StormLimit { frames_per_second, bytes_per_second };
    let setup = Setup::of(2).switch(|switch| switch.storm = Some(limit));
    let (mut world, bytes) = told(setup, MacAddr::BROADCAST, own_mac(0));
    world.send_raw(0, bytes.clone());
    world.run();
    (world, bytes)
}

fn full() -> Story {
    let (mut world, bytes) = told(Setup::of(2), own_mac(1), own_mac(0));
    (0..QUEUE_LEN).for_each(|_| world.send_raw(0, bytes.clone()));
    world.run();
    (world, bytes)
}

/// A port with a limit that one frame takes all of; it has come already.
fn limited(port: u16, limit: impl FnOnce(&mut PortLimits)) -> Story {
    let setup = Setup::of(2).port(port, |port| limit(&mut port.limits));
    let (mut world, bytes) = told(setup, own_mac(1), own_mac(0));
    world.send_raw(0, bytes.clone());
    world.run();
    (world, bytes)
}

fn gone() -> Story {
    let (world, bytes) = told(Setup::of(2), own_mac(1), own_mac(0));
    world.host(1).vanish();
    (world, bytes)
}

fn isolated() -> Story {
    let setup = Setup::of(2).port(0, |port| port.isolated = true);
    told(setup.port(1, |port| port.isolated = true), own_mac(1), own_mac(0))
}

/// `None` where no bytes lead there: of these, `UnreadableFrame` has a test below, and the others
/// only a real TAP can say.
fn story(reason: DropReason) -> Option<Story> {
    use DropReason as R;
    let (v4, v6) = (Kind::TcpV4, Kind::TcpV6);
    Some(match reason {
        R::ShortFrame => spoiled(v4, |bytes| bytes.truncate(23)),
        R::OversizedFrame => spoiled(v4, |bytes| bytes.resize(BUFFER_LEN, 0)),
        R::BadOffload => spoiled(v4, |bytes| bytes[1] = 3),
        R::GroupSource => spoiled(v4, |bytes| bytes[16] |= 1),
        R::ZeroSource => spoiled(v4, |bytes| bytes[16..22].fill(0)),
        R::IpVersion => spoiled(v4, |bytes| bytes[24] = 0x65),
        R::Ipv4HeaderLength => spoiled(v4, |bytes| bytes[24] = 0x44),
        R::Ipv4TotalLength => spoiled(v4, |bytes| bytes.truncate(100)),
        R::Ipv4Checksum => spoiled(v4, |bytes| bytes[32] -= 1),
        R::Ipv6Length => spoiled(v6, |bytes| bytes[29] += 1),
        R::TcpOffset => spoiled(v4, |bytes| bytes[56] = 0x40),
        R::TransportLength => spoiled(v6, |bytes| bytes[28..30].copy_from_slice(&[0, 7])),
        R::SourceCheck => {
            let setup = Setup::of(2).port(0, |port| port.check_source = true);
            told(setup, own_mac(1), strange_mac(1))
        }
        R::StaticMacElsewhere => told(Setup::of(2), strange_mac(1), own_mac(1)),
        R::ReservedGroup => told(Setup::of(2), MacAddr([1, 0x80, 0xc2, 0, 0, 0]), own_mac(0)),
        R::SamePort => told(Setup::of(2), own_mac(0), own_mac(0)),
        R::Isolated => isolated(),
        R::StormFrames => storm(1, 1 << 30),
        R::StormBytes => storm(1000, 1),
        R::NobodyToFlood => told(Setup::of(1), MacAddr::BROADCAST, own_mac(0)),
        R::LimitPacketsOut => limited(0, |limits| limits.packets_out = NonZeroU64::new(1)),
        R::LimitBytesOut => limited(0, |limits| limits.bytes_out = NonZeroU64::new(1)),
        R::LimitPacketsIn => limited(1, |limits| limits.packets_in = NonZeroU64::new(1)),
        R::LimitBytesIn => limited(1, |limits| limits.bytes_in = NonZeroU64::new(1)),
        R::ExceedsMtu => {
            let bytes = v4.offloaded(own_mac(1), own_mac(0), &[7; 1461], 0);
            (Setup::of(2).start(), bytes)
        }
        R::CannotSegment => {
            // A segment for each byte: more of them than a sender may ask for.
            let bytes = v4.offloaded(own_mac(1), own_mac(0), &[7; MAX_SEGMENTS + 1], 1);
            (Setup::of(2).port(1, |port| port.offloads = Offloads::NONE).start(), bytes)
        }
        R::EgressFull => full(),
        R::EgressGone => gone(),
        R::UnreadableFrame | R::EgressDown | R::EgressRefused => return None,
        // What a router drops has stories of its own, in `tests/routing`.
        _ if reason >= R::CtInvalid && reason <= R::SpoofedSource => return None,
        _ => unreachable!("{reason} has no story"),
    })
}

#[test]
fn every_reason_ends_a_frame_and_counts_once() {
    for &reason in DropReason::ALL {
        let Some((mut world, bytes)) = story(reason) else { continue };
        let port = if is_of_egress(reason) { 1 } else { 0 };
        let before = world.counters()[port].dropped_total();
        if reason == DropReason::EgressFull {
            // `offer` would empty the queue that is to be full.
            world.send_raw(0, bytes);
            world.run();
        } else {
            let ending = offer(&mut world, 0, &bytes);
            let expected = if port == 0 { Ending::Died(reason) } else { Ending::Handed(1) };
            assert_eq!(ending, expected);
        }
        let counters = &world.counters()[port];
        assert!(counters.dropped(reason) > 0, "{reason} was not counted");
        assert_eq!(counters.dropped_total(), before + 1, "{reason} was counted with another");
    }
}

#[test]
fn no_bytes_lead_to_what_only_a_kernel_can_say() {
    use DropReason as R;
    let of_switch = |reason: &DropReason| !(R::CtInvalid..=R::SpoofedSource).contains(reason);
    let untold = DropReason::ALL.iter().copied().filter(of_switch);
    let untold = untold.filter(|&reason| story(reason).is_none());
    let expected = [R::UnreadableFrame, R::EgressDown, R::EgressRefused];
    assert_eq!(untold.collect::<Vec<_>>(), expected);
}

#[test]
fn a_frame_that_cannot_be_read_is_lost_and_its_port_goes_on() {
    let mut world = Setup::of(2).start();
    world.moves(
        |world| {
            world.send(0, &plain(own_mac(1), own_mac(0), 60));
            assert!(world.host(0).send_unreadable());
            world.send(0, &plain(own_mac(1), own_mac(0), 70));
        },
        [received(0, [60, 0, 70]), dropped(0, DropReason::UnreadableFrame, 1), sent(1, [60, 70])],
    );
    assert!(world.is_alive(0));
}
