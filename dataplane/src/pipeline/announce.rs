//! Which connections has FTP announced, and how does an announcement become true behind NAT?
//!
//! A control connection has a [`Control`] beside its entry; all its segments come through here:
//!
//! | who announces | what its peer is told | the data connection |
//! |---|---|---|
//! | a namespace, to the outside or a sibling | the host's address and a port leased for it | RELATED, DNAT to the namespace |
//! | the same, from a port that is published alike | the host's address, the same port | RELATED, DNAT as published |
//! | somebody outside | what they said | RELATED, SNAT to the address they know |
//! | anybody, where nothing is translated | what they said | RELATED |
//!
//! A segment in which an endpoint was replaced is another frame, of another length: it is sent from
//! the outbox, and the one that came counts as answered. All others are changed in place.
//!
//! Limits: a control for each flow to port 21, as many as there are flows; expectations as in
//! [`crate::ftp`]. Without a control connection nothing here costs more than two looks at an empty table.
//!
//! Known gaps: those of [`crate::ftp`]. A control connection that is tracked when FTP is switched on
//! is not listened to. An ICMP error about one quotes the numbers of the other side. A data
//! connection between two namespaces by the host's address does not outlive a new configuration.

use super::family::Family;
use super::path::{Fate, Path};
use crate::clock::Time;
use crate::conntrack::{FlowId, Hit, Packet};
use crate::flow::{Address, FlowState, Tuple};
use crate::frame::Frame;
use crate::ftp::{
    Announcement, CONTROL_PORT, Control, Expectation, Expectations, Full, MAX_GROWTH,
};
use crate::nat::{self, Lease};
use crate::outbox::Errand;
use crate::outcome::{Outcome, PortId, Verdict};
use crate::routes::Routed;
use crate::wire::tcp;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// The control connections of one family, and what they announced.
#[derive(Clone, Debug)]
pub(super) struct Announced<A> {
    controls: HashMap<FlowId, Control<A>, RandomState>,
    expected: Expectations<A, Awaited<A>>,
}

/// A connection to come, as the one who announced it knows its ends.
#[derive(Clone, Debug)]
pub(super) struct Awaited<A> {
    /// Who is to be connected to.
    pub(super) reached: (A, u16),
    /// Who connects.
    pub(super) caller: A,
    /// On the port that the announcer was given, if one was.
    pub(super) lease: Option<Lease>,
}

/// What stands in an announcement, and what is to stand there.
type Replacement<A> = (Announcement<A>, (A, u16));

impl<A: Address> Announced<A> {
    /// Nothing is announced.
    pub(super) fn new() -> Self {
        Self { controls: HashMap::default(), expected: Expectations::new() }
    }

    /// Is the flow a control connection?
    #[inline]
    pub(super) fn is_control(&self, id: FlowId) -> bool {
        !self.controls.is_empty() && self.controls.contains_key(&id)
    }

    /// Listens to a flow from its first packet on, if it is a control connection; anew if that is a SYN.
    #[cold]
    pub(super) fn begin(
        &mut self,
        id: FlowId,
        original: &Tuple<A>,
        reply: &Tuple<A>,
        packet: &Packet,
    ) {
        // Some call the port itself, some another one that is published for it, or it for another.
        let is_called = [original.destination_port, reply.source_port].contains(&CONTROL_PORT);
        let Some(segment) = packet.tcp.filter(|_| is_called) else { return };
        if segment.flags & tcp::flag::SYN != 0 {
            self.controls.insert(id, Control::begun(segment.sequence));
        } else {
            self.controls.entry(id).or_default();
        }
    }

    /// What was announced and begins with this packet. It is announced no longer; what it holds is the
    /// caller's to keep or release.
    #[inline]
    fn take(&mut self, tuple: &Tuple<A>, now: Time) -> Option<Awaited<A>> {
        self.expected.take(tuple, now).map(|expectation| expectation.hung)
    }

    /// The flow has ended. Returns what it had announced.
    #[inline]
    pub(super) fn end(&mut self, id: FlowId) -> Option<Awaited<A>> {
        if self.controls.is_empty() {
            return None;
        }
        self.controls.remove(&id)?;
        self.forget(id)
    }

    /// Takes back what the flow announced last, if that has not come.
    fn forget(&mut self, id: FlowId) -> Option<Awaited<A>> {
        self.expected.forget(id.number()).map(|expectation| expectation.hung)
    }

    /// Takes out what did not come in time.
    pub(super) fn expire(&mut self, now: Time) -> impl Iterator<Item = Awaited<A>> {
        self.expected.expire(now).map(|expectation| expectation.hung)
    }
}

