//! Has every reason of the router a frame that dies of it, and of nothing else?

use crate::intruders::hidden;
use crate::networks::{beside, theirs};
use dataplane::config::{Action, PortLimits, RouterConfig};
use dataplane::fragments::MAX_WAITING_FRAMES;
use dataplane::gateway::neighbours::MAX_LEARNED;
use dataplane::outcome::DropReason;
use std::num::NonZeroU64;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::errors::{Complaint, complain};
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::fragments;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

/// A world, and a frame that dies in it at the port where it comes in.
struct Story {
    world: World,
    port: u16,
    frame: Vec<u8>,
    /// Is its sender told?
    told: bool,
}

impl Story {
    fn of(change: impl FnOnce(&mut RouterConfig), port: u16, frame: Vec<u8>) -> Self {
        Self { world: network(3, change).start(), port, frame, told: false }
    }

    /// The sender is told.
    fn told(self) -> Self {
        Self { told: true, ..self }
    }

    /// These came before, and what came of them has been taken away.
    fn after(mut self, before: impl IntoIterator<Item = (u16, Vec<u8>)>) -> Self {
        for (port, frame) in before {
            self.world.send(port, &frame);
            self.world.run();
        }
        self.world.ports().for_each(|port| drop(self.world.received_by(port)));
        self
    }
}

fn question(family: Family, port: u16, from: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), from), at(family.outside, 53), b"question")
}

/// A connection that is open, of which the table has but one.
fn full(family: Family) -> Story {
    let mut story = Story::of(
        |router| {
            router.conntrack.limit = 1;
            router.conntrack.port_limit = 1;
        },
        2,
        question(family, 2, 5000),
    );
    connect(&mut story.world, family);
    story
}

/// The namespace behind port 1 opens a connection to port 80 outside; returns the port that is seen
/// there.
pub(crate) fn connect(world: &mut World, family: Family) -> u16 {
    let (client, server) = (at(family.inside(1), 5000), at(family.outside, 80));
    let syn = Tcp { flags: "S", sequence: 100, ..Tcp::default() };
    let external = hear(&through(world, 1, &tcp(up(1), client, server, syn), 0)).from;
    let answer = Tcp { flags: "SA", sequence: 900, acknowledgment: 101, ..Tcp::default() };
    through(world, 0, &tcp(down(), server, external, answer), 1);
    let ack = Tcp { flags: "A", sequence: 101, acknowledgment: 901, ..Tcp::default() };
    through(world, 1, &tcp(up(1), client, server, ack), 0);
    external.port()
}

/// Later fragments without a first: as many as may wait, and one more.
fn headless(family: Family) -> Story {
    let large = udp(
        up(1),
        at(family.inside(1), 5000),
        at(family.outside, 53),
        &[7; 8 * (MAX_WAITING_FRAMES + 2) - 8],
    );
    let mut pieces = fragments(&large, 8, 77).split_off(1);
    assert_eq!(pieces.len(), MAX_WAITING_FRAMES + 1);
    let last = pieces.remove(MAX_WAITING_FRAMES);
    Story::of(|_| {}, 1, last).after(pieces.into_iter().map(|piece| (1, piece)))
}

/// Replies to some who have not told where they are: as many as may be waited for, and one more.
fn unanswered(family: Family) -> Story {
    let mut story = Story::of(|_| {}, 0, Vec::new());
    let server = at(family.outside, 53);
    let mut replies: Vec<_> = (0..=MAX_LEARNED as u16)
        .map(|n| {
            let out = udp(up(1), at(family.nobody(n), 5000), server, b"question");
            let external = hear(&through(&mut story.world, 1, &out, 0)).from;
            (0, udp(down(), server, external, b"answer"))
        })
        .collect();
    story.frame = replies.pop().map_or_else(Vec::new, |(_, frame)| frame);
    story.after(replies)
}

/// One flow in a second may begin, and has.
fn limited(family: Family) -> Story {
    let one = PortLimits { new_flows: NonZeroU64::new(1), ..PortLimits::NONE };
    let world = network(3, |_| {}).port(1, |port| port.limits = one).start();
    let story = Story { world, port: 1, frame: question(family, 1, 5000), told: false };
    story.after([(1, question(family, 1, 5001))])
}

