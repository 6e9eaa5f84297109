//! Rules, limits and entries of the MAC table come and go.

use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product::binary;
use udp_bridge_tests::host::talk::Talk;
use udp_bridge_tests::host::traffic::{End, pings_once};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_rule_holds_from_when_it_is_added_to_when_it_is_removed", rules);
    suite.add("rules_keep_their_order_and_their_words", order);
    suite.add("a_rule_that_makes_no_sense_changes_nothing", refused_rules);
    suite.add("limits_hold_for_one_port_alone_and_are_listed", limits);
    suite.add("the_examples_of_the_page_run_as_they_stand", examples);
    suite.add("entries_of_the_mac_table_are_added_moved_and_removed", fdb);
}

/// Long enough for what is let pass; what is dropped is never answered.
const MOMENT: Duration = Duration::from_millis(300);

fn json(host: &Host, arguments: &str) -> Value {
    serde_json::from_str(&host.udp_bridge(arguments).ok().stdout).unwrap()
}

/// A command whose arguments have spaces.
fn ask(host: &Host, arguments: &[&str]) -> udp_bridge_tests::host::process::Finished {
    host.finish(host.command("").args(arguments))
}

fn talk(host: &Host, from: &End, to: &End) -> Talk {
    let listener = to.visit(host, || TcpListener::bind((to.ipv4, 0)).unwrap());
    let client = from.connect(host, listener.local_addr().unwrap());
    Talk::start(client, listener.accept().unwrap().0)
}

fn rules(host: &Host) {
    let network = host.up("--ports 3");
    let ends = network.ends();
    let others = talk(host, &ends[2], &ends[3]);
    let answers = |from: usize, to: usize| {
        let to = ends[to].ipv4.into();
        ends[from].visit(host, || pings_once(to, MOMENT))
    };
    ends[1].ping(host, ends[2].ipv4.into());
    for _ in 0..2 {
        let added = ask(
            host,
            &[
                "rule",
                "add",
                "from = 'ub0-1'",
                "to = 'ub0-2'",
                "protocol = 'icmp'",
                "verdict = 'drop'",
            ],
        );
        assert_eq!(added.ok().stdout, "0\n");
        assert!(!answers(1, 2));
        ends[1].ping(host, ends[3].ipv4.into());
        others.assert_goes_on();
        let told = json(host, "rules ub0 --json");
        assert_eq!(told["rules"][0]["hits"]["packets"], 1, "{told}");
        host.udp_bridge("rule rm 0").ok();
        ends[1].ping(host, ends[2].ipv4.into());
        others.assert_goes_on();
    }
    others.finish();
}

