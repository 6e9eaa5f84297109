use super::*;
use dataplane::capture::Seen;
use dataplane::outcome::DropReason;
use dataplane::outcome::PortId;
use dataplane::wire::vnet::VnetHeader;
use pcap_file::pcapng::{Block as Theirs, PcapNgReader};
use proptest::prelude::*;
use std::time::Duration;

fn sighting(stamp: u64, port: u16, length: usize) -> Sighting {
    let seen = Seen::Refused(DropReason::ShortFrame);
    Sighting::new(stamp, PortId(port), length, VnetHeader::default(), seen)
}

fn file(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    begin(&mut file);
    ["ub0", "ub0-1"].iter().for_each(|name| interface(name, "tcp", &mut file));
    for (frame, n) in frames.iter().zip(0..) {
        let stamp = 1_700_000_000_123_456_789 + n;
        packet(1, &sighting(stamp, 1, frame.len()), frame, "dropped: short-frame", &mut file);
    }
    statistics(1, 1_700_000_001_000_000_000, 7, &mut file);
    file
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_another_reader_and_by_us(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
    ) {
        let file = file(&frames);
        let mut reader = PcapNgReader::new(&file[..]).unwrap();
        let (mut seen, mut missed) = (Vec::new(), 0);
        while let Some(block) = reader.next_block() {
            match block.unwrap() {
                Theirs::EnhancedPacket(packet) => {
                    prop_assert_eq!(packet.interface_id, 1);
                    let at = Duration::new(1_700_000_000, 123_456_789 + seen.len() as u32);
                    prop_assert_eq!(packet.timestamp, at);
                    seen.push(packet.data.to_vec());
                }
                Theirs::InterfaceStatistics(_) => missed += 1,
                _ => {}
            }
        }
        prop_assert_eq!((&seen, missed), (&frames, 1));
        prop_assert_eq!(reader.interfaces().len(), 2);

        let (mut rest, mut ours, mut last) = (&file[..], Vec::new(), Block::Other);
        while let Some(length) = length(rest).unwrap() {
            last = read(&rest[..length]).unwrap();
            if let Block::Packet { frame, comment, outbound, stamp, interface } = last {
                prop_assert!(comment == "dropped: short-frame" && !outbound);
                prop_assert_eq!(stamp, 1_700_000_000_123_456_789 + ours.len() as u64);
                prop_assert_eq!(interface, 1);
                ours.push(frame.to_vec());
            }
            rest = &rest[length..];
        }
        prop_assert_eq!(ours, frames);
        prop_assert_eq!((last, rest.len()), (Block::Missed(1, 7), 0));
    }

    #[test]
    fn no_bytes_make_the_reader_fail_but_in_order(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for kind in [INTERFACE, PACKET, STATISTICS, SECTION] {
            let mut block = bytes.clone();
            block.splice(0..4.min(bytes.len()), kind.to_le_bytes());
            let _ = read(&block);
        }
        let _ = length(&bytes);
    }
}
