//! Who decides, and what a judgement costs.

use super::*;
use crate::config::{MAX_RULES, Place};
use crate::flow::NetworkId;
use crate::outcome::PortId;
use crate::wire::tcp;
use ipnet::IpNet;
use std::net::Ipv4Addr;

fn question() -> Question {
    Question {
        from: Zone::Port(PortId(1)),
        to: Zone::Port(PortId(2)),
        protocol: tcp::PROTOCOL,
        source: Ipv4Addr::new(172, 16, 1, 2).into(),
        destination: Ipv4Addr::new(172, 16, 1, 3).into(),
        source_port: 40_000,
        destination_port: 80,
        state: FlowState::New,
    }
}

fn filter(rules: Vec<Rule>) -> Filter {
    let config = FilterConfig { rules, ..FilterConfig::default() };
    config.check().unwrap();
    Filter::new(&config)
}

fn to_port(port: u16) -> Rule {
    Rule {
        protocol: Some(tcp::PROTOCOL),
        destination_ports: vec![port..=port],
        action: Action::Drop,
        ..Rule::default()
    }
}

/// How many probes and comparisons it takes to find the first rule that matches.
fn steps(filter: &Filter, question: &Question) -> usize {
    let mut steps = 0;
    filter.rules.first_match(question, || steps += 1);
    steps
}

#[test]
fn without_rules_everything_passes_by_the_policy() {
    let judgement = filter(Vec::new()).judge(&question());
    assert_eq!(judgement, Judgement { action: Action::Accept, by: By::Policy });
    assert_eq!(judgement.reason(), None);
}

#[test]
fn replies_pass_where_the_policy_drops_but_not_where_a_rule_does() {
    let config = |rules| FilterConfig { rules, policy: Action::Drop, icc: true };
    let reply = Question { state: FlowState::Established, ..question() };
    let filter = Filter::new(&config(Vec::new()));
    assert_eq!(filter.judge(&question()).reason(), Some(DropReason::FilterDrop));
    assert_eq!(filter.judge(&reply), Judgement { action: Action::Accept, by: By::Flow });
    let filter = Filter::new(&config(vec![Rule { action: Action::Reject, ..Rule::default() }]));
    assert_eq!(filter.judge(&reply).reason(), Some(DropReason::FilterReject));
}

#[test]
fn icc_off_keeps_namespaces_apart_but_for_what_a_rule_accepts() {
    let accept = Rule { action: Action::Accept, ..to_port(80) };
    let filter =
        Filter::new(&FilterConfig { rules: vec![accept], icc: false, ..Default::default() });
    let other = Question { destination_port: 81, ..question() };
    let by = |question| filter.judge(&question).by;
    assert_eq!(by(question()), By::Rule(0));
    assert_eq!(filter.judge(&other).reason(), Some(DropReason::NoIcc));
    assert_eq!(by(Question { state: FlowState::Related, ..other }), By::Flow);
    assert_eq!(by(Question { to: Zone::Host, ..other }), By::Policy);
    assert_eq!(by(Question { from: Zone::Outside, ..other }), By::Policy);
    assert_eq!(by(Question { from: Zone::Port(PortId(2)), ..other }), By::Policy);
}

#[test]
fn networks_are_apart_but_for_what_a_rule_that_names_them_accepts() {
    let back = Some(Place::Network(NetworkId(7)));
    let accept = |to, rule: Rule| Rule { to, action: Action::Accept, ..rule };
    let to = |to| Question { to, ..question() };
    let across = to(Zone::Network(NetworkId(7)));
    let judge = |rules: &[Rule], question: &Question| filter(rules.to_vec()).judge(question);
    let isolated = Judgement { action: Action::Drop, by: By::Isolation };

    assert_eq!(judge(&[], &across), isolated);
    assert_eq!(isolated.reason(), Some(DropReason::OtherNetwork));
    for silent in [accept(None, to_port(80)), accept(Some(Place::Outside), to_port(80))] {
        assert_eq!(judge(&[silent], &across), isolated);
    }
    let opens = accept(back, to_port(80));
    assert_eq!(judge(std::slice::from_ref(&opens), &across).by, By::Rule(0));
    let other = to(Zone::Network(NetworkId(8)));
    assert_eq!(judge(std::slice::from_ref(&opens), &other), isolated);
    let reply =
        Question { state: FlowState::Established, from: across.to, to: across.from, ..across };
    assert_eq!(judge(std::slice::from_ref(&opens), &reply).by, By::Flow);
    let begun_there = Question { state: FlowState::New, ..reply };
    assert_eq!(judge(std::slice::from_ref(&opens), &begun_there), isolated);
    // Those that forbid are asked about everything that they match.
    let all = [accept(None, to_port(80)), to_port(80), opens];
    assert_eq!(judge(&all, &across).by, By::Rule(1));
    assert_eq!(judge(&all, &question()).by, By::Rule(0));
}

