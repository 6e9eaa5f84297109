//! What a change of the running network takes away: which flows end with it, and what goes on?

use dataplane::clock::Time;
use dataplane::config::{Action, PortLimits, Publish, RouterConfig, Rule};
use dataplane::flow::FlowState;
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::PURGE_FLOWS;
use proptest::prelude::*;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, held, received, sent};
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::fragments;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{PortSetup, World, own_mac};

fn checked() -> PortSetup {
    PortSetup { check_source: true, ..PortSetup::default() }
}

/// Three namespaces, of which the first has published ports.
fn config() -> RouterConfig {
    RouterConfig { published: publishing([published(17)]), ..router(4) }
}

fn world() -> World {
    network(4, |router| *router = config()).start()
}

/// From a namespace to the outside.
fn question(family: Family, port: u16, from: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), from), at(family.outside, 53), b"question")
}

/// From the outside to what is published.
fn call(family: Family, to: u16) -> Vec<u8> {
    udp(down(), at(family.outside, 4000), at(family.host, to), b"call")
}

/// From a namespace to what its sibling has published.
fn hairpin(family: Family, port: u16, to: u16) -> Vec<u8> {
    udp(up(port), at(family.inside(port), 6000), at(family.host, to), b"hairpin")
}

/// The flows as their first packets were addressed, sorted.
fn flows(world: &mut World) -> Vec<(IpAddr, u16)> {
    let mut all: Vec<_> =
        world.flows().iter().map(|flow| (flow.original.0, flow.original.2)).collect();
    all.sort_unstable();
    all
}

#[test]
fn the_flows_of_a_port_end_with_it_and_the_others_go_on() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 1, &question(family, 1, 5000), 0);
        through(&mut world, 0, &call(family, 8000), 1);
        through(&mut world, 2, &hairpin(family, 2, 8001), 1);
        let stays = through(&mut world, 2, &question(family, 2, 5000), 0);
        assert_eq!((world.flows().len(), world.routed().leases()), (4, 3));
        assert!(world.remove(1));
        assert_eq!(flows(&mut world), [(family.inside(2), 5000)]);
        assert_eq!((world.routed().leases(), world.routed().ports_in_use()), (1, 1));
        assert_eq!(through(&mut world, 2, &question(family, 2, 5000), 0), stays);
        world.reconfigure(Some(config()));
        assert_eq!(through(&mut world, 2, &question(family, 2, 5000), 0), stays);
    }
}

#[test]
fn the_bridged_flows_of_a_port_end_with_it_at_both_ends() {
    for family in FAMILIES {
        let tracked = |router: &mut RouterConfig| {
            let state = vec![FlowState::Established];
            router.filter.rules = vec![Rule { states: state, ..Rule::default() }];
        };
        let mut world = network(4, tracked).start();
        for (from, to) in [(1, 2), (2, 1), (2, 3), (3, 1)] {
            let ends = (at(family.inside(from), 7000), at(family.inside(to), 7001));
            through(&mut world, from, &udp(across(from, to), ends.0, ends.1, b"hi"), to);
        }
        assert_eq!(world.flows().len(), 4);
        world.remove(1);
        assert_eq!(flows(&mut world), [(family.inside(2), 7000)]);
    }
}

#[test]
fn who_comes_in_anothers_place_hears_nothing_that_was_meant_for_it() {
    for family in FAMILIES {
        let mut world = network(4, |router| {
            *router = config();
            router.conntrack.port_limit = 1;
        })
        .start();
        let old = hear(&through(&mut world, 1, &question(family, 1, 5000), 0)).from;
        let answer = udp(down(), at(family.outside, 53), old, b"answer");
        through(&mut world, 0, &answer, 1);
        // The first piece of another answer is through, the second is late.
        let large = udp(down(), at(family.outside, 53), old, &[7; 64]);
        let pieces = fragments(&large, 40, 7);
        through(&mut world, 0, &pieces[0], 1);
        world.remove(1);
        assert_eq!(world.add(1, checked()), Ok(1));
        world.reconfigure(Some(RouterConfig { published: publishing([]), ..config() }));
        // Nobody has this port now, so it is the host's own.
        assert_eq!(hear(&through(&mut world, 0, &answer, 0)).to, old);
        world
            .moves(|world| world.send(0, &pieces[1]), [received(0, [pieces[1].len()]), held(0, 1)]);
        // And it has a share of flows of its own.
        through(&mut world, 1, &question(family, 1, 5001), 0);
        assert_eq!(world.flows().len(), 1);
    }
}

