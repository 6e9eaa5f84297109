//! `udp-bridge config`: what runs of files, as such a file.

use super::apply::{Choice, ask, process};
use super::exit::CliError;
use super::known::Known;
use super::output::print;
use clap::Args;

/// Options of `config`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    choice: Choice,
}

/// Prints the file.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let client = process(&known, &options.choice)?.ok_or(CliError::NothingRuns)?;
    Ok(print(&ask(client.config())?)?)
}
