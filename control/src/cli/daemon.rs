//! `udp-bridge daemon`: holds many networks in one process.

use super::exit::CliError;
use super::logs;
use super::status::LineShown;
use crate::daemon::Daemon;
use crate::doctor::{self, Way};
use crate::netns::rootless;
use crate::topology::Site;
use clap::Args;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Options of `daemon`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Members of this group may ask the daemon too, and so make networks
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Answer Prometheus at this TCP address too, to whoever reaches it
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
}

/// The address for Prometheus cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error("--metrics {address}: {source}; give an address of this host and a free port")]
pub struct MetricsError {
    address: SocketAddr,
    source: io::Error,
}

/// Holds networks until it is told to end.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let way = doctor::preflight()?;
    // Where the command was typed: a daemon without root goes into a namespace of its own.
    let metrics = options.metrics.map(listen).transpose()?;
    logs::start(false, LineShown::default());
    let site = Site::here(way == Way::Root);
    if way == Way::Rootless {
        rootless::enter()?;
    }
    let daemon = Daemon::of_many(&site, way == Way::Rootless, options.group.as_deref())?;
    let daemon = match metrics {
        Some(listener) => daemon.with_metrics(listener)?,
        None => daemon,
    };
    tracing::info!("the daemon keeps {}", site.state_dir.display());
    Ok(daemon.run(None)?)
}

fn listen(address: SocketAddr) -> Result<TcpListener, MetricsError> {
    TcpListener::bind(address).map_err(|source| MetricsError { address, source })
}
