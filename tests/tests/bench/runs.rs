//! How is the benchmark run, and what did it write?

use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use udp_bridge_tests::host::process::Finished;
use udp_bridge_tests::host::{Host, wait};

/// Where the samples go.
pub(super) const JSON: &str = "/run/bench.json";

/// One short round, however busy the machine is.
pub(super) const SHORT: &str = "bench --noisy --rounds 1 --seconds 0.2 --json /run/bench.json";

/// How long a run may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A short run with these options besides.
pub(super) fn command(host: &Host, options: &str) -> Command {
    host.command(&format!("{SHORT} {options}"))
}

/// Runs it; gives what was written.
#[track_caller]
pub(super) fn run(host: &Host, options: &str) -> Value {
    read(&finish(host, &mut command(host, options)).ok())
}

/// Runs a command to its end, which takes longer than most commands do.
#[track_caller]
pub(super) fn finish(host: &Host, command: &mut Command) -> Finished {
    let mut running = host.start(command);
    // One that does not end is told of by what follows.
    wait::until(PATIENCE, || running.has_ended().then_some(()));
    running.wait()
}

/// What a run wrote.
#[track_caller]
pub(super) fn read(finished: &Finished) -> Value {
    let text = std::fs::read(JSON).unwrap_or_else(|error| panic!("{error}: {finished:#?}"));
    serde_json::from_slice(&text).unwrap()
}

/// Panics unless the workload was measured on the system, with something counted.
#[track_caller]
pub(super) fn assert_measured(written: &Value, system: &str, workload: &str) {
    let samples = written["samples"].as_array().unwrap();
    let found: Vec<_> = samples
        .iter()
        .filter(|sample| sample["system"] == system && sample["workload"] == workload)
        .collect();
    let told = (&written["failures"], &written["absences"]);
    assert!(!found.is_empty(), "{workload} was not measured on {system}: {told:#?}");
    assert!(found.iter().all(|sample| sample["count"].as_u64() > Some(0)), "{found:#?}");
}

/// The names of the figures that the system has.
pub(super) fn figures(written: &Value, system: &str) -> Vec<String> {
    let rows = written["rows"].as_array().unwrap().iter();
    let has = |row: &&Value| {
        row["cells"]
            .as_array()
            .unwrap()
            .iter()
            .any(|cell| cell["system"] == system && cell["summary"].is_object())
    };
    rows.filter(has).map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

/// Why the system is absent, and whether it is just missing.
pub(super) fn absence(written: &Value, system: &str) -> (String, bool) {
    let all = written["absences"].as_array().unwrap();
    let found = all.iter().find(|one| one["system"] == system);
    let found = found.unwrap_or_else(|| panic!("{system} is not absent: {all:#?}"));
    (found["why"].as_str().unwrap().to_owned(), found["missing"].as_bool().unwrap())
}
