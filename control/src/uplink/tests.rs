//! What is chosen for a network, what follows from it, and how the `local` rule makes room.

use super::choose::{BLOCK, FIRST_BLOCK, FIRST_TABLE, LAST_BLOCK, MAX_TABLES, meet};
use super::host::key;
use super::local::{PRIORITY_LOCAL, local_priority};
use super::*;
use crate::netlink::{Interface, PROTOCOL_KERNEL, PROTOCOL_OURS, Rule};
use dataplane::wire::{tcp, udp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;

fn wanted(ports: Option<Range>) -> Wanted {
    Wanted {
        interface: "ub0".to_owned(),
        ipv6: true,
        ports,
        snat: Vec::new(),
        published: Vec::new(),
    }
}

fn interface(name: &str, addresses: &[&str]) -> Interface {
    Interface {
        index: 7,
        name: name.to_owned(),
        up: true,
        loopback: name == "lo",
        mtu: 1500,
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn host(interfaces: Vec<Interface>) -> Host {
    let keys = interfaces.iter().flat_map(|one| {
        [key(true, &one.name, "forwarding"), key(false, &one.name, "force_forwarding")]
    });
    let forced = super::host::FORCE_FORWARDING_ALL6.to_owned();
    let settings: BTreeMap<_, _> = keys.chain([forced]).map(|key| (key, "0".to_owned())).collect();
    let rules = [true, false].map(|ipv4| Rule::local(ipv4, 0, PROTOCOL_KERNEL)).to_vec();
    Host { interfaces, settings, rules, reservable: true, ..Host::default() }
}

fn usual() -> Host {
    host(vec![
        interface("lo", &["127.0.0.1/8", "::1/128"]),
        interface("eth0", &["192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"]),
        interface("ub0", &["172.16.1.1/24", "fd00::1/64"]),
    ])
}

fn chosen(wanted: &Wanted, host: &Host, others: &[Entry]) -> Result<Entry, Refusal> {
    choose(wanted, Identity::default(), host, others)
}

fn taps() -> Beside {
    Beside::of(["ub0", "ub1"].map(|name| (name.to_owned(), name.parse().unwrap())))
}

fn shown(desired: &Desired) -> Vec<String> {
    desired.rules.iter().map(ToString::to_string).collect()
}

#[test]
fn replies_come_back_by_a_rule_for_each_address_of_each_interface_but_ours() {
    let host = usual();
    let entry = chosen(&wanted(None), &host, &[]).unwrap();
    let desired = desired(&entry, &host, &taps());
    let table = entry.table;
    assert_eq!(
        shown(&desired),
        [
            format!(
                "pref 1 iif eth0 to 2001:db8::1/128 ipproto 6 dport 61000-65534 lookup {table} (IPv6)"
            ),
            format!(
                "pref 1 iif eth0 to 2001:db8::1/128 ipproto 17 dport 61000-65534 lookup {table} (IPv6)"
            ),
            format!(
                "pref 1 iif eth0 to 192.0.2.1/32 ipproto 6 dport 61000-65534 lookup {table} (IPv4)"
            ),
            format!(
                "pref 1 iif eth0 to 192.0.2.1/32 ipproto 17 dport 61000-65534 lookup {table} (IPv4)"
            ),
        ]
    );
    let keys: Vec<_> = desired.settings.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["net/ipv4/conf/eth0/forwarding", "net/ipv6/conf/eth0/force_forwarding"]);
}

#[test]
fn what_comes_by_the_tap_of_a_network_that_rules_name_is_ours_behind_what_is_the_hosts() {
    let mut host = usual();
    host.interfaces.push(interface("ub1", &["172.16.2.1/24"]));
    let entry = chosen(&wanted(None), &host, &[]).unwrap();
    let own = desired(&entry, &host, &taps()).rules;
    let named = ["ub0", "ub1", "ub9"].map(|name| name.parse().unwrap());
    let beside = taps().naming(named.into());
    let with = desired(&entry, &host, &beside).rules;
    let more: Vec<String> = with.difference(&own).map(ToString::to_string).collect();
    let table = entry.table;
    assert_eq!(
        more,
        [
            format!("pref 3 iif ub1 to fd00::/64 lookup {table} (IPv6)"),
            format!("pref 3 iif ub1 to 172.16.1.0/24 lookup {table} (IPv4)"),
        ]
    );
    let v4_alone = desired(&Entry { ipv6: false, ..entry }, &host, &beside).rules;
    assert_eq!(v4_alone.iter().filter(|rule| rule.priority == 3).count(), 1);
}

#[test]
fn an_interface_that_is_down_or_has_no_address_and_no_default_route_is_no_way_out() {
    let mut host = usual();
    host.interfaces[1].up = false;
    host.interfaces.push(interface("eth1", &["fe80::2/64", "169.254.7.7/16"]));
    let entry = chosen(&wanted(None), &host, &[]).unwrap();
    assert_eq!(desired(&entry, &host, &taps()), Desired::default());
    // With a default route it is one, under the addresses that no interface has for itself.
    host.defaults[0].insert("eth1".to_owned());
    host.interfaces[0].addresses.push("198.51.100.1/32".parse().unwrap());
    let desired = desired(&entry, &host, &taps());
    assert_eq!(desired.rules.len(), 2);
    assert!(desired.rules.iter().all(|rule| rule.to == Some("198.51.100.1/32".parse().unwrap())));
}

#[test]
fn without_a_switch_for_single_interfaces_ipv6_stays_in() {
    let mut host = usual();
    host.settings.retain(|key, _| !key.ends_with("force_forwarding"));
    let entry = chosen(&wanted(None), &host, &[]).unwrap();
    assert!(!entry.ipv6);
    assert!(desired(&entry, &host, &taps()).rules.iter().all(|rule| rule.ipv4));
    host.settings.insert(super::host::FORWARDING_ALL6.to_owned(), "1".to_owned());
    assert!(chosen(&wanted(None), &host, &[]).unwrap().ipv6);
}

#[test]
fn ports_that_the_host_gives_away_are_refused_where_they_cannot_be_reserved() {
    let ephemeral = vec![(32_768, 60_999)];
    let mut host = Host { ephemeral, reservable: false, ..usual() };
    let asked = wanted(Some((60_000, 61_500)));
    let refused = Refusal::NotReservable(vec![(60_000, 60_999)]);
    assert_eq!(chosen(&asked, &host, &[]), Err(refused));
    assert!(chosen(&wanted(None), &host, &[]).is_ok());
    host.reservable = true;
    assert_eq!(chosen(&asked, &host, &[]).unwrap().reserved, [(60_000, 60_999)]);
}

#[test]
fn nothing_is_translated_to_a_port_that_the_network_publishes() {
    let publishing = |published: &[Range], asked: Option<Range>| {
        let claim = |&ports: &Range| Claim { protocol: 6, address: None, ports };
        let wanted = Wanted { published: published.iter().map(claim).collect(), ..wanted(asked) };
        chosen(&wanted, &usual(), &[]).map(|entry| entry.ports)
    };
    assert_eq!(publishing(&[(61_500, 61_501)], None), Ok((61_502, 65_534)));
    assert_eq!(publishing(&[(62_000, 64_000)], None), Ok((31_744, 32_767)));
    let (asked, published) = ((8000, 9000), vec![(8080, 8081)]);
    let refused = Refusal::PortsPublished { asked, published };
    assert_eq!(publishing(&[(80, 80), (8080, 8081)], Some(asked)), Err(refused));
}

#[test]
fn networks_have_tables_and_ports_of_their_own_until_there_are_none_left() {
    let host = usual();
    let mut others: Vec<Entry> = Vec::new();
    let refusal = loop {
        match chosen(&wanted(None), &host, &others) {
            Ok(entry) => {
                assert!(others.iter().all(|other| {
                    other.table != entry.table && !meet(other.ports, entry.ports)
                }));
                others.push(entry);
            }
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal, Refusal::NoPortsLeft);
    assert_eq!(others.len(), 1 + usize::from((FIRST_BLOCK - LAST_BLOCK) / BLOCK) + 1);
    assert_eq!((others[0].ports, others[1].ports), ((61_000, 65_534), (31_744, 32_767)));
}

#[test]
fn a_table_that_a_rule_leads_to_is_not_free() {
    let mut host = usual();
    host.rules.push(Rule { table: FIRST_TABLE, ..Rule::local(true, 5, 3) });
    assert_eq!(chosen(&wanted(None), &host, &[]).unwrap().table, FIRST_TABLE + 1);
    for table in FIRST_TABLE..FIRST_TABLE + MAX_TABLES {
        host.rules.push(Rule { table, ..Rule::local(true, 5, 3) });
    }
    assert_eq!(chosen(&wanted(None), &host, &[]), Err(Refusal::NoPortsLeft));
}

#[test]
fn what_belongs_to_another_network_or_is_not_the_hosts_is_refused() {
    let host = usual();
    let other = chosen(&wanted(None), &host, &[]).unwrap();
    let others = std::slice::from_ref(&other);
    let taken = chosen(&wanted(Some((60_000, 61_000))), &host, others).unwrap_err();
    assert!(matches!(taken, Refusal::PortsTaken { .. }), "{taken}");
    assert!(taken.to_string().contains("61000-65534"), "{taken}");
    let claim = |ports| Claim { protocol: tcp::PROTOCOL, address: None, ports };
    let published = Wanted { published: vec![claim((65_534, 65_534))], ..wanted(None) };
    let taken = chosen(&published, &host, others).unwrap_err();
    assert!(matches!(taken, Refusal::PublishTaken { port: 65_534, .. }), "{taken}");
    let published = Wanted { published: vec![claim((65_000, 65_535))], ..wanted(None) };
    let refused = chosen(&published, &host, &[]).unwrap_err();
    assert_eq!(refused, Refusal::PublishLastPort((65_000, 65_535)));
    assert!(refused.to_string().starts_with("--publish: 65000-65535: "), "{refused}");
    let alone = chosen(&wanted(Some((65_535, 65_535))), &host, &[]);
    assert_eq!(alone, Err(Refusal::LastPortAlone));
    for foreign in ["192.0.2.9", "127.0.0.1", "fe80::1"] {
        let foreign: IpAddr = foreign.parse().unwrap();
        let wanted = Wanted { snat: vec![foreign], ..wanted(None) };
        assert_eq!(chosen(&wanted, &host, &[]), Err(Refusal::SnatAddress(foreign)));
    }
}

#[test]
fn the_last_port_is_published_for_the_host_alone() {
    let address = Some(IpAddr::from([127, 0, 0, 1]));
    let claim = Claim { protocol: tcp::PROTOCOL, address, ports: (65_535, 65_535) };
    let published = Wanted { published: vec![claim], ..wanted(None) };
    let entry = chosen(&published, &usual(), &[]).unwrap();
    let desired = desired(&entry, &usual(), &taps());
    assert!(desired.rules.iter().all(|rule| rule.ports == Some(entry.ports)), "{desired:?}");
}

#[test]
fn ports_that_the_host_gives_away_are_to_be_reserved() {
    let mut host = usual();
    host.ephemeral = vec![(32_768, 40_000), (40_002, 60_999)];
    let entry = chosen(&wanted(Some((39_999, 40_005))), &host, &[]).unwrap();
    assert_eq!(entry.reserved, [(39_999, 40_000), (40_002, 40_005)]);
    assert_eq!(chosen(&wanted(None), &host, &[]).unwrap().reserved, []);
}

#[test]
fn many_published_ports_go_into_few_rules() {
    let host = usual();
    let claim = |port| Claim { protocol: tcp::PROTOCOL, address: None, ports: (port, port) };
    let published = (0..1000).map(|n| claim(1000 + 7 * n)).collect();
    let entry = chosen(&Wanted { published, ..wanted(None) }, &host, &[]).unwrap();
    let desired = desired(&entry, &host, &taps());
    let of = |protocol| desired.rules.iter().filter(move |rule| rule.ip_protocol == Some(protocol));
    // Two addresses.
    assert_eq!(of(tcp::PROTOCOL).count(), 2 * MAX_RANGES);
    assert_eq!(of(udp::PROTOCOL).count(), 2);
}

#[test]
fn more_addresses_than_the_limit_are_left_out_and_told() {
    let many = |count: u16| {
        let mut host = usual();
        let new = (0..count).map(|n| format!("10.0.{}.{}/32", n >> 8, n & 255).parse().unwrap());
        host.interfaces[1].addresses = new.collect();
        let entry = chosen(&wanted(None), &host, &[]).unwrap();
        let desired = desired(&entry, &host, &taps());
        (desired.rules.len(), desired.left_out)
    };
    assert_eq!(many(256), (2 * MAX_PAIRS, 0));
    assert_eq!(many(259), (2 * MAX_PAIRS, 3));
}

/// The rules after the steps, with a `local` rule at every moment.
fn after(mut rules: Vec<Rule>, steps: Vec<Step>) -> Vec<Rule> {
    for step in steps {
        match step {
            Step::Add(rule) => rules.push(rule),
            Step::Remove(rule) => rules.retain(|other| *other != rule),
        }
        assert!(rules.iter().any(Rule::is_local), "there is no local rule in {rules:?}");
    }
    rules.sort();
    rules
}

proptest! {
    #[test]
    fn the_local_rule_moves_and_comes_back_and_is_never_missing(
        priorities in proptest::collection::btree_set(1..9_u32, 0..3),
        at_first in any::<bool>(),
    ) {
        prop_assume!(at_first || !priorities.is_empty());
        let first = at_first.then(|| Rule::local(true, 0, PROTOCOL_KERNEL));
        let others = priorities.iter().map(|&priority| Rule::local(true, priority, 3));
        let before: Vec<Rule> = first.into_iter().chain(others).collect();
        let moved = after(before.clone(), move_local(&before, true));
        prop_assert!(moved.iter().all(|rule| rule.priority > 0));
        prop_assert_eq!(move_local(&moved, true), vec![]);
        prop_assert!(local_priority(&moved, true) == moved[0].priority);
        let back = after(moved.clone(), restore_local(&moved, true));
        // Where others have a rule of their own, the first one was their leftover.
        if priorities.is_empty() || !at_first {
            prop_assert_eq!(back, before);
        }
    }
}

#[test]
fn a_host_that_lost_its_local_rule_gets_one() {
    let steps = move_local(&[], true);
    assert_eq!(steps, [Step::Add(Rule::local(true, PRIORITY_LOCAL, PROTOCOL_OURS))]);
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let entry = chosen(&wanted(None), &usual(), &[]).unwrap();
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
}
