//! A router before two namespaces, and the connections that go through it.
//!
//! A [`Scene`] is one connection as the three ports of a forwarder see it, the host's and two namespaces'.
//! [`Scene::open`] opens it and sees that what is then measured is addressed as it should be.

use crate::flows::{self, NEXT_HOP, SERVER, Segment, external, original, v6};
use crate::switching;
use dataplane::clock::Time;
use dataplane::config::{
    Action, Config, ConntrackConfig, FilterConfig, HostView, NextHop, Place, Publish,
    PublishedPorts, Route, RouterConfig, Rule, UplinkConfig,
};
use dataplane::engine::Forwarder;
use dataplane::flow::{Address, Tuple};
use dataplane::frame::{Frame, FrameBuffer, Subject, with_plain_header};
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::{Offloads, Port, Received};
use dataplane::wire::{tcp, udp};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, Weak};
use udp_bridge_tests::pieces::fragments;
use udp_bridge_tests::world::own_mac;

/// The host's port.
pub const HOST: PortId = PortId(0);
/// The first namespace's.
pub const NAMESPACE: PortId = PortId(1);
/// The bridge's address.
const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Those of the two namespaces behind it.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 3)];
/// The first published port.
pub const PUBLISHED: u16 = 2000;
/// The port that it leads to.
const TARGET: u16 = 80;
/// A port of the host that is nobody's.
const NOT_PUBLISHED: u16 = 99;
/// Bytes of a datagram that goes in two fragments, and of the first one's payload.
const DATAGRAM: (usize, usize) = (2000, 1480);

/// Which family a scene plays in: what stands for a tuple of IPv4.
pub type Family<A> = fn(Tuple<Ipv4Addr>) -> Tuple<A>;

/// IPv4, as it is. The other one is [`flows::tuple_v6`].
pub fn v4(tuple: Tuple<Ipv4Addr>) -> Tuple<Ipv4Addr> {
    tuple
}

/// A port that gives its frames in turn and then the last of them for ever, and keeps a copy of the
/// newest frame that it is sent as long as somebody wants it.
pub struct Script {
    frames: VecDeque<Vec<u8>>,
    newest: Weak<Mutex<Vec<u8>>>,
}

impl Script {
    /// A port that gives these frames, and whose newest nobody wants.
    pub fn boxed(frames: Vec<Vec<u8>>) -> Box<dyn Port> {
        Box::new(Self { frames: frames.into(), newest: Weak::new() })
    }
}

impl Port for Script {
    #[inline]
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        if self.frames.len() > 1
            && let Some(frame) = self.frames.pop_front()
        {
            return give(&frame, buffer);
        }
        self.frames.front().map_or(Received::Empty, |frame| give(frame, buffer))
    }

    #[inline]
    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        if let Some(newest) = self.newest.upgrade() {
            bytes.clone_into(&mut newest.lock().unwrap());
        }
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

#[inline]
fn give(frame: &[u8], buffer: &mut FrameBuffer) -> Received {
    buffer.space()[..frame.len()].copy_from_slice(frame);
    Received::Frame(frame.len())
}

/// A connection as one side of the forwarder sees it.
pub struct Scene<A> {
    /// What the host's port and the first namespace's give.
    frames: [Vec<Vec<u8>>; 2],
    /// Whose frames go before anything is measured, one each.
    opening: Vec<PortId>,
    /// Whose frames are measured.
    pub measured: PortId,
    /// How the last frame of the opening leaves, which is like those that are measured.
    leaves: Subject<A>,
}

