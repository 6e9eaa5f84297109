//! How is the plan made real?
//!
//! Journal first, then the host's interface, then one namespace after the other, each in one visit of
//! a thread of its own. If a step fails, everything made so far is removed before the error is
//! returned.

use super::closing::close_together;
use super::endpoint::{Blueprint, Endpoint};
use super::journal::Journal;
use super::namespaces;
use super::outside;
use super::record::{Record, RecordError, lock_site};
use super::standing::{Holdings, TeardownError, Topology, Warning};
use super::{ObserveError, Plan, PlanError, Site, observe};
use crate::addressing::{Interfaces, interfaces};
use crate::model::Network;
use crate::netlink::{Netlink, NetlinkError};
use crate::netns::{self, NetnsError};
use crate::uplink::UplinkError;
use dataplane::config::Workers;
use dataplane::port::Offloads;
use dataplane::port::tap::TapError;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::IpAddr;
use std::path::PathBuf;

/// The interface's name in every port's namespace.
const PORT_INTERFACE: &str = "eth0";

/// Descriptors for everything but the TAPs: the log, the api and those who ask it.
pub const SPARE_DESCRIPTORS: u64 = 64;

/// Why one step of the building failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A namespace cannot be made.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// A TAP cannot be made.
    #[error(transparent)]
    Tap(#[from] TapError),
    /// The interface cannot be set up.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The journal cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The way to the outside cannot be made.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// The file leads to another namespace than it did.
    #[error("{} is not the namespace any more that it was", .0.display())]
    Elsewhere(PathBuf),
}

/// Why the plan could not be made real. Everything made before is removed again.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The record cannot be made, or another process holds the network.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The machine cannot be looked at again.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The machine has changed since the plan was made: the name or a subnet is taken now.
    #[error("{0} (it was free a moment ago)")]
    Overtaken(#[source] PlanError),
    /// A step failed.
    #[error("cannot make {what}: {source}{}", describe_undo(.undo))]
    Step {
        /// The port or interface that was being made.
        what: String,
        /// What went wrong.
        #[source]
        source: StepError,
        /// What could not be removed again; empty if everything was.
        undo: Vec<TeardownError>,
    },
}

fn describe_undo(errors: &[TeardownError]) -> String {
    let errors: String = errors.iter().map(|error| format!("; {error}")).collect();
    if errors.is_empty() { "; everything made before is removed again".to_owned() } else { errors }
}

/// Makes the plan real in the calling thread's network namespace.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply(plan: &Plan, site: &Site) -> Result<Topology, ApplyError> {
    let network = plan.network();
    // Two processes at once would choose the same subnet: they go one after the other.
    let turn = lock_site(site)?;
    plan.check(&observe(site)?).map_err(ApplyError::Overtaken)?;
    let name = network.name();
    let record = Record::claim(site, name)?;
    let journal = Journal::new(name, network.ports(), network.host_interface().as_str());
    let begin = Holdings::begin(site, name, record, &journal, &turn);
    let mut holdings = begin.map_err(|source| failed(RECORD, source, Vec::new()))?;
    raise_descriptor_limit(network.ports() + 1, queues(network.workers()));
    let mut warnings = Vec::new();
    if plan.ipv6_missing() {
        warnings.push(Warning::NoIpv6);
    }
    let mut topology = match build(network, site, &journal.mark, &mut warnings) {
        Ok((host, ports)) => {
            let network = network.clone();
            Topology { network, host, ports, warnings, uplink: None, followed: 0, holdings }
        }
        Err((what, source)) => return Err(failed(&what, source, holdings.release(&turn).1)),
    };
    match outside::raise(&mut topology, site) {
        Ok(()) => Ok(topology),
        Err(error) => {
            // The teardown takes its own turn.
            drop(turn);
            Err(failed(UPLINK, error.into(), topology.teardown(Vec::new())))
        }
    }
}

const UPLINK: &str = "the way to the outside";

const RECORD: &str = "the network's record";

fn failed(what: &str, source: StepError, undo: Vec<TeardownError>) -> ApplyError {
    ApplyError::Step { what: what.to_owned(), source, undo }
}

