//! Properties of parsing, completing and segmenting, against etherparse and sums from scratch.

use super::segment::{MAX_SEGMENTS, Segments};
use super::*;
use crate::wire::checksum::{Sum, pseudo_header};
use crate::wire::ipv6::MAX_EXTENSIONS;
use crate::wire::vnet::gso;
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::collection::vec;
use proptest::prelude::*;

const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// What to build a packet of.
#[derive(Clone, Debug)]
struct Recipe {
    v6: bool,
    tcp: bool,
    tagged: bool,
    ports: (u16, u16),
    sequence: u32,
    flags: u8,
    payload: Vec<u8>,
}

fn recipe(payload: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Recipe> {
    let kind = (any::<bool>(), any::<bool>(), any::<bool>());
    let numbers = (any::<(u16, u16)>(), any::<u32>(), any::<u8>());
    (kind, numbers, payload).prop_map(|((v6, tcp, tagged), (ports, sequence, flags), payload)| {
        Recipe { v6, tcp, tagged, ports, sequence, flags, payload }
    })
}

impl Recipe {
    /// The frame, complete, as etherparse builds it.
    fn build(&self) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2(A, B);
        let (source, destination) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let ip = match (self.tagged, self.v6) {
            (false, false) => ethernet.ipv4(source, destination, 64),
            (false, true) => ethernet.ipv6([1; 16], [2; 16], 64),
            (true, v6) => {
                let tagged = ethernet.single_vlan(5.try_into().unwrap());
                if v6 {
                    tagged.ipv6([1; 16], [2; 16], 64)
                } else {
                    tagged.ipv4(source, destination, 64)
                }
            }
        };
        let mut frame = Vec::new();
        if self.tcp {
            let mut tcp = ip.tcp(self.ports.0, self.ports.1, self.sequence, 1000).ack(7);
            tcp = if self.flags & 1 != 0 { tcp.fin() } else { tcp };
            tcp = if self.flags & 8 != 0 { tcp.psh() } else { tcp };
            tcp = if self.flags & 128 != 0 { tcp.cwr() } else { tcp };
            tcp.write(&mut frame, &self.payload).unwrap();
        } else {
            ip.udp(self.ports.0, self.ports.1).write(&mut frame, &self.payload).unwrap();
        }
        frame
    }

    fn network(&self) -> usize {
        14 + if self.tagged { 4 } else { 0 }
    }

    fn transport(&self) -> usize {
        self.network() + if self.v6 { 40 } else { 20 }
    }

    fn headers(&self) -> usize {
        self.transport() + if self.tcp { 20 } else { 8 }
    }

    fn checksum_offset(&self) -> usize {
        if self.tcp { 16 } else { 6 }
    }

    /// The frame as a sender with offloads hands it over: its checksum field holds the
    /// pseudo-header's sum alone.
    fn partial(&self, gso_size: u16) -> Vec<u8> {
        let mut frame = self.build();
        let protocol = if self.tcp { 6 } else { 17 };
        let from = self.network() + if self.v6 { 8 } else { 12 };
        let addresses = &frame[from..self.transport()];
        let length = (frame.len() - self.transport()) as u32;
        let sum = pseudo_header(addresses, protocol, length).folded();
        let at = self.transport() + self.checksum_offset();
        frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        let gso_type = match (gso_size, self.tcp, self.v6) {
            (0, ..) => gso::NONE,
            (_, true, false) => gso::TCPV4,
            (_, true, true) => gso::TCPV6,
            (_, false, _) => gso::UDP_L4,
        };
        let header = VnetHeader {
            flags: vnet::NEEDS_CSUM,
            gso_type,
            gso_size: gso_size.into(),
            csum_start: (self.transport() as u16).into(),
            csum_offset: (self.checksum_offset() as u16).into(),
            ..Default::default()
        };
        [header.as_bytes(), &frame].concat()
    }
}

/// Frames that are nearly right: built well, then some bytes changed and the end cut.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6);
    (recipe(vec(any::<u8>(), 0..80)), 0u16..100, changes, 0usize..120).prop_map(
        |(recipe, gso_size, changes, cut)| {
            let mut bytes = recipe.partial(gso_size);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let cut = if cut < 60 { cut } else { 0 };
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            bytes
        },
    )
}

