//! ICMP errors reach the socket that they are about; path MTU.

use super::call::{Call, assert_refused, assert_udp_refused, connect, udp};
use super::world::{MTU, NEEDS, World, outside};
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use udp_bridge_tests::host::icmp_errors::{self, Report};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::{End, random};
use udp_bridge_tests::host::{Host, wait};

/// An MTU below that of the network.
const NARROW: u32 = 1400;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "a_closed_port_outside_is_told_to_the_socket", closed_outside);
    suite.add_needing(
        NEEDS,
        "a_closed_published_port_is_told_to_the_socket_outside",
        closed_inside,
    );
    suite.add_needing(NEEDS, "a_host_that_is_not_there_is_told_to_the_socket", nobody_there);
    suite.add_needing(NEEDS, "an_error_reaches_the_socket_it_is_about_and_no_other", no_other);
    suite.add_needing(NEEDS, "tcp_passes_an_uplink_that_is_narrower_than_the_network", narrow_tcp);
    suite.add_needing(NEEDS, "a_socket_learns_the_mtu_of_the_uplink", narrow_uplink);
    suite.add_needing(NEEDS, "a_socket_learns_the_mtu_of_a_link_behind_it", narrow_path);
    suite.add_needing(NEEDS, "a_caller_outside_learns_the_mtu_of_the_network", narrow_network);
}

fn closed_outside(host: &Host) {
    let world = World::up(host, "--ports 1");
    for family in Family::BOTH {
        let to: SocketAddr = (family.of(&world.outside), 7000).into();
        assert_refused(host, &world.ends[0], to);
        let socket = world.ends[0].visit(host, || icmp_errors::udp(to, 64));
        let report = icmp_errors::provoke(&socket, "a report", |socket| socket.send(b"anybody?"));
        assert_eq!((report.from, report.errno), (to.ip(), Errno::ECONNREFUSED as i32));
    }
}

fn closed_inside(host: &Host) {
    let world = World::up(host, "--ports 1 --publish 5300:ub0-1:53/udp");
    for family in Family::BOTH {
        let to: SocketAddr = (family.host(), 5300).into();
        assert_udp_refused(host, &world.outside, to);
        let socket = world.outside.visit(host, || icmp_errors::udp(to, 64));
        let report = icmp_errors::provoke(&socket, "a report", |socket| socket.send(b"anybody?"));
        assert_eq!((report.from, report.errno), (to.ip(), Errno::ECONNREFUSED as i32));
    }
}

/// In the subnet of the uplink, and nobody's.
const NOBODY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77)),
];

/// The host itself gives up to look for a neighbour and says so, as the router that it is.
fn nobody_there(host: &Host) {
    let world = World::up(host, "--ports 1");
    for nobody in NOBODY {
        let socket = world.ends[0].visit(host, || icmp_errors::udp((nobody, 7000).into(), 64));
        let report = icmp_errors::provoke(&socket, "a report", |socket| socket.send(b"anybody?"));
        assert_eq!(report.errno, Errno::EHOSTUNREACH as i32, "{report:?}");
        let tcp = connect(host, &world.ends[0], (nobody, 7000).into());
        assert_eq!(tcp.map(drop).map_err(|e| e.kind()), Err(ErrorKind::HostUnreachable));
    }
}

/// The others are a sibling's socket of the same port, another one of the same namespace, and the host's.
fn no_other(host: &Host) {
    let world = World::up(host, "--ports 2");
    let [first, second] = &world.ends[..] else { panic!("two ports") };
    for family in Family::BOTH {
        let at = |port| SocketAddr::new(family.of(&world.outside), port);
        let server = udp(host, &world.outside, at(7001));
        let socket = |end: &End, port, to: SocketAddr| {
            let socket = udp(host, end, (family.any(), port).into());
            end.visit(host, || socket.connect(to)).unwrap();
            icmp_errors::ask(&socket, to.is_ipv4());
            socket
        };
        let others = [(second, 5000), (first, 5001), (&world.bridge, 5000)]
            .map(|(end, port)| socket(end, port, at(7001)));
        others.iter().for_each(|other| assert_answered(other, &server));
        for (end, port) in [(first, 5000), (&world.bridge, 5001)] {
            let asker = socket(end, port, at(7000));
            let report = icmp_errors::provoke(&asker, "a report", |asker| asker.send(b"anybody?"));
            assert_eq!((report.from, report.errno), (at(7000).ip(), Errno::ECONNREFUSED as i32));
            for other in &others {
                // An error would be told to the sender before anything else.
                assert_answered(other, &server);
                assert_eq!(icmp_errors::next(other), None, "{other:?}");
            }
        }
    }
}