#[test]
fn addresses_that_were_given_to_an_id_before_its_port_came_are_not_its_own() {
    for family in FAMILIES {
        let mut world = world();
        world.remove(1);
        world.reconfigure(Some(config()));
        assert_eq!(world.add(7, checked()), Ok(1));
        world.moves(
            |world| world.send(0, &call(family, 8000)),
            [
                received(0, [call(family, 8000).len()]),
                held(0, 1),
                // It is asked for.
                sent(1, [family.of(42, 86)]),
                sent(2, [family.of(42, 86)]),
                sent(3, [family.of(42, 86)]),
            ],
        );
    }
}

#[test]
fn frames_that_wait_of_a_port_are_dropped_with_it() {
    for family in FAMILIES {
        let mut world = network(4, |_| {}).start();
        // One waits for its first fragment, one for a neighbour that it calls by the host.
        let large = udp(up(1), at(family.inside(1), 5), at(family.outside, 53), &[7; 64]);
        let late = fragments(&large, 40, 7).remove(1);
        let nobody = at(family.nobody(1), 80);
        let mut publish = published(17);
        match nobody.ip() {
            IpAddr::V4(address) => publish.target_v4 = address,
            IpAddr::V6(address) => publish.target_v6 = Some(address),
        }
        world.reconfigure(Some(RouterConfig { published: publishing([publish]), ..router(4) }));
        for port in [1, 2] {
            world.send(port, &hairpin(family, port, 8000));
        }
        world.send(1, &late);
        world.run();
        assert_eq!(world.counters()[1].held, 2);
        world.ports().for_each(|port| drop(world.received_by(port)));
        world.remove(1);
        assert_eq!(world.counters()[1].dropped(DropReason::Unresolved), 1);
        assert_eq!(world.counters()[1].dropped(DropReason::FragmentLost), 1);
        // The other one goes on when the neighbour is there.
        let told =
            udp_bridge_tests::errors::tell((own_mac(3), nobody.ip()), (own_mac(0), family.bridge));
        world.send(3, &told);
        world.run();
        let came = world.received_by(3);
        assert_eq!(came.len(), 1, "{came:x?}");
        assert_eq!(hear(&came[0]).to.ip(), nobody.ip());
    }
}

#[test]
fn a_flow_by_a_published_port_ends_with_the_publishing_without_a_packet() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 0, &call(family, 8000), 1);
        through(&mut world, 2, &hairpin(family, 2, 8000), 1);
        through(&mut world, 0, &call(family, 8001), 1);
        let rest = Publish { ports: 8001..=8009, target_port: 81, ..published(17) };
        world.reconfigure(Some(RouterConfig { published: publishing([rest]), ..config() }));
        let all = world.flows();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].original.3, world.routed().leases()), (8001, 0));
    }
}

