//! Ports of the host come and go, under traffic and under refusals.

use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::talk::Talk;
use udp_bridge_tests::host::traffic::End;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    let ipv6 = &[Need::Ipv6];
    suite.add_needing(
        ipv6,
        "what_is_published_while_it_runs_is_reached_and_given_back",
        comes_and_goes,
    );
    suite.add_needing(ipv6, "connections_go_on_while_other_ports_come_and_go", others_go_on);
    suite.add_needing(ipv6, "connections_by_a_port_that_is_taken_back_end", purged);
    suite.add("the_host_is_served_by_a_port_that_was_published_later", relayed);
    suite.add("what_cannot_be_published_leaves_everything_as_it_was", refused);
    suite.add("of_several_all_or_none_are_published", all_or_none);
    suite.add("two_who_publish_at_once_both_do", at_once);
}

/// What is published now, in short.
fn published(host: &Host) -> Vec<String> {
    let listed = host.udp_bridge("ports ub0 --json").ok().stdout;
    let all: Value = serde_json::from_str(&listed).unwrap();
    let entries = all[0]["published"].as_array().unwrap().iter();
    entries
        .map(|one| format!("{}/{}", one["first_port"], one["protocol"].as_str().unwrap()))
        .collect()
}

fn listen(host: &Host, end: &End, port: u16) -> TcpListener {
    end.visit(host, || TcpListener::bind((IpAddr::from(end.ipv4), port)).unwrap())
}

/// Says something to whoever accepts, and expects it to arrive.
fn assert_leads(mut client: TcpStream, listener: &TcpListener) {
    client.write_all(b"there").unwrap();
    drop(client);
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(wait::LONG)).unwrap();
    let mut said = String::new();
    server.read_to_string(&mut said).unwrap();
    assert_eq!(said, "there");
}

