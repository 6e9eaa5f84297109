//! Why did the command fail, and what is to be done about it?

use super::capture::CaptureFailure;
use super::daemon::MetricsError;
use super::man::ManError;
use super::output::OutputError;
use super::top::ScreenError;
use super::up::RulesFileError;
use crate::api::capture::QueryError;
use crate::api::client::ClientError;
use crate::api::flow::FilterError;
use crate::api::protocol::Problem;
use crate::bench::BenchError;
use crate::bench::load::LoadError;
use crate::daemon::change::ChangeError;
use crate::daemon::{EndError, StartError};
use crate::doctor::Refusal;
use crate::model::ModelError;
use crate::netns::NetnsError;
use crate::netns::rootless::RootlessError;
use crate::topology::{ClearError, KeeperError};
use crate::trace::DescribedError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a command failed: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// This machine or this user cannot make networks.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No namespace of our own.
    #[error(transparent)]
    Rootless(#[from] RootlessError),
    /// The file of rules cannot be read.
    #[error(transparent)]
    RulesFile(#[from] RulesFileError),
    /// The network does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file of networks is not put in force.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The file of networks cannot be read.
    #[error("-f {}: {source}; give a file of text that this user may read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Nothing runs that could be changed.
    #[error("nothing of a file runs here; start it with `udp-bridge up -f FILE`")]
    NothingRuns,
    /// Several processes hold networks of files, and none was chosen.
    #[error(
        "{} processes hold networks of files: {}; choose one of them with --network NAME",
        .0.len(),
        processes(.0)
    )]
    SeveralProcesses(Vec<Vec<String>>),
    /// The network did not end in order.
    #[error(transparent)]
    End(#[from] Arc<EndError>),
    /// The daemon refuses the network, in the words in which we would.
    #[error("{}", .0.detail)]
    DaemonRefused(Problem),
    /// The daemon ended while a network of ours was up.
    #[error("the daemon is gone, and network {name:?} with it: {source}")]
    DaemonGone {
        /// The network.
        name: String,
        /// Why it does not answer.
        source: Box<ClientError>,
    },
    /// A daemon is there, and does not listen.
    #[error(
        "the daemon (process {}) does not listen: {source}",
        pid.map_or("unknown".to_owned(), |pid| pid.to_string())
    )]
    DaemonSilent {
        /// Its process.
        pid: Option<u32>,
        /// Why it cannot be asked.
        source: Box<ClientError>,
    },
    /// Signals cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    /// What a killed daemon left cannot be removed.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// A name is wrong.
    #[error(transparent)]
    Name(#[from] ModelError),
    /// The running process does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Leftovers cannot be cleared.
    #[error(transparent)]
    Clear(#[from] ClearError),
    /// A port's namespace cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// Nothing can be printed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The screen cannot be used.
    #[error(transparent)]
    Screen(#[from] ScreenError),
    /// Prometheus cannot be answered.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The manual cannot be written.
    #[error(transparent)]
    Man(#[from] ManError),
    /// The state folder cannot be read.
    #[error("cannot read {}: {source}; is it yours, and a folder?", path.display())]
    Networks {
        /// The state folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is no network of this name.
    #[error("there is no network {name:?}; {}", listed("networks", known))]
    UnknownNetwork {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The network's process is dead.
    #[error("network {0:?} has no living process; clear its leftovers with `udp-bridge down {0}`")]
    Dead(String),
    /// There is no port of this name.
    #[error("there is no port {name:?}; {}", listed("ports", known))]
    UnknownPort {
        /// The name or number.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Several networks have a port like this.
    #[error("there are several ports {name:?}: name one of {}", some_of(known))]
    AmbiguousPort {
        /// The name or number.
        name: String,
        /// Their full names.
        known: Vec<String>,
    },
    /// `exec` has no port to run a program in.
    #[error("{0}")]
    NoPlace(Box<CliError>),
    /// The host port's namespace is the one that the command was typed in.
    #[error("{0:?} is the host's own port: its namespace is this one, so run the command as it is")]
    HostPort(String),
    /// The port's namespace has no name any more, though something inside keeps it alive.
    #[error(
        "port {0:?} cannot be entered: its namespace lost its name (`ip netns del`?), and only what runs in it already stays there; start the network anew to have it back"
    )]
    NameGone(String),
    /// The port's namespace was removed.
    #[error(
        "port {0:?} is gone: its namespace or device was removed; start the network anew to have it back"
    )]
    PortGone(String),
    /// The network did not end in time.
    #[error(
        "network {name:?} is still there after {seconds} s; look at its log, or end process {pid} by hand and try again"
    )]
    StillThere {
        /// The network.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// Its process.
        pid: String,
    },
    /// Not all of several networks could be taken down; each was told.
    #[error("{failed} of {all} networks could not be taken down, see above")]
    SomeStayed {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
    },
    /// The command has no mounts of its own.
    #[error("cannot give {program:?} a view of its own of /sys and /etc: {source}")]
    View {
        /// The program.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("cannot run {program:?}: {source}")]
    Exec {
        /// The program.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process in the background cannot be started or waited for.
    #[error("cannot start a process in the background: {0}")]
    Background(#[source] io::Error),
    /// The process in the background ended before the network was ready, and said why.
    #[error("")]
    BackgroundEnded(u8),
    /// The same by a signal, which says nothing.
    #[error(
        "the process in the background was killed before the network was ready; `udp-bridge down {0}` clears what it left"
    )]
    BackgroundKilled(String),
    /// The command that asked for a network in the background is gone.
    #[error("nobody waits for the network any more; it was taken down again")]
    NobodyWaits,
    /// The log cannot be opened.
    #[error("cannot open the log {}: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The bridges cannot be measured.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// One end of a measurement gives up.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The flows that were asked for make no sense.
    #[error(transparent)]
    Flows(#[from] FilterError),
    /// Frames cannot be shown or kept.
    #[error(transparent)]
    Capture(#[from] CaptureFailure),
    /// The frames that were asked for make no sense.
    #[error(transparent)]
    Frames(#[from] QueryError),
    /// The packet that was described makes no sense.
    #[error(transparent)]
    Described(#[from] DescribedError),
    /// There was no flow to delete, which was told.
    #[error("")]
    NothingDeleted,
    /// The report says that `up` cannot work.
    #[error("")]
    NotReady,
}

/// What there is to choose from, in words.
fn listed(kind: &str, names: &[String]) -> String {
    if names.is_empty() {
        "none is up: start one with `udp-bridge up`".to_owned()
    } else {
        format!("the {kind} are {}", some_of(names))
    }
}

/// The networks of each of some processes.
fn processes(held: &[Vec<String>]) -> String {
    let one = |networks: &Vec<String>| match &networks[..] {
        [] => "one has none now".to_owned(),
        networks => format!("one has {}", some_of(networks)),
    };
    held.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// As many names as can be read at a glance.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 12;
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => {
            format!("{} and {} more (see `udp-bridge ps`)", first.join(", "), names.len() - MOST)
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_port_is_told_with_those_that_there_are() {
        let known = vec!["ub0-1".to_owned(), "ub0-2".to_owned()];
        let error = CliError::UnknownPort { name: "web".to_owned(), known };
        assert_eq!(error.to_string(), r#"there is no port "web"; the ports are ub0-1, ub0-2"#);
        let known = (1..=250).map(|number| format!("ub0-{number}")).collect();
        let error = CliError::UnknownPort { name: "web".to_owned(), known };
        assert!(error.to_string().ends_with("ub0-12 and 238 more (see `udp-bridge ps`)"));
        let error = CliError::UnknownNetwork { name: "x".to_owned(), known: Vec::new() };
        assert!(error.to_string().ends_with("start one with `udp-bridge up`"));
    }
}
