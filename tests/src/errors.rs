//! ICMP errors, ARP and neighbour discovery: what hosts and routers say about packets and addresses.
#![allow(clippy::expect_used, reason = "a test that cannot build its packets has failed")]

use crate::talk::Macs;
use dataplane::wire::ethernet::MacAddr;
use etherparse::{Icmpv4Type, Icmpv6Type, PacketBuilder, icmpv4, icmpv6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// Nobody listens at the port.
    PortUnreachable,
    /// No hop was left.
    TimeExceeded,
    /// It is too big for a link with this MTU.
    TooBig(u16),
}

impl Complaint {
    fn v4(self) -> Icmpv4Type {
        use icmpv4::DestUnreachableHeader as Unreachable;
        match self {
            Self::PortUnreachable => Icmpv4Type::DestinationUnreachable(Unreachable::Port),
            Self::TimeExceeded => {
                Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit)
            }
            Self::TooBig(next_hop_mtu) => {
                let needed = Unreachable::FragmentationNeeded { next_hop_mtu };
                Icmpv4Type::DestinationUnreachable(needed)
            }
        }
    }

    fn v6(self) -> Icmpv6Type {
        match self {
            Self::PortUnreachable => {
                Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Port)
            }
            Self::TimeExceeded => {
                Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded)
            }
            Self::TooBig(mtu) => Icmpv6Type::PacketTooBig { mtu: mtu.into() },
        }
    }
}

/// An error about the packet in `frame`, of which it quotes 128 bytes, with 60 hops left.
pub fn complain(
    macs: Macs,
    from: IpAddr,
    to: IpAddr,
    complaint: Complaint,
    frame: &[u8],
) -> Vec<u8> {
    let quoted = &frame[14..frame.len().min(14 + 128)];
    let mut bytes = Vec::new();
    let ethernet = PacketBuilder::ethernet2(macs.1.0, macs.0.0);
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ethernet
            .ipv4(from.octets(), to.octets(), 60)
            .icmpv4(complaint.v4())
            .write(&mut bytes, quoted),
        (IpAddr::V6(from), IpAddr::V6(to)) => ethernet
            .ipv6(from.octets(), to.octets(), 60)
            .icmpv6(complaint.v6())
            .write(&mut bytes, quoted),
        _ => panic!("two families in one packet"),
    }
    .expect("an error that fits");
    bytes
}

/// Asks for the MAC of an address.
pub fn ask(from: (MacAddr, IpAddr), target: IpAddr) -> Vec<u8> {
    match (from.1, target) {
        (IpAddr::V4(sender), IpAddr::V4(target)) => {
            arp(1, MacAddr::BROADCAST, (from.0, sender), (MacAddr::ZERO, target))
        }
        (IpAddr::V6(sender), IpAddr::V6(target)) => {
            let [.., a, b, c] = target.octets();
            let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c].into();
            let macs = (MacAddr([0x33, 0x33, 0xff, a, b, c]), from.0);
            neighbour(135, macs, (sender, group), target)
        }
        _ => panic!("two families in one question"),
    }
}

/// Tells `to` that `from` has its address.
pub fn tell(from: (MacAddr, IpAddr), to: (MacAddr, IpAddr)) -> Vec<u8> {
    match (from.1, to.1) {
        (IpAddr::V4(sender), IpAddr::V4(target)) => arp(2, to.0, (from.0, sender), (to.0, target)),
        (IpAddr::V6(sender), IpAddr::V6(asker)) => {
            neighbour(136, (to.0, from.0), (sender, asker), sender)
        }
        _ => panic!("two families in one answer"),
    }
}

/// Who is told to have which address, by an ARP or neighbour message; whether it is a question, and
/// for which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Destination and source of the frame.
    pub macs: Macs,
    /// It asks.
    pub asks: bool,
    /// The address that is asked for, or told of.
    pub target: IpAddr,
    /// The MAC inside the message, its sender's.
    pub mac: MacAddr,
}

/// Reads an ARP or neighbour message. Panics if it is neither, or has a wrong checksum.
pub fn told(frame: &[u8]) -> Told {
    let mac = |at: usize| MacAddr(frame[at..at + 6].try_into().expect("six bytes"));
    let macs = (mac(0), mac(6));
    if frame[12..14] == [0x08, 0x06] {
        let ip = |at: usize| -> IpAddr {
            let octets: [u8; 4] = frame[at..at + 4].try_into().expect("four bytes");
            octets.into()
        };
        let asks = frame[21] == 1;
        return Told { macs, asks, target: ip(if asks { 38 } else { 28 }), mac: mac(22) };
    }
    let heard = crate::talk::hear(frame);
    assert_eq!(heard.hops, 255, "no router has passed it on");
    let asks = heard.icmp == (135, 0);
    assert!(asks || heard.icmp == (136, 0), "no neighbour message: {heard:?}");
    let target: [u8; 16] = frame[62..78].try_into().expect("sixteen bytes");
    Told { macs, asks, target: target.into(), mac: mac(80) }
}

fn arp(
    operation: u8,
    destination: MacAddr,
    sender: (MacAddr, Ipv4Addr),
    target: (MacAddr, Ipv4Addr),
) -> Vec<u8> {
    let kind = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation];
    [
        &destination.0[..],
        &sender.0.0,
        &kind,
        &sender.0.0,
        &sender.1.octets(),
        &target.0.0,
        &target.1.octets(),
    ]
    .concat()
}

fn neighbour(kind: u8, macs: Macs, ends: (Ipv6Addr, Ipv6Addr), target: Ipv6Addr) -> Vec<u8> {
    let (flags, option) = if kind == 136 { ([0x60, 0, 0, 0], 2) } else { ([0; 4], 1) };
    let rest = [&target.octets()[..], &[option, 1], &macs.1.0].concat();
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(macs.1.0, macs.0.0)
        .ipv6(ends.0.octets(), ends.1.octets(), 255)
        .icmpv6(Icmpv6Type::Unknown { type_u8: kind, code_u8: 0, bytes5to8: flags })
        .write(&mut bytes, &rest)
        .expect("a message that fits");
    bytes
}
