//! What happened to a frame, in plain words?
//!
//! The comment of a captured frame is a few phrases, each behind a `; `:
//!
//! ```text
//! forwarded to ub0; tcp 172.16.1.2:43210 > 198.51.100.7:443 becomes 192.0.2.1:43210 > 198.51.100.7:443
//! dropped: no-icc (Namespaces of this network do not begin flows to each other (`--icc=false`).)
//! from ub0-1; was tcp 172.16.1.2:43210 > 198.51.100.7:443; checksum not filled in
//! ```

use dataplane::capture::{Seen, Sighting};
use dataplane::config::Action;
use dataplane::filter::{By, Judgement};
use dataplane::outcome::{DropReason, Outcome, PortId, Verdict};
use dataplane::pipeline::Fate;
use dataplane::pipeline::story::Ends;
use dataplane::wire::vnet::VnetHeader;
use dataplane::wire::{icmp, tcp, udp};
use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::net::SocketAddr;

/// The names of what a network has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of its ports, each at its number; empty where there is none.
    pub ports: Vec<String>,
    /// Where its rules were written, in their order.
    pub rules: Vec<String>,
}

impl Names {
    /// The name of a port.
    pub fn port(&self, id: PortId) -> Cow<'_, str> {
        let name = self.ports.get(id.index()).filter(|name| !name.is_empty());
        name.map_or_else(|| format!("port {id}").into(), |name| name.as_str().into())
    }

    /// From now on a port has this name.
    pub fn name(&mut self, id: PortId, name: String) {
        let ports = &mut self.ports;
        ports.resize(ports.len().max(id.index() + 1), String::new());
        ports[id.index()] = name;
    }

    /// Who judged, as the subject of a sentence: the rule by file and line, or by its number and where it
    /// came from if it has no line; or what else it was.
    pub fn judge(&self, by: By) -> String {
        let has_line = |place: &str| {
            let line = place.rsplit_once(':').map(|(_, line)| line.parse::<usize>());
            matches!(line, Some(Ok(_)))
        };
        match by {
            By::Rule(index) => match self.rules.get(index as usize) {
                Some(place) if has_line(place) => format!("rule {place}"),
                Some(place) => format!("rule {index} ({place})"),
                None => format!("rule {index}"),
            },
            By::Flow => "the flow's being let pass before".to_owned(),
            By::Icc => "--icc=false".to_owned(),
            By::Isolation => "the isolation of networks".to_owned(),
            By::Policy => "the policy".to_owned(),
        }
    }
}

/// Appends the comment of a captured frame.
pub fn comment(sighting: &Sighting, names: &Names, to: &mut String) {
    let mut phrases = Phrases { start: to.len(), to };
    match &sighting.seen {
        Seen::Came(fate) => came(fate, names, &mut phrases),
        Seen::Refused(reason) => phrases.add(dropped(*reason)),
        Seen::Left { from, came, goes, taken } => {
            match from {
                Some(port) => phrases.add(format_args!("from {}", names.port(*port))),
                None => phrases.add("from udp-bridge itself"),
            }
            if let Some(came) = came.filter(|came| Some(*came) != *goes) {
                phrases.add(format_args!("was {}", ends(&came)));
            }
            if let Err(reason) = *taken {
                phrases.add(format_args!("not sent, {}", dropped(reason)));
            }
        }
    }
    undone(&sighting.offload, &mut phrases);
}

/// Phrases with a `; ` between two.
struct Phrases<'t> {
    to: &'t mut String,
    /// Where the first one begins.
    start: usize,
}

impl Phrases<'_> {
    fn add(&mut self, phrase: impl Display) {
        if self.to.len() > self.start {
            self.to.push_str("; ");
        }
        // A string takes all that is written to it.
        let _ = write!(self.to, "{phrase}");
    }
}

fn came(fate: &Fate, names: &Names, phrases: &mut Phrases<'_>) {
    phrases.add(verdict(&fate.outcome, names));
    // What NAT made of its ends, if it did anything.
    if let (Some(came), Some(left)) = (fate.came, fate.left)
        && came != left
    {
        phrases.add(format_args!("{} becomes {}", ends(&came), pair(&left)));
    }
    if let Some(judged) = fate.judged.filter(|judged| judged.by != By::Flow) {
        phrases.add(judgement(judged, names));
    }
}

/// What became of a frame.
pub fn verdict(outcome: &Outcome, names: &Names) -> impl Display {
    fmt::from_fn(|f| match outcome {
        Ok(Verdict::Unicast(port)) => write!(f, "forwarded to {}", names.port(*port)),
        Ok(Verdict::Flood) => f.write_str("flooded"),
        Ok(Verdict::Answered) => f.write_str("answered by udp-bridge itself"),
        Ok(Verdict::Held) => f.write_str("held until its neighbour or first fragment is known"),
        Err(reason) => dropped(*reason).fmt(f),
    })
}

fn dropped(reason: DropReason) -> impl Display {
    fmt::from_fn(move |f| write!(f, "dropped: {} ({})", reason.name(), reason.explain()))
}

/// Who judged, and how.
pub fn judgement(judgement: Judgement, names: &Names) -> impl Display {
    let verb = match judgement.action {
        Action::Accept => "accepts",
        Action::Drop => "drops",
        Action::Reject => "rejects",
    };
    fmt::from_fn(move |f| write!(f, "{} {verb}", names.judge(judgement.by)))
}

