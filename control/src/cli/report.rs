//! `udp-bridge doctor`: what this machine has and lacks, for people or as JSON.

use super::exit::CliError;
use super::output::{Colour, print, print_json};
use crate::doctor::{self, Finding, Grade, Report, probe};
use clap::Args;

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of the hidden `probe`.
#[derive(Debug, Args)]
pub(super) struct ProbeOptions {
    question: probe::Question,
}

/// Prints the report; it is a failure when `up` cannot work.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let report = doctor::examine();
    if options.json {
        print_json(&report)?;
    } else {
        print(&text(&report, |grade| colour(grade).paint(word(grade))))?;
    }
    if report.ready { Ok(()) } else { Err(CliError::NotReady) }
}

/// Tries what is asked for and prints what came of it.
pub(super) fn probe(options: &ProbeOptions) -> Result<(), CliError> {
    match options.question {
        probe::Question::UserNamespace => Ok(print_json(&probe::user_namespace())?),
        probe::Question::Offloads => Ok(print_json(&probe::offloads())?),
        probe::Question::Rules => Ok(print_json(&probe::rules())?),
    }
}

fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "ok   ",
        Grade::Lacks => "lacks",
        Grade::Stops => "stops",
    }
}

fn colour(grade: Grade) -> Colour {
    match grade {
        Grade::Ok => Colour::Green,
        Grade::Lacks => Colour::Yellow,
        Grade::Stops => Colour::Red,
    }
}

/// A line for each finding, with what to do below it, and what follows from all of them.
fn text(report: &Report, paint: impl Fn(Grade) -> String) -> String {
    let width = report.findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { subject, grade, found, advice } in &report.findings {
        text += &format!("{}  {subject:width$}  {found}\n", paint(*grade));
        if let Some(advice) = advice {
            text += &format!("       {:width$}  -> {advice}\n", "");
        }
    }
    text + match (report.ready, report.privileged) {
        (true, true) => "\n`udp-bridge up` can work here.\n",
        (true, false) => "\n`udp-bridge up` can work here, rootless.\n",
        (false, _) => "\n`udp-bridge up` cannot work here: see what stops it.\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_followed_by_what_to_do() {
        let ok = Finding {
            subject: "kernel",
            grade: Grade::Ok,
            found: "Linux 6.18".to_owned(),
            advice: None,
        };
        let stops = Finding {
            subject: "device node",
            grade: Grade::Stops,
            found: "there is none".to_owned(),
            advice: Some("make it".to_owned()),
        };
        let report = Report { ready: false, privileged: true, findings: vec![ok, stops] };
        assert_eq!(
            text(&report, |grade| word(grade).to_owned()),
            "\
ok     kernel       Linux 6.18
stops  device node  there is none
                    -> make it

`udp-bridge up` cannot work here: see what stops it.
"
        );
    }
}
