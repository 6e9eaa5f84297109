//! Which state does a TCP connection go to?
//!
//! ```text
//!             SYN            SYN+ACK           ACK
//!   (nothing) ---> SYN_SENT <-------- SYN_RECV ---> ESTABLISHED
//!                     │ SYN back         ^               │ FIN
//!                     v                  │ SYN+ACK       v
//!                 SYN_SENT2 -------------'            FIN_WAIT --ACK--> CLOSE_WAIT
//!                                                        │ FIN back         │ FIN back
//!             RST in any state: CLOSE                    v                  v
//!                                         TIME_WAIT <--ACK-- LAST_ACK <-----'
//! ```
//!
//! The tracker stands between the two hosts and sees what they send, not what they receive. So a
//! segment that has no place here is *invalid* only if neither host can mean it; where the host that
//! gets it may answer and put things right, it is *ignored*: let pass without a change.
//!
//! Source: `tcp_conntracks` in `net/netfilter/nf_conntrack_proto_tcp.c` (Linux 6.18).

use crate::conntrack::segment::SegmentKind::{self, Ack, Fin, Reset, Syn, SynAck};
use crate::flow::Direction::{self, Original, Reply};

/// A connection's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// A SYN was seen.
    SynSent,
    /// It was answered by SYN and ACK.
    SynRecv,
    /// That was acknowledged.
    Established,
    /// One FIN was seen.
    FinWait,
    /// It was acknowledged.
    CloseWait,
    /// Both FINs were seen.
    LastAck,
    /// The last one was acknowledged.
    TimeWait,
    /// It was reset.
    Close,
    /// Both sides sent a SYN: a simultaneous open.
    SynSent2,
}

/// What a segment does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// The connection goes there, or stays there.
    To(State),
    /// It passes and changes nothing.
    Ignore,
    /// It cannot be.
    Invalid,
}

impl State {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::SynSent,
        Self::SynRecv,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::SynSent2,
    ];

    /// The state's name as conntrack(8) writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::SynSent2 => "SYN_SENT2",
        }
    }

    /// Is the connection about to end, so that it may be forgotten early?
    #[inline]
    pub(in super::super) fn is_closing(self) -> bool {
        matches!(
            self,
            Self::FinWait | Self::CloseWait | Self::LastAck | Self::TimeWait | Self::Close
        )
    }
}

/// The steps by direction, kind of segment and state.
type Table = [[[Step; State::ALL.len()]; SegmentKind::ALL.len()]; 2];

static TABLE: Table = {
    let mut table = [[[Step::Invalid; State::ALL.len()]; SegmentKind::ALL.len()]; 2];
    let mut kind = 0;
    while kind < SegmentKind::ALL.len() {
        let mut state = 0;
        while state < State::ALL.len() {
            let (what, at) = (SegmentKind::ALL[kind], State::ALL[state]);
            table[Original as usize][kind][state] = rule(Original, what, at);
            table[Reply as usize][kind][state] = rule(Reply, what, at);
            state += 1;
        }
        kind += 1;
    }
    table
};

/// What a segment of this kind, going this way, does in a state.
#[inline]
pub(in super::super) fn step(direction: Direction, kind: SegmentKind, state: State) -> Step {
    TABLE[direction as usize][kind as usize][state as usize]
}

/// The rules that fill the table.
const fn rule(direction: Direction, kind: SegmentKind, state: State) -> Step {
    use State::*;
    match (direction, kind, state) {
        // The first SYN again, or a new connection where an old one has ended (RFC 9293 3.6.1). In any
        // other state the server resets it or acknowledges what it has (RFC 5961 section 4).
        (Original, Syn, SynSent | TimeWait | Close) => Step::To(SynSent),
        (Original, Syn, SynSent2) => Step::To(SynSent2),
        (Original, Syn, _) => Step::Ignore,

        // A simultaneous open, also repeated. A server may call its client anew after the end.
        (Reply, Syn, SynSent | SynSent2) => Step::To(SynSent2),
        (Reply, Syn, TimeWait) => Step::To(SynSent),
        (Reply, Syn, _) => Step::Invalid,

        // Whoever called answers only in a simultaneous open.
        (Original, SynAck, SynSent2 | SynRecv) => Step::To(SynRecv),
        (Original, SynAck, _) => Step::Invalid,
        // Later it is an old one, or the answer to a SYN that was ignored.
        (Reply, SynAck, SynSent | SynSent2) => Step::To(SynRecv),
        (Reply, SynAck, _) => Step::Ignore,

        // Nobody ends what was not answered. The second FIN may be the first one again.
        (_, Fin, SynSent | SynSent2) => Step::Invalid,
        (_, Fin, SynRecv | Established) => Step::To(FinWait),
        (_, Fin, FinWait | CloseWait | LastAck) => Step::To(LastAck),
        (_, Fin, TimeWait) => Step::To(TimeWait),
        (_, Fin, Close) => Step::To(Close),

        // A caller acknowledges nothing before it was answered. A server may: it still has an old
        // connection (half open), and the caller will reset it.
        (Original, Ack, SynSent | SynSent2) => Step::Invalid,
        (Reply, Ack, SynSent | SynSent2) => Step::Ignore,
        (Original, Ack, SynRecv) => Step::To(Established),
        (Reply, Ack, SynRecv) => Step::To(SynRecv),
        (_, Ack, Established) => Step::To(Established),
        (_, Ack, FinWait | CloseWait) => Step::To(CloseWait),
        (_, Ack, LastAck | TimeWait) => Step::To(TimeWait),
        (_, Ack, Close) => Step::To(Close),

        // Whether it is to be believed is judged elsewhere.
        (_, Reset, _) => Step::To(Close),
    }
}
