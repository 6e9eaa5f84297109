//! What is there while a network stands?

use super::world::{HOST4, HOST6, OUTSIDE4, add_outside, add_veth, rules, setting, table_routes};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    let ipv6 = &[Need::Ipv6];
    suite.add_needing(ipv6, "rules_routes_and_settings_are_as_planned", as_planned);
    suite.add_needing(ipv6, "a_second_network_has_ports_and_a_table_of_its_own", second);
    suite.add("networks_that_start_at_once_all_find_a_subnet_and_ports", at_once);
    suite.add("rules_follow_addresses_and_interfaces_that_come_and_go", follows);
    suite.add("all_networks_of_a_daemon_follow_a_new_address", all_follow);
    suite.add("what_could_not_be_followed_is_tried_again", follows_later);
    suite.add_needing(
        &[Need::IpCommand],
        "a_local_rule_that_others_move_or_remove_comes_back",
        local_follows,
    );
    suite.add("without_an_uplink_the_host_stays_as_it_is", without);
    suite.add("ports_that_the_host_gives_away_are_reserved_and_given_back", reserved);
    suite
        .add("ports_that_a_killed_network_had_reserved_stay_with_who_has_them_now", reserved_twice);
    suite.add("the_hosts_own_traffic_goes_on_as_before", own_traffic);
}

/// The rules of a network whose table is the n-th.
fn of_network(n: u32, ports: &str) -> Vec<String> {
    let table = 0x7562_0000 + n;
    let mut rules = Vec::new();
    for (version, address) in [(4, format!("{HOST4}/32")), (6, format!("{HOST6}/128"))] {
        for protocol in [6, 17] {
            rules.push(format!(
                "v{version} 1 iif u0 ports {ports} proto {protocol} to {address} lookup {table:#x}"
            ));
        }
    }
    rules
}

fn with_local(of_networks: Vec<String>) -> Vec<String> {
    let mut all = of_networks;
    all.extend([4, 6].map(|version| format!("v{version} 2 lookup local")));
    all.sort();
    all
}

#[track_caller]
fn assert_rules(expected: &[String]) {
    let mut now = rules();
    now.sort();
    assert_eq!(now, expected);
}

fn as_planned(host: &Host) {
    add_outside(host);
    let _network = host.up("--ports 1 --uplink route");
    assert_rules(&with_local(of_network(0, "61000-65534")));
    let routes = table_routes(0x7562_0000);
    assert_eq!(routes.len(), 2, "{routes:?}");
    for (gateway, onlink) in routes {
        assert!(onlink);
        match gateway {
            IpAddr::V4(v4) => assert!(v4.is_link_local(), "{v4}"),
            IpAddr::V6(v6) => assert!(v6.is_unicast_link_local(), "{v6}"),
        }
    }
    for (key, value) in [
        ("ipv4/conf/ub0/forwarding", "1"),
        ("ipv4/conf/ub0/accept_local", "1"),
        ("ipv4/conf/ub0/rp_filter", "2"),
        ("ipv4/conf/u0/forwarding", "1"),
        ("ipv4/conf/lo/forwarding", "0"),
        ("ipv4/conf/all/forwarding", "0"),
        ("ipv6/conf/all/forwarding", "0"),
    ] {
        assert_eq!(setting(key), value, "{key}");
    }
    if std::path::Path::new("/proc/sys/net/ipv6/conf/u0/force_forwarding").exists() {
        assert_eq!(setting("ipv6/conf/u0/force_forwarding"), "1");
        assert_eq!(setting("ipv6/conf/ub0/force_forwarding"), "1");
    }
}

