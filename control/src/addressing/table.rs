//! How is the table of leases written down?
//!
//! JSON, with names as keys and addresses as text, so that it can be read by people.

use super::{Lease, Leases, NetworkLeases};
use crate::model::NameFault;
use dataplane::wire::ethernet::{MacAddr, ParseMacError};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The one version of the table that there is.
const VERSION: u32 = 1;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LeasesError {
    /// It is no such JSON.
    #[error("the table of leases cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of a later version of the program.
    #[error("the table of leases has version {0}, and this program reads version 1 only")]
    Version(u32),
    /// A name in it is none.
    #[error("the table of leases has a name that is none: {0}")]
    Name(#[from] NameFault),
    /// A MAC in it is none.
    #[error("the table of leases has a MAC that is none: {0}")]
    Mac(#[from] ParseMacError),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: u32,
    departures: u64,
    networks: BTreeMap<String, NetworkLine>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NetworkLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet: Option<Ipv4Net>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet6: Option<Ipv6Net>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<u64>,
    endpoints: BTreeMap<String, Line>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    address: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    address6: Option<Ipv6Addr>,
    mac: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<u64>,
}

impl Leases {
    /// The table as JSON.
    ///
    /// # Errors
    /// None in practice: there is nothing in it that JSON cannot have.
    pub fn to_json(&self) -> Result<String, LeasesError> {
        let networks = self.networks.iter().map(|(name, network)| {
            let endpoints =
                network.endpoints.iter().map(|(sandbox, lease)| (sandbox.to_string(), line(lease)));
            let line = NetworkLine {
                subnet: network.subnet,
                subnet6: network.subnet6,
                gone: network.gone,
                endpoints: endpoints.collect(),
            };
            (name.to_string(), line)
        });
        let (departures, networks) = (self.departures, networks.collect());
        Ok(serde_json::to_string_pretty(&Table { version: VERSION, departures, networks })?)
    }

    /// Reads a table.
    ///
    /// # Errors
    /// See [`LeasesError`].
    pub fn from_json(text: &str) -> Result<Self, LeasesError> {
        let table: Table = serde_json::from_str(text)?;
        if table.version != VERSION {
            return Err(LeasesError::Version(table.version));
        }
        let mut networks = BTreeMap::new();
        for (name, line) in table.networks {
            let mut endpoints = BTreeMap::new();
            for (sandbox, line) in line.endpoints {
                endpoints.insert(sandbox.parse()?, lease(&line)?);
            }
            let NetworkLine { subnet, subnet6, gone, .. } = line;
            networks.insert(name.parse()?, NetworkLeases { subnet, subnet6, endpoints, gone });
        }
        Ok(Self { networks, departures: table.departures })
    }
}

fn line(lease: &Lease) -> Line {
    let Lease { ipv4, ipv6, mac, gone } = *lease;
    Line { address: ipv4, address6: ipv6, mac: mac.to_string(), gone }
}

fn lease(line: &Line) -> Result<Lease, LeasesError> {
    let mac: MacAddr = line.mac.parse()?;
    Ok(Lease { ipv4: line.address, ipv6: line.address6, mac, gone: line.gone })
}
