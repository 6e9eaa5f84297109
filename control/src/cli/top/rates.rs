//! What happened between two samples, by the second?
//!
//! A port, flow or reason that was not there before began at zero. A count that went back belongs to
//! another thing of the same name, which began at zero too.

use super::sample::{NetworkSample, Sample};
use crate::api::flow::{FlowHalf, FlowInfo, FlowNumbers};
use crate::api::protocol::{FillInfo, PortInfo};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

/// By what ports are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The busiest first.
    Traffic,
    /// The one with most drops and unread frames first.
    Drops,
    /// As they are numbered.
    Number,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Traffic => Self::Drops,
            Self::Drops => Self::Number,
            Self::Number => Self::Traffic,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Drops => "drops",
            Self::Number => "number",
        }
    }
}

/// All that is shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// Names and ages of the networks.
    pub(super) networks: Vec<(String, Duration)>,
    pub(super) ports: Vec<PortRate>,
    /// Busiest first.
    pub(super) flows: Vec<FlowRate>,
    /// Most of a second first.
    pub(super) drops: Vec<DropRate>,
    pub(super) fills: Vec<Fill>,
}

/// A port by the second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PortRate {
    /// Place of the network and number of the port.
    number: (usize, u16),
    pub(super) name: String,
    pub(super) alive: bool,
    pub(super) received_bits: f64,
    pub(super) sent_bits: f64,
    pub(super) received_frames: f64,
    pub(super) sent_frames: f64,
    pub(super) dropped: f64,
    pub(super) unread: f64,
}

/// A flow by the second, both directions together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FlowRate {
    pub(super) protocol: u8,
    pub(super) source: (IpAddr, Option<u16>),
    pub(super) destination: (IpAddr, Option<u16>),
    pub(super) bits: f64,
    pub(super) packets: f64,
    pub(super) state: Option<String>,
}

/// Frames that died of one reason at one port.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DropRate {
    pub(super) port: String,
    pub(super) reason: String,
    pub(super) explanation: String,
    pub(super) by_second: f64,
    pub(super) total: u64,
}

/// A table of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) network: String,
    pub(super) table: &'static str,
    pub(super) fill: FillInfo,
}

impl Rates {
    /// What happened from `before` to `now`.
    pub(super) fn between(before: &Sample, now: &Sample, order: Order) -> Self {
        let seconds = (now.at - before.at).as_secs_f64().max(0.001);
        let mut rates = Self::default();
        for (place, network) in now.networks.iter().enumerate() {
            let name = &network.network.name;
            let known = before.networks.iter().find(|it| it.network.name == *name);
            let span = Span { before: known, now: network, seconds };
            let uptime = Duration::from_secs(network.network.uptime_seconds);
            rates.networks.push((name.clone(), uptime));
            rates.ports.extend(span.ports(place));
            rates.flows.extend(span.flows());
            rates.drops.extend(span.drops());
            rates.fills.extend(fills(network));
        }
        rates.flows.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        rates.drops.sort_by(|a, b| {
            b.by_second.total_cmp(&a.by_second).then_with(|| b.total.cmp(&a.total))
        });
        rates.sort(order);
        rates
    }

    /// Sorts the ports.
    pub(super) fn sort(&mut self, order: Order) {
        let lost = |port: &PortRate| port.dropped + port.unread;
        let traffic = |port: &PortRate| port.received_bits + port.sent_bits;
        self.ports.sort_by(|a, b| {
            let by_order = match order {
                Order::Traffic => traffic(b).total_cmp(&traffic(a)),
                Order::Drops => lost(b).total_cmp(&lost(a)),
                Order::Number => std::cmp::Ordering::Equal,
            };
            by_order.then_with(|| a.number.cmp(&b.number))
        });
    }
}

/// Two samples of one network.
struct Span<'s> {
    before: Option<&'s NetworkSample>,
    now: &'s NetworkSample,
    seconds: f64,
}