fn second(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    let _red = host.up("--ports 1 --name red");
    let alone = host.snapshot();
    let _blue = host.up("--ports 1 --name blue");
    let mut both = of_network(0, "61000-65534");
    both.extend(of_network(1, "31744-32767"));
    assert_rules(&with_local(both));
    host.udp_bridge("down blue").ok();
    alone.assert_same(&host.snapshot());
    assert_eq!(setting("ipv4/conf/u0/forwarding"), "1");
    // Now the one that changed the settings goes first.
    let _blue = host.up("--ports 1 --name blue");
    host.udp_bridge("down red").ok();
    assert_rules(&with_local(of_network(1, "31744-32767")));
    assert_eq!(setting("ipv4/conf/u0/forwarding"), "1");
    host.udp_bridge("down blue").ok();
    before.assert_same(&host.snapshot());
}

fn at_once(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    let start = |n| host.start(&mut host.command(&format!("up --ports 1 --name n{n} --detach")));
    let starting: Vec<_> = (0..6).map(start).collect();
    for one in starting {
        one.wait().ok();
    }
    host.udp_bridge("down --all").ok();
    before.assert_same(&host.snapshot());
}

fn follows(host: &Host) {
    add_outside(host);
    let network = host.up("--ports 1 --subnet6 none");
    let has = |text: &str| rules().iter().any(|rule| rule.contains(text));
    let rtnl = Rtnl::open();
    let more = Ipv4Addr::new(198, 51, 100, 7);
    rtnl.add_address("u0", more, 24);
    wait::for_yes("a rule for the new address", || has("198.51.100.7"));
    rtnl.remove_address("u0", more, 24);
    wait::for_yes("the rule goes with the address", || !has("198.51.100.7"));
    add_veth(host, "u1", "o1");
    rtnl.add_address("u1", Ipv4Addr::new(203, 0, 113, 7), 24);
    wait::for_yes("a rule for the new interface", || has("iif u1"));
    wait::for_yes("it forwards", || setting("ipv4/conf/u1/forwarding") == "1");
    rtnl.delete("u1");
    wait::for_yes("the rule goes with the interface", || !has("u1"));
    host.udp_bridge("down").ok();
    drop(network);
    assert_eq!(rules(), ["v4 0 lookup local", "v6 0 lookup local"]);
}

