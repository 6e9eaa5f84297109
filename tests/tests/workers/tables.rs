//! FDB, flows, leases and limits under several hands.

use super::crew::{CREWS, Crew, next, send};
use dataplane::config::{NatConfig, PortLimits, SwitchConfig};
use dataplane::engine::FdbKind;
use dataplane::outcome::{DropReason, PortId};
use dataplane::wire::ethernet::MacAddr;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;
use udp_bridge_tests::errors::{tell, told};
use udp_bridge_tests::host::wait;
use udp_bridge_tests::network::*;
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::talk::{hear, udp};
use udp_bridge_tests::world::{own_mac, strange_mac};

/// Namespaces that begin flows.
const NAMESPACES: u16 = 6;

/// Flows of each: what all of them send at once fits into the host's queue.
const FLOWS: u16 = 150;

/// A datagram of flow `n` of a namespace to the outside.
fn outward(port: u16, n: u16) -> Vec<u8> {
    let payload = [port.to_be_bytes(), n.to_be_bytes()].concat();
    udp(up(port), at(V4.inside(port), 1000 + n), at(V4.outside, 53), &payload)
}

#[test]
fn each_flow_has_a_lease_of_its_own_and_gets_its_own_replies() {
    for workers in CREWS {
        let router = Some(router(NAMESPACES + 1));
        let crew = Crew::with(workers, NAMESPACES + 1, SwitchConfig::default(), router);
        let all = usize::from(NAMESPACES * FLOWS);
        thread::scope(|scope| {
            for port in 1..=NAMESPACES {
                let host = &crew.hosts[usize::from(port)];
                scope.spawn(move || (0..FLOWS).for_each(|n| send(host, &outward(port, n))));
                scope.spawn(move || {
                    let mut replied = HashSet::new();
                    while replied.len() < usize::from(FLOWS) {
                        let reply = hear(&next(host));
                        let n = u16::from_be_bytes([reply.payload[2], reply.payload[3]]);
                        assert_eq!(reply.payload[..2], port.to_be_bytes());
                        assert_eq!(reply.to, at(V4.inside(port), 1000 + n));
                        assert!(replied.insert(n), "each is answered once");
                    }
                });
            }
            let mut leases = HashSet::new();
            for _ in 0..all {
                let out = hear(&next(&crew.hosts[0]));
                assert_eq!(out.from.ip(), V4.host);
                assert!(leases.insert(out.from), "{} is leased twice", out.from);
                send(&crew.hosts[0], &udp(down(), out.to, out.from, &out.payload));
            }
        });
        assert_eq!(crew.handle.flow_count().unwrap(), all);
        assert_eq!(crew.handle.tables().unwrap().nat_ports, all);
        let (status, _) = crew.stop();
        assert_eq!(status[0].counters.sent, all as u64);
        assert!(status.iter().all(|port| port.counters.dropped_total() == 0), "{status:?}");
    }
}

#[test]
fn no_more_flows_are_tracked_and_no_more_ports_leased_than_may_be() {
    const MOST: usize = 300;
    for (workers, by_ports) in CREWS.into_iter().flat_map(|it| [(it, true), (it, false)]) {
        let mut config = router(NAMESPACES + 1);
        if by_ports {
            config.nat = NatConfig { ports: 5000..=5000 + MOST as u16 - 1, ..config.nat };
        } else {
            (config.conntrack.limit, config.conntrack.port_limit) = (MOST, MOST);
        }
        let crew = Crew::with(workers, NAMESPACES + 1, SwitchConfig::default(), Some(config));
        thread::scope(|scope| {
            for port in 1..=NAMESPACES {
                let host = &crew.hosts[usize::from(port)];
                scope.spawn(move || (0..FLOWS).for_each(|n| send(host, &outward(port, n))));
            }
            // Whoever asks meanwhile never sees more.
            for _ in 0..50 {
                assert!(crew.handle.flow_count().unwrap() <= MOST);
            }
        });
        let all = u64::from(NAMESPACES * FLOWS);
        crew.settles(all);
        let tables = crew.handle.tables().unwrap();
        let (status, _) = crew.stop();
        let dropped: u64 = status.iter().map(|port| port.counters.dropped_total()).sum();
        assert_eq!((tables.flows.used, tables.nat_ports), (MOST, MOST));
        // A flow that nobody has replied to makes room for another; a port is not taken from any.
        assert_eq!(dropped, if by_ports { all - MOST as u64 } else { 0 });
        assert_eq!(status[0].counters.sent + dropped, all, "{status:?}");
    }
}

