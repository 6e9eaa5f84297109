//! How many hops may the packet still make?

use super::{Frame, Network};
use crate::wire::checksum::Sum;
use crate::wire::{ipv4, ipv6};

impl Frame<'_> {
    /// The time to live, or the hop limit; `None` for what is not IP.
    #[inline]
    pub fn hops(&self) -> Option<u8> {
        let packet = self.packet();
        match self.layout().network_kind() {
            Network::Ipv4 => Some(packet[ipv4::TTL_OFFSET]),
            Network::Ipv6 => Some(packet[ipv6::HOP_LIMIT_OFFSET]),
            Network::Other => None,
        }
    }

    /// Sets the time to live, or the hop limit; the header checksum follows.
    #[inline]
    pub fn set_hops(&mut self, hops: u8) {
        let (at, kind) = (self.layout().network(), self.layout().network_kind());
        let packet = &mut self.ethernet_mut()[at..];
        match kind {
            Network::Ipv4 => {
                let before = u16::from_be_bytes([packet[ipv4::TTL_OFFSET], 0]);
                packet[ipv4::TTL_OFFSET] = hops;
                let field = ipv4::CHECKSUM_OFFSET..ipv4::CHECKSUM_OFFSET + 2;
                let checksum = u16::from_be_bytes([packet[field.start], packet[field.start + 1]]);
                // RFC 1624, equation 3.
                let sum = Sum::default()
                    .word(!checksum)
                    .word(!before)
                    .word(u16::from_be_bytes([hops, 0]));
                packet[field].copy_from_slice(&sum.checksum().to_be_bytes());
            }
            Network::Ipv6 => packet[ipv6::HOP_LIMIT_OFFSET] = hops,
            Network::Other => {}
        }
    }
}
