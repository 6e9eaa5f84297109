//! What is a rule before ports have numbers?
//!
//! A file names sandboxes. Which switch port a sandbox has is known when its endpoint is made, and may
//! be another one after it was made again: so a [`Rule`] keeps the names, and [`Rule::compile`] makes
//! the dataplane's rule of it.

use super::words::{ports_in_words, protocol_in_words, verdict_in_words};
use crate::model::{NetworkName, SandboxName};
use dataplane::config::{self, Action, RuleError};
use dataplane::flow::FlowState;
use dataplane::outcome::PortId;
use ipnet::IpNet;
use std::fmt;
use std::ops::RangeInclusive;

/// One rule, with the names of sandboxes. What is `None` or empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Where it was written.
    pub origin: Origin,
    /// Where packets come from.
    pub from: Option<Place>,
    /// Where they go.
    pub to: Option<Place>,
    /// The IP protocol number.
    pub protocol: Option<u8>,
    /// Source prefixes.
    pub sources: Vec<IpNet>,
    /// Destination prefixes.
    pub destinations: Vec<IpNet>,
    /// Source ports, of TCP and UDP.
    pub source_ports: Vec<RangeInclusive<u16>>,
    /// Destination ports, of TCP and UDP.
    pub destination_ports: Vec<RangeInclusive<u16>>,
    /// States.
    pub states: Vec<FlowState>,
    /// What becomes of what matches.
    pub action: Action,
}

/// A set of zones as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// One sandbox.
    Sandbox(SandboxName),
    /// Any sandbox of the network.
    Namespaces,
    /// The host itself.
    Host,
    /// Another network.
    Network(NetworkName),
    /// What is reached through the host, and is no network of it.
    Outside,
}

/// What is written before the name of another network.
pub(super) const NETWORK: &str = "network:";

/// Where a rule was written, for people: `rules.toml:12`. It is no part of what the rule says, so all
/// origins are equal: a rule that moved in its file is the same rule.
#[derive(Clone, Debug, Default)]
pub struct Origin(pub String);

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Rule {
    /// The sandboxes that the rule names, with the field that does.
    pub fn sandboxes(&self) -> impl Iterator<Item = (&'static str, &SandboxName)> {
        [("from", &self.from), ("to", &self.to)].into_iter().filter_map(
            |(field, place)| match place {
                Some(Place::Sandbox(name)) => Some((field, name)),
                _ => None,
            },
        )
    }

    /// The other networks that the rule names, with the field that does.
    pub fn networks(&self) -> impl Iterator<Item = (&'static str, &NetworkName)> {
        [("from", &self.from), ("to", &self.to)].into_iter().filter_map(
            |(field, place)| match place {
                Some(Place::Network(name)) => Some((field, name)),
                _ => None,
            },
        )
    }

    /// The rule for the dataplane, with the switch ports that `port` finds for sandboxes; `None` if a
    /// sandbox has none, for then nothing can match.
    pub fn compile(&self, port: impl Fn(&SandboxName) -> Option<PortId>) -> Option<config::Rule> {
        let place = |place: &Option<Place>| match place {
            None => Some(None),
            Some(Place::Sandbox(name)) => port(name).map(config::Place::Port).map(Some),
            Some(Place::Namespaces) => Some(Some(config::Place::Namespaces)),
            Some(Place::Host) => Some(Some(config::Place::Host)),
            Some(Place::Network(name)) => Some(Some(config::Place::Network(name.id()))),
            Some(Place::Outside) => Some(Some(config::Place::Outside)),
        };
        Some(config::Rule {
            place: self.origin.0.clone(),
            from: place(&self.from)?,
            to: place(&self.to)?,
            protocol: self.protocol,
            sources: self.sources.clone(),
            destinations: self.destinations.clone(),
            source_ports: self.source_ports.clone(),
            destination_ports: self.destination_ports.clone(),
            states: self.states.clone(),
            action: self.action,
        })
    }

    /// Does the rule make sense?
    ///
    /// # Errors
    /// See [`config::Rule::check`].
    pub fn check(&self) -> Result<(), RuleError> {
        // Which port it is does not matter to that.
        self.compile(|_| Some(PortId(1))).map_or(Ok(()), |rule| rule.check())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox(name) => name.fmt(f),
            Self::Namespaces => f.pad("namespaces"),
            Self::Host => f.pad("host"),
            Self::Network(name) => f.pad(&format!("{NETWORK}{name}")),
            Self::Outside => f.pad("outside"),
        }
    }
}

/// The fields in the words of the file: `from outside to web protocol tcp port 80: accept`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T>(items: &[T], words: impl Fn(&T) -> String) -> String {
            items.iter().map(words).collect::<Vec<_>>().join(",")
        }
        let fields = [
            ("from", self.from.as_ref().map(Place::to_string).unwrap_or_default()),
            ("to", self.to.as_ref().map(Place::to_string).unwrap_or_default()),
            ("protocol", self.protocol.map(protocol_in_words).unwrap_or_default()),
            ("source", list(&self.sources, IpNet::to_string)),
            ("destination", list(&self.destinations, IpNet::to_string)),
            ("source-port", list(&self.source_ports, ports_in_words)),
            ("port", list(&self.destination_ports, ports_in_words)),
            ("state", list(&self.states, |state| state.name().to_owned())),
        ];
        let said: Vec<String> = fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(field, value)| format!("{field} {value}"))
            .collect();
        let matches = if said.is_empty() { "everything".to_owned() } else { said.join(" ") };
        write!(f, "{matches}: {}", verdict_in_words(self.action))
    }
}
