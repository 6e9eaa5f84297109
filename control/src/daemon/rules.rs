//! What is there to tell about the rules?

use crate::api::protocol::{Hits, RuleInfo, RulesInfo};
use crate::model::rules::{place_in_words, ports_in_words, protocol_in_words, verdict_in_words};
use crate::model::{Network, NetworkName};
use dataplane::config::Rule;
use dataplane::filter;

/// The rules of a network as they run, with what the engine counted, if it did: it asks nobody where
/// nothing can be dropped.
pub(super) fn describe(network: &Network, hits: Option<&filter::Hits>) -> RulesInfo {
    let config = network.filter();
    let hits = hits.filter(|_| config.decides());
    let mut rules: Vec<_> =
        config.rules.iter().map(|rule| describe_rule(rule, network.name())).collect();
    for (rule, count) in rules.iter_mut().zip(hits.iter().flat_map(|hits| &hits.rules)) {
        rule.hits = Some(told(*count));
    }
    RulesInfo {
        rules,
        flow_hits: hits.map(|hits| told(hits.flow)),
        icc: config.icc,
        icc_hits: hits.map(|hits| told(hits.icc)),
        policy: verdict_in_words(config.policy).to_owned(),
        policy_hits: hits.map(|hits| told(hits.policy)),
    }
}

fn told(count: filter::Count) -> Hits {
    Hits { packets: count.packets, bytes: count.bytes }
}

fn describe_rule(rule: &Rule, network: &NetworkName) -> RuleInfo {
    RuleInfo {
        place: rule.place.clone(),
        from: rule.from.map(|place| place_in_words(place, network)),
        to: rule.to.map(|place| place_in_words(place, network)),
        protocol: rule.protocol.map(protocol_in_words),
        sources: rule.sources.clone(),
        destinations: rule.destinations.clone(),
        source_ports: rule.source_ports.iter().map(ports_in_words).collect(),
        destination_ports: rule.destination_ports.iter().map(ports_in_words).collect(),
        states: rule.states.iter().map(|state| state.name().to_owned()).collect(),
        verdict: verdict_in_words(rule.action).to_owned(),
        hits: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rules::RulesFile;
    use crate::model::{NetworkRequest, Subnets};

    #[test]
    fn a_rule_is_told_in_the_words_of_its_file() {
        let text = "version = 1\npolicy = 'reject'\n[[rule]]\nfrom = 'ub0-1'\nto = 'outside'\n\
                    protocol = 'udp'\nsource = '172.16.1.2'\nport = [53, '60-70']\n\
                    source-port = 9\nstate = ['new', 'invalid']\nverdict = 'drop'";
        let rules = Some(RulesFile { path: "r.toml".to_owned(), text: text.to_owned() });
        let request = NetworkRequest { rules, icc: false, ..NetworkRequest::new("ub0", 3) };
        let subnets = Subnets { v4: "172.16.1.0/24".parse().unwrap(), v6: None };
        let network = Network::new(&request, subnets).unwrap();
        let told = describe(&network, None);
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let rule = RuleInfo {
            place: "r.toml:3".to_owned(),
            from: Some("ub0-1".to_owned()),
            to: Some("outside".to_owned()),
            protocol: Some("udp".to_owned()),
            sources: vec!["172.16.1.2/32".parse().unwrap()],
            destinations: Vec::new(),
            source_ports: words(&["9"]),
            destination_ports: words(&["53", "60-70"]),
            states: words(&["new", "invalid"]),
            verdict: "drop".to_owned(),
            hits: None,
        };
        assert_eq!((told.rules, told.policy, told.icc), (vec![rule], "reject".to_owned(), false));

        let count = |packets| filter::Count { packets, bytes: packets * 60 };
        let (rules, flow) = (vec![count(1)], count(2));
        let hits = filter::Hits { rules, flow, icc: count(3), policy: count(4) };
        let told = describe(&network, Some(&hits));
        let all = [told.rules[0].hits, told.flow_hits, told.icc_hits, told.policy_hits];
        assert_eq!(all, [1, 2, 3, 4].map(|packets| Some(Hits { packets, bytes: packets * 60 })));
    }

    #[test]
    fn where_nothing_can_be_dropped_nothing_is_said_to_be_counted() {
        let subnets = Subnets { v4: "172.16.1.0/24".parse().unwrap(), v6: None };
        let network = Network::new(&NetworkRequest::new("ub0", 1), subnets).unwrap();
        let told = describe(&network, Some(&filter::Hits::default()));
        assert_eq!((told.flow_hits, told.policy_hits), (None, None));
    }
}
