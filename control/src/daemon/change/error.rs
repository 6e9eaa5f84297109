//! Why is a change not in force?

use crate::api::protocol;
use crate::daemon::StartError;
use crate::model::{Problem, Refusal};
use crate::netlink::NetlinkError;
use crate::publish::PublishError;
use crate::spec::{EditError, FileError};
use crate::topology::{self, ClearError, FollowError, ObserveError, RecordError, TeardownError};
use crate::uplink::{self, UplinkError};
use axum::http::StatusCode;
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
    /// The host has not a port to give that is to be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The process holds a network that was made by options, and takes no file.
    #[error(
        "this is the process of one network of `up --ports`, whose ports do not come and go; networks of files are held by `udp-bridge daemon` or `up -f`"
    )]
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
    #[error("cannot do this: {step}: {source}{}", describe_undo(*.done, .undo))]
    Step {
        /// The step in words.
        step: String,
        /// What went wrong.
        source: Box<StepFailure>,
        /// How many steps were done before.
        done: usize,
        /// What could not be undone; empty if all was.
        undo: Vec<String>,
    },
}

fn describe_undo(done: usize, errors: &[String]) -> String {
    match (done, errors) {
        (0, []) => String::new(),
        (_, []) => "; everything done before is undone".to_owned(),
        (_, errors) => errors.iter().map(|error| format!("; {error}")).collect(),
    }
}

impl ChangeError {
    /// Was it refused as it is written?
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::File(_) | Self::Refused(_) => true,
            Self::Publish(error) => error.is_bad_input(),
            Self::Step { source, .. } => source.is_bad_input(),
            _ => false,
        }
    }

    /// Does what runs stand in its way?
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Edit(error) => !error.is_missing(),
            Self::Alone => true,
            Self::Refused(refusal) => is_taken(&refusal.problem),
            Self::Publish(error) => matches!(error, PublishError::InUse { .. }),
            Self::Step { source, .. } => source.is_conflict(),
            _ => false,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Self::Step { source, .. } if source.is_ending() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Edit(error) if error.is_missing() => StatusCode::NOT_FOUND,
            _ if self.is_conflict() => StatusCode::CONFLICT,
            _ if self.is_bad_input() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Does somebody have it already?
fn is_taken(problem: &Problem) -> bool {
    matches!(problem, Problem::PublishedTwice { .. } | Problem::MacTaken { .. })
}

impl From<ChangeError> for protocol::Problem {
    fn from(error: ChangeError) -> Self {
        Self::new(error.status(), &error.to_string())
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
    /// The network has ended, or is about to.
    #[error("network {0} has ended; nothing of it is changed any more")]
    Gone(String),
    /// The sandbox is nowhere.
    #[error("the sandbox {0} has no namespace")]
    Homeless(String),
    /// It failed halfway, and what it had done stays.
    #[error("{error}; and what this step had done could not be undone: {undo}")]
    Undo {
        /// Why it failed.
        error: Box<StepFailure>,
        /// Why it stays.
        undo: Box<StepFailure>,
    },
}

impl StepFailure {
    fn is_bad_input(&self) -> bool {
        match self {
            Self::Start(error) => error.is_bad_input(),
            Self::Publish(error) => error.is_bad_input(),
            _ => self.refused().is_some(),
        }
    }

    fn is_conflict(&self) -> bool {
        use uplink::Refusal::{PublishTaken, PublishTranslated};
        match self {
            Self::Publish(error) => matches!(error, PublishError::InUse { .. }),
            Self::Fdb(error) => matches!(error, FdbEntryError::Refused(_)),
            Self::Plan(error) => matches!(error, crate::plan::StepError::Taken(_)),
            _ => matches!(self.refused(), Some(PublishTaken { .. } | PublishTranslated { .. })),
        }
    }

    /// Why the uplink refuses it, if it does.
    fn refused(&self) -> Option<&uplink::Refusal> {
        match self {
            Self::Topology(topology::StepError::Uplink(UplinkError::Refused(refusal)))
            | Self::Follow(FollowError::Uplink(UplinkError::Refused(refusal))) => Some(refusal),
            _ => None,
        }
    }

    fn is_ending(&self) -> bool {
        matches!(
            self,
            Self::Gone(_)
                | Self::Stopped(_)
                | Self::Router(ReconfigureError::Stopped(_))
                | Self::Limits(LimitError::Stopped(_))
                | Self::Fdb(FdbEntryError::Stopped(_))
        )
    }
}