#[test]
fn a_flow_under_an_external_address_ends_when_that_is_not_used_any_more() {
    for family in FAMILIES {
        let others: [IpAddr; 2] = family.of(
            [Ipv4Addr::new(192, 0, 2, 10).into(), Ipv4Addr::new(192, 0, 2, 11).into()],
            [
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 10).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 11).into(),
            ],
        );
        let with = |addresses: &[IpAddr]| {
            let mut config = config();
            config.host.addresses.extend(others);
            config.nat.addresses = addresses.to_vec();
            config
        };
        let mut world = network(4, |router| *router = with(&others)).start();
        let wears = |world: &mut World, port| {
            hear(&through(world, port, &question(family, port, 5000), 0)).from.ip()
        };
        for gone in others {
            let left: Vec<_> = others.into_iter().filter(|&it| it != gone).collect();
            world.reconfigure(Some(with(&others)));
            let before = [1, 2, 3].map(|port| wears(&mut world, port));
            world.reconfigure(Some(with(&left)));
            let stay = (1..4).zip(before).filter(|(_, wore)| *wore != gone);
            let stay: Vec<_> = stay.map(|(port, _)| (family.inside(port), 5000)).collect();
            assert_eq!(flows(&mut world), stay);
            for port in 1..4 {
                assert_eq!(wears(&mut world, port), left[0]);
            }
            world.routed().flush();
        }
    }
}

#[test]
fn an_address_that_moves_to_another_port_leaves_its_flows_behind() {
    for family in FAMILIES {
        let mut world = world();
        through(&mut world, 1, &question(family, 1, 5000), 0);
        through(&mut world, 2, &question(family, 2, 5000), 0);
        let mut config = config();
        let address = family.inside(1);
        let moved = config.hosts.iter_mut().find(|host| host.0 == address).unwrap();
        (moved.1, moved.2) = (own_mac(3), PortId(3));
        world.reconfigure(Some(config));
        assert_eq!(flows(&mut world), [(family.inside(2), 5000)]);
    }
}

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

#[test]
fn a_switch_gets_a_router_and_is_a_switch_again() {
    for family in FAMILIES {
        let mut world = udp_bridge_tests::world::Setup::of(4).start();
        let question = question(family, 1, 5000);
        let plain = || [received(1, [question.len()]), sent(0, [question.len()])];
        world.moves(|world| world.send(1, &question), plain());
        assert_eq!(
            world.received_by(0),
            std::slice::from_ref(&question),
            "nobody has translated it"
        );
        world.reconfigure(Some(config()));
        let out = hear(&through(&mut world, 1, &question, 0));
        assert_eq!(out.from.ip(), family.host);
        let answer = udp(down(), at(family.outside, 53), out.from, b"answer");
        assert_eq!(hear(&through(&mut world, 0, &answer, 1)).to, at(family.inside(1), 5000));
        // One that waits for its first fragment when the router goes has ended.
        let late = fragments(
            &udp(up(1), at(family.inside(1), 1), at(family.outside, 53), &[7; 64]),
            40,
            7,
        );
        world.moves(|world| world.send(1, &late[1]), [received(1, [late[1].len()]), held(1, 1)]);
        world.moves(|world| world.reconfigure(None), [dropped(1, DropReason::FragmentLost, 1)]);
        assert_eq!(through(&mut world, 1, &question, 0), question);
    }
}

