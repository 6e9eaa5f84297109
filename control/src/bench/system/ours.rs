//! How is this program put to work as a user would?
//!
//! By the commands themselves, `up --detach` and `down`, run from the very file this process runs
//! from, in a namespace that is the host. Two networks at most: `ub0` only bridges, and `ub1` has the
//! routed uplink and published ports. Their addresses are like those of the kernel's bridges. Where a number
//! of workers is asked for they are `ub0-2w` and `ub1-2w`, and so on: names are of the machine, not of its
//! namespaces.

use super::namespace;
use super::outside::{self, Outside, PublishedPort};
use super::path::{End, Path};
use super::tracker::Tracker;
use super::{DataPath, System, SystemError};
use crate::bench::shape::Shape;
use crate::bench::workload::Way;
use crate::model::usual_workers;
use crate::netlink::{LinkChange, Netlink, NetlinkError};
use crate::netns;
use crate::program;
use dataplane::config::{ConntrackConfig, Workers};
use serde_json::Value;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

/// A network of ours, as it is asked for.
struct Request {
    name: &'static str,
    subnet: &'static str,
    /// The bridge's address, the first of the subnet; the ports follow.
    bridge: Ipv4Addr,
}

/// A network of ours that stands.
struct Standing {
    name: String,
    request: &'static Request,
}

impl Request {
    /// What it is called with so many workers, if a number is asked for.
    fn name(&self, workers: Option<Workers>) -> String {
        match workers {
            None => self.name.to_owned(),
            Some(asked) => format!("{}-{}w", self.name, asked.get()),
        }
    }
}

/// The one that only bridges.
const PLAIN: Request =
    Request { name: "ub0", subnet: "10.98.0.0/24", bridge: Ipv4Addr::new(10, 98, 0, 1) };
/// The one that routes too.
const ROUTED: Request =
    Request { name: "ub1", subnet: "10.98.1.0/24", bridge: Ipv4Addr::new(10, 98, 1, 1) };

/// What lifts the limits that RFC 2889's tests would run into. A flood of theirs is no storm.
const OPEN: [&str; 7] = [
    "--no-source-check",
    "--storm-packets",
    "none",
    "--storm-bytes",
    "none",
    "--fdb-port-max",
    "8192",
];

