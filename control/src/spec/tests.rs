//! The form of a file of networks.

use super::*;
use crate::model::Model;

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
    let said = refusal("version = 1\n[networks.a]\nruls = 1");
    assert!(said.contains("`publish`, `rules`"), "what is read elsewhere is among them: {said}");
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

const RUNS: &str = "version = 1\n[networks.a]\npublish = [\"80:web:80\"]\n[networks.b]\n\
                    [sandboxes.web.endpoints.a]\n[sandboxes.web.endpoints.b]\n[sandboxes.db.endpoints.a]\n\
                    [sandboxes.job]\nmode = \"container:db\"\n";

fn runs() -> Spec {
    read(SpecFile { path: "net.toml".to_owned(), text: RUNS.to_owned() }).unwrap().0
}

#[test]
fn an_edit_and_its_reverse_leave_what_was_written() {
    let rule = |text: &str| {
        read_rule(SpecFile { path: "rule".to_owned(), text: text.to_owned() }).unwrap()
    };
    let mut spec = runs();
    spec.publish("a", "[::1]:53:db:53/udp").unwrap();
    spec.connect("db", "b", EndpointSpec::default()).unwrap();
    spec.add_rule("a", None, rule("to = 'db'\nverdict = 'drop'")).unwrap();
    spec.add_rule("a", Some(0), rule("to = 'web'\nverdict = 'drop'")).unwrap();
    spec.add_fixed("a", "02:00:00:00:00:aa", "db").unwrap();
    let limits = LimitsSpec { flows: Some(5), ..LimitsSpec::default() };
    spec.set_limits("db", "a", limits).unwrap();
    let model = Model::new(&spec).unwrap();
    let text = model.to_spec().to_string();
    for there in
        ["[::1]:53:db:53/udp", "limits = { flows = 5 }", "[sandboxes.db.endpoints.b]", "static = "]
    {
        assert!(text.contains(there), "{text}");
    }
    spec.unpublish("a", "[0::1]:53-53:db:53/udp").unwrap();
    spec.disconnect("db", "b").unwrap();
    assert_eq!(spec.remove_rule("a", 1).unwrap().to_string(), "to db: drop");
    spec.remove_rule("a", 0).unwrap();
    spec.remove_fixed("a", "02:00:00:00:00:AA").unwrap();
    spec.set_limits("db", "a", LimitsSpec::default()).unwrap();
    assert_eq!(spec, runs());
}

#[test]
fn sandbox_that_something_published_leads_to_stays_connected() {
    let (mut spec, published) = (runs(), "80:web:80");
    let refused = spec.disconnect("web", "a").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "80:web:80 of network a leads to sandbox web; `udp-bridge unpublish` it first"
    );
    assert!(!refused.is_missing() && spec == runs());
    spec.unpublish("a", published).unwrap();
    spec.disconnect("web", "a").unwrap();
}

#[test]
fn what_is_not_there_cannot_be_edited() {
    let mut spec = runs();
    let said = |done: Result<(), EditError>| done.unwrap_err().to_string();
    let no_network = "there is no network x of a file; `udp-bridge config` prints what there is, and the \
                      ports of a network of `up --ports` do not come and go";
    assert_eq!(said(spec.publish("x", "")), no_network);
    assert_eq!(
        said(spec.unpublish("a", "80:web:81")),
        "network a does not publish 80:web:81; name it as it was published, which `udp-bridge ports` lists"
    );
    assert_eq!(
        said(spec.connect("x", "a", EndpointSpec::default())),
        "there is no sandbox x; `udp-bridge config` prints those there are, and `apply` makes more"
    );
    assert_eq!(
        said(spec.connect("web", "a", EndpointSpec::default())),
        "sandbox web is connected to a already"
    );
    assert_eq!(said(spec.disconnect("db", "b")), "sandbox db is not connected to b");
    assert!(said(spec.remove_rule("a", 0).map(|_| ())).starts_with("network a has no rule at 0"));
    assert!(said(spec.add_rule("a", Some(1), Rule::default())).contains("no rule at 1"));
    assert_eq!(said(spec.remove_fixed("a", "x")), "network a has no static MAC x");
    assert_eq!(said(spec.remove_network("x")), no_network);
    assert_eq!(said(spec.join(runs())), "there is a network a already");
    let sandboxes = Spec { networks: BTreeMap::new(), ..runs() };
    assert_eq!(said(spec.join(sandboxes)), "there is a sandbox db already");
    assert_eq!(spec, runs());
}

#[test]
fn a_network_takes_along_who_was_in_no_other() {
    let mut spec = runs();
    spec.remove_network("a").unwrap();
    assert_eq!(spec.sandboxes.keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(spec.sandboxes["web"].endpoints.0.len(), 1);
    assert!(Model::new(&spec).is_ok());
    let mut both = spec.clone();
    let text = "version = 1\n[networks.c]\n[sandboxes.app.endpoints.c]".to_owned();
    both.join(read(SpecFile { path: "c.toml".to_owned(), text }).unwrap().0).unwrap();
    assert!(Model::new(&both).is_ok());
    both.remove_network("c").unwrap();
    assert_eq!(both, spec);
}

#[test]
fn one_rule_is_read_alone() {
    let read = |text: &str| read_rule(SpecFile { path: "rule".to_owned(), text: text.to_owned() });
    let rule =
        read("from = 'web'\nprotocol = 'tcp'\nport = [80, 443]\nverdict = 'reject'").unwrap();
    assert_eq!(rule.to_string(), "from web protocol tcp port 80,443: reject");
    assert!(
        read("verdict = 'no'")
            .unwrap_err()
            .to_string()
            .starts_with("rule:1:11: verdict: \"no\" is no verdict")
    );
    assert!(read("verdict = ").unwrap_err().to_string().starts_with("rule:1:"));
}
