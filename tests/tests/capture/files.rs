//! Known packets, read back.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::traffic::{End, pings};
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    let v6 = &[Need::Ipv6];
    suite.add_needing(v6, "a_file_has_what_was_sent_before_and_after_nat", before_and_after);
    suite.add("ctrl_c_leaves_a_whole_file", interrupted);
    suite.add("who_looks_yields_to_the_path", yields);
    suite.add_needing(&[Need::Tshark], "tshark_reads_ports_directions_and_comments", tshark);
    suite.add("who_gets_the_number_of_another_is_an_interface_of_its_own", reused);
    suite.add_needing(&[Need::Tshark], "tshark_reads_who_had_a_number_first_and_who_then", renamed);
    suite.add_needing(&[Need::Tcpdump], "tcpdump_reads_what_is_piped_to_it", tcpdump);
}

/// A frame as a file has it.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) port: String,
    pub(super) outbound: bool,
    at: Duration,
    data: Vec<u8>,
    comment: String,
}

/// All frames of a file, and how many interfaces told what they missed. Panics if it is not whole.
pub(super) fn read(path: &Path) -> (Vec<Packet>, usize) {
    let file = std::fs::read(path).unwrap();
    let mut reader = PcapNgReader::new(&file[..]).unwrap();
    let (mut raw, mut told) = (Vec::new(), 0);
    while let Some(block) = reader.next_block() {
        match block.unwrap() {
            Block::EnhancedPacket(packet) => {
                assert_eq!(packet.original_len as usize, packet.data.len(), "nothing is cut");
                let (mut comment, mut outbound) = (String::new(), false);
                for option in &packet.options {
                    match option {
                        EnhancedPacketOption::Comment(words) => comment = words.to_string(),
                        EnhancedPacketOption::Flags(flags) => outbound = flags & 3 == 2,
                        _ => {}
                    }
                }
                let data = packet.data.to_vec();
                raw.push((packet.interface_id, packet.timestamp, data, comment, outbound));
            }
            Block::InterfaceStatistics(_) => told += 1,
            _ => {}
        }
    }
    let names: Vec<String> = reader
        .interfaces()
        .iter()
        .map(|interface| {
            let names = interface.options.iter().find_map(|option| match option {
                InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                _ => None,
            });
            names.unwrap()
        })
        .collect();
    let packets: Vec<_> = raw
        .into_iter()
        .map(|(id, at, data, comment, outbound)| Packet {
            port: names[id as usize].clone(),
            outbound,
            at,
            data,
            comment,
        })
        .collect();
    assert!(packets.is_sorted_by_key(|packet| packet.at), "time goes back");
    (packets, told)
}

/// Starts a capture to a file; when this returns, it has begun.
pub(super) fn start(host: &Host, path: &str, arguments: &[&str]) -> Running {
    let mut command = host.command("capture");
    command.args(arguments).args(["-w", path]);
    let mut running = host.start(&mut command);
    wait::for_yes("the capture begins", || {
        assert!(!running.has_ended(), "it ended: {}", running.stderr());
        std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
    });
    running
}

/// Sends datagrams with these payloads. Returns from where.
fn send(
    host: &Host,
    from: &End,
    address: IpAddr,
    to: SocketAddr,
    payloads: &[Vec<u8>],
) -> SocketAddr {
    let socket = from.udp(host, address);
    for payload in payloads {
        socket.send_to(payload, to).unwrap();
    }
    socket.local_addr().unwrap()
}

fn before_and_after(host: &Host) {
    let outside = host.add_outside(1500);
    let network = host.up("--ports 2");
    let client = &network.ends()[1];
    for family in Family::BOTH {
        let server = outside.udp(host, family.of(&outside));
        let to = server.local_addr().unwrap();
        let payloads: Vec<_> = (0..5u8).map(|n| vec![n; 100 + usize::from(n)]).collect();
        let path = format!("/run/{family:?}.pcapng");
        let filter = format!("udp and dst host {} and dst port {}", to.ip(), to.port());
        let capture = start(host, &path, &["all", "-c", "10", &filter]);
        let own = send(host, client, family.of(client), to, &payloads);
        let finished = capture.wait().ok();
        assert!(finished.stderr.starts_with("10 frames captured, 0 missed"), "{finished:?}");
        let (packets, told) = read(Path::new(&path));
        assert_eq!((packets.len(), told), (10, 3));
        for (payload, pair) in payloads.iter().zip(packets.chunks(2)) {
            let [came, left] = pair else { unreachable!() };
            assert_eq!((&came.port[..], came.outbound), ("ub0-1", false), "{came:?}");
            assert_eq!((&left.port[..], left.outbound), ("ub0", true), "{left:?}");
            let (before, after) = (endpoints(&came.data), endpoints(&left.data));
            assert_eq!(before, (own, to));
            let mut buffer = [0; 2000];
            let got = server.recv_from(&mut buffer).unwrap();
            assert_eq!(after, (got.1, to), "as the server sees it");
            assert_eq!(got.1.ip(), family.host());
            for packet in pair {
                let data = &packet.data;
                assert_eq!(data[data.len() - payload.len()..], payload[..]);
                assert_eq!(buffer[..got.0], payload[..]);
            }
            let became = format!("udp {own} > {to} becomes {} > {to}", got.1);
            assert!(came.comment.starts_with(&format!("forwarded to ub0; {became}")), "{came:?}");
            assert!(
                left.comment.starts_with(&format!("from ub0-1; was udp {own} > {to}")),
                "{left:?}"
            );
        }
    }
}

