//! Files of rules, right and wrong.

use super::*;
use dataplane::config::{Place, Rule, RuleError};
use dataplane::flow::FlowState;
use dataplane::outcome::PortId;
use proptest::prelude::*;

fn read(text: &str) -> Result<Rules, Box<RulesError>> {
    let file = RulesFile { path: "etc/rules.toml".to_owned(), text: text.to_owned() };
    let network = "ub0".parse().unwrap();
    parse(&file, KnownPorts { network: &network, count: 3 })
}

/// What is wrong with a rule of these fields that accepts.
fn refusal(fields: &str) -> Box<RulesError> {
    let text = format!("version = 1\n[[rule]]\nverdict = \"accept\"\n{fields}\n");
    read(&text).unwrap_err()
}

#[test]
fn every_field_is_read() {
    let text = r#"
        version = 1
        policy = "drop"
        [[rule]]
        from = "outside"
        to = "ub0-2"
        protocol = "tcp"
        source = ["10.0.0.0/8", "192.0.2.7"]
        destination = "172.16.1.3"
        port = [80, "8000-8010", "443"]
        source-port = 0xffff
        state = ["new", "untracked"]
        verdict = "reject"

        [[rule]]
        from = "namespaces"
        to = "host"
        protocol = 132
        state = "invalid"
        verdict = "drop"
    "#;
    let net = |text: &str| text.parse().unwrap();
    let first = Rule {
        place: "rules.toml:4".to_owned(),
        from: Some(Place::Outside),
        to: Some(Place::Port(PortId(2))),
        protocol: Some(6),
        sources: vec![net("10.0.0.0/8"), net("192.0.2.7/32")],
        destinations: vec![net("172.16.1.3/32")],
        source_ports: vec![65_535..=65_535],
        destination_ports: vec![80..=80, 8000..=8010, 443..=443],
        states: vec![FlowState::New, FlowState::Untracked],
        action: Action::Reject,
    };
    let second = Rule {
        place: "rules.toml:15".to_owned(),
        from: Some(Place::Namespaces),
        to: Some(Place::Host),
        protocol: Some(132),
        states: vec![FlowState::Invalid],
        action: Action::Drop,
        ..Rule::default()
    };
    let expected = Rules { rules: vec![first, second], policy: Action::Drop };
    assert_eq!(read(text).unwrap(), expected);
}

#[test]
fn a_file_without_rules_accepts_everything() {
    assert_eq!(read("version = 1").unwrap(), Rules::default());
}

#[test]
fn a_rule_that_names_nothing_matches_everything() {
    let rules = read("version = 1\n[[rule]]\nverdict = \"drop\"").unwrap().rules;
    let place = "rules.toml:2".to_owned();
    assert_eq!(rules, [Rule { place, action: Action::Drop, ..Rule::default() }]);
}

#[test]
fn an_error_names_file_line_column_and_field_and_shows_the_line() {
    assert_eq!(
        refusal("port = [80,\n  0]").to_string(),
        "--rules etc/rules.toml:5:3: port: a port's number goes from 1 to 65535\n  |\n\
         5 |   0]\n  |   ^"
    );
}

#[test]
fn what_is_no_toml_is_refused_where_it_stops_to_be() {
    for (text, line) in [("version = 1\n[[rule]\n", 2), ("version = 1\n\nversion = 1", 3)] {
        let error = read(text).unwrap_err();
        assert!(matches!(error.problem, RulesProblem::Syntax(_)), "{error}");
        assert_eq!(error.line, line, "{error}");
    }
}

#[test]
fn the_version_comes_before_everything_else() {
    let of = |text: &str| read(text).unwrap_err().problem;
    assert_eq!(of(""), RulesProblem::VersionMissing);
    assert_eq!(of("policy = 7"), RulesProblem::VersionMissing);
    for wrong in ["2", "\"1\"", "-1", "1.0"] {
        assert_eq!(of(&format!("new-field = 1\nversion = {wrong}")), RulesProblem::Version);
    }
}

