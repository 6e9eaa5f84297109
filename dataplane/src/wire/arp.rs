//! ARP for IPv4 over Ethernet (RFC 826).

use super::ethernet::MacAddr;
use std::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a packet in bytes.
pub const LEN: usize = size_of::<ArpPacket>();

/// Asks who has the target address.
pub const REQUEST: u16 = 1;
/// Tells that the sender has it.
pub const REPLY: u16 = 2;

/// A packet, 28 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ArpPacket {
    hardware: U16,
    protocol: U16,
    hardware_len: u8,
    protocol_len: u8,
    /// [`REQUEST`] or [`REPLY`].
    pub operation: U16,
    /// The sender's MAC.
    pub sender_mac: MacAddr,
    sender_ip: [u8; 4],
    /// The target's MAC; zero in a request.
    pub target_mac: MacAddr,
    target_ip: [u8; 4],
}

impl ArpPacket {
    /// A packet that says or asks this.
    pub fn new(operation: u16, sender: (MacAddr, Ipv4Addr), target: (MacAddr, Ipv4Addr)) -> Self {
        Self {
            hardware: U16::new(1),
            protocol: U16::new(super::ethernet::ethertype::IPV4),
            hardware_len: 6,
            protocol_len: 4,
            operation: U16::new(operation),
            sender_mac: sender.0,
            sender_ip: sender.1.octets(),
            target_mac: target.0,
            target_ip: target.1.octets(),
        }
    }

    /// The packet at the start of `bytes`; `None` if it is cut off or not of IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Option<&Self> {
        let (packet, _) = Self::ref_from_prefix(bytes).ok()?;
        let ours = packet.hardware.get() == 1
            && packet.protocol.get() == super::ethernet::ethertype::IPV4
            && (packet.hardware_len, packet.protocol_len) == (6, 4);
        ours.then_some(packet)
    }

    /// The sender's address.
    pub fn sender(&self) -> Ipv4Addr {
        self.sender_ip.into()
    }

    /// The address that is asked for or told.
    pub fn target(&self) -> Ipv4Addr {
        self.target_ip.into()
    }
}
