//! What is to be known about the figures?

use crate::bench::conditions::QUIET;
use crate::bench::measure::CONGESTION;
use crate::bench::measurement::Measurement;
use crate::bench::system::System;

/// What to know about the table.
pub(in crate::bench) fn notes(measurement: &Measurement) -> Vec<String> {
    let mut notes = vec![
        "Medians over the rounds. RATIO is to the kernel's figure; ↓ marks where lower is better."
            .to_owned(),
        "CPU is the whole machine's busy time: it means something on a quiet machine only."
            .to_owned(),
    ];
    if measurement.busy_before > QUIET {
        notes.push(format!(
            "The machine was {:.0} % busy before this began: measure again when it is quiet.",
            measurement.busy_before * 100.0
        ));
    }
    notes.extend(relays(measurement));
    let congestion = measurement.congestion();
    if congestion.iter().any(|name| *name != CONGESTION) {
        notes.push(format!(
            "The TCP figures are of {}, not of {CONGESTION}, which this kernel lacks or does not \
             allow: load tcp_{CONGESTION} and list it in net.ipv4.tcp_allowed_congestion_control \
             of the machine.",
            congestion.join(" and ")
        ));
    }
    notes.extend(absences(measurement));
    for failure in &measurement.failures {
        notes.push(format!(
            "{} failed on {} in round {}: {}",
            failure.workload, failure.system, failure.round, failure.why
        ));
    }
    notes
}

/// Whose sockets do not have the congestion control of all measurements, because they do not ask for it.
fn relays(measurement: &Measurement) -> Option<String> {
    let mut others: Vec<String> = Vec::new();
    for standing in &measurement.standings {
        let own = standing.congestion.as_ref().filter(|it| *it != CONGESTION);
        let words = own.map(|it| format!("{} by {it}", standing.system));
        others.extend(words.filter(|words| !others.contains(words)));
    }
    (!others.is_empty()).then(|| {
        format!(
            "Relayed connections have two halves, and the half that is not ours runs otherwise: {}. List \
             {CONGESTION} in net.ipv4.tcp_allowed_congestion_control of the machine to change that.",
            others.join(", ")
        )
    })
}

/// What did not stand: told once where it is so in all stages, and by stage otherwise.
fn absences(measurement: &Measurement) -> Vec<String> {
    let mut told: Vec<(System, &str)> = Vec::new();
    let mut notes = Vec::new();
    for absence in &measurement.absences {
        if told.contains(&(absence.system, &absence.why)) {
            continue;
        }
        told.push((absence.system, &absence.why));
        let what = if absence.missing { "is missing" } else { "failed" };
        let stood = measurement.standings.iter().any(|it| it.system == absence.system);
        let place = if stood { format!(" with {}", absence.shape) } else { String::new() };
        notes.push(format!("{} {what}{place}: {}", absence.system, absence.why));
    }
    notes
}

#[cfg(test)]
mod tests {
    use crate::bench::conditions::Absence;
    use crate::bench::measurement::tests::{SHAPE, example};
    use crate::bench::report::text;
    use crate::bench::system::System;

    #[test]
    fn what_stands_in_one_stage_only_is_told_with_the_other() {
        let mut measurement = example();
        let shape = crate::bench::shape::Shape { mtu: 9000, ..SHAPE };
        let why = "ovs-vswitchd failed (exit status: 1): no".to_owned();
        let absence = Absence { system: System::OURS, shape, missing: false, why };
        measurement.absences = vec![absence.clone(), absence];
        let text = text(&measurement);
        let wanted =
            "ours failed with 2 ports, MTU 9000: ovs-vswitchd failed (exit status: 1): no\n";
        assert!(text.ends_with(wanted), "{text}");
        assert_eq!(text.matches("ours failed").count(), 1);
    }

    #[test]
    fn another_congestion_control_is_pointed_out() {
        let mut measurement = example();
        measurement.samples[0].congestion = vec!["bbr".into()];
        let text = text(&measurement);
        assert!(text.contains("congestion   bbr, cubic\n"), "{text}");
        assert!(text.contains("not of cubic, which this kernel lacks or does not allow"), "{text}");
    }

    #[test]
    fn relays_with_another_congestion_control_are_pointed_out() {
        let mut measurement = example();
        for congestion in ["cubic", "bbr"] {
            measurement.standings[0].congestion = Some(congestion.into());
            let text = text(&measurement);
            assert!(text.contains(&format!("; relays by {congestion}\n")), "{text}");
            assert_eq!(text.contains("runs otherwise: ours by bbr."), congestion == "bbr");
        }
    }

    #[test]
    fn a_busy_machine_is_pointed_out() {
        let mut measurement = example();
        measurement.busy_before = 0.257;
        assert!(text(&measurement).contains("The machine was 26 % busy before this began"));
    }
}
