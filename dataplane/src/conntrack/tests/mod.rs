//! A table with one conversation in it, told packet by packet.

mod closing;
mod frames;
mod honest;
mod limits;
mod lives;
mod memory;
mod model;
mod numbers;
mod opening;
mod resets;
mod segments;
mod states;

use super::*;
use crate::wire::tcp::flag::{ACK, FIN, RST, SYN};
use std::net::Ipv4Addr;
use std::time::Duration;

pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 2);
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
pub(super) const OWNER: PortId = PortId(1);
/// The first sequence numbers of both sides.
pub(super) const ISN: [u32; 2] = [1000, 5000];
/// The window that segments offer unless they say otherwise.
pub(super) const WINDOW: u16 = 10_000;

pub(super) use Direction::{Original, Reply};
pub(super) use FlowState::{Established, Invalid, New};

pub(super) fn tuple(client_port: u16, server_port: u16, protocol: u8) -> Tuple<Ipv4Addr> {
    Tuple {
        source: CLIENT,
        destination: SERVER,
        source_port: client_port,
        destination_port: server_port,
        protocol,
    }
}

pub(super) fn flow(original: Tuple<Ipv4Addr>, extra: u32) -> NewFlow<Ipv4Addr, u32> {
    let reply = original.inverted();
    NewFlow { original, reply, owner: OWNER, related: false, extra }
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A segment that offers [`WINDOW`].
pub(super) fn segment(flags: u8, sequence: u32, acknowledgment: u32) -> Segment {
    Segment { flags, sequence, acknowledgment, window: WINDOW, ..Segment::default() }
}

/// A segment with so many bytes of payload.
pub(super) fn data(sequence: u32, acknowledgment: u32, payload: u32) -> Segment {
    Segment { payload, ..segment(ACK, sequence, acknowledgment) }
}

pub(super) fn plain(protocol: u8) -> Packet {
    Packet { protocol, length: 100, icmp: None, tcp: None }
}

pub(super) fn of_tcp(segment: Segment) -> Packet {
    Packet { protocol: 6, length: 40 + segment.payload, icmp: None, tcp: Some(segment) }
}

/// One conversation and its table.
pub(super) struct Story {
    pub(super) table: Conntrack<Ipv4Addr, u32>,
    pub(super) census: Census,
    pub(super) now: Time,
    original: Tuple<Ipv4Addr>,
}

impl Story {
    pub(super) fn new(protocol: u8) -> Self {
        Self::with(protocol, |_| {})
    }

    pub(super) fn with(protocol: u8, change: impl FnOnce(&mut ConntrackConfig)) -> Self {
        let mut config =
            ConntrackConfig { limit: 100, port_limit: 100, ..ConntrackConfig::default() };
        change(&mut config);
        let (client, server) = if protocol == 1 { (77, 8) } else { (40_000, 80) };
        Self {
            table: Conntrack::new(&config),
            census: Census::new(&config, 4),
            now: Time::START + seconds(1000),
            original: tuple(client, server, protocol),
        }
    }

    /// A packet that goes this way; what begins no flow and belongs to none is invalid.
    pub(super) fn packet(&mut self, direction: Direction, packet: &Packet) -> FlowState {
        let tuple = match direction {
            Original => self.original,
            Reply => self.original.inverted(),
        };
        if let Some(hit) = self.table.find(&tuple, self.now) {
            return self.table.update(hit, packet, self.now);
        }
        if self.table.judge_new(packet).is_err() {
            return Invalid;
        }
        let inserted = self.table.insert(flow(tuple, 0), packet, &mut self.census, self.now);
        inserted.map_or(Invalid, |_| New)
    }

    pub(super) fn client(&mut self, segment: Segment) -> FlowState {
        self.packet(Original, &of_tcp(segment))
    }

    pub(super) fn server(&mut self, segment: Segment) -> FlowState {
        self.packet(Reply, &of_tcp(segment))
    }

    pub(super) fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// The one flow, if it is alive.
    pub(super) fn view(&self) -> Option<FlowView> {
        self.table.views(0, usize::MAX, self.now).0.next()
    }

    /// The state of its connection, empty if there is none.
    pub(super) fn state(&self) -> &'static str {
        self.view().and_then(|view| view.tcp_state).unwrap_or_default()
    }

    pub(super) fn remaining(&self) -> u64 {
        self.view().map_or(0, |view| view.remaining.as_secs())
    }

    pub(super) fn is_assured(&self) -> bool {
        self.view().is_some_and(|view| view.assured)
    }

    /// An open connection; its sides have sent nothing but their SYNs.
    pub(super) fn open() -> Self {
        Self::open_with(|_| {})
    }

    pub(super) fn open_with(change: impl FnOnce(&mut ConntrackConfig)) -> Self {
        let mut story = Self::with(6, change);
        let [client, server] = ISN;
        assert_eq!(story.client(segment(SYN, client, 0)), New);
        assert_eq!(story.server(segment(SYN | ACK, server, client + 1)), Established);
        assert_eq!(story.client(segment(ACK, client + 1, server + 1)), Established);
        assert_eq!(story.state(), "ESTABLISHED");
        story
    }

    /// An open connection after the client's FIN, its acknowledgment, the server's FIN and its own.
    pub(super) fn closed(steps: usize) -> Self {
        let mut story = Self::open();
        let way = [
            (Original, segment(FIN | ACK, 1001, 5001)),
            (Reply, segment(ACK, 5001, 1002)),
            (Reply, segment(FIN | ACK, 5001, 1002)),
            (Original, segment(ACK, 1002, 5002)),
        ];
        for (direction, segment) in way.into_iter().take(steps) {
            assert_eq!(story.packet(direction, &of_tcp(segment)), Established);
        }
        story
    }

    /// An open connection that was reset by the client.
    pub(super) fn reset() -> Self {
        let mut story = Self::open();
        assert_eq!(story.client(segment(RST, 1001, 0)), Established);
        story
    }
}
