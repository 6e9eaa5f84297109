//! Stories of control connections through a NAT, judged by etherparse.

use super::*;
use crate::flow::{Address, Direction};
use crate::frame::{BUFFER_LEN, Frame, with_plain_header};
use crate::outcome::PortId;
use crate::wire::checksum::pseudo_header;
use crate::wire::vnet::{self, VnetHeader, gso};
use Direction::{Original, Reply};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TcpOptionElement, TransportSlice};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zerocopy::IntoBytes;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const EXTERNAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 200);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const EXTERNAL_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0xffff, 0xffff, 0xffff, 0xffff);

/// A segment, as sent or as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    sequence: u32,
    acknowledged: u32,
    sack: Option<(u32, u32)>,
    payload: Vec<u8>,
}

fn segment(sequence: u32, payload: &str) -> Segment {
    Segment { sequence, acknowledged: 1, sack: None, payload: payload.into() }
}

impl Segment {
    /// The virtio header and the frame, as etherparse builds it; or with a partial checksum.
    fn bytes(&self, source: IpAddr, destination: IpAddr, partial: bool) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let ip = match (source, destination) {
            (IpAddr::V4(a), IpAddr::V4(b)) => ethernet.ipv4(a.octets(), b.octets(), 64),
            (IpAddr::V6(a), IpAddr::V6(b)) => ethernet.ipv6(a.octets(), b.octets(), 64),
            _ => unreachable!("one family"),
        };
        let options: Vec<_> = self
            .sack
            .iter()
            .map(|&block| TcpOptionElement::SelectiveAcknowledgement(block, [None; 3]))
            .collect();
        let tcp = ip.tcp(40_000, 21, self.sequence, 500).ack(self.acknowledged);
        let mut frame = Vec::new();
        tcp.options(&options).unwrap().write(&mut frame, &self.payload).unwrap();
        if !partial {
            return with_plain_header(&frame);
        }
        let start = if source.is_ipv4() { 34 } else { 54 };
        let addresses = if source.is_ipv4() { &frame[26..34] } else { &frame[22..54] };
        let sum = pseudo_header(addresses, 6, (frame.len() - start) as u32).folded();
        frame[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
        let header = VnetHeader {
            flags: vnet::NEEDS_CSUM,
            csum_start: (start as u16).into(),
            csum_offset: 16.into(),
            ..Default::default()
        };
        [header.as_bytes(), &frame].concat()
    }

    /// The segment in these bytes, whose checksums must be right.
    fn read(bytes: &mut [u8]) -> Self {
        let frame = Frame::parse(PortId(0), bytes).unwrap();
        let mut room = vec![0; BUFFER_LEN];
        let bytes = &crate::frame::complete::complete(&frame, &mut room)[vnet::HEADER_LEN..];
        let sliced = SlicedPacket::from_ethernet(bytes).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("not TCP") };
        let header = tcp.to_header();
        let sum = match sliced.net.as_ref().unwrap() {
            NetSlice::Ipv4(ip) => {
                let ip = ip.header().to_header();
                assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                header.calc_checksum_ipv4(&ip, tcp.payload())
            }
            NetSlice::Ipv6(ip) => {
                header.calc_checksum_ipv6(&ip.header().to_header(), tcp.payload())
            }
            NetSlice::Arp(_) => panic!("not IP"),
        };
        // Both zeroes of ones' complement are right; the kernel writes the negative one.
        assert_eq!(header.checksum % 0xffff, sum.unwrap() % 0xffff);
        let sack = header.options_iterator().find_map(|option| match option {
            Ok(TcpOptionElement::SelectiveAcknowledgement(block, _)) => Some(block),
            _ => None,
        });
        Self {
            sequence: header.sequence_number,
            acknowledged: header.acknowledgment_number,
            sack,
            payload: tcp.payload().to_vec(),
        }
    }
}

/// A control connection between a client and a server, where announced endpoints are given others.
struct Connection<A> {
    control: Control<A>,
    ends: (A, A),
    partial: bool,
}

impl<A: Address> Connection<A> {
    fn new(client: A, server: A) -> Self {
        Self { control: Control::new(), ends: (client, server), partial: false }
    }

    fn bytes(&self, segment: &Segment, direction: Direction) -> Vec<u8> {
        let (client, server) = (self.ends.0.into(), self.ends.1.into());
        match direction {
            Original => segment.bytes(client, server, self.partial),
            Reply => segment.bytes(server, client, self.partial),
        }
    }

    /// What a segment announces, when it passes as it is.
    fn hear(&mut self, segment: &Segment, direction: Direction) -> Option<Announcement<A>> {
        let mut bytes = self.bytes(segment, direction);
        self.control.on_packet(&Frame::parse(PortId(0), &mut bytes).unwrap(), direction)
    }

