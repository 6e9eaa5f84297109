//! Which is the first exact rule that matches?
//!
//! A [`Pattern`] is one combination of a rule's values: each field has one value or none. Patterns that
//! have values in the same fields, and prefixes of the same lengths, have one [`Signature`] and lie in
//! one table. The key of a question for a signature is what is left of it when the other fields and
//! bits are blanked.
//!
//! States are not part of the key: an entry has the first rule for each of them.

use super::Question;
use crate::config::{Place, Rule};
use crate::flow::{FlowState, Zone};
use foldhash::fast::RandomState;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// One combination of the values that a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    from: Option<Place>,
    to: Option<Place>,
    protocol: Option<u8>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
}

impl Pattern {
    /// How many combinations `rule` has.
    pub(super) fn count(rule: &Rule) -> usize {
        let ports = |ranges: &[RangeInclusive<u16>]| match ranges {
            [] => 1,
            ranges => ranges.iter().map(ExactSizeIterator::len).sum(),
        };
        // A list that is too long to be multiplied is too long anyway.
        [rule.destinations.len().max(1), ports(&rule.source_ports), ports(&rule.destination_ports)]
            .into_iter()
            .fold(rule.sources.len().max(1), usize::saturating_mul)
    }

    /// Calls `each` with every combination of `rule`.
    pub(super) fn for_each(rule: &Rule, mut each: impl FnMut(Self)) {
        for source in any_or(rule.sources.iter().copied()) {
            for destination in any_or(rule.destinations.iter().copied()) {
                for source_port in any_or(rule.source_ports.iter().cloned().flatten()) {
                    for destination_port in any_or(rule.destination_ports.iter().cloned().flatten())
                    {
                        each(Self {
                            from: rule.from,
                            to: rule.to,
                            protocol: rule.protocol,
                            source,
                            destination,
                            source_port,
                            destination_port,
                        });
                    }
                }
            }
        }
    }

    fn signature(&self) -> Signature {
        Signature {
            from: self.from.into(),
            to: self.to.into(),
            protocol: self.protocol.is_some(),
            source: self.source.map(Bits::of),
            destination: self.destination.map(Bits::of),
            source_port: self.source_port.is_some(),
            destination_port: self.destination_port.is_some(),
        }
    }

    fn key(&self) -> Key {
        let bits = |net: Option<IpNet>| net.map_or(0, |net| Bits::of(net).all_of(net.addr()));
        Key {
            source: bits(self.source),
            destination: bits(self.destination),
            from: self.from.map_or(0, place_number),
            to: self.to.map_or(0, place_number),
            source_port: self.source_port.unwrap_or(0),
            destination_port: self.destination_port.unwrap_or(0),
            protocol: self.protocol.unwrap_or(0),
        }
    }
}

/// Every value, or once none if there are none.
fn any_or<T>(values: impl Iterator<Item = T>) -> impl Iterator<Item = Option<T>> {
    let mut values = values.map(Some).peekable();
    let none = if values.peek().is_none() { Some(None) } else { None };
    none.into_iter().chain(values)
}

/// How closely a zone is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Grain {
    Any,
    Namespaces,
    Exact,
}

impl From<Option<Place>> for Grain {
    fn from(place: Option<Place>) -> Self {
        match place {
            None => Self::Any,
            Some(Place::Namespaces) => Self::Namespaces,
            Some(Place::Port(_) | Place::Host | Place::Network(_) | Place::Outside) => Self::Exact,
        }
    }
}

impl Grain {
    /// What is left of a zone; `None` if no rule of this grain can match it.
    #[inline]
    fn of(self, zone: Zone) -> Option<u32> {
        match (self, zone) {
            (Self::Any, _) => Some(0),
            (Self::Namespaces, Zone::Port(_)) => Some(place_number(Place::Namespaces)),
            (Self::Namespaces, _) => None,
            (Self::Exact, Zone::Port(port)) => Some(place_number(Place::Port(port))),
            (Self::Exact, Zone::Host) => Some(place_number(Place::Host)),
            (Self::Exact, Zone::Network(id)) => Some(place_number(Place::Network(id))),
            (Self::Exact, Zone::Outside) => Some(place_number(Place::Outside)),
        }
    }
}

/// A number for each place: ports have their own, the others those behind a `u16`, networks the last.
#[inline]
fn place_number(place: Place) -> u32 {
    match place {
        Place::Port(port) => port.0.into(),
        Place::Namespaces => 1 << 16,
        Place::Host => 2 << 16,
        Place::Outside => 3 << 16,
        Place::Network(id) => (4_u32 << 16).saturating_add(id.0),
    }
}