/// Sends and hears an answer, and is told of no error.
#[track_caller]
fn assert_answered(socket: &UdpSocket, server: &UdpSocket) {
    let (mut buffer, question) = ([0; 100], socket.local_addr().unwrap().to_string());
    let waited = |error: io::Error| {
        assert!(matches!(error.kind(), ErrorKind::WouldBlock), "{socket:?}: {error}");
    };
    let source = wait::for_some("a question", || {
        socket.send(question.as_bytes()).unwrap();
        let (length, source) = server.recv_from(&mut buffer).map_err(waited).ok()?;
        (buffer[..length] == *question.as_bytes()).then_some(source)
    });
    wait::for_some("an answer", || {
        server.send_to(b"yes", source).unwrap();
        socket.recv(&mut buffer).map_err(waited).ok()
    });
}

/// Behind the narrow uplink the link is as wide as the network: but for the MSS that is written smaller
/// on the way, the server would send segments that do not fit.
fn narrow_tcp(host: &Host) {
    let outside = outside(host, NARROW);
    let far = host.add_far(MTU);
    let world = World::beside(host, outside, "--ports 1 --publish 8080:ub0-1:80");
    for family in Family::BOTH {
        let headers = if family == Family::V4 { 40 } else { 60 };
        let server = &world.ends[0];
        let calls = [
            Call::direct(server, &far, (family.of(&far), 7000).into()),
            Call {
                client: &far,
                to: (family.host(), 8080).into(),
                server,
                at: (family.of(server), 80).into(),
            },
        ];
        for call in calls {
            let (client, accepted, _) = call.connect(host);
            for stream in [&client, &accepted] {
                let mss = getsockopt(stream, sockopt::TcpMaxSeg).unwrap();
                assert!(mss <= NARROW - headers, "{call}: a segment of {mss} bytes");
            }
            let data = random(1 << 20, 5);
            for (mut from, mut to) in [(&client, &accepted), (&accepted, &client)] {
                let mut heard = vec![0; data.len()];
                thread::scope(|scope| {
                    scope.spawn(|| from.write_all(&data).unwrap());
                    to.read_exact(&mut heard).unwrap();
                });
                assert!(heard == data, "{call}: changed");
            }
        }
    }
}

/// What a socket learns by sending more than the path takes. What it sends then arrives.
#[track_caller]
fn learns(host: &Host, client: &End, to: SocketAddr, server: (&End, SocketAddr)) -> Report {
    let hearer = udp(host, server.0, server.1);
    let socket = client.visit(host, || icmp_errors::udp(to, 64));
    // Fits the network, and not the narrow link.
    let datagram = random(1450, 6);
    // Less: its headers come on top. IPv6 has none to spare.
    let report = icmp_errors::provoke(&socket, "a report", |socket| socket.send(&datagram[..1440]));
    assert_eq!((report.errno, report.info), (Errno::EMSGSIZE as i32, NARROW), "{report:?}");
    if to.is_ipv4() {
        assert_eq!(getsockopt(&socket, sockopt::IpMtu).unwrap(), NARROW.cast_signed());
    }
    let mut buffer = [0; 2048];
    let got = wait::for_some("a datagram in fragments", || {
        let _ = socket.send(&datagram);
        hearer.recv(&mut buffer).ok()
    });
    assert!(buffer[..got] == datagram, "it was changed");
    report
}

fn narrow_uplink(host: &Host) {
    let world = World::beside(host, outside(host, NARROW), "--ports 1");
    for family in Family::BOTH {
        let at = (family.of(&world.outside), 7000).into();
        learns(host, &world.ends[0], at, (&world.outside, at));
    }
}

fn narrow_path(host: &Host) {
    let outside = outside(host, MTU);
    let far = host.add_far(NARROW);
    let world = World::beside(host, outside, "--ports 1");
    for family in Family::BOTH {
        let at = (family.of(&far), 7000).into();
        let report = learns(host, &world.ends[0], at, (&far, at));
        assert_eq!(report.from, family.router());
        // TCP learns it too: the MSS of both ends is that of a wider link.
        Call::direct(&world.ends[0], &far, at).make(host, super::call::Protocol::Tcp);
    }
}

/// The packet that is too big is one that was translated: its sender must know it by what it sent.
fn narrow_network(host: &Host) {
    let outside = outside(host, MTU);
    let arguments = format!("--ports 1 --mtu {NARROW} --publish 5300:ub0-1:53/udp");
    let world = World::beside(host, outside, &arguments);
    for family in Family::BOTH {
        let to: SocketAddr = (family.host(), 5300).into();
        let socket = world.outside.visit(host, || icmp_errors::udp(to, 64));
        let data = random(1440, 6);
        let report = icmp_errors::provoke(&socket, "a report", |socket| socket.send(&data));
        assert_eq!((report.errno, report.info), (Errno::EMSGSIZE as i32, NARROW), "{report:?}");
    }
}
