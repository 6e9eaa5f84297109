//! TCP and UDP through the relay.

use super::{published, refused};
use dataplane::frame::Offloads;
use dataplane::port::Port;
use dataplane::port::tap::Tap;
use etherparse::PacketBuilder;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::{End, random};
use udp_bridge_tests::host::wait;

pub(super) fn add_to(suite: &mut Suite) {
    let needs = &[Need::Ipv6];
    suite.add_needing(needs, "the_host_reaches_a_tcp_port_by_each_of_its_addresses", tcp);
    suite.add_needing(needs, "the_host_reaches_a_udp_port_by_each_of_its_addresses", udp);
    suite.add("each_port_of_a_range_leads_to_its_own_target", range);
    suite.add("a_side_that_ends_may_still_listen", half_close);
    suite.add("a_connection_that_nobody_takes_is_reset_and_counted", nobody_listens);
    suite.add("a_datagram_that_nobody_takes_is_counted", nobody_listens_to_datagrams);
    suite.add("a_reset_of_the_server_reaches_the_client", server_resets);
    suite.add("a_relayed_connection_is_reset_when_the_network_ends", network_ends);
    suite.add("a_port_of_one_address_is_not_reached_by_another", other_address);
    suite.add("a_client_that_is_not_of_the_host_is_refused_and_counted", stranger);
}

/// A socket of the first port's namespace that waits for connections to its port 80.
fn listen(host: &Host, end: &End, address: IpAddr) -> TcpListener {
    end.visit(host, || TcpListener::bind((address, 80)).unwrap())
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, wait::LONG).unwrap();
    stream.set_read_timeout(Some(wait::LONG)).unwrap();
    stream
}

fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    let (stream, from) = listener.accept().unwrap();
    stream.set_read_timeout(Some(wait::LONG)).unwrap();
    (stream, from.ip())
}

/// The host's addresses with that of the first namespace and of the bridge in the same family.
fn ways(ends: &[End]) -> Vec<(IpAddr, IpAddr, IpAddr)> {
    let held: IpAddr = [10, 50, 0, 1].into();
    let (bridge, first) = (&ends[0], &ends[1]);
    let mut ways = Vec::new();
    for to in [IpAddr::from([127, 0, 0, 1]), bridge.ipv4.into(), held] {
        ways.push((to, first.ipv4.into(), bridge.ipv4.into()));
    }
    let (bridge6, first6) = (bridge.ipv6.unwrap(), first.ipv6.unwrap());
    for to in ["::1".parse().unwrap(), bridge6] {
        ways.push((to.into(), first6.into(), bridge6.into()));
    }
    ways
}

/// An interface of the host's own with the address 10.50.0.1, as long as the TAP lives.
fn own_interface() -> Tap {
    let tap = Tap::open("held0", Offloads::NONE).unwrap();
    let rtnl = Rtnl::open();
    rtnl.add_address("held0", [10, 50, 0, 1], 24);
    rtnl.up("held0");
    tap
}

fn tcp(host: &Host) {
    let _tap = own_interface();
    let network = host.up("--ports 1 --publish 8080:ub0-1:80");
    let data = random(3 << 20, 1);
    let ways = ways(&network.ends());
    for &(to, target, bridge) in &ways {
        let listener = listen(host, &network.ends()[1], target);
        let mut client = connect((to, 8080).into());
        let (mut server, from) = accept(&listener);
        assert_eq!(from, bridge, "the source of a connection to {to}");
        let arrived = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                client.write_all(&data).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            });
            let mut arrived = Vec::new();
            server.read_to_end(&mut arrived).unwrap();
            sender.join().unwrap();
            arrived
        });
        assert!(arrived == data, "what came through {to} was changed");
    }
    wait::for_yes("all connections have ended", || published(host, 0)["relayed_now"] == 0);
    assert_eq!(published(host, 0)["relayed_total"], ways.len());
}

fn udp(host: &Host) {
    let _tap = own_interface();
    let network = host.up("--ports 1 --publish 5300:ub0-1:53/udp");
    let ends = network.ends();
    let ways = ways(&ends);
    for &(to, target, bridge) in &ways {
        let server = ends[1].visit(host, || UdpSocket::bind((target, 53)).unwrap());
        server.set_read_timeout(Some(wait::LONG)).unwrap();
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let client = UdpSocket::bind(any).unwrap();
        client.set_read_timeout(Some(wait::LONG)).unwrap();
        // Connected, it hears replies from the address that it asked alone.
        client.connect((to, 5300)).unwrap();
        let mut buffer = vec![0; 65_536];
        // Empty, as large as fits a packet, and in fragments.
        for length in [0, 1400, 20_000] {
            let data = random(length, 2);
            client.send(&data).unwrap();
            let (got, from) = server.recv_from(&mut buffer).unwrap();
            assert!(from.ip() == bridge && buffer[..got] == data, "{got} bytes from {from}");
            server.send_to(&data, from).unwrap();
            let got = client.recv(&mut buffer).unwrap();
            assert!(buffer[..got] == data, "the reply from {to} was changed");
        }
    }
    assert_eq!(published(host, 0)["relayed_now"], ways.len());
}

