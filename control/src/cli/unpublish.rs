//! `udp-bridge unpublish`: ports of the host lead into a network no more.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use clap::Args;

/// Options of `unpublish`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// As it was published, /tcp or not: [ADDR:]PORT[-PORT]:NAME:PORT[-PORT][/tcp|udp]
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<String>,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

/// Takes them back one after the other, up to the first that is not published.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let client = Known::look()?.living(&options.network)?;
    options.specs.iter().try_for_each(|spec| client.unpublish(spec)).map_err(CliError::of_change)
}
