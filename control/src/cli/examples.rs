//! A network and its ports, for tests of what is printed.

use crate::api::protocol::{
    Counters, DropCount, FdbInfo, FdbOrigin, Hits, NetworkInfo, PortInfo, PublishedInfo,
    RefusalCount, RuleInfo, RulesInfo,
};
use dataplane::wire::ethernet::MacAddr;

pub(crate) fn network() -> NetworkInfo {
    NetworkInfo {
        name: "ub0".to_owned(),
        pid: 4242,
        rootless: false,
        uptime_seconds: 123,
        subnet: "172.16.1.0/24".parse().unwrap(),
        subnet6: Some("fd00::/64".parse().unwrap()),
        mtu: 1500,
        host_if: "ub0".to_owned(),
        ports: 1,
    }
}

pub(crate) fn ports() -> Vec<PortInfo> {
    let host = PortInfo {
        number: 0,
        name: "ub0".to_owned(),
        alive: true,
        isolated: false,
        namespace: None,
        interface: "ub0".to_owned(),
        mac: MacAddr([2, 0, 0, 0, 0, 0]),
        ipv4: "172.16.1.1/24".parse().unwrap(),
        ipv6: Some("fd00::1/64".parse().unwrap()),
        mtu: 1500,
        offloads: vec!["csum".to_owned(), "tso4".to_owned()],
        counters: Counters::default(),
        ring_drops: Some(0),
    };
    let first = PortInfo {
        number: 1,
        name: "ub0-1".to_owned(),
        alive: false,
        isolated: true,
        namespace: Some("ub0-1".to_owned()),
        interface: "eth0".to_owned(),
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        ipv4: "172.16.1.2/24".parse().unwrap(),
        ipv6: None,
        offloads: Vec::new(),
        counters: Counters {
            received_frames: 1234,
            received_bytes: 1_500_000,
            sent_frames: 7,
            sent_bytes: 700,
            dropped_frames: 2,
            drops: vec![DropCount {
                reason: "zero-source-mac".to_owned(),
                frames: 2,
                explanation: "The source MAC is all zeroes.".to_owned(),
            }],
            fdb_evictions: 0,
        },
        ring_drops: None,
        ..host.clone()
    };
    vec![host, first]
}

pub(crate) fn fdb() -> Vec<FdbInfo> {
    let given = FdbInfo {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        port: "ub0-1".to_owned(),
        origin: FdbOrigin::Static,
        age_seconds: None,
    };
    let learned = FdbInfo {
        mac: MacAddr([2, 0, 0, 0, 0, 9]),
        port: "ub0".to_owned(),
        origin: FdbOrigin::Learned,
        age_seconds: Some(75),
    };
    vec![given, learned]
}

pub(crate) fn published() -> Vec<PublishedInfo> {
    let range = PublishedInfo {
        protocol: "tcp".to_owned(),
        address: None,
        first_port: 8000,
        last_port: 8009,
        port: "ub0-1".to_owned(),
        target_ipv4: "172.16.1.2".parse().unwrap(),
        target_ipv6: Some("fd00::2".parse().unwrap()),
        target_first_port: 80,
        target_last_port: 89,
        relayed_now: 1,
        relayed_total: 1234,
        refused: vec![RefusalCount {
            reason: "too-many".to_owned(),
            count: 2,
            explanation: "As many as can be.".to_owned(),
        }],
    };
    let single = PublishedInfo {
        protocol: "udp".to_owned(),
        address: Some("2001:db8::1".parse().unwrap()),
        first_port: 53,
        last_port: 53,
        port: "ub0-2".to_owned(),
        target_ipv4: "172.16.1.3".parse().unwrap(),
        target_ipv6: Some("fd00::3".parse().unwrap()),
        target_first_port: 53,
        target_last_port: 53,
        relayed_now: 0,
        relayed_total: 0,
        refused: Vec::new(),
    };
    vec![range, single]
}

pub(crate) fn rules() -> RulesInfo {
    let web = RuleInfo {
        place: "rules.toml:3".to_owned(),
        from: Some("outside".to_owned()),
        to: Some("ub0-2".to_owned()),
        protocol: Some("tcp".to_owned()),
        sources: vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.7/32".parse().unwrap()],
        destinations: Vec::new(),
        source_ports: Vec::new(),
        destination_ports: vec!["80".to_owned(), "8000-8010".to_owned()],
        states: vec!["new".to_owned()],
        verdict: "accept".to_owned(),
        hits: Some(Hits { packets: 1234, bytes: 1_500_000 }),
    };
    let all = RuleInfo {
        place: "rules.toml:12".to_owned(),
        verdict: "reject".to_owned(),
        hits: Some(Hits::default()),
        ..RuleInfo::default()
    };
    RulesInfo {
        rules: vec![web, all],
        flow_hits: None,
        icc: false,
        icc_hits: Some(Hits { packets: 2, bytes: 120 }),
        policy: "accept".to_owned(),
        policy_hits: None,
    }
}
