//! The way of one packet above layer 2.
//!
//! Three things may be meant by a frame:
//!
//! | it is | and goes |
//! |---|---|
//! | for the segment | as the switch says, if no rule forbids it |
//! | from a namespace to the host's MAC | to the host, to the outside as the host, or to a sibling whose published port was called |
//! | from the host to our next hop | to a namespace, or back to the host if it is not for any |
//!
//! A packet of a known flow becomes what the flow's other side knows it as. The first packet of a flow
//! is decided by [`super::begin`].
//!
//! Known gaps: frames for a group, or for a MAC that nobody has, are judged as to a namespace that no
//! rule names. Fragments that come in through the uplink do not reach us (the host's rules go by
//! ports); those that leave do. What a namespace sends to a sibling by the host's MAC comes back from
//! the host as from somebody else, and dies as `not-published`.

use super::router::{Family, Shared, is_allowed};
use crate::clock::Time;
use crate::conntrack::{Hit, Packet};
use crate::filter::Question;
use crate::flow::{Direction, FlowState, Tuple, Zone};
use crate::fragments::Datagram;
use crate::frame::{Frame, Piece, Subject};
use crate::gateway::{HOST, Refusal, Resolved};
use crate::nat;
use crate::outbox::Outbox;
use crate::outcome::{DropReason, Outcome, PortId, Verdict};
use crate::routes::Routed;
use crate::switch::Switch;
use crate::wire::{icmp, tcp};
use std::net::IpAddr;

/// Stands for any namespace where a frame goes to all.
const EVERYBODY: Zone = Zone::Port(PortId(u16::MAX));

/// One packet's way, with all that it may ask on it.
pub(super) struct Path<'r, A: Routed> {
    pub(super) family: &'r mut Family<A>,
    pub(super) shared: &'r mut Shared,
    pub(super) switch: &'r mut Switch,
    pub(super) outbox: &'r mut Outbox,
    pub(super) now: Time,
}

/// What becomes of a packet.
pub(super) enum Fate<A> {
    /// It wears this tuple from here on.
    Becomes(Tuple<A>),
    /// So does this one, of a control connection of FTP.
    Announces(Hit, Tuple<A>),
    /// It goes to the host as it is.
    Plain,
    /// It came from the host and is the host's own.
    HandBack,
}