/// All that may be asked of a frame, so that an offset beyond it would panic.
fn touch_everything(frame: &Frame<'_>) {
    let layout = frame.layout();
    assert!(layout.network() <= layout.transport() && layout.transport() <= layout.payload());
    assert!(layout.payload() <= layout.end() && layout.end() <= frame.len());
    let _ = (frame.source(), frame.destination(), frame.required_offloads());
    assert!(frame.largest_packet() <= frame.len());
    let mut room = vec![0; frame.with_vnet_header().len()];
    match Segments::of(frame) {
        Some(mut segments) => while segments.write_next(&mut room).is_some() {},
        None => drop(complete::complete(frame, &mut room)),
    }
}

proptest! {
    #[test]
    fn any_bytes_parse_or_have_a_reason(mut bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(frame) = Frame::parse(PortId(0), &mut bytes) {
            touch_everything(&frame);
        }
    }

    #[test]
    fn nearly_right_frames_parse_or_have_a_reason(mut bytes in damaged()) {
        if let Ok(frame) = Frame::parse(PortId(0), &mut bytes) {
            touch_everything(&frame);
        }
    }

    #[test]
    fn a_well_built_frame_parses_into_what_it_was_built_of(
        recipe in recipe(vec(any::<u8>(), 0..200)),
    ) {
        let mut bytes = with_plain_header(&recipe.build());
        let frame = Frame::parse(PortId(3), &mut bytes).unwrap();
        prop_assert_eq!((frame.source().0, frame.destination().0), (A, B));
        prop_assert_eq!(frame.ingress(), PortId(3));
        let layout = frame.layout();
        prop_assert_eq!(layout.network(), recipe.network());
        prop_assert_eq!(layout.transport(), recipe.transport());
        prop_assert_eq!(layout.payload(), recipe.headers());
        prop_assert_eq!(layout.end(), frame.len());
        prop_assert_eq!(layout.network_kind() == Network::Ipv6, recipe.v6);
        prop_assert_eq!(layout.transport_kind() == Transport::Tcp, recipe.tcp);
        prop_assert_eq!(usize::from(frame.offload().hdr_len.get()), recipe.headers());
    }

    #[test]
    fn completing_a_checksum_equals_computing_it_from_scratch(
        recipe in recipe(vec(any::<u8>(), 0..300)),
    ) {
        let mut bytes = recipe.partial(0);
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let mut room = vec![0; frame.with_vnet_header().len()];
        let written = complete::complete(&frame, &mut room);
        prop_assert_eq!(&written[vnet::HEADER_LEN..], &recipe.build()[..]);
        prop_assert_eq!(written[0], 0);
    }

    #[test]
    fn a_super_frame_costs_what_its_segments_do(
        recipe in recipe(vec(any::<u8>(), 1..3000)), size in 40u16..1500,
    ) {
        let mut bytes = recipe.partial(size);
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let mut segments = Segments::of(&frame).unwrap();
        let mut room = vec![0; BUFFER_LEN];
        let (mut packets, mut whole) = (0, 0);
        while let Some(written) = segments.write_next(&mut room) {
            let mut segment = written.to_vec();
            let cost = Frame::parse(PortId(0), &mut segment).unwrap().cost();
            prop_assert_eq!(cost.packets, 1);
            packets += cost.packets;
            whole += cost.bytes;
        }
        prop_assert_eq!(frame.cost(), Cost { packets, bytes: whole });
    }

    #[test]
    fn segments_carry_the_payload_in_order_and_are_valid(
        recipe in recipe(vec(any::<u8>(), 1..4000)), gso_size in 40u16..1500,
    ) {
        let mut bytes = recipe.partial(gso_size);
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let mut segments = Segments::of(&frame).unwrap();
        let count = segments.count();
        prop_assert_eq!(count, recipe.payload.len().div_ceil(usize::from(gso_size)));
        let (mut room, mut payload) = (vec![0; frame.with_vnet_header().len()], Vec::new());
        let mut index = 0;
        while let Some(written) = segments.write_next(&mut room) {
            check_segment(&recipe, &written[vnet::HEADER_LEN..], index, count, payload.len())?;
            let part = &written[vnet::HEADER_LEN + recipe.headers()..];
            prop_assert!(part.len() <= usize::from(gso_size));
            prop_assert!(vnet::HEADER_LEN + recipe.network() + frame.largest_packet() >= written.len());
            payload.extend_from_slice(part);
            index += 1;
        }
        prop_assert_eq!(payload, recipe.payload);
    }
}

