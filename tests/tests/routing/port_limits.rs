//! How many flows may a port have, and begin?

use crate::live::{call, config, question, world};
use dataplane::config::PortLimits;
use dataplane::outcome::{DropReason, PortId};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, received};
use udp_bridge_tests::network::*;
use udp_bridge_tests::world::{Setup, World};

#[test]
fn a_router_that_is_put_in_keeps_to_the_limits_that_were_set_before() {
    for family in FAMILIES {
        let one = PortLimits { flows: NonZeroUsize::new(1), ..PortLimits::NONE };
        let setup = Setup::of(4).port(1, |port| port.limits = one);
        let mut world = setup.start();
        world.reconfigure(Some(config()));
        flows_are_limited_to_one(&mut world, family);
    }
}

fn flows_are_limited_to_one(world: &mut World, family: Family) {
    let [first, second] = [5000, 5001].map(|from| question(family, 1, from));
    through(world, 1, &first, 0);
    world.moves(
        |world| world.send(1, &second),
        [received(1, [second.len()]), dropped(1, DropReason::CtPortFull, 1)],
    );
    through(world, 1, &first, 0);
    through(world, 2, &question(family, 2, 5000), 0);
    through(world, 2, &question(family, 2, 5001), 0);
}

#[test]
fn a_share_of_flows_is_set_while_they_go_on() {
    for family in FAMILIES {
        let mut world = world();
        let limit = |world: &mut World, flows| {
            let limits = PortLimits { flows: NonZeroUsize::new(flows), ..PortLimits::NONE };
            world.forwarder().pipeline_mut().limit(PortId(1), limits);
        };
        limit(&mut world, 1);
        flows_are_limited_to_one(&mut world, family);
        limit(&mut world, 3);
        through(&mut world, 1, &question(family, 1, 5001), 0);
        through(&mut world, 1, &question(family, 1, 5002), 0);
        limit(&mut world, 1);
        assert_eq!(world.flows().len(), 5, "nobody is turned out");
        let next = question(family, 1, 5003);
        world.moves(
            |world| world.send(1, &next),
            [received(1, [next.len()]), dropped(1, DropReason::CtPortFull, 1)],
        );
        limit(&mut world, 0);
        through(&mut world, 1, &next, 0);
    }
}

#[test]
fn more_new_flows_in_a_second_than_the_limit_are_refused_and_old_ones_go_on() {
    for family in FAMILIES {
        let three = PortLimits { new_flows: NonZeroU64::new(3), ..PortLimits::NONE };
        let setup = network(4, |router| *router = config()).port(1, |port| port.limits = three);
        let mut world = setup.start();
        let begin = |world: &mut World, from: std::ops::Range<u16>| {
            let before = world.counters()[1].dropped(DropReason::LimitNewFlows);
            from.for_each(|from| world.send(1, &question(family, 1, from)));
            world.run();
            world.received_by(0);
            world.counters()[1].dropped(DropReason::LimitNewFlows) - before
        };
        assert_eq!(begin(&mut world, 5000..5005), 2);
        assert_eq!(begin(&mut world, 5000..5003), 0, "they are known");
        // A flow that leads to the namespace is its own as well; the frame is its sender's.
        let call = call(family, 8000);
        world.moves(
            |world| world.send(0, &call),
            [received(0, [call.len()]), dropped(0, DropReason::LimitNewFlows, 1)],
        );
        world.wait(Duration::from_secs(1));
        assert_eq!(begin(&mut world, 6000..6005), 2);
        assert_eq!((world.flows().len(), world.routed().leases()), (6, 6));
        for from in 1..50 {
            through(&mut world, 2, &question(family, 2, from), 0);
        }
    }
}
