//! What will be made?
//!
//! Pure: from a request and what was found on the machine to a [`Plan`] that can be carried out, or
//! to the reason why not. Default subnets are chosen here, because they must be free.

use super::outside::wanted;
use super::{Observed, Route};
use crate::addressing::{default_subnets, default_subnets6};
use crate::model::{ModelError, Network, NetworkName, NetworkRequest, SubnetRequest, Subnets};
use crate::uplink::{self, Refusal};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Everything that [`super::apply()`] will make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    network: Network,
    ipv6_missing: bool,
}

impl Plan {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Does the network have no IPv6 because there is none here, though nobody asked for that?
    pub fn ipv6_missing(&self) -> bool {
        self.ipv6_missing
    }

    /// Can the plan be carried out on a machine that looks like this?
    ///
    /// # Errors
    /// A name is taken or a subnet is in use.
    pub(super) fn check(&self, observed: &Observed) -> Result<(), PlanError> {
        check_names(&self.network, observed)?;
        let subnets = self.network.subnets();
        check_free("--subnet", subnets.v4.into(), observed)?;
        subnets.v6.map_or(Ok(()), |subnet| check_free("--subnet6", subnet.into(), observed))?;
        check_uplink(&self.network, observed)
    }
}

/// Why a request cannot be carried out here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The request is wrong in itself.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A network of that name is up.
    #[error(
        "--name {0}: a network of that name is up; end it with `udp-bridge down {0}` or choose \
         another name"
    )]
    NetworkUp(NetworkName),
    /// A process was killed and left a network of that name behind.
    #[error(
        "--name {0}: a killed process left a network of that name; clear it with `udp-bridge down {0}`"
    )]
    Leftovers(NetworkName),
    /// A namespace of a port's name exists and is not ours.
    #[error(
        "--name {network}: the namespace {namespace} exists already and is not ours; choose another \
         name, or remove it with `ip netns del {namespace}`"
    )]
    NamespaceExists {
        /// The network's name.
        network: NetworkName,
        /// The namespace's name.
        namespace: String,
    },
    /// An interface of the host interface's name exists.
    #[error(
        "--host-if {0}: an interface of that name exists already and is not ours; give another one (left out, it is --name)"
    )]
    InterfaceExists(String),
    /// A subnet is in use.
    #[error("{option} {subnet} overlaps the route {}; {}", describe(.route), suggest(option, .free))]
    Overlap {
        /// The option that asks for it.
        option: &'static str,
        /// The subnet.
        subnet: IpNet,
        /// The route that leads there already.
        route: Route,
        /// A subnet of the same size that is free.
        free: Option<IpNet>,
    },
    /// All default subnets are in use.
    #[error("172.16.1.0/24 to 172.16.254.0/24 are all in use; choose a free one with --subnet")]
    NoFreeSubnet,
    /// IPv6 was asked for, but the kernel has none, or it cannot be switched on.
    #[error(
        "--subnet6 {0}: there is no IPv6 here; leave the option out or give none; \
         `udp-bridge doctor` says more"
    )]
    NoIpv6(Ipv6Net),
    /// There is no way to the outside as it is asked for.
    #[error(transparent)]
    Uplink(#[from] Refusal),
}

fn describe(route: &Route) -> String {
    match &route.interface {
        Some(interface) => format!("{} of {interface}", route.destination),
        None => route.destination.to_string(),
    }
}

fn suggest(option: &str, free: &Option<IpNet>) -> String {
    match free {
        Some(free) => format!("{option} {free} is free"),
        None => "choose another".to_owned(),
    }
}

/// Decides what will be made; nothing is touched.
///
/// # Errors
/// See [`PlanError`]; what is wrong with the request comes before what is wrong with the machine.
pub fn plan(request: &NetworkRequest, observed: &Observed) -> Result<Plan, PlanError> {
    let name = request.name()?;
    let v6 = choose_subnet6(&name, request.subnet6()?, observed)?;
    let v4 = choose_subnet(request.subnet()?, observed)?;
    let ipv6_missing = v6.is_none() && !observed.ipv6 && request.subnet6.is_none();
    let network = Network::new(request, Subnets { v4, v6 })?;
    let plan = Plan { network, ipv6_missing };
    plan.check(observed)?;
    Ok(plan)
}

