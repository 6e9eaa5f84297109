//! How is a flow shown?

use super::entry::Entry;
use super::lifetimes::{Tenths, duration, tenths};
use super::tcp::State;
use super::{Conntrack, FlowId};
use crate::clock::Time;
use crate::flow::{Address, Tuple};
use crate::outcome::PortId;
use std::net::IpAddr;
use std::time::Duration;

/// Source, destination, source port and destination port of one direction; of an ICMP query,
/// [`crate::flow`] says what stands for the ports.
pub type Ends = (IpAddr, IpAddr, u16, u16);

/// A flow as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// Which one, until it is removed.
    pub id: FlowId,
    /// How its first packet was addressed.
    pub original: Ends,
    /// How replies are addressed.
    pub reply: Ends,
    /// The IP protocol number.
    pub protocol: u8,
    /// The state of a TCP connection, in conntrack(8)'s words.
    pub tcp_state: Option<&'static str>,
    /// How long it lives without another packet.
    pub remaining: Duration,
    /// Packets: original, reply.
    pub packets: [u64; 2],
    /// Bytes from the IP header on: original, reply.
    pub bytes: [u64; 2],
    /// It is not dropped early.
    pub assured: bool,
    /// It was not replied to.
    pub unreplied: bool,
    /// The port whose share it counts against.
    pub owner: PortId,
}

impl<A: Address, X> Conntrack<A, X> {
    /// A page of the table: the flows in the `slots` slots from `from` on, and where the next page
    /// begins, if there is one. A listing of all that takes several pages may miss flows that begin
    /// meanwhile, never those that stay.
    pub fn views(
        &self,
        from: usize,
        slots: usize,
        now: Time,
    ) -> (impl Iterator<Item = FlowView> + '_, Option<usize>) {
        let (now, used) = (tenths(now), self.slab.used());
        let end = from.saturating_add(slots).min(used);
        let flows = (from.min(end)..end).filter_map(move |at| {
            // Slots are below 2^31.
            let at = at as u32;
            let entry = self.slab.get(at).filter(|entry| !entry.is_expired(now))?;
            Some(view(FlowId(at), entry, now))
        });
        (flows, (end < used).then_some(end))
    }
}

impl<A: Address, X> Conntrack<A, X> {
    /// One flow, as it is listed.
    pub fn view(&self, id: FlowId, now: Time) -> Option<FlowView> {
        self.get(id).map(|entry| view(id, entry, tenths(now)))
    }
}

fn view<A: Address, X>(id: FlowId, entry: &Entry<A, X>, now: Tenths) -> FlowView {
    FlowView {
        id,
        original: ends(entry.original()),
        reply: ends(entry.reply()),
        protocol: entry.original().protocol,
        tcp_state: entry.tcp_state().map(State::name),
        remaining: duration(entry.remaining(now)),
        packets: entry.packets(),
        bytes: entry.bytes(),
        assured: entry.is_assured(),
        unreplied: !entry.seen_reply(),
        owner: entry.owner(),
    }
}

fn ends<A: Address>(tuple: &Tuple<A>) -> Ends {
    let &Tuple { source, destination, source_port, destination_port, .. } = tuple;
    (source.into(), destination.into(), source_port, destination_port)
}
