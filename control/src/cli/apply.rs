//! `udp-bridge apply`: what runs becomes what a file says.

use super::exit::CliError;
use super::known::Known;
use super::output::print;
use crate::api::SOCKET_NAME;
use crate::api::client::{Client, ClientError, How};
use crate::api::file::Applied;
use crate::daemon::change::rehearse;
use crate::spec::SpecFile;
use crate::topology::Keeper;
use clap::Args;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Largest file: as large as the body of a request can be.
const MAX_LENGTH: u64 = 32 << 20;

/// Options of `apply`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file of networks, sandboxes and endpoints
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
    /// Print the steps, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Which process is meant, where several hold networks of files.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Ask the process that holds this network, where there are several
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
}

/// Puts the file in force, or says how.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let file = read(&options.file)?;
    let known = Known::look()?;
    let Some(client) = process(&known, &options.choice)? else {
        if !options.dry_run {
            return Err(CliError::NothingRuns);
        }
        let change = rehearse(file, &known.site)?;
        return Ok(print(&format!("{}\n", change.plan))?);
    };
    let how = How { dry_run: options.dry_run, join: false };
    print_applied(&ask(client.apply(&file, how))?)
}

/// Shows what was done.
pub(super) fn print_applied(applied: &Applied) -> Result<(), CliError> {
    Ok(print(&format!("{}\n", applied.text))?)
}

/// The answer, or the words of the refusal as we would say them.
pub(super) fn ask<T>(answer: Result<T, ClientError>) -> Result<T, CliError> {
    answer.map_err(|error| match error {
        ClientError::Refused { problem, .. } => CliError::DaemonRefused(problem),
        other => other.into(),
    })
}

/// The process that keeps networks of files: who holds the network that was named, otherwise the daemon,
/// otherwise the only `up -f` that runs.
pub(super) fn process(known: &Known, choice: &Choice) -> Result<Option<Client>, CliError> {
    if let Some(name) = &choice.network {
        return Ok(Some(known.living(name)?.process().clone()));
    }
    if Keeper::of(&known.site).is_some() {
        return Ok(Some(Client::new(known.site.state_dir.join(SOCKET_NAME))));
    }
    let mut sockets = known.file_sockets();
    match sockets.len() {
        0 | 1 => Ok(sockets.pop().map(Client::new)),
        _ => Err(CliError::SeveralProcesses(known.held(&sockets))),
    }
}

/// Reads a file of networks.
pub(super) fn read(path: &Path) -> Result<SpecFile, CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    let length = file.take(MAX_LENGTH + 1).read_to_string(&mut text).map_err(failed)?;
    if length as u64 > MAX_LENGTH {
        return Err(failed(io::Error::new(ErrorKind::FileTooLarge, "it has more than 32 MiB")));
    }
    Ok(SpecFile { path: path.display().to_string(), text })
}