#[test]
fn the_cost_of_exact_rules_does_not_grow_with_their_number() {
    // Three kinds of rules, and the last one of all matches.
    let rules = |count: u16| {
        let host =
            |n: u16| IpNet::from(IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + u32::from(n))));
        let kinds = (0..count).flat_map(|n| {
            let to = Rule { destinations: vec![host(n)], ..to_port(1 + n) };
            let from = Rule { from: Some(Place::Port(PortId(3 + n))), ..to_port(1 + n) };
            [to_port(10_000 + n), to, from]
        });
        kinds.chain([to_port(80)]).collect::<Vec<_>>()
    };
    let few = filter(rules(1));
    let many = filter(rules(20_000));
    assert_eq!(many.judge(&question()).by, By::Rule(60_000));
    assert_eq!(steps(&few, &question()), 3);
    assert_eq!(steps(&many, &question()), 3);
}

#[test]
fn nothing_is_looked_up_behind_a_rule_that_was_found() {
    let later = Rule { destinations: vec!["172.16.1.3/32".parse().unwrap()], ..to_port(80) };
    let wide = Rule { destination_ports: vec![1..=1000], ..to_port(80) };
    let filter = filter(vec![to_port(80), later, wide]);
    assert_eq!(steps(&filter, &question()), 1);
    let only_wide = Question { destination_port: 81, ..question() };
    assert_eq!(steps(&filter, &only_wide), 3);
    assert_eq!(filter.judge(&only_wide).by, By::Rule(2));
}

#[test]
fn addresses_of_the_other_family_cost_nothing() {
    let nets = ["fd00::1/128", "fd00::/64"].map(|text| text.parse().unwrap());
    let rules = nets.map(|net| Rule { sources: vec![net], ..Rule::default() });
    assert_eq!(steps(&filter(rules.to_vec()), &question()), 0);
}

#[test]
fn a_list_is_looked_up_until_it_exceeds_the_expansion_limit() {
    let of = |ports: u16| {
        let rule = Rule { destination_ports: vec![1000..=999 + ports], ..to_port(80) };
        filter(vec![to_port(1), rule])
    };
    let limit = EXPANSION_LIMIT as u16;
    assert_eq!(of(limit).rules.wide.len(), 0);
    assert_eq!(of(limit + 1).rules.wide.len(), 1);
    for (ports, steps_taken) in [(limit, 1), (limit + 1, 2)] {
        let last = Question { destination_port: 999 + ports, ..question() };
        assert_eq!(of(ports).judge(&last).by, By::Rule(1));
        assert_eq!(steps(&of(ports), &last), steps_taken);
    }
}

#[test]
fn lists_beyond_the_expansion_budget_are_compared() {
    let list = |n: u16| {
        let first = 1 + (n % 1000) * EXPANSION_LIMIT as u16;
        let ports = first..=first + (EXPANSION_LIMIT as u16 - 1);
        let from = Some(Place::Port(PortId(1 + n / 1000)));
        Rule { from, destination_ports: vec![ports], ..to_port(1) }
    };
    let within = (EXPANSION_BUDGET / EXPANSION_LIMIT) as u16;
    assert_eq!(filter((0..within).map(list).collect()).rules.wide.len(), 0);
    let beyond = filter((0..within + 2).map(list).chain([to_port(80)]).collect());
    assert_eq!(beyond.rules.wide.len(), 2);
    let question = Question { from: Zone::Outside, ..question() };
    assert_eq!(beyond.judge(&question).by, By::Rule(u32::from(within) + 2));
}

#[test]
fn as_many_rules_as_there_may_be_are_compiled() {
    let rules = (0..MAX_RULES).map(|n| to_port(n.max(1) as u16)).collect();
    let last = Question { destination_port: 65_535, ..question() };
    assert_eq!(filter(rules).judge(&last).by, By::Rule(65_535));
}
