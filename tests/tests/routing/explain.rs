//! Is what is explained what happens, and does explaining change nothing?
#![allow(clippy::panic, clippy::unwrap_used, reason = "all of this is test code")]

use crate::conservation::{Event, config, event, world};
use dataplane::capture::{Catch, Seen, Spec};
use dataplane::conntrack::FlowView;
use dataplane::filter::By;
use dataplane::flow::Direction;
use dataplane::frame::with_plain_header;
use dataplane::outcome::{DropReason, PortId, Verdict};
use dataplane::pipeline::Story;
use dataplane::pipeline::story::{Called, Way};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

const ALL: Spec = Spec { stories: true, ..Spec::ALL };

/// What the walk of a frame that came in says.
fn lived(catch: &mut Catch) -> Option<Result<Story, DropReason>> {
    let mut bytes = Vec::new();
    let first = catch.next(&mut bytes).map(|sighting| match sighting.seen {
        Seen::Came(fate) => {
            let story = *catch.story().unwrap();
            assert_eq!((fate.came, fate.left), (story.came.ends(), story.left));
            assert_eq!((fate.judged, fate.outcome), (story.judged, story.outcome));
            Ok(story)
        }
        Seen::Refused(reason) => Err(reason),
        Seen::Left { .. } => panic!("a frame left before any came"),
    });
    while catch.next(&mut bytes).is_some() {}
    first
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn explaining_changes_nothing_and_says_what_then_happens(
        events in vec(event(), 1..60), bits in any::<u8>(),
    ) {
        let mut world = world(bits);
        let mut catch = world.capture(ALL);
        for event in events {
            match event {
                Event::Frames { port, frames } => for frame in frames {
                    let before = world.state();
                    let told = world.explain(port, &frame);
                    prop_assert_eq!(before, world.state(), "explaining changed something");
                    world.send_raw(port, frame);
                    world.step(port);
                    if let Some(lived) = lived(&mut catch) {
                        prop_assert_eq!(told, lived);
                    }
                    world.ports().for_each(|port| drop(world.raw_received_by(port)));
                },
                Event::Wait(millis) => world.wait(Duration::from_millis(millis)),
                Event::Expire => world.expire_router(),
                Event::Reconfigure(bits) => {
                    prop_assert!(world.routed().reconfigure(config(bits)).is_ok());
                }
                Event::Vanish => world.host(2).vanish(),
            }
            while catch.next(&mut Vec::new()).is_some() {}
        }
    }
}

fn told(world: &World, port: u16, frame: &[u8]) -> Story {
    world.explain(port, &with_plain_header(frame)).unwrap()
}

#[test]
fn the_way_to_the_outside_is_told_with_flow_rule_and_mapping() {
    for family in FAMILIES {
        let mut world = network(3, udp_bridge_tests::fuzz::tight).start();
        let (inside, outside) = (at(family.inside(1), 4000), at(family.outside, 53));
        let frame = udp(up(1), inside, outside, b"who?");
        let story = told(&world, 1, &frame);
        assert_eq!((story.way, story.known, story.called), (Way::Up, None, None));
        assert_eq!((story.source_home, story.home), (Some(PortId(1)), Some(PortId(0))));
        assert_eq!(story.judged.unwrap().by, By::Policy);
        assert_eq!(story.outcome, Ok(Verdict::Unicast(PortId(0))));
        let left = story.left.unwrap();
        assert_eq!((left.source, left.destination), (family.host, family.outside));
        let FlowView { original, reply, .. } = story.begun.unwrap();
        assert_eq!(original, (inside.ip(), outside.ip(), 4000, 53));
        assert_eq!(reply.1, family.host);
        assert!(world.flows().is_empty(), "only told");

        through(&mut world, 1, &frame, 0);
        let back = udp(down(), outside, at(family.host, reply.3), b"me");
        let story = told(&world, 0, &back);
        let (known, direction) = story.known.unwrap();
        assert_eq!((known.original, direction, story.way), (original, Direction::Reply, Way::Down));
        assert_eq!(story.neighbour, Some((own_mac(1), PortId(1))));
        assert_eq!((story.outcome, story.begun), (Ok(Verdict::Unicast(PortId(1))), None));
    }
}

#[test]
fn what_is_published_is_told_with_where_it_leads_and_what_forbids_it() {
    for family in FAMILIES {
        let world = network(3, udp_bridge_tests::fuzz::tight).start();
        let called = |port| udp(down(), at(family.outside, 9), at(family.host, port), b"");
        let story = told(&world, 0, &called(8000));
        let target: IpAddr = family.inside(1);
        assert_eq!(story.called, Some(Called::Published(target, 80)));
        assert_eq!(story.outcome, Ok(Verdict::Unicast(PortId(1))));
        let story = told(&world, 0, &called(8001));
        assert_eq!(story.judged.unwrap().by, By::Rule(0));
        assert_eq!(story.outcome, Err(DropReason::FilterReject));
        let story = told(&world, 0, &called(9000));
        assert_eq!((story.called, story.begun), (None, None));
    }
}
