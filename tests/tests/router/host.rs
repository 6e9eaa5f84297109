//! The host's own connectivity and services.

use super::call::{Call, Protocol, assert_refused, udp};
use super::world::{MTU, NEEDS, World, outside};
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol as IpProtocol, SockAddr, Socket, Type};
use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::echo_request;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "the_host_loses_no_ping_while_networks_come_and_go", no_ping_lost);
    suite.add_needing(NEEDS, "a_service_of_the_host_sees_the_namespaces_own_address", own_service);
    suite.add_needing(NEEDS, "the_hosts_service_on_a_port_of_the_nat_is_reached", handed_back);
    suite.add_needing(NEEDS, "a_port_of_the_nat_without_a_service_is_refused", handed_back_refused);
    suite.add_needing(NEEDS, "the_hosts_own_connection_from_a_port_of_the_nat_works", own_port);
    suite.add_needing(NEEDS, "the_host_goes_out_and_is_reached_as_before", goes_out);
}

/// The time between two pings. A host that loses the outside for longer than this is found out.
const INTERVAL: Duration = Duration::from_millis(5);

/// Bytes, by the kernel's count, for answers that wait: more than come in the test's whole time.
const ANSWERS: usize = 32 << 20;

/// Pings until it is told to stop; returns how many, and which were not answered.
fn ping_on(to: IpAddr, stop: &AtomicBool) -> (u16, BTreeSet<u16>) {
    let (domain, protocol, header, reply) = match to {
        IpAddr::V4(_) => (Domain::IPV4, IpProtocol::ICMPV4, 20, 0),
        IpAddr::V6(_) => (Domain::IPV6, IpProtocol::ICMPV6, 0, 129),
    };
    let mut socket = Socket::new(domain, Type::RAW, Some(protocol)).unwrap();
    socket.connect(&SockAddr::from(SocketAddr::new(to, 0))).unwrap();
    // Answers wait here while a busy machine lets nobody read them.
    setsockopt(&socket, sockopt::RcvBufForce, &ANSWERS).unwrap();
    let (mut count, mut waiting) = (0, BTreeSet::new());
    let (mut next, mut end) = (Instant::now(), None);
    while end.is_none_or(|end| Instant::now() < end && !waiting.is_empty()) {
        if end.is_none() && Instant::now() >= next {
            count += 1;
            waiting.insert(count);
            socket.send(&echo_request(to.is_ipv4(), count, 0)).unwrap();
            next += INTERVAL;
            // The last answer may still be on its way.
            end = stop.load(Ordering::Relaxed).then(|| Instant::now() + wait::LONG);
        }
        let pause = next.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(pause)).unwrap();
        let mut buffer = [0; 2048];
        let Ok(length) = socket.read(&mut buffer) else { continue };
        if let Some([kind, _, _, _, _, _, high, low]) = buffer[..length].get(header..header + 8)
            && *kind == reply
        {
            waiting.remove(&u16::from_be_bytes([*high, *low]));
        }
    }
    (count, waiting)
}

fn no_ping_lost(host: &Host) {
    let outside = outside(host, MTU);
    let stop = AtomicBool::new(false);
    let networks = || {
        for end in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGINT] {
            let publish = "--ports 2 --publish 8080:ub0-1:80";
            let world = World::beside(host, outside.clone(), publish);
            for family in Family::BOTH {
                let there = (family.of(&world.outside), 7000).into();
                Call::direct(&world.ends[1], &world.outside, there).make(host, Protocol::Tcp);
                world.ends[0].ping(host, family.of(&world.outside));
            }
            let ended = world.network.end_by(end);
            if end == Signal::SIGKILL {
                host.udp_bridge("down").ok();
            } else {
                assert_eq!(ended.code(), Some(0), "{ended:?}");
            }
        }
    };
    let stop = &stop;
    thread::scope(|scope| {
        // A thread begins in the namespaces of the one that starts it.
        let pingers: Vec<_> = Family::BOTH
            .iter()
            .flat_map(|family| [family.of(&outside), family.host()])
            .map(|to| (to, scope.spawn(move || ping_on(to, stop))))
            .collect();
        networks();
        stop.store(true, Ordering::Relaxed);
        for (to, pinger) in pingers {
            let (count, lost) = pinger.join().unwrap();
            assert!(lost.is_empty() && count > 10, "of {count} pings to {to} were lost {lost:?}");
        }
    });
}

fn own_service(host: &Host) {
    let world = World::up(host, "--ports 2");
    for family in Family::BOTH {
        for address in [family.host(), family.of(&world.bridge)] {
            for (end, protocol) in world.ends.iter().zip(Protocol::BOTH) {
                let at = (address, 7000).into();
                let seen = Call::direct(end, &world.bridge, at).make(host, protocol);
                assert_eq!(seen.source, seen.own, "{protocol:?} to {address}");
                assert_eq!(seen.source.ip(), family.of(end), "{protocol:?} to {address}");
            }
        }
    }
}

/// A port between those that the NAT owns. The rules send it to the dataplane, which gives it back.
const NAT_PORT: u16 = 61_500;

fn handed_back(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let at = (family.host(), NAT_PORT).into();
            let seen = Call::direct(&world.outside, &world.bridge, at).make(host, protocol);
            assert_eq!(seen.source, seen.own, "{protocol:?}");
        }
    }
}

fn handed_back_refused(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        assert_refused(host, &world.outside, (family.host(), NAT_PORT).into());
    }
}

/// Replies to it come by the dataplane, which has no flow of that kind.
fn own_port(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        let there: SocketAddr = (family.of(&world.outside), 7000).into();
        let server = udp(host, &world.outside, there);
        let client = udp(host, &world.bridge, (family.host(), NAT_PORT).into());
        // The kernel looks for the socket of a connected one before it asks any rule.
        client.connect(there).unwrap();
        let (mut buffer, own) = ([0; 100], client.local_addr().unwrap());
        let from = wait::for_some("a question", || {
            client.send(b"question").unwrap();
            Some(server.recv_from(&mut buffer).ok()?.1)
        });
        assert_eq!(from, own);
        let got = wait::for_some("an answer", || {
            server.send_to(b"answer", from).unwrap();
            client.recv(&mut buffer).ok()
        });
        assert_eq!(buffer[..got], *b"answer");
    }
}

fn goes_out(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let there = (family.of(&world.outside), 7000).into();
            let seen = Call::direct(&world.bridge, &world.outside, there).make(host, protocol);
            assert_eq!((seen.source, seen.own.ip()), (seen.own, family.host()));
            let at = (family.host(), 7000).into();
            let seen = Call::direct(&world.outside, &world.bridge, at).make(host, protocol);
            assert_eq!(seen.source, seen.own);
        }
        world.outside.ping(host, family.host());
        world.ends[0].ping(host, family.host());
    }
}
