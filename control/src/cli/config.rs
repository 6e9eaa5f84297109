//! `udp-bridge config`: what runs of files, as such a file.

use super::apply::{ask, process};
use super::exit::CliError;
use super::known::Known;
use super::output::print;
use clap::Args;

/// Options of `config`.
#[derive(Debug, Args)]
pub(super) struct Options {}

/// Prints the file.
pub(super) fn run(_: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let client = process(&known).ok_or(CliError::NothingRuns)?;
    Ok(print(&ask(client.config())?)?)
}