#[test]
fn replies_that_wait_for_a_neighbour_stay_in_order() {
    const REPLIES: u8 = 20;
    for workers in CREWS {
        let router = Some(router(NAMESPACES + 1));
        let crew = Crew::with(workers, NAMESPACES + 1, SwitchConfig::default(), router);
        let server = at(V4.outside, 53);
        let (arrived, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for port in 1..=NAMESPACES {
                let (host, arrived) = (&crew.hosts[usize::from(port)], &arrived);
                let is_over = &is_over;
                scope.spawn(move || {
                    // From addresses that nobody but it knows of.
                    let own = |n| V4.nobody(port * 100 + n);
                    for n in 0..20 {
                        send(host, &udp(up(port), at(own(n), 5000), server, &[n as u8]));
                    }
                    let mut last: HashMap<_, u8> = HashMap::new();
                    while !is_over.load(Relaxed) {
                        let Some(frame) = host.receive() else {
                            thread::yield_now();
                            continue;
                        };
                        if frame[12..14] == [0x08, 0x06] {
                            let question = told(&frame);
                            if let Some(address) =
                                (0..20).map(own).find(|it| *it == question.target)
                            {
                                let to = (question.macs.1, V4.bridge);
                                send(host, &tell((own_mac(port), address), to));
                            }
                            continue;
                        }
                        let reply = hear(&frame);
                        let before = last.insert(reply.to, reply.payload[0]);
                        assert!(before < Some(reply.payload[0]), "{before:?}: {reply:?}");
                    }
                    arrived.fetch_add(last.len(), Relaxed);
                });
            }
            for _ in 0..NAMESPACES * 20 {
                let out = loop {
                    let frame = next(&crew.hosts[0]);
                    // The questions of the router are for everybody else.
                    if frame[12..14] != [0x08, 0x06] {
                        break hear(&frame);
                    }
                };
                for n in 0..REPLIES {
                    send(&crew.hosts[0], &udp(down(), server, out.from, &[n; 10]));
                }
            }
            let settled = wait::until(wait::LONG, || {
                let ports = crew.handle.ports();
                let counted = &ports[0].counters;
                let all = u64::from(NAMESPACES) * 20 * u64::from(REPLIES);
                let is_read = counted.received == all;
                let none_waits = counted.held == counted.released + counted.dropped_total();
                (is_read && none_waits).then_some(())
            });
            // Those who listen end in any case.
            is_over.store(true, Relaxed);
            assert!(settled.is_some(), "{:?}", crew.handle.ports()[0]);
        });
        assert!(arrived.into_inner() > 0, "some have arrived");
        let (status, _) = crew.stop();
        assert!(status[0].counters.held > 0, "some have waited");
        let lost = status[0].counters.dropped_total();
        let counted = &status[0].counters;
        assert_eq!(counted.held, counted.released + lost, "what waited went on or was counted");
    }
}

#[test]
fn a_mac_that_many_claim_lives_behind_one_of_them_and_no_table_overflows() {
    const MACS: u32 = 200;
    const PORTS: u16 = 5;
    let switch = SwitchConfig {
        fdb_capacity: 150,
        fdb_port_limit: 60,
        storm: None,
        ..SwitchConfig::default()
    };
    for workers in CREWS {
        let crew = Crew::with(workers, PORTS, switch.clone(), None);
        let sent = (u64::from(PORTS) - 1) * 5 * u64::from(MACS);
        thread::scope(|scope| {
            for port in 1..PORTS {
                let host = &crew.hosts[usize::from(port)];
                scope.spawn(move || {
                    for n in (0..5 * MACS).map(|n| (n * (u32::from(port) + 6)) % MACS) {
                        send(host, &plain(own_mac(0), strange_mac(n), 60));
                    }
                });
            }
            for _ in 0..50 {
                assert_sound(&crew, &switch);
            }
        });
        crew.settles(sent);
        assert_sound(&crew, &switch);
        let (status, _) = crew.stop();
        let evicted: u64 = status.iter().map(|port| port.counters.fdb_evictions).sum();
        assert!(evicted > 0);
        let counted = &status[0].counters;
        assert_eq!(counted.sent + counted.dropped_total(), sent, "{counted:?}");
    }
}

/// Each MAC is there once, and no limit is passed.
fn assert_sound(crew: &Crew, switch: &SwitchConfig) {
    let entries = crew.handle.fdb().unwrap();
    let macs: HashSet<MacAddr> = entries.iter().map(|entry| entry.mac).collect();
    assert_eq!(macs.len(), entries.len(), "each MAC is there once");
    assert!(entries.len() <= switch.fdb_capacity);
    let mut learned: HashMap<PortId, usize> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == FdbKind::Learned) {
        *learned.entry(entry.port).or_default() += 1;
    }
    assert!(learned.values().all(|&count| count <= switch.fdb_port_limit), "{learned:?}");
}

#[test]
fn a_port_gets_no_more_than_it_may_from_all_workers_together() {
    const RATE: u64 = 1000;
    const EACH: u64 = 1500;
    const PORTS: u16 = 5;
    for workers in CREWS {
        let crew = Crew::of(workers, PORTS);
        let limits = PortLimits { packets_in: NonZeroU64::new(RATE), ..PortLimits::NONE };
        let start = Instant::now();
        crew.handle.set_limits(PortId(0), limits).unwrap();
        thread::scope(|scope| {
            for port in 1..PORTS {
                let host = &crew.hosts[usize::from(port)];
                let frame = plain(own_mac(0), own_mac(port), 60);
                scope.spawn(move || (0..EACH).for_each(|_| send(host, &frame)));
            }
        });
        let sent = u64::from(PORTS - 1) * EACH;
        crew.settles(sent);
        let (status, _) = crew.stop();
        let most = RATE / 10 + (start.elapsed().as_secs_f64() * RATE as f64) as u64 + 1;
        let counted = &status[0].counters;
        assert!(counted.sent <= most, "{} of at most {most}", counted.sent);
        let refused =
            counted.dropped(DropReason::LimitPacketsIn) + counted.dropped(DropReason::EgressFull);
        assert_eq!(counted.sent + refused, sent);
    }
}