/// Why our own bridge cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum OursError {
    /// The program cannot be started.
    #[error("cannot run `udp-bridge {verb}`: {source}")]
    Start {
        /// The verb.
        verb: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The program says no.
    #[error("`udp-bridge {verb}` failed ({status}): {stderr}")]
    Failed {
        /// The verb.
        verb: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
}

/// Our name and version, and with how many workers, if they are several.
pub(super) fn label(workers: Option<Workers>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match workers.unwrap_or_else(usual_workers) {
        Workers::ONE => format!("udp-bridge {version}"),
        several => format!("udp-bridge {version}, {} workers", several.get()),
    }
}

/// Our networks of one shape. Dropping them takes them down, too.
pub(super) struct Ours {
    host: PathBuf,
    outside: Option<Outside>,
    ends: u16,
    published: u16,
    workers: Option<Workers>,
    standing: Vec<Standing>,
}

impl Ours {
    /// Brings up the network that only bridges, the one that routes too, or both, with so many workers each, if a
    /// number is asked for.
    pub(super) fn start(
        shape: &Shape,
        prefix: &str,
        workers: Option<Workers>,
    ) -> Result<Self, SystemError> {
        let host = namespace::make(prefix)?;
        let (ends, published) = (shape.ends, shape.published);
        let (outside, standing) = (None, Vec::new());
        let mut ours = Self { host, outside, ends, published, workers, standing };
        netns::run_in(&ours.host, || -> Result<(), NetlinkError> {
            let mut netlink = Netlink::open()?;
            let link = netlink.link("lo")?;
            netlink.change_link(&link, &LinkChange { up: true, ..LinkChange::default() })
        })??;
        if shape.bridged {
            ours.up(&PLAIN, shape, &["--uplink=none".to_owned()])?;
        }
        if shape.routed {
            let outside = Outside::make(&format!("{prefix}-out"))?;
            netns::run_in(&ours.host, || outside.attach(shape.mtu))??;
            ours.outside = Some(outside);
            // The kernel's tracker knows no shares, so ours gives the whole table to one namespace.
            let share = format!("--conntrack-port-max={}", ConntrackConfig::DEFAULT_LIMIT);
            let mut options = vec!["--uplink=route".to_owned(), share];
            let name = ROUTED.name(workers);
            options.extend(outside::published(published).map(|port| publish(&name, port)));
            ours.up(&ROUTED, shape, &options)?;
        }
        Ok(ours)
    }

    fn up(
        &mut self,
        request: &'static Request,
        shape: &Shape,
        options: &[String],
    ) -> Result<(), SystemError> {
        let (mtu, ports) = (shape.mtu.to_string(), shape.ends.to_string());
        let name = request.name(self.workers);
        let mut words = vec!["--name", &name, "--subnet", request.subnet, "--mtu", &mtu];
        words.extend(["--ports", &ports, "--detach"]);
        let workers = self.workers.map(|asked| format!("--workers={}", asked.get()));
        words.extend(workers.as_deref());
        if shape.open {
            words.extend(OPEN);
        }
        words.extend(options.iter().map(String::as_str));
        run(&self.host, "up", &words)?;
        self.standing.push(Standing { name, request });
        Ok(())
    }

    fn process(&self, network: &Standing) -> Option<u32> {
        let text = run(&self.host, "ps", &[&network.name, "--json"]).ok()?;
        let listing: Value = serde_json::from_slice(&text).ok()?;
        listing[0]["network"]["pid"].as_u64()?.try_into().ok()
    }

    fn take_down(&mut self) -> Result<(), SystemError> {
        while let Some(network) = self.standing.pop() {
            run(&self.host, "down", &[&network.name])?;
        }
        Ok(())
    }
}

impl DataPath for Ours {
    fn paths(&self) -> Vec<Path> {
        let system = System::Ours(self.workers);
        let mut paths = Vec::new();
        for network in &self.standing {
            let directory = namespace::file(&network.name);
            let bridge = network.request.bridge;
            let ends = End::numbered(&directory.to_string_lossy(), bridge, self.ends);
            match &self.outside {
                Some(outside) if network.request.name == ROUTED.name => {
                    let (host, network) = (self.host.clone(), network.name.clone());
                    let tracker = Tracker::Ours { host, network };
                    let ways = Path::routed(system, &ends, outside, self.published);
                    paths.extend(ways.into_iter().map(|way| way.tracked_by(&tracker)));
                }
                _ => paths.extend(Path::across(system, Way::Bridged, &ends)),
            }
        }
        paths
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        let ends = self.paths().into_iter().flat_map(|path| [path.client, path.server]);
        std::iter::once(self.host.clone()).chain(ends).collect()
    }

    fn processes(&self) -> Vec<u32> {
        self.standing.iter().filter_map(|network| self.process(network)).collect()
    }

    fn down(mut self: Box<Self>) -> Result<(), SystemError> {
        self.take_down()?;
        let outside = self.outside.as_ref().map(|it| it.netns().to_owned());
        Ok(namespace::remove_all(outside.into_iter().chain([self.host.clone()]))?)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // Something else went wrong before and is told; what is left goes with the namespaces.
        let _ = self.take_down();
    }
}

/// The options that publish this port.
fn publish(network: &str, port: PublishedPort) -> String {
    let PublishedPort { from, to, protocol } = port;
    format!("--publish={from}:{network}-1:{to}/{protocol}")
}

/// Runs a verb of this program on the host; gives what it printed.
pub(super) fn run(
    host: &std::path::Path,
    verb: &'static str,
    words: &[&str],
) -> Result<Vec<u8>, SystemError> {
    let failed = |source| OursError::Start { verb, source };
    let mut command = program::anew();
    command.arg(verb).args(words).stdin(Stdio::null());
    let output = netns::run_in(host, || command.output())?.map_err(failed)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(OursError::Failed { verb, status: output.status, stderr }.into())
}
