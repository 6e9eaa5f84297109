//! Does the virtio header fit the frame?
//!
//! A namespace can put any virtio header before a frame (`PACKET_VNET_HDR`), so it is checked as
//! strictly as the rest: a checksum must lie within the frame, and a super-frame must be of the
//! protocol that its headers show. What passes is what the kernel accepts of us again
//! (`virtio_net_hdr_to_skb` in `include/linux/virtio_net.h`).

use super::{Layout, Network, Transport};
use crate::outcome::DropReason;
use crate::wire::vnet::{NEEDS_CSUM, VnetHeader, gso};
use crate::wire::{ethernet, tcp, udp};

/// How a super-frame is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Super {
    /// Into TCP segments over IPv4.
    TcpV4,
    /// Into TCP segments over IPv6.
    TcpV6,
    /// Into UDP datagrams, over either.
    Udp,
}

impl Super {
    /// The kind that a checked header names.
    #[inline]
    pub(super) fn of(header: &VnetHeader) -> Option<Self> {
        match header.gso_kind() {
            gso::TCPV4 => Some(Self::TcpV4),
            gso::TCPV6 => Some(Self::TcpV6),
            gso::UDP_L4 => Some(Self::Udp),
            _ => None,
        }
    }
}

/// The header to pass on with the frame.
#[inline]
pub(super) fn check(
    header: &VnetHeader,
    layout: &Layout,
    frame: &[u8],
) -> Result<VnetHeader, DropReason> {
    // All headers of a frame fit a u16, for Layout stores their offsets in one.
    let mut checked =
        VnetHeader { hdr_len: (layout.payload() as u16).into(), ..Default::default() };
    if header.needs_checksum() {
        let start = usize::from(header.csum_start.get());
        let end = start + usize::from(header.csum_offset.get()) + 2;
        if start < ethernet::HEADER_LEN || end > frame.len() {
            return Err(DropReason::BadOffload);
        }
        checked.flags = NEEDS_CSUM;
        checked.csum_start = header.csum_start;
        checked.csum_offset = header.csum_offset;
    }
    if header.gso_type != gso::NONE {
        check_super(header, layout, frame)?;
        checked.gso_type = header.gso_type;
        checked.gso_size = header.gso_size;
    }
    Ok(checked)
}

fn check_super(header: &VnetHeader, layout: &Layout, frame: &[u8]) -> Result<(), DropReason> {
    let ecn = header.gso_type & gso::ECN != 0;
    let checksum = match (header.gso_kind(), layout.network_kind(), layout.transport_kind()) {
        (gso::TCPV4, Network::Ipv4, Transport::Tcp) => tcp::CHECKSUM_OFFSET,
        (gso::TCPV6, Network::Ipv6, Transport::Tcp) => tcp::CHECKSUM_OFFSET,
        (gso::UDP_L4, Network::Ipv4 | Network::Ipv6, Transport::Udp) if !ecn => {
            udp::CHECKSUM_OFFSET
        }
        _ => return Err(DropReason::BadOffload),
    };
    let fits = header.needs_checksum()
        && header.gso_size.get() > 0
        && usize::from(header.csum_start.get()) == layout.transport()
        && usize::from(header.csum_offset.get()) == checksum
        // A super-frame has no padding behind its packet, and something to cut.
        && layout.end() == frame.len()
        && layout.payload() < layout.end();
    if fits { Ok(()) } else { Err(DropReason::BadOffload) }
}
