//! Puts a flow's addresses and ports into a packet, and into the packet that an ICMP error carries.
//!
//! Checksums are updated by what changed, never computed anew (RFC 1624): a packet that was damaged
//! on its way stays damaged. Which bytes enter which sum:
//!
//! ```text
//!                 IPv4 header   TCP, UDP   ICMPv6   ICMP   TCP, UDP, ICMPv6 partial   ICMP partial
//!  addresses      yes           yes        yes      no     yes                        no
//!  ports, id      no            yes        yes      yes    no                         no
//! ```
//!
//! A partial checksum field holds the pseudo-header's folded sum, not complemented; the rest of the
//! packet is summed when somebody completes it. Super-frames are always partial.

use crate::flow::{Address, Tuple};
use crate::frame::{self, Frame, Network, Piece};
use crate::outcome::DropReason;
use crate::wire::checksum::Sum;
use crate::wire::icmp::{self, IcmpHeader, Kind};
use crate::wire::{ipv4, tcp, udp};

/// May the packet be translated? To be asked before: whoever completes a partial checksum writes two
/// bytes where the virtio header says, and that must not be into what was translated.
///
/// # Errors
/// `BadOffload` if a partial checksum is neither that of the packet's own layer 4 nor inside its
/// payload, or the packet is a fragment.
#[inline]
pub fn check(frame: &Frame<'_>) -> Result<(), DropReason> {
    let Some(field) = frame.partial_checksum() else { return Ok(()) };
    let layout = frame.layout();
    let own = checksum_offset(layout.network_kind(), layout.protocol())
        .is_some_and(|offset| layout.transport() + offset == field);
    // Behind the headers lies what a tunnel carries.
    let inside = field >= layout.payload() && field + 2 <= layout.end();
    if layout.piece() == Piece::Whole && (own || inside) {
        Ok(())
    } else {
        Err(DropReason::BadOffload)
    }
}

/// Gives the packet these addresses, and ports or query identifier; what of them it has. A later
/// fragment has addresses only. The frame must be of the family, and [`check`]ed.
#[inline]
pub fn rewrite<A: Address>(frame: &mut Frame<'_>, to: &Tuple<A>) {
    let (layout, partial) = (*frame.layout(), frame.partial_checksum());
    debug_assert_eq!(layout.network_kind() == Network::Ipv4, A::LEN == 4);
    let packet = &mut frame.ethernet_mut()[layout.network()..layout.end()];
    let addresses = set_addresses(packet, to.source, to.destination);
    if layout.piece() == Piece::Later {
        return;
    }
    let segment = &mut packet[layout.transport() - layout.network()..];
    let ports = set_ports(segment, layout.protocol(), to);
    let partial = partial.and_then(|field| field.checked_sub(layout.transport()));
    update_checksum::<A>(segment, layout.protocol(), partial, addresses, ports);
}

/// Translates an ICMP error: the packet gets these addresses, and the packet that it carries the
/// tuple `inner`. Checksums in the carried packet are updated if they are quoted whole.
pub fn rewrite_error<A: Address>(
    frame: &mut Frame<'_>,
    source: A,
    destination: A,
    inner: &Tuple<A>,
) {
    let (layout, partial) = (*frame.layout(), frame.partial_checksum());
    debug_assert_eq!(layout.network_kind() == Network::Ipv4, A::LEN == 4);
    let packet = &mut frame.ethernet_mut()[layout.network()..layout.end()];
    let addresses = set_addresses(packet, source, destination);
    let message = &mut packet[layout.transport() - layout.network()..];
    let carried = message
        .get_mut(icmp::HEADER_LEN..)
        .map_or(Sum::default(), |quoted| set_quoted(quoted, inner));
    let partial = partial.and_then(|field| field.checked_sub(layout.transport()));
    update_checksum::<A>(message, A::ICMP, partial, addresses, carried);
}

/// Translates a quoted packet, which may be cut off. Returns by how much its sum changed.
fn set_quoted<A: Address>(quoted: &mut [u8], to: &Tuple<A>) -> Sum {
    let Some((Tuple::<A> { protocol, .. }, at)) = frame::inner(quoted) else {
        return Sum::default();
    };
    let addresses = set_addresses(quoted, to.source, to.destination);
    let header = if A::LEN == 4 {
        // The header's own checksum makes up for the addresses, in the sum of the whole packet too.
        Sum::default()
    } else {
        addresses
    };
    let segment = &mut quoted[at..];
    let ports = set_ports(segment, protocol, to);
    header + ports + update_checksum::<A>(segment, protocol, None, addresses, ports)
}

