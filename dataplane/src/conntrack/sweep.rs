//! Whose time is over? A sweep over the slots, a few at a time.
//!
//! There is no list of deadlines: they move with each packet, and a list would be written as often.
//! An entry whose time is over is not found any more, so nothing waits for the sweep but its memory,
//! its place in the [`Census`] and its extra. The kernel does the same (`gc_worker` in
//! `net/netfilter/nf_conntrack_core.c`).

use super::lifetimes::tenths;
use super::{Census, Conntrack, Entry, FlowId, Gone};
use crate::clock::Time;
use crate::flow::Address;

/// So many sweeps of [`Conntrack::sweep_budget`] slots see the whole table: in a minute, if there is one
/// every half second.
pub const SWEEPS: usize = 120;

impl<A: Address, X> Conntrack<A, X> {
    /// Removes flows whose time is over and those that `stale` names, and hands them to `gone`. It
    /// looks at `budget` slots at most and goes on from there the next time. Returns how many slots it
    /// looked at: 0 if the table is empty.
    pub fn expire(
        &mut self,
        now: Time,
        budget: usize,
        census: &mut Census,
        mut stale: impl FnMut(&Entry<A, X>) -> bool,
        mut gone: impl FnMut(Gone<A, X>),
    ) -> usize {
        if self.is_empty() {
            return 0;
        }
        let (now, used) = (tenths(now), self.slab.used());
        let examined = budget.min(used);
        for _ in 0..examined {
            // Slots are below 2^31.
            let at = if self.cursor < used { self.cursor } else { 0 } as u32;
            self.cursor = at as usize + 1;
            let over = |entry: &Entry<A, X>| entry.is_expired(now) || stale(entry);
            if self.slab.get(at).is_some_and(over) {
                self.remove(FlowId(at), census).into_iter().for_each(&mut gone);
            }
        }
        examined
    }

    /// Lets the next sweep begin with the first slot. Returns how many slots it has to look at to see
    /// every flow that there is now.
    pub fn rewind(&mut self) -> usize {
        self.cursor = 0;
        self.slab.used()
    }

    /// How many slots to look at in one of [`SWEEPS`] sweeps; 0 if the table is empty.
    pub fn sweep_budget(&self) -> usize {
        if self.is_empty() { 0 } else { self.slab.used().div_ceil(SWEEPS) }
    }
}