/// One segment, by what etherparse reads of it and by sums from scratch.
fn check_segment(
    recipe: &Recipe,
    segment: &[u8],
    index: usize,
    count: usize,
    before: usize,
) -> Result<(), TestCaseError> {
    let mut copy = with_plain_header(segment);
    prop_assert!(Frame::parse(PortId(0), &mut copy).is_ok());
    let sliced = SlicedPacket::from_ethernet(segment).unwrap();
    let transport = &segment[recipe.transport()..];
    let (addresses, protocol) = match sliced.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            prop_assert_eq!(header.header_checksum, header.calc_header_checksum());
            prop_assert_eq!(usize::from(header.identification), index);
            ([&header.source[..], &header.destination].concat(), header.protocol.0)
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header().to_header();
            ([&header.source[..], &header.destination].concat(), header.next_header.0)
        }
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    let sum = pseudo_header(&addresses, protocol, transport.len() as u32)
        + Sum::default().bytes(transport);
    prop_assert_eq!(sum.checksum(), 0);
    match sliced.transport.unwrap() {
        TransportSlice::Tcp(tcp) => {
            prop_assert_eq!(tcp.sequence_number(), recipe.sequence.wrapping_add(before as u32));
            let (first, last) = (index == 0, index + 1 == count);
            prop_assert_eq!(tcp.fin(), last && recipe.flags & 1 != 0);
            prop_assert_eq!(tcp.psh(), last && recipe.flags & 8 != 0);
            prop_assert_eq!(tcp.cwr(), first && recipe.flags & 128 != 0);
        }
        TransportSlice::Udp(udp) => {
            prop_assert_eq!(usize::from(udp.length()), transport.len());
            prop_assert_ne!(udp.checksum(), 0);
        }
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    }
    Ok(())
}

fn refused(change: impl FnOnce(&mut Vec<u8>)) -> Option<DropReason> {
    let recipe = Recipe {
        v6: false,
        tcp: true,
        tagged: false,
        ports: (1, 2),
        sequence: 0,
        flags: 0,
        payload: vec![7; 100],
    };
    refused_of(&recipe, change)
}

fn refused_of(recipe: &Recipe, change: impl FnOnce(&mut Vec<u8>)) -> Option<DropReason> {
    let mut bytes = with_plain_header(&recipe.build());
    change(&mut bytes);
    Frame::parse(PortId(0), &mut bytes).err()
}

fn ipv6() -> Recipe {
    let payload = vec![7; 100];
    Recipe { v6: true, tcp: false, tagged: false, ports: (1, 2), sequence: 0, flags: 0, payload }
}

#[test]
fn each_fault_has_its_own_reason() {
    // Offsets count from the virtio header: Ethernet 10, IPv4 24, TCP 44.
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|b| b.truncate(23)), Some(DropReason::ShortFrame));
    assert_eq!(refused(|b| b.truncate(3)), Some(DropReason::ShortFrame));
    assert_eq!(refused(|b| b.resize(BUFFER_LEN, 0)), Some(DropReason::OversizedFrame));
    assert_eq!(refused(|b| b[16] |= 1), Some(DropReason::GroupSource));
    assert_eq!(refused(|b| b[16..22].fill(0)), Some(DropReason::ZeroSource));
    assert_eq!(refused(|b| b[24] = 0x65), Some(DropReason::IpVersion));
    assert_eq!(refused(|b| b[24] = 0x44), Some(DropReason::Ipv4HeaderLength));
    assert_eq!(refused(|b| b.truncate(40)), Some(DropReason::Ipv4HeaderLength));
    assert_eq!(refused(|b| b[27] += 1), Some(DropReason::Ipv4TotalLength));
    assert_eq!(refused(|b| b[26..28].fill(0)), Some(DropReason::Ipv4TotalLength));
    assert_eq!(refused(|b| b[32] -= 1), Some(DropReason::Ipv4Checksum));
    assert_eq!(refused(|b| b[56] = 0x40), Some(DropReason::TcpOffset));
    assert_eq!(refused(|b| b[56] = 0xf0), None, "60 bytes of header fit 120 bytes of segment");
    assert_eq!(refused_of(&ipv6(), |b| b[24] = 0x40), Some(DropReason::IpVersion));
    assert_eq!(refused_of(&ipv6(), |b| b[29] += 1), Some(DropReason::Ipv6Length));
    assert_eq!(
        refused_of(&ipv6(), |b| b[28..30].copy_from_slice(&[0, 7])),
        Some(DropReason::TransportLength)
    );
}

