//! `udp-bridge publish` and `unpublish`: more ports of the host lead into a network that is up, or fewer.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use clap::Args;

/// Options of both.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// As --publish of `up` has it, with /tcp or without: [ADDR:]PORT[-PORT]:NAME:PORT[-PORT][/tcp|udp]
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<String>,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

/// Publishes all of them, or none.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let client = Known::look()?.living(&options.network)?;
    let mut done = Vec::new();
    for spec in &options.specs {
        match client.publish(spec) {
            Ok(new) => done.push(new.publish),
            Err(error) => {
                // What cannot be taken back is seen in `ports`; the first error says more.
                let _ = done.iter().rev().try_for_each(|publish| client.unpublish(publish));
                return Err(CliError::of_change(error));
            }
        }
    }
    Ok(())
}

/// Takes them back one after the other, up to the first that is not published.
pub(super) fn unpublish(options: &Options) -> Result<(), CliError> {
    let client = Known::look()?.living(&options.network)?;
    options.specs.iter().try_for_each(|spec| client.unpublish(spec)).map_err(CliError::of_change)
}
