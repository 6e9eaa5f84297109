//! What do the networks say of themselves at one moment?

use super::MOST_FLOWS;
use crate::api::client::{Client, ClientError};
use crate::api::flow::{FlowFilter, FlowInfo};
use crate::api::protocol::{NetworkInfo, PortInfo, TablesInfo};
use crate::cli::exit::CliError;
use crate::cli::known::Known;
use std::ops::ControlFlow;
use std::time::Instant;

/// All that is looked at, at one moment.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) networks: Vec<NetworkSample>,
}

/// The same of one network.
#[derive(Clone, Debug)]
pub(super) struct NetworkSample {
    pub(super) network: NetworkInfo,
    pub(super) ports: Vec<PortInfo>,
    pub(super) tables: TablesInfo,
    pub(super) flows: Vec<FlowInfo>,
}

impl Sample {
    /// Asks the network `name`, or all. One that ends just now is left out.
    pub(super) fn take(known: &Known, name: Option<&str>) -> Result<Self, CliError> {
        let at = Instant::now();
        let mut networks = Vec::new();
        for network in known.chosen(name)?.into_iter().filter(|network| network.alive) {
            match ask(&known.client(&network.name)) {
                Ok(sample) => networks.push(sample),
                Err(ClientError::NotRunning { .. } | ClientError::Exchange { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { at, networks })
    }
}

fn ask(client: &Client) -> Result<NetworkSample, ClientError> {
    let (network, ports, tables) = (client.network()?, client.ports()?, client.tables()?);
    let mut flows: Vec<FlowInfo> = Vec::new();
    client.flows(&FlowFilter::default(), &mut |line| {
        // A line that cannot be read is another version's: it has no rate that could be shown.
        flows.extend(serde_json::from_slice::<FlowInfo>(line));
        if flows.len() < MOST_FLOWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(NetworkSample { network, ports, tables, flows })
}
