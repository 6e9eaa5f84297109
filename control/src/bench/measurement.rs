//! What was measured, under which conditions, and what does it come to?

use super::cpu::Machine;
use super::figure::{Better, Figure, figures};
use super::options::Settings;
use super::path::Bridge;
use super::rounds::Sample;
use super::stats::Summary;
use super::workload::Workload;
use serde::{Deserialize, Serialize};

/// Everything that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The machine.
    pub machine: Machine,
    /// How busy the machine was with other things just before, 0 to 1.
    pub busy_before: f64,
    /// What was asked for.
    pub settings: Settings,
    /// Offloads that our ports were granted.
    pub offloads: Vec<String>,
    /// Why the kernel was not measured, on all ways or on some; empty when it was on all.
    pub kernel_missing: Vec<String>,
    /// All measurements in the order they were made.
    pub samples: Vec<Sample>,
}

/// One line of the result: a figure on both bridges.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The figure's name: the workload, and which figure of it.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// Over all rounds on ours.
    pub ours: Option<Summary>,
    /// Over all rounds on the kernel's.
    pub kernel: Option<Summary>,
    /// Median of ours to median of the kernel's.
    pub ratio: Option<f64>,
    /// What processor time is counted by; none for rows that repeat a workload.
    pub cpu_unit: Option<&'static str>,
    /// Median of processor time by that unit on ours.
    pub cpu_ours: Option<f64>,
    /// The same on the kernel's.
    pub cpu_kernel: Option<f64>,
}

impl Measurement {
    /// The result, workload by workload.
    pub fn rows(&self) -> Vec<Row> {
        let workloads = self.settings.workloads.iter();
        workloads
            .flat_map(|&workload| {
                figures(workload).iter().map(move |figure| self.row(workload, figure))
            })
            .collect()
    }

    /// The congestion controls that were in force at any end of any connection.
    pub fn congestion(&self) -> Vec<&str> {
        let mut seen: Vec<&str> =
            self.samples.iter().flat_map(|sample| &sample.congestion).map(String::as_str).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    fn row(&self, workload: Workload, figure: &Figure) -> Row {
        let of = |bridge| Summary::of(self.of(workload, bridge).filter_map(figure.of));
        let (ours, kernel) = (of(Bridge::Ours), of(Bridge::Kernel));
        let cpu = |bridge| {
            let (_, unit) = figure.cpu?;
            let counted = self.of(workload, bridge).filter(|sample| sample.count > 0);
            let each = counted.map(|sample| sample.cpu_seconds / sample.count as f64 * unit);
            Some(Summary::of(each)?.median)
        };
        Row {
            name: format!("{workload}{}", figure.suffix),
            unit: figure.unit,
            better: figure.better,
            ours,
            kernel,
            ratio: ours
                .zip(kernel)
                .filter(|(_, kernel)| kernel.median > 0.0)
                .map(|(ours, kernel)| ours.median / kernel.median),
            cpu_unit: figure.cpu.map(|(unit, _)| unit),
            cpu_ours: cpu(Bridge::Ours),
            cpu_kernel: cpu(Bridge::Kernel),
        }
    }

    fn of(&self, workload: Workload, bridge: Bridge) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |it| it.workload == workload && it.bridge == bridge)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::load::Latency;
    use crate::bench::workload::{Load, Way};

