//! What do client and server say of flows?
//!
//! | request | answer |
//! |---|---|
//! | `GET …/flows?FILTER` | a [`FlowInfo`] a line |
//! | `GET …/flows/count?FILTER` | [`FlowCount`] |
//! | `DELETE …/flows?FILTER` | those that were removed, a [`FlowInfo`] a line |
//! | `POST …/flows/flush` | [`FlowCount`]: how many there were |
//!
//! A table may have millions of flows, so they are neither asked for nor sent in one piece: [`serve`]
//! takes a page from the engine when the last one has gone out. What begins or ends meanwhile may be
//! missing or told twice. A client that goes away before the end of a `DELETE` leaves the rest.
//!
//! A [`FlowFilter`] is the query of a request.

mod ask;
mod filter;
pub mod query;
pub mod serve;
#[cfg(test)]
pub(crate) mod tests;

pub use filter::{FilterError, FlowFilter, STATES};

use dataplane::conntrack::FlowView;
use dataplane::engine::FlowKey;
use dataplane::outcome::PortId;
use dataplane::wire::icmp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The family of a flow's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowInfo {
    /// The family of all its addresses.
    pub family: Family,
    /// The IP protocol number.
    pub protocol: u8,
    /// The state of a TCP connection, as conntrack(8) writes it; absent for other protocols.
    pub state: Option<String>,
    /// Seconds until it is forgotten if no packet comes.
    pub timeout_seconds: u64,
    /// As its first packet went.
    pub original: FlowHalf,
    /// As the answers go.
    pub reply: FlowHalf,
    /// It is spared when the table is full.
    pub assured: bool,
    /// Nothing was answered yet.
    pub unreplied: bool,
    /// The name of the port in whose namespace it began, or to which it was let in.
    pub port: Option<String>,
}

/// One direction of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowHalf {
    /// Who sends.
    pub source: IpAddr,
    /// Who is meant.
    pub destination: IpAddr,
    /// What tells it from others between the two.
    #[serde(flatten)]
    pub numbers: FlowNumbers,
    /// Packets so far.
    pub packets: u64,
    /// Bytes of them, from the IP header on.
    pub bytes: u64,
}

/// What a flow has besides its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FlowNumbers {
    /// TCP and UDP.
    Ports {
        /// The sender's.
        source_port: u16,
        /// The receiver's.
        destination_port: u16,
    },
    /// An ICMP or ICMPv6 query.
    Query {
        /// The type of its messages in this direction.
        #[serde(rename = "type")]
        kind: u8,
        /// Their code.
        code: u8,
        /// The query's identifier.
        id: u16,
    },
    /// Protocols that are tracked by address.
    Nothing {},
}

/// How many flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCount {
    /// The number.
    pub flows: u64,
}

/// One direction as the dataplane has it: source, destination, source port, destination port.
pub type Ends = (IpAddr, IpAddr, u16, u16);

/// A flow as the dataplane has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// As its first packet went.
    pub original: Ends,
    /// As the answers go.
    pub reply: Ends,
    /// The IP protocol number.
    pub protocol: u8,
    /// The state of a TCP connection.
    pub tcp_state: Option<&'static str>,
    /// How long it is remembered without a packet.
    pub remaining: Duration,
    /// Packets: original, reply.
    pub packets: [u64; 2],
    /// Bytes: original, reply.
    pub bytes: [u64; 2],
    /// It is spared when the table is full.
    pub assured: bool,
    /// Nothing was answered yet.
    pub unreplied: bool,
    /// The port against whose share it counts.
    pub owner: PortId,
}

impl Flow {
    /// What the dataplane knows it by.
    pub fn key(&self) -> FlowKey {
        FlowKey { protocol: self.protocol, original: self.original }
    }
}

impl From<FlowView> for Flow {
    fn from(view: FlowView) -> Self {
        Self {
            original: view.original,
            reply: view.reply,
            protocol: view.protocol,
            tcp_state: view.tcp_state,
            remaining: view.remaining,
            packets: view.packets,
            bytes: view.bytes,
            assured: view.assured,
            unreplied: view.unreplied,
            owner: view.owner,
        }
    }
}

impl FlowInfo {
    /// What is told of a flow whose port has this name.
    pub fn new(flow: &Flow, port: Option<String>) -> Self {
        let half = |ends: &Ends, way: usize| FlowHalf {
            source: ends.0,
            destination: ends.1,
            numbers: numbers(flow.protocol, ends, way == 1),
            packets: flow.packets[way],
            bytes: flow.bytes[way],
        };
        Self {
            family: Family::of(flow.original.0),
            protocol: flow.protocol,
            state: flow.tcp_state.map(str::to_owned),
            timeout_seconds: flow.remaining.as_secs(),
            original: half(&flow.original, 0),
            reply: half(&flow.reply, 1),
            assured: flow.assured,
            unreplied: flow.unreplied,
            port,
        }
    }
}

/// Is a flow of this protocol told from others by ports?
fn has_ports(protocol: u8) -> bool {
    matches!(protocol, dataplane::wire::tcp::PROTOCOL | dataplane::wire::udp::PROTOCOL)
}

/// A query has identifier and request type where others have ports; a reply the other way round.
fn numbers(protocol: u8, ends: &Ends, is_reply: bool) -> FlowNumbers {
    let (source_port, destination_port) = (ends.2, ends.3);
    match protocol {
        icmp::PROTOCOL | icmp::PROTOCOL_V6 => {
            let (id, request) = if is_reply {
                (destination_port, source_port)
            } else {
                (source_port, destination_port)
            };
            // Types are bytes; they stand in the field of a port.
            let request = request as u8;
            let kind = if is_reply { reply_type(protocol, request) } else { request };
            FlowNumbers::Query { kind, code: 0, id }
        }
        _ if has_ports(protocol) => FlowNumbers::Ports { source_port, destination_port },
        _ => FlowNumbers::Nothing {},
    }
}

/// With which type a request is answered.
fn reply_type(protocol: u8, request: u8) -> u8 {
    match (protocol, request) {
        (icmp::PROTOCOL, icmp::v4::ECHO_REQUEST) => icmp::v4::ECHO_REPLY,
        (icmp::PROTOCOL, icmp::v4::TIMESTAMP) => icmp::v4::TIMESTAMP_REPLY,
        (icmp::PROTOCOL_V6, icmp::v6::ECHO_REQUEST) => icmp::v6::ECHO_REPLY,
        (_, other) => other,
    }
}
