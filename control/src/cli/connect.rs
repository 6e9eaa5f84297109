//! `udp-bridge connect` and `disconnect`: a sandbox of a file comes to a network, or leaves it.

use super::apply::{ask, print_applied};
use super::exit::CliError;
use super::known::Known;
use crate::api::file::NewEndpoint;
use clap::Args;

/// Options of `connect`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The sandbox
    sandbox: String,
    /// The network
    network: String,
    /// The interface in the sandbox [default: the first free of eth0, eth1, …]
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// Its IPv4 address [default: leased]
    #[arg(long, value_name = "ADDR")]
    address: Option<String>,
    /// Its IPv6 address [default: leased]
    #[arg(long, value_name = "ADDR")]
    address6: Option<String>,
    /// Its MAC [default: leased]
    #[arg(long, value_name = "MAC")]
    mac: Option<String>,
}

/// Options of `disconnect`.
#[derive(Debug, Args)]
pub(super) struct DisconnectOptions {
    /// The sandbox
    sandbox: String,
    /// The network
    network: String,
}

/// Connects.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let client = known.client(&known.find(&options.network)?.name);
    let new = NewEndpoint {
        sandbox: options.sandbox.clone(),
        interface: options.interface.clone(),
        address: options.address.clone(),
        address6: options.address6.clone(),
        mac: options.mac.clone(),
    };
    print_applied(&ask(client.connect(&new))?)
}

/// Disconnects.
pub(super) fn disconnect(options: &DisconnectOptions) -> Result<(), CliError> {
    let known = Known::look()?;
    let client = known.client(&known.find(&options.network)?.name);
    print_applied(&ask(client.disconnect(&options.sandbox))?)
}