/// The network's thread for a capture, and the command, are nice; the thread that forwards is not.
fn yields(host: &Host) {
    let network = host.up("--ports 1");
    let capture = start(host, "/run/nice.pcapng", &["all"]);
    let nices = |process: Pid| -> Vec<(String, i32)> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        threads.filter_map(|thread| named_nice(&thread.unwrap().path())).collect()
    };
    wait::for_yes("a thread of the network's is nice", || {
        nices(network.running.pid()).contains(&("looking".to_owned(), 15))
    });
    let of_network = nices(network.running.pid());
    assert!(of_network.contains(&("dataplane".to_owned(), 0)), "{of_network:?}");
    let of_command = nices(capture.pid());
    assert!(of_command.iter().all(|(_, nice)| *nice == 15), "{of_command:?}");
    capture.signal(Signal::SIGINT);
    capture.wait().ok();
    wait::for_yes("the thread ends with the capture", || {
        nices(network.running.pid()).iter().all(|(name, _)| name != "looking")
    });
}

/// Name and niceness of a thread: fields 2 and 19 of proc_pid_stat(5).
/// `None` of one that has just ended.
fn named_nice(thread: &Path) -> Option<(String, i32)> {
    let stat = std::fs::read_to_string(thread.join("stat")).ok()?;
    let (front, fields) = stat.rsplit_once(") ")?;
    let (_, name) = front.split_once('(').unwrap();
    Some((name.to_owned(), fields.split(' ').nth(16).unwrap().parse().unwrap()))
}