#[test]
fn unknown_fields_are_refused_with_those_that_there_are() {
    let error = read("version = 1\nrules = 1").unwrap_err().to_string();
    assert!(error.contains("rules.toml:2:1: there is no field \"rules\" here"), "{error}");
    assert!(error.contains("version, policy, rule"), "{error}");
    let error = refusal("zone = 1\ndestination_port = 80").to_string();
    assert!(error.contains(":4:1: there is no field \"zone\""), "{error}");
    assert!(error.contains("source-port, port, state"), "{error}");
}

#[test]
fn an_unknown_port_is_refused_with_those_that_there_are() {
    for name in ["ub0-0", "ub0-4", "ub0-01", "ub0-+1", "ub0", "ub1-1", "Host", ""] {
        let error = refusal(&format!("from = \"{name}\"")).to_string();
        assert!(error.contains(&format!("from: there is no port {name:?}")), "{error}");
        assert!(error.contains("ub0-1 to ub0-3"), "{error}");
    }
}

/// Each makes a rule wrong, in its fourth line, and its message has these words.
const WRONG: &[(&str, &str)] = &[
    ("from = 1", "from must be text"),
    ("to = [\"host\"]", "to must be text"),
    ("protocol = \"sctp\"", "protocol: \"sctp\" is not known"),
    ("protocol = 256", "protocol: a protocol's number"),
    ("protocol = -1", "protocol: a protocol's number"),
    ("protocol = [6]", "protocol must be a name or a number"),
    ("source = []", "source: the list is empty"),
    ("source = \"10.0.0.0/33\"", "source: \"10.0.0.0/33\" is no address or prefix"),
    ("source = [\"10.0.0.1\", \"web\"]", "source: \"web\" is no address"),
    ("source = 10", "source must be text"),
    ("destination = \"10.0.0.7/8\"", "the prefix is 10.0.0.0/8"),
    ("destination = \"fd00::1/8\"", "the prefix is fd00::/8"),
    ("port = []", "port: the list is empty"),
    ("port = 0", "port: a port's number"),
    ("port = 65536", "port: a port's number"),
    ("port = -1", "port: a port's number"),
    ("port = 80.5", "port must be a port's number"),
    ("port = [[80]]", "port must be a port's number"),
    ("port = \"http\"", "port: \"http\" is no port"),
    ("port = \"0-80\"", "port: \"0-80\" is no port"),
    ("port = \"80-\"", "port: \"80-\" is no port"),
    ("port = \"+80\"", "port: \"+80\" is no port"),
    ("port = \"1-2-3\"", "port: \"1-2-3\" is no port"),
    ("source-port = \"90-80\"", "source-port: the range 90-80 ends before it begins; write 80-90"),
    ("state = []", "state: the list is empty"),
    ("state = \"NEW\"", "state: \"NEW\" is no state"),
    ("state = 1", "state must be text"),
    // Fields that do not go together.
    ("port = 80", "only tcp and udp have ports"),
    ("source-port = 80", "only tcp and udp have ports"),
    ("to = \"host\"\nfrom = \"outside\"", "only traffic of the namespaces"),
    ("destination = \"fd00::1\"\nsource = \"10.0.0.1\"", "same address families"),
    ("protocol = \"icmp\"\nsource = \"fd00::1\"", "icmp goes between IPv4"),
    ("protocol = \"icmpv6\"\nsource = \"10.0.0.1\"", "icmpv6 goes between IPv6"),
];

