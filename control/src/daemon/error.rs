//! Why does a network not start, or not end in order?

use crate::api::server::BindError;
use crate::netlink::NetlinkError;
use crate::publish::PublishError;
use crate::topology::{
    ApplyError, ClearError, FollowError, KeeperError, ObserveError, PlanError, RecordError,
};
use crate::uplink::Refusal;
use dataplane::config::ConfigError;
use dataplane::port::icmp::IcmpError;
use std::io;
use std::path::PathBuf;
use tokio::task::JoinError;

/// Why a network does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The loop of the process cannot be made.
    #[error("cannot start the process's own loop: {0}")]
    Runtime(#[source] io::Error),
    /// Signals cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    /// The state folder cannot be read.
    #[error("cannot read {}: {source}; is it yours, and a folder?", path.display())]
    Networks {
        /// The state folder.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Leftovers of a dead process cannot be cleared.
    #[error(transparent)]
    Clear(#[from] ClearError),
    /// The machine cannot be looked at.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The request is refused.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The way to the outside is refused.
    #[error(transparent)]
    Uplink(#[from] Refusal),
    /// The host's addresses and routes cannot be read.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// Changes of the host cannot be heard of.
    #[error(transparent)]
    Monitor(#[from] NetlinkError),
    /// The network cannot be made.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The host's ports cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The dataplane refuses the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The api has no socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The engine cannot be made.
    #[error("cannot start the dataplane: {0}")]
    Engine(#[source] io::Error),
    /// The host's ICMP cannot be heard.
    #[error(transparent)]
    Icmp(#[from] IcmpError),
    /// Clients cannot be led to the daemon's socket.
    #[error("cannot make the link {}: {source}", path.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Another daemon is there.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// There is no such group.
    #[error("--group {0}: this host has no such group; `getent group` lists them")]
    Group(String),
    /// The process holds one network and no other.
    #[error(
        "this process holds network {0} alone and takes no other; `udp-bridge daemon` holds many"
    )]
    Alone(String),
    /// The process is about to end.
    #[error("the daemon is ending; nothing more is made")]
    Ending,
    /// A thread panicked while the network was being made.
    #[error("making the network failed: {0}; what was made is removed; please report this")]
    Broken(#[source] JoinError),
}

impl StartError {
    /// Was the request refused as it is written, before anything was made?
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Plan(_) | Self::Config(_) | Self::Uplink(_) | Self::Group(_) => true,
            Self::Publish(error) => error.is_bad_input(),
            _ => false,
        }
    }

    /// Is there a network of that name already, or no place for another?
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Alone(_)
                | Self::Plan(PlanError::NetworkUp(_) | PlanError::Leftovers(_))
                | Self::Apply(ApplyError::Record(RecordError::Held(_)))
        )
    }
}

/// Why a network did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The engine failed.
    #[error("the dataplane failed: {0}; the network was taken down")]
    Engine(#[source] io::Error),
    /// The engine panicked.
    #[error("the dataplane panicked: {0}; the network was taken down; please report this")]
    EnginePanicked(String),
    /// The engine ended though nobody asked it to.
    #[error("the dataplane ended by itself; the network was taken down; please report this")]
    EngineReturned,
    /// The task that waited for its end panicked.
    #[error("the network lost its guard and was dropped; please report this")]
    Unguarded,
    /// A thread panicked while the network was being taken down.
    #[error("taking the network down failed: {0}; please report this")]
    Broken(#[source] JoinError),
    /// Some things could not be removed; each was logged.
    #[error("{0} things could not be removed, see above; `udp-bridge down` tries again")]
    Teardown(usize),
}