impl<A: Routed> Path<'_, A> {
    /// Turns what a segment acknowledges into numbers that their sender has sent. Returns what the
    /// tracker is to see of it.
    #[cold]
    pub(super) fn acknowledge(&self, frame: &mut Frame<'_>, hit: Hit) -> Packet {
        if let Some(control) = self.family.announced.controls.get(&hit.id) {
            control.acknowledge(frame, hit.direction);
        }
        Packet::of(frame)
    }

    /// A control connection that ended is opened anew: its numbers are others.
    #[cold]
    pub(super) fn reopen_control(&mut self, hit: Hit, packet: &Packet) {
        let Some(entry) = self.family.tracked.get(hit.id) else { return };
        self.family.announced.begin(hit.id, entry.original(), entry.reply(), packet);
    }

    /// Listens to a control connection of the segment, where nothing is translated.
    #[cold]
    pub(super) fn overhear(&mut self, frame: &Frame<'_>, hit: Hit, tuple: &Tuple<A>) {
        if self.translated(hit).as_ref() == Some(tuple) {
            self.listen(frame, hit, tuple);
        }
    }

    /// What was announced and begins with this packet, if a packet can begin so.
    #[inline]
    pub(super) fn awaited(&mut self, tuple: &Tuple<A>, packet: &Packet) -> Option<Awaited<A>> {
        let Family { announced, tracked, .. } = &mut *self.family;
        if announced.expected.is_empty() || tracked.judge_new(packet).is_err() {
            return None;
        }
        announced.take(tuple, self.now)
    }

    /// The state of the first packet of a flow of the segment.
    #[inline]
    pub(super) fn first_state(&mut self, tuple: &Tuple<A>, packet: &Packet) -> FlowState {
        let awaited = self.awaited(tuple, packet);
        let state = state_of(awaited.as_ref());
        self.family.give_back(awaited.and_then(|awaited| awaited.lease));
        state
    }

    /// Sends a segment of a control connection on, and makes true what it announces.
    #[cold]
    pub(super) fn carry_control(
        &mut self,
        frame: &mut Frame<'_>,
        hit: Hit,
        becomes: Tuple<A>,
    ) -> Outcome {
        let replacement = self.listen(frame, hit, &becomes);
        if let Some(bytes) = replacement.and_then(|it| self.replace(frame, hit, &it)) {
            return self.carry_instead(bytes, frame.ingress(), &becomes);
        }
        if let Some(control) = self.family.announced.controls.get(&hit.id) {
            control.shift(frame, hit.direction);
        }
        self.carry_out(frame, Fate::Becomes(becomes))
    }

    /// Reads a segment of a control connection and expects what it announces. Returns what it must
    /// say instead, if its peer cannot use what it says.
    fn listen(
        &mut self,
        frame: &Frame<'_>,
        hit: Hit,
        becomes: &Tuple<A>,
    ) -> Option<Replacement<A>> {
        if !self.shared.config.conntrack.ftp {
            return None;
        }
        let control = self.family.announced.controls.get_mut(&hit.id)?;
        let announcement = control.on_packet(frame, hit.direction)?;
        if let Some(told) = announcement.replaced_by {
            // Sent again: what it announces is expected already.
            return Some((announcement, told));
        }
        let (sender, port) = announcement.expects;
        let known_as = becomes.source;
        let (told, lease) = if known_as == sender || self.is_published(known_as, (sender, port)) {
            (port, None)
        } else {
            let nat = &mut self.family.nat;
            let (lease, told) = nat.lease_endpoint(tcp::PROTOCOL, (sender, port), known_as).ok()?;
            (told, Some(lease))
        };
        let expectation = Expectation {
            from: becomes.destination,
            to: (known_as, told),
            control: hit.id.number(),
            hung: Awaited { reached: announcement.expects, caller: announcement.by, lease },
        };
        match self.family.announced.expected.expect(expectation, self.now) {
            Ok(replaced) => {
                let leases = replaced.into_iter().flatten().map(|it| it.hung.lease);
                leases.for_each(|lease| self.family.give_back(lease));
            }
            Err(Full(refused)) => {
                self.family.give_back(refused.hung.lease);
                return None;
            }
        }
        (known_as != sender).then_some((announcement, (known_as, told)))
    }

    /// Does this address lead, by the announced port itself, to who announced it?
    fn is_published(&self, address: A, announced: (A, u16)) -> bool {
        let published = &self.shared.config.published;
        let target = published.find(tcp::PROTOCOL, address.into(), announced.1);
        target.is_some_and(|(target, port)| (target, port) == (announced.0.into(), announced.1))
    }

    /// The frame with another endpoint in its announcement, not translated yet; `None` if it must
    /// stay as it is, and then nothing is expected.
    fn replace(
        &mut self,
        frame: &Frame<'_>,
        hit: Hit,
        (announcement, told): &Replacement<A>,
    ) -> Option<Vec<u8>> {
        let mut room = vec![0; frame.with_vnet_header().len() + MAX_GROWTH];
        let control = self.family.announced.controls.get_mut(&hit.id)?;
        match control.mangle(frame, hit.direction, announcement, *told, &mut room) {
            Ok(length) => {
                room.truncate(length);
                Some(room)
            }
            Err(_) => {
                if announcement.replaced_by.is_none() {
                    let awaited = self.family.announced.forget(hit.id);
                    self.family.give_back(awaited.and_then(|awaited| awaited.lease));
                }
                None
            }
        }
    }

    /// Translates the frame that goes in place of the one that came, and leaves it to be sent.
    fn carry_instead(
        &mut self,
        mut bytes: Vec<u8>,
        ingress: PortId,
        becomes: &Tuple<A>,
    ) -> Outcome {
        let mut frame = Frame::parse(ingress, &mut bytes)?;
        nat::check(&frame)?;
        nat::rewrite(&mut frame, becomes);
        let verdict = self.leave(&mut frame, becomes.destination)?;
        let Verdict::Unicast(egress) = verdict else { return Ok(verdict) };
        self.outbox.put(Errand::Send(egress), bytes);
        Ok(Verdict::Answered)
    }
}

/// The state of a flow's first packet, by whether it was announced.
pub(super) fn state_of<T>(awaited: Option<&T>) -> FlowState {
    if awaited.is_some() { FlowState::Related } else { FlowState::New }
}
