//! What can be declared and what cannot.

use super::any;
use super::*;
use crate::model::rules::RulesFile;
use crate::model::{NetworkRequest, SubnetRequest, UplinkKind};
use proptest::prelude::*;

fn file(text: &str) -> SpecFile {
    SpecFile { path: "net.toml".to_owned(), text: format!("version = 1\n{text}") }
}

fn read(text: &str) -> Model {
    Model::read(file(text)).map(|(model, _)| model).unwrap_or_else(|error| panic!("{error}"))
}

/// The refusal without the excerpt.
fn refusal(text: &str) -> String {
    let error = Model::read(file(text)).map(|_| ()).unwrap_err().to_string();
    error.lines().next().unwrap().to_owned()
}

#[test]
fn a_rule_names_another_network_that_the_host_routes_to() {
    let with = |rule: &str, front: &str, back: &str| {
        format!(
            "[networks.front]\n{front}\n[[networks.front.rules]]\n{rule}\n\
             verdict = 'accept'\n[networks.back]\n{back}\n"
        )
    };
    let to_back = "to = 'network:back'";
    for rule in [to_back, "from = 'network:back'\nstate = 'new'"] {
        assert!(Model::read(file(&with(rule, "", "uplink = 'route'"))).is_ok());
    }
    let nowhere = refusal(&with("from = 'network:nowhere'", "", ""));
    assert!(nowhere.starts_with("net.toml:5:8: networks.front.rules[0].from: there is no network"));
    assert!(nowhere.contains("back") && !nowhere.contains("front;"), "{nowhere}");
    let own = refusal(&with("to = 'network:front'", "", ""));
    assert!(own.contains("network front is this one"), "{own}");
    for (front, back, which) in [
        ("uplink = 'none'", "", "front"),
        ("internal = true", "", "front"),
        ("", "uplink = 'none'", "back"),
        ("", "internal = true", "back"),
    ] {
        let refused = refusal(&with(to_back, front, back));
        assert!(refused.contains(&format!("network {which} has none")), "{refused}");
    }
    let neither = refusal(&with("from = 'network:back'\nto = 'outside'", "", ""));
    assert!(neither.contains("only traffic of the namespaces"), "{neither}");
}

const TWO: &str = r#"
[networks.front]
subnet = "10.1.0.0/24"
subnet6 = "fd00:1::/64"
publish = ["8080:web:80"]
[networks.back]
subnet = "10.2.0.0/24"
[sandboxes.web.endpoints.front]
[sandboxes.web.endpoints.back]
[sandboxes.db.endpoints.back]
"#;

#[test]
fn what_is_left_out_has_its_default() {
    let model = read(TWO);
    let front = &model.networks()[&"front".parse().unwrap()];
    assert_eq!((front.host_interface.as_str(), front.settings.mtu.get()), ("front", 1500));
    assert_eq!(front.settings.switch, Default::default());
    assert_eq!(front.settings.conntrack, Default::default());
    assert!(front.settings.filter.icc && front.settings.check_source && !front.settings.internal);
    let back = &model.networks()[&"back".parse().unwrap()];
    assert_eq!(back.subnet6, SubnetRequest::Default);
    let web = &model.sandboxes()[&"web".parse().unwrap()];
    let interfaces: Vec<_> =
        web.endpoints().iter().map(|(name, one)| format!("{name} {}", one.interface)).collect();
    assert_eq!(interfaces, ["back eth1", "front eth0"], "in the order of the file");
    assert_eq!(web.gateway().unwrap().as_str(), "front", "the first of the file");
    assert_eq!(model.members(&"back".parse().unwrap()).len(), 2);
}

