//! What is there to tell about the rules?

use crate::api::protocol::{RuleInfo, RulesInfo};
use crate::model::rules::{place_in_words, ports_in_words, protocol_in_words, verdict_in_words};
use crate::model::{Network, NetworkName};
use dataplane::config::Rule;

/// The rules of a network as they run, without counts.
pub(super) fn describe(network: &Network) -> RulesInfo {
    let filter = network.filter();
    RulesInfo {
        rules: filter.rules.iter().map(|rule| describe_rule(rule, network.name())).collect(),
        flow_hits: None,
        icc: filter.icc,
        icc_hits: None,
        policy: verdict_in_words(filter.policy).to_owned(),
        policy_hits: None,
    }
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
        let told = describe(&Network::new(&request, subnets).unwrap());
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
    }
}
