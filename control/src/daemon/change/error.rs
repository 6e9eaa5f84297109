//! Why is a network as it was before?

use crate::api::protocol::Problem;
use crate::model::{self, Refusal};
use crate::publish::PublishError;
use crate::spec::{EditError, FileError};
use crate::topology::FollowError;
use crate::uplink::{self, UplinkError};
use axum::http::StatusCode;
use dataplane::engine::{FdbEntryError, LimitError, ReconfigureError};

/// Why a change is not in force.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is nothing to edit.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The rule cannot be read.
    #[error(transparent)]
    Rule(#[from] Box<FileError>),
    /// The network would make no sense.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The host has not this port to give.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The rules of the uplink cannot be changed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The router does not take it.
    #[error(transparent)]
    Router(#[from] ReconfigureError),
    /// The dataplane does not take the limits.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// The dataplane does not take the entry of the MAC table.
    #[error(transparent)]
    Fdb(#[from] FdbEntryError),
    /// The network is of a file, and is changed with all that the file says.
    #[error("this network is of a file, and was asked for past its door; please report this")]
    OfFile,
    /// The network is about to end.
    #[error("the network is ending; nothing of it is changed any more")]
    Ending,
    /// What is named is not there, though it was proven to be.
    #[error("there is no port {0:?}; please report this")]
    Missing(String),
    /// Nobody can do that here.
    #[error("it cannot be done while the network is up: {0}")]
    Fixed(String),
    /// A step failed, and so did undoing those before it.
    #[error("{error}; and what was done before could not be undone: {undo}")]
    Undo {
        /// Why the step failed.
        error: Box<ChangeError>,
        /// Why its predecessor stays.
        undo: Box<ChangeError>,
    },
}

impl ChangeError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Edit(_) => StatusCode::NOT_FOUND,
            Self::Rule(_) => StatusCode::BAD_REQUEST,
            Self::Refused(refusal) if is_taken(&refusal.problem) => StatusCode::CONFLICT,
            Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::Publish(PublishError::InUse { .. }) => StatusCode::CONFLICT,
            Self::Publish(error) if error.is_bad_input() => StatusCode::BAD_REQUEST,
            Self::Follow(FollowError::Uplink(UplinkError::Refused(refusal))) => match refusal {
                uplink::Refusal::PublishTaken { .. }
                | uplink::Refusal::PublishTranslated { .. } => StatusCode::CONFLICT,
                _ => StatusCode::BAD_REQUEST,
            },
            Self::Fdb(FdbEntryError::Refused(_)) => StatusCode::CONFLICT,
            Self::Ending
            | Self::Router(ReconfigureError::Stopped(_))
            | Self::Limits(LimitError::Stopped(_))
            | Self::Fdb(FdbEntryError::Stopped(_)) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Does somebody have it already?
fn is_taken(problem: &model::Problem) -> bool {
    matches!(problem, model::Problem::PublishedTwice { .. } | model::Problem::MacTaken { .. })
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        Self::new(error.status(), &error.to_string())
    }
}