/// A connection from a namespace to the outside, of which `measured` sends `payload` for ever.
pub fn masqueraded<A: Address>(measured: PortId, payload: usize, family: Family<A>) -> Scene<A> {
    let inside = family(original(0));
    // Its own port lies in the NAT's range and is free, so it keeps it.
    let outside = family(Tuple { source: external(0), ..original(0) });
    let [to_gateway, to_us] = [own_mac(0), NEXT_HOP];
    let reply = outside.inverted();
    let from_inside = vec![
        flows::frame(&inside, Segment::Syn, to_gateway, 0),
        flows::frame(&inside, Segment::Data, to_gateway, payload),
    ];
    let from_outside = vec![
        flows::frame(&reply, Segment::SynAck, to_us, 0),
        flows::frame(&reply, Segment::Answer, to_us, payload),
    ];
    let leaves = Subject::Flow(if measured == NAMESPACE { outside } else { inside.inverted() });
    let opening = vec![NAMESPACE, HOST, NAMESPACE, measured];
    Scene { frames: [from_outside, from_inside], opening, measured, leaves }
}

/// Connections that a namespace begins, one after the other: `count` beside as many `others`, at least one,
/// that are begun with the opening.
pub fn beginning<A: Address>(others: u32, count: u32, family: Family<A>) -> Scene<A> {
    let syn = |n| flows::frame(&family(original(n)), Segment::Syn, own_mac(0), 0);
    let leaves = Subject::Flow(family(Tuple { source: external(0), ..original(others - 1) }));
    let frames = [Vec::new(), (0..=others + count).map(syn).collect()];
    let opening = vec![NAMESPACE; others as usize];
    Scene { frames, opening, measured: NAMESPACE, leaves }
}

/// A connection from the outside to the published port, which sends `payload` for ever.
pub fn published<A: Address>(port: u16, payload: usize, family: Family<A>) -> Scene<A> {
    let called = call(port);
    let inside = family(Tuple { destination: ENDS[0], destination_port: TARGET, ..called });
    let called = family(called);
    let from_outside = vec![
        flows::frame(&called, Segment::Syn, NEXT_HOP, 0),
        flows::frame(&called, Segment::Data, NEXT_HOP, payload),
    ];
    let from_inside = vec![flows::frame(&inside.inverted(), Segment::SynAck, own_mac(0), 0)];
    let opening = vec![HOST, NAMESPACE, HOST, HOST];
    let leaves = Subject::Flow(inside);
    Scene { frames: [from_outside, from_inside], opening, measured: HOST, leaves }
}

/// Calls from the outside for a port that is nobody's here, which the host gets back.
pub fn handed_back() -> Scene<Ipv4Addr> {
    let called = call(NOT_PUBLISHED);
    let frames = vec![flows::frame(&called, Segment::Syn, NEXT_HOP, 0)];
    let leaves = Subject::Flow(called);
    Scene { frames: [frames, Vec::new()], opening: vec![HOST], measured: HOST, leaves }
}

/// Data from the first namespace to the second.
pub fn bridged(payload: usize) -> Scene<Ipv4Addr> {
    let across = Tuple { destination: ENDS[1], ..original(0) };
    let frames = vec![flows::frame(&across, Segment::Data, own_mac(2), payload)];
    let leaves = Subject::Flow(across);
    Scene { frames: [Vec::new(), frames], opening: vec![NAMESPACE], measured: NAMESPACE, leaves }
}

/// The second fragment of a datagram from a namespace to the outside, again and again.
pub fn fragmented() -> Scene<Ipv4Addr> {
    let inside = Tuple { protocol: udp::PROTOCOL, ..original(0) };
    let (length, first) = DATAGRAM;
    let whole = flows::datagram(&inside, own_mac(0), length);
    let frames = fragments(&whole, first, 1).into_iter().map(|frame| with_plain_header(&frame));
    let bare = Tuple { source: external(0), source_port: 0, destination_port: 0, ..inside };
    let leaves = Subject::Fragment(bare);
    let opening = vec![NAMESPACE; 2];
    Scene { frames: [Vec::new(), frames.collect()], opening, measured: NAMESPACE, leaves }
}

/// The server calls a port of the host.
fn call(port: u16) -> Tuple<Ipv4Addr> {
    Tuple {
        source: SERVER,
        destination: external(0),
        source_port: 40_000,
        destination_port: port,
        protocol: tcp::PROTOCOL,
    }
}