/// Writes both addresses, and for IPv4 the header checksum. Returns by how much the sum of the
/// addresses changed.
#[inline]
fn set_addresses<A: Address>(packet: &mut [u8], source: A, destination: A) -> Sum {
    let field = &mut packet[A::OFFSET..A::OFFSET + 2 * A::LEN];
    let mut new = [0; 32];
    source.write(&mut new);
    destination.write(&mut new[A::LEN..]);
    let new = &new[..2 * A::LEN];
    let change = Sum::change(field, new);
    field.copy_from_slice(new);
    if A::LEN == 4 {
        let field = &mut packet[ipv4::CHECKSUM_OFFSET..ipv4::CHECKSUM_OFFSET + 2];
        let old = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&change.update(old).to_be_bytes());
    }
    change
}

/// Writes the ports, or the query identifier, if there are any. Returns by how much the sum changed.
#[inline]
fn set_ports<A: Address>(segment: &mut [u8], protocol: u8, to: &Tuple<A>) -> Sum {
    let (at, new) = match protocol {
        tcp::PROTOCOL | udp::PROTOCOL => {
            let ports = u32::from(to.source_port) << 16 | u32::from(to.destination_port);
            (0, &ports.to_be_bytes()[..])
        }
        _ if protocol == A::ICMP => match identifier(segment, protocol, to) {
            Some(identifier) => (icmp::IDENTIFIER_OFFSET, &identifier.to_be_bytes()[..]),
            None => return Sum::default(),
        },
        _ => return Sum::default(),
    };
    let Some(field) = segment.get_mut(at..at + new.len()) else { return Sum::default() };
    let change = Sum::change(field, new);
    field.copy_from_slice(new);
    change
}

/// The identifier that the tuple gives to this ICMP query.
fn identifier<A: Address>(message: &[u8], protocol: u8, to: &Tuple<A>) -> Option<u16> {
    match IcmpHeader::parse(message).ok()?.classify(protocol) {
        Kind::Request => Some(to.source_port),
        Kind::Reply(_) => Some(to.destination_port),
        Kind::Error | Kind::Other => None,
    }
}

/// Updates the checksum of layer 4 for changed addresses and a changed content. `partial` is where in
/// the segment a partial checksum is. Returns by how much the field changed the segment's sum.
#[inline]
fn update_checksum<A: Address>(
    segment: &mut [u8],
    protocol: u8,
    partial: Option<usize>,
    addresses: Sum,
    content: Sum,
) -> Sum {
    let network = if A::LEN == 4 { Network::Ipv4 } else { Network::Ipv6 };
    let Some(at) = checksum_offset(network, protocol) else { return Sum::default() };
    let pseudo = if protocol == icmp::PROTOCOL { Sum::default() } else { addresses };
    let partial = partial == Some(at);
    let Some(&[high, low]) = segment.get(at..).and_then(<[u8]>::first_chunk) else {
        return Sum::default();
    };
    let old = u16::from_be_bytes([high, low]);
    let new = match protocol {
        _ if partial => pseudo.word(old).folded(),
        // There is none (RFC 768; RFC 6935 for some tunnels over IPv6).
        udp::PROTOCOL if old == 0 => return Sum::default(),
        udp::PROTOCOL => udp::nonzero((pseudo + content).update(old)),
        _ => match (pseudo + content).update(old) {
            // The sum of zeroes alone is zero, and its complement is this one.
            0 if is_zero(protocol, segment) => 0xffff,
            new => new,
        },
    };
    segment[at..at + 2].copy_from_slice(&new.to_be_bytes());
    Sum::default().word(new).word(!old)
}

/// Is it an ICMP message of zeroes alone but for its checksum, as an empty echo reply can be?
#[cold]
fn is_zero(protocol: u8, message: &[u8]) -> bool {
    let (kind, rest) = message.split_at(icmp::CHECKSUM_OFFSET.min(message.len()));
    let rest = rest.get(2..).unwrap_or_default();
    protocol == icmp::PROTOCOL && kind.iter().chain(rest).all(|&byte| byte == 0)
}

/// Where in the layer-4 header the checksum is, for the protocols that are translated.
#[inline]
fn checksum_offset(network: Network, protocol: u8) -> Option<usize> {
    match (network, protocol) {
        (_, tcp::PROTOCOL) => Some(tcp::CHECKSUM_OFFSET),
        (_, udp::PROTOCOL) => Some(udp::CHECKSUM_OFFSET),
        (Network::Ipv4, icmp::PROTOCOL) | (Network::Ipv6, icmp::PROTOCOL_V6) => {
            Some(icmp::CHECKSUM_OFFSET)
        }
        _ => None,
    }
}
