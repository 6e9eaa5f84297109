//! What is kept of one measurement?

use crate::bench::load::Latency;
use crate::bench::system::System;
use crate::bench::workload::Workload;
use serde::{Deserialize, Serialize};

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The round, from 1.
    pub round: u32,
    /// What was measured.
    pub workload: Workload,
    /// On which system.
    pub system: System,
    /// Bytes, round trips, connections or datagrams in the measured span.
    pub count: u64,
    /// The measured span.
    pub seconds: f64,
    /// Processor time of the whole machine in it.
    pub cpu_seconds: f64,
    /// Datagrams sent from start to end; UDP from one sender only.
    pub sent: Option<u64>,
    /// Datagrams that arrived of those.
    pub received: Option<u64>,
    /// Times of round trips or connections, where they are measured.
    pub latency: Option<Latency>,
    /// Bytes by the second of the streams beside it, where there are any.
    pub beside: Option<f64>,
    /// The trials of a search, in the order they were made.
    pub trials: Vec<Trial>,
    /// Connections by the second that a NAT forgot when it was told to; where that is measured.
    #[serde(default)]
    pub torn_down: Option<f64>,
    /// The TCP congestion control in force at the two ends, client first; TCP only.
    pub congestion: Vec<String>,
}

/// One step of the search for the highest rate without loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Datagrams a second that were asked for; none where as many were sent as could be.
    pub rate: Option<f64>,
    /// How many were sent.
    pub sent: u64,
    /// How many arrived.
    pub received: u64,
}

/// A measurement that gave no result. The workload was not tried again on this system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The round, from 1.
    pub round: u32,
    /// What was measured.
    pub workload: Workload,
    /// On which system.
    pub system: System,
    /// What went wrong, in words.
    pub why: String,
}
