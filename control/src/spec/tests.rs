//! The form of a file of networks.

use super::*;

fn refusal(text: &str) -> String {
    let file = SpecFile { path: "etc/net.toml".to_owned(), text: text.to_owned() };
    read(file).unwrap_err().to_string()
}

#[test]
fn the_version_comes_first() {
    assert!(refusal("").starts_with("etc/net.toml:1:1: the file must say `version = 1`"));
    for wrong in ["2", "0", "'1'", "1.0"] {
        let said = refusal(&format!("x = 1\nversion = {wrong}"));
        assert!(
            said.starts_with("etc/net.toml:2:11: version: this program reads version 1"),
            "{said}"
        );
    }
}

#[test]
fn a_field_that_there_is_not_is_refused_with_those_that_there_are() {
    let cases = [
        (
            "[network.a]",
            "2:2: network: unknown field `network`, expected one of `version`, `networks`",
        ),
        (
            "[networks.a]\nsbnet = 1",
            "3:1: networks.a.sbnet: unknown field `sbnet`, expected one of `subnet`",
        ),
        ("[networks.a]\nfdb = { age = 1 }", "3:9: networks.a.fdb.age: unknown field `age`"),
        (
            "[networks.a]\nuplink = 'nat'",
            "3:10: networks.a.uplink: unknown variant `nat`, expected `route` or `none`",
        ),
        ("[sandboxes.a.endpoint.b]", "2:14: sandboxes.a.endpoint: unknown field `endpoint`"),
        (
            "[sandboxes.a.endpoints.b]\nip = 1",
            "3:1: sandboxes.a.endpoints.b.ip: unknown field `ip`",
        ),
        (
            "[[networks.a.rules]]\nports = 1",
            "3:1: networks.a.rules[0].ports: there is no field \"ports\" here",
        ),
    ];
    for (text, expected) in cases {
        let said = refusal(&format!("version = 1\n{text}"));
        assert!(said.starts_with(&format!("etc/net.toml:{expected}")), "{text}\n{said}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_with_how_to_write_it() {
    let cases = [
        ("networks = 1", "networks: ", ""),
        ("[networks]\na = 1", "networks.a: ", "`[networks.front]`"),
        ("[networks.a]\nmtu = 'big'", "networks.a.mtu: ", "`mtu = 1500`"),
        ("[networks.a]\nmtu = -1", "networks.a.mtu: ", "`mtu = 1500`"),
        ("[networks.a]\nsubnet = 5", "networks.a.subnet: ", "`subnet = \"172.16.1.0/24\"`"),
        ("[networks.a]\nicc = 'no'", "networks.a.icc: ", "`icc = false`"),
        (
            "[networks.a]\nstorm = { bytes = 'no' }",
            "networks.a.storm.bytes: expected a whole number per second, or \"none\"",
            "`bytes = 10000000`",
        ),
        (
            "[networks.a]\npublish = '80:a:80'",
            "networks.a.publish: ",
            "`publish = [\"8080:web:80\"]`",
        ),
        ("[networks.a]\nnat = { snat = ['x'] }", "networks.a.nat.snat[0]: invalid", ""),
        (
            "[networks.a]\nconntrack = { timeouts = { udp = 'x' } }",
            "networks.a.conntrack.timeouts.udp: ",
            "`timeouts = { udp = 30 }`",
        ),
        (
            "[networks.a]\nrules = 1",
            "networks.a.rules: rules must be tables headed [[networks.NAME.rules]]",
            "",
        ),
        ("[sandboxes.a]\npid = 'x'", "sandboxes.a.pid: ", "`pid = 1234`"),
        (
            "[sandboxes.a.endpoints]\nb = 1",
            "sandboxes.a.endpoints.b: ",
            "`[sandboxes.web.endpoints.front]`",
        ),
        ("[sandboxes.a]\nendpoints = 1", "sandboxes.a.endpoints: ", ""),
        (
            "[sandboxes.a.endpoints.b]\nlimits = { flows = 1.5 }",
            "sandboxes.a.endpoints.b.limits.flows: ",
            "`limits = { flows = 1000, bytes-out = 10000000 }`",
        ),
    ];
    for (text, field, example) in cases {
        let said = refusal(&format!("version = 1\n{text}"));
        assert!(said.contains(field) && said.contains(example), "{text}\n{said}");
    }
}

#[test]
fn a_name_that_is_there_twice_is_refused_where_it_is_again() {
    let said = refusal("version = 1\n[sandboxes.web]\n[sandboxes.web]\n");
    assert!(said.starts_with("etc/net.toml:3:12: web is there already"), "{said}");
    let said = refusal("version = 1\n[networks.a]\nmtu = 1500\nmtu = 1400\n");
    assert!(said.starts_with("etc/net.toml:4:1: mtu is there already"), "{said}");
    assert!(said.ends_with("\n  |\n4 | mtu = 1400\n  | ^^^"), "{said}");
}

#[test]
fn what_is_no_toml_is_refused_where_it_ends_to_be() {
    assert!(refusal("version = 1\n[networks.a\n").starts_with("etc/net.toml:2:"));
    assert!(refusal("version = 1\nx = \n").starts_with("etc/net.toml:2:"));
}

#[test]
fn a_rule_is_refused_with_its_own_words() {
    let said = refusal("version = 1\n[[networks.a.rules]]\nport = [0]\nverdict = 'drop'");
    let expected = "etc/net.toml:3:9: networks.a.rules[0]: port: a port's number goes from 1 to 65535\n  \
                    |\n3 | port = [0]\n  |         ^";
    assert_eq!(said, expected);
    let said = refusal("version = 1\n[[networks.a.rules]]\nport = 80");
    assert!(said.contains(":2:1: networks.a.rules[0]: the rule has no verdict"), "{said}");
    let said = refusal("version = 1\n[[networks.a.rules]]\nto = 'a b'\nverdict = 'drop'");
    assert!(said.contains(":3:6: networks.a.rules[0]: to: \"a b\" has ' ' in it"), "{said}");
}
