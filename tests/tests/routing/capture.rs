//! Is every frame seen where it comes in and where it goes out, with what was decided, and is what does
//! not fit counted?
#![allow(clippy::panic, clippy::unwrap_used, reason = "all of this is test code")]

use dataplane::capture::{
    Catch, Filter, MAX_CAPTURES, Protocol, RING_BYTES, RING_SIGHTINGS, STALL, Seen, Side, Sighting,
    Spec,
};
use dataplane::frame::with_plain_header;
use dataplane::outcome::{DropReason, PortId, Verdict};
use dataplane::wire::ethernet::MacAddr;
use udp_bridge_tests::network::*;
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::pieces::unfinished;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

/// All that was seen.
fn seen(catch: &mut Catch) -> Vec<(Sighting, Vec<u8>)> {
    std::iter::from_fn(|| {
        let mut bytes = Vec::new();
        Some((catch.next(&mut bytes)?, bytes))
    })
    .collect()
}

#[test]
fn a_translated_packet_is_seen_before_and_after_with_its_verdict() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let mut catch = world.capture(Spec::ALL);
        let frame = udp(up(1), at(family.inside(1), 4000), at(family.outside, 53), b"who?");
        let out = through(&mut world, 1, &frame, 0);
        let seen = seen(&mut catch);
        assert_eq!(seen.len(), 2, "{seen:?}");
        let ((came, before), (left, after)) = (&seen[0], &seen[1]);
        assert_eq!((came.port, before), (PortId(1), &frame));
        assert_eq!((left.port, after), (PortId(0), &out));
        assert!(came.stamp <= left.stamp && came.stamp > 0);
        let Seen::Came(fate) = came.seen else { panic!("{came:?}") };
        assert_eq!(fate.outcome, Ok(Verdict::Unicast(PortId(0))));
        let Seen::Left { from, came, goes, taken } = left.seen else { panic!("{left:?}") };
        assert_eq!((from, taken), (Some(PortId(1)), Ok(())));
        assert_eq!(came.unwrap().source, family.inside(1));
        assert_eq!(goes.unwrap().source, family.host);
        assert_eq!((came, goes), (fate.came, fate.left));
    }
}

#[test]
fn drops_and_floods_and_what_is_refused_are_seen() {
    let mut world = network(4, |router| router.filter.icc = false).start();
    let mut catch = world.capture(Spec::ALL);
    let ends = [at(inside(1), 1), at(inside(2), 2)];
    let forbidden = udp(across(1, 2), ends[0], ends[1], b"");
    world.send(1, &forbidden);
    let broadcast = plain(MacAddr::BROADCAST, own_mac(1), 60);
    world.send(1, &broadcast);
    world.send(1, &[7; 9]);
    world.run();
    let seen = seen(&mut catch);
    let outcomes: Vec<_> = seen
        .iter()
        .filter_map(|(sighting, _)| match sighting.seen {
            Seen::Came(fate) => Some(fate.outcome),
            Seen::Refused(reason) => Some(Err(reason)),
            Seen::Left { .. } => None,
        })
        .collect();
    let died = [Err(DropReason::NoIcc), Ok(Verdict::Flood), Err(DropReason::ShortFrame)];
    assert_eq!(outcomes, died);
    let left: Vec<_> = seen
        .iter()
        .filter(|(seen, _)| seen.seen.is_outbound())
        .map(|(s, b)| (s.port.0, b))
        .collect();
    assert_eq!(left, [0, 2, 3].map(|port| (port, &broadcast)));
    assert_eq!(seen.last().unwrap().1, [7; 9]);
}

#[test]
fn what_we_say_ourselves_and_what_has_waited_is_seen_to_leave() {
    let mut world = network(3, |router| router.hosts.clear()).start();
    let mut catch = world.capture(Spec::ALL);
    let to = at(inside(1), 80);
    through(&mut world, 1, &udp(up(1), to, at(OUTSIDE, 53), b"who?"), 0);
    let external = world.flows()[0].reply.3;
    seen(&mut catch);
    world.send(0, &udp(down(), at(OUTSIDE, 53), at(HOST, external), b"me"));
    world.run();
    let asked = seen(&mut catch);
    let Seen::Came(fate) = asked[0].0.seen else { panic!("{asked:?}") };
    assert_eq!(fate.outcome, Ok(Verdict::Held));
    let own =
        |(sighting, _): &(Sighting, _)| matches!(sighting.seen, Seen::Left { from: None, .. });
    assert_eq!((asked.len(), asked[1..].iter().all(own)), (3, true), "the question goes to both");
    let answer = udp_bridge_tests::errors::tell((own_mac(1), to.ip()), (own_mac(0), BRIDGE.into()));
    world.send(1, &answer);
    world.run();
    let released = seen(&mut catch)
        .into_iter()
        .find(|(sighting, _)| sighting.port == PortId(1) && sighting.seen.is_outbound());
    let Seen::Left { from, goes, .. } = released.unwrap().0.seen else { panic!() };
    assert_eq!((from, goes.unwrap().destination), (Some(PortId(0)), to.ip()));
}

#[test]
fn a_copy_that_its_port_does_not_take_is_seen_with_the_reason() {
    let mut world = network(3, |_| {}).port(2, |port| port.mtu = 600).start();
    let mut catch = world.capture(Spec { port: Some(PortId(2)), ..Spec::ALL });
    let long = udp(across(1, 2), at(inside(1), 1), at(inside(2), 2), &[0; 1000]);
    world.send(1, &long);
    world.run();
    let seen = seen(&mut catch);
    assert_eq!((seen.len(), &seen[0].1), (1, &long));
    let Seen::Left { taken, .. } = seen[0].0.seen else { panic!("{seen:?}") };
    assert_eq!(taken, Err(DropReason::ExceedsMtu));
}

