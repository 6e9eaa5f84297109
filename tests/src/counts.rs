//! Which counters moved, and which should have?

use dataplane::counters::CounterSnapshot;
use dataplane::outcome::DropReason;
use std::collections::BTreeMap;

/// A counter of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Frames read from it.
    Received,
    /// Bytes read from it.
    ReceivedBytes,
    /// Frames written to it.
    Sent,
    /// Bytes written to it.
    SentBytes,
    /// FDB entries it lost to make room.
    Evictions,
    /// Frames for the dataplane itself.
    Answered,
    /// Frames that were kept for a while.
    Held,
    /// Frames that then went on.
    Released,
    /// Frames that died at it.
    Dropped(DropReason),
}

/// Counters of ports and by how much they moved; those that did not are left out.
pub type Moved = BTreeMap<(u16, Count), u64>;

/// An expected move: some counters of one port.
#[derive(Clone, Debug)]
pub struct Move(Vec<((u16, Count), u64)>);

/// Frames of these lengths in bytes were read from `port`.
pub fn received(port: u16, lengths: impl IntoIterator<Item = usize>) -> Move {
    frames(port, lengths, Count::Received, Count::ReceivedBytes)
}

/// Frames of these lengths in bytes were written to `port`.
pub fn sent(port: u16, lengths: impl IntoIterator<Item = usize>) -> Move {
    frames(port, lengths, Count::Sent, Count::SentBytes)
}

/// So many frames died at `port` for `reason`.
pub fn dropped(port: u16, reason: DropReason, frames: u64) -> Move {
    Move(vec![((port, Count::Dropped(reason)), frames)])
}

/// `port` lost so many FDB entries.
pub fn evicted(port: u16, entries: u64) -> Move {
    Move(vec![((port, Count::Evictions), entries)])
}

/// So many frames of `port` were for the dataplane itself.
pub fn answered(port: u16, frames: u64) -> Move {
    Move(vec![((port, Count::Answered), frames)])
}

/// So many frames of `port` were kept.
pub fn held(port: u16, frames: u64) -> Move {
    Move(vec![((port, Count::Held), frames)])
}

/// So many frames of `port` that had been kept were walked again.
pub fn released(port: u16, frames: u64) -> Move {
    Move(vec![((port, Count::Released), frames)])
}

fn frames(
    port: u16,
    lengths: impl IntoIterator<Item = usize>,
    frames: Count,
    bytes: Count,
) -> Move {
    let each = |length| [((port, frames), 1), ((port, bytes), length as u64)];
    Move(lengths.into_iter().flat_map(each).collect())
}

/// The sum of all expected moves.
pub(crate) fn sum(moves: impl IntoIterator<Item = Move>) -> Moved {
    let mut sums = Moved::new();
    for (counter, by) in moves.into_iter().flat_map(|Move(counts)| counts) {
        *sums.entry(counter).or_default() += by;
    }
    sums
}

/// What moved at `port` between two snapshots.
pub(crate) fn differences(
    port: u16,
    before: &CounterSnapshot,
    now: &CounterSnapshot,
) -> Vec<((u16, Count), u64)> {
    let plain = [
        (Count::Received, before.received, now.received),
        (Count::ReceivedBytes, before.received_bytes, now.received_bytes),
        (Count::Sent, before.sent, now.sent),
        (Count::SentBytes, before.sent_bytes, now.sent_bytes),
        (Count::Evictions, before.fdb_evictions, now.fdb_evictions),
        (Count::Answered, before.answered, now.answered),
        (Count::Held, before.held, now.held),
        (Count::Released, before.released, now.released),
    ];
    let drops = DropReason::ALL
        .iter()
        .map(|&reason| (Count::Dropped(reason), before.dropped(reason), now.dropped(reason)));
    let all = plain.into_iter().chain(drops);
    all.filter(|(_, from, to)| from != to)
        .map(|(count, from, to)| ((port, count), to.wrapping_sub(from)))
        .collect()
}