impl<A: Address> Scene<A> {
    /// A forwarder through which the opening went, and left as it should.
    pub fn open(self, config: &Config) -> Forwarder {
        let newest = Arc::new(Mutex::new(Vec::new()));
        let [host, inside] = self.frames.map(VecDeque::from);
        let ports = [host, inside, VecDeque::new()].map(|frames| {
            Box::new(Script { frames, newest: Arc::downgrade(&newest) }) as Box<dyn Port>
        });
        let mut forwarder = Forwarder::new(config, ports.into());
        for port in self.opening {
            forwarder.serve(port, 1, Time::START);
        }
        let mut sent = newest.lock().unwrap().clone();
        let frame = Frame::parse(HOST, &mut sent).unwrap();
        assert_eq!(frame.subject(), self.leaves);
        forwarder
    }
}

/// Three ports, of which the host's may send from any MAC, as `up` has it.
pub fn switch() -> Config {
    switching::config(3, |id| id != HOST.0)
}

/// The same with a router, and so many published ports.
pub fn router(published: u16) -> Config {
    with(published, |_| {})
}

/// The same with so many rules, none of which names what is measured.
pub fn ruled(rules: u16) -> Config {
    with(1, |router| router.filter.rules = (0..rules).map(rule).collect())
}

fn with(published: u16, change: impl FnOnce(&mut RouterConfig)) -> Config {
    let ports = (PUBLISHED..PUBLISHED + published).map(|port| Publish {
        protocol: tcp::PROTOCOL,
        address: None,
        ports: port..=port,
        target_v4: ENDS[0],
        target_v6: Some(v6(ENDS[0])),
        target_port: TARGET,
    });
    let hosts = ENDS.iter().zip(1..).flat_map(|(&end, id)| {
        [IpAddr::from(end), v6(end).into()].map(|end| (end, own_mac(id), PortId(id)))
    });
    let own: [IpAddr; 2] = [external(0).into(), v6(external(0)).into()];
    let route = |destination: &str, source| Route {
        destination: destination.parse().unwrap(),
        source: Some(source),
        mtu: 1500,
    };
    let ipv6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xb);
    let next_hop = NextHop { mac: NEXT_HOP, ipv4: Ipv4Addr::new(169, 254, 0, 1), ipv6 };
    let mut router = RouterConfig {
        ipv4: format!("{BRIDGE}/24").parse().unwrap(),
        ipv6: Some(format!("{}/120", v6(BRIDGE)).parse().unwrap()),
        hosts: hosts.collect(),
        uplink: Some(UplinkConfig { next_hop, internal: false }),
        published: PublishedPorts::new(ports.collect()),
        filter: FilterConfig { icc: true, ..FilterConfig::default() },
        conntrack: ConntrackConfig {
            port_limit: ConntrackConfig::DEFAULT_LIMIT,
            ..ConntrackConfig::default()
        },
        nat: flows::nat_config(),
        host: HostView {
            addresses: own.into_iter().chain([BRIDGE.into(), v6(BRIDGE).into()]).collect(),
            routes: vec![route("0.0.0.0/0", own[0]), route("::/0", own[1])],
            networks: Vec::new(),
        },
    };
    change(&mut router);
    switch().with_router(router).unwrap()
}

/// Rules of four shapes, as people mix them: an address, an address and port, a prefix, a port.
fn rule(n: u16) -> Rule {
    let [high, low] = n.to_be_bytes();
    let net = |end: &str| format!("203.{high}.{low}.{end}").parse().unwrap();
    let port = 20_000 + n;
    let rule = Rule {
        place: format!("rule {n}"),
        protocol: Some(tcp::PROTOCOL),
        action: Action::Drop,
        ..Rule::default()
    };
    match n % 4 {
        0 => Rule { destinations: vec![net("7/32")], ..rule },
        1 => Rule { destinations: vec![net("7/32")], destination_ports: vec![port..=port], ..rule },
        2 => Rule { sources: vec![net("0/28")], from: Some(Place::Outside), ..rule },
        _ => Rule { destination_ports: vec![port..=port], to: Some(Place::Namespaces), ..rule },
    }
}
