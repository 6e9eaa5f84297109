//! How fast is it, next to others on the same machine?
//!
//! # Theory of operation
//!
//! ```text
//!   options ──> private ──> plan ──> stage ──> measure ──> measurement ──> { report  json  html }
//!                                      │          └─ worker ═pipes═ load (a process at each end)
//!                                      └─ system::{ ours  kernel  ovs  vde  slirp  pasta  loopback }
//! ```
//!
//! 1. `options` are proven possible, `private` re-enters this program in namespaces of its own.
//! 2. `plan` divides what is asked for into stages, one for each `shape` of network, and reckons how long
//!    it takes. A machine that is busy is refused.
//! 3. A `stage` starts all `system`s of a shape: each in namespaces of its own, with the same addresses and
//!    MTU, all standing at the same time. What is missing or fails is told; the rest goes on.
//! 4. `measure` runs every `workload` on all of them, one right after the other, in changing order. The
//!    traffic is made by `load`, a process in each namespace, led by `worker`.
//! 5. `measurement` takes medians and ratios; `report` prints, `json` keeps every sample,
//!    `html` draws a page. `compare` reads two such files.
//!
//! Absolute figures drift with the machine; the ratio within one run is what can be quoted.
//!
//! TCP runs with CUBIC where the kernel lets us choose (`load::sockets`): under BBR the pacing, not the
//! bridge, decides. The report names what was really in force.
//!
//! Known gap: IPv4 only.

pub mod compare;
pub mod conditions;
pub mod figure;
pub mod json;
pub mod load;
pub mod measure;
pub mod measurement;
pub mod options;
pub mod private;
pub mod settings;
pub mod shape;
pub mod stats;
pub mod system;
pub mod worker;
pub mod workload;

mod file;
mod html;
mod plan;
mod progress;
mod report;
mod stage;

pub use conditions::cpu;
pub use file::FileError;
pub use options::Options;

use conditions::{Label, QUIET};
use measure::Results;
use measurement::Measurement;
use options::Verb;
use progress::Progress;
use settings::Settings;
use stage::Built;
use std::io::{self, Write};
use std::time::Instant;
use system::System;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The options ask for what cannot be.
    #[error(transparent)]
    Options(#[from] options::OptionError),
    /// There is no private place, or measuring in it failed.
    #[error(transparent)]
    Private(#[from] private::PrivateError),
    /// The machine does not say how busy it is.
    #[error("cannot read how busy the machine is: {0}")]
    Machine(#[source] io::Error),
    /// The machine is busy.
    #[error(
        "the machine is {percent:.0} % busy with other things, and figures would tell of those; end \
         them, or measure anyway with --noisy"
    )]
    Busy {
        /// How busy.
        percent: f64,
    },
    /// None of the systems asked for stands.
    #[error("nothing could be measured: {0}")]
    Nothing(String),
    /// Our own bridge does not stand everywhere, or does not carry everything. The report was printed.
    #[error("our own bridge failed {0} times; see the report")]
    Incomplete(usize),
    /// The samples cannot be kept.
    #[error("cannot put the result into JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of another run cannot be read.
    #[error(transparent)]
    Read(#[from] json::JsonError),
    /// The report cannot be printed.
    #[error("cannot print the report: {0}")]
    Print(#[source] io::Error),
}

/// Measures, prints the report and writes the files; or compares two files. The process must have one
/// thread, and must not start others afterwards.
///
/// # Errors
/// [`BenchError`] says what could not be done; nothing is left of it then either.
pub fn run(options: &Options) -> Result<(), BenchError> {
    if let Some(Verb::Compare(options)) = &options.verb {
        return print(&compare::run(options)?);
    }
    if options.inside {
        return Ok(private::answer(measure)?);
    }
    let settings = options.check()?;
    [&options.json, &options.html].into_iter().flatten().try_for_each(|path| file::check(path))?;
    let measurement = private::measure(&settings)?;
    let printed = print(&report::text(&measurement));
    if let Some(path) = &options.json {
        file::write(path, &json::text(&measurement).map_err(BenchError::Json)?)?;
    }
    if let Some(path) = &options.html {
        file::write(path, html::page(&measurement).as_bytes())?;
    }
    printed?;
    match measurement.own_failures() {
        0 => Ok(()),
        failed => Err(BenchError::Incomplete(failed)),
    }
}

fn print(text: &str) -> Result<(), BenchError> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(BenchError::Print)
}

/// Within the private namespaces: starts what is asked for and measures.
fn measure(settings: &Settings) -> Result<Measurement, BenchError> {
    let mut settings = settings.clone();
    let machine = cpu::Machine::observe();
    let busy_before = cpu::busy_share(machine.cores).map_err(BenchError::Machine)?;
    if busy_before > QUIET && !settings.noisy {
        return Err(BenchError::Busy { percent: busy_before * 100.0 });
    }
    let began = Instant::now();
    let labels = labels(&settings);
    let there: Vec<System> = labels.iter().map(|it| it.system).collect();
    let stages = stage::stages(&settings);
    let plan = plan::plan(&mut settings, stages, &there);
    let mut progress = Progress::new(plan.measurements, plan.seconds);
    let (mut results, mut standings, mut absences) = (Results::default(), Vec::new(), Vec::new());
    for (number, stage) in (1..).zip(&plan.stages) {
        let built = Built::start(&settings, stage, number, |system| progress.starts(system));
        let paths = built.paths();
        measure::run(
            &settings,
            &stage.workloads,
            &paths,
            &mut results,
            |round, workload, system| {
                let steps = measure::steps(workload.load);
                progress.next(round, settings.rounds, workload, system, steps);
            },
        );
        let (stood, absent) = built.down();
        standings.extend(stood);
        absences.extend(absent);
    }
    drop(progress);
    if standings.is_empty() {
        let why: Vec<String> =
            absences.iter().map(|it| format!("{}: {}", it.system, it.why)).collect();
        return Err(BenchError::Nothing(why.join("; ")));
    }
    let elapsed_seconds = began.elapsed().as_secs_f64();
    let Results { samples, failures } = results;
    Ok(Measurement {
        machine,
        busy_before,
        elapsed_seconds,
        settings,
        labels,
        standings,
        absences,
        failures,
        samples,
    })
}

/// What the systems that are there call themselves.
fn labels(settings: &Settings) -> Vec<Label> {
    let each = |&system: &System| Some(Label { system, label: system::label(system).ok()? });
    settings.systems.iter().filter_map(each).collect()
}
