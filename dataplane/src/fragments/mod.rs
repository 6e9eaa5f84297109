//! Which flow is a fragment of?
//!
//! Only the first fragment of a datagram carries the ports. It is translated as any packet; what became
//! of its addresses is noted here, and the later fragments follow. Those that come before the first
//! wait for it.
//!
//! ```text
//!  first fragment ──> router ──> remember: these addresses become those ──> released: walk again
//!  later fragment ──> follow ──┬─> Some(addresses)
//!                              └─> hold until the first one is there
//! ```
//!
//! Nothing is put together: fragments leave as they came. Checksums of layer 4 lie in the first
//! fragment and change there by what the addresses and ports change.
//!
//! Limits: [`MAX_DATAGRAMS`], [`MAX_WAITING_FRAMES`] of one datagram, [`MAX_WAITING_BYTES`] in all;
//! a datagram is forgotten after 30 s (IPv4) or 60 s (IPv6). Source: RFC 791, RFC 8200 4.5;
//! `net/ipv4/ip_fragment.c`.
//! Known gaps: the room is shared by all namespaces. Two of them whose datagrams to one destination have
//! the same number are told apart here, not by who receives them under one address.

#[cfg(test)]
mod tests;

use crate::clock::Time;
use crate::flow::{Address, Tuple};
use crate::frame::Frame;
use crate::outbox::{Errand, Outbox};
use crate::outcome::{DropReason, PortId, QueueId};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::time::Duration;

/// Most datagrams that are in fragments at one time; one more and the oldest is forgotten.
pub const MAX_DATAGRAMS: usize = 1024;

/// Most fragments of one datagram that wait for its first: 65,535 bytes in pieces of 1,280 are 52.
pub const MAX_WAITING_FRAMES: usize = 64;

/// Most bytes that wait in all (`net.ipv4.ipfrag_high_thresh`).
pub const MAX_WAITING_BYTES: usize = 4 << 20;

/// What all fragments of a datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Datagram<A> {
    /// What comes in elsewhere is another's, whatever it says of itself.
    ingress: PortId,
    source: A,
    destination: A,
    protocol: u8,
    id: u32,
}

impl<A: Address> Datagram<A> {
    /// The datagram that a frame carries a fragment of, with the tuple as it was read.
    pub fn of(frame: &Frame<'_>, tuple: &Tuple<A>) -> Self {
        Self {
            ingress: frame.ingress(),
            source: tuple.source,
            destination: tuple.destination,
            protocol: tuple.protocol,
            id: frame.fragment_id(),
        }
    }
}

/// The fragments on their way.
#[derive(Clone, Debug)]
pub struct Fragments<A> {
    datagrams: HashMap<Datagram<A>, Known<A>, RandomState>,
    /// Oldest first. A datagram that was forgotten early may still be named here.
    ages: VecDeque<(Time, Datagram<A>)>,
    waiting_bytes: usize,
}

/// What is known of a datagram.
#[derive(Clone, Debug)]
struct Known<A> {
    since: Time,
    /// What its tuple became.
    becomes: Option<Tuple<A>>,
    /// By which port and queue each came.
    waiting: Vec<((PortId, QueueId), Vec<u8>)>,
}

impl<A: Address> Fragments<A> {
    /// How long a datagram is remembered (`ipfrag_time`, `ip6frag_time`).
    pub const MEMORY: Duration = Duration::from_secs(if A::LEN == 4 { 30 } else { 60 });

    /// No fragments.
    pub fn new() -> Self {
        Self { datagrams: HashMap::default(), ages: VecDeque::new(), waiting_bytes: 0 }
    }

    /// What the datagram's tuple became, if its first fragment was seen.
    pub fn follow(&self, datagram: &Datagram<A>) -> Option<Tuple<A>> {
        self.datagrams.get(datagram)?.becomes
    }

    /// Notes what became of a datagram's first fragment, and lets those that waited go.
    pub fn remember(
        &mut self,
        datagram: Datagram<A>,
        becomes: Tuple<A>,
        outbox: &mut Outbox,
        now: Time,
    ) {
        let known = self.entry(datagram, outbox, now);
        known.becomes = Some(becomes);
        let waiting = std::mem::take(&mut known.waiting);
        for ((ingress, queue), bytes) in waiting {
            self.waiting_bytes -= bytes.len();
            outbox.put(Errand::Walk(ingress, queue), bytes);
        }
    }