#[test]
fn a_virtio_header_that_does_not_fit_is_refused() {
    let bad = Some(DropReason::BadOffload);
    let with = |change: fn(&mut VnetHeader)| {
        let recipe = Recipe { tcp: true, ..ipv6() };
        let mut bytes = recipe.partial(50);
        change(VnetHeader::mut_from_prefix(&mut bytes).unwrap().0);
        Frame::parse(PortId(0), &mut bytes).err()
    };
    assert_eq!(with(|_| {}), None);
    assert_eq!(with(|h| h.gso_size = 0.into()), bad);
    assert_eq!(with(|h| h.gso_type = gso::TCPV4), bad);
    assert_eq!(with(|h| h.gso_type = gso::UDP_L4), bad);
    assert_eq!(with(|h| h.gso_type = 3), bad);
    assert_eq!(with(|h| h.flags = 0), bad);
    assert_eq!(with(|h| h.csum_start = 13.into()), bad);
    assert_eq!(with(|h| h.csum_start = 0xffff.into()), bad);
    assert_eq!(with(|h| h.csum_offset = 6.into()), bad);
}

#[test]
fn more_segments_than_the_limit_are_not_cut() {
    let payload = vec![1; MAX_SEGMENTS + 1];
    let recipe = Recipe { payload, ..ipv6() };
    let mut bytes = recipe.partial(1);
    let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
    assert!(Segments::of(&frame).is_none());
    let recipe = Recipe { payload: vec![1; MAX_SEGMENTS], ..ipv6() };
    let mut bytes = recipe.partial(1);
    let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
    assert_eq!(Segments::of(&frame).unwrap().count(), MAX_SEGMENTS);
}

#[test]
fn the_longest_ipv6_packet_may_be_a_single_segment() {
    // Without a tag there is room for a packet whose length with its header does not fit 16 bits.
    for tcp in [false, true] {
        let headers = 14 + 40 + if tcp { 20 } else { 8 };
        let payload = vec![1; MAX_FRAME_LEN - headers];
        let recipe = Recipe { tcp, payload, ..ipv6() };
        let mut bytes = recipe.partial(u16::MAX);
        let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
        let mut room = vec![0; BUFFER_LEN];
        let mut segments = Segments::of(&frame).unwrap();
        let segment = &segments.write_next(&mut room).unwrap()[vnet::HEADER_LEN..];
        assert_eq!(segment, recipe.build());
        assert!(segments.write_next(&mut room).is_none());
    }
}

#[test]
fn deep_extension_headers_and_tags_are_switched_without_a_look() {
    let mut frame = ipv6().build();
    frame[20] = 0; // hop-by-hop
    for (index, byte) in frame[54..].iter_mut().enumerate() {
        // Extension after extension of 8 bytes each, all of them hop-by-hop.
        *byte = if index % 8 < 2 { 0 } else { 1 };
    }
    let mut bytes = with_plain_header(&frame);
    let parsed = Frame::parse(PortId(0), &mut bytes).unwrap();
    assert_eq!(parsed.layout().transport_kind(), Transport::Other);

    let mut tags =
        with_plain_header(&[&B[..], &A, &[0x81, 0, 0, 1].repeat(MAX_TAGS + 1), &[8, 0]].concat());
    let parsed = Frame::parse(PortId(0), &mut tags).unwrap();
    assert_eq!(parsed.layout().network_kind(), Network::Other);
}

#[test]
fn as_many_extension_headers_and_tags_as_the_limits_say_are_looked_behind() {
    let kind = |extensions: usize| {
        let udp = ipv6().build();
        let mut frame = udp[..54].to_vec();
        frame[20] = 60; // destination options
        for index in 0..extensions {
            let next = if index + 1 == extensions { 17 } else { 60 };
            frame.extend([next, 0, 1, 4, 0, 0, 0, 0]);
        }
        frame.extend(&udp[54..]);
        let length = (frame.len() - 54) as u16;
        frame[18..20].copy_from_slice(&length.to_be_bytes());
        let mut bytes = with_plain_header(&frame);
        Frame::parse(PortId(0), &mut bytes).unwrap().layout().transport_kind()
    };
    assert_eq!(kind(MAX_EXTENSIONS), Transport::Udp);
    assert_eq!(kind(MAX_EXTENSIONS + 1), Transport::Other);

    let frame = ipv6().build();
    let tags = [0x81, 0, 0, 1].repeat(MAX_TAGS);
    let mut bytes = with_plain_header(&[&frame[..12], &tags, &frame[12..]].concat());
    let parsed = Frame::parse(PortId(0), &mut bytes).unwrap();
    assert_eq!(parsed.layout().transport_kind(), Transport::Udp);
}
