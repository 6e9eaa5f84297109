//! What was decided about one frame, and by what?
//!
//! A [`Story`] is what can be seen from beside the walk: what the stages knew before it, and what
//! they say after it. So the walk itself has no part in it, and costs nothing more where nobody asks.
//!
//! ```text
//!                   Pipeline::walk ──> Fate::of            a frame that is captured
//!  Story::begin ──> Pipeline::walk ──> Story::finish       one whose story is to be told
//!  Pipeline::explain                                       one that only is asked about
//! ```
//!
//! A [`Fate`] is the little of it that is said of each frame of a capture.
//!
//! [`Pipeline::explain`] takes the same walk in a copy of the stages, which is thrown away: it decides
//! what the walk decides, and changes nothing. The copy takes the memory of the tables that are in use:
//! up to 150 bytes for each flow of the frame's family.
//!
//! Known gap: of a packet that is related to a flow by FTP it is not said which flow that is.

use super::family::Family;
use super::router::Router;
use super::{Pipeline, Walked};
use crate::clock::Time;
use crate::conntrack::FlowView;
use crate::filter::Judgement;
use crate::flow::{Direction, Tuple};
use crate::frame::{Frame, Network, Subject};
use crate::gateway::HOST;
use crate::outcome::{DropReason, Outcome, PortId};
use crate::routes::Routed;
use crate::wire::ethernet::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a packet is addressed, in either family; ports as in [`crate::flow`].
pub type Ends = Tuple<IpAddr>;

/// What a packet is to connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It belongs to a flow, or could begin one.
    Flow(Ends),
    /// It is an ICMP error between these ends, about a packet with those.
    Error(Ends, Ends),
    /// It is a later fragment, between these ends.
    Fragment(Ends),
    /// It is IP, and belongs to no flow.
    Nobody(Ends),
    /// It is not IP.
    NotIp,
}

impl About {
    /// What a frame's packet is.
    pub fn of(frame: &Frame<'_>) -> Self {
        match frame.layout().network_kind() {
            Network::Ipv4 => about::<Ipv4Addr>(frame),
            Network::Ipv6 => about::<Ipv6Addr>(frame),
            Network::Other => Self::NotIp,
        }
    }

    /// Between which ends it goes; `None` if it is not IP.
    pub fn ends(&self) -> Option<Ends> {
        match *self {
            Self::Flow(ends) | Self::Error(ends, _) | Self::Fragment(ends) | Self::Nobody(ends) => {
                Some(ends)
            }
            Self::NotIp => None,
        }
    }
}

/// Which stages a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It stays on the segment.
    Segment,
    /// From a namespace to the host's MAC: it is routed.
    Up,
    /// From the host to our next hop: from outside, or an answer to a namespace.
    Down,
}

/// Where an address and port of the host that was called leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// A published port, to this address and port.
    Published(IpAddr, u16),
    /// A mapping of NAT, to this address and port.
    Mapping(IpAddr, u16),
}

