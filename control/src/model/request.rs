//! What did the user write?

use super::rules::RulesFile;
use super::{
    ModelError, Mtu, NetworkName, RouterRequest, SubnetRequest, parse_subnet, parse_subnet6,
    usual_workers,
};
use dataplane::config::{StormLimit, SwitchConfig};
use ipnet::{Ipv4Net, Ipv6Net};
use std::time::Duration;

/// A network as the user asked for it; nothing is checked yet.
#[derive(Clone, Debug)]
pub struct NetworkRequest {
    /// `--name`.
    pub name: String,
    /// `--ports`: how many, the host's not counted.
    pub ports: u32,
    /// `--subnet`; `None` for the first free default.
    pub subnet: Option<String>,
    /// `--subnet6`: a subnet or `none`; `None` for the one derived from the name.
    pub subnet6: Option<String>,
    /// `--mtu`, in bytes.
    pub mtu: u32,
    /// `--host-if`; `None` for the network's name.
    pub host_if: Option<String>,
    /// `--isolate`: numbers of ports, from 1, that reach only ports not named here.
    pub isolate: Vec<u32>,
    /// `--isolate` of every port.
    pub isolate_all: bool,
    /// `--no-offloads`: numbers of ports, 0 for the host's, that get complete frames only.
    pub no_offloads: Vec<u32>,
    /// `--no-offloads` of every port and the host's.
    pub no_offloads_all: bool,
    /// Each `--publish`.
    pub publish: Vec<String>,
    /// Are frames with a source MAC that is not the port's dropped?
    pub check_source: bool,
    /// See [`SwitchConfig::ageing`].
    pub ageing: Duration,
    /// See [`SwitchConfig::fdb_capacity`].
    pub fdb_capacity: usize,
    /// See [`SwitchConfig::fdb_port_limit`].
    pub fdb_port_limit: usize,
    /// See [`SwitchConfig::storm`].
    pub storm: Option<StormLimit>,
    /// `--workers`: threads that forward.
    pub workers: usize,
    /// `--rules`: the file, read already.
    pub rules: Option<RulesFile>,
    /// `--icc`: may namespaces begin flows to each other?
    pub icc: bool,
    /// `--internal`: is there no way to the outside and back?
    pub internal: bool,
    /// What is asked of the router.
    pub router: RouterRequest,
}

impl NetworkRequest {
    /// A request for `ports` ports with every other setting at its default.
    pub fn new(name: &str, ports: u32) -> Self {
        let switch = SwitchConfig::default();
        Self {
            name: name.to_owned(),
            ports,
            subnet: None,
            subnet6: None,
            mtu: Mtu::DEFAULT.into(),
            host_if: None,
            isolate: Vec::new(),
            isolate_all: false,
            no_offloads: Vec::new(),
            no_offloads_all: false,
            publish: Vec::new(),
            check_source: true,
            ageing: switch.ageing,
            fdb_capacity: switch.fdb_capacity,
            fdb_port_limit: switch.fdb_port_limit,
            storm: switch.storm,
            workers: usual_workers().get(),
            rules: None,
            icc: true,
            internal: false,
            router: RouterRequest::default(),
        }
    }

    /// The name, checked.
    ///
    /// # Errors
    /// It is no [`NetworkName`].
    pub fn name(&self) -> Result<NetworkName, ModelError> {
        Ok(self.name.parse()?)
    }

    /// The IPv4 subnet asked for; never [`SubnetRequest::None`].
    ///
    /// # Errors
    /// See [`parse_subnet`].
    pub fn subnet(&self) -> Result<SubnetRequest<Ipv4Net>, ModelError> {
        match &self.subnet {
            None => Ok(SubnetRequest::Default),
            Some(text) => match parse_subnet(text) {
                Ok(subnet) => Ok(SubnetRequest::Given(subnet)),
                Err(fault) => Err(ModelError::Subnet(fault)),
            },
        }
    }

    /// The IPv6 subnet asked for.
    ///
    /// # Errors
    /// See [`parse_subnet6`].
    pub fn subnet6(&self) -> Result<SubnetRequest<Ipv6Net>, ModelError> {
        let given = self.subnet6.as_deref().map(parse_subnet6).transpose();
        Ok(given.map_err(ModelError::Subnet6)?.unwrap_or(SubnetRequest::Default))
    }
}
