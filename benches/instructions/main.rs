//! How many instructions does each stage take, and is that what was recorded?
//!
//! ```sh
//! cargo bench -p udp-bridge-benches --bench instructions              # compares; fails beyond 3 %
//! cargo bench -p udp-bridge-benches --bench instructions -- fdb       # the cases with this in their names
//! cargo bench -p udp-bridge-benches --bench instructions -- --record  # counts all and writes the record
//! ```
//!
//! The cases are those of the benchmarks by the clock, built by the same code; the record is
//! `instructions.toml` beside it. What it rests on stands in [`udp_bridge_benches::counting`].
//!
//! | exit code | |
//! |---|---|
//! | 0 | everything is as recorded; or nothing was decided, for the tools are others, which is said |
//! | 1 | something is not |
//! | 2 | it could not be counted |
#![allow(clippy::unwrap_used, reason = "a case that cannot be built has failed")]

mod routed;
mod stages;
mod switched;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use udp_bridge_benches::counting::{
    Case, Comparison, Count, CountError, RECOUNTS, Record, RecordError, TOLERANCE, Tools,
    be_counted, measure, middle,
};

/// The record.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");
/// Where callgrind writes.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
/// The argument of the process that is counted, before the case's name.
const SUBJECT: &str = "--subject";

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Count(#[from] CountError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("built without optimization, it says nothing: cargo bench --bench instructions")]
    Debug,
    #[error("unknown option {0}: there is --record")]
    Option(String),
    #[error("--record counts all cases: name none")]
    Part,
    #[error("no case has {0:?} in its name")]
    NoCase(Vec<String>),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [SUBJECT, name] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        all().iter().filter(|case| case.name == name).for_each(be_counted);
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("instructions: {failure}");
            ExitCode::from(2)
        }
    }
}

/// All cases.
fn all() -> Vec<Case> {
    [switched::cases(), routed::cases(), stages::cases()].into_iter().flatten().collect()
}

/// Counts and compares, or records. Says whether all is well.
fn run(arguments: &[String]) -> Result<bool, Failure> {
    if cfg!(debug_assertions) {
        return Err(Failure::Debug);
    }
    // Cargo says `--bench`.
    let (options, names): (Vec<_>, Vec<_>) =
        arguments.iter().filter(|&it| it != "--bench").cloned().partition(|it| it.starts_with('-'));
    let record = options.iter().any(|it| it == "--record");
    if let Some(unknown) = options.into_iter().find(|it| it != "--record") {
        return Err(Failure::Option(unknown));
    }
    if record && !names.is_empty() {
        return Err(Failure::Part);
    }
    let mut cases = all();
    cases.retain(|case| names.is_empty() || names.iter().any(|name| case.name.contains(name)));
    if cases.is_empty() {
        return Err(Failure::NoCase(names));
    }
    let recorded = if record { None } else { Some(Record::read(Path::new(RECORD))?) };
    let mut counted = Vec::new();
    for case in &cases {
        counted.push((case.name, count(case, recorded.as_ref())?));
    }
    let tools = Tools::here();
    let Some(recorded) = recorded else {
        let comparison = Comparison::new(&counted, None, true);
        Record { tools, instructions: comparison.counts() }.write(Path::new(RECORD))?;
        println!("{} cases recorded in {RECORD}", counted.len());
        return Ok(true);
    };
    let comparison = Comparison::new(&counted, Some(&recorded), names.is_empty());
    print!("{comparison}");
    Ok(judge(&comparison, &tools.differences(&recorded.tools)))
}

/// Counts a case, and again where it is not as recorded: the seeds of one process may be unlucky ones.
fn count(case: &Case, recorded: Option<&Record>) -> Result<Vec<Count>, CountError> {
    let file = Path::new(SCRATCH).join(format!("callgrind.{}", std::process::id()));
    let once = || measure(case, &[SUBJECT, case.name], &file);
    let mut counts = once()?;
    let differs = |counts: &Vec<Count>| {
        let alone = [(case.name, counts.clone())];
        recorded.is_some_and(|record| !Comparison::new(&alone, Some(record), false).passes())
    };
    if differs(&counts) {
        let again = (0..RECOUNTS).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
        counts = middle([vec![counts], again].concat()).unwrap_or_default();
    }
    Ok(counts)
}

/// Says in words what the comparison means.
fn judge(comparison: &Comparison, differences: &[String]) -> bool {
    let renew = "cargo bench -p udp-bridge-benches --bench instructions -- --record";
    if !differences.is_empty() {
        println!(
            "\nNOTHING WAS DECIDED: the record was made with other tools, so it says nothing here."
        );
        differences.iter().for_each(|difference| println!("    here {difference}"));
        println!("Renew it on the code that it was made for: {renew}");
        return true;
    }
    if comparison.passes() {
        println!("\nall within {TOLERANCE} % of what was recorded");
        return true;
    }
    println!("\nFAILED: not all is within {TOLERANCE} % of what was recorded, see above.");
    println!("If the change is meant to do that: {renew}");
    false
}
