//! Which figures does a workload come to, and in which units?

use super::measure::Sample;
use super::workload::{Load, Workload};
use serde::{Deserialize, Serialize};

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The higher.
    Higher,
    /// The lower.
    Lower,
}

/// One figure of a workload.
pub(super) struct Figure {
    /// What follows the workload's name.
    pub(super) suffix: &'static str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    pub(super) of: fn(&Sample) -> Option<f64>,
    /// The unit and how many counts of the workload are one such unit.
    pub(super) cpu: Option<(&'static str, f64)>,
}

const THROUGHPUT: &[Figure] = &[Figure {
    suffix: "",
    unit: "Gbit/s",
    better: Better::Higher,
    of: |sample| Some(by_the_second(sample) * 8.0 / 1e9),
    cpu: Some(("s/GB", 1e9)),
}];

const ROUND_TRIPS: &[Figure] = &[
    duration(" p50", |sample| Some(sample.latency?.p50), Some(("s/M trips", 1e6))),
    duration(" p90", |sample| Some(sample.latency?.p90), None),
    duration(" p99", |sample| Some(sample.latency?.p99), None),
    duration(" p99.9", |sample| Some(sample.latency?.p999), None),
];

/// Round trips under load, and the streams that are the load.
const LOADED: &[Figure] = &[
    duration(" p50", |sample| Some(sample.latency?.p50), None),
    duration(" p90", |sample| Some(sample.latency?.p90), None),
    duration(" p99", |sample| Some(sample.latency?.p99), None),
    duration(" p99.9", |sample| Some(sample.latency?.p999), None),
    Figure {
        suffix: " streams",
        unit: "Gbit/s",
        better: Better::Higher,
        of: |sample| Some(sample.beside? * 8.0 / 1e9),
        cpu: None,
    },
];

const CONNECTIONS: &[Figure] = &[
    Figure {
        suffix: "",
        unit: "conn/s",
        better: Better::Higher,
        of: |sample| Some(by_the_second(sample)),
        cpu: Some(("s/M conn", 1e6)),
    },
    duration(" p50", |sample| Some(sample.latency?.p50), None),
    duration(" p90", |sample| Some(sample.latency?.p90), None),
    duration(" p99", |sample| Some(sample.latency?.p99), None),
    duration(" p99.9", |sample| Some(sample.latency?.p999), None),
];

const fn duration(
    suffix: &'static str,
    of: fn(&Sample) -> Option<f64>,
    cpu: Option<(&'static str, f64)>,
) -> Figure {
    Figure { suffix, unit: "µs", better: Better::Lower, of, cpu }
}

const DATAGRAMS: &[Figure] = &[
    Figure {
        suffix: "",
        unit: "kpps",
        better: Better::Higher,
        of: |sample| Some(by_the_second(sample) / 1e3),
        cpu: Some(("s/M packets", 1e6)),
    },
    Figure {
        suffix: " lost",
        unit: "%",
        better: Better::Lower,
        of: |sample| {
            let sent = sample.sent.filter(|sent| *sent > 0)? as f64;
            Some(100.0 * (1.0 - sample.received? as f64 / sent))
        },
        cpu: None,
    },
];

/// Datagrams of many senders, or at a rate without loss: only what arrived is told.
const DELIVERED: &[Figure] = &[Figure {
    suffix: "",
    unit: "kpps",
    better: Better::Higher,
    of: |sample| Some(by_the_second(sample) / 1e3),
    cpu: Some(("s/M packets", 1e6)),
}];

/// Connections through a NAT: begun, and forgotten.
const TRACKED: &[Figure] = &[
    Figure {
        suffix: "",
        unit: "conn/s",
        better: Better::Higher,
        of: |sample| Some(by_the_second(sample)),
        cpu: Some(("s/M conn", 1e6)),
    },
    Figure {
        suffix: " torn down",
        unit: "conn/s",
        better: Better::Higher,
        of: |sample| sample.torn_down,
        cpu: None,
    },
];

/// Addresses that a switch learns.
const LEARNED: &[Figure] = &[Figure {
    suffix: "",
    unit: "addresses/s",
    better: Better::Higher,
    of: |sample| Some(by_the_second(sample)),
    cpu: None,
}];

/// Addresses that a switch keeps.
const KEPT: &[Figure] = &[Figure {
    suffix: "",
    unit: "addresses",
    better: Better::Higher,
    of: |sample| Some(sample.count as f64),
    cpu: None,
}];

/// Connections that a NAT holds.
const HELD: &[Figure] = &[Figure {
    suffix: "",
    unit: "connections",
    better: Better::Higher,
    of: |sample| Some(sample.count as f64),
    cpu: None,
}];

/// What was counted, by the second; 0 where there was no span.
fn by_the_second(sample: &Sample) -> f64 {
    if sample.seconds > 0.0 { sample.count as f64 / sample.seconds } else { 0.0 }
}

/// All figures of a workload, the one that has its name first.
pub(super) fn figures(workload: Workload) -> &'static [Figure] {
    match workload.load {
        Load::Tcp { .. } => THROUGHPUT,
        Load::TcpRoundTrip => ROUND_TRIPS,
        Load::TcpLoadedRoundTrip => LOADED,
        Load::TcpConnect => CONNECTIONS,
        Load::Udp { .. } | Load::UdpGso => DATAGRAMS,
        Load::Flows => TRACKED,
        Load::FlowsCapacity => HELD,
        Load::LearningRate => LEARNED,
        Load::FdbCapacity => KEPT,
        Load::UdpLossless { .. } | Load::Broadcast | Load::Mesh => DELIVERED,
    }
}
