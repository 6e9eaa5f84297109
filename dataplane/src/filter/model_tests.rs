//! The filter against the obvious way to do it: every rule in turn, every field in turn.

use super::*;
use crate::config::Place;
use crate::flow::NetworkId;
use crate::outcome::PortId;
use crate::wire::{icmp, tcp, udp};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

fn place_has(place: Option<Place>, zone: Zone) -> bool {
    match place {
        None => true,
        Some(Place::Port(port)) => zone == Zone::Port(port),
        Some(Place::Namespaces) => matches!(zone, Zone::Port(_)),
        Some(Place::Host) => zone == Zone::Host,
        Some(Place::Network(id)) => zone == Zone::Network(id),
        Some(Place::Outside) => zone == Zone::Outside,
    }
}

fn model_matches(rule: &Rule, q: &Question) -> bool {
    fn one_of<T>(all: &[T], test: impl Fn(&T) -> bool) -> bool {
        all.is_empty() || all.iter().any(test)
    }
    place_has(rule.from, q.from)
        && place_has(rule.to, q.to)
        && rule.protocol.is_none_or(|protocol| protocol == q.protocol)
        && one_of(&rule.sources, |net| net.contains(&q.source))
        && one_of(&rule.destinations, |net| net.contains(&q.destination))
        && one_of(&rule.source_ports, |range| range.contains(&q.source_port))
        && one_of(&rule.destination_ports, |range| range.contains(&q.destination_port))
        && one_of(&rule.states, |state| *state == q.state)
}

fn model(config: &FilterConfig, q: &Question) -> (Action, Option<DropReason>, By) {
    let across = [q.from, q.to].iter().any(|zone| matches!(zone, Zone::Network(_)));
    let names = |place| matches!(place, Some(Place::Network(_)));
    let names = |rule: &Rule| names(rule.from) || names(rule.to);
    let opens = config.rules.iter().any(|rule| rule.action == Action::Accept && names(rule));
    let asked = |rule: &Rule| !across || opens && (rule.action != Action::Accept || names(rule));
    let mut rules = config.rules.iter();
    if let Some(index) = rules.position(|rule| asked(rule) && model_matches(rule, q)) {
        let action = config.rules[index].action;
        return (action, reason(action), By::Rule(index as u32));
    }
    if q.state == FlowState::Established || q.state == FlowState::Related {
        return (Action::Accept, None, By::Flow);
    }
    let between = |zone| matches!(zone, Zone::Port(_));
    if !config.icc && between(q.from) && between(q.to) && q.from != q.to {
        return (Action::Drop, Some(DropReason::NoIcc), By::Icc);
    }
    if across {
        return (Action::Drop, Some(DropReason::OtherNetwork), By::Isolation);
    }
    (config.policy, reason(config.policy), By::Policy)
}

fn reason(action: Action) -> Option<DropReason> {
    match action {
        Action::Accept => None,
        Action::Drop => Some(DropReason::FilterDrop),
        Action::Reject => Some(DropReason::FilterReject),
    }
}

// Few values of each kind, so that rules and questions meet often.

fn zone() -> impl Strategy<Value = Zone> {
    let ports = [1, 2, 3].map(|number| Zone::Port(PortId(number)));
    let networks = [1, 2].map(|number| Zone::Network(NetworkId(number)));
    select([&ports[..], &networks, &[Zone::Host, Zone::Outside]].concat())
}

fn place() -> impl Strategy<Value = Option<Place>> {
    let ports = [1, 2].map(|number| Some(Place::Port(PortId(number))));
    let others = [None, Some(Place::Namespaces), Some(Place::Host), Some(Place::Outside)];
    let networks = [1, 2].map(|number| Some(Place::Network(NetworkId(number))));
    select([&ports[..], &networks, &others].concat())
}

