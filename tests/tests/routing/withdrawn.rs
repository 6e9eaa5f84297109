//! A rule, the policy or ICC is not what it was: which flows end with it?

use crate::live::flows;
use dataplane::config::{Action, RouterConfig, Rule};
use dataplane::flow::FlowState;
use dataplane::outcome::DropReason;
use udp_bridge_tests::counts::{dropped, received};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

fn accepting(to: u16) -> Rule {
    Rule { protocol: Some(17), destination_ports: vec![to..=to], ..Rule::default() }
}

fn ruled(rules: Vec<Rule>) -> RouterConfig {
    let mut config = router(4);
    config.filter.policy = Action::Drop;
    config.filter.rules = rules;
    config
}

fn asks(family: Family, port: u16, to: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), 5000), at(family.outside, to), b"question")
}

fn replied(world: &mut World, family: Family, port: u16, to: u16) -> Vec<u8> {
    let out = through(world, port, &asks(family, port, to), 0);
    let answer = udp(down(), at(family.outside, to), hear(&out).from, b"answer");
    through(world, 0, &answer, port);
    out
}

#[test]
fn flows_end_with_the_rule_that_let_them_begin_though_they_are_established() {
    for family in FAMILIES {
        let mut world =
            network(4, |router| *router = ruled(vec![accepting(53), accepting(54)])).start();
        replied(&mut world, family, 1, 53);
        let stays = replied(&mut world, family, 1, 54);
        // What it is called by does not matter; neither does another one before it.
        let renamed = Rule { place: "elsewhere".to_owned(), ..accepting(54) };
        world.reconfigure(Some(ruled(vec![accepting(99), renamed])));
        assert_eq!(world.flows().len(), 1);
        assert_eq!(through(&mut world, 1, &asks(family, 1, 54), 0), stays);
        let hits = world.routed().hits().clone();
        assert_eq!(hits.rules[0].packets, 0);
        assert_eq!(hits.rules[1].packets, 2, "it goes on counting");
        let question = asks(family, 1, 53);
        world.moves(
            |world| world.send(1, &question),
            [received(1, [question.len()]), dropped(1, DropReason::FilterDrop, 1)],
        );
    }
}

#[test]
fn a_flow_goes_on_where_another_rule_would_let_it_begin() {
    for family in FAMILIES {
        let mut world =
            network(4, |router| *router = ruled(vec![accepting(53), accepting(54)])).start();
        let before = replied(&mut world, family, 1, 53);
        let wide = Rule { destination_ports: Vec::new(), ..accepting(53) };
        world.reconfigure(Some(ruled(vec![wide])));
        assert_eq!(through(&mut world, 1, &asks(family, 1, 53), 0), before);
    }
}

#[test]
fn flows_end_with_the_policy_and_with_icc_that_let_them_begin() {
    for family in FAMILIES {
        let mut world = network(4, |_| {}).start();
        replied(&mut world, family, 1, 53);
        world.reconfigure(Some(ruled(vec![accepting(54)])));
        assert_eq!(world.flows().len(), 0);

        let tracked = |icc| {
            let mut config = router(4);
            let states = vec![FlowState::Established];
            config.filter.rules = vec![Rule { states, ..Rule::default() }];
            config.filter.icc = icc;
            config
        };
        let mut world = network(4, |router| *router = tracked(true)).start();
        let ends = (at(family.inside(1), 7000), at(family.inside(2), 7001));
        through(&mut world, 1, &udp(across(1, 2), ends.0, ends.1, b"hi"), 2);
        through(&mut world, 2, &udp(across(2, 1), ends.1, ends.0, b"hi"), 1);
        replied(&mut world, family, 1, 53);
        world.reconfigure(Some(tracked(false)));
        assert_eq!(flows(&mut world), [(family.inside(1), 5000)]);
    }
}

#[test]
fn a_rule_that_only_forbids_more_leaves_flows_to_be_judged_by_it() {
    for family in FAMILIES {
        let mut world = network(4, |router| *router = ruled(vec![accepting(53)])).start();
        let before = replied(&mut world, family, 1, 53);
        let new = Rule { states: vec![FlowState::New], action: Action::Drop, ..Rule::default() };
        world.reconfigure(Some(ruled(vec![new, accepting(53)])));
        assert_eq!(through(&mut world, 1, &asks(family, 1, 53), 0), before);
        let other = asks(family, 2, 53);
        world.moves(
            |world| world.send(2, &other),
            [received(2, [other.len()]), dropped(2, DropReason::FilterDrop, 1)],
        );
    }
}
