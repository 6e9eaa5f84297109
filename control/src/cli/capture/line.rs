//! How does a frame look on a terminal?
//!
//! ```text
//! 23:39:22.123456789 ub0-1 in  tcp 172.16.1.2:43210 > 198.51.100.7:443 [S] 0 bytes | forwarded to ub0; …
//! ```
//!
//! The time is UTC.

use crate::capture::pcapng::Block;
use crate::capture::words::time;
use etherparse::{ArpOperation, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// Writes a line for each frame.
#[derive(Debug)]
pub(super) struct Lines<W: Write> {
    to: W,
    names: Vec<String>,
}

impl<W: Write> Lines<W> {
    /// No interface is known yet.
    pub(super) fn new(to: W) -> Self {
        Self { to, names: Vec::new() }
    }

    /// Takes a block.
    pub(super) fn take(&mut self, block: Block<'_>) -> io::Result<()> {
        match block {
            Block::Interface(name) => self.names.push(name.to_owned()),
            Block::Packet { interface, stamp, outbound, frame, comment } => {
                let name = self.names.get(interface).map_or("?", String::as_str);
                let direction = if outbound { "out" } else { "in " };
                let (time, packet) = (time(stamp), packet(frame));
                writeln!(self.to, "{time} {name} {direction} {packet} | {comment}")?;
            }
            Block::Missed(..) | Block::Other => {}
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// What a frame carries.
fn packet(frame: &[u8]) -> String {
    let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) else {
        return format!("{} bytes that are no frame", frame.len());
    };
    let ends: Option<[IpAddr; 2]> = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            Some([header.source_addr().into(), header.destination_addr().into()])
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            Some([header.source_addr().into(), header.destination_addr().into()])
        }
        Some(LaxNetSlice::Arp(arp)) => return self::arp(arp),
        None => None,
    };
    let Some([source, destination]) = ends else { return unknown(frame) };
    let between = |ports: [u16; 2]| {
        format!(
            "{} > {}",
            SocketAddr::new(source, ports[0]),
            SocketAddr::new(destination, ports[1])
        )
    };
    match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => format!(
            "tcp {} [{}] {} bytes",
            between([tcp.source_port(), tcp.destination_port()]),
            flags(tcp),
            tcp.payload().len()
        ),
        Some(TransportSlice::Udp(udp)) => format!(
            "udp {} {} bytes",
            between([udp.source_port(), udp.destination_port()]),
            udp.payload().len()
        ),
        Some(TransportSlice::Icmpv4(icmp)) => {
            format!("icmp {source} > {destination} type {} code {}", icmp.type_u8(), icmp.code_u8())
        }
        Some(TransportSlice::Icmpv6(icmp)) => format!(
            "icmp6 {source} > {destination} type {} code {}",
            icmp.type_u8(),
            icmp.code_u8()
        ),
        _ => format!("ip {source} > {destination} {} bytes", frame.len()),
    }
}

fn arp(arp: &etherparse::ArpPacketSlice<'_>) -> String {
    let address = |bytes: &[u8]| {
        let octets = bytes.first_chunk::<4>();
        octets.map_or_else(|| "?".to_owned(), |octets| IpAddr::from(*octets).to_string())
    };
    let (sender, target) =
        (address(arp.sender_protocol_addr()), address(arp.target_protocol_addr()));
    match arp.operation() {
        ArpOperation::REQUEST => format!("arp who has {target}? asks {sender}"),
        _ => format!("arp {sender} tells {target}"),
    }
}

fn flags(tcp: &etherparse::TcpSlice<'_>) -> String {
    let flags = [
        (tcp.syn(), 'S'),
        (tcp.fin(), 'F'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.ack(), 'A'),
        (tcp.urg(), 'U'),
    ];
    flags.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect()
}

fn unknown(frame: &[u8]) -> String {
    let ethertype = frame.get(12..14).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
    format!("ethertype 0x{ethertype:04x} {} bytes", frame.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    fn built(build: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        build(&mut bytes);
        packet(&bytes)
    }

    #[test]
    fn a_frame_is_one_line_with_port_and_direction() {
        let mut frame = Vec::new();
        let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9);
        ip.tcp(1000, 80, 5, 6).syn().ack(7).write(&mut frame, b"hello").unwrap();
        let mut text = Vec::new();
        let mut lines = Lines::new(&mut text);
        lines.take(Block::Interface("ub0-1")).unwrap();
        let stamp = 86_399_000_000_001;
        let comment = "forwarded to ub0";
        lines
            .take(Block::Packet { interface: 0, stamp, outbound: false, frame: &frame, comment })
            .unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "23:59:59.000000001 ub0-1 in  tcp 10.0.0.1:1000 > 10.0.0.2:80 [SA] 5 bytes | forwarded to ub0\n"
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_so() {
        let macs = ([2; 6], [4; 6]);
        let v6 = || PacketBuilder::ethernet2(macs.0, macs.1).ipv6([1; 16], [2; 16], 9);
        assert_eq!(
            built(|to| v6().udp(7, 53).write(to, b"abc").unwrap()),
            "udp [101:101:101:101:101:101:101:101]:7 > [202:202:202:202:202:202:202:202]:53 3 bytes"
        );
        assert!(
            built(|to| v6().icmpv6_echo_request(1, 2).write(to, b"").unwrap())
                .ends_with("type 128 code 0")
        );
        assert_eq!(packet(&[1; 5]), "5 bytes that are no frame");
        assert_eq!(
            packet(&[&[9; 12][..], &[0x88, 0xcc], &[0; 46]].concat()),
            "ethertype 0x88cc 60 bytes"
        );
    }
}