/// How many queues a TAP has: one for each worker.
pub fn queues(workers: Workers) -> usize {
    workers.get()
}

/// Makes room for so many TAPs of so many queues, each of which takes a descriptor; the limit of 1,024 that
/// shells have is for programs that use select(2). Where the hard limit is too low, opening a TAP says so.
pub(super) fn raise_descriptor_limit(taps: u32, queues: usize) {
    let needed = open_descriptors() + u64::from(taps) * queues as u64 + SPARE_DESCRIPTORS;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < needed
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard);
    }
}

/// How many descriptors the process has open: a daemon has those of its other networks.
pub fn open_descriptors() -> u64 {
    const OWN: &str = "/proc/self/fd";
    // Since Linux 6.2 it is the directory's size (`Documentation/filesystems/proc.rst`), and 0 before:
    // listing some hundreds takes as long as all else of a change.
    match std::fs::metadata(OWN) {
        Ok(directory) if directory.len() > 0 => directory.len(),
        _ => std::fs::read_dir(OWN).map_or(0, |all| all.count() as u64),
    }
}

/// What was being made when it failed, and why it did.
type Failure = (String, StepError);

fn at<E: Into<StepError>>(what: &str) -> impl FnOnce(E) -> Failure {
    move |error| (what.to_owned(), error.into())
}

fn build(
    network: &Network,
    site: &Site,
    mark: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(Endpoint, Vec<Endpoint>), Failure> {
    netns::prepare_directory(&site.netns_dir).map_err(at("the directory of namespaces"))?;
    let (host, ports) = blueprints(network, site);
    let mut netlink = Netlink::open().map_err(at(&host.name))?;
    let (host, unset) = host.build(&mut netlink).map_err(at(&host.name))?;
    // What cannot be set on one interface cannot be set on any.
    warnings.extend(unset.into_iter().map(Warning::Sysctl));
    let mut built = Vec::with_capacity(ports.len());
    for port in &ports {
        match build_port(port, mark) {
            Ok(endpoint) => built.push(endpoint),
            Err(error) => {
                close_together(built.iter_mut().filter_map(Endpoint::take_tap).collect());
                return Err(at(&port.name)(error));
            }
        }
    }
    Ok((host, built))
}

/// Makes a namespace and the interface in it. The mark comes before the name: a process killed
/// between the two leaves nothing at all.
fn build_port(port: &Blueprint, mark: &str) -> Result<Endpoint, StepError> {
    netns::run_in_new(|| {
        let mut netlink = Netlink::open()?;
        namespaces::mark(&mut netlink, mark)?;
        if let Some((_, path)) = &port.namespace {
            netns::pin(path)?;
        }
        Ok(port.build(&mut netlink)?.0)
    })?
}

/// What is to be made: the host's interface, and the ports' in order.
fn blueprints(network: &Network, site: &Site) -> (Blueprint, Vec<Blueprint>) {
    let Interfaces { host, ports } = interfaces(network);
    let gateways: Vec<IpAddr> = std::iter::once(host.ipv4.addr().into())
        .chain(host.ipv6.map(|ipv6| ipv6.addr().into()))
        // Who cannot reach the outside shall know at once.
        .filter(|_| !network.is_internal())
        .collect();
    let offloads = |number| if network.is_plain(number) { Offloads::NONE } else { Offloads::ALL };
    let name = network.host_interface().to_string();
    let host = Blueprint {
        number: 0,
        interface: name.clone(),
        name,
        namespace: None,
        addresses: host,
        gateways: Vec::new(),
        mtu: network.mtu(),
        offloads: offloads(0),
        queues: queues(network.workers()),
        up: true,
    };
    let port = |(number, addresses)| {
        let name = network.name().port(number);
        Blueprint {
            number: number as u16,
            interface: PORT_INTERFACE.to_owned(),
            namespace: Some((name.clone(), site.netns_dir.join(&name))),
            name,
            addresses,
            gateways: gateways.clone(),
            mtu: network.mtu(),
            offloads: offloads(number),
            queues: queues(network.workers()),
            up: true,
        }
    };
    (host, ports.into_iter().map(port).collect())
}
