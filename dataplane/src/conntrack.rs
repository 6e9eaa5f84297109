//! Stub with the shapes that the command shows flows by.

use crate::outcome::PortId;
use std::net::IpAddr;
use std::time::Duration;

/// One direction of a flow: source, destination, source port, destination port.
pub type FlowEnds = (IpAddr, IpAddr, u16, u16);

/// A flow as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// As the first packet.
    pub original: FlowEnds,
    /// As the answers to it.
    pub reply: FlowEnds,
    /// The IP protocol number.
    pub protocol: u8,
    /// The state of a TCP connection.
    pub tcp_state: Option<&'static str>,
    /// How long it is remembered without a packet.
    pub remaining: Duration,
    /// Packets each way.
    pub packets: [u64; 2],
    /// Bytes each way.
    pub bytes: [u64; 2],
    /// Is it spared by early drop?
    pub assured: bool,
    /// Has nobody answered yet?
    pub unreplied: bool,
    /// Whose it is.
    pub owner: PortId,
}
