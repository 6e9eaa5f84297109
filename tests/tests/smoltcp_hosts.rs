//! Do real network stacks talk through the switch? smoltcp hosts on memory ports.
//!
//! They find each other by ARP and ND, which are floods, and then send TCP, which is unicast.
#![allow(clippy::unwrap_used, reason = "a host that cannot do its part is a failed test")]

use dataplane::counters::CounterSnapshot;
use dataplane::outcome::DropReason;
use dataplane::port::memory::MemoryHost;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::time::Duration;
use udp_bridge_tests::world::{Setup, World, own_mac};

const SERVICE: u16 = 7000;

/// Longest that a transfer may take, in the world's own milliseconds.
const PATIENCE: u64 = 60_000;

/// The far end of a memory port as smoltcp sees it.
struct Nic(MemoryHost);

struct Arrived(Vec<u8>);

struct Slot<'a>(&'a MemoryHost);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Slot<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        // A full queue loses frames; TCP sends them again.
        self.0.send(&frame);
        result
    }
}

impl Device for Nic {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Slot<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Slot<'_>)> {
        self.0.receive().map(|frame| (Arrived(frame), Slot(&self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Slot<'_>> {
        Some(Slot(&self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// One host: a stack, and a TCP socket in it.
struct Host {
    nic: Nic,
    stack: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
}

fn address(host: u16, v6: bool) -> IpAddress {
    if v6 {
        IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, host + 1)
    } else {
        IpAddress::v4(10, 0, 0, host as u8 + 1)
    }
}

impl Host {
    fn new(world: &World, port: u16) -> Self {
        let mut nic = Nic(world.host(port).clone());
        let mac = HardwareAddress::Ethernet(EthernetAddress(own_mac(port).0));
        let mut stack = Interface::new(Config::new(mac), &mut nic, Instant::ZERO);
        stack.update_ip_addrs(|addresses| {
            for (v6, prefix) in [(false, 24), (true, 64)] {
                addresses.push(IpCidr::new(address(port, v6), prefix)).unwrap();
            }
        });
        let buffer = || SocketBuffer::new(vec![0; 65_535]);
        let mut sockets = SocketSet::new(vec![]);
        let tcp = sockets.add(Socket::new(buffer(), buffer()));
        Self { nic, stack, sockets, tcp }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.tcp)
    }

    fn listen(&mut self) {
        self.socket().listen(SERVICE).unwrap();
    }

    fn connect(&mut self, to: IpAddress) {
        let context = self.stack.context();
        let socket = self.sockets.get_mut::<Socket<'_>>(self.tcp);
        socket.connect(context, (to, SERVICE), 50_000).unwrap();
    }
}

/// A world of hosts, and a millisecond's step of it.
struct Lan {
    world: World,
    hosts: Vec<Host>,
    millis: u64,
}

impl Lan {
    fn new(setup: Setup) -> Self {
        let world = setup.start();
        let hosts = world.ports().map(|port| Host::new(&world, port)).collect();
        Self { world, hosts, millis: 0 }
    }

    fn step(&mut self) {
        let now = Instant::from_millis(self.millis as i64);
        for host in &mut self.hosts {
            host.stack.poll(now, &mut host.nic, &mut host.sockets);
        }
        self.world.run();
        self.world.wait(Duration::from_millis(1));
        self.millis += 1;
    }

    /// Sends `data` from one host to another, which listens, and returns what arrives there.
    fn transfer(&mut self, from: usize, to: usize, data: &[u8]) -> Vec<u8> {
        let (mut arrived, mut offered) = (Vec::with_capacity(data.len()), 0);
        while arrived.len() < data.len() {
            assert!(self.millis < PATIENCE, "{} bytes arrived in time", arrived.len());
            let sender = self.hosts[from].socket();
            if sender.can_send() && offered < data.len() {
                offered += sender.send_slice(&data[offered..]).unwrap();
            }
            let receiver = self.hosts[to].socket();
            if receiver.can_recv() {
                receiver.recv(|part| (part.len(), arrived.extend_from_slice(part))).unwrap();
            }
            self.step();
        }
        arrived
    }
}

/// Bytes without a pattern, the same in each run (xorshift, seeded).
fn random_bytes(length: usize) -> Vec<u8> {
    let mut state = 0x2026_1121_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn a_mebibyte_arrives_identical(v6: bool) {
    let mut lan = Lan::new(Setup::of(3).switch(|switch| switch.storm = Some(Default::default())));
    lan.hosts[2].listen();
    lan.hosts[1].connect(address(2, v6));
    let data = random_bytes(1 << 20);
    let arrived = lan.transfer(1, 2, &data);
    assert!(arrived == data, "the bytes that arrived are others than those that were sent");
    let counters = lan.world.counters();
    assert!(counters[2].sent_bytes > 1 << 20);
    assert!(counters[0].sent_bytes < 10_000, "host 0 hears floods only");
    assert_eq!(counters.iter().map(CounterSnapshot::dropped_total).sum::<u64>(), 0);
}

#[test]
fn a_mebibyte_arrives_identical_over_ipv4() {
    a_mebibyte_arrives_identical(false);
}

#[test]
fn a_mebibyte_arrives_identical_over_ipv6() {
    a_mebibyte_arrives_identical(true);
}

#[test]
fn an_isolated_host_connects_to_the_open_one_and_not_to_its_isolated_neighbour() {
    for v6 in [false, true] {
        let isolate = |port: &mut udp_bridge_tests::world::PortSetup| port.isolated = true;
        let mut lan = Lan::new(Setup::of(3).port(1, isolate).port(2, isolate));
        lan.hosts[0].listen();
        lan.hosts[1].listen();
        lan.hosts[2].connect(address(1, v6));
        (0..5000).for_each(|_| lan.step());
        assert_eq!(lan.hosts[2].socket().state(), State::SynSent);
        assert_eq!(lan.hosts[1].socket().state(), State::Listen);

        lan.hosts[2].socket().abort();
        lan.step();
        lan.hosts[2].connect(address(0, v6));
        let data = random_bytes(10_000);
        assert_eq!(lan.transfer(2, 0, &data), data);
    }
}

#[test]
fn isolation_stops_hosts_that_know_each_others_mac_too() {
    let isolate = |port: &mut udp_bridge_tests::world::PortSetup| port.isolated = true;
    let mut lan = Lan::new(Setup::of(3));
    lan.hosts[1].listen();
    lan.hosts[2].connect(address(1, false));
    assert_eq!(lan.transfer(2, 1, &[7; 100]), [7; 100]);
    // The same stacks, with their neighbour caches, in a world that isolates them.
    let mut world = Setup::of(3).port(1, isolate).port(2, isolate).start();
    for (host, port) in lan.hosts.iter_mut().zip(world.ports()) {
        host.nic = Nic(world.host(port).clone());
    }
    std::mem::swap(&mut lan.world, &mut world);
    lan.hosts[2].socket().send_slice(&[8; 100]).unwrap();
    (0..3000).for_each(|_| lan.step());
    assert!(lan.world.counters()[2].dropped(DropReason::Isolated) > 0);
    assert!(!lan.hosts[1].socket().can_recv());
}
