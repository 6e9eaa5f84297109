//! How long will it take, and how long may each measurement take?
//!
//! Where a whole run has a budget (`--quick`, `--full`), its measurements share what is left of it after
//! all that takes time beside them. Without one each takes what was asked for.

use super::measure::{rounds, steps};
use super::options::MIN_SECONDS;
use super::settings::Settings;
use super::stage::{Stage, carries};
use super::system::System;
use super::workload::Workload;

/// What a measurement takes beside warm-up and span: two processes, a connection, the tail, in seconds.
const REST: f64 = 0.2;
/// What it takes to start a system and to take it down, on average, in seconds.
const START: f64 = 0.7;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// Stages, one after the other.
    pub(super) stages: Vec<Stage>,
    /// Measurements of all stages and rounds, the trials of a search counted one by one.
    pub(super) measurements: usize,
    /// How long all of it takes, in seconds.
    pub(super) seconds: f64,
}

/// How many measurements this workload is in one round on these systems.
pub(super) fn each_round(workload: Workload, systems: &[System]) -> usize {
    let tracked = |system| matches!(system, System::Ours(_) | System::Nftables);
    let carrying = |system: &&System| {
        let loopback = **system == System::Loopback;
        carries(**system, workload.way)
            && !(loopback && workload.load.ends() > 2)
            && (!workload.load.is_tracked() || tracked(**system))
    };
    systems.iter().filter(carrying).count() * steps(workload.load)
}

/// Plans these stages on the systems that are there, and fits the settings to the budget if they have
/// one.
pub(super) fn plan(settings: &mut Settings, stages: Vec<Stage>, systems: &[System]) -> Plan {
    let all_rounds = |workload: &Workload| {
        rounds(settings, workload.load) as usize * each_round(*workload, systems)
    };
    let measurements: usize = settings.workloads.iter().map(all_rounds).sum();
    let starts = stages.iter().map(|stage| {
        let part = |it: &&System| stage.workloads.iter().any(|work| carries(**it, work.way));
        systems.iter().filter(part).count()
    });
    let beside = starts.sum::<usize>() as f64 * START;
    let each = settings.warm_up + REST;
    if let Some(budget) = settings.budget {
        let span = (budget - beside) / measurements.max(1) as f64 - each;
        settings.seconds = span.clamp(MIN_SECONDS, settings.seconds);
    }
    let seconds = beside + measurements as f64 * (each + settings.seconds);
    Plan { stages, measurements, seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::example;
    use crate::bench::stage::stages;

    #[test]
    fn a_budget_is_shared_by_all_measurements() {
        let mut settings = example().settings;
        settings.seconds = 20.0;
        settings.budget = Some(60.0);
        let all = stages(&settings);
        let plan = plan(&mut settings, all, &[System::OURS, System::Kernel]);
        assert_eq!((plan.stages.len(), plan.measurements), (1, 12));
        assert!((plan.seconds - 60.0).abs() < 0.01, "{plan:?}");
        assert!(settings.seconds > 4.0 && settings.seconds < 5.0);
    }

    #[test]
    fn a_budget_makes_no_measurement_longer_than_asked_for_and_none_too_short() {
        let mut settings = example().settings;
        settings.budget = Some(1e6);
        plan(&mut settings, Vec::new(), &System::ALL);
        assert_eq!(settings.seconds, 2.0);
        settings.budget = Some(1.0);
        plan(&mut settings, Vec::new(), &System::ALL);
        assert_eq!(settings.seconds, MIN_SECONDS);
    }

    #[test]
    fn everything_fits_its_budget_and_leaves_time_to_measure() {
        let mut settings = example().settings;
        settings.workloads = Workload::full(&[1, 4, 16]);
        (settings.rounds, settings.warm_up, settings.budget) = (5, 0.2, Some(27.0 * 60.0));
        let all = stages(&settings);
        let plan = plan(&mut settings, all, &System::ALL);
        assert!(plan.seconds < 1630.0 && settings.seconds >= 0.3, "{settings:?} {}", plan.seconds);
    }

    #[test]
    fn the_trials_of_a_search_count_one_by_one() {
        let count = |name: &str| each_round(Workload::parse(name).unwrap(), &System::ALL);
        assert_eq!((count("tcp-1"), count("udp-18-lossless")), (6, 54));
        assert_eq!((count("masq-tcp-1"), count("mesh-8")), (5, 5));
    }
}