#[test]
fn a_super_frame_is_seen_whole_with_what_its_sender_left_undone() {
    let mut world = network(3, |_| {}).start();
    let mut catch = world.capture(Spec::ALL);
    let says = Tcp { flags: "A", sequence: 1, acknowledgment: 1, payload: &[9; 60_000], mss: None };
    let frame = tcp(across(1, 2), at(inside(1), 1), at(inside(2), 2), says);
    world.send_raw(1, unfinished(frame.clone(), 1400));
    world.run();
    let seen = seen(&mut catch);
    assert_eq!(seen.len(), 2);
    for (sighting, bytes) in seen {
        assert_eq!(bytes.len(), frame.len());
        assert!(sighting.offload.needs_checksum());
        assert_eq!(sighting.offload.gso_size.get(), 1400);
    }
}

#[test]
fn a_filter_is_asked_at_each_place_about_the_frame_as_it_is_there() {
    let mut world = network(3, |_| {}).start();
    let host = Filter::Net(Side::Source, std::net::IpAddr::from(HOST).into());
    let mut translated = world.capture(Spec { filter: host, ..Spec::ALL });
    let mut none = world.capture(Spec { filter: Filter::Protocol(Protocol::Tcp), ..Spec::ALL });
    through(&mut world, 1, &udp(up(1), at(inside(1), 1), at(OUTSIDE, 53), b""), 0);
    let seen = seen(&mut translated);
    assert_eq!((seen.len(), seen[0].0.port), (1, PortId(0)));
    assert_eq!(none.next(&mut Vec::new()), None);
}

/// Sends until a ring must be full. Returns how many frames were sent.
fn flood(world: &mut World, frame: &[u8], rounds: usize) -> u64 {
    for _ in 0..rounds {
        world.send_raw(1, frame.to_vec());
        world.step(1);
        world.raw_received_by(2);
    }
    rounds as u64
}

#[test]
fn either_ring_that_is_full_counts_what_it_misses_and_nothing_else_changes() {
    let small = with_plain_header(&udp(across(1, 2), at(inside(1), 1), at(inside(2), 2), b""));
    let says = Tcp { flags: "A", sequence: 1, acknowledgment: 1, payload: &[9; 60_000], mss: None };
    let large = unfinished(tcp(across(1, 2), at(inside(1), 1), at(inside(2), 2), says), 1400);
    for (frame, rounds) in [(small, RING_SIGHTINGS), (large, RING_BYTES / 60_000)] {
        let mut world = network(3, |_| {}).start();
        let mut catch = world.capture(Spec::ALL);
        let sent = flood(&mut world, &frame, rounds);
        let missed: u64 = catch.missed().iter().sum();
        assert_eq!(seen(&mut catch).len() as u64 + missed, 2 * sent);
        assert!(missed > sent / 2, "{missed} of {sent}");
        assert_eq!(catch.missed()[0], 0);
        assert_eq!(world.counters()[2].sent, sent, "each arrived");
    }
}

#[test]
fn a_capture_whose_reader_stalls_or_goes_is_ended_and_the_others_are_not() {
    let frame = with_plain_header(&udp(across(1, 2), at(inside(1), 1), at(inside(2), 2), b""));
    let mut world = network(3, |_| {}).start();
    let mut stalled = world.capture(Spec::ALL);
    let mut read = world.capture(Spec::ALL);
    drop(world.capture(Spec::ALL));
    flood(&mut world, &frame, RING_SIGHTINGS);
    assert!(world.is_captured() && !stalled.is_over());
    seen(&mut read);
    world.wait(STALL);
    flood(&mut world, &frame, 1);
    assert!(world.is_captured());
    assert!(stalled.is_over() && !read.is_over());
    assert_eq!(seen(&mut stalled).len(), RING_SIGHTINGS, "what was seen by then can be read");
    assert_eq!(seen(&mut read).len(), 2);
    drop(read);
    assert!(!world.is_captured(), "the path is as it was before");
}

#[test]
fn a_capture_of_a_port_ends_with_it_and_does_not_see_who_gets_its_id() {
    let mut world = network(3, |_| {}).start();
    let mut one = world.capture(Spec { port: Some(PortId(2)), ..Spec::ALL });
    let mut all = world.capture(Spec::ALL);
    assert!(world.remove(2));
    assert!(one.is_over() && !all.is_over());
    let setup = world.setup(1).clone();
    assert_eq!(world.add(2, setup), Ok(2));
    through(&mut world, 1, &udp(across(1, 2), at(inside(1), 1), at(inside(2), 2), b""), 2);
    assert_eq!((seen(&mut one).len(), seen(&mut all).len()), (0, 2));
    let named = all.named().unwrap();
    assert_eq!((named.port, named.name), (PortId(2), world.setup(2).config(2).name));
}

#[test]
fn there_are_so_many_captures_and_no_more_until_one_is_over() {
    let mut world = network(2, |_| {}).start();
    let mut all: Vec<_> = (0..MAX_CAPTURES).map(|_| world.capture(Spec::ALL)).collect();
    let refused = world.try_capture(Spec::ALL).unwrap_err().to_string();
    assert!(refused.contains("there are 4 captures of this network already"), "{refused}");
    all.pop();
    assert!(world.try_capture(Spec::ALL).is_ok());
}
