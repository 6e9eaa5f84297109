//! Rules that contradict themselves are refused, and what the others ask of the tracker.

use super::*;

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn refusal(rule: Rule) -> Option<RuleError> {
    rule.check().err()
}

#[test]
fn only_tcp_and_udp_have_ports() {
    let with = |protocol| {
        let of = |source_ports, destination_ports| {
            refusal(Rule { protocol, source_ports, destination_ports, ..Rule::default() })
        };
        assert_eq!(of(vec![], vec![]), None);
        assert_eq!(of(vec![80..=80], vec![]), of(vec![], vec![80..=80]));
        of(vec![80..=80], vec![])
    };
    for protocol in [Some(tcp::PROTOCOL), Some(udp::PROTOCOL)] {
        assert_eq!(with(protocol), None);
    }
    for protocol in [None, Some(icmp::PROTOCOL), Some(132)] {
        assert_eq!(with(protocol), Some(RuleError::PortsWithoutProtocol));
    }
}

#[test]
fn a_port_range_has_ports_but_not_port_0() {
    let of = |range| {
        let destination_ports = vec![1..=65_535, range];
        refusal(Rule { protocol: Some(6), destination_ports, ..Rule::default() })
    };
    assert_eq!(of(65_535..=65_535), None);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let backwards = 81..=80;
    assert_eq!(of(backwards), Some(RuleError::PortRange));
    assert_eq!(of(0..=80), Some(RuleError::PortRange));
}

#[test]
fn every_address_must_be_able_to_match() {
    let of = |protocol, sources: &[&str], destinations: &[&str]| {
        let (sources, destinations) = (nets(sources), nets(destinations));
        refusal(Rule { protocol, sources, destinations, ..Rule::default() })
    };
    let (v4, v6, both) = (&["10.0.0.0/8"][..], &["fd00::/8"][..], &["10.0.0.0/8", "fd00::/8"]);
    for (sources, destinations) in [(v4, v4), (v6, v6), (v4, &[]), (both, both), (&[], both)] {
        assert_eq!(of(None, sources, destinations), None);
    }
    for (sources, destinations) in [(v4, v6), (v6, v4), (v4, both), (both, v6)] {
        assert_eq!(of(None, sources, destinations), Some(RuleError::Families));
    }
    assert_eq!(of(Some(icmp::PROTOCOL), v4, &[]), None);
    assert_eq!(of(Some(icmp::PROTOCOL), both, &[]), Some(RuleError::IcmpFamily));
    assert_eq!(of(Some(icmp::PROTOCOL_V6), &[], v6), None);
    assert_eq!(of(Some(icmp::PROTOCOL_V6), &[], v4), Some(RuleError::Icmpv6Family));
}

#[test]
fn one_end_can_be_a_namespace() {
    let of = |from, to| refusal(Rule { from, to, ..Rule::default() });
    let (host, outside) = (Some(Place::Host), Some(Place::Outside));
    assert_eq!(of(host, outside), Some(RuleError::NoNamespace));
    assert_eq!(of(outside, outside), Some(RuleError::NoNamespace));
    assert_eq!(of(host, None), None);
    assert_eq!(of(Some(Place::Namespaces), outside), None);
    assert_eq!(of(outside, Some(Place::Port(PortId(1)))), None);
    let other = Some(Place::Network(NetworkId(1)));
    assert_eq!(of(other, outside), Some(RuleError::NoNamespace));
    assert_eq!(of(host, other), Some(RuleError::NoNamespace));
    assert_eq!(of(other, None), None);
}

#[test]
fn there_are_as_many_rules_as_the_limit_and_no_more() {
    let with = |count| {
        let rules = vec![Rule::default(); count];
        FilterConfig { rules, ..FilterConfig::default() }.check()
    };
    assert_eq!(with(MAX_RULES), Ok(()));
    assert_eq!(with(MAX_RULES + 1), Err(ConfigError::RuleCount(MAX_RULES + 1)));
}

#[test]
fn a_wrong_rule_is_named_by_its_place() {
    let rule = Rule { place: "rules.toml:12".into(), protocol: Some(1), ..Rule::default() };
    let rules = vec![Rule::default(), Rule { source_ports: vec![1..=1], ..rule }];
    let error = FilterConfig { rules, ..FilterConfig::default() }.check().unwrap_err();
    assert!(error.to_string().starts_with("rules.toml:12: only tcp and udp"), "{error}");
}

#[test]
fn bridged_packets_are_tracked_only_where_their_state_makes_a_difference() {
    let with = |change: &dyn Fn(&mut FilterConfig)| {
        let mut config = FilterConfig::default();
        change(&mut config);
        config.needs_state_of_bridged()
    };
    let new = || Rule { states: vec![FlowState::New], ..Rule::default() };
    assert!(!with(&|_| {}));
    assert!(with(&|config| config.icc = false));
    assert!(with(&|config| config.policy = Action::Reject));
    assert!(!with(&|config| config.rules.push(Rule::default())));
    assert!(with(&|config| config.rules.push(new())));
    let outside = || Rule { from: Some(Place::Outside), ..new() };
    assert!(!with(&|config| config.rules.push(outside())));
}

#[test]
fn bridged_packets_are_judged_only_where_something_is_said_of_them() {
    let with = |change: &dyn Fn(&mut FilterConfig)| {
        let mut config = FilterConfig::default();
        change(&mut config);
        config.concerns_bridged()
    };
    assert!(!with(&|_| {}));
    assert!(with(&|config| config.icc = false));
    assert!(with(&|config| config.policy = Action::Drop));
    assert!(with(&|config| config.rules.push(Rule::default())));
    let rule = |from, to| Rule { from, to, ..Rule::default() };
    assert!(!with(&|c| c.rules.push(rule(Some(Place::Outside), None))));
    assert!(!with(&|c| c.rules.push(rule(Some(Place::Namespaces), Some(Place::Outside)))));
    assert!(!with(&|c| c.rules.push(rule(None, Some(Place::Network(NetworkId(1)))))));
    assert!(with(&|c| c.rules.push(rule(Some(Place::Host), None))));
}