fn order(host: &Host) {
    let path = "/run/first.toml";
    let text = "version = 1\n[[rule]]\nto = 'outside'\nverdict = 'accept'\n";
    fs::write(path, text).unwrap();
    let network = host.up(&format!("--ports 2 --rules {path}"));
    let flow = format!("trace ub0-1 icmp {}", network.ends()[2].ipv4);
    let judges = |words: &str| {
        let told = host.udp_bridge(&flow).ok().stdout;
        assert!(told.contains(&format!("rules      {words}, the first that matches\n")), "{told}");
    };
    fs::write(
        "/run/more.toml",
        "from = 'host'\nport = [22, '80-89']\nprotocol = 'tcp'\nverdict = 'reject'\n",
    )
    .unwrap();
    assert_eq!(host.udp_bridge("rule add --file /run/more.toml").ok().stdout, "1\n");
    assert_eq!(ask(host, &["rule", "add", "--at", "1", "verdict = 'accept'"]).ok().stdout, "1\n");
    let places = || -> Vec<String> {
        let told = json(host, "rules ub0 --json");
        let rules = told["rules"].as_array().unwrap().iter().enumerate();
        rules
            .map(|(id, rule)| {
                assert_eq!(rule["id"], id);
                rule["place"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    assert_eq!(places(), ["first.toml:2", "rule add", "/run/more.toml"]);
    // A rule without a line is named by the number that it is listed with.
    judges("rule 1 (rule add) accepts");
    host.udp_bridge("rule rm 0").ok();
    judges("rule 0 (rule add) accepts");
    assert_eq!(places(), ["rule add", "/run/more.toml"]);
    let told = host.udp_bridge("rules").ok().stdout;
    assert!(told.contains("from host protocol tcp port 22,80-89"), "{told}");
}

fn refused_rules(host: &Host) {
    let _network = host.up("--ports 1");
    for (fields, words) in [
        (&["verdict = 'perhaps'"][..], &["rule add:1:", "^"][..]),
        (&["from = 'host'", "colour = 1"], &["rule add:2:", "colour"]),
        (&["from = 'ub0-7'", "verdict = 'drop'"], &["ub0-7", "ub0-1"]),
        (&["port = 80", "verdict = 'drop'"], &["port"]),
    ] {
        let refused = ask(host, &[&["rule", "add"], fields].concat());
        assert_eq!(refused.code(), Some(2), "{refused:?}");
        for word in words {
            assert!(refused.stderr.contains(word), "{word} is not in {}", refused.stderr);
        }
    }
    assert_eq!(host.udp_bridge("rule rm 0").code(), Some(1));
    assert_eq!(json(host, "rules ub0 --json")["rules"], Value::Array(Vec::new()));
}

fn limits(host: &Host) {
    let network = host.up("--ports 3");
    let ends = network.ends();
    let others = talk(host, &ends[2], &ends[3]);
    host.udp_bridge("limit set ub0-1 --packets-out 1 --flows 7").ok();
    // One a second, whatever is sent: a burst of pings is dropped but for its beginning.
    let to = ends[3].ipv4.into();
    let dropped = || network.ports()[1].drops("limit-packets-out");
    ends[1].visit(host, || {
        for _ in 0..200 {
            if dropped() > 0 {
                break;
            }
            pings_once(to, Duration::from_millis(1));
        }
    });
    assert!(dropped() > 0);
    others.assert_goes_on();
    host.udp_bridge("limit set ub0-1 --bytes-in 1000000").ok();
    let listed = json(host, "limit list --json");
    assert_eq!(listed[0]["port"], "ub0-1");
    let limits = &listed[0]["limits"];
    assert_eq!((&limits["flows"], &limits["packets_out"]), (&7.into(), &1.into()));
    assert_eq!(limits["bytes_in"], 1_000_000);
    let told = json(host, "ps ub0 --json");
    assert!(told.to_string().contains("\"packets_out\":1"), "{told}");
    host.udp_bridge("limit set ub0-1 --none").ok();
    ends[1].ping(host, to);
    let before = dropped();
    ends[1].visit(host, || (0..20).for_each(|_| assert!(pings_once(to, MOMENT))));
    assert_eq!(dropped(), before);
    others.finish();
    assert_eq!(host.udp_bridge("limit set ub0-9 --flows 1").code(), Some(2));
    let zero = host.udp_bridge("limit set ub0-1 --flows 0");
    assert!(zero.code() == Some(2) && zero.stderr.contains("from 1 on"), "{zero:?}");
    let nothing = host.udp_bridge("limit set ub0-1");
    assert!(nothing.code() == Some(2) && nothing.stderr.contains("--new-flows"), "{nothing:?}");
    assert_eq!(host.udp_bridge("limit set ub0-1").code(), Some(2));
}

const PAGE: &str = include_str!("../../../docs/live.md");

fn examples(host: &Host) {
    let block = PAGE.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let program = binary().display().to_string();
    let script = format!("set -eu\nudp-bridge() {{ {program} \"$@\"; }}\n{block}");
    host.finish(Command::new("bash").args(["-c", &script])).ok();
    // What is left of it: two ports and a rule.
    let told = host.udp_bridge("ports").ok().stdout;
    assert!(told.contains("*:8080") && told.contains("127.0.0.1:5300"), "{told}");
    assert!(!told.contains("8081"), "{told}");
    let told = json(host, "rules ub0 --json");
    assert_eq!(told["rules"].as_array().map(Vec::len), Some(1), "{told}");
    host.udp_bridge("down").ok();
}

fn fdb(host: &Host) {
    let network = host.up("--ports 2");
    let behind = |mac: &str| -> Option<String> {
        let listed = json(host, "fdb ub0 --json");
        let mut entries = listed.as_array().unwrap().iter();
        let found = entries.find(|one| one["mac"] == mac)?;
        assert_eq!(found["origin"], "static");
        Some(found["port"].as_str().unwrap().to_owned())
    };
    let mac = "02:00:00:00:00:1a";
    for port in ["ub0-1", "ub0-2", "ub0"] {
        host.udp_bridge(&format!("fdb add 02:00:00:00:00:1A {port}")).ok();
        assert_eq!(behind(mac).as_deref(), Some(port));
    }
    host.udp_bridge(&format!("fdb rm {mac}")).ok();
    assert_eq!(behind(mac), None);
    assert_eq!(host.udp_bridge(&format!("fdb rm {mac}")).code(), Some(1));
    let own = network.ports()[1].mac().to_string();
    let refused = host.udp_bridge(&format!("fdb add {own} ub0-2"));
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert_eq!(behind(&own).as_deref(), Some("ub0-1"));
    // What was refused is no part of the network: the next change does not meet it.
    host.udp_bridge(&format!("fdb add {mac} ub0-1")).ok();
    let group = host.udp_bridge("fdb add 01:00:5e:00:00:01 ub0-1");
    assert_eq!(group.code(), Some(2));
    assert!(group.stderr.contains("a static FDB entry needs a unicast MAC"), "{group:?}");
    assert_eq!(host.udp_bridge(&format!("fdb add {mac} web")).code(), Some(2));
    assert_eq!(behind(mac).as_deref(), Some("ub0-1"));
}