fn range(host: &Host) {
    let network = host.up("--ports 1 -p 127.0.0.1:8000-8009:ub0-1:80-89");
    let first = &network.ends()[1];
    for offset in [0, 4, 9] {
        let listener = first.visit(host, || TcpListener::bind((first.ipv4, 80 + offset)).unwrap());
        let client = connect(([127, 0, 0, 1], 8000 + offset).into());
        let (server, _) = accept(&listener);
        drop((client, server));
    }
    wait::for_yes("all were counted", || published(host, 0)["relayed_total"] == 3);
}

fn half_close(host: &Host) {
    let network = host.up("--ports 1 --publish 8080:ub0-1:80");
    let listener = listen(host, &network.ends()[1], network.ends()[1].ipv4.into());
    for client_ends_first in [true, false] {
        let client = connect(([127, 0, 0, 1], 8080).into());
        let (server, _) = accept(&listener);
        let (mut one, mut other) =
            if client_ends_first { (client, server) } else { (server, client) };
        one.write_all(b"all I had to say").unwrap();
        one.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        other.read_to_string(&mut text).unwrap();
        assert_eq!(text, "all I had to say");
        other.write_all(b"and I have more").unwrap();
        drop(other);
        text.clear();
        one.read_to_string(&mut text).unwrap();
        assert_eq!(text, "and I have more");
    }
}

#[track_caller]
fn assert_reset(mut client: &TcpStream) {
    let end = client.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}

fn nobody_listens(host: &Host) {
    let _network = host.up("--ports 1 --publish 8080:ub0-1:80");
    assert_reset(&connect(([127, 0, 0, 1], 8080).into()));
    assert_eq!(refused(host, 0, "unreachable"), 1);
    assert_eq!(published(host, 0)["relayed_total"], 0);
}

fn server_resets(host: &Host) {
    let network = host.up("--ports 1 --publish 8080:ub0-1:80");
    let listener = listen(host, &network.ends()[1], network.ends()[1].ipv4.into());
    let mut client = connect(([127, 0, 0, 1], 8080).into());
    let (server, _) = accept(&listener);
    client.write_all(b"unread").unwrap();
    wait::for_yes("it has arrived", || server.peek(&mut [0]).is_ok_and(|length| length > 0));
    // The kernel resets a connection that is closed with something unread.
    drop(server);
    assert_reset(&client);
}

fn network_ends(host: &Host) {
    let network = host.up("--ports 1 --publish 8080:ub0-1:80");
    let listener = listen(host, &network.ends()[1], network.ends()[1].ipv4.into());
    let client = connect(([127, 0, 0, 1], 8080).into());
    let _server = accept(&listener);
    wait::for_yes("it is relayed", || published(host, 0)["relayed_now"] == 1);
    host.udp_bridge("down").ok();
    assert_reset(&client);
}

fn other_address(host: &Host) {
    let _tap = own_interface();
    let network = host.up("--ports 1 --publish 127.0.0.1:8080:ub0-1:80");
    for other in ["10.50.0.1:8080", "127.0.0.2:8080"] {
        let refused = TcpStream::connect_timeout(&other.parse().unwrap(), wait::LONG);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused, "{other}");
    }
    drop(network);
}

fn nobody_listens_to_datagrams(host: &Host) {
    let _network = host.up("--ports 1 --publish 5300:ub0-1:53/udp");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // That nobody took one is known when the next is sent.
    wait::for_yes("it was counted", || {
        client.send_to(b"anybody?", "127.0.0.1:5300").unwrap();
        refused(host, 0, "unreachable") > 0
    });
    assert_eq!(published(host, 0)["relayed_total"], 1);
}

/// The frame comes from an interface of the host that is no uplink, by no rule of ours.
fn stranger(host: &Host) {
    let mut tap = own_interface();
    let rtnl = Rtnl::open();
    let (mac, _) = rtnl.mac_and_mtu("held0");
    let network = host.up("--ports 1 --publish 5300:ub0-1:53/udp");
    let first = &network.ends()[1];
    let server = first.visit(host, || UdpSocket::bind((first.ipv4, 53)).unwrap());
    server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let datagram = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 9], mac.0)
        .ipv4([10, 50, 0, 9], [10, 50, 0, 1], 64)
        .udp(1234, 5300);
    // The header that a TAP wants before the frame: nothing is left to the kernel.
    let mut frame = vec![0; dataplane::wire::vnet::HEADER_LEN];
    datagram.write(&mut frame, b"let me in").unwrap();
    wait::for_yes("the stranger was refused", || {
        tap.send(&frame).unwrap();
        refused(host, 0, "not-from-host") > 0
    });
    assert_eq!(published(host, 0)["relayed_total"], 0);
    assert!(server.recv(&mut [0; 100]).is_err());
}
