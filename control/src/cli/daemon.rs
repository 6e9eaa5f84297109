//! `udp-bridge daemon`: holds many networks in one process.

use super::exit::CliError;
use super::logs;
use super::status::LineShown;
use crate::daemon::Daemon;
use crate::doctor::{self, Way};
use crate::netns::rootless;
use crate::topology::Site;
use clap::Args;

/// Options of `daemon`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Members of this group may ask the daemon too, and so make networks
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

/// Holds networks until it is told to end.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let way = doctor::preflight()?;
    logs::start(false, LineShown::default());
    let site = Site::here(way == Way::Root);
    if way == Way::Rootless {
        rootless::enter()?;
    }
    let daemon = Daemon::of_many(&site, way == Way::Rootless, options.group.as_deref())?;
    tracing::info!("the daemon keeps {}", site.state_dir.display());
    Ok(daemon.run(None)?)
}
