//! A port is kept as long as the network is up, and it is told who has one that is not free.

use nix::sys::signal::Signal;
use std::net::{TcpListener, UdpSocket};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_published_port_is_kept_and_given_back", kept_and_given_back);
    suite.add("a_killed_network_gives_its_ports_back", killed);
    suite.add("a_port_in_use_is_refused_with_who_has_it", in_use);
    suite.add("two_networks_cannot_publish_the_same_port", two_networks);
    suite.add("ports_lists_what_is_published", listed);
}

fn kept_and_given_back(host: &Host) {
    let before = host.snapshot();
    let network = host.up("--ports 1 -p 8080:ub0-1:80 -p 127.0.0.1:5300:ub0-1:53/udp");
    assert!(TcpListener::bind("127.0.0.1:8080").is_err());
    assert!(TcpListener::bind("0.0.0.0:8080").is_err());
    assert!(UdpSocket::bind("127.0.0.1:5300").is_err());
    // The other protocol and other addresses are not taken.
    UdpSocket::bind("127.0.0.1:8080").unwrap();
    UdpSocket::bind("127.0.0.2:5300").unwrap();
    drop(network);
    TcpListener::bind("0.0.0.0:8080").unwrap();
    UdpSocket::bind("0.0.0.0:5300").unwrap();
    before.assert_same(&host.snapshot());
}

fn killed(host: &Host) {
    let network = host.up("--ports 1 --publish 8080:ub0-1:80");
    network.end_by(Signal::SIGKILL);
    let again = host.up("--ports 1 --publish 8080:ub0-1:80");
    drop(again);
}

fn in_use(host: &Host) {
    let tcp = TcpListener::bind("127.0.0.1:8080").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:5300").unwrap();
    let before = host.snapshot();
    let pid = format!("process {}", std::process::id());
    for (publish, address) in [
        ("8080:ub0-1:80", "8080/tcp"),
        ("127.0.0.1:8080:ub0-1:80", "127.0.0.1:8080/tcp"),
        ("8000-8099:ub0-1:8000-8099", "8080/tcp"),
        ("0.0.0.0:5300:ub0-1:53/udp", "0.0.0.0:5300/udp"),
    ] {
        let refused = host.udp_bridge(&format!("up --ports 1 --publish {publish}"));
        assert_eq!(refused.code(), Some(2), "{refused:?}");
        for word in [publish, address, "in use", &pid] {
            assert!(refused.stderr.contains(word), "{word} is not in {}", refused.stderr);
        }
        before.assert_same(&host.snapshot());
    }
    drop((tcp, udp));
}

fn two_networks(host: &Host) {
    let network = host.up("--ports 1 --publish 8080-8089:ub0-1:80-89");
    let between = host.snapshot();
    let refused = host.udp_bridge("up --ports 1 --name blue --publish 127.0.0.1:8085:blue-1:80");
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("published by network ub0"), "{refused:?}");
    between.assert_same(&host.snapshot());
    let blue = host.up("--ports 1 --name blue --publish 127.0.0.1:8090:blue-1:80");
    drop((network, blue));
}

fn listed(host: &Host) {
    let head = "NETWORK  PROTOCOL  HOST";
    assert!(host.udp_bridge("ports").ok().stdout.starts_with("NETWORK"));
    let _network = host.up("--ports 2 -p 8000-8009:ub0-2:80-89 -p [::1]:53:ub0-1:53/udp");
    let text = host.udp_bridge("ports").ok().stdout;
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with(head), "{text}");
    let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(1)[..4], ["ub0", "tcp", "*:8000-8009", "ub0-2"]);
    assert_eq!(words(1)[4..], ["172.16.1.3:80-89", "0", "0", "0"]);
    assert_eq!(words(2)[..4], ["ub0", "udp", "[::1]:53", "ub0-1"]);
    assert_eq!(host.udp_bridge("ports nothing").code(), Some(1));
}
