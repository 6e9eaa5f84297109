//! Is there room for another flow, and who makes room if there is none?
//!
//! A flow needs both of its tuples. One that belongs to a living flow is not given away; one whose
//! flow's time is over is taken, and so is that flow's place.
//!
//! If the table is full, [`EARLY_DROP_SLOTS`] slots are looked at, from one on that the new flow's
//! hash chooses. The first that expired goes; else the first that is not assured; else the first
//! connection that closes. If there is none of these, the new flow is refused. The kernel looks at 8
//! buckets (`early_drop` in `net/netfilter/nf_conntrack_core.c`), and gives up closing connections
//! when its table is nearly full (`gc_worker_can_early_drop`).

use super::entry::{Entry, NewFlow};
use super::lifetimes::{Tenths, tenths};
use super::{Census, Conntrack, FlowId, Gone, Packet};
use crate::clock::Time;
use crate::flow::{Address, Direction};
use crate::outcome::DropReason;

/// How many slots are looked at for a flow that can make room: some more than the kernel's 8 buckets
/// hold, and still within a microsecond or two.
pub const EARLY_DROP_SLOTS: usize = 32;

/// A new flow, and what went to make room for it.
pub type Inserted<A, X> = (FlowId, Option<Gone<A, X>>);

/// How readily a flow is dropped; the first is the best choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Expired,
    NotAssured,
    Closing,
}

impl<A: Address, X> Conntrack<A, X> {
    /// Adds the flow that this packet begins, and counts the packet.
    ///
    /// # Errors
    /// With the flow's extra: `CtInvalid` if the packet cannot begin a flow; `CtClash` if one of the
    /// tuples belongs to another flow, or both are one; `CtPortFull` and `CtFull` if there is no room;
    /// `LimitNewFlows` if its owner has had as many begin as may.
    pub fn insert(
        &mut self,
        new: NewFlow<A, X>,
        packet: &Packet,
        census: &mut Census,
        now: Time,
    ) -> Result<Inserted<A, X>, (DropReason, X)> {
        let (at, now) = (now, tenths(now));
        let hashes = [self.index.hash(&new.original), self.index.hash(&new.reply)];
        let victim = match self.place(&new, hashes, census, now) {
            Ok(victim) => victim,
            Err(reason) => return Err((reason, new.extra)),
        };
        let owner = new.owner;
        if !census.may_begin(owner, at) {
            return Err((DropReason::LimitNewFlows, new.extra));
        }
        let entry = match Entry::begin(new, packet, now, &self.rules) {
            Ok(entry) => entry,
            Err(extra) => return Err((DropReason::CtInvalid, extra)),
        };
        let gone = victim.and_then(|at| self.remove(FlowId(at), census));
        match self.slab.insert(entry) {
            Ok(at) => {
                self.index.insert(hashes[0], (at, Direction::Original), &mut self.slab);
                self.index.insert(hashes[1], (at, Direction::Reply), &mut self.slab);
                census.enter(owner);
                Ok((FlowId(at), gone))
            }
            // A full slab has a victim or was refused by `place`.
            Err(entry) => Err((DropReason::CtFull, entry.into_parts().1)),
        }
    }

    /// Removes a flow.
    pub fn remove(&mut self, id: FlowId, census: &mut Census) -> Option<Gone<A, X>> {
        self.unindex(id.0);
        let entry = self.slab.remove(id.0)?;
        let ([original, reply], extra, owner) = entry.into_parts();
        census.leave(owner);
        Some(Gone { id, original, reply, extra, owner })
    }

    /// Finds room: the flow that must go first, if one must.
    fn place(
        &mut self,
        new: &NewFlow<A, X>,
        hashes: [u64; 2],
        census: &Census,
        now: Tenths,
    ) -> Result<Option<u32>, DropReason> {
        if new.original == new.reply {
            return Err(DropReason::CtClash);
        }
        let original = self.index.find(hashes[0], &new.original, &self.slab);
        let reply = self.index.find(hashes[1], &new.reply, &self.slab);
        if original.into_iter().chain(reply).any(|(_, entry)| !entry.is_expired(now)) {
            return Err(DropReason::CtClash);
        }
        let [original, reply] = [original, reply].map(|found| found.map(|((at, _), _)| at));
        let (victim, second) = (original.or(reply), original.and(reply));
        let same_owner = |at| self.slab.get(at).is_some_and(|entry| entry.owner() == new.owner);
        if census.is_port_full(new.owner) && !victim.is_some_and(same_owner) {
            return Err(DropReason::CtPortFull);
        }
        if let Some(at) = second.filter(|&at| Some(at) != victim) {
            // Two old flows are in the way. This one gives up its tuples now and goes when it is swept.
            self.unindex(at);
        }
        if victim.is_none() && (census.is_full() || self.slab.is_full()) {
            return self.early_drop(hashes[0], now).map(Some).ok_or(DropReason::CtFull);
        }
        Ok(victim)
    }

    /// The flow that can be dropped best, of a few.
    fn early_drop(&self, hash: u64, now: Tenths) -> Option<u32> {
        let used = self.slab.used();
        // The index uses the hash's lower bits.
        let start = if used == 0 { 0 } else { (hash >> 32) as usize % used };
        let mut best: Option<(Loss, u32)> = None;
        for step in 0..EARLY_DROP_SLOTS.min(used) {
            let at = ((start + step) % used) as u32;
            let Some(loss) = self.slab.get(at).and_then(|entry| loss(entry, now)) else { continue };
            if loss == Loss::Expired {
                return Some(at);
            }
            if best.is_none_or(|(other, _)| loss < other) {
                best = Some((loss, at));
            }
        }
        best.map(|(_, at)| at)
    }

    /// Takes both tuples of a slot out of the index, if they are there.
    fn unindex(&mut self, at: u32) {
        for direction in [Direction::Original, Direction::Reply] {
            let Some(entry) = self.slab.get(at) else { return };
            let hash = self.index.hash(entry.tuple(direction));
            self.index.remove(hash, (at, direction), &mut self.slab);
        }
    }
}

/// How readily a flow may be dropped, if it may.
fn loss<A: Address, X>(entry: &Entry<A, X>, now: Tenths) -> Option<Loss> {
    if entry.is_expired(now) {
        Some(Loss::Expired)
    } else if !entry.is_assured() {
        Some(Loss::NotAssured)
    } else if entry.is_closing() {
        Some(Loss::Closing)
    } else {
        None
    }
}