/// How much of an address of which family is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Bits {
    v6: bool,
    mask: u128,
}

impl Bits {
    fn of(net: IpNet) -> Self {
        let mask = match net.netmask() {
            IpAddr::V4(mask) => u128::from(mask.to_bits()),
            IpAddr::V6(mask) => mask.to_bits(),
        };
        Self { v6: net.addr().is_ipv6(), mask }
    }

    fn all_of(self, address: IpAddr) -> u128 {
        let bits = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        bits & self.mask
    }

    /// What is left of an address; `None` if it is of the other family.
    #[inline]
    fn matching(bits: Option<Self>, address: IpAddr) -> Option<u128> {
        match bits {
            None => Some(0),
            Some(bits) if bits.v6 == address.is_ipv6() => Some(bits.all_of(address)),
            Some(_) => None,
        }
    }
}

/// Which fields are compared, and how much of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Signature {
    from: Grain,
    to: Grain,
    protocol: bool,
    source: Option<Bits>,
    destination: Option<Bits>,
    source_port: bool,
    destination_port: bool,
}

/// What a signature leaves of a question. The rest is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: u128,
    destination: u128,
    from: u32,
    to: u32,
    source_port: u16,
    destination_port: u16,
    protocol: u8,
}

impl Signature {
    /// The key of a question; `None` if no rule of this signature can match it.
    #[inline]
    fn key(&self, question: &Question) -> Option<Key> {
        let port = |looked_at, port| if looked_at { port } else { 0 };
        Some(Key {
            source: Bits::matching(self.source, question.source)?,
            destination: Bits::matching(self.destination, question.destination)?,
            from: self.from.of(question.from)?,
            to: self.to.of(question.to)?,
            // Rules with ports have a protocol that has ports, so others never get here.
            source_port: port(self.source_port, question.source_port),
            destination_port: port(self.destination_port, question.destination_port),
            protocol: if self.protocol { question.protocol } else { 0 },
        })
    }
}

/// No rule.
const NONE: u32 = u32::MAX;

/// The first rule for each state, at the state's place in [`FlowState::ALL`].
type Firsts = [u32; FlowState::ALL.len()];

#[derive(Clone, Debug)]
struct Table {
    signature: Signature,
    /// The first of its rules.
    lowest: u32,
    /// The same for each state.
    firsts: Firsts,
    entries: HashMap<Key, Firsts, RandomState>,
}

/// All exact rules by their signatures.
#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    /// While rules come in, where the table of a signature is.
    places: HashMap<Signature, usize, RandomState>,
    /// Those of the earliest rules first.
    tables: Vec<Table>,
}

impl Space {
    /// Adds a combination of rule `index`, for these states, or all if there are none. Rules come in
    /// their order.
    pub(super) fn insert(&mut self, pattern: &Pattern, index: u32, states: &[FlowState]) {
        let signature = pattern.signature();
        let place = *self.places.entry(signature).or_insert_with(|| {
            let entries = HashMap::default();
            self.tables.push(Table { signature, lowest: index, firsts: [NONE; _], entries });
            self.tables.len() - 1
        });
        let table = &mut self.tables[place];
        let firsts = table.entries.entry(pattern.key()).or_insert([NONE; _]);
        for &state in if states.is_empty() { &FlowState::ALL } else { states } {
            let state = state as usize;
            firsts[state] = firsts[state].min(index);
            table.firsts[state] = table.firsts[state].min(index);
        }
    }

    /// All rules are in. The tables are in the order of their first rules already.
    pub(super) fn finish(&mut self) {
        self.places = HashMap::default();
        for table in &mut self.tables {
            table.entries.shrink_to_fit();
        }
    }

    /// The first rule that matches. `step` is called for each probe.
    pub(super) fn first(&self, question: &Question, mut step: impl FnMut()) -> Option<u32> {
        let state = question.state as usize;
        let mut first = NONE;
        for table in &self.tables {
            if table.lowest >= first {
                break;
            }
            if table.firsts[state] >= first {
                continue;
            }
            let Some(key) = table.signature.key(question) else { continue };
            step();
            if let Some(firsts) = table.entries.get(&key) {
                first = first.min(firsts[state]);
            }
        }
        (first != NONE).then_some(first)
    }
}
