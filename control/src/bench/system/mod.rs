//! What is measured, and what is it compared with?
//!
//! # Theory of operation
//!
//! Each system is a `DataPath`: it is started here, in code, in namespaces of its own, says between
//! which namespaces traffic can run over it, and is taken down. All of them have the same addresses and
//! MTU, and no more than their own defaults otherwise.
//!
//! | file | system | ways |
//! |---|---|---|
//! | `ours` | this program, by its own commands | all |
//! | `kernel` | bridge and veth pairs; with nftables' NAT in `kernel::routed` | all, as two systems |
//! | `ovs` | Open vSwitch's userspace datapath, default and with TSO | within the network |
//! | `vde` | `vde_switch` with a `vde_plug2tap` in each namespace | within the network |
//! | `slirp` | slirp4netns | out, and in by a published port |
//! | `pasta` | pasta | out, and in by a published port |
//! | `tracker` | how their tracked connections are counted and forgotten | |
//! | `loopback` | two sockets on `lo`, the physical limit | stands in for all |
//!
//! What is absent is named as missing; what fails to start is reported in its
//! place with its own words; both leave the rest as it is. The programs are children in this process's
//! PID namespace, with a private `/run`: however it ends, the kernel ends them.

pub(super) mod kernel;
pub(super) mod loopback;
pub(super) mod name;
pub(super) mod namespace;
pub(super) mod ours;
pub(super) mod outside;
pub(super) mod ovs;
pub(super) mod pasta;
pub(super) mod path;
pub(super) mod program;
pub(super) mod slirp;
pub(super) mod tracker;
pub(super) mod userspace;
pub(super) mod vde;

pub use name::System;
pub use program::ProgramError;

use super::shape::Shape;
use crate::netlink::NetlinkError;
use crate::netns::NetnsError;
use kernel::nft::NftError;
use kernel::routed::ForwardingError;
use namespace::NamespaceError;
use ours::OursError;
use path::Path;
use std::path::PathBuf;
use tracker::TrackerError;

/// A system that stands and can carry traffic.
pub(super) trait DataPath {
    /// Between which namespaces traffic can run.
    fn paths(&self) -> Vec<Path>;
    /// All namespaces that it has interfaces in.
    fn namespaces(&self) -> Vec<PathBuf>;
    /// The processes that carry its traffic; none where the kernel alone does.
    fn processes(&self) -> Vec<u32>;
    /// Takes it down: ends its processes, then removes its namespaces.
    ///
    /// # Errors
    /// It does not end in order; what is left goes with the private namespaces.
    fn down(self: Box<Self>) -> Result<(), SystemError> {
        let namespaces = self.namespaces();
        drop(self);
        Ok(namespace::remove_all(namespaces)?)
    }
}

/// Why a system does not stand.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The kernel has no such thing.
    #[error("this kernel has no {0}")]
    KernelLacks(&'static str),
    /// It cannot carry what is asked for, by its nature.
    #[error("{0}")]
    Unable(&'static str),
    /// Its program is missing, fails or falls silent.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// There are no rules for the kernel's NAT.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// The kernel does not become a router.
    #[error(transparent)]
    Forwarding(#[from] ForwardingError),
    /// Our own network does not come up.
    #[error(transparent)]
    Ours(#[from] OursError),
    /// A tracker of connections cannot be asked or emptied.
    #[error(transparent)]
    Tracker(#[from] TrackerError),
    /// A namespace or an interface cannot be set up.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
}

impl SystemError {
    /// Is there just no such system here, so that nothing went wrong?
    pub(super) fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::KernelLacks(_)
                | Self::Unable(_)
                | Self::Program(ProgramError::Missing { .. })
                | Self::Nft(_)
        )
    }
}

impl From<NetnsError> for SystemError {
    fn from(error: NetnsError) -> Self {
        Self::Namespace(error.into())
    }
}

impl From<NetlinkError> for SystemError {
    fn from(error: NetlinkError) -> Self {
        Self::Namespace(error.into())
    }
}

/// What the system calls itself, with its version.
///
/// # Errors
/// [`ProgramError::Missing`] where its program is.
pub(super) fn label(system: System) -> Result<String, SystemError> {
    let kernel = || {
        nix::sys::utsname::uname()
            .map_or_else(|_| String::new(), |it| it.release().to_string_lossy().into_owned())
    };
    Ok(match system {
        System::Ours(workers) => ours::label(workers),
        System::Kernel => format!("Linux {}, bridge and veth", kernel()),
        System::Nftables => {
            format!("Linux {}, bridge, veth and {}", kernel(), kernel::nft::version()?)
        }
        System::Ovs => ovs::version()?,
        System::OvsTso => format!("{}, userspace-tso-enable", ovs::version()?),
        System::Vde => vde::version()?,
        System::Slirp => slirp::version()?,
        System::Pasta => pasta::version()?,
        System::Loopback => format!("Linux {}, lo", kernel()),
    })
}

/// Starts it in this shape; the names of its namespaces begin with `prefix`.
///
/// # Errors
/// [`SystemError`] says why it does not stand; nothing of it is left running then.
pub(super) fn start(
    system: System,
    shape: &Shape,
    prefix: &str,
) -> Result<Box<dyn DataPath>, SystemError> {
    Ok(match system {
        System::Ours(workers) => Box::new(ours::Ours::start(shape, prefix, workers)?),
        System::Kernel => Box::new(kernel::Plain::build(shape, prefix)?),
        System::Nftables => Box::new(kernel::routed::Routed::build(shape, prefix)?),
        System::Ovs => Box::new(ovs::Ovs::start(shape, prefix, ovs::Tso::Off)?),
        System::OvsTso => Box::new(ovs::Ovs::start(shape, prefix, ovs::Tso::On)?),
        System::Vde => Box::new(vde::Vde::start(shape, prefix)?),
        System::Slirp => Box::new(slirp::start(shape, prefix)?),
        System::Pasta => Box::new(pasta::start(shape, prefix)?),
        System::Loopback => Box::new(loopback::Loopback::build(prefix)?),
    })
}
