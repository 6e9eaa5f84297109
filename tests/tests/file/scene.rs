//! Two sandboxes that talk while somebody changes what runs.

use super::written::{THIRD, TWO, apply, up, write};
use dataplane::wire::ethernet::MacAddr;
use etherparse::PacketBuilder;
use nix::errno::Errno;
use serde_json::Value;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use udp_bridge_tests::host::api::ask_at;
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::product::Port;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::talk::Talk;
use udp_bridge_tests::host::traffic::{End, pings_once, random};
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

/// Sandboxes a and b talk, over TCP and in echoes of which each is sent once, while somebody changes
/// what runs. In the end everything that was sent has come.
pub(super) struct Scene<'h> {
    host: &'h Host,
    running: Running,
    talk: Talk,
}

/// Runs `change` in a scene of the sandboxes a, b and c.
pub(super) fn while_others_talk(host: &Host, change: impl FnOnce(&Scene<'_>)) {
    let running = up(host, &write("net.toml", &with("", "")), "front");
    let listener = host.visit("b", || TcpListener::bind("172.16.1.3:7000").unwrap());
    let client = host.visit("a", || TcpStream::connect("172.16.1.3:7000").unwrap());
    let talk = Talk::start(client, listener.accept().unwrap().0);
    let scene = Scene { host, running, talk };
    let before = scene.lost();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let echoes = scope.spawn(move || {
            host.visit("a", || {
                let mut answered = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert!(pings_once("172.16.1.3".parse().unwrap(), wait::LONG), "{answered}");
                    answered += 1;
                }
                answered
            })
        });
        // Also if the change panics.
        let stopping = Stopping(stop);
        change(&scene);
        drop(stopping);
        assert!(echoes.join().unwrap() > 0);
    });
    scene.talk.assert_goes_on();
    assert_eq!(scene.lost(), before);
    scene.talk.finish();
    drop(scene.running);
}

struct Stopping<'s>(&'s AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The file with more fields of the network, and of the endpoint of c.
pub(super) fn with(network: &str, endpoint: &str) -> String {
    let two = TWO.replace("[sandboxes.a.", &format!("{network}\n[sandboxes.a."));
    format!("{two}{THIRD}{endpoint}\n")
}

impl Scene<'_> {
    pub(super) fn ports(&self) -> Vec<Port> {
        self.host.ports("front")
    }

    /// What was lost of the host's, a's and b's so far, but for what everybody is to hear while nobody
    /// is there yet, or while little may be flooded.
    fn lost(&self) -> Vec<(String, u64)> {
        let others = self.ports().into_iter().filter(|port| port.name() != "c");
        others
            .map(|port| {
                let floods = port.drops("nobody-to-flood") + port.drops("storm-frames");
                (port.name().to_owned(), port.all_drops() - floods)
            })
            .collect()
    }

    pub(super) fn port(&self, name: &str) -> Port {
        self.ports().into_iter().find(|port| port.name() == name).unwrap()
    }

    pub(super) fn end(&self, name: &str) -> End {
        self.port(name).end()
    }

    /// Applies the file with these fields; the talk goes on then. What runs is what `config` prints.
    pub(super) fn apply(&self, network: &str, endpoint: &str) {
        apply(self.host, &with(network, endpoint), "").ok();
        self.talk.assert_goes_on();
        let config = self.host.udp_bridge("config").ok().stdout;
        assert_eq!(apply(self.host, &config, "--dry-run").ok().stdout, "nothing to do\n");
        for field in network.lines().chain(endpoint.lines()) {
            assert!(config.contains(field), "{field} is not in\n{config}");
        }
    }

    /// The ports that are isolated.
    pub(super) fn isolated(&self) -> Vec<String> {
        let all = self.ports().into_iter().filter(Port::is_isolated);
        all.map(|port| port.name().to_owned()).collect()
    }

    /// Says something to everybody in the segment from c, under this MAC.
    pub(super) fn shout(&self, mac: MacAddr, times: usize) {
        self.host.visit("c", || {
            Rtnl::open().set_mac("eth0", mac);
            let socket = UdpSocket::bind("172.16.1.4:0").unwrap();
            socket.set_broadcast(true).unwrap();
            (0..times).for_each(|_| assert!(socket.send_to(b"all", "172.16.1.255:9").is_ok()));
        });
    }

    /// The learned MACs that live behind c.
    pub(super) fn learned(&self) -> usize {
        let listed = self.host.udp_bridge("fdb front --json").ok().stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let entries = listed.as_array().unwrap().iter();
        entries.filter(|one| one["port"] == "c" && one["origin"] == "learned").count()
    }

    /// Shouts under so many MACs, until all are known that can be.
    pub(super) fn teach(&self, macs: u8, known: usize) {
        for last in 0..macs {
            self.shout(MacAddr([2, 0xba, 0xdb, 0xad, 1, last]), 1);
        }
        wait::for_yes("they are learned", || self.learned() == known);
    }

    /// A number of `GET /metrics`.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let socket = Path::new(STATE_DIR).join("front/api.sock");
        let told = ask_at(&socket, "GET", "/metrics", "").body;
        let named = |line: &&str| line.contains(&format!("{name}{{"));
        let line = told.lines().find(named).unwrap_or_else(|| panic!("{name}: {told}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// Asks for an echo from a to b in an IP packet of so many bytes that nobody may cut.
pub(super) fn echo_of(host: &Host, length: usize) -> Result<(), Errno> {
    let (from, to) = (Ipv4Addr::new(172, 16, 1, 2), Ipv4Addr::new(172, 16, 1, 3));
    let mut packet = Vec::new();
    let builder = PacketBuilder::ipv4(from.octets(), to.octets(), 64);
    let payload = random(length - 28, length as u64);
    builder.icmpv4_echo_request(9, 9).write(&mut packet, &payload).unwrap();
    assert_eq!((packet.len(), packet[6]), (length, 0x40), "DF");
    host.visit("a", || {
        let open = || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        let (sender, mut receiver) = (open(), open());
        sender.set_header_included_v4(true).unwrap();
        let to = SockAddr::from(SocketAddr::new(IpAddr::from(to), 0));
        receiver.connect(&to).unwrap();
        receiver.set_read_timeout(Some(wait::LONG)).unwrap();
        if let Err(error) = sender.send_to(&packet, &to) {
            return Err(Errno::from_raw(error.raw_os_error().unwrap()));
        }
        let mut buffer = vec![0; 1 << 16];
        loop {
            let got = receiver.read(&mut buffer).unwrap();
            if got == length && buffer[28..got] == payload[..] {
                return Ok(());
            }
        }
    })
}

pub(super) fn assert_mtu(scene: &Scene<'_>, mtu: u16) {
    let of = |name| Rtnl::open().mac_and_mtu(name).1;
    let host = scene.host;
    let mtus = ["a", "b", "c"].map(|name| host.visit(name, || of("eth0")));
    assert_eq!((mtus, of("front")), ([mtu.into(); 3], mtu.into()));
    let told: Value =
        serde_json::from_str(&host.udp_bridge("ps front --json").ok().stdout).unwrap();
    assert_eq!(told[0]["network"]["mtu"], mtu, "{told}");
    assert!(told[0]["ports"].as_array().unwrap().iter().all(|port| port["mtu"] == mtu), "{told}");
    assert_eq!(echo_of(host, mtu.into()), Ok(()));
    assert_eq!(echo_of(host, usize::from(mtu) + 1), Err(Errno::EMSGSIZE));
}
