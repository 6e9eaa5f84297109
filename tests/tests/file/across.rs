//! Networks are apart unless rules of both say otherwise.

use super::written::{apply, is_out_of_reach, reaches, up, write};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::outside::{Family, UPLINK, set_sysctl};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::{pings_with, random};
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    let v6 = &[Need::Ipv6];
    suite.add_needing(v6, "networks_are_apart_with_a_way_out_and_without", apart);
    suite.add_needing(v6, "rules_of_both_let_one_begin_and_not_the_other", one_way);
    suite.add_needing(v6, "a_rule_of_one_alone_lets_nothing_pass", one_alone);
    suite.add_needing(v6, "flows_end_with_the_rule_that_let_them_pass", removed);
    suite.add_needing(v6, "nobody_outside_is_taken_for_another_network", spoofed);
    suite.add_needing(v6, "large_segments_and_a_smaller_mtu_pass_between_networks", sizes);
    suite.add("a_rule_that_names_what_cannot_be_reached_is_refused", refused);
}

/// Two networks with one sandbox each; `F` and `B` are replaced.
const TWO: &str = "\
version = 1
[networks.front]
subnet = '172.16.1.0/24'
subnet6 = 'fd00:1::/64'
F
[networks.back]
subnet = '172.16.2.0/24'
subnet6 = 'fd00:2::/64'
B
[sandboxes.a.endpoints.front]
address = '172.16.1.2'
address6 = 'fd00:1::2'
[sandboxes.b.endpoints.back]
address = '172.16.2.2'
address6 = 'fd00:2::2'
";

const TO_BACK: &str = "\
[[networks.front.rules]]
to = 'network:back'
verdict = 'accept'";

const FROM_FRONT: &str = "\
[[networks.back.rules]]
from = 'network:front'
verdict = 'accept'";

pub(super) const A: [&str; 2] = ["172.16.1.2", "fd00:1::2"];
pub(super) const B: [&str; 2] = ["172.16.2.2", "fd00:2::2"];

