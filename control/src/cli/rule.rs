//! `udp-bridge rule`: rules of a network that is up come and go.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use super::output::print;
use super::up::read_rules;
use crate::api::change::NewRule;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What a rule on the command line is called where it is listed.
const COMMAND_LINE: &str = "rule add";

/// Options of `rule`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Add a rule, and print its number
    Add(Add),
    /// Remove a rule; those behind it get the number before theirs
    Rm(Remove),
}

#[derive(Debug, Args)]
struct Add {
    /// The fields of a [[rule]] in TOML, one a line: 'from = "outside"', 'port = 80', …
    #[arg(required_unless_present = "file", value_name = "FIELD")]
    fields: Vec<String>,
    /// Read the fields from a file
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    file: Option<PathBuf>,
    /// Before the rule of this number, from 0; behind all when left out
    #[arg(long, value_name = "ID")]
    at: Option<usize>,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

#[derive(Debug, Args)]
struct Remove {
    /// The rule's number, from 0, as `udp-bridge rules` lists it
    id: usize,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

/// Does what the options say.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    match &options.deed {
        Deed::Add(add) => {
            let (path, rule) = match &add.file {
                Some(file) => {
                    let file = read_rules("--file", file)?;
                    (file.path, file.text)
                }
                None => (COMMAND_LINE.to_owned(), add.fields.join("\n")),
            };
            let client = Known::look()?.living(&add.network)?;
            let new = NewRule { rule, path: Some(path), at: add.at };
            let added = client.add_rule(&new).map_err(CliError::of_change)?;
            Ok(print(&format!("{}\n", added.id))?)
        }
        Deed::Rm(remove) => {
            let client = Known::look()?.living(&remove.network)?;
            client.remove_rule(remove.id).map_err(CliError::of_change)
        }
    }
}