/// Source and destination of a datagram. Its checksum may not be filled in.
fn endpoints(frame: &[u8]) -> (SocketAddr, SocketAddr) {
    let packet = etherparse::SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::TransportSlice::Udp(udp)) = &packet.transport else { panic!("{frame:?}") };
    let (source, destination): (IpAddr, IpAddr) = match &packet.net {
        Some(etherparse::NetSlice::Ipv4(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        Some(etherparse::NetSlice::Ipv6(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        _ => panic!("{frame:?}"),
    };
    ((source, udp.source_port()).into(), (destination, udp.destination_port()).into())
}

fn interrupted(host: &Host) {
    let network = host.up("--ports 2 --icc=false");
    let ends = network.ends();
    let capture = start(host, "/run/all.pcapng", &["all", "udp"]);
    let to = (ends[2].ipv4, 7000).into();
    send(host, &ends[1], ends[1].ipv4.into(), to, &[vec![7; 33]]);
    wait::for_yes("the frame is captured", || frames_so_far("/run/all.pcapng") > 0);
    capture.signal(Signal::SIGINT);
    let finished = capture.wait().ok();
    assert!(finished.stderr.contains(" frames captured, 0 missed"), "{finished:?}");
    let (packets, told) = read(Path::new("/run/all.pcapng"));
    assert_eq!(told, 3, "each interface tells what it missed");
    assert!(packets[0].comment.starts_with("dropped: no-icc ("), "{packets:?}");
    assert!(packets[0].comment.contains("; --icc=false drops"), "{packets:?}");
}

/// How many whole frames are in a file that is being written.
fn frames_so_far(path: &str) -> usize {
    let file = std::fs::read(path).unwrap();
    let Ok(mut reader) = PcapNgReader::new(&file[..]) else { return 0 };
    let mut frames = 0;
    while let Some(Ok(block)) = reader.next_block() {
        frames += usize::from(matches!(block, Block::EnhancedPacket(_)));
    }
    frames
}

fn tshark(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let capture = start(host, "/run/all.pcapng", &["all", "-c", "4", "icmp"]);
    ends[1].ping(host, ends[2].ipv4.into());
    capture.wait().ok();
    let fields =
        ["frame.interface_name", "frame.packet_flags_direction", "frame.comment", "ip.src"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-r", "/run/all.pcapng", "-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let read = host.finish(&mut command).ok().stdout;
    let lines: Vec<Vec<&str>> = read.lines().map(|line| line.split('\t').collect()).collect();
    let (one, two) = (ends[1].ipv4.to_string(), ends[2].ipv4.to_string());
    assert_eq!(lines.len(), 4, "{read}");
    let expected = [
        ["ub0-1", "1", "forwarded to ub0-2", &one],
        ["ub0-2", "2", "from ub0-1", &one],
        ["ub0-2", "1", "forwarded to ub0-1", &two],
        ["ub0-1", "2", "from ub0-2", &two],
    ];
    for (line, [name, direction, comment, source]) in lines.iter().zip(expected) {
        assert_eq!((line[0], line[3]), (name, source), "{read}");
        assert!(line[1].ends_with(direction) && line[2].starts_with(comment), "{read}");
    }
}

/// Captures two sandboxes that have one number, one after the other: `web` and then `db`.
fn captured_twice(host: &Host) {
    const FILE: &str = "version = 1
[networks.lab]
subnet = '172.16.1.0/24'
internal = true
[sandboxes.web.endpoints.lab]
address = '172.16.1.2'
[sandboxes.db]
[sandboxes.dns.endpoints.lab]
address = '172.16.1.9'
";
    std::fs::write("/run/net.toml", FILE).unwrap();
    let mut running = host.start(&mut host.command("up -f /run/net.toml"));
    wait::for_yes("the file is up", || {
        assert!(!running.has_ended(), "it ended: {}", running.stderr());
        running.stdout().contains("OFFLOADS") && host.is_running("lab")
    });
    let number = |name: &str| {
        let ports = host.udp_bridge("ps lab --json").ok().stdout;
        let ports: serde_json::Value = serde_json::from_str(&ports).unwrap();
        let ports = ports[0]["ports"].as_array().unwrap().clone();
        ports.into_iter().find(|port| port["name"] == name).unwrap()["number"].clone()
    };
    let dns = "172.16.1.9".parse().unwrap();
    let first = number("web");
    let capture = start(host, "/run/all.pcapng", &["all", "--network", "lab", "icmp"]);
    assert!(host.visit("web", || pings(dns, wait::LONG)));
    host.udp_bridge("disconnect web lab").ok();
    host.udp_bridge("connect db lab --address 172.16.1.3").ok();
    assert_eq!(number("db"), first, "the number is used again");
    assert!(host.visit("db", || pings(dns, wait::LONG)));
    wait::for_yes("both pings are captured", || frames_so_far("/run/all.pcapng") >= 8);
    capture.signal(Signal::SIGINT);
    capture.wait().ok();
}

fn reused(host: &Host) {
    captured_twice(host);
    let (packets, told) = read(Path::new("/run/all.pcapng"));
    assert_eq!(told, 5, "one when the number changes hands, four at the end");
    let seen = |port: &str, words: &str| {
        packets.iter().any(|packet| packet.port == port && packet.comment.starts_with(words))
    };
    for (port, words) in [
        ("web", "forwarded to dns"),
        ("dns", "from web"),
        ("dns", "forwarded to web"),
        ("web", "from dns"),
        ("db", "forwarded to dns"),
        ("dns", "from db"),
        ("dns", "forwarded to db"),
        ("db", "from dns"),
    ] {
        assert!(seen(port, words), "{port} {words}: {packets:?}");
    }
}

fn renamed(host: &Host) {
    captured_twice(host);
    let mut command = Command::new("tshark");
    command.args(["-n", "-r", "/run/all.pcapng", "-T", "fields"]);
    command.args(["-e", "frame.interface_name", "-e", "ip.src"]);
    command.args(["-Y", "icmp.type == 8 && frame.packet_flags_direction == 1"]);
    let read = host.finish(&mut command).ok().stdout;
    assert!(read.contains("web\t172.16.1.2\n") && read.contains("db\t172.16.1.3\n"), "{read}");
    assert!(!read.contains("web\t172.16.1.3"), "{read}");
}

fn tcpdump(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let program = udp_bridge_tests::host::product::binary();
    let line = format!("{} capture ub0-1 -c 2 -w - icmp | tcpdump -n -r -", program.display());
    let mut running = host.start(Command::new("sh").args(["-c", &line]));
    wait::for_yes("two frames are read", || {
        ends[1].ping(host, ends[2].ipv4.into());
        running.has_ended()
    });
    let read = running.wait().ok().stdout;
    let (one, two) = (ends[1].ipv4, ends[2].ipv4);
    assert!(read.contains(&format!("IP {one} > {two}: ICMP echo request")), "{read}");
    assert!(read.contains(&format!("IP {two} > {one}: ICMP echo reply")), "{read}");
}