#[test]
fn a_router_that_is_put_in_keeps_to_the_limits_that_were_set_before() {
    for family in FAMILIES {
        let one = PortLimits { flows: NonZeroUsize::new(1), ..PortLimits::NONE };
        let setup = udp_bridge_tests::world::Setup::of(4).port(1, |port| port.limits = one);
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

#[test]
fn between_the_steps_of_a_purge_frames_flow_and_no_ended_flow_is_used() {
    for family in FAMILIES {
        let mut world = network(4, |router| {
            *router = config();
            router.filter.rules = vec![accepting(53)];
            router.filter.policy = Action::Drop;
        })
        .start();
        let flows = 2 * PURGE_FLOWS as u16 + 100;
        let ended = (1000..1000 + flows).map(|from| question(family, 1, from));
        let ended: Vec<_> =
            ended.map(|frame| hear(&through(&mut world, 1, &frame, 0)).from).collect();
        let stays = through(&mut world, 2, &question(family, 2, 5000), 0);
        assert!(world.forwarder().remove(PortId(1), Time::START).is_some());
        let mut steps = 0;
        loop {
            let more = world.forwarder().pipeline_mut().purge(Time::START);
            // One that has not been looked at yet is none, the other one goes on.
            let answer = udp(down(), at(family.outside, 53), ended[ended.len() - 1], b"answer");
            assert_eq!(hear(&through(&mut world, 0, &answer, 0)).to, ended[ended.len() - 1]);
            assert_eq!(through(&mut world, 2, &question(family, 2, 5000), 0), stays);
            steps += 1;
            if !more {
                break;
            }
        }
        assert_eq!((steps, world.flows().len()), (3, 1));
    }
}

#[test]
fn a_change_ends_the_purge_of_the_one_before_it() {
    for family in FAMILIES {
        let mut world = world();
        for from in 1000..1000 + 2 * PURGE_FLOWS as u16 {
            through(&mut world, 1, &question(family, 1, from), 0);
        }
        through(&mut world, 2, &question(family, 2, 5000), 0);
        assert!(world.forwarder().remove(PortId(1), Time::START).is_some());
        assert!(world.flows().len() > 1, "nobody has looked yet");
        assert_eq!(world.add(1, checked()), Ok(1));
        assert_eq!(flows(&mut world), [(family.inside(2), 5000)]);
    }
}

/// Flows of all kinds between the ends of a network of four ports, in random order.
#[derive(Clone, Copy, Debug)]
enum Begun {
    Out(u16, u16),
    In(u16),
    Hairpin(u16, u16),
}

fn begun() -> impl Strategy<Value = Begun> {
    prop_oneof![
        (1u16..4, 5000u16..5020).prop_map(|(port, from)| Begun::Out(port, from)),
        (8000u16..8010).prop_map(Begun::In),
        (1u16..4, 8000u16..8010).prop_map(|(port, to)| Begun::Hairpin(port, to)),
    ]
}

impl Begun {
    fn frame(self, family: Family) -> (u16, Vec<u8>) {
        match self {
            Self::Out(port, from) => (port, question(family, port, from)),
            Self::In(to) => (0, call(family, to)),
            Self::Hairpin(port, to) => (port, hairpin(family, port, to)),
        }
    }

    /// Has the flow to do with the port? What is published is behind port 1.
    fn concerns(self, port: u16) -> bool {
        match self {
            Self::Out(of, _) => of == port,
            Self::In(_) => port == 1,
            Self::Hairpin(of, _) => of == port || port == 1,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn just_the_flows_of_a_port_end_with_it_and_all_that_they_held_is_back(
        all in proptest::collection::vec(begun(), 1..60), gone in 1u16..4, v6 in any::<bool>(),
    ) {
        let family = if v6 { V6 } else { V4 };
        let mut world = world();
        let send = |world: &mut World, begun: Begun| {
            let (port, frame) = begun.frame(family);
            world.send(port, &frame);
            world.run();
            world.ports().flat_map(|port| world.received_by(port)).collect::<Vec<_>>()
        };
        let before: Vec<_> = all.iter().map(|&begun| (begun, send(&mut world, begun))).collect();
        let stay: Vec<_> = before.into_iter().filter(|(begun, _)| !begun.concerns(gone)).collect();
        world.remove(gone);
        let originals: HashSet<_> = stay.iter().map(|(begun, _)| begun.frame(family)).collect();
        prop_assert_eq!(world.flows().len(), originals.len());
        // All others go on as they did.
        for (begun, came) in stay {
            prop_assert_eq!(send(&mut world, begun), came);
        }
        prop_assert_eq!(world.flows().len(), originals.len());
        for port in 1..4 {
            world.remove(port);
        }
        let router = world.routed();
        prop_assert_eq!((router.flows(), router.leases(), router.ports_in_use()), (0, 0, 0));
    }
}