impl<A: Routed> Path<'_, A> {
    /// The way of the frame's packet.
    #[inline]
    pub(super) fn walk(mut self, frame: &mut Frame<'_>) -> Outcome {
        let gateway = &self.shared.gateway;
        let from_host = frame.ingress() == HOST;
        let for_router = if from_host {
            gateway.next_hop_mac() == Some(frame.destination())
        } else {
            gateway.host_mac() == frame.destination()
        };
        if for_router { self.routed(frame) } else { self.bridged(frame) }
    }

    /// To the host's MAC, or from the host to our next hop.
    #[inline]
    fn routed(&mut self, frame: &mut Frame<'_>) -> Outcome {
        match frame.subject::<A>() {
            Subject::Flow(tuple) => {
                let fate = self.fate(frame, &tuple)?;
                if frame.layout().piece() == Piece::First {
                    self.remember(frame, tuple, &fate);
                }
                self.carry_out(frame, fate)
            }
            Subject::Fragment(tuple) => self.follow_first(frame, &tuple),
            Subject::Error(inner) => self.error(frame, inner),
            Subject::Nobody if frame.ingress() != HOST => self.unknown(frame, FlowState::Untracked),
            // The host has it already: its ICMP does not come by the next hop, but is overheard.
            Subject::Nobody if frame.layout().protocol() == A::ICMP => Err(DropReason::NotOurs),
            Subject::Nobody => self.hand_back(frame),
        }
    }

    /// Known flow, or a new one?
    #[inline]
    fn fate(&mut self, frame: &mut Frame<'_>, tuple: &Tuple<A>) -> Result<Fate<A>, DropReason> {
        nat::check(frame)?;
        let mut packet = Packet::of(frame);
        if let Some(hit) = self.known(tuple) {
            let becomes = self.translated(hit).unwrap_or(*tuple);
            if becomes != *tuple && self.is_inside(tuple.source) == (frame.ingress() == HOST) {
                // A namespace in the name of somebody outside, or the other way round.
                return Err(DropReason::SpoofedSource);
            }
            if becomes == *tuple && tuple.protocol == A::ICMP && frame.ingress() == HOST {
                // The copy of a reply to the host, which was counted on its way there.
                return Err(DropReason::NotOurs);
            }
            let announces = self.family.announced.is_control(hit.id);
            if announces {
                packet = self.acknowledge(frame, hit);
            }
            let state = self.family.tracked.update(hit, &packet, self.now);
            if state == FlowState::Invalid {
                return Err(DropReason::CtInvalid);
            }
            self.pass(frame, hit, &becomes, state)?;
            self.refuse_last_hop(frame, &becomes)?;
            if !announces || frame.layout().piece() != Piece::Whole {
                return Ok(Fate::Becomes(becomes));
            }
            if state == FlowState::New {
                self.reopen_control(hit, &packet);
            }
            return Ok(Fate::Announces(hit, becomes));
        }
        if frame.ingress() == HOST {
            self.begin_from_outside(frame, tuple, &packet)
        } else {
            self.begin_from_namespace(frame, tuple, &packet)
        }
    }

    /// The flow of this tuple, if it is known and may still go on.
    #[inline]
    pub(super) fn known(&mut self, tuple: &Tuple<A>) -> Option<Hit> {
        let hit = self.family.tracked.find(tuple, self.now)?;
        let epoch = self.shared.epoch;
        if self.family.tracked.get(hit.id)?.epoch() == epoch { Some(hit) } else { self.renew(hit) }
    }

    #[cold]
    fn renew(&mut self, hit: Hit) -> Option<Hit> {
        let Family { tracked, routes, nat, .. } = &mut *self.family;
        let entry = tracked.get_mut(hit.id)?;
        if is_allowed(entry, &self.shared.config, routes, nat) {
            entry.set_epoch(self.shared.epoch);
            entry.set_marks(0);
            return Some(hit);
        }
        let gone = tracked.remove(hit.id, &mut self.shared.census)?;
        self.family.bury(gone);
        None
    }

    /// What a packet of a known flow becomes: what the flow's other side knows it as.
    #[inline]
    pub(super) fn translated(&self, hit: Hit) -> Option<Tuple<A>> {
        let entry = self.family.tracked.get(hit.id)?;
        Some(match hit.direction {
            Direction::Original => entry.reply().inverted(),
            Direction::Reply => entry.original().inverted(),
        })
    }

    /// May a packet of a known flow pass? Asked once for each direction and state.
    #[inline]
    fn pass(
        &mut self,
        frame: &Frame<'_>,
        hit: Hit,
        becomes: &Tuple<A>,
        state: FlowState,
    ) -> Result<(), DropReason> {
        if !self.shared.judges {
            return Ok(());
        }
        let bit = 1 << (hit.direction as u8 * 2 + u8::from(state == FlowState::Established));
        let Some(entry) = self.family.tracked.get(hit.id) else { return Ok(()) };
        if entry.marks() & bit != 0 {
            return Ok(());
        }
        // As the namespaces see it: after DNAT, before SNAT.
        let seen = match hit.direction {
            Direction::Original => Tuple {
                source: entry.original().source,
                source_port: entry.original().source_port,
                ..*becomes
            },
            Direction::Reply => Tuple {
                source: entry.reply().source,
                source_port: entry.reply().source_port,
                ..*becomes
            },
        };
        self.judge(frame, &seen, state)?;
        if let Some(entry) = self.family.tracked.get_mut(hit.id) {
            entry.set_marks(entry.marks() | bit);
        }
        Ok(())
    }

    /// Asks the rules about a routed packet with these ends.
    pub(super) fn judge(
        &mut self,
        frame: &Frame<'_>,
        seen: &Tuple<A>,
        state: FlowState,
    ) -> Result<(), DropReason> {
        if !self.shared.judges {
            return Ok(());
        }
        let from = match frame.ingress() {
            HOST => self.zone(seen.source),
            port => Zone::Port(port),
        };
        self.judge_between(frame, seen, (from, self.zone(seen.destination)), state)
    }

    fn judge_between(
        &mut self,
        frame: &Frame<'_>,
        seen: &Tuple<A>,
        (from, to): (Zone, Zone),
        state: FlowState,
    ) -> Result<(), DropReason> {
        let question = Question {
            from,
            to,
            protocol: seen.protocol,
            source: seen.source.into(),
            destination: seen.destination.into(),
            source_port: seen.source_port,
            destination_port: seen.destination_port,
            state,
        };
        let judgement = self.shared.judge(&question, frame.packet().len());
        let Some(reason) = judgement.reason() else { return Ok(()) };
        if reason == DropReason::FilterReject {
            self.refuse(frame, Refusal::Rejected);
        }
        Err(reason)
    }

    /// Where an address is.
    pub(super) fn zone(&self, address: A) -> Zone {
        if self.family.routes.is_own(address) {
            return Zone::Host;
        }
        if !self.is_inside(address) {
            return Zone::Outside;
        }
        match self.shared.gateway.port_of(address.into(), self.now) {
            Some(port) => Zone::Port(port),
            None => EVERYBODY,
        }
    }

    /// Is it an address of the network?
    #[inline]
    pub(super) fn is_inside(&self, address: A) -> bool {
        self.shared.config.is_inside(address.into())
    }

    /// Tells the frame's sender why it does not go on: from the bridge's address, but to the outside
    /// from the address that it had called.
    pub(super) fn refuse(&mut self, frame: &Frame<'_>, refusal: Refusal) {
        let source = if frame.ingress() == HOST {
            Some(A::read(&frame.packet()[A::OFFSET + A::LEN..]))
        } else {
            self.shared.gateway.address()
        };
        if let Some(source) = source {
            self.shared.gateway.refuse(frame, refusal, source, self.outbox, self.now);
        }
    }

    /// A router drops what has no hop left. What comes from the host has been through one already.
    #[inline]
    pub(super) fn refuse_last_hop(
        &mut self,
        frame: &Frame<'_>,
        becomes: &Tuple<A>,
    ) -> Result<(), DropReason> {
        let last = frame.ingress() != HOST && nat::ttl(frame).is_some_and(|ttl| ttl <= 1);
        if !last || self.family.routes.is_own(becomes.destination) {
            return Ok(());
        }
        self.refuse(frame, Refusal::TimeExceeded);
        Err(DropReason::TtlExpired)
    }

    /// Does to the packet what was decided, and finds its way out.
    #[inline]
    pub(super) fn carry_out(&mut self, frame: &mut Frame<'_>, fate: Fate<A>) -> Outcome {
        match fate {
            Fate::Becomes(tuple) => {
                self.clamp(frame, &tuple);
                nat::rewrite(frame, &tuple);
                self.leave(frame, tuple.destination)
            }
            Fate::Announces(hit, tuple) => self.carry_control(frame, hit, tuple),
            Fate::Plain => Ok(Verdict::Unicast(HOST)),
            Fate::HandBack => self.hand_back(frame),
        }
    }

    /// A connection with the outside must not agree on segments that do not fit the way.
    #[inline]
    fn clamp(&self, frame: &mut Frame<'_>, tuple: &Tuple<A>) {
        if tuple.protocol != tcp::PROTOCOL || !is_syn(frame) {
            return;
        }
        let remote = if frame.ingress() == HOST { tuple.source } else { tuple.destination };
        if let Some(way) = self.family.routes.way(remote)
            && !self.is_inside(remote)
        {
            nat::clamp_mss(frame, way.mtu);
        }
    }

    /// Sends a packet, its addresses translated, to the next host on its way.
    #[inline]
    pub(super) fn leave(&mut self, frame: &mut Frame<'_>, destination: A) -> Outcome {
        let inside = self.is_inside(destination) && !self.family.routes.is_own(destination);
        if !inside {
            return match frame.ingress() {
                HOST => self.hand_back(frame),
                _ => Ok(Verdict::Unicast(HOST)),
            };
        }
        if frame.ingress() != HOST {
            // The host has not seen it, so the hop is ours; `refuse_last_hop` has left one.
            nat::lower_ttl(frame);
        }
        let gateway = &mut self.shared.gateway;
        match gateway.resolve(destination.into(), frame, self.outbox, self.now)? {
            Resolved::Known(mac, port) => {
                frame.readdress(mac, gateway.host_mac());
                Ok(Verdict::Unicast(port))
            }
            Resolved::Held => Ok(Verdict::Held),
        }
    }

    /// The packet is for the host itself, which sent it here by its port: as if it had not. Not so
    /// ICMP, of which we only get copies: handed back, it would be copied again, without end.
    fn hand_back(&mut self, frame: &mut Frame<'_>) -> Outcome {
        if frame.layout().protocol() == A::ICMP {
            return Err(DropReason::NotOurs);
        }
        let gateway = &self.shared.gateway;
        let (host, Some(next_hop)) = (gateway.host_mac(), gateway.next_hop_mac()) else {
            return Err(DropReason::SamePort);
        };
        nat::raise_ttl(frame);
        frame.readdress(host, next_hop);
        Ok(Verdict::Unicast(HOST))
    }

    /// What has no flow: only the host may want it.
    fn unknown(&mut self, frame: &Frame<'_>, state: FlowState) -> Outcome {
        if is_discovery(frame) {
            return Ok(Verdict::Unicast(HOST));
        }
        let bare = self.bare(frame);
        self.refuse_own_source(bare.source)?;
        if !self.family.routes.is_own(bare.destination) && !self.is_inside(bare.destination) {
            return Err(DropReason::CtInvalid);
        }
        self.judge(frame, &bare, state)?;
        Ok(Verdict::Unicast(HOST))
    }

    /// No namespace has an address of the host. The kernel would not see through it: the uplink needs
    /// `accept_local`, and who serves only this host asks for no more than the address.
    pub(super) fn refuse_own_source(&self, source: A) -> Result<(), DropReason> {
        if self.family.routes.is_own(source) { Err(DropReason::SpoofedSource) } else { Ok(()) }
    }

    /// Later fragments do what the first one did.
    #[cold]
    fn remember(&mut self, frame: &Frame<'_>, tuple: Tuple<A>, fate: &Fate<A>) {
        let becomes = if let Fate::Becomes(becomes) = fate { *becomes } else { tuple };
        let datagram = Datagram::of(frame, &tuple);
        self.family.fragments.remember(datagram, becomes, self.outbox, self.now);
    }

    #[cold]
    fn follow_first(&mut self, frame: &mut Frame<'_>, tuple: &Tuple<A>) -> Outcome {
        nat::check(frame)?;
        let datagram = Datagram::of(frame, tuple);
        match self.family.fragments.follow(&datagram) {
            Some(becomes) => {
                self.refuse_last_hop(frame, &becomes)?;
                nat::rewrite(frame, &becomes);
                self.leave(frame, becomes.destination)
            }
            None => {
                self.family.fragments.hold(datagram, frame, self.outbox, self.now)?;
                Ok(Verdict::Held)
            }
        }
    }

    /// An ICMP error goes to whoever sent the packet that it carries, which it shows as they sent it.
    #[cold]
    fn error(&mut self, frame: &mut Frame<'_>, inner: Tuple<A>) -> Outcome {
        nat::check(frame)?;
        let from_host = frame.ingress() == HOST;
        let Some(hit) = self.known(&inner.inverted()) else {
            return match from_host {
                true => Err(DropReason::NotOurs),
                false => self.unknown(frame, FlowState::Invalid),
            };
        };
        let Some(entry) = self.family.tracked.get(hit.id) else {
            return Err(DropReason::CtInvalid);
        };
        // The error travels in the hit's direction; what it is about went the other way.
        let sent = match hit.direction {
            Direction::Original => *entry.reply(),
            Direction::Reply => *entry.original(),
        };
        let sender = A::read(&frame.packet()[A::OFFSET..]);
        // The far end wears the address that the sender of the packet had called, and so does
        // whatever is behind us for somebody outside.
        let source =
            if !from_host || sender == inner.destination { sent.destination } else { sender };
        let seen = Tuple {
            source: sender,
            destination: sent.source,
            source_port: 0,
            destination_port: 0,
            protocol: A::ICMP,
        };
        self.judge(frame, &seen, FlowState::Related)?;
        self.refuse_last_hop(frame, &seen)?;
        nat::rewrite_error(frame, source, sent.source, &sent);
        self.leave(frame, sent.source)
    }

    /// For the segment: as the switch says, if no rule forbids it.
    #[inline]
    fn bridged(&mut self, frame: &mut Frame<'_>) -> Outcome {
        let from_outside = frame.ingress() == HOST && self.is_from_outside(frame);
        if from_outside && self.shared.config.uplink.is_some() {
            // Nobody outside speaks to a namespace but through a published port or a flow, and both
            // come by the next hop.
            return Err(DropReason::NotPublished);
        }
        let outcome = self.switch.forward(frame, self.now)?;
        if outcome == Verdict::Flood && frame.ingress() != HOST {
            self.refuse_own_source(A::read(&frame.packet()[A::OFFSET..]))?;
        }
        if !self.shared.judges_bridged || is_discovery(frame) {
            return Ok(outcome);
        }
        let from = match frame.ingress() {
            HOST if from_outside => Zone::Outside,
            HOST => Zone::Host,
            port => Zone::Port(port),
        };
        match outcome {
            Verdict::Unicast(HOST) => self.judge_bridged(frame, (from, Zone::Host), outcome),
            Verdict::Unicast(port) => self.judge_bridged(frame, (from, Zone::Port(port)), outcome),
            Verdict::Flood => {
                let all = self.judge_bridged(frame, (from, EVERYBODY), outcome);
                let is_for_host = frame.destination().is_group() && frame.ingress() != HOST;
                if all.is_ok() || !is_for_host {
                    return all;
                }
                // Namespaces may not hear it; the host may.
                let host = Verdict::Unicast(HOST);
                self.judge_bridged(frame, (from, Zone::Host), host)
            }
            Verdict::Answered | Verdict::Held => Ok(outcome),
        }
    }

    /// Did the host forward this frame from somebody outside?
    #[inline]
    fn is_from_outside(&self, frame: &Frame<'_>) -> bool {
        let source = A::read(&frame.packet()[A::OFFSET..]);
        if frame.destination().is_group() || self.shared.gateway.address() == Some(source) {
            return false;
        }
        let address: IpAddr = source.into();
        let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        !link_local && !address.is_unspecified() && !self.family.routes.is_own(source)
    }

    /// Asks the rules about a packet that stays on the segment.
    fn judge_bridged(
        &mut self,
        frame: &mut Frame<'_>,
        between: (Zone, Zone),
        outcome: Verdict,
    ) -> Outcome {
        match frame.subject::<A>() {
            Subject::Flow(tuple) => {
                self.judge_flow(frame, &tuple, between)?;
                if frame.layout().piece() == Piece::First {
                    self.remember(frame, tuple, &Fate::Becomes(tuple));
                }
            }
            Subject::Fragment(tuple) => {
                let datagram = Datagram::of(frame, &tuple);
                if self.family.fragments.follow(&datagram).is_none() {
                    self.family.fragments.hold(datagram, frame, self.outbox, self.now)?;
                    return Ok(Verdict::Held);
                }
            }
            Subject::Error(inner) => {
                let about = self.known(&inner.inverted()).is_some();
                let state = if about { FlowState::Related } else { FlowState::Invalid };
                self.judge_between(frame, &self.bare(frame), between, state)?;
            }
            Subject::Nobody => {
                self.judge_between(frame, &self.bare(frame), between, FlowState::Untracked)?;
            }
        }
        Ok(outcome)
    }

    /// Tracks a flow of the segment and asks the rules about its packet.
    fn judge_flow(
        &mut self,
        frame: &Frame<'_>,
        tuple: &Tuple<A>,
        between: (Zone, Zone),
    ) -> Result<(), DropReason> {
        if !self.shared.tracks_bridged {
            return self.judge_between(frame, tuple, between, FlowState::Untracked);
        }
        let packet = Packet::of(frame);
        if let Some(hit) = self.known(tuple) {
            let state = self.family.tracked.update(hit, &packet, self.now);
            if state == FlowState::Invalid {
                return self.judge_between(frame, tuple, between, state);
            }
            self.pass(frame, hit, tuple, state)?;
            if self.family.announced.is_control(hit.id) {
                self.overhear(frame, hit, tuple);
            }
            return Ok(());
        }
        if self.family.tracked.judge_new(&packet).is_err() {
            return self.judge_between(frame, tuple, between, FlowState::Invalid);
        }
        let state = self.first_state(tuple, &packet);
        self.judge_between(frame, tuple, between, state)?;
        let owner = match between {
            (Zone::Port(port), _) => port,
            (_, Zone::Port(port)) if port.index() < self.switch.ports() => port,
            _ => HOST,
        };
        self.track(tuple, tuple.inverted(), owner, None, &packet, state)
    }

    /// Addresses and protocol of a packet that has no ports to be judged by.
    fn bare(&self, frame: &Frame<'_>) -> Tuple<A> {
        let addresses = &frame.packet()[A::OFFSET..A::OFFSET + 2 * A::LEN];
        Tuple {
            source: A::read(addresses),
            destination: A::read(&addresses[A::LEN..]),
            source_port: 0,
            destination_port: 0,
            protocol: frame.layout().protocol(),
        }
    }
}

/// Does the frame open a TCP connection, or answer such?
#[inline]
fn is_syn(frame: &Frame<'_>) -> bool {
    let flags = frame.ethernet().get(frame.layout().transport() + tcp::FLAGS_OFFSET);
    flags.is_some_and(|flags| flags & tcp::flag::SYN != 0)
}

/// Neighbour and router discovery, without which there is no IPv6 (RFC 4890 4.3.1): no rule is asked.
#[inline]
fn is_discovery(frame: &Frame<'_>) -> bool {
    const DISCOVERY: std::ops::RangeInclusive<u8> = 133..=137;
    frame.layout().protocol() == icmp::PROTOCOL_V6
        && frame
            .ethernet()
            .get(frame.layout().transport())
            .is_some_and(|kind| DISCOVERY.contains(kind))
}