    /// Keeps a fragment whose first has not come.
    ///
    /// # Errors
    /// `FragmentLost` if no more may wait.
    pub fn hold(
        &mut self,
        datagram: Datagram<A>,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
        now: Time,
    ) -> Result<(), DropReason> {
        let bytes = frame.with_vnet_header();
        if self.waiting_bytes + bytes.len() > MAX_WAITING_BYTES {
            return Err(DropReason::FragmentLost);
        }
        let known = self.entry(datagram, outbox, now);
        if known.waiting.len() == MAX_WAITING_FRAMES {
            return Err(DropReason::FragmentLost);
        }
        known.waiting.push(((frame.ingress(), frame.queue()), bytes.to_vec()));
        self.waiting_bytes += bytes.len();
        Ok(())
    }

    /// Forgets old datagrams; what still waits is dropped.
    pub fn expire(&mut self, outbox: &mut Outbox, now: Time) {
        while let Some(&(since, datagram)) = self.ages.front() {
            if now - since < Self::MEMORY {
                return;
            }
            self.ages.pop_front();
            self.forget(since, &datagram, outbox);
        }
    }

    /// Forgets the datagrams that a port sent, and those from or to an address that is `lost`; what
    /// waits of them is dropped.
    pub fn forget_port(&mut self, port: PortId, lost: impl Fn(A) -> bool, outbox: &mut Outbox) {
        let of_port = |datagram: &Datagram<A>| {
            datagram.ingress == port || lost(datagram.source) || lost(datagram.destination)
        };
        for (_, known) in self.datagrams.extract_if(|datagram, _| of_port(datagram)) {
            for ((ingress, _), bytes) in known.waiting {
                self.waiting_bytes -= bytes.len();
                outbox.put(Errand::Drop(ingress, DropReason::FragmentLost), Vec::new());
            }
        }
        self.forget_addresses(lost);
    }

    /// Forgets what became of the datagrams from or to an address that is `lost`.
    pub fn forget_addresses(&mut self, lost: impl Fn(A) -> bool) {
        self.datagrams.retain(|datagram, known| {
            let Some(becomes) = &known.becomes else { return true };
            // Nothing waits for a first fragment that has come.
            let ends = [datagram.source, datagram.destination, becomes.source, becomes.destination];
            !ends.into_iter().any(&lost)
        });
        let datagrams = &self.datagrams;
        self.ages.retain(|(_, datagram)| datagrams.contains_key(datagram));
    }

    /// Forgets all datagrams; what waits is dropped.
    pub fn give_up(&mut self, outbox: &mut Outbox) {
        for ((ingress, _), _) in self.datagrams.drain().flat_map(|(_, known)| known.waiting) {
            outbox.put(Errand::Drop(ingress, DropReason::FragmentLost), Vec::new());
        }
        self.ages.clear();
        self.waiting_bytes = 0;
    }

    /// Is nothing remembered?
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    fn entry(&mut self, datagram: Datagram<A>, outbox: &mut Outbox, now: Time) -> &mut Known<A> {
        if !self.datagrams.contains_key(&datagram) {
            if self.datagrams.len() == MAX_DATAGRAMS
                && let Some((since, oldest)) = self.ages.pop_front()
            {
                self.forget(since, &oldest, outbox);
            }
            self.ages.push_back((now, datagram));
        }
        let unknown = || Known { since: now, becomes: None, waiting: Vec::new() };
        self.datagrams.entry(datagram).or_insert_with(unknown)
    }

    fn forget(&mut self, since: Time, datagram: &Datagram<A>, outbox: &mut Outbox) {
        if self.datagrams.get(datagram).is_none_or(|known| known.since != since) {
            return;
        }
        let waiting = self.datagrams.remove(datagram).map(|known| known.waiting);
        for ((ingress, _), bytes) in waiting.into_iter().flatten() {
            self.waiting_bytes -= bytes.len();
            outbox.put(Errand::Drop(ingress, DropReason::FragmentLost), Vec::new());
        }
    }
}

impl<A: Address> Default for Fragments<A> {
    fn default() -> Self {
        Self::new()
    }
}
