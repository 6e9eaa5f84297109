//! What does Prometheus read of running networks?
//!
//! A [`Scrape`] is what all networks say of themselves at one moment; [`Scrape::text`] writes it in
//! the text format of OpenMetrics 1.0, with a help text for each metric. Nothing is counted here: all
//! values are the dataplane's own counters, read when somebody asks.
//!
//! Names follow the conventions of Prometheus: a prefix, the thing, its unit, and `_total` behind
//! counters. The labels `network` and `port` have the names that `udp-bridge ps` shows.
//!
//! Known gaps: no histograms; nothing of the path of a frame is timed.

mod families;
#[cfg(test)]
mod tests;

use crate::api::protocol::{NetworkInfo, PortInfo, PublishedInfo, RulesInfo, TablesInfo};
use families::Families;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::fmt;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One network at the moment of a scrape.
#[derive(Clone, Debug)]
pub struct NetworkScrape {
    /// The network as a whole.
    pub network: NetworkInfo,
    /// Its ports, the host port first.
    pub ports: Vec<PortInfo>,
    /// Its published ports.
    pub published: Vec<PublishedInfo>,
    /// Its rules.
    pub rules: RulesInfo,
    /// How full its tables are; absent once the dataplane has stopped.
    pub tables: Option<TablesInfo>,
}

/// All networks of a process at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// One for each network.
    pub networks: Vec<NetworkScrape>,
}

impl Scrape {
    /// The scrape in the text format of OpenMetrics.
    ///
    /// # Errors
    /// None that a [`String`] makes; a metric's name is checked by nobody else.
    pub fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("udp_bridge");
        registry.register_collector(Box::new(Families(self)));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
