//! Which subnets do networks get?

use super::scheme::{default_subnets, default_subnets6};
use super::{Leases, NetworkLeases};
use crate::model::{DeclaredNetwork, Known, Model, NetworkName, SubnetRequest, Subnets};
use crate::model::{Problem, Refusal};
use crate::spec::Field;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};

/// How many IPv6 subnets are tried for one network; each is a hash, so the first is nearly always free.
const ATTEMPTS: usize = 64;

/// What the machine has that is not ours.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Where its routes lead, without default routes and without those to our networks.
    pub routes: Vec<IpNet>,
    /// Is there IPv6?
    pub ipv6: bool,
    /// The networks that run, with the subnets of their leases: they keep those, whatever routes have
    /// come since.
    pub running: BTreeSet<NetworkName>,
}

/// The subnets that are used up, and by whom.
struct Used<'a> {
    machine: &'a Machine,
    ours: Vec<(IpNet, NetworkName)>,
}

impl Used<'_> {
    fn is_free(&self, subnet: IpNet) -> bool {
        self.route(subnet).is_none() && self.is_nobodys(subnet)
    }

    fn is_nobodys(&self, subnet: IpNet) -> bool {
        !self.ours.iter().any(|(other, _)| overlap(*other, subnet))
    }

    /// The route that leads into the subnet.
    fn route(&self, subnet: IpNet) -> Option<IpNet> {
        self.machine.routes.iter().copied().find(|route| overlap(*route, subnet))
    }

    fn holders(&self) -> Known {
        let ours = self.ours.iter().map(|(net, name)| format!("{net} of network {name}"));
        let routes = self.machine.routes.iter().map(|net| format!("a route to {net}"));
        Known::of(ours.chain(routes))
    }
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Gives every network its subnets.
pub(super) fn choose(
    model: &Model,
    leases: &Leases,
    machine: &Machine,
) -> Result<BTreeMap<NetworkName, Subnets>, Refusal> {
    let mut used = Used { machine, ours: Vec::new() };
    for (name, network) in model.networks() {
        given(name, network, leases, &mut used)?;
    }
    let mut kept = BTreeMap::new();
    for (name, network) in model.networks() {
        kept.insert(name, keep(name, network, leases, &mut used));
    }
    let mut chosen = BTreeMap::new();
    for (name, network) in model.networks() {
        let (v4, v6) = kept.remove(name).unwrap_or_default();
        let v4 = match network.subnet.or(v4) {
            Some(subnet) => subnet,
            None => default4(name, leases, &mut used)?,
        };
        let v6 = match network.subnet6 {
            SubnetRequest::None => None,
            SubnetRequest::Given(subnet) => Some(subnet),
            SubnetRequest::Default if !machine.ipv6 => None,
            SubnetRequest::Default => Some(match v6 {
                Some(subnet) => subnet,
                None => default6(name, leases, &mut used)?,
            }),
        };
        chosen.insert(name.clone(), Subnets { v4, v6 });
    }
    Ok(chosen)
}

/// Takes the subnets that were chosen.
fn given(
    name: &NetworkName,
    network: &DeclaredNetwork,
    leases: &Leases,
    used: &mut Used<'_>,
) -> Result<(), Refusal> {
    let leased = leases.networks.get(name);
    let v6 = match network.subnet6 {
        SubnetRequest::Given(subnet) => Some(subnet),
        SubnetRequest::Default | SubnetRequest::None => None,
    };
    if v6.is_some() && !used.machine.ipv6 {
        return Err(Refusal::new(Field::network(name, "subnet6"), Problem::NoIpv6Here));
    }
    let is_running = |subnet: IpNet| {
        let had = |leases: &NetworkLeases| {
            leases.subnet.map(IpNet::from) == Some(subnet)
                || leases.subnet6.map(IpNet::from) == Some(subnet)
        };
        used.machine.running.contains(name) && leased.is_some_and(had)
    };
    let given = [("subnet", network.subnet.map(IpNet::from)), ("subnet6", v6.map(IpNet::from))];
    let given = given.into_iter().filter_map(|(key, subnet)| Some((key, subnet?)));
    for (key, subnet) in given {
        if let Some(route) = used.route(subnet)
            && !is_running(subnet)
        {
            let problem = Problem::SubnetRouted { subnet, route };
            return Err(Refusal::new(Field::network(name, key), problem));
        }
        used.ours.push((subnet, name.clone()));
    }
    Ok(())
}

type Pair = (Option<Ipv4Net>, Option<Ipv6Net>);

/// Takes what a network had before, where nothing was chosen.
fn keep(
    name: &NetworkName,
    network: &DeclaredNetwork,
    leases: &Leases,
    used: &mut Used<'_>,
) -> Pair {
    let Some(leased) = leases.networks.get(name) else { return (None, None) };
    let mut keep = |subnet: IpNet| {
        let runs = used.machine.running.contains(name);
        let can = used.is_nobodys(subnet) && (runs || used.route(subnet).is_none());
        if can {
            used.ours.push((subnet, name.clone()));
        }
        can
    };
    let v4 = leased.subnet.filter(|_| network.subnet.is_none());
    // A network needs room for 253, as every one that has no subnet of its own.
    let v4 = v4.filter(|subnet| subnet.prefix_len() <= 24).filter(|subnet| keep((*subnet).into()));
    let v6 = leased.subnet6.filter(|_| network.subnet6 == SubnetRequest::Default);
    (v4, v6.filter(|subnet| keep((*subnet).into())))
}

fn default4(name: &NetworkName, leases: &Leases, used: &mut Used<'_>) -> Result<Ipv4Net, Refusal> {
    let free = || default_subnets().filter(|subnet| used.is_free((*subnet).into()));
    let remembered = |subnet: &Ipv4Net| gone(leases, |one| one.subnet == Some(*subnet));
    // What nobody had comes before what the longest gone had.
    let Some(subnet) = free().min_by_key(remembered) else {
        let problem = Problem::NoFreeSubnet(used.holders());
        return Err(Refusal::new(Field::network(name, "subnet"), problem));
    };
    used.ours.push((subnet.into(), name.clone()));
    Ok(subnet)
}

fn default6(name: &NetworkName, leases: &Leases, used: &mut Used<'_>) -> Result<Ipv6Net, Refusal> {
    let tried = || default_subnets6(name).take(ATTEMPTS);
    let free = || tried().filter(|subnet| used.is_free((*subnet).into()));
    let remembered = |subnet: &Ipv6Net| gone(leases, |one| one.subnet6 == Some(*subnet));
    let Some(subnet) = free().min_by_key(remembered) else {
        let problem = Problem::NoFreeSubnet6(used.holders());
        return Err(Refusal::new(Field::network(name, "subnet6"), problem));
    };
    used.ours.push((subnet.into(), name.clone()));
    Ok(subnet)
}

/// When the last network left that had this; `None` if nobody that is gone had.
fn gone(leases: &Leases, has: impl Fn(&NetworkLeases) -> bool) -> Option<u64> {
    leases.networks.values().filter(|one| has(one)).filter_map(|one| one.gone).max()
}
