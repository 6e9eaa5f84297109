//! Figures one can reckon in one's head.

use super::*;
use crate::bench::conditions::{InterfaceState, Memory};
use crate::bench::load::{Latency, QUANTILES};

/// The shape of the example's networks.
pub(in crate::bench) const SHAPE: Shape =
    Shape { mtu: 1500, ends: 2, published: 1, open: false, bridged: true, routed: false };

fn workload(name: &str) -> Workload {
    Workload::parse(name).unwrap()
}

fn standing(system: System, memory: Option<Memory>) -> Standing {
    let offloads = Some(vec!["tx".into(), "tso".into()]);
    Standing {
        system,
        shape: SHAPE,
        setup_seconds: 0.01,
        teardown_seconds: Some(0.02),
        congestion: None,
        memory,
        interfaces: vec![InterfaceState { name: "eth0".into(), count: 2, mtu: 1500, offloads }],
    }
}

/// Two rounds of one workload of each kind on two systems.
pub(in crate::bench) fn example() -> Measurement {
    let workloads = ["tcp-1", "tcp-rr", "udp-18"].map(workload).to_vec();
    let mut samples = Vec::new();
    for (round, system, share) in [
        (1, System::OURS, 1.0),
        (1, System::Kernel, 2.0),
        (2, System::Kernel, 2.0),
        (2, System::OURS, 1.2),
    ] {
        let base = |workload, count: f64| Sample {
            round,
            workload,
            system,
            count: count as u64,
            seconds: 2.0,
            cpu_seconds: 4.0,
            sent: None,
            received: None,
            latency: None,
            beside: None,
            trials: Vec::new(),
            torn_down: None,
            congestion: vec!["cubic".into(), "cubic".into()],
        };
        samples.push(base(workloads[0], 10e9 * share));
        let at = |micros: f64| micros * share;
        let latency = Latency {
            min: at(8.0),
            p50: at(10.0),
            p90: at(11.0),
            p99: at(50.0),
            p999: at(100.0),
            max: at(900.0),
            quantiles: QUANTILES.map(|per_mille| at(per_mille as f64 / 10.0).round()),
        };
        let trips = base(workloads[1], 100_000.0 / share);
        samples.push(Sample { latency: Some(latency), ..trips });
        let udp = base(workloads[2], 400_000.0 * share);
        let (sent, received) = (Some(4_000_000), Some((1_000_000.0 * share) as u64));
        samples.push(Sample { sent, received, congestion: Vec::new(), ..udp });
    }
    let memory = Some(Memory { resident: 5 << 20, peak: 6 << 20 });
    Measurement {
        machine: Machine {
            kernel: "6.18.0".into(),
            cpu: "Some CPU".into(),
            cores: 2,
            mitigations: vec!["retbleed: Vulnerable".into()],
        },
        busy_before: 0.01,
        elapsed_seconds: 30.0,
        settings: Settings {
            rounds: 2,
            seconds: 2.0,
            warm_up: 0.3,
            budget: None,
            mtu: 1500,
            workloads,
            systems: vec![System::OURS, System::Kernel],
            noisy: false,
        },
        labels: vec![
            Label { system: System::OURS, label: "udp-bridge 0.1.0".into() },
            Label { system: System::Kernel, label: "Linux 6.18.0, bridge and veth".into() },
        ],
        standings: vec![standing(System::OURS, memory), standing(System::Kernel, None)],
        absences: Vec::new(),
        failures: Vec::new(),
        samples,
    }
}

/// The same without a kernel bridge.
pub(in crate::bench) fn alone() -> Measurement {
    let mut example = example();
    let why = "this kernel has no bridge".into();
    example.absences = vec![Absence { system: System::Kernel, shape: SHAPE, missing: true, why }];
    example.samples.retain(|sample| sample.system == System::OURS);
    example.standings.retain(|standing| standing.system == System::OURS);
    example.labels.retain(|label| label.system == System::OURS);
    example
}

fn cell(row: &Row, system: System) -> &Cell {
    row.cells.iter().find(|cell| cell.system == system).unwrap()
}

#[test]
fn a_row_is_the_medians_and_their_ratios() {
    let rows = example().rows();
    let tcp = &rows[0];
    assert_eq!((tcp.name.as_str(), tcp.unit, tcp.cpu_unit), ("tcp-1", "Gbit/s", Some("s/GB")));
    let (ours, kernel) = (cell(tcp, System::OURS), cell(tcp, System::Kernel));
    assert_eq!(ours.summary, Some(Summary { median: 44.0, min: 40.0, max: 48.0 }));
    assert_eq!(ours.values, [40.0, 48.0]);
    assert_eq!(kernel.summary, Some(Summary { median: 80.0, min: 80.0, max: 80.0 }));
    assert_eq!((ours.ratio, kernel.ratio), (Some(0.55), Some(1.0)));
    assert_eq!(kernel.cpu, Some(0.2));
}

#[test]
fn processor_time_stands_once_for_each_workload() {
    let rows = example().rows();
    let counted: Vec<_> = rows.iter().filter(|row| row.cpu_unit.is_some()).collect();
    assert_eq!(counted.len(), 3);
    assert!(counted.iter().all(|row| row.cells.iter().all(|cell| cell.cpu.is_some())));
}

#[test]
fn connections_are_counted_by_the_second_and_each_is_timed() {
    let mut example = example();
    let crr = workload("masq-tcp-crr");
    for sample in &mut example.samples {
        if sample.workload == example.settings.workloads[1] {
            sample.workload = crr;
        }
    }
    example.settings.workloads = vec![crr];
    let rows = example.rows();
    assert_eq!((rows[0].name.as_str(), rows[0].unit), ("masq-tcp-crr", "conn/s"));
    assert_eq!(cell(&rows[0], System::Kernel).values, [25_000.0, 25_000.0]);
    assert_eq!(rows[0].better, Better::Higher);
    assert_eq!((rows[3].name.as_str(), rows[3].unit), ("masq-tcp-crr p99", "µs"));
    assert_eq!(cell(&rows[3], System::Kernel).values, [100.0, 100.0]);
}

#[test]
fn loss_is_of_all_that_was_sent() {
    let rows = example().rows();
    let loss = rows.iter().find(|row| row.name == "udp-18 lost").unwrap();
    assert_eq!(cell(loss, System::Kernel).values, [50.0, 50.0]);
    assert_eq!(loss.better, Better::Lower);
}

#[test]
fn what_standing_costs_has_rows_of_its_own() {
    let rows = example().rows();
    let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    assert_eq!(cell(row("set-up, 2 ports, MTU 1500"), System::Kernel).values, [10.0]);
    let memory = row("memory, 2 ports, MTU 1500");
    assert_eq!((memory.cells.len(), &memory.cells[0].values[..]), (1, &[6.0][..]));
}

#[test]
fn alone_there_is_nothing_to_compare_with() {
    let rows = alone().rows();
    let cells = || rows.iter().flat_map(|row| &row.cells);
    assert!(cells().all(|cell| cell.system == System::OURS && cell.ratio.is_none()));
    assert!(cells().all(|cell| cell.summary.is_some()));
}

#[test]
fn what_failed_has_a_cell_without_values() {
    let mut example = alone();
    let why = "no route to host".into();
    let workload = workload("tcp-1");
    example.failures.push(Failure { round: 1, workload, system: System::Vde, why });
    let rows = example.rows();
    assert_eq!(cell(&rows[0], System::Vde).summary, None);
    assert_eq!(rows[1].cells.len(), 1);
}
