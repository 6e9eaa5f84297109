//! What was decided about a frame, stage by stage, in plain words.
//!
//! A stage that had no part in it has no step.

use crate::capture::Names;
use crate::capture::words::{ends, judgement, pair, verdict};
use dataplane::conntrack::FlowView;
use dataplane::filter::By;
use dataplane::flow::Direction;
use dataplane::outcome::{DropReason, PortId, Verdict};
use dataplane::pipeline::Story;
use dataplane::pipeline::story::{About, Called, Ends, Way};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// What one stage decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The stage: `packet`, `admit`, `switch`, `conntrack`, `publish`, `rules`, `nat`, `neighbour` or
    /// `verdict`.
    pub stage: String,
    /// What it decided, in words.
    pub words: String,
}

/// What was or would be decided about a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// When it came, in nanoseconds since 1970; absent for a packet that was only described.
    pub time: Option<u64>,
    /// Step by step, in the order of the stages.
    pub steps: Vec<Step>,
    /// `forwarded`, `flooded`, `answered`, `held` or `dropped`.
    pub verdict: String,
    /// The port that it goes out of, if it is one.
    pub port: Option<String>,
    /// Why it was dropped, if it was: the reason's stable name.
    pub reason: Option<String>,
}

impl Explanation {
    /// Tells a story.
    pub fn of(story: &Story, time: Option<u64>, names: &Names) -> Self {
        let told = [
            Some(("packet", packet(story, names))),
            admit(story, names).map(|words| ("admit", words)),
            switch(story, names).map(|words| ("switch", words)),
            conntrack(story).map(|words| ("conntrack", words)),
            publish(story).map(|words| ("publish", words)),
            rules(story, names).map(|words| ("rules", words)),
            nat(story).map(|words| ("nat", words)),
            neighbour(story, names).map(|words| ("neighbour", words)),
            Some(("verdict", verdict(&story.outcome, names).to_string())),
        ];
        let step = |(stage, words): (&str, String)| Step { stage: stage.to_owned(), words };
        let (kind, port) = match story.outcome {
            Ok(Verdict::Unicast(port)) => ("forwarded", Some(names.port(port).into_owned())),
            Ok(Verdict::Flood) => ("flooded", None),
            Ok(Verdict::Answered) => ("answered", None),
            Ok(Verdict::Held) => ("held", None),
            Err(_) => ("dropped", None),
        };
        Self {
            time,
            steps: told.into_iter().flatten().map(step).collect(),
            verdict: kind.to_owned(),
            port,
            reason: story.outcome.err().map(|reason| reason.name().to_owned()),
        }
    }
}

/// Numbered lines.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Step { stage, words }) in (1..).zip(&self.steps) {
            writeln!(f, "{number}. {stage:<10} {words}")?;
        }
        Ok(())
    }
}

fn packet(story: &Story, names: &Names) -> String {
    let what = match &story.came {
        About::Flow(came) | About::Nobody(came) => ends(came).to_string(),
        About::Error(came, about) => format!("{}, an ICMP error about {}", ends(came), ends(about)),
        About::Fragment(came) => format!("{}, a later fragment", ends(came)),
        About::NotIp => "a frame that is not IP".to_owned(),
    };
    let (source, destination) = story.macs;
    format!("{what}, comes in by {} from {source} to {destination}", names.port(story.ingress))
}

fn admit(story: &Story, names: &Names) -> Option<String> {
    let (source, port) = (story.macs.0, names.port(story.ingress));
    if story.outcome == Err(DropReason::SourceCheck) {
        return Some(format!("{source} is not the MAC of {port}, which may send from no other"));
    }
    Some(match story.source_home {
        Some(home) if home == story.ingress => format!("{source} lives behind {port}, as known"),
        Some(home) if story.outcome == Err(DropReason::StaticMacElsewhere) => {
            format!(
                "{source} is given to {}, and may not be learned behind {port}",
                names.port(home)
            )
        }
        Some(home) => {
            format!("{source} lived behind {}, and is learned behind {port} now", names.port(home))
        }
        None => format!("{source} was not known, and is learned behind {port}"),
    })
}

/// Did the frame die before the switch had its say?
fn is_refused(story: &Story) -> bool {
    story.outcome.is_err_and(|reason| reason < DropReason::ReservedGroup)
}

