//! Which MAC and port does an address of the network have?
//!
//! The addresses that were given to the ports are known from the start. Others, which a namespace took
//! itself, are learned from what it says in ARP and neighbour discovery, or asked for; meanwhile a few
//! frames wait.
//!
//! Limits: [`QUEUE`] frames for one address, [`MAX_WAITING_BYTES`] for all, [`PATIENCE`],
//! [`MAX_LEARNED`] addresses in all and [`MAX_LEARNED_OF_PORT`]; a learned one is asked for anew after
//! [`MEMORY`]. Source: RFC 1122 2.3.2.2, RFC 4861 7.2.2; `net/core/neighbour.c`.
//! Known gap: an address of the network that moves to another port is noticed when that port next says
//! something in ARP or neighbour discovery.

use crate::clock::Time;
use crate::frame::Frame;
use crate::outbox::{Errand, Outbox};
use crate::outcome::{DropReason, PortId, QueueId};
use crate::wire::ethernet::MacAddr;
use crate::wire::vnet;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// Most frames that wait for one address (`unres_qlen` of the kernel was 3 packets); one more, and the
/// oldest is dropped, as the kernel does it.
pub const QUEUE: usize = 3;

/// Most bytes that wait in all: a super-frame is 64 KiB (`unres_qlen_bytes` is 208 KiB for each).
pub const MAX_WAITING_BYTES: usize = 4 << 20;

/// How long they wait.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Most addresses that are learned or waited for: a namespace can make up any number of them.
pub const MAX_LEARNED: usize = 1024;

/// Most addresses that are learned of one port, so that one namespace leaves room to the others.
pub const MAX_LEARNED_OF_PORT: usize = 256;

/// How long a learned address is believed (`gc_stale_time`).
pub const MEMORY: Duration = Duration::from_secs(60);

/// What [`super::Gateway::resolve`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The address is at this MAC, behind this port.
    Known(MacAddr, PortId),
    /// Not known yet; the frame waits.
    Held,
}

type Map<V> = HashMap<IpAddr, V, RandomState>;

/// The neighbours of one network.
#[derive(Clone, Debug)]
pub struct Neighbours {
    given: Map<(MacAddr, PortId)>,
    learned: Map<(MacAddr, PortId, Time)>,
    awaited: Map<Awaited>,
    waiting_bytes: usize,
}

/// An address that was asked for.
#[derive(Clone, Debug)]
struct Awaited {
    since: Time,
    /// By which port and queue each came.
    frames: VecDeque<((PortId, QueueId), Vec<u8>)>,
}

impl Neighbours {
    /// Knows the addresses that were given.
    pub fn new(hosts: &[(IpAddr, MacAddr, PortId)]) -> Self {
        let mut neighbours = Self {
            given: Map::default(),
            learned: Map::default(),
            awaited: Map::default(),
            waiting_bytes: 0,
        };
        neighbours.configure(hosts);
        neighbours
    }

    /// Takes other given addresses.
    pub fn configure(&mut self, hosts: &[(IpAddr, MacAddr, PortId)]) {
        self.given = hosts.iter().map(|&(address, mac, port)| (address, (mac, port))).collect();
    }

    /// Where the address is, as far as it is known.
    #[inline]
    pub fn find(&self, address: IpAddr, now: Time) -> Option<(MacAddr, PortId)> {
        if let Some(&given) = self.given.get(&address) {
            return Some(given);
        }
        let &(mac, port, until) = self.learned.get(&address)?;
        (now < until).then_some((mac, port))
    }

    /// Notes that an address is at a MAC and port; sends what waited for it, readdressed from the
    /// router's MAC.
    pub fn learn(
        &mut self,
        address: IpAddr,
        at: (MacAddr, PortId),
        outbox: &mut Outbox,
        router: MacAddr,
        now: Time,
    ) {
        if address.is_unspecified() || address.is_multicast() || self.given.contains_key(&address) {
            return;
        }
        let awaited = self.awaited.remove(&address);
        if self.has_room(address, at.1) {
            self.learned.insert(address, (at.0, at.1, now + MEMORY));
        }
        for ((ingress, queue), mut bytes) in awaited.into_iter().flat_map(|awaited| awaited.frames)
        {
            self.waiting_bytes -= bytes.len();
            let frame = &mut bytes[vnet::HEADER_LEN..];
            frame[..6].copy_from_slice(&at.0.0);
            frame[6..12].copy_from_slice(&router.0);
            outbox.put(Errand::Release { ingress, queue, egress: at.1 }, bytes);
        }
    }