fn address(v6: bool) -> BoxedStrategy<IpAddr> {
    if v6 {
        (0_u128..4, 0_u128..4)
            .prop_map(|(high, low)| Ipv6Addr::from_bits((0xfd << 120) | (high << 96) | low).into())
            .boxed()
    } else {
        (0_u32..4, 0_u32..4)
            .prop_map(|(high, low)| Ipv4Addr::from_bits((10 << 24) | (high << 16) | low).into())
            .boxed()
    }
}

fn net(v6: bool) -> BoxedStrategy<IpNet> {
    let prefixes = if v6 { [0, 32, 127, 128] } else { [0, 16, 31, 32] };
    // Bits behind the prefix are left in: they must not matter.
    (address(v6), select(prefixes.to_vec()))
        .prop_map(|(address, prefix)| IpNet::new(address, prefix).unwrap())
        .boxed()
}

fn ranges() -> impl Strategy<Value = Vec<RangeInclusive<u16>>> {
    vec((1_u16..12, select(vec![0_u16, 0, 0, 2, 70, 60_000])), 0..3).prop_map(|ranges| {
        ranges.into_iter().map(|(first, more)| first..=first.saturating_add(more)).collect()
    })
}

fn states() -> impl Strategy<Value = Vec<FlowState>> {
    prop_oneof![2 => Just(Vec::new()), 1 => subsequence(FlowState::ALL.to_vec(), 1..=3)]
}

fn action() -> impl Strategy<Value = Action> {
    select(vec![Action::Accept, Action::Drop, Action::Reject])
}

fn protocol() -> impl Strategy<Value = u8> {
    select(vec![tcp::PROTOCOL, udp::PROTOCOL, icmp::PROTOCOL])
}

fn rule() -> impl Strategy<Value = Rule> {
    let protocol = prop_oneof![1 => Just(None), 3 => protocol().prop_map(Some)];
    any::<bool>()
        .prop_flat_map(|v6| (vec(net(v6), 0..3), vec(net(v6), 0..3)))
        .prop_flat_map(move |nets| {
            (Just(nets), place(), place(), protocol.clone(), ranges(), ranges(), states(), action())
        })
        .prop_map(|(nets, from, to, protocol, source_ports, destination_ports, states, action)| {
            let (sources, destinations) = nets;
            let place = String::new();
            let mut rule = Rule {
                place,
                from,
                to,
                protocol,
                sources,
                destinations,
                source_ports,
                destination_ports,
                states,
                action,
            };
            if !matches!(protocol, Some(tcp::PROTOCOL | udp::PROTOCOL)) {
                rule.source_ports.clear();
                rule.destination_ports.clear();
            }
            rule
        })
        .prop_filter("contradicts itself", |rule| rule.check().is_ok())
}

fn config() -> impl Strategy<Value = FilterConfig> {
    (vec(rule(), 0..24), action(), any::<bool>()).prop_map(|(rules, policy, icc)| FilterConfig {
        rules,
        policy,
        icc,
    })
}

fn asked() -> impl Strategy<Value = Question> {
    any::<bool>()
        .prop_flat_map(|v6| {
            let state = select(FlowState::ALL.to_vec());
            let ports = (0_u16..80, 0_u16..16);
            (zone(), zone(), protocol(), address(v6), address(v6), ports, state)
        })
        .prop_map(|(from, to, protocol, source, destination, ports, state)| {
            let (source_port, destination_port) = ports;
            Question {
                from,
                to,
                protocol,
                source,
                destination,
                source_port,
                destination_port,
                state,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_filter_judges_as_a_walk_through_the_rules_does(
        config in config(),
        questions in vec(asked(), 64),
    ) {
        prop_assert!(config.check().is_ok());
        let filter = Filter::new(&config);
        for question in &questions {
            let judgement = filter.judge(question);
            let found = (judgement.action, judgement.reason(), judgement.by);
            prop_assert_eq!(found, model(&config, question), "{:?}", question);
        }
    }
}