fn comes_and_goes(host: &Host) {
    let outside = host.add_outside(1500);
    let before = host.snapshot();
    let network = host.up("--ports 2 --uplink route");
    let standing = host.snapshot();
    let listener = listen(host, &network.ends()[1], 80);
    let to = SocketAddr::new(Family::V4.host(), 8080);
    for _ in 0..3 {
        host.udp_bridge("publish 8080:ub0-1:80").ok();
        assert_eq!(published(host), ["8080/tcp"]);
        assert!(TcpListener::bind("0.0.0.0:8080").is_err());
        assert_leads(outside.connect(host, to), &listener);
        host.udp_bridge("unpublish 8080:ub0-1:80/tcp").ok();
        assert!(published(host).is_empty());
        standing.assert_same(&host.snapshot());
        drop(TcpListener::bind("0.0.0.0:8080").unwrap());
        let refused = outside.visit(host, || TcpStream::connect_timeout(&to, wait::LONG));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    drop(network);
    before.assert_same(&host.snapshot());
}

fn others_go_on(host: &Host) {
    let outside = host.add_outside(1500);
    let network = host.up("--ports 2 --uplink route --publish 8080:ub0-1:80");
    let ends = network.ends();
    let listener = listen(host, &ends[1], 80);
    let client = outside.connect(host, SocketAddr::new(Family::V4.host(), 8080));
    let by_port = Talk::start(client, listener.accept().unwrap().0);
    let client = ends[2].connect(host, (ends[1].ipv4, 80).into());
    let siblings = Talk::start(client, listener.accept().unwrap().0);
    let dropped =
        || -> u64 { network.ports().iter().map(|port| port.counter("dropped_frames")).sum() };
    let before = dropped();
    for number in 0..20 {
        let more = format!("{}:ub0-{}:{}", 7000 + number, 1 + number % 2, 80 + number);
        host.udp_bridge(&format!("publish {more}")).ok();
        by_port.assert_goes_on();
        siblings.assert_goes_on();
        host.udp_bridge(&format!("unpublish {more}")).ok();
        by_port.assert_goes_on();
        siblings.assert_goes_on();
    }
    by_port.finish();
    siblings.finish();
    assert_eq!(dropped(), before);
    assert_eq!(published(host), ["8080/tcp"]);
}

fn purged(host: &Host) {
    let outside = host.add_outside(1500);
    let network =
        host.up("--ports 2 --uplink route --publish 8080:ub0-1:80 --publish 8081:ub0-1:80");
    let listener = listen(host, &network.ends()[1], 80);
    let connect = |port| {
        let client = outside.connect(host, SocketAddr::new(Family::V4.host(), port));
        (client, listener.accept().unwrap().0)
    };
    let (mut client, _server) = connect(8080);
    let (stays, other) = connect(8081);
    let stays = Talk::start(stays, other);
    let flows = |port: u16| {
        let count = host.udp_bridge(&format!("conntrack -C -p tcp --orig-port-dst {port}"));
        count.ok().stdout.trim().parse::<u64>().unwrap()
    };
    assert_eq!((flows(8080), flows(8081)), (1, 1));
    host.udp_bridge("unpublish 8080:ub0-1:80").ok();
    assert_eq!((flows(8080), flows(8081)), (0, 1));
    stays.assert_goes_on();
    stays.finish();
    // The host has no such connection, and says so.
    client.set_read_timeout(Some(wait::LONG)).unwrap();
    client.write_all(b"still there?").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn relayed(host: &Host) {
    let network = host.up("--ports 1 --uplink none");
    let listener = listen(host, &network.ends()[1], 80);
    host.udp_bridge("publish 127.0.0.1:8080:ub0-1:80").ok();
    let connect = || TcpStream::connect_timeout(&([127, 0, 0, 1], 8080).into(), wait::LONG);
    let client = connect().unwrap();
    let (mut server, _) = listener.accept().unwrap();
    host.udp_bridge("unpublish 127.0.0.1:8080:ub0-1:80").ok();
    // What was relayed ends with it.
    drop(client);
    server.set_read_timeout(Some(wait::LONG)).unwrap();
    assert!(!matches!(server.read(&mut [0]), Ok(1..)));
    assert_eq!(connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    host.udp_bridge("publish 127.0.0.1:8080:ub0-1:80").ok();
    assert_leads(connect().unwrap(), &listener);
}

fn refused(host: &Host) {
    let network = host.up("--ports 2 --publish 8080:ub0-1:80");
    let blue = host.up("--ports 1 --name blue --publish 9000:blue-1:80");
    let taken = TcpListener::bind("127.0.0.1:8081").unwrap();
    let before = host.snapshot();
    for (spec, code, words) in [
        ("8081:ub0-1:80", 2, &["8081", "in use", "process"][..]),
        ("9000:ub0-1:80", 2, &["9000", "blue"]),
        ("8080:ub0-2:80", 2, &["published already", "8080:ub0-1:80/tcp"]),
        ("192.0.2.77:8082:ub0-1:80", 2, &["no address 192.0.2.77"]),
        ("8082:ub0-3:80", 2, &["ub0-3", "ub0-1, ub0-2"]),
        ("nonsense", 2, &["8080:ub0-1:80"]),
    ] {
        let answer = host.udp_bridge(&format!("publish {spec}"));
        assert_eq!(answer.code(), Some(code), "{spec}: {answer:?}");
        for word in words {
            assert!(answer.stderr.contains(word), "{word} is not in {}", answer.stderr);
        }
        assert_eq!(published(host), ["8080/tcp"]);
        before.assert_same(&host.snapshot());
    }
    let answer = host.udp_bridge("unpublish 8082:ub0-1:80");
    assert_eq!(answer.code(), Some(1), "{answer:?}");
    assert!(answer.stderr.contains("does not publish 8082:ub0-1:80"), "{answer:?}");
    let nobody = host.udp_bridge("publish 8082:red-1:80 --network red");
    assert!(nobody.stderr.contains("no network \"red\""), "{nobody:?}");
    // Nothing of what was refused stands in the way.
    drop(taken);
    host.udp_bridge("publish 8081:ub0-1:80").ok();
    assert_eq!(published(host), ["8080/tcp", "8081/tcp"]);
    drop((network, blue));
}

fn all_or_none(host: &Host) {
    let _network = host.up("--ports 1");
    let answer = host.udp_bridge("publish 8080:ub0-1:80 8081:ub0-1:81/udp 8082:ub0-9:82");
    assert_eq!(answer.code(), Some(2), "{answer:?}");
    assert!(published(host).is_empty());
    host.udp_bridge("publish 8080:ub0-1:80 8081:ub0-1:81/udp").ok();
    assert_eq!(published(host), ["8080/tcp", "8081/udp"]);
    host.udp_bridge("unpublish 8080:ub0-1:80 8081:ub0-1:81/udp").ok();
    assert!(published(host).is_empty());
}

fn at_once(host: &Host) {
    let _network = host.up("--ports 1");
    let start = |port: u16| host.start(&mut host.command(&format!("publish {port}:ub0-1:{port}")));
    let all: Vec<_> = (8000..8010).map(start).collect();
    for one in all {
        one.wait().ok();
    }
    assert_eq!(published(host).len(), 10);
}
