//! Where can all this be done without touching the machine?
//!
//! ```text
//!   bench ── new PID namespace (and user namespace without privileges)
//!     └── bench --inside ── new mount and network namespaces, own /proc and /run
//!           ├── udp-bridge up … (detached)
//!           └── udp-bridge load …, two at a time
//! ```
//!
//! The first process only starts the second, hands it the settings on standard input, waits for its
//! `Answer` on standard output and reports. The second is process 1 of its PID namespace and asks
//! to be killed when its parent ends; the kernel then ends everything in that namespace, and the
//! network and mount namespaces go with their last process. So however the benchmark ends, Ctrl-C
//! and SIGKILL included, nothing is left.

use super::measurement::Measurement;
use super::settings::Settings;
use crate::netns::{
    self,
    rootless::{self, RootlessError},
};
use crate::program;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::{prctl, signal::Signal};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

/// The directory of the private `/run` that networks are recorded in.
const RECORDS: &str = "/run/udp-bridge";

/// Why there is no private place to measure in.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The kernel makes no namespaces for us.
    #[error(
        "cannot make private namespaces to measure in: {0}; run as root, or allow user \
         namespaces (`udp-bridge doctor` says what is missing)"
    )]
    Unshare(#[source] Errno),
    /// There is no user namespace for us.
    #[error("cannot make private namespaces to measure in: {0}")]
    User(#[from] RootlessError),
    /// There is no directory for namespaces.
    #[error(transparent)]
    Directory(#[from] netns::NetnsError),
    /// A step within the new namespaces fails.
    #[error("cannot set up the private namespaces, at {what}: {source}")]
    SetUp {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The process within cannot be started or spoken to.
    #[error("cannot run the measuring process: {0}")]
    Process(#[source] io::Error),
    /// The process within ended without an answer.
    #[error("the measuring process ended early ({0})")]
    Ended(ExitStatus),
    /// What the processes say to each other is not understood.
    #[error("the two processes of the benchmark do not understand each other: {0}")]
    Message(#[source] serde_json::Error),
    /// The process within says why it could not measure.
    #[error("{0}")]
    Failed(String),
}

impl PrivateError {
    fn set_up<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::SetUp { what, source: source.into() }
    }
}

/// What the process within says at its end.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// Everything was measured.
    Measured(Box<Measurement>),
    /// Why not, in words.
    Failed(String),
}

/// Has the process within measure. The calling process must have one thread, and can start neither
/// threads nor other processes afterwards.
///
/// # Errors
/// [`PrivateError`] says whether it could not be started or could not measure.
pub(super) fn measure(settings: &Settings) -> Result<Measurement, PrivateError> {
    separate()?;
    let mut child = program::anew()
        .args(["bench", "--inside"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(PrivateError::Process)?;
    let settings = serde_json::to_vec(settings).map_err(PrivateError::Message)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&settings).map_err(PrivateError::Process)?;
    }
    let output = child.wait_with_output().map_err(PrivateError::Process)?;
    if output.stdout.is_empty() {
        return Err(PrivateError::Ended(output.status));
    }
    match serde_json::from_slice(&output.stdout).map_err(PrivateError::Message)? {
        Answer::Measured(measurement) => Ok(*measurement),
        Answer::Failed(why) => Err(PrivateError::Failed(why)),
    }
}

/// Gives the next child a PID namespace, within a user namespace where that is what it takes.
fn separate() -> Result<(), PrivateError> {
    match unshare(CloneFlags::CLONE_NEWPID) {
        Err(Errno::EPERM) => {}
        other => return other.map_err(PrivateError::Unshare),
    }
    Ok(rootless::become_root_with(CloneFlags::CLONE_NEWPID)?)
}

/// The process within: makes its place, measures with `measure` and answers.
///
/// # Errors
/// Only when it cannot even answer; what else fails is the answer.
pub(super) fn answer<E: std::error::Error>(
    measure: impl FnOnce(&Settings) -> Result<Measurement, E>,
) -> Result<(), PrivateError> {
    let settings: Settings =
        serde_json::from_reader(io::stdin().lock()).map_err(PrivateError::Message)?;
    let answer = match enter() {
        Err(error) => Answer::Failed(error.to_string()),
        Ok(()) => match measure(&settings) {
            Ok(measurement) => Answer::Measured(Box::new(measurement)),
            Err(error) => Answer::Failed(error.to_string()),
        },
    };
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, &answer).map_err(PrivateError::Message)?;
    output.flush().map_err(PrivateError::Process)
}

/// Moves this process, which must have one thread, into mount and network namespaces of its own.
fn enter() -> Result<(), PrivateError> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(PrivateError::set_up("the parent's end"))?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).map_err(PrivateError::Unshare)?;
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(PrivateError::set_up("the mounts of /"))?;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    match mount(Some("proc"), "/proc", Some("proc"), plain | MsFlags::MS_NOEXEC, nothing) {
        // Refused in a user namespace where parts of /proc are hidden, as in many containers. The
        // old one shows the same under other process numbers, and nobody here looks by number.
        Ok(()) | Err(Errno::EPERM) => {}
        Err(errno) => return Err(PrivateError::set_up("/proc")(errno)),
    }
    mount(Some("tmpfs"), "/run", Some("tmpfs"), plain, Some("mode=0755"))
        .map_err(PrivateError::set_up("/run"))?;
    fs::create_dir(RECORDS).map_err(PrivateError::set_up("the directories of /run"))?;
    // Before any namespace is in it: what is mounted there already would be mounted twice.
    Ok(netns::prepare_directory(Path::new(netns::NETNS_DIR))?)
}
