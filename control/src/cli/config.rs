//! `udp-bridge config`: what runs, as a file of networks.
//!
//! A network of `up --ports N` without a daemon has a process of its own. What such processes say comes
//! behind what the daemon, or an `up -f`, says: their networks and sandboxes have other names, for nobody
//! else can have them while they run.

use super::apply::{Choice, ask, process};
use super::exit::CliError;
use super::known::{Known, is_changing};
use super::output::print;
use crate::api::client::Client;
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
    let mut all: Vec<Client> = process(&known, &options.choice)?.into_iter().collect();
    all.extend(known.alone());
    if all.is_empty() {
        return Err(CliError::NothingRuns);
    }
    let mut whole = String::new();
    for client in all {
        let file = match client.config() {
            // It is starting or ending just now.
            Err(error) if is_changing(&error) => continue,
            answer => ask(answer)?,
        };
        whole += if whole.is_empty() { &file } else { without_version(&file) };
    }
    Ok(print(&whole)?)
}

/// A file's tables: the version was said already.
fn without_version(file: &str) -> &str {
    file.split_once('\n').map_or("", |(_, tables)| tables)
}