fn story(reason: DropReason, family: Family) -> Option<Story> {
    use DropReason as R;
    let Family { host, outside, stranger, .. } = family;
    let usual = || question(family, 1, 5000);
    let from_outside = |to| udp(down(), at(outside, 4000), at(host, to), b"call");
    Some(match reason {
        R::CtInvalid => {
            let answer = Tcp { flags: "SA", ..Tcp::default() };
            let frame = tcp(up(1), at(family.inside(1), 5000), at(outside, 80), answer);
            Story::of(|_| {}, 1, frame)
        }
        R::CtFull => full(family),
        R::CtClash => {
            let publish =
                |router: &mut RouterConfig| router.published = publishing([published(17)]);
            let before = udp(up(1), at(family.inside(1), 80), at(outside, 4000), b"first");
            Story::of(publish, 0, from_outside(8000)).after([(1, before)])
        }
        R::CtPortFull => Story::of(|router| router.conntrack.port_limit = 1, 1, usual())
            .after([(1, question(family, 1, 5001))]),
        R::LimitNewFlows => limited(family),
        R::HiddenTransport if family.is_v4() => return None,
        R::HiddenTransport => Story::of(|_| {}, 1, hidden(&usual(), 9, false)),
        R::FilterDrop => Story::of(|router| router.filter.policy = Action::Drop, 1, usual()),
        R::FilterReject => {
            Story::of(|router| router.filter.policy = Action::Reject, 1, usual()).told()
        }
        R::NoIcc => {
            let frame = udp(across(1, 2), at(family.inside(1), 1), at(family.inside(2), 2), b"hi");
            Story::of(|router| router.filter.icc = false, 1, frame)
        }
        R::OtherNetwork => {
            let call = udp(up(1), at(family.inside(1), 1), at(theirs(family), 2), b"hi");
            Story::of(beside, 1, call).told()
        }
        R::Internal => Story::of(internal, 1, usual()),
        R::NotPublished => {
            let direct = udp(across(0, 1), at(outside, 53), at(family.inside(1), 80), b"hello");
            Story::of(|_| {}, 0, direct)
        }
        R::NoRoute => Story::of(|router| router.host.routes.clear(), 1, usual()).told(),
        R::NotOurs => {
            let about = udp(up(1), at(host, 999), at(outside, 53), b"never sent");
            let error = complain(down(), outside, host, Complaint::PortUnreachable, &about);
            Story::of(|_| {}, 0, error)
        }
        R::NatPortsFull => Story::of(|router| router.nat.ports = 61_000..=61_000, 1, usual())
            .after([(2, question(family, 2, 5000))]),
        R::NatFiltered => {
            let call = udp(down(), at(stranger, 53), at(host, 61_000), b"call");
            Story::of(|router| router.nat.ports = 61_000..=61_000, 0, call).after([(1, usual())])
        }
        R::TtlExpired => {
            let probe =
                udp_with_hops(up(1), at(family.inside(1), 5000), at(outside, 33434), b"", 1);
            Story::of(|_| {}, 1, probe).told()
        }
        R::FragmentLost => headless(family),
        R::Unresolved => unanswered(family),
        R::SpoofedSource => {
            Story::of(|_| {}, 1, udp(up(1), at(stranger, 5000), at(outside, 53), b"who?"))
        }
        _ => return None,
    })
}

pub(crate) fn internal(router: &mut RouterConfig) {
    if let Some(uplink) = &mut router.uplink {
        uplink.internal = true;
    }
}

#[test]
fn each_reason_ends_its_frame_and_moves_no_other_counter() {
    for &reason in DropReason::ALL {
        for family in FAMILIES {
            let Some(Story { mut world, port, frame, told }) = story(reason, family) else {
                continue;
            };
            let length = frame.len();
            let mut moves = vec![received(port, [length]), dropped(port, reason, 1)];
            if told {
                // Its packet whole, behind an IP header and that of ICMP.
                moves.push(sent(port, [length + family.of(28, 48)]));
            }
            println!("{reason} {family:?}");
            world.moves(|world| world.send(port, &frame), moves);
        }
    }
}

#[test]
fn no_reason_of_the_router_is_without_a_story() {
    let of_router = DropReason::CtInvalid..=DropReason::SpoofedSource;
    for reason in DropReason::ALL {
        let told = story(*reason, V6).is_some();
        assert_eq!(told, of_router.contains(reason), "{reason}");
    }
}
