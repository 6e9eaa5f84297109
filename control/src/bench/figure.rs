//! Which figures does a workload come to, and in which units?

use super::rounds::Sample;
use super::workload::{Load, Workload};
use serde::Serialize;

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    of: |sample| Some(sample.count as f64 * 8.0 / sample.seconds / 1e9),
    cpu: Some(("s/GB", 1e9)),
}];

const ROUND_TRIPS: &[Figure] = &[
    duration(" p50", |sample| Some(sample.latency?.p50), Some(("s/M trips", 1e6))),
    duration(" p90", |sample| Some(sample.latency?.p90), None),
    duration(" p99", |sample| Some(sample.latency?.p99), None),
    duration(" p99.9", |sample| Some(sample.latency?.p999), None),
];

const CONNECTIONS: &[Figure] = &[
    Figure {
        suffix: "",
        unit: "conn/s",
        better: Better::Higher,
        of: |sample| Some(sample.count as f64 / sample.seconds),
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
        of: |sample| Some(sample.count as f64 / sample.seconds / 1e3),
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

/// All figures of a workload, the one that has its name first.
pub(super) fn figures(workload: Workload) -> &'static [Figure] {
    match workload.load {
        Load::Tcp { .. } | Load::TcpBoth => THROUGHPUT,
        Load::TcpRoundTrip => ROUND_TRIPS,
        Load::TcpConnect => CONNECTIONS,
        Load::UdpSmall | Load::UdpGso => DATAGRAMS,
    }
}