    /// Two rounds of one workload of each kind, with figures one can reckon in one's head.
    pub(in crate::bench) fn example() -> Measurement {
        let [tcp, trips, udp] =
            [Load::Tcp { flows: 1, reverse: false }, Load::TcpRoundTrip, Load::UdpSmall]
                .map(|load| Workload { way: Way::Bridged, load });
        let workloads = vec![tcp, trips, udp];
        let mut samples = Vec::new();
        for (round, bridge, share) in [
            (1, Bridge::Ours, 1.0),
            (1, Bridge::Kernel, 2.0),
            (2, Bridge::Kernel, 2.0),
            (2, Bridge::Ours, 1.2),
        ] {
            let base = |workload, count: f64| Sample {
                round,
                workload,
                bridge,
                count: count as u64,
                seconds: 2.0,
                cpu_seconds: 4.0,
                sent: None,
                received: None,
                latency: None,
                congestion: vec!["cubic".into(), "cubic".into()],
            };
            samples.push(base(tcp, 10e9 * share));
            let at = |micros: f64| micros * share;
            let latency = Latency {
                min: at(8.0),
                p50: at(10.0),
                p90: at(11.0),
                p99: at(50.0),
                p999: at(100.0),
                max: at(900.0),
            };
            let base_trips = base(trips, 100_000.0 / share);
            samples.push(Sample { latency: Some(latency), ..base_trips });
            let base_udp = base(udp, 400_000.0 * share);
            let (sent, received) = (Some(4_000_000), Some((1_000_000.0 * share) as u64));
            samples.push(Sample { sent, received, congestion: Vec::new(), ..base_udp });
        }
        Measurement {
            machine: Machine { kernel: "6.18.0".into(), cpu: "Some CPU".into(), cores: 2 },
            busy_before: 0.01,
            settings: Settings { rounds: 2, seconds: 2.0, mtu: 1500, workloads },
            offloads: vec!["checksum".into(), "tso4".into()],
            kernel_missing: Vec::new(),
            samples,
        }
    }

    /// The same without a kernel bridge.
    pub(in crate::bench) fn alone() -> Measurement {
        let mut example = example();
        example.kernel_missing = vec!["this kernel has no bridge".into()];
        example.samples.retain(|sample| sample.bridge == Bridge::Ours);
        example
    }

    #[test]
    fn a_row_is_the_medians_and_their_ratio() {
        let rows = example().rows();
        let tcp = &rows[0];
        assert_eq!((tcp.name.as_str(), tcp.unit), ("tcp-1", "Gbit/s"));
        assert_eq!(tcp.ours, Some(Summary { median: 44.0, min: 40.0, max: 48.0 }));
        assert_eq!(tcp.kernel, Some(Summary { median: 80.0, min: 80.0, max: 80.0 }));
        assert_eq!(tcp.ratio, Some(0.55));
        assert_eq!((tcp.cpu_unit, tcp.cpu_kernel), (Some("s/GB"), Some(0.2)));
    }

    #[test]
    fn processor_time_stands_once_for_each_workload() {
        let counted: Vec<_> =
            example().rows().into_iter().filter(|row| row.cpu_unit.is_some()).collect();
        assert_eq!(counted.len(), 3);
        assert!(counted.iter().all(|row| row.cpu_ours.is_some()));
    }

    #[test]
    fn connections_are_counted_by_the_second_and_each_is_timed() {
        let mut example = example();
        let crr = Workload { way: Way::Masquerade, load: Load::TcpConnect };
        for sample in &mut example.samples {
            if sample.workload == example.settings.workloads[1] {
                sample.workload = crr;
            }
        }
        example.settings.workloads = vec![crr];
        let rows = example.rows();
        assert_eq!(rows.len(), 5);
        assert_eq!((rows[0].name.as_str(), rows[0].unit), ("masq-tcp-crr", "conn/s"));
        assert_eq!(rows[0].kernel.unwrap().median, 25_000.0);
        assert_eq!(rows[0].better, Better::Higher);
        assert_eq!((rows[3].name.as_str(), rows[3].unit), ("masq-tcp-crr p99", "µs"));
        assert_eq!(rows[3].kernel.unwrap().median, 100.0);
    }

    #[test]
    fn loss_is_of_all_that_was_sent() {
        let rows = example().rows();
        let loss = rows.iter().find(|row| row.name == "udp-18 lost").unwrap();
        assert_eq!(loss.kernel.unwrap().median, 50.0);
        assert_eq!(loss.better, Better::Lower);
    }

    #[test]
    fn alone_there_is_nothing_to_compare_with() {
        let rows = alone().rows();
        assert!(rows.iter().all(|row| row.kernel.is_none() && row.ratio.is_none()));
        assert!(rows.iter().all(|row| row.ours.is_some()));
    }
}
