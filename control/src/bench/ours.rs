//! How is this program put to work as a user would?
//!
//! By the commands themselves, `up --detach` and `down`, run from the very file this process runs
//! from, in the private namespace that this process calls its host. Two networks at most: `ub0` only
//! bridges, and `ub1` has the routed uplink and a published port. Their addresses are like those of the
//! kernel's bridges.

use super::namespace::NamespaceError;
use super::outside::{Outside, PUBLISHED_PORT, TARGET_PORT};
use super::path::{Bridge, End, Path};
use super::workload::Way;
use crate::program;
use dataplane::config::ConntrackConfig;
use std::ffi::OsStr;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

/// A network of ours, as it is asked for.
struct Request {
    name: &'static str,
    subnet: &'static str,
    /// The addresses of its two ends: the bridge has the first of the subnet, the ports follow.
    ends: [Ipv4Addr; 2],
}

/// The one that only bridges.
const PLAIN: Request = Request {
    name: "ub0",
    subnet: "10.98.0.0/24",
    ends: [Ipv4Addr::new(10, 98, 0, 2), Ipv4Addr::new(10, 98, 0, 3)],
};
/// The one that routes too.
const ROUTED: Request = Request {
    name: "ub1",
    subnet: "10.98.1.0/24",
    ends: [Ipv4Addr::new(10, 98, 1, 2), Ipv4Addr::new(10, 98, 1, 3)],
};
/// The namespace behind the host.
const OUTSIDE: &str = "ub-out";

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
    /// There is nothing behind the host.
    #[error("cannot make an outside for our own host: {0}")]
    Outside(#[from] NamespaceError),
}

/// One of our networks, for as long as it is up.
pub(super) struct Ours {
    name: &'static str,
    paths: Vec<Path>,
    up: bool,
}

impl Ours {
    /// Brings up the network that only bridges.
    pub(super) fn plain(mtu: u16) -> Result<Self, OursError> {
        up(&PLAIN, mtu, &["--uplink=none"])?;
        let paths = vec![Path::across(Bridge::Ours, Way::Bridged, &PLAIN.ends())];
        Ok(Self { name: PLAIN.name, paths, up: true })
    }

    /// Brings up the network that routes too, with an outside behind this process's namespace.
    pub(super) fn routed(mtu: u16) -> Result<Self, OursError> {
        let outside = Outside::make(OUTSIDE)?;
        outside.attach(mtu)?;
        let published = |protocol| {
            format!("--publish={PUBLISHED_PORT}:{}-1:{TARGET_PORT}/{protocol}", ROUTED.name)
        };
        // The kernel's tracker knows no shares, so ours gives the whole table to one namespace.
        let share = format!("--conntrack-port-max={}", ConntrackConfig::DEFAULT_LIMIT);
        up(&ROUTED, mtu, &["--uplink=route", &share, &published("tcp"), &published("udp")])?;
        let paths = Path::routed(Bridge::Ours, &ROUTED.ends(), &outside).into();
        Ok(Self { name: ROUTED.name, paths, up: true })
    }

    /// Where its traffic runs.
    pub(super) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The offloads its ports were granted, as `ps --json` tells them.
    pub(super) fn offloads(&self) -> Result<Vec<String>, OursError> {
        let text = run("ps", [self.name, "--json"])?;
        let listing = serde_json::from_slice(&text).unwrap_or_default();
        Ok(offloads_of(&listing).unwrap_or_default())
    }

    /// Takes it down.
    pub(super) fn down(mut self) -> Result<(), OursError> {
        self.up = false;
        run("down", [self.name]).map(drop)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if self.up {
            // Something else went wrong before and is told; what is left goes with the namespaces.
            let _ = run("down", [self.name]);
        }
    }
}

impl Request {
    fn ends(&self) -> [End; 2] {
        let end = |number: usize, address| End {
            netns: PathBuf::from(format!("/run/netns/{}-{number}", self.name)),
            address,
        };
        [end(1, self.ends[0]), end(2, self.ends[1])]
    }
}

/// Brings a network of two ports up.
fn up(network: &Request, mtu: u16, options: &[&str]) -> Result<(), OursError> {
    let mtu = mtu.to_string();
    let asked = ["--name", network.name, "--subnet", network.subnet, "--mtu", &mtu];
    run("up", [&asked[..], &["--ports", "2", "--detach"], options].concat()).map(drop)
}

/// Runs a verb of this program; gives what it printed.
fn run<S: AsRef<OsStr>>(
    verb: &'static str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Vec<u8>, OursError> {
    let output = program::anew()
        .arg(verb)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| OursError::Start { verb, source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(OursError::Failed { verb, status: output.status, stderr })
}

/// The first list of offloads that is not empty, wherever it stands.
fn offloads_of(listing: &serde_json::Value) -> Option<Vec<String>> {
    use serde_json::Value;
    match listing {
        Value::Array(items) => items.iter().find_map(offloads_of),
        Value::Object(members) => members.iter().find_map(|(name, value)| match value {
            Value::Array(items) if name == "offloads" && !items.is_empty() => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            _ => offloads_of(value),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_are_found_in_a_listing() {
        let listing = serde_json::json!([{"name": "ub0", "ports": [
            {"name": "ub0-1", "offloads": []},
            {"name": "ub0-2", "offloads": ["checksum", "tso4"]},
        ]}]);
        assert_eq!(offloads_of(&listing), Some(vec!["checksum".to_owned(), "tso4".to_owned()]));
        assert_eq!(offloads_of(&serde_json::Value::Null), None);
    }
}