#[test]
fn every_field_is_read() {
    let model = read(
        r#"
        [networks.front]
        subnet = "172.16.1.0/24"
        subnet6 = "none"
        mtu = 1400
        host-interface = "br-front"
        host-offloads = false
        uplink = "route"
        internal = false
        icc = false
        policy = "reject"
        source-check = false
        fdb = { ageing = 60, max = 100, port-max = 10, static = { "02:00:00:00:00:99" = "web" } }
        storm = { packets = 1000, bytes = "none" }
        nat = { ports = "61000-61999", filtering = "endpoint-independent", snat = ["192.0.2.1"] }
        conntrack = { max = 1000, port-max = 100, profile = "rfc", timeouts = { udp = 42 }, ftp = true, loose = false, liberal = true }
        publish = ["[::1]:5300:web:53/udp"]
        [[networks.front.rules]]
        from = "outside"
        to = "web"
        protocol = "tcp"
        port = [80, "8000-8010"]
        verdict = "accept"
        [sandboxes.web]
        namespace = "/run/netns/old"
        [sandboxes.web.endpoints.front]
        interface = "wan0"
        address = "172.16.1.10"
        mac = "02:00:00:00:00:10"
        isolated = true
        offloads = false
        gateway = false
        limits = { flows = 1, new-flows = 2, packets-in = 3, packets-out = 4, bytes-in = 5, bytes-out = 6 }
        [sandboxes.job]
        mode = "none"
        [sandboxes.side]
        mode = "container:web"
        [sandboxes.init]
        pid = 1
        "#,
    );
    let front = &model.networks()[&"front".parse().unwrap()];
    assert_eq!(front.way.kind, Some(UplinkKind::Route));
    assert_eq!(front.way.ports, Some(61_000..=61_999));
    assert_eq!(front.settings.conntrack.timeouts.udp.as_secs(), 42);
    assert_eq!(front.fixed.len(), 1);
    let rule = &front.settings.filter.rules[0];
    assert_eq!(rule.origin.0, "net.toml:19");
    assert_eq!(rule.to_string(), "from outside to web protocol tcp port 80,8000-8010: accept");
    let web = &model.sandboxes()[&"web".parse().unwrap()];
    let endpoint = web.endpoints().values().next().unwrap();
    let limits = endpoint.limits.all().map(|(_, limit)| limit.map(u64::from));
    assert_eq!(limits, [1, 2, 3, 4, 5, 6].map(Some));
    assert!(endpoint.isolated && !endpoint.offloads && web.gateway().is_none());
    // And written again it is the same.
    assert_eq!(Model::new(&model.to_spec()).unwrap(), model);
}