#[test]
fn each_wrong_value_is_refused_by_field_and_line() {
    for (fields, words) in WRONG {
        let error = refusal(fields);
        assert_eq!(error.line, 4, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn ports_with_icmp_are_refused_at_the_ports() {
    let error = refusal("protocol = \"icmp\"\nport = 80");
    assert_eq!(error.problem, RuleError::PortsWithoutProtocol.into());
    assert_eq!((error.line, error.column), (5, 1));
}

#[test]
fn a_rule_must_say_what_it_does() {
    let error = read("version = 1\n\n[[rule]]\nfrom = \"host\"").unwrap_err();
    assert_eq!((error.line, error.problem), (3, RulesProblem::VerdictMissing));
    let error = read("version = 1\n[[rule]]\nverdict = \"ACCEPT\"").unwrap_err().to_string();
    assert!(error.contains("verdict: \"ACCEPT\" is no verdict"), "{error}");
    let error = read("version = 1\npolicy = true").unwrap_err().to_string();
    assert!(error.contains(":2:10: policy must be text"), "{error}");
}

#[test]
fn a_network_of_no_file_knows_no_others() {
    let error = refusal("to = \"network:back\"");
    assert_eq!(error.problem, RulesProblem::NetworkAlone("to"));
    let place = Place::Network("back".parse::<NetworkName>().unwrap().id());
    assert_eq!(place_in_words(place, &"ub0".parse().unwrap()), "network:back");
}

#[test]
fn rules_are_tables() {
    for wrong in ["rule = 1", "rule = [1]", "[rule]\nverdict = \"drop\""] {
        let error = read(&format!("version = 1\n{wrong}")).unwrap_err().to_string();
        assert!(error.contains(":2:") && error.contains("[[rule]]"), "{error}");
    }
    let inline = read("version = 1\nrule = [{ verdict = \"drop\" }]").unwrap().rules;
    assert_eq!(inline[0].place, "rules.toml:2");
}

#[test]
fn there_are_as_many_rules_as_the_limit_and_no_more() {
    let of =
        |count| read(&("version = 1\n".to_owned() + &"[[rule]]\nverdict='drop'\n".repeat(count)));
    let most = of(MAX_RULES).unwrap().rules;
    let place = format!("rules.toml:{}", MAX_RULES * 2);
    assert_eq!((most.len(), &most[MAX_RULES - 1].place), (MAX_RULES, &place));
    assert_eq!(of(MAX_RULES + 1).unwrap_err().problem, RulesProblem::TooMany(MAX_RULES + 1));
}

#[test]
fn every_example_of_the_reference_can_be_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
    let reference = std::fs::read_to_string(path).unwrap();
    let examples = reference.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let counts: Vec<_> = examples.map(|text| read(text).unwrap().rules.len()).collect();
    assert_eq!(counts, [1, 2, 4, 2]);
}

#[test]
fn what_is_printed_can_be_read_again() {
    let network = "ub0".parse().unwrap();
    for word in ["ub0-3", "namespaces", "host", "outside"] {
        let text = format!("version = 1\n[[rule]]\nfrom = '{word}'\nverdict = 'drop'");
        let place = read(&text).unwrap().rules[0].from.unwrap();
        assert_eq!(place_in_words(place, &network), word);
    }
    for word in ["tcp", "udp", "icmp", "icmpv6", "132"] {
        let quote = if word == "132" { "" } else { "'" };
        let text =
            format!("version = 1\n[[rule]]\nprotocol = {quote}{word}{quote}\nverdict = 'drop'");
        let protocol = read(&text).unwrap().rules[0].protocol.unwrap();
        assert_eq!(protocol_in_words(protocol), word);
    }
    for word in ["80", "80-90"] {
        let text =
            format!("version = 1\n[[rule]]\nprotocol = 6\nport = '{word}'\nverdict = 'drop'");
        assert_eq!(ports_in_words(&read(&text).unwrap().rules[0].destination_ports[0]), word);
    }
    for word in ["accept", "drop", "reject"] {
        let text = format!("version = 1\npolicy = '{word}'");
        assert_eq!(verdict_in_words(read(&text).unwrap().policy), word);
    }
}

proptest! {
    #[test]
    fn no_text_makes_reading_or_the_message_fail(text in "[\\[\\]a-z=0-9 \n\t\"',.{}ü-]{0,80}") {
        for text in [format!("version = 1\n{text}"), format!("version = 1\n[[rule]]\n{text}"), text] {
            if let Err(error) = read(&text) {
                prop_assert!(error.to_string().starts_with("--rules etc/rules.toml:"));
            }
        }
    }
}
