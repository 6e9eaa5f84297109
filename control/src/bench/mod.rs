//! How fast is it, next to the kernel's bridge on the same machine?
//!
//! # Theory of operation
//!
//! ```text
//!   options ──> private ──> { ours  kernel } ──> rounds ──> measurement ──> { report  json }
//!                                                  └─ worker ═pipes═ load (a process at each end)
//! ```
//!
//! 1. `options` are proven possible, `private` re-enters this program in namespaces of its own.
//! 2. There `ours` runs the real command and `kernel` builds a bridge with veth pairs: two
//!    namespaces each, the same addresses and MTU, all standing at the same time. For the routed ways
//!    there is a second network of each kind, with an `outside` behind its host; what no workload asks
//!    for is not built.
//! 3. `rounds` runs every `workload` on both, one right after the other, in changing order. The
//!    traffic is made by `load`, a process in each namespace, led by `worker`.
//! 4. `measurement` takes medians and ratios; `report` prints, `json` keeps every sample.
//!
//! Absolute figures drift with the machine; the ratio within one run is what can be quoted.
//!
//! TCP runs with CUBIC where the kernel lets us choose (`load::sockets`): under BBR the pacing, not the
//! bridge, decides. The report names what was really in force.
//!
//! Known gaps: IPv4 only; no latency under load; all bridges have two ports.

pub mod cpu;
pub mod figure;
pub mod json;
pub mod kernel;
pub mod load;
pub mod measurement;
pub mod namespace;
pub mod options;
pub mod ours;
pub mod path;
pub mod private;
pub mod rounds;
pub mod stats;
pub mod worker;
pub mod workload;

mod outside;
mod progress;
mod report;
mod topology;

pub use options::Options;

use kernel::KernelError;
use measurement::Measurement;
use options::Settings;
use path::Bridge;
use progress::Progress;
use std::io::{self, Write};
use topology::Topology;
use workload::Workload;

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
    /// Our own bridge does not run.
    #[error(transparent)]
    Ours(#[from] ours::OursError),
    /// The kernel's bridge cannot be built, though the kernel has one.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// One end of a measurement failed.
    #[error("{workload} on {bridge} failed: {source}")]
    Worker {
        /// What was measured.
        workload: Workload,
        /// On which bridge.
        bridge: Bridge,
        /// What went wrong.
        #[source]
        source: worker::WorkerError,
    },
    /// The samples cannot be kept.
    #[error(transparent)]
    Json(#[from] json::JsonError),
    /// The report cannot be printed.
    #[error("cannot print the report: {0}")]
    Print(#[source] io::Error),
}

/// Measures, prints the report and writes the samples. The process must have one thread, and must
/// not start others afterwards.
///
/// # Errors
/// [`BenchError`] says what could not be done; nothing is left of it then either.
pub fn run(options: &Options) -> Result<(), BenchError> {
    if options.inside {
        return Ok(private::answer(measure)?);
    }
    let settings = options.check()?;
    if let Some(path) = &options.json {
        json::check(path)?;
    }
    let measurement = private::measure(&settings)?;
    let printed = io::stdout().lock().write_all(report::text(&measurement).as_bytes());
    if let Some(path) = &options.json {
        json::write(path, &measurement)?;
    }
    printed.map_err(BenchError::Print)
}

/// Within the private namespaces: builds what is asked for and measures.
fn measure(settings: &Settings) -> Result<Measurement, BenchError> {
    let machine = cpu::Machine::observe();
    let topology = Topology::build(settings)?;
    let offloads = topology.offloads()?;
    let paths = topology.paths();
    let busy_before = cpu::busy_share(machine.cores).map_err(BenchError::Machine)?;
    let samples = {
        let mut progress = Progress::new(rounds::count(settings, &paths));
        rounds::run(settings, &paths, |round, workload, bridge| {
            progress.next(round, settings.rounds, workload, bridge);
        })?
    };
    let kernel_missing = topology.down()?;
    let settings = settings.clone();
    Ok(Measurement { machine, busy_before, settings, offloads, kernel_missing, samples })
}