    fn has_room(&self, address: IpAddr, at: PortId) -> bool {
        if self.learned.get(&address).is_some_and(|&(_, port, _)| port == at) {
            return true;
        }
        let of_port = || self.learned.values().filter(|(_, port, _)| *port == at).count();
        let moves = self.learned.contains_key(&address);
        (moves || self.learned.len() < MAX_LEARNED) && of_port() < MAX_LEARNED_OF_PORT
    }

    /// Keeps a frame for an address that is not known, in place of the oldest if the address's queue is
    /// full. True if the address is to be asked for now.
    ///
    /// # Errors
    /// `Unresolved` if all that may wait does.
    pub fn hold(
        &mut self,
        address: IpAddr,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
        now: Time,
    ) -> Result<bool, DropReason> {
        let known = self.awaited.contains_key(&address);
        let bytes = frame.with_vnet_header();
        if (!known && self.awaited.len() >= MAX_LEARNED)
            || self.waiting_bytes + bytes.len() > MAX_WAITING_BYTES
        {
            return Err(DropReason::Unresolved);
        }
        let awaited = self
            .awaited
            .entry(address)
            .or_insert_with(|| Awaited { since: now, frames: VecDeque::with_capacity(QUEUE) });
        if awaited.frames.len() == QUEUE
            && let Some(((ingress, _), oldest)) = awaited.frames.pop_front()
        {
            self.waiting_bytes -= oldest.len();
            outbox.put(Errand::Drop(ingress, DropReason::Unresolved), Vec::new());
        }
        self.waiting_bytes += bytes.len();
        awaited.frames.push_back(((frame.ingress(), frame.queue()), bytes.to_vec()));
        Ok(!known)
    }

    /// Forgets all that was known of a port, and drops the frames that came from it. Returns the
    /// addresses that it had.
    pub fn forget_port(&mut self, port: PortId, outbox: &mut Outbox) -> HashSet<IpAddr> {
        let given = self.given.extract_if(|_, (_, at)| *at == port).map(|(address, _)| address);
        let mut addresses: HashSet<_> = given.collect();
        let learned = self.learned.extract_if(|_, (_, at, _)| *at == port);
        addresses.extend(learned.map(|(address, _)| address));
        for awaited in self.awaited.values_mut() {
            awaited.frames.retain(|((ingress, _), bytes)| {
                if *ingress == port {
                    self.waiting_bytes -= bytes.len();
                    outbox.put(Errand::Drop(port, DropReason::Unresolved), Vec::new());
                }
                *ingress != port
            });
        }
        addresses
    }

    /// Drops all frames that wait.
    pub fn give_up(&mut self, outbox: &mut Outbox) {
        for ((ingress, _), _) in self.awaited.drain().flat_map(|(_, awaited)| awaited.frames) {
            outbox.put(Errand::Drop(ingress, DropReason::Unresolved), Vec::new());
        }
        self.waiting_bytes = 0;
    }

    /// Drops what has waited too long, and forgets what was learned long ago.
    pub fn expire(&mut self, outbox: &mut Outbox, now: Time) {
        self.learned.retain(|_, (_, _, until)| now < *until);
        self.awaited.retain(|_, awaited| {
            let patient = now - awaited.since < PATIENCE;
            if !patient {
                for ((ingress, _), bytes) in awaited.frames.drain(..) {
                    self.waiting_bytes -= bytes.len();
                    outbox.put(Errand::Drop(ingress, DropReason::Unresolved), Vec::new());
                }
            }
            patient
        });
    }

    /// Does any frame wait?
    pub fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }
}