fn switch(story: &Story, names: &Names) -> Option<String> {
    if is_refused(story) {
        return None;
    }
    let destination = story.macs.1;
    Some(match (story.way, story.home) {
        (Way::Up, _) => {
            format!("{destination} is the host's MAC: it leaves the segment and is routed")
        }
        (Way::Down, _) => {
            format!(
                "{destination} is our next hop's: the host sends it from outside or another network, \
                 or back to who called"
            )
        }
        (Way::Segment, _) if destination.is_group() => {
            format!("{destination} is a group: it is for all of the segment")
        }
        (Way::Segment, Some(home)) => {
            format!("{destination} lives behind {}: it stays on the segment", names.port(home))
        }
        (Way::Segment, None) => {
            format!("nobody knows where {destination} lives: it is for all of the segment")
        }
    })
}

fn conntrack(story: &Story) -> Option<String> {
    match (&story.known, &story.begun) {
        (Some((flow, direction)), _) => {
            let which = match direction {
                Direction::Original => "with",
                Direction::Reply => "against",
            };
            let state =
                flow.tcp_state.unwrap_or(if flow.unreplied { "unreplied" } else { "replied" });
            let what = match story.came {
                About::Error(..) => "it is about",
                _ => "it belongs to",
            };
            let begun = flow_ends(flow);
            Some(format!(
                "{what} a known flow ({state}), begun as {}; it goes {which} it",
                ends(&begun)
            ))
        }
        (None, Some(_)) => Some("it begins a flow, which is tracked from here on".to_owned()),
        (None, None) if story.outcome == Err(DropReason::CtInvalid) => {
            Some("it belongs to no flow, and cannot begin one".to_owned())
        }
        (None, None) => None,
    }
}

fn flow_ends(flow: &FlowView) -> Ends {
    let (source, destination, source_port, destination_port) = flow.original;
    Ends { source, destination, source_port, destination_port, protocol: flow.protocol }
}

fn publish(story: &Story) -> Option<String> {
    if story.known.is_some() {
        return None;
    }
    let came = story.came.ends()?;
    let called = SocketAddr::new(came.destination, came.destination_port);
    story.called.map(|called_is| match called_is {
        Called::Published(address, port) => {
            format!("{called} is published, and leads to {}", SocketAddr::new(address, port))
        }
        Called::Mapping(address, port) => {
            format!("{called} is what NAT gave to {}", SocketAddr::new(address, port))
        }
    })
}

fn rules(story: &Story, names: &Names) -> Option<String> {
    match story.judged {
        Some(judged) if judged.by == By::Flow => {
            Some("no rule matches; it passes, for its flow was let pass".to_owned())
        }
        Some(judged) if matches!(judged.by, By::Rule(_)) => {
            Some(format!("{}, the first that matches", judgement(judged, names)))
        }
        Some(judged) => Some(format!("no rule matches; {}", judgement(judged, names))),
        None if story.known.is_some() && story.outcome.is_ok() && story.way != Way::Segment => {
            Some("none is asked again: its flow was let pass, or there are none".to_owned())
        }
        None => None,
    }
}

fn nat(story: &Story) -> Option<String> {
    let (came, left) = (story.came.ends()?, story.left?);
    if story.way == Way::Segment || story.outcome.is_err() {
        return None;
    }
    if came == left {
        return Some("nothing is translated".to_owned());
    }
    let source = (came.source, came.source_port) != (left.source, left.source_port);
    let destination =
        (came.destination, came.destination_port) != (left.destination, left.destination_port);
    let which = match (source, destination) {
        (true, true) => "source and destination change",
        (true, false) => "its source changes",
        _ => "its destination changes",
    };
    Some(format!("{which}: it goes on as {}", pair(&left)))
}

fn neighbour(story: &Story, names: &Names) -> Option<String> {
    let next = story.left?.destination;
    match (story.outcome, story.neighbour) {
        (Ok(Verdict::Unicast(egress)), Some((mac, port)))
            if story.way != Way::Segment && egress == port && egress != PortId(0) =>
        {
            Some(format!("{next} is at {mac} behind {}", names.port(port)))
        }
        (Ok(Verdict::Unicast(PortId(0))), _) if story.way == Way::Up => {
            Some(format!("the host takes it on to {next}"))
        }
        (Ok(Verdict::Unicast(PortId(0))), _) if story.way == Way::Down => {
            Some("it is for nobody in the network: the host has it back".to_owned())
        }
        (Ok(Verdict::Held) | Err(DropReason::Unresolved), None) => {
            Some(format!("nobody has said yet where {next} is: all namespaces are asked"))
        }
        _ => None,
    }
}
