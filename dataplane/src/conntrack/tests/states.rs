//! The whole table of states, cell by cell.

use super::*;
use crate::conntrack::segment::SegmentKind;
use crate::conntrack::tcp::{State, Step, step};

/// The columns are the states in the order of their numbers: `.` is invalid, `-` ignored, and a
/// letter the state that follows: SYN_SENT, SYN_(R)ECV, ESTABLISHED, FIN_(W)AIT, (C)LOSE_WAIT,
/// (L)AST_ACK, (T)IME_WAIT, CLOSE (X), SYN_SENT(2).
const EXPECTED: [(Direction, SegmentKind, &str); 10] = [
    //                             SREWCLTX2
    (Original, SegmentKind::Syn, "S-----SS2"),
    (Original, SegmentKind::SynAck, ".R......R"),
    (Original, SegmentKind::Fin, ".WWLLLTX."),
    (Original, SegmentKind::Ack, ".EECCTTX."),
    (Original, SegmentKind::Reset, "XXXXXXXXX"),
    (Reply, SegmentKind::Syn, "2.....S.2"),
    (Reply, SegmentKind::SynAck, "R-------R"),
    (Reply, SegmentKind::Fin, ".WWLLLTX."),
    (Reply, SegmentKind::Ack, "-RECCTTX-"),
    (Reply, SegmentKind::Reset, "XXXXXXXXX"),
];

fn letter(step: Step) -> char {
    match step {
        Step::Invalid => '.',
        Step::Ignore => '-',
        Step::To(state) => ['S', 'R', 'E', 'W', 'C', 'L', 'T', 'X', '2'][state as usize],
    }
}

#[test]
fn every_segment_leads_where_the_kernel_says() {
    for (direction, kind, expected) in EXPECTED {
        let row: String =
            State::ALL.iter().map(|&state| letter(step(direction, kind, state))).collect();
        assert_eq!(row, expected, "{direction:?} {kind:?}");
    }
}

#[test]
fn states_are_numbered_in_their_order() {
    for (number, state) in State::ALL.into_iter().enumerate() {
        assert_eq!(state as usize, number);
    }
    for (number, kind) in SegmentKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, number);
    }
}