impl Span<'_> {
    fn ports(&self, place: usize) -> impl Iterator<Item = PortRate> {
        let known = index(self.before.map_or(&[][..], |it| &it.ports), |port| port.number);
        self.now.ports.iter().map(move |port| {
            let before = known.get(&port.number).copied();
            let rate = |count: fn(&PortInfo) -> u64| self.rate(count(port), before.map(count));
            PortRate {
                number: (place, port.number),
                name: port.name.clone(),
                alive: port.alive,
                received_bits: 8.0 * rate(|it| it.counters.received_bytes),
                sent_bits: 8.0 * rate(|it| it.counters.sent_bytes),
                received_frames: rate(|it| it.counters.received_frames),
                sent_frames: rate(|it| it.counters.sent_frames),
                dropped: rate(|it| it.counters.dropped_frames),
                unread: rate(|it| it.ring_drops.unwrap_or_default()),
            }
        })
    }

    fn flows(&self) -> impl Iterator<Item = FlowRate> {
        let known = index(self.before.map_or(&[][..], |it| &it.flows), ends);
        self.now.flows.iter().map(move |flow| {
            let before = known.get(&ends(flow)).copied();
            let rate = |count: fn(&FlowHalf) -> u64| {
                let both = |flow: &FlowInfo| count(&flow.original) + count(&flow.reply);
                self.rate(both(flow), before.map(both))
            };
            let (source, destination) = match flow.original.numbers {
                FlowNumbers::Ports { source_port, destination_port } => {
                    (Some(source_port), Some(destination_port))
                }
                FlowNumbers::Query { .. } | FlowNumbers::Nothing {} => (None, None),
            };
            FlowRate {
                protocol: flow.protocol,
                source: (flow.original.source, source),
                destination: (flow.original.destination, destination),
                bits: 8.0 * rate(|half| half.bytes),
                packets: rate(|half| half.packets),
                state: flow.state.clone(),
            }
        })
    }

    fn drops(&self) -> impl Iterator<Item = DropRate> {
        let known = index(self.before.map_or(&[][..], |it| &it.ports), |port| port.number);
        self.now.ports.iter().flat_map(move |port| {
            let before = known.get(&port.number).copied();
            port.counters.drops.iter().map(move |drop| {
                let earlier = before.map(|port| {
                    let same = port.counters.drops.iter().find(|it| it.reason == drop.reason);
                    same.map_or(0, |it| it.frames)
                });
                DropRate {
                    port: port.name.clone(),
                    reason: drop.reason.clone(),
                    explanation: drop.explanation.clone(),
                    by_second: self.rate(drop.frames, earlier),
                    total: drop.frames,
                }
            })
        })
    }

    /// Nothing is known of the time before the first sample of a network.
    fn rate(&self, now: u64, before: Option<u64>) -> f64 {
        let before = match (before, self.before) {
            (Some(before), _) if before <= now => before,
            (None, None) => now,
            _ => 0,
        };
        (now - before) as f64 / self.seconds
    }
}

fn index<T, K: Eq + Hash>(all: &[T], key: impl Fn(&T) -> K) -> HashMap<K, &T> {
    all.iter().map(|it| (key(it), it)).collect()
}

/// What tells a flow from others.
fn ends(flow: &FlowInfo) -> (u8, IpAddr, IpAddr, u16, u16) {
    let (first, second) = match flow.original.numbers {
        FlowNumbers::Ports { source_port, destination_port } => (source_port, destination_port),
        FlowNumbers::Query { kind, id, .. } => (u16::from(kind), id),
        FlowNumbers::Nothing {} => (0, 0),
    };
    (flow.protocol, flow.original.source, flow.original.destination, first, second)
}

fn fills(sample: &NetworkSample) -> impl Iterator<Item = Fill> {
    let tables = [("FDB", sample.tables.fdb), ("flows", sample.tables.flows)];
    tables.into_iter().map(|(table, fill)| {
        let network = sample.network.name.clone();
        Fill { network, table, fill }
    })
}