fn choose_subnet(asked: SubnetRequest<Ipv4Net>, observed: &Observed) -> Result<Ipv4Net, PlanError> {
    match asked {
        SubnetRequest::Given(subnet) => Ok(subnet),
        SubnetRequest::Default | SubnetRequest::None => default_subnets()
            .find(|subnet| overlapping((*subnet).into(), observed).is_none())
            .ok_or(PlanError::NoFreeSubnet),
    }
}

fn choose_subnet6(
    name: &NetworkName,
    asked: SubnetRequest<Ipv6Net>,
    observed: &Observed,
) -> Result<Option<Ipv6Net>, PlanError> {
    match asked {
        SubnetRequest::Given(subnet) if !observed.ipv6 => Err(PlanError::NoIpv6(subnet)),
        SubnetRequest::Given(subnet) => Ok(Some(subnet)),
        SubnetRequest::Default if observed.ipv6 => Ok(free_subnet6(name, observed)),
        SubnetRequest::Default | SubnetRequest::None => Ok(None),
    }
}

/// The first default that is free. A route to all of fd00::/8 leaves none; then the first is taken,
/// and the check for free subnets says why it cannot be.
fn free_subnet6(name: &NetworkName, observed: &Observed) -> Option<Ipv6Net> {
    const ATTEMPTS: usize = 64;
    let is_free = |subnet: &Ipv6Net| overlapping((*subnet).into(), observed).is_none();
    default_subnets6(name).take(ATTEMPTS).find(is_free).or_else(|| default_subnets6(name).next())
}

fn check_names(network: &Network, observed: &Observed) -> Result<(), PlanError> {
    let name = network.name();
    match observed.networks.iter().find(|known| known.name == *name) {
        Some(known) if known.alive => return Err(PlanError::NetworkUp(name.clone())),
        Some(_) => return Err(PlanError::Leftovers(name.clone())),
        None => {}
    }
    let taken = (1..=network.ports())
        .map(|number| name.port(number))
        .find(|namespace| observed.namespaces.contains(namespace));
    if let Some(namespace) = taken {
        return Err(PlanError::NamespaceExists { network: name.clone(), namespace });
    }
    let interface = network.host_interface().as_str();
    if observed.links.iter().any(|link| link == interface) {
        return Err(PlanError::InterfaceExists(interface.to_owned()));
    }
    Ok(())
}

fn check_free(option: &'static str, subnet: IpNet, observed: &Observed) -> Result<(), PlanError> {
    let Some(route) = overlapping(subnet, observed) else {
        return Ok(());
    };
    Err(PlanError::Overlap {
        option,
        subnet,
        route: route.clone(),
        free: free_like(subnet, observed),
    })
}

/// Can the network have the uplink that it asks for? Who does not ask may get none.
fn check_uplink(network: &Network, observed: &Observed) -> Result<(), PlanError> {
    let Some(wanted) = wanted(network) else { return Ok(()) };
    match uplink::choose(&wanted, observed.home, &observed.host, &observed.uplinks) {
        Err(Refusal::NoPortsLeft | Refusal::NotReservable(_))
            if network.router().asks_for_uplink().is_none() =>
        {
            Ok(())
        }
        Err(refusal) => Err(refusal.into()),
        Ok(_) => Ok(()),
    }
}

/// The route that has addresses in common with the subnet.
fn overlapping(subnet: IpNet, observed: &Observed) -> Option<&Route> {
    observed.routes.iter().find(|route| {
        let there = route.destination;
        // A VPN's pair of /1 routes is a default route in disguise.
        there.prefix_len() > 1 && (there.contains(&subnet) || subnet.contains(&there))
    })
}

/// A free subnet as large as this one, out of the private blocks.
fn free_like(subnet: IpNet, observed: &Observed) -> Option<IpNet> {
    const BLOCKS: [&str; 4] = ["172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16", "fd00::/8"];
    // Enough to step over what a machine has; a block has up to 2^118 subnets.
    const CANDIDATES: usize = 1024;
    let blocks = BLOCKS.iter().filter_map(|block| block.parse::<IpNet>().ok());
    blocks
        .filter(|block| block.addr().is_ipv4() == subnet.addr().is_ipv4())
        .filter_map(|block| block.subnets(subnet.prefix_len()).ok())
        .flat_map(|candidates| candidates.take(CANDIDATES))
        .find(|candidate| overlapping(*candidate, observed).is_none())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