    /// The segment as it arrives, its announcement, if any, replaced.
    fn pass(&mut self, segment: &Segment, direction: Direction, to: (A, u16)) -> Segment {
        let mut bytes = self.bytes(segment, direction);
        let mut frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        self.control.acknowledge(&mut frame, direction);
        let Some(announcement) = self.control.on_packet(&frame, direction) else {
            self.control.shift(&mut frame, direction);
            return Segment::read(&mut bytes);
        };
        let mut room = vec![0; frame.with_vnet_header().len() + MAX_GROWTH];
        let length = self.control.mangle(&frame, direction, &announcement, to, &mut room).unwrap();
        Segment::read(&mut room[..length])
    }
}

fn v4() -> Connection<Ipv4Addr> {
    let mut connection = Connection::new(CLIENT, SERVER);
    for direction in [Original, Reply] {
        assert_eq!(connection.hear(&segment(1000 - 6, "HELLO\n"), direction), None);
    }
    connection
}

#[test]
fn an_active_client_is_connected_to_where_it_says() {
    let mut connection = v4();
    let heard = connection.hear(&segment(1000, "PORT 10,0,0,2,200,10\r\n"), Original).unwrap();
    assert_eq!((heard.expects, heard.by, heard.replaced_by), ((CLIENT, 51_210), SERVER, None));
}

#[test]
fn a_passive_server_is_connected_to_where_it_says() {
    let mut connection = v4();
    let heard = connection.hear(&segment(1000, "227 Go (192,0,2,1,200,10).\r\n"), Reply).unwrap();
    assert_eq!((heard.expects, heard.by), ((SERVER, 51_210), CLIENT));
    let mut connection = Connection::new(CLIENT_V6, SERVER_V6);
    assert_eq!(connection.hear(&segment(994, "HELLO\n"), Reply), None);
    let heard = connection.hear(&segment(1000, "229 Go (|||51210|)\r\n"), Reply).unwrap();
    assert_eq!((heard.expects, heard.by), ((SERVER_V6, 51_210), CLIENT_V6));
}

#[test]
fn only_the_senders_own_address_and_no_low_port_is_believed() {
    let hear = |line| v4().hear(&segment(1000, line), Original);
    for line in ["PORT 10,0,0,3,200,10\r\n", "PORT 10,0,0,2,3,255\r\n", "EPRT |1|10.0.0.2|0|\r\n"] {
        assert_eq!(hear(line), None, "{line}");
    }
    assert!(hear("PORT 10,0,0,2,4,0\r\n").is_some());
}

#[test]
fn a_line_is_read_only_where_one_begins() {
    let mut connection = v4();
    let line = "PORT 10,0,0,2,200,10\r\n";
    assert_eq!(connection.hear(&segment(1001, line), Original), None, "a gap");
    assert_eq!(connection.hear(&segment(1000, "NO NEWLINE "), Original), None);
    assert_eq!(connection.hear(&segment(1011, line), Original), None, "inside a line");
    let end = 1011 + line.len() as u32;
    assert!(connection.hear(&segment(end, line), Original).is_some());
    assert!(connection.hear(&segment(end, line), Original).is_some(), "sent again");
}

#[test]
fn a_mangled_text_moves_all_later_numbers_both_ways() {
    let mut connection = v4();
    let to = (EXTERNAL, 61_000);
    let line = "PORT 10,0,0,2,200,10\r\n";
    let arrived = connection.pass(&segment(1000, line), Original, to);
    assert_eq!(arrived, segment(1000, "PORT 203,0,113,200,238,72\r\n"));
    let (end, longer) = (1000 + line.len() as u32, 5);

    let next = connection.pass(&segment(end, "LIST\r\n"), Original, to);
    assert_eq!(next, segment(end + longer, "LIST\r\n"));
    let reply = Segment {
        acknowledged: end + longer,
        sack: Some((end + longer + 2, end + longer + 4)),
        ..segment(1000, "200 Fine.\r\n")
    };
    let arrived = connection.pass(&reply, Reply, to);
    let expected = Segment { acknowledged: end, sack: Some((end + 2, end + 4)), ..reply };
    assert_eq!(arrived, expected);

    let again = connection.pass(&segment(1000, line), Original, (EXTERNAL, 1));
    assert_eq!(again, segment(1000, "PORT 203,0,113,200,238,72\r\n"), "the same is said again");
    let part = Segment { acknowledged: 1000 + 10, ..segment(1011, "") };
    let arrived = connection.pass(&part, Reply, to);
    assert_eq!(arrived.acknowledged, 1005, "a part of the text is no part of what was sent");
}

