//! What the switch drops and counts, isolation, ports that die.

use dataplane::wire::ethernet::MacAddr;
use nix::ifaddrs::getifaddrs;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket};
use serde_json::Value;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fs;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::product::Network;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::random;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_foreign_source_mac_is_dropped_and_counted", foreign_source);
    suite.add("without_the_check_a_foreign_source_mac_is_learned", learned);
    suite.add("a_malformed_packet_is_dropped_and_counted", malformed);
    suite.add("garbage_from_a_namespace_is_dropped_and_the_rest_goes_on", garbage);
    suite.add("isolated_ports_reach_the_host_and_not_each_other", isolated);
    suite.add("a_port_whose_interface_is_deleted_is_removed_and_the_rest_goes_on", |host| {
        dies(host, |host| host.visit("ub0-1", || Rtnl::open().delete("eth0")));
    });
    suite.add("a_port_whose_namespace_is_deleted_is_removed_and_the_rest_goes_on", |host| {
        dies(host, |host| host.remove_netns("ub0-1"));
    });
    suite.add("a_namespace_without_a_name_keeps_its_port_while_a_process_is_in_it", nameless);
    suite.add("an_interface_taken_down_and_up_works_again", down_and_up);
}

const FOREIGN: MacAddr = MacAddr([2, 0xba, 0xdb, 0xad, 0, 1]);

/// Sends a broadcast from port 1 with a MAC that is not its own.
fn send_with_foreign_mac(host: &Host, network: &Network<'_>) {
    let end = &network.ends()[1];
    let socket = end.udp(host, end.ipv4.into());
    socket.set_broadcast(true).unwrap();
    host.visit("ub0-1", || Rtnl::open().set_mac("eth0", FOREIGN));
    socket.send_to(b"hello", "255.255.255.255:9").unwrap();
}

fn foreign_source(host: &Host) {
    let network = host.up("--ports 2");
    let mac = network.ports()[1].mac();
    send_with_foreign_mac(host, &network);
    wait::for_yes("it is counted", || network.ports()[1].drops("source-check") >= 1);
    assert!(host.udp_bridge("ps").ok().stdout.contains("source-check"));
    assert_eq!(network.ports()[2].drops("source-check"), 0);
    host.visit("ub0-1", || Rtnl::open().set_mac("eth0", mac));
    let ends = network.ends();
    ends[1].ping(host, ends[2].ipv4.into());
}

fn learned(host: &Host) {
    let network = host.up("--ports 2 --no-source-check");
    send_with_foreign_mac(host, &network);
    wait::for_yes("it is in the table", || {
        let fdb = host.udp_bridge("fdb --json").ok().stdout;
        let fdb: Value = serde_json::from_str(&fdb).unwrap();
        fdb.as_array().unwrap().iter().any(|entry| {
            entry["mac"] == FOREIGN.to_string()
                && entry["port"] == "ub0-1"
                && entry["origin"] == "learned"
        })
    });
    let ends = network.ends();
    ends[1].ping(host, ends[2].ipv4.into());
}

/// TCP headers that claim to be 16 bytes long, from a raw socket.
fn malformed(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let socket =
        ends[1].visit(host, || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).unwrap());
    let mut header = [0; 20];
    header[12] = 4 << 4;
    let to = SockAddr::from(SocketAddr::from((ends[2].ipv4, 0)));
    for _ in 0..10 {
        socket.send_to(&header, &to).unwrap();
    }
    wait::for_yes("they are counted", || network.ports()[1].drops("tcp-offset") == 10);
    ends[1].ping(host, ends[2].ipv4.into());
}