/// What became of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Between which ends it came; `None` if it is not IP.
    pub came: Option<Ends>,
    /// Between which ends it goes on; `None` if it is not IP.
    pub left: Option<Ends>,
    /// Which rule or policy was asked, and said what; `None` if none was, as of a flow that was judged
    /// before.
    pub judged: Option<Judgement>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What was decided about one frame, and all that it was decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Story {
    /// The port it came from.
    pub ingress: PortId,
    /// Its source and destination MAC, as it came.
    pub macs: (MacAddr, MacAddr),
    /// Where its source MAC was known to live.
    pub source_home: Option<PortId>,
    /// Where its destination MAC was known to live.
    pub home: Option<PortId>,
    /// Which stages it was for.
    pub way: Way,
    /// What its packet is, as it came.
    pub came: About,
    /// The flow it belongs to, or that an error is about, and which way it goes in it, before it came.
    pub known: Option<(FlowView, Direction)>,
    /// The flow that it began.
    pub begun: Option<FlowView>,
    /// Where the host's address and port that it called leads to.
    pub called: Option<Called>,
    /// Which rule or policy was asked, and said what; `None` if none was, as of a flow that was judged
    /// before.
    pub judged: Option<Judgement>,
    /// Between which ends it goes on.
    pub left: Option<Ends>,
    /// Where the address that it goes on to is.
    pub neighbour: Option<(MacAddr, PortId)>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Fate {
    /// What became of a frame that came between these ends, after it has walked. Before that, what was said
    /// of others was [forgotten](Pipeline::forget_judgement).
    pub fn of(
        came: Option<Ends>,
        pipeline: &Pipeline,
        frame: &Frame<'_>,
        outcome: Outcome,
    ) -> Self {
        let judged = pipeline.router.as_ref().and_then(|router| router.shared.judged);
        Self { came, left: About::of(frame).ends(), judged, outcome }
    }
}

impl Story {
    /// What the stages know of a frame before it walks, when what was said of others is
    /// [forgotten](Pipeline::forget_judgement).
    pub fn begin(pipeline: &Pipeline, frame: &Frame<'_>, now: Time) -> Self {
        let fdb = pipeline.switch.fdb();
        let mut story = Self {
            ingress: frame.ingress(),
            macs: (frame.source(), frame.destination()),
            source_home: fdb.lookup(frame.source(), now),
            home: fdb.lookup(frame.destination(), now),
            way: Way::Segment,
            came: About::of(frame),
            known: None,
            begun: None,
            called: None,
            judged: None,
            left: None,
            neighbour: None,
            // What it is until it has walked: nothing is said of it then.
            outcome: Err(DropReason::ShortFrame),
        };
        let Some(router) = &pipeline.router else { return story };
        story.way = way(router, frame);
        match frame.layout().network_kind() {
            Network::Ipv4 => story.look(router, &router.v4, frame, now),
            Network::Ipv6 => story.look(router, &router.v6, frame, now),
            Network::Other => {}
        }
        story
    }

    fn look<A: Routed>(
        &mut self,
        router: &Router,
        family: &Family<A>,
        frame: &Frame<'_>,
        now: Time,
    ) {
        let tuple = match frame.subject::<A>() {
            Subject::Flow(tuple) => tuple,
            Subject::Error(inner) => inner.inverted(),
            Subject::Fragment(_) | Subject::Nobody => return,
        };
        self.known = find(family, &tuple, now);
        let Tuple { protocol, destination, destination_port, .. } = tuple;
        if self.way == Way::Segment || !family.routes.is_own(destination) {
            return;
        }
        let published =
            router.shared.config.published.find(protocol, destination.into(), destination_port);
        self.called =
            published.map(|(address, port)| Called::Published(address, port)).or_else(|| {
                let (address, port) = family.nat.mapped(protocol, destination, destination_port)?;
                Some(Called::Mapping(address.into(), port))
            });
    }

    /// What the stages say of it after it has walked.
    pub fn finish(&mut self, pipeline: &Pipeline, frame: &Frame<'_>, outcome: Outcome, now: Time) {
        self.outcome = outcome;
        self.left = About::of(frame).ends();
        let Some(router) = &pipeline.router else { return };
        self.judged = router.shared.judged;
        if let (About::Flow(came), None) = (self.came, self.known) {
            self.begun = match came.source {
                IpAddr::V4(_) => begun(&router.v4, &came, now),
                IpAddr::V6(_) => begun(&router.v6, &came, now),
            };
        }
        let next = self.left.map(|ends| ends.destination);
        self.neighbour = next.and_then(|next| router.shared.gateway.neighbour(next, now));
    }
}

impl Pipeline {
    /// What was said of the frame before is not said of the next.
    pub fn forget_judgement(&mut self) {
        if let Some(router) = &mut self.router {
            router.shared.judged = None;
        }
    }

    /// What would be decided about a frame, a virtio header and what follows it, that came in now by
    /// `ingress`; nothing changes but the bytes, which become those that would leave.
    ///
    /// # Errors
    /// The [`DropReason`] of a frame that does not parse.
    pub fn explain(
        &self,
        ingress: PortId,
        bytes: &mut [u8],
        now: Time,
    ) -> Result<Story, DropReason> {
        let mut frame = Frame::parse(ingress, bytes)?;
        let mut copy = Self {
            switch: self.switch.clone(),
            limits: self.limits.clone(),
            router: self
                .router
                .as_ref()
                .map(|router| Box::new(router.copy_for(frame.layout().network_kind()))),
            outbox: self.outbox.clone(),
        };
        copy.forget_judgement();
        let mut story = Story::begin(&copy, &frame, now);
        let Walked { outcome, .. } = copy.walk(&mut frame, now);
        story.finish(&copy, &frame, outcome, now);
        Ok(story)
    }
}

impl Router {
    /// A copy in which only the tables of one family are those of this router.
    fn copy_for(&self, kind: Network) -> Self {
        let config = &self.shared.config;
        Self {
            v4: if kind == Network::Ipv4 { self.v4.clone() } else { Family::new(config) },
            v6: if kind == Network::Ipv6 { self.v6.clone() } else { Family::new(config) },
            shared: self.shared.clone(),
            unseen: self.unseen,
        }
    }
}

fn about<A: Routed>(frame: &Frame<'_>) -> About {
    let addresses = &frame.packet()[A::OFFSET..A::OFFSET + 2 * A::LEN];
    let bare = Ends {
        source: A::read(addresses).into(),
        destination: A::read(&addresses[A::LEN..]).into(),
        source_port: 0,
        destination_port: 0,
        protocol: frame.layout().protocol(),
    };
    match frame.subject::<A>() {
        Subject::Flow(tuple) => About::Flow(either(&tuple)),
        Subject::Error(inner) => About::Error(bare, either(&inner)),
        Subject::Fragment(tuple) => About::Fragment(either(&tuple)),
        Subject::Nobody => About::Nobody(bare),
    }
}

/// The tuple in either family.
fn either<A: Routed>(tuple: &Tuple<A>) -> Ends {
    Ends {
        source: tuple.source.into(),
        destination: tuple.destination.into(),
        source_port: tuple.source_port,
        destination_port: tuple.destination_port,
        protocol: tuple.protocol,
    }
}

fn way(router: &Router, frame: &Frame<'_>) -> Way {
    let gateway = &router.shared.gateway;
    if frame.layout().network_kind() == Network::Other {
        return Way::Segment;
    }
    if frame.ingress() == HOST {
        let down = gateway.next_hop_mac() == Some(frame.destination());
        return if down { Way::Down } else { Way::Segment };
    }
    if gateway.host_mac() == frame.destination() { Way::Up } else { Way::Segment }
}

fn find<A: Routed>(
    family: &Family<A>,
    tuple: &Tuple<A>,
    now: Time,
) -> Option<(FlowView, Direction)> {
    let hit = family.tracked.find(tuple, now)?;
    Some((family.tracked.view(hit.id, now)?, hit.direction))
}

fn begun<A: Routed>(family: &Family<A>, came: &Ends, now: Time) -> Option<FlowView> {
    let tuple = Tuple {
        source: A::of(came.source)?,
        destination: A::of(came.destination)?,
        source_port: came.source_port,
        destination_port: came.destination_port,
        protocol: came.protocol,
    };
    find(family, &tuple, now).map(|(flow, _)| flow)
}