fn all_follow(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    let daemon = host.daemon();
    for name in ["red", "blue"] {
        let body = format!(r#"{{"name": "{name}", "ports": 1, "subnet6": "none"}}"#);
        assert_eq!(host.ask("POST", "/v1/networks", &body).status, 201);
    }
    let tables = |address: &str| -> BTreeSet<String> {
        let rules = rules();
        let of_it = rules.iter().filter(|rule| rule.contains(address));
        of_it.filter_map(|rule| Some(rule.split_once("lookup ")?.1.to_owned())).collect()
    };
    let rtnl = Rtnl::open();
    let more = Ipv4Addr::new(198, 51, 100, 7);
    rtnl.add_address("u0", more, 24);
    wait::for_yes("rules of both for the new address", || tables("198.51.100.7").len() == 2);
    assert_eq!(host.ask("DELETE", "/v1/networks/red", "").status, 204);
    assert_eq!(tables("198.51.100.7").len(), 1);
    rtnl.remove_address("u0", more, 24);
    wait::for_yes("the rules go with the address", || tables("198.51.100.7").is_empty());
    daemon.signal(Signal::SIGTERM);
    daemon.wait().ok();
    before.assert_same(&host.snapshot());
}

/// What is in the way is a folder of the name that the ledger has until it is whole.
fn follows_later(host: &Host) {
    add_outside(host);
    add_veth(host, "u1", "o1");
    // Where there is IPv6 the kernel has something to tell time and again.
    super::world::set("ipv6/conf/all/disable_ipv6", "1");
    let before = host.snapshot();
    let network = host.start(&mut host.command("up --ports 1 --subnet6 none"));
    wait::for_yes("it stands", || network.stdout().contains("Try:"));
    let way = std::path::Path::new("/run/udp-bridge/.uplink.json.new");
    std::fs::create_dir(way).unwrap();
    let address = Ipv4Addr::new(203, 0, 113, 7);
    Rtnl::open().add_address("u1", address, 24);
    wait::for_yes("it says that it cannot", || network.stderr().contains("cannot follow"));
    assert_eq!(setting("ipv4/conf/u1/forwarding"), "0");
    std::fs::remove_dir(way).unwrap();
    wait::for_yes("it forwards", || setting("ipv4/conf/u1/forwarding") == "1");
    Rtnl::open().remove_address("u1", address, 24);
    network.signal(Signal::SIGINT);
    network.wait().ok();
    before.assert_same(&host.snapshot());
}

/// Somebody puts the `local` rule back where it was, then somebody takes it away.
fn local_follows(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    let network = host.up("--ports 1");
    let ip = |arguments: &str| host.finish(Command::new("ip").args(arguments.split(' '))).ok();
    let has = |rule: &str| rules().iter().any(|other| other == rule);
    ip("rule add pref 0 lookup local");
    wait::for_yes("it makes room again", || !has("v4 0 lookup local"));
    assert!(has("v4 2 lookup local"));
    ip("rule del pref 2 lookup local");
    wait::for_yes("it comes back", || has("v4 2 lookup local"));
    assert_eq!(network.end_by(Signal::SIGINT).code(), Some(0));
    before.assert_same(&host.snapshot());
}

fn without(host: &Host) {
    add_outside(host);
    let before = (rules(), setting("ipv4/conf/u0/forwarding"));
    let _network = host.up("--ports 1 --uplink none");
    assert_eq!((rules(), setting("ipv4/conf/u0/forwarding")), before);
    assert_eq!(setting("ipv4/conf/ub0/forwarding"), "0");
}

fn reserved(host: &Host) {
    add_outside(host);
    super::world::set("ipv4/ip_local_reserved_ports", "8080,40000-40010");
    let before = host.snapshot();
    let _network = host.up("--ports 1 --nat-ports 40005-40020");
    assert_eq!(setting("ipv4/ip_local_reserved_ports"), "8080,40000-40020");
    // What somebody else adds meanwhile stays.
    super::world::set("ipv4/ip_local_reserved_ports", "8080,9090,40000-40020");
    host.udp_bridge("down").ok();
    assert_eq!(setting("ipv4/ip_local_reserved_ports"), "8080,9090,40000-40010");
    super::world::set("ipv4/ip_local_reserved_ports", "8080,40000-40010");
    before.assert_same(&host.snapshot());
}

fn reserved_twice(host: &Host) {
    add_outside(host);
    super::world::set("ipv4/ip_local_reserved_ports", "8080");
    let before = host.snapshot();
    let reserved = || setting("ipv4/ip_local_reserved_ports");
    let dead = host.up("--ports 1 --nat-ports 40000-40020");
    assert_eq!(dead.end_by(Signal::SIGKILL).code(), None);
    let red = host.up("--ports 1 --name red --nat-ports 40010-40030");
    assert_eq!(reserved(), "8080,40000-40030");
    // What it shares with the killed one is its own now.
    host.udp_bridge("down ub0").ok();
    assert_eq!(reserved(), "8080,40010-40030");
    host.udp_bridge("down red").ok();
    drop(red);
    before.assert_same(&host.snapshot());
    // The other way round: the living one ends first.
    let dead = host.up("--ports 1 --nat-ports 40000-40020");
    assert_eq!(dead.end_by(Signal::SIGKILL).code(), None);
    let red = host.up("--ports 1 --name red --nat-ports 40010-40030");
    host.udp_bridge("down red").ok();
    drop(red);
    host.udp_bridge("down ub0").ok();
    before.assert_same(&host.snapshot());
}

fn own_traffic(host: &Host) {
    add_outside(host);
    let _network = host.up("--ports 1");
    let here = udp_bridge_tests::host::traffic::End { namespace: None, ipv4: HOST4, ipv6: None };
    here.ping(host, OUTSIDE4.into());
    here.ping(host, HOST4.into());
    let outside = udp_bridge_tests::host::traffic::End {
        namespace: Some("outside".to_owned()),
        ipv4: OUTSIDE4,
        ipv6: None,
    };
    outside.ping(host, HOST4.into());
}