#[test]
fn what_cannot_be_mangled_passes_with_its_reason() {
    let line = segment(1000, "PORT 10,0,0,2,200,10\r\n");
    let refused = |change: fn(&mut Vec<u8>), room: usize, to: Ipv4Addr| {
        let mut connection = v4();
        connection.partial = true;
        let mut bytes = connection.bytes(&line, Original);
        change(&mut bytes);
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let heard = connection.control.on_packet(&frame, Original).unwrap();
        let mut room = vec![0; room];
        let result = connection.control.mangle(&frame, Original, &heard, (to, 61_000), &mut room);
        let next = connection.pass(&segment(1022, "LIST\r\n"), Original, (to, 1));
        assert_eq!(next.sequence == 1022, result.is_err());
        result.err()
    };
    assert_eq!(refused(|_| {}, 200, EXTERNAL), None);
    assert_eq!(refused(|_| {}, 90, EXTERNAL), Some(Unmangled::TooLong));
    let cut_up = |bytes: &mut Vec<u8>| (bytes[1], bytes[4]) = (gso::TCPV4, 10);
    assert_eq!(refused(cut_up, 200, EXTERNAL), Some(Unmangled::SuperFrame));
    // Without the flag the partial checksum is a wrong one.
    assert_eq!(refused(|bytes| bytes[0] = 0, 200, EXTERNAL), Some(Unmangled::Checksum));
    assert_eq!(refused(|bytes| bytes[8] += 1, 200, EXTERNAL), Some(Unmangled::Checksum));
}

/// What a client says next.
#[derive(Clone, Debug)]
enum Line {
    Says(String),
    /// Announces the first port, which becomes the second.
    Announces(u16, u16, bool),
}

fn lines() -> impl Strategy<Value = Vec<(Line, bool)>> {
    let line = prop_oneof![
        "[A-Z]{4} [a-z]{0,20}\r\n".prop_map(Line::Says),
        (LOWEST_PORT.., 1u16.., any::<bool>())
            .prop_map(|(port, to, numbers)| Line::Announces(port, to, numbers)),
    ];
    prop::collection::vec((line, any::<bool>()), 1..20)
}

fn command<A: Address>(address: A, port: u16, numbers: bool) -> String {
    match (address.into(), numbers) {
        (IpAddr::V4(address), true) => {
            let ([a, b, c, d], [e, f]) = (address.octets(), port.to_be_bytes());
            format!("PORT {a},{b},{c},{d},{e},{f}\r\n")
        }
        (IpAddr::V4(address), false) => format!("EPRT |1|{address}|{port}|\r\n"),
        (IpAddr::V6(address), _) => format!("EPRT |2|{address}|{port}|\r\n"),
    }
}

/// Each line goes through, some twice; the server reads one unbroken stream, and what it acknowledges
/// is to the client the end of its own.
fn streams_stay_whole<A: Address>(
    mut connection: Connection<A>,
    external: A,
    mut sequence: u32,
    lines: &[(Line, bool)],
) -> Result<(), TestCaseError> {
    let client = connection.ends.0;
    let mut arriving = sequence;
    let mut say = |line: &str, told: &str, to: (A, u16), again: bool| {
        let sent = segment(sequence, line);
        for _ in 0..=usize::from(again) {
            let arrived = connection.pass(&sent, Original, to);
            prop_assert_eq!(arrived, segment(arriving, told));
        }
        sequence = sequence.wrapping_add(line.len() as u32);
        arriving = arriving.wrapping_add(told.len() as u32);
        let reply = Segment {
            acknowledged: arriving,
            sack: Some((arriving.wrapping_add(1), arriving.wrapping_add(9))),
            ..segment(7, "200 Fine.\r\n")
        };
        let own = Segment {
            acknowledged: sequence,
            sack: Some((sequence.wrapping_add(1), sequence.wrapping_add(9))),
            ..reply.clone()
        };
        prop_assert_eq!(connection.pass(&reply, Reply, to), own);
        Ok(())
    };
    say("USER me\r\n", "USER me\r\n", (external, 1), false)?;
    for (line, again) in lines {
        match line {
            Line::Says(line) => say(line, line, (external, 1), *again)?,
            Line::Announces(port, to, numbers) => {
                let line = command(client, *port, *numbers);
                let told = command(external, *to, *numbers);
                say(&line, &told, (external, *to), *again)?;
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_server_reads_an_unbroken_stream(
        lines in lines(), sequence in prop_oneof![Just(u32::MAX - 30), any::<u32>()], partial: bool,
    ) {
        let connection = Connection { partial, ..Connection::new(CLIENT, SERVER) };
        streams_stay_whole(connection, EXTERNAL, sequence, &lines)?;
        let connection = Connection { partial, ..Connection::new(CLIENT_V6, SERVER_V6) };
        streams_stay_whole(connection, EXTERNAL_V6, sequence, &lines)?;
    }

    #[test]
    fn no_segment_makes_the_helper_panic(
        line in "(PORT |EPRT )?[0-9,.|]{0,40}(\r\n)?", flips in any::<[(u8, u8); 4]>(), cut in 0usize..40,
    ) {
        let mut connection = v4();
        let sack = Some((5, 6));
        let mut bytes = connection.bytes(&Segment { sack, ..segment(1000, &line) }, Original);
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        if let Ok(mut frame) = Frame::parse(PortId(0), &mut bytes) {
            connection.control.acknowledge(&mut frame, Original);
            let heard = connection.control.on_packet(&frame, Original);
            let mut room = vec![0; 300];
            if let Some(heard) = heard {
                let _ = connection.control.mangle(&frame, Original, &heard, (EXTERNAL, 9), &mut room);
            }
            connection.control.acknowledge(&mut frame, Reply);
            connection.control.shift(&mut frame, Original);
        }
    }
}