#[test]
fn what_is_wrong_is_said_with_line_and_field() {
    let cases = [
        ("[networks.'a/b']", r#"2:11: networks."a/b": "a/b" has '/' in it"#),
        (
            "[networks.a]\nsubnet = '10.0.0.1/24'",
            "3:10: networks.a.subnet: 10.0.0.1/24 has bits set",
        ),
        (
            "[networks.a]\nsubnet6 = '10.0.0.0/8'",
            "3:11: networks.a.subnet6: \"10.0.0.0/8\" is no IPv6",
        ),
        ("[networks.a]\nmtu = 1279", "3:7: networks.a.mtu: 1279 is out of bounds: give 1280"),
        ("[networks.a]\nhost-interface = 'lo'", "3:18: networks.a.host-interface: lo is in every"),
        (
            "[networks.b]\nhost-interface = 'x:y'",
            "3:18: networks.b.host-interface: \"x:y\" has ':'",
        ),
        (
            "[networks.default]",
            "2:11: networks.default.host-interface: \"default\" is a name the kernel",
        ),
        ("[networks.a]\nfdb = { ageing = 0 }", "3:18: networks.a.fdb.ageing: the ageing time"),
        ("[networks.a]\nfdb = { max = 1 }", "3:15: networks.a.fdb.max: the FDB must hold 2"),
        // The host's own, the two that are given, and one to learn.
        (
            "[networks.a]\nfdb = { max = 3, static = { '02:00:00:00:00:01' = 'host', '02:00:00:00:00:02' = 'host' } }",
            "3:15: networks.a.fdb.max: the FDB must hold 4 MACs (each port's own, those that are static,",
        ),
        (
            "[networks.a]\nfdb = { static = { x = 'host' } }",
            "3:24: networks.a.fdb.static.x: \"x\" is no MAC",
        ),
        (
            "[networks.a]\nfdb = { static = { '01:00:00:00:00:00' = 'host' } }",
            "3:42: networks.a.fdb.static.\"01:00:00:00:00:00\": 01:00:00:00:00:00 is a group or \
             nobody, and a static FDB entry needs a unicast MAC",
        ),
        (
            "[networks.a]\nfdb = { static = { '02:00:00:00:00:00' = 'x' } }",
            "3:42: networks.a.fdb.static.\"02:00:00:00:00:00\": \"x\" has no endpoint in network a; there is none",
        ),
        (
            "[networks.a]\nstorm = { packets = 0 }",
            "3:21: networks.a.storm.packets: a storm limit must",
        ),
        ("[networks.a]\nnat = { ports = '5' }", "3:17: networks.a.nat.ports: \"5\" is no range"),
        ("[networks.a]\nnat = { ports = '9-5' }", "3:17: networks.a.nat.ports: NAT ports must be"),
        (
            "[networks.a]\nuplink = 'none'\nnat = { ports = '5-9' }",
            "4:17: networks.a.nat.ports: this says how",
        ),
        ("[networks.a]\nconntrack = { max = 0 }", "3:21: networks.a.conntrack.max: the connection"),
        (
            "[networks.a]\nconntrack = { timeouts = { tcp = 5 } }",
            "3:34: networks.a.conntrack.timeouts.tcp: there is no timeout",
        ),
        (
            "[networks.a]\nconntrack = { timeouts = { udp = 0 } }",
            "3:34: networks.a.conntrack.timeouts.udp: the timeout udp",
        ),
        ("[sandboxes.host]", "2:12: sandboxes.host: \"host\" has a meaning of its own"),
        ("[sandboxes.a]\nmode = 'bride'", "3:8: sandboxes.a.mode: \"bride\" is no mode"),
        (
            "[sandboxes.a]\nmode = 'container:b'",
            "3:8: sandboxes.a.mode: there is no sandbox \"b\"; there is a",
        ),
        ("[sandboxes.a]\nmode = 'container:'", "3:8: sandboxes.a.mode: \"\" is empty"),
        ("[sandboxes.a]\nmode = 'container:a'", "3:8: sandboxes.a.mode: a shares with a: nobody"),
        ("[sandboxes.a]\nnamespace = 'x'", "3:13: sandboxes.a.namespace: \"x\" is no path from"),
        (
            "[sandboxes.a]\nnamespace = '/x/../y'",
            "3:13: sandboxes.a.namespace: \"/x/../y\" is no path",
        ),
        (
            "[sandboxes.a]\nnamespace = '/x'\npid = 1",
            "4:7: sandboxes.a.pid: the namespace is given",
        ),
        ("[sandboxes.a]\npid = 0", "3:7: sandboxes.a.pid: 0 is no process"),
        (
            "[sandboxes.a]\nmode = 'none'\npid = 1",
            "4:7: sandboxes.a.pid: a sandbox of mode \"none\" adopts",
        ),
        (
            "[sandboxes.a.endpoints.x]",
            "2:24: sandboxes.a.endpoints.x: there is no network \"x\"; there is none",
        ),
        (
            "[networks.x]\n[sandboxes.a]\nmode = 'host'\n[sandboxes.a.endpoints.x]",
            "5:24: sandboxes.a.endpoints.x: a sandbox of mode \"host\" has no endpoints",
        ),
        (
            "[networks.x]\n[sandboxes.x.endpoints.x]",
            "2:11: networks.x.host-interface: x is the name of a sandbox",
        ),
    ];
    for (text, expected) in cases {
        let said = refusal(text);
        assert!(said.starts_with(&format!("net.toml:{expected}")), "{text}\n{said}\n{expected}");
    }
}

#[test]
fn what_is_wrong_with_an_endpoint_is_said_with_line_and_field() {
    let with = |field: &str| refusal(&format!("{TWO}\n[sandboxes.app.endpoints.front]\n{field}"));
    let cases = [
        ("address = '10.1.0'", "address: \"10.1.0\" is no IPv4 address"),
        ("address = 'fd00:1::5'", "address: \"fd00:1::5\" is no IPv4 address"),
        ("address6 = '10.1.0.5'", "address6: \"10.1.0.5\" is no IPv6 address"),
        ("address = '10.2.0.5'", "address: 10.2.0.5 is outside 10.1.0.0/24 of network front"),
        ("address = '10.1.0.0'", "address: 10.1.0.0 is the first or last"),
        ("address = '10.1.0.255'", "address: 10.1.0.255 is the first or last"),
        ("address = '10.1.0.1'", "address: 10.1.0.1 is taken by the bridge of network front"),
        ("address6 = 'fd00:1::1'", "address6: fd00:1::1 is taken by the bridge"),
        ("mac = '02:00:00:00:00'", "mac: \"02:00:00:00:00\" is no MAC"),
        (
            "mac = 'ff:ff:ff:ff:ff:ff'",
            "mac: ff:ff:ff:ff:ff:ff is a group or nobody, and an interface",
        ),
        ("interface = 'lo'", "interface: lo is in every sandbox"),
        ("interface = 'a/b'", "interface: \"a/b\" has '/'"),
        ("limits = { bytes-in = 0 }", "limits.bytes-in: a limit of 0 lets nothing pass"),
    ];
    for (field, expected) in cases {
        let said = with(field);
        let expected = format!("sandboxes.app.endpoints.front.{expected}");
        assert!(said.starts_with("net.toml:14:") && said.contains(&expected), "{field}\n{said}");
    }
    let twice = with("address = '10.1.0.5'\n[sandboxes.zap.endpoints.front]\naddress = '10.1.0.5'");
    assert!(twice.contains("16:11: sandboxes.zap.endpoints.front.address: 10.1.0.5 is taken by sandbox app in network front"), "{twice}");
    let mac = with(
        "mac = '02:00:00:00:00:10'\n[sandboxes.zap.endpoints.front]\nmac = '02:00:00:00:00:10'",
    );
    assert!(mac.contains("mac: 02:00:00:00:00:10 is taken by sandbox app"), "{mac}");
    let unknown = with("[sandboxes.app.endpoints.back]\naddress6 = 'fd00:9::5'");
    assert!(unknown.contains("give network back a subnet6"), "{unknown}");
    let interface = with("interface = 'x'\n[sandboxes.app.endpoints.back]\ninterface = 'x'");
    assert!(
        interface.contains("back.interface: x is the interface of the endpoint in network front"),
        "{interface}"
    );
    let gateways = with("gateway = true\n[sandboxes.app.endpoints.back]\ngateway = true");
    assert!(
        gateways.contains(
            "16:11: sandboxes.app.endpoints.back.gateway: the endpoint in network front is"
        ),
        "{gateways}"
    );
}

#[test]
fn what_is_in_two_networks_is_refused() {
    let networks = |front: &str, back: &str| {
        refusal(&format!("[networks.back]\n{back}\n[networks.front]\n{front}"))
    };
    let cases = [
        (
            "subnet = '10.0.0.0/8'",
            "subnet = '10.1.0.0/24'",
            "back.subnet: 10.1.0.0/24 overlaps 10.0.0.0/8 of network front",
        ),
        (
            "subnet = '10.1.0.0/24'",
            "subnet = '10.1.0.0/24'",
            "front.subnet: 10.1.0.0/24 overlaps 10.1.0.0/24 of network back",
        ),
        ("subnet6 = 'fd00::/16'", "subnet6 = 'fd00:1::/64'", "back.subnet6: fd00:1::/64 overlaps"),
        (
            "host-interface = 'back'",
            "",
            "front.host-interface: back is the host's interface of network back",
        ),
        (
            "nat = { ports = '10-20' }",
            "nat = { ports = '20-30' }",
            "back.nat.ports: network front translates to some of these ports already (10-20)",
        ),
    ];
    for (front, back, expected) in cases {
        let said = networks(front, back);
        assert!(said.contains(expected), "{said}\n{expected}");
    }
    let published = TWO.replace(
        "subnet = \"10.2",
        "publish = ['0.0.0.0:80:db:80', '8000-8090:db:1-91']\nsubnet = \"10.2",
    );
    let said = refusal(&published);
    assert!(said.contains(":6:12: networks.front.publish[0]: a port of it is published already, by 8000-8090:db:1-91/tcp of network back"), "{said}");
}

#[test]
fn what_names_nobody_is_refused() {
    let with = |more: &str| refusal(&TWO.replace("publish = [\"8080:web:80\"]", more));
    let said = with("publish = ['8080:web:80', '81:db:80']");
    assert!(said.contains(":6:27: networks.front.publish[1]: \"db\" has no endpoint in network front; there is web"), "{said}");
    let said = with("publish = ['81:web']");
    assert!(said.contains("publish[0]: write it like"), "{said}");
    let said = with("publish = ['81:web:80', '81:web:80/tcp']");
    assert!(said.contains("publish[1]: a port of it is published already"), "{said}");
    let said = with("[[networks.front.rules]]\nverdict = 'drop'\nto = 'db'");
    assert!(said.contains(":8:6: networks.front.rules[0].to: \"db\" has no endpoint"), "{said}");
    let none = TWO.replace("subnet6 = \"fd00:1::/64\"", "subnet6 = 'none'");
    let said = refusal(&none.replace("8080:web:80", "[2001:db8::1]:81:web:80"));
    assert!(said.contains("publish[0]: network front has no IPv6 to lead it to"), "{said}");
    let snat = "subnet6 = 'none'\nnat = { snat = ['2001:db8::1'] }";
    let said = refusal(&format!("[networks.a]\n{snat}"));
    assert!(said.contains(":4:17: networks.a.nat.snat[0]: network a has no IPv6"), "{said}");
    let said = refusal("[networks.a]\ninternal = true\nuplink = 'route'");
    assert!(
        said.contains(":4:10: networks.a.uplink: this says how to reach the outside, and internal"),
        "{said}"
    );
}

#[test]
fn a_sandbox_is_one_namespace_and_a_namespace_one_sandbox() {
    let said = refusal("[sandboxes.old]\n[sandboxes.x]\nnamespace = '/run/netns/old'");
    assert!(
        said.contains(
            ":4:13: sandboxes.x.namespace: /run/netns/old is the namespace of sandbox old"
        ),
        "{said}"
    );
    let said = refusal("[sandboxes.a]\npid = 7\n[sandboxes.x]\npid = 7");
    assert!(said.contains(":5:7: sandboxes.x.pid: process 7 is adopted by sandbox a"), "{said}");
    let said = refusal(
        "[sandboxes]\na = { mode = 'container:b' }\nb = { mode = 'container:c' }\nc = { mode = 'container:b' }",
    );
    assert!(said.contains("b shares with c shares with b: nobody"), "{said}");
}

#[test]
fn members_fill_the_subnet_and_the_switch_and_no_more() {
    let with = |network: &str, count: u32| {
        let sandboxes = (0..count).map(|n| format!("[sandboxes.s{n}.endpoints.a]\n"));
        Model::read(file(&format!("[networks.a]\n{network}\n{}", sandboxes.collect::<String>())))
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(with("subnet = '10.0.0.0/29'", 5), Ok(()));
    let said = with("subnet = '10.0.0.0/29'", 6).unwrap_err();
    assert!(
        said.contains(":3:10: networks.a.subnet: 10.0.0.0/29 has addresses for 5 endpoints"),
        "{said}"
    );
    assert_eq!(with("", 253), Ok(()));
    assert!(with("", 254).unwrap_err().contains("give a subnet with a prefix of /23 or shorter"));
    let said = with("subnet = '10.0.0.0/8'\nsubnet6 = 'fd00::/126'", 3).unwrap_err();
    assert!(said.contains("networks.a.subnet6: fd00::/126 has addresses for 2"), "{said}");
    assert_eq!(with("subnet = '10.0.0.0/8'", 1023), Ok(()));
    let said = with("subnet = '10.0.0.0/8'", 1024).unwrap_err();
    assert!(said.contains(":2:11: networks.a: network a has 1024 endpoints"), "{said}");
}

#[test]
fn a_request_declares_what_a_file_would() {
    let rules = "version = 1\npolicy = 'drop'\n[[rule]]\nto = 'ub0-2'\nverdict = 'accept'";
    let mut request = NetworkRequest::new("ub0", 2);
    request.publish = vec!["8080:ub0-1:80".to_owned()];
    request.rules = Some(RulesFile { path: "rules.toml".to_owned(), text: rules.to_owned() });
    request.isolate = vec![2];
    request.no_offloads = vec![0];
    let expected = read(
        "[networks.ub0]\npolicy = 'drop'\npublish = ['8080:ub0-1:80']\nhost-offloads = false\n\
         [[networks.ub0.rules]]\nto = 'ub0-2'\nverdict = 'accept'\n\
         [sandboxes.ub0-1.endpoints.ub0]\n[sandboxes.ub0-2.endpoints.ub0]\nisolated = true\n",
    );
    let model = Model::of_request(&request).unwrap();
    assert_eq!(model, expected);
    let rule = &model.networks()[&"ub0".parse().unwrap()].settings.filter.rules[0];
    assert_eq!(rule.origin.0, "rules.toml:3");
    request.ports = 0;
    assert!(Model::of_request(&request).unwrap_err().to_string().starts_with("--ports 0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_is_read_as_the_same(model in any::model()) {
        let text = model.to_spec().to_string();
        let file = SpecFile { path: "net.toml".to_owned(), text: text.clone() };
        let (again, _) = Model::read(file).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(&again, &model, "{}", text);
        prop_assert_eq!(again.to_spec().to_string(), text);
    }
}
