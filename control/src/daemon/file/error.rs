//! Why is what a file says not put in force?

use crate::daemon::StartError;
use crate::model::Refusal;
use crate::netlink::NetlinkError;
use crate::publish::PublishError;
use crate::spec::{EditError, FileError};
use crate::topology::{self, ClearError, FollowError, ObserveError, RecordError, TeardownError};
use dataplane::engine::{
    AddPortError, EngineStopped, FdbEntryError, LimitError, ListenError, ReconfigureError,
    SettingError,
};
use dataplane::port::icmp::IcmpError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a file, or an edit of what runs, is not put in force. What runs is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The file is wrong; with its line.
    #[error(transparent)]
    File(#[from] Box<FileError>),
    /// What an edit would make is wrong.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// There is nothing to edit.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// What is to come to a network makes no sense.
    #[error(transparent)]
    Network(#[from] crate::daemon::change::ChangeError),
    /// The process holds a network that was made by options, and takes no file.
    #[error("this process holds one network that was made without a file, and takes none")]
    Alone,
    /// The process is about to end.
    #[error("the process is ending; nothing more is made")]
    Ending,
    /// The machine cannot be looked at.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// What a killed process left cannot be cleared.
    #[error(transparent)]
    Clear(#[from] ClearError),
    /// The state directory cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The table of leases cannot be read or written.
    #[error("cannot use the table of leases {}: {source}", path.display())]
    Leases {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The thread that changed it panicked.
    #[error("the change failed: {0}; please report this")]
    Broken(#[source] tokio::task::JoinError),
    /// A step failed.
    #[error("cannot do this: {step}: {source}{}", describe_undo(.undo))]
    Step {
        /// The step in words.
        step: String,
        /// What went wrong.
        source: Box<StepFailure>,
        /// What could not be undone; empty if all was.
        undo: Vec<String>,
    },
}

fn describe_undo(errors: &[String]) -> String {
    let errors: String = errors.iter().map(|error| format!("; {error}")).collect();
    if errors.is_empty() { "; everything done before is undone".to_owned() } else { errors }
}

impl ChangeError {
    /// Was it refused as it is written?
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::File(_) | Self::Refused(_) => true,
            Self::Step { source, .. } => match &**source {
                StepFailure::Start(error) => error.is_bad_input(),
                StepFailure::Publish(error) => error.is_bad_input(),
                _ => false,
            },
            _ => false,
        }
    }

    /// Does what runs stand in its way?
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Edit(_) | Self::Alone)
    }
}

/// Why one step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepFailure {
    /// It does not fit what stands.
    #[error(transparent)]
    Plan(#[from] crate::plan::StepError),
    /// The network cannot be made.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The network did not end in order.
    #[error(transparent)]
    End(#[from] Arc<crate::daemon::EndError>),
    /// A namespace or an interface cannot be made.
    #[error(transparent)]
    Topology(#[from] topology::StepError),
    /// A namespace cannot be removed.
    #[error(transparent)]
    Teardown(#[from] TeardownError),
    /// The host cannot be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A port cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The switch does not take the port.
    #[error(transparent)]
    Port(#[from] AddPortError),
    /// The switch does not take the limits.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// The switch or a port does not take a setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The switch does not take the MAC.
    #[error(transparent)]
    Fdb(#[from] FdbEntryError),
    /// The router does not take its configuration.
    #[error(transparent)]
    Router(#[from] ReconfigureError),
    /// The host's ICMP cannot be heard.
    #[error(transparent)]
    Icmp(#[from] IcmpError),
    /// It cannot be heard by the engine.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// The kernel refuses.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The network has ended by itself.
    #[error("network {0} has ended by itself")]
    Gone(String),
    /// The sandbox is nowhere.
    #[error("the sandbox {0} has no namespace")]
    Homeless(String),
}
