//! No netfilter object, no kernel conntrack; what our own shows.

use super::call::{Call, Protocol};
use super::world::{NEEDS, World};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use std::fs;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "no_netfilter_table_and_no_kernel_conntrack_is_used", no_netfilter);
    suite.add_needing(NEEDS, "no_program_is_to_be_found_where_these_tests_run", no_programs);
    suite.add_needing(NEEDS, "no_test_has_a_program_of_netfilter", no_netfilter_program);
    suite.add_needing(NEEDS, "conntrack_shows_a_flow_with_both_its_tuples", shown);
}

/// Types of netlink messages (`include/uapi/linux/netlink.h`).
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// `NFNL_SUBSYS_NFTABLES` and `NFT_MSG_GETTABLE` (`nfnetlink.h`, `nf_tables.h`).
const GET_TABLES: u16 = (10 << 8) | 1;

/// `NFNL_SUBSYS_CTNETLINK` and `IPCTNL_MSG_CT_GET` (`nfnetlink_conntrack.h`).
const GET_FLOWS: u16 = (1 << 8) | 1;

/// How many the calling thread's namespace has of what is asked for; none without netfilter.
fn count(what: u16) -> usize {
    let mut request = 20_u32.to_ne_bytes().to_vec();
    request.extend(what.to_ne_bytes());
    // Request and dump.
    request.extend(0x0301_u16.to_ne_bytes());
    request.extend([0; 8]);
    // All families, version 0.
    request.extend([0; 4]);
    let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(&request, 0).unwrap();
    let mut found = 0;
    loop {
        let (datagram, _) = socket.recv_from_full().unwrap();
        let mut rest = &datagram[..];
        while rest.len() >= 16 {
            let length = u32::from_ne_bytes(*rest.first_chunk().unwrap()) as usize;
            match u16::from_ne_bytes([rest[4], rest[5]]) {
                // A kernel without netfilter says that there is no such thing.
                NLMSG_DONE | NLMSG_ERROR => return found,
                _ => found += 1,
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// A file of /proc/net, empty if there is none.
fn proc_net(name: &str) -> String {
    fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
}

fn no_netfilter(host: &Host) {
    let world = World::up(host, "--ports 1 --publish 8080:ub0-1:80");
    let end = &world.ends[0];
    for family in Family::BOTH {
        let there = (family.of(&world.outside), 7000).into();
        Call::direct(end, &world.outside, there).make(host, Protocol::Tcp);
        let (to, at) = ((family.host(), 8080).into(), (family.of(end), 80).into());
        Call { client: &world.outside, to, server: end, at }.make(host, Protocol::Tcp);
    }
    for place in [&world.bridge, end] {
        place.visit(host, || {
            assert_eq!(count(GET_TABLES), 0, "nf_tables in {place:?}");
            assert_eq!(count(GET_FLOWS), 0, "kernel conntrack in {place:?}");
            for file in ["nf_conntrack", "ip_tables_names", "ip6_tables_names"] {
                assert_eq!(proc_net(file), "", "{file} in {place:?}");
            }
        });
    }
}

fn no_programs(host: &Host) {
    host.hide_programs();
    for program in ["ip", "nft", "iptables", "sh", "/bin/sh", "/usr/sbin/nft", "/sbin/ip"] {
        let started = std::process::Command::new(program).spawn();
        assert!(started.is_err(), "{program} is there");
    }
}

/// Not even those whose host has all other programs.
fn no_netfilter_program(_: &Host) {
    for program in ["nft", "iptables", "ip6tables", "ebtables", "conntrack", "/usr/sbin/nft"] {
        let started = std::process::Command::new(program).spawn();
        assert!(started.is_err(), "{program} is there");
    }
}

fn shown(host: &Host) {
    let world = World::up(host, "--ports 1");
    let end = &world.ends[0];
    for family in Family::BOTH {
        let there = std::net::SocketAddr::new(family.of(&world.outside), 7000);
        let (client, _server, seen) = Call::direct(end, &world.outside, there).connect(host);
        let word = if family == Family::V4 { "ipv4" } else { "ipv6" };
        let shown = host.udp_bridge(&format!("conntrack -L -f {word}")).ok().stdout;
        let own = client.local_addr().unwrap();
        let original =
            format!("src={} dst={} sport={} dport=7000", own.ip(), there.ip(), own.port());
        let (source, port) = (seen.source.ip(), seen.source.port());
        let reply = format!("src={} dst={source} sport=7000 dport={port}", there.ip());
        let found = |line: &str| {
            [&original[..], &reply, "ESTABLISHED"].iter().all(|words| line.contains(words))
        };
        assert!(shown.lines().any(found), "{original} {reply} is not in\n{shown}");
    }
}