/// Frames of random bytes behind a right source MAC and an EtherType that is looked into.
fn garbage(host: &Host) {
    const FRAMES: usize = 3000;
    let network = host.up("--ports 2");
    let (ports, ends) = (network.ports(), network.ends());
    let macs = [MacAddr::BROADCAST, ports[0].mac(), ports[2].mac()];
    let bytes = random(FRAMES * 8, 5);
    ends[1].visit(host, || {
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None).unwrap();
        let device = getifaddrs().unwrap().find_map(|one| {
            one.address?.as_link_addr().copied().filter(|_| one.interface_name == "eth0")
        });
        for (index, dice) in bytes.chunks_exact(8).enumerate() {
            let ethertype = [[0x08, 0x00], [0x86, 0xdd], [0x81, 0x00], [0x08, 0x06]][index % 4];
            let to = macs[usize::from(dice[0]) % 3];
            let mut frame = [&to.0[..], &ports[1].mac().0, &ethertype].concat();
            frame.extend(random(usize::from(dice[1]) * 5, index as u64));
            if let Some(version) = frame.get_mut(14).filter(|_| dice[2] > 60) {
                *version = if index % 4 == 0 { 0x45 } else { 0x60 };
            }
            sendto(socket.as_raw_fd(), &frame, &device.unwrap(), MsgFlags::empty()).unwrap();
        }
    });
    wait::for_yes("all are counted", || {
        network.ports()[1].counter("received_frames") >= FRAMES as u64
    });
    assert!(network.ports()[1].counter("dropped_frames") > FRAMES as u64 / 4);
    ends[1].ping(host, ends[2].ipv4.into());
    ends[0].ping(host, ends[1].ipv4.into());
}

fn isolated(host: &Host) {
    let network = host.up("--ports 3 --isolate 1,2");
    let ends = network.ends();
    for from in [&ends[1], &ends[2]] {
        from.ping(host, ends[0].ipv4.into());
        from.ping(host, ends[3].ipv4.into());
    }
    let moment = Duration::from_millis(600);
    assert!(!ends[1].reaches(host, ends[2].ipv4.into(), moment));
    // What is flooded is not counted for each port that may not hear it, so no counter moves.
    let ports = network.ports();
    let neighbours = host.udp_bridge("exec 1 -- cat /proc/net/arp").ok().stdout;
    assert!(!neighbours.contains(&ports[2].mac().to_string()), "{neighbours}");
}

fn dies(host: &Host, end: fn(&Host)) {
    let before = host.snapshot();
    let network = host.up("--ports 3");
    end(host);
    wait::for_yes("the port is gone", || !network.ports()[1].is_alive());
    let ends = network.ends();
    for address in ends[3].addresses() {
        ends[0].ping(host, address);
        ends[2].ping(host, address);
    }
    let refused = host.udp_bridge("exec ub0-1 -- true");
    assert!(refused.code().is_some(), "{refused:?}");
    host.udp_bridge("down").ok();
    assert_eq!(network.running.wait().code(), Some(0));
    before.assert_same(&host.snapshot());
}

/// As after `ip netns del` with a program still running inside.
fn nameless(host: &Host) {
    let before = host.snapshot();
    let network = host.up("--ports 3");
    let ends = network.ends();
    let inside = host.start(&mut host.command("exec ub0-1 -- sleep 600"));
    let comm = format!("/proc/{}/comm", inside.pid());
    wait::for_yes("sleep runs", || fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n"));
    host.remove_netns("ub0-1");
    // The other one was looked at later than the first: whoever is gone by then is gone.
    host.remove_netns("ub0-3");
    wait::for_yes("the empty one is gone", || !network.ports()[3].is_alive());
    assert!(network.ports()[1].is_alive());
    ends[2].ping(host, ends[1].ipv4.into());
    inside.signal(Signal::SIGTERM);
    inside.wait();
    wait::for_yes("the other one is gone", || !network.ports()[1].is_alive());
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

fn down_and_up(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    ends[2].ping(host, ends[1].ipv4.into());
    host.visit("ub0-1", || Rtnl::open().down("eth0"));
    assert!(!ends[2].reaches(host, ends[1].ipv4.into(), Duration::from_millis(600)));
    assert!(network.ports()[1].drops("egress-down") >= 1);
    host.visit("ub0-1", || Rtnl::open().up("eth0"));
    ends[2].ping(host, ends[1].ipv4.into());
    assert!(network.ports()[1].is_alive());
}