/// What the sender left to whoever sends the frame on.
fn undone(offload: &VnetHeader, phrases: &mut Phrases<'_>) {
    if offload.needs_checksum() {
        phrases.add("checksum not filled in");
    }
    if offload.gso_kind() != dataplane::wire::vnet::gso::NONE {
        let size = offload.gso_size.get();
        phrases.add(format_args!("super-frame, to be cut at {size} bytes"));
    }
}

/// The ends of a packet with its protocol.
pub fn ends(ends: &Ends) -> impl Display {
    fmt::from_fn(|f| write!(f, "{} {}", protocol(ends.protocol), pair(ends)))
}

/// The ends alone.
pub fn pair(ends: &Ends) -> impl Display {
    let &Ends { source, destination, source_port, destination_port, protocol } = ends;
    fmt::from_fn(move |f| match protocol {
        tcp::PROTOCOL | udp::PROTOCOL => {
            let ends = [(source, source_port), (destination, destination_port)];
            let [source, destination] = ends.map(|(address, port)| SocketAddr::new(address, port));
            write!(f, "{source} > {destination}")
        }
        icmp::PROTOCOL | icmp::PROTOCOL_V6 if (source_port, destination_port) != (0, 0) => {
            // A request is (identifier, type), a reply the other way round.
            let requests = [u16::from(icmp::v4::ECHO_REQUEST), u16::from(icmp::v6::ECHO_REQUEST)];
            let is_request = requests.contains(&destination_port);
            let id = if is_request { source_port } else { destination_port };
            let kind = if is_request { "request" } else { "reply" };
            write!(f, "{source} > {destination} {kind} id {id}")
        }
        _ => write!(f, "{source} > {destination}"),
    })
}

/// A protocol's name or number.
pub fn protocol(number: u8) -> Cow<'static, str> {
    match number {
        tcp::PROTOCOL => "tcp".into(),
        udp::PROTOCOL => "udp".into(),
        icmp::PROTOCOL => "icmp".into(),
        icmp::PROTOCOL_V6 => "icmp6".into(),
        other => format!("protocol {other}").into(),
    }
}

/// The time of the day, UTC, of nanoseconds since 1970.
pub fn time(stamp: u64) -> String {
    let (seconds, nanos) = (stamp / 1_000_000_000, stamp % 1_000_000_000);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{nanos:09}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(source: &str, destination: &str) -> Ends {
        let [source, destination]: [SocketAddr; 2] =
            [source, destination].map(|s| s.parse().unwrap());
        Ends {
            source: source.ip(),
            destination: destination.ip(),
            source_port: source.port(),
            destination_port: destination.port(),
            protocol: 6,
        }
    }

    #[test]
    fn a_frame_that_leaves_says_where_it_came_from_and_as_what() {
        let names = Names { ports: vec!["ub0".to_owned(), "ub0-1".to_owned()], rules: Vec::new() };
        let came = tcp("172.16.1.2:1000", "198.51.100.7:443");
        let goes = tcp("192.0.2.1:61000", "198.51.100.7:443");
        let seen = |from, came, taken| Seen::Left { from, came, goes: Some(goes), taken };
        let says = |seen, offload| {
            // What is there stays.
            let mut text = "here: ".to_owned();
            comment(&Sighting::new(1, PortId(0), 60, offload, seen), &names, &mut text);
            text.strip_prefix("here: ").unwrap().to_owned()
        };
        let super_frame =
            VnetHeader { flags: 1, gso_type: 1, gso_size: 1400.into(), ..VnetHeader::default() };
        assert_eq!(
            says(seen(Some(PortId(1)), Some(came), Ok(())), super_frame),
            "from ub0-1; was tcp 172.16.1.2:1000 > 198.51.100.7:443; checksum not filled in; \
             super-frame, to be cut at 1400 bytes"
        );
        let plain = VnetHeader::default();
        assert_eq!(says(seen(Some(PortId(1)), Some(goes), Ok(())), plain), "from ub0-1");
        assert_eq!(
            says(seen(None, None, Err(DropReason::EgressDown)), plain),
            "from udp-bridge itself; not sent, dropped: egress-down (The egress interface is down.)"
        );
        let refused = Seen::Refused(DropReason::ShortFrame);
        assert!(says(refused, plain).starts_with("dropped: short-frame (The frame is shorter"));
    }

    #[test]
    fn pings_are_told_by_their_identifier() {
        let mut ping = tcp("172.16.1.2:77", "[::1]:8");
        ping.protocol = 1;
        ping.destination = "10.0.0.1".parse().unwrap();
        assert_eq!(ends(&ping).to_string(), "icmp 172.16.1.2 > 10.0.0.1 request id 77");
        assert_eq!(
            ends(&ping.inverted_ends()).to_string(),
            "icmp 10.0.0.1 > 172.16.1.2 reply id 77"
        );
    }

    trait Inverted {
        fn inverted_ends(&self) -> Self;
    }

    impl Inverted for Ends {
        fn inverted_ends(&self) -> Self {
            Self {
                source: self.destination,
                destination: self.source,
                source_port: self.destination_port,
                destination_port: self.source_port,
                protocol: self.protocol,
            }
        }
    }
}
