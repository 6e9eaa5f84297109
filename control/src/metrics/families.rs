//! Which metrics are there, and with which labels?

use super::{NetworkScrape, Scrape};
use crate::api::protocol::{Hits, PortInfo, PublishedInfo};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// A scrape as a collector of metrics.
#[derive(Debug)]
pub(super) struct Families(pub(super) Scrape);

/// The labels of one value.
type Labels<'s, const N: usize> = [(&'static str, &'s str); N];

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let networks = &self.0.networks;
        of_networks(&mut encoder, networks)?;
        of_tables(&mut encoder, networks)?;
        of_ports(&mut encoder, networks)?;
        of_published(&mut encoder, networks)?;
        of_rules(&mut encoder, networks)
    }
}

fn of_networks(to: &mut DescriptorEncoder<'_>, networks: &[NetworkScrape]) -> fmt::Result {
    let described: Vec<_> = networks
        .iter()
        .map(|scrape| {
            let network = &scrape.network;
            let subnet6 = network.subnet6.map(|subnet| subnet.to_string()).unwrap_or_default();
            (network, network.subnet.to_string(), subnet6)
        })
        .collect();
    let values = described.iter().map(|(network, subnet, subnet6)| {
        let labels = [
            ("network", network.name.as_str()),
            ("subnet", subnet),
            ("subnet6", subnet6),
            ("host_interface", &network.host_if),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        (labels, 1)
    });
    gauge(to, "network_info", "A network and what it is made of; always 1", values)?;
    let values = networks.iter().map(|scrape| {
        // A number of seconds that a gauge holds.
        (named(scrape), scrape.network.uptime_seconds as i64)
    });
    gauge(to, "network_uptime_seconds", "Seconds since the network was ready", values)
}

fn of_tables(to: &mut DescriptorEncoder<'_>, networks: &[NetworkScrape]) -> fmt::Result {
    let known: Vec<_> =
        networks.iter().filter_map(|scrape| Some((named(scrape), scrape.tables?))).collect();
    let each = |value: fn(&crate::api::protocol::TablesInfo) -> u64| {
        // The limits of tables are far below 2^63.
        known.iter().map(move |(labels, tables)| (*labels, value(tables) as i64))
    };
    gauge(to, "fdb_entries", "MACs in the forwarding database", each(|it| it.fdb.used))?;
    gauge(to, "fdb_entries_limit", "MACs that it can hold", each(|it| it.fdb.limit))?;
    gauge(to, "conntrack_flows", "Tracked flows", each(|it| it.flows.used))?;
    gauge(
        to,
        "conntrack_flows_limit",
        "Flows that can be tracked; 0 without a router",
        each(|it| it.flows.limit),
    )?;
    gauge(to, "nat_ports_in_use", "External ports that mappings hold", each(|it| it.nat_ports))
}

fn of_ports(to: &mut DescriptorEncoder<'_>, networks: &[NetworkScrape]) -> fmt::Result {
    let ports = || {
        networks.iter().flat_map(|scrape| {
            scrape.ports.iter().map(move |port| {
                let labels = [("network", scrape.network.name.as_str()), ("port", &port.name)];
                (labels, port)
            })
        })
    };
    let each = |value: fn(&PortInfo) -> u64| ports().map(move |(labels, it)| (labels, value(it)));
    let alive = ports().map(|(labels, port)| (labels, i64::from(port.alive)));
    gauge(to, "port_up", "1 while the port's device is there", alive)?;
    let counted = |it: fn(&PortInfo) -> u64| each(it);
    counter(
        to,
        "port_receive_frames",
        "Frames that the switch received from the port; a super-frame is one",
        counted(|it| it.counters.received_frames),
    )?;
    counter(
        to,
        "port_receive_bytes",
        "Bytes that the switch received from the port",
        counted(|it| it.counters.received_bytes),
    )?;
    counter(
        to,
        "port_transmit_frames",
        "Frames that the switch sent to the port",
        counted(|it| it.counters.sent_frames),
    )?;
    counter(
        to,
        "port_transmit_bytes",
        "Bytes that the switch sent to the port",
        counted(|it| it.counters.sent_bytes),
    )?;
    let unread = ports().filter_map(|(labels, port)| Some((labels, port.ring_drops?)));
    counter(
        to,
        "port_unread_frames",
        "Frames that the port's namespace sent faster than they were read",
        unread,
    )?;
    counter(
        to,
        "port_fdb_evictions",
        "Entries of the forwarding database that the port lost because it or the table was full",
        counted(|it| it.counters.fdb_evictions),
    )?;
    let drops = ports().flat_map(|([network, port], info)| {
        let counted = info.counters.drops.iter();
        counted.map(move |drop| ([network, port, ("reason", drop.reason.as_str())], drop.frames))
    });
    counter(to, "port_dropped_frames", "Frames dropped at the port, by reason", drops)
}

fn of_published(to: &mut DescriptorEncoder<'_>, networks: &[NetworkScrape]) -> fmt::Result {
    let named: Vec<_> = networks
        .iter()
        .flat_map(|scrape| {
            scrape.published.iter().map(|it| (scrape.network.name.as_str(), host_side(it), it))
        })
        .collect();
    let each = || {
        named.iter().map(|(network, host, published)| {
            let labels = [
                ("network", *network),
                ("protocol", published.protocol.as_str()),
                ("host", host),
                ("port", published.port.as_str()),
            ];
            (labels, *published)
        })
    };
    // At most two thousand relayed clients.
    let now = each().map(|(labels, it)| (labels, it.relayed_now as i64));
    gauge(
        to,
        "published_relayed_clients",
        "Connections and UDP clients of the host itself that are relayed now",
        now,
    )?;
    let total = each().map(|(labels, it)| (labels, it.relayed_total));
    counter(to, "published_relayed", "The same, so far", total)?;
    let refused = each().flat_map(|([a, b, c, d], published)| {
        let counted = published.refused.iter();
        counted.map(move |it| ([a, b, c, d, ("reason", it.reason.as_str())], it.count))
    });
    counter(to, "published_refused", "Clients of the host that were refused, by reason", refused)
}

fn of_rules(to: &mut DescriptorEncoder<'_>, networks: &[NetworkScrape]) -> fmt::Result {
    let rules = || networks.iter().flat_map(decisions);
    let packets = rules().map(|(labels, hits)| (labels, hits.packets));
    counter(
        to,
        "rule_packets",
        "Packets that the rule decided about; `flow`, `icc` and `policy` stand for what is no rule",
        packets,
    )?;
    let bytes = rules().map(|(labels, hits)| (labels, hits.bytes));
    counter(to, "rule_bytes", "Their bytes", bytes)
}

/// Who decides in a network, and for how much they did.
fn decisions(scrape: &NetworkScrape) -> impl Iterator<Item = (Labels<'_, 3>, Hits)> {
    let (rules, network) = (&scrape.rules, scrape.network.name.as_str());
    let written =
        rules.rules.iter().map(|rule| (rule.place.as_str(), rule.verdict.as_str(), rule.hits));
    let others = [
        ("flow", "accept", rules.flow_hits),
        ("icc", "drop", rules.icc_hits),
        ("policy", rules.policy.as_str(), rules.policy_hits),
    ];
    written.chain(others).filter_map(move |(rule, verdict, hits)| {
        Some(([("network", network), ("rule", rule), ("verdict", verdict)], hits?))
    })
}

fn named(scrape: &NetworkScrape) -> Labels<'_, 1> {
    [("network", scrape.network.name.as_str())]
}

/// The host's side of a published port, as `udp-bridge ports` shows it.
fn host_side(published: &PublishedInfo) -> String {
    let address = match published.address {
        Some(address) if address.is_ipv6() => format!("[{address}]"),
        Some(address) => address.to_string(),
        None => "*".to_owned(),
    };
    let PublishedInfo { first_port, last_port, .. } = published;
    match first_port == last_port {
        true => format!("{address}:{first_port}"),
        false => format!("{address}:{first_port}-{last_port}"),
    }
}

fn counter<'s, const N: usize>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'s, N>, u64)>,
) -> fmt::Result {
    family(to, name, help, values.map(|(labels, value)| (labels, ConstCounter::new(value))))
}

fn gauge<'s, const N: usize>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'s, N>, i64)>,
) -> fmt::Result {
    family(to, name, help, values.map(|(labels, value)| (labels, ConstGauge::new(value))))
}

/// Writes a metric's description and values; nothing at all if there are none.
fn family<'s, const N: usize, M: EncodeMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'s, N>, M)>,
) -> fmt::Result {
    let mut values = values.peekable();
    let Some((_, first)) = values.peek() else { return Ok(()) };
    let mut family = to.encode_descriptor(name, help, None, first.metric_type())?;
    for (labels, value) in values {
        value.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