pub(super) fn text(front: &str, back: &str) -> String {
    TWO.replace("\nF\n", &format!("\n{front}\n")).replace("\nB\n", &format!("\n{back}\n"))
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

fn listen(host: &Host, sandbox: &str, address: &str) -> (TcpListener, SocketAddr) {
    let listener = host.visit(sandbox, || TcpListener::bind(at(address, 0)).unwrap());
    let to = listener.local_addr().unwrap();
    (listener, to)
}

/// Nothing of `from` comes to `to`, neither a ping nor a connection.
fn assert_apart(host: &Host, from: &str, to: &str, address: &str) {
    assert!(is_out_of_reach(host, from, address), "{from} pings {address}");
    let (listener, target) = listen(host, to, address);
    let moment = Duration::from_millis(300);
    let connected = host.visit(from, || TcpStream::connect_timeout(&target, moment));
    assert!(connected.is_err(), "{from} is connected to {address}");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn drops(host: &Host, network: &str, port: &str) -> u64 {
    let ports = host.ports(network);
    ports.iter().find(|one| one.name() == port).unwrap().drops("other-network")
}

fn apart(host: &Host) {
    host.add_outside(1500);
    // As container engines leave it.
    set_sysctl("ipv4/ip_forward", "1");
    set_sysctl("ipv6/conf/all/forwarding", "1");
    const INTERNAL: usize = 2;
    let ways = ["uplink = 'route'", "uplink = 'none'", "internal = true"];
    for (front, back) in [(0, 0), (1, 1), (0, 1), (INTERNAL, INTERNAL)] {
        let text = text(ways[front], ways[back]);
        let running = up(host, &write("net.toml", &text), "back");
        if front == INTERNAL {
            // Nobody has a default route then, unless one makes it.
            for (from, bridges) in
                [("a", ["172.16.1.1", "fd00:1::1"]), ("b", ["172.16.2.1", "fd00:2::1"])]
            {
                let bridges = bridges.map(|address| address.parse::<IpAddr>().unwrap());
                let rtnl = || bridges.map(|bridge| Rtnl::open().add_default_route(bridge));
                host.visit(from, rtnl);
            }
        }
        for (from, to, addresses) in [("a", "b", B), ("b", "a", A)] {
            let network = if from == "a" { "front" } else { "back" };
            let before = drops(host, network, from);
            for address in addresses {
                assert_apart(host, from, to, address);
            }
            let counted = drops(host, network, from) - before;
            assert!(counted >= 4, "{front} {back} {from} {counted}");
        }
        drop(running);
    }
}

fn one_way(host: &Host) {
    host.add_outside(1500);
    let text = text(TO_BACK, FROM_FRONT);
    let running = up(host, &write("net.toml", &text), "back");
    for (a, b) in A.into_iter().zip(B) {
        assert!(reaches(host, "a", b));
        let (listener, to) = listen(host, "b", b);
        let mut client = host.visit("a", || TcpStream::connect_timeout(&to, wait::LONG).unwrap());
        let (mut server, caller) = listener.accept().unwrap();
        assert_eq!(caller.ip(), a.parse::<IpAddr>().unwrap(), "it is not translated");
        server.write_all(b"hello").unwrap();
        drop(server);
        let mut heard = String::new();
        client.set_read_timeout(Some(wait::LONG)).unwrap();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
        assert_apart(host, "b", "a", a);
    }
    assert!(drops(host, "back", "b") >= 4);
    let rules = host.udp_bridge("rules back").ok().stdout;
    assert!(rules.contains("net.toml:11") && rules.contains("from network:front"), "{rules}");
    let traced = host.udp_bridge("trace a tcp 172.16.2.2:80 --network front").ok().stdout;
    assert!(traced.contains("rule net.toml:5 accepts"), "{traced}");
    let come = "trace outside tcp 172.16.2.2:80 --from 172.16.1.2 --network back";
    let traced = host.udp_bridge(come).ok().stdout;
    assert!(traced.contains("rule net.toml:11 accepts"), "{traced}");
    let traced = host.udp_bridge("trace b tcp 172.16.1.2:80 --network back").ok().stdout;
    assert!(traced.contains("the isolation of networks drops"), "{traced}");
    let config = host.udp_bridge("config").ok().stdout;
    assert!(config.contains("to = \"network:back\""), "{config}");
    assert_eq!(apply(host, &config, "").ok().stdout, "nothing to do\n");
    drop(running);
}

fn one_alone(host: &Host) {
    host.add_outside(1500);
    let running = up(host, &write("net.toml", &text(TO_BACK, "policy = 'accept'")), "back");
    assert_apart(host, "a", "b", B[0]);
    assert_apart(host, "a", "b", B[1]);
    assert!(drops(host, "back", "back") >= 4, "they die where they come in");
    apply(host, &text("", FROM_FRONT), "").ok();
    assert_apart(host, "a", "b", B[0]);
    assert_apart(host, "a", "b", B[1]);
    drop(running);
}

/// A connection by which every word is sent back.
struct Echo {
    client: TcpStream,
}

impl Echo {
    fn open(host: &Host, address: &str) -> Self {
        let (listener, to) = listen(host, "b", address);
        let client = host.visit("a", || TcpStream::connect_timeout(&to, wait::LONG).unwrap());
        let (mut server, _) = listener.accept().unwrap();
        thread::spawn(move || {
            let mut word = [0];
            while server.read_exact(&mut word).is_ok() && server.write_all(&word).is_ok() {}
        });
        Self { client }
    }

    fn answers(&mut self, patience: Duration) -> bool {
        self.client.set_read_timeout(Some(patience)).unwrap();
        self.client.write_all(b"?").is_ok() && self.client.read_exact(&mut [0]).is_ok()
    }
}

fn removed(host: &Host) {
    host.add_outside(1500);
    let open = text(TO_BACK, FROM_FRONT);
    let running = up(host, &write("net.toml", &open), "back");
    let flows = |network| host.udp_bridge(&format!("conntrack {network} --count")).ok().stdout;
    let ends: [&dyn Fn(); 3] = [
        &|| drop(host.udp_bridge("rule rm 0 --network front").ok()),
        &|| drop(host.udp_bridge("rule rm 0 --network back").ok()),
        &|| drop(apply(host, &text("", ""), "").ok()),
    ];
    for (which, end) in ends.iter().enumerate() {
        let mut echoes = B.map(|address| Echo::open(host, address));
        for echo in &mut echoes {
            assert!(echo.answers(wait::LONG));
        }
        end();
        let concerned = if which == 1 { "back" } else { "front" };
        assert_eq!(flows(concerned).trim(), "0", "they ended with the rule");
        for echo in &mut echoes {
            assert!(!echo.answers(Duration::from_millis(300)), "{which}");
        }
        assert_apart(host, "a", "b", B[0]);
        // And back.
        apply(host, &open, "").ok();
        assert!(B.iter().all(|address| reaches(host, "a", address)));
    }
    // A rule that comes while both run.
    apply(host, &text(TO_BACK, ""), "").ok();
    assert_apart(host, "a", "b", B[0]);
    let words = ["from = 'network:front'", "protocol = 'tcp'", "verdict = 'accept'"];
    host.finish(host.command("rule add --network back").args(words)).ok();
    assert!(Echo::open(host, B[1]).answers(wait::LONG));
    assert!(is_out_of_reach(host, "a", B[0]), "tcp and nothing else");
    drop(running);
}

fn spoofed(host: &Host) {
    host.add_outside(1500);
    for interface in ["all", UPLINK] {
        set_sysctl(&format!("ipv4/conf/{interface}/rp_filter"), "0");
    }
    let running = up(host, &write("net.toml", &text(TO_BACK, FROM_FRONT)), "back");
    host.visit("outside", || {
        let rtnl = Rtnl::open();
        rtnl.add_address("lo", A[0].parse::<IpAddr>().unwrap(), 32);
        rtnl.add_address("lo", A[1].parse::<IpAddr>().unwrap(), 128);
        Family::BOTH.iter().for_each(|family| rtnl.add_default_route(family.host()));
    });
    for (a, b) in A.into_iter().zip(B) {
        let server = host.visit("b", || UdpSocket::bind(at(b, 0)).unwrap());
        let to = server.local_addr().unwrap();
        let before = drops(host, "back", "back");
        let forger = host.visit("outside", || UdpSocket::bind(at(a, 5000)).unwrap());
        wait::for_yes("the host forwards it, and it dies", || {
            forger.send_to(b"it is me", to).unwrap();
            drops(host, "back", "back") > before
        });
        // The one who has the address is heard, and nobody was before.
        let honest = host.visit("a", || UdpSocket::bind(at(a, 5000)).unwrap());
        honest.send_to(b"I am", to).unwrap();
        server.set_read_timeout(Some(wait::LONG)).unwrap();
        let mut heard = [0; 16];
        let (length, from) = server.recv_from(&mut heard).unwrap();
        assert_eq!((&heard[..length], from), (&b"I am"[..], at(a, 5000)));
    }
    drop(running);
}

fn sizes(host: &Host) {
    host.add_outside(1500);
    let text = text(TO_BACK, &format!("mtu = 1400\n{FROM_FRONT}"));
    let running = up(host, &write("net.toml", &text), "back");
    let data = random(4 << 20, 7);
    for b in B {
        let (listener, to) = listen(host, "b", b);
        let mut sender = host.visit("a", || TcpStream::connect_timeout(&to, wait::LONG).unwrap());
        let (mut receiver, _) = listener.accept().unwrap();
        receiver.set_read_timeout(Some(wait::LONG)).unwrap();
        let arrived = thread::scope(|scope| {
            scope.spawn(|| {
                sender.write_all(&data).unwrap();
                sender.shutdown(std::net::Shutdown::Write).unwrap();
            });
            let mut arrived = Vec::new();
            receiver.read_to_end(&mut arrived).unwrap();
            arrived
        });
        assert!(arrived == data, "it arrives as it was sent");
        // Super-frames go whole: there are far fewer frames than segments.
        let frames: u64 = host.ports("back").iter().map(|port| port.counter("sent_frames")).sum();
        assert!(frames < data.len() as u64 / 1400 / 2, "{frames}");
        // Larger than the way: in pieces, or smaller ones after the host has said so.
        assert!(host.visit("a", || pings_with(b.parse().unwrap(), 1450, wait::LONG)), "{b}");
    }
    drop(running);
}

fn refused(host: &Host) {
    let before = host.snapshot();
    let front = |name: &str| TO_BACK.replace("back", name);
    for (front, back, at, why) in [
        (front("nowhere"), "", "5:6: networks.front.rules", "there is no network \"nowhere\""),
        (front("front"), "", "5:6: networks.front.rules", "network front is this one"),
        (front("a/b"), "", "5:6: networks.front.rules[0]: to", "another network is written like"),
        (front("back"), "uplink = 'none'", "5:6: networks.front.rules", "network back has none"),
        (front("back"), "internal = true", "5:6: networks.front.rules", "network back has none"),
    ] {
        let text = text(&front, back).replace("subnet6 = 'fd00:1::/64'\n", "");
        let path = write("net.toml", &text.replace("address6 = 'fd00:1::2'\n", ""));
        let ended = host.udp_bridge(&format!("up -f {}", path.display()));
        assert_eq!(ended.code(), Some(2), "{ended:?}");
        assert!(ended.stderr.contains(at) && ended.stderr.contains(why), "{ended:?}");
    }
    before.assert_same(&host.snapshot());
    host.add_outside(1500);
    let running = up(host, &write("net.toml", &text(TO_BACK, FROM_FRONT)), "back");
    let ended = host.finish(
        host.command("rule add --network front").args(["to = 'network:x'", "verdict = 'accept'"]),
    );
    assert!(ended.code() == Some(2) && ended.stderr.contains("there is no network"), "{ended:?}");
    // Rules that name what goes, go with it, and the rest can be changed and taken down.
    assert!(host.udp_bridge("config").ok().stdout.contains("network:back"));
    host.udp_bridge("down back").ok();
    assert!(!host.udp_bridge("config").ok().stdout.contains("network:back"));
    host.udp_bridge("limit set a --network front --flows 5").ok();
    host.udp_bridge("down --all").ok();
    drop(running);
}
