//! What is read of a segment.

use super::*;
use crate::conntrack::segment::{SegmentKind, is_after, is_before};
use proptest::prelude::*;

/// A header with these options, padded.
fn header(options: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 20];
    header[4..8].copy_from_slice(&7u32.to_be_bytes());
    header[8..12].copy_from_slice(&1_000_000u32.to_be_bytes());
    header[13] = ACK;
    header.extend_from_slice(options);
    header.resize(header.len().next_multiple_of(4), 0);
    header[12] = (header.len() as u8 / 4) << 4;
    header
}

fn read(options: &[u8]) -> Segment {
    Segment::read(&header(options), 10).unwrap()
}

fn block(left: u32, right: u32) -> Vec<u8> {
    [left.to_be_bytes(), right.to_be_bytes()].concat()
}

#[test]
fn the_options_of_a_syn_are_read() {
    let segment = read(&[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
    assert_eq!((segment.window_scale, segment.sack_permitted), (Some(7), true));
    assert_eq!(read(&[3, 3, 200]).window_scale, Some(14), "more than there may be");
    assert_eq!(read(&[3, 4, 1, 1]).window_scale, None, "of a wrong length");
    assert_eq!(read(&[0, 3, 3, 7]).window_scale, None, "behind the end");
}

#[test]
fn the_highest_block_above_the_acknowledgment_counts() {
    let blocks = [block(1_005_000, 1_006_000), block(1_008_000, 1_009_000), block(1, 2)].concat();
    let segment = read(&[&[1, 1, 5, 26][..], &blocks].concat());
    assert_eq!(segment.highest_sack, Some(1_009_000));
    let below = read(&[&[5, 10][..], &block(900_000, 950_000)].concat());
    assert_eq!((below.highest_sack, below.sack()), (None, 1_000_000));
}

#[test]
fn what_is_behind_a_malformed_option_is_not_read() {
    for bad in [&[5, 0][..], &[5, 1], &[5, 200], &[9]] {
        let options = [bad, &[4, 2]].concat();
        assert!(!read(&options).sack_permitted || bad == [9], "{bad:?}");
    }
}

#[test]
fn only_sound_combinations_of_flags_are_any_kind() {
    let sound = [0x02, 0x22, 0x12, 0x04, 0x14, 0x11, 0x31, 0x10, 0x30];
    for flags in 0..=u8::MAX {
        let judged = flags & 0x37;
        let kind = segment(flags, 0, 0).kind();
        assert_eq!(kind.is_some(), sound.contains(&judged), "{flags:#x}");
        if judged == 0x14 {
            assert_eq!(kind, Some(SegmentKind::Reset));
        }
    }
}

#[test]
fn syn_and_fin_take_a_number_each() {
    assert_eq!(segment(SYN, u32::MAX, 0).end(), 0);
    assert_eq!(Segment { payload: 5, ..segment(FIN | ACK, 10, 0) }.end(), 16);
    assert!(is_before(u32::MAX, 3) && is_after(3, u32::MAX) && !is_before(3, 3));
}

proptest! {
    #[test]
    fn any_bytes_can_be_read_and_judged(
        headers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 1..40),
        turns in any::<u64>(),
    ) {
        let mut story = Story::new(6);
        for (n, bytes) in headers.iter().enumerate() {
            let direction = if turns >> (n % 64) & 1 == 0 { Original } else { Reply };
            if let Some(segment) = Segment::read(bytes, u32::from(bytes.len() as u16)) {
                prop_assert!(segment.window_scale.is_none_or(|scale| scale <= 14));
                story.packet(direction, &of_tcp(segment));
            }
        }
    }

    #[test]
    fn an_invalid_segment_changes_nothing(
        steps in 0..=4usize,
        segments in prop::collection::vec(
            (any::<bool>(), any::<u8>(), 0..40_000u32, 0..40_000u32, 0..20_000u32, any::<u16>()),
            1..40,
        ),
    ) {
        let mut story = Story::closed(steps);
        for (reply, flags, sequence, acknowledgment, payload, window) in segments {
            let segment = Segment {
                flags,
                sequence,
                acknowledgment,
                payload,
                window,
                ..Segment::default()
            };
            let direction = if reply { Reply } else { Original };
            let before = (story.view(), format!("{:?}", story.table.get(FlowId(0))));
            // The called side's SYN after the end makes room for its own connection.
            let ends = story.state() == "TIME_WAIT" && flags & SYN != 0;
            if story.packet(direction, &of_tcp(segment)) == Invalid && !ends {
                let after = (story.view(), format!("{:?}", story.table.get(FlowId(0))));
                prop_assert_eq!(before, after);
            }
            story.wait(seconds(1));
        }
    }
}
