//! How is this program put to work as a user would?
//!
//! By the commands themselves, `up --detach` and `down`, run from the very file this process runs
//! from. Ours lives in namespaces `ub0-1` and `ub0-2` with addresses like the kernel bridge's.

use super::path::{Bridge, Path};
use crate::program;
use std::ffi::OsStr;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

const NETWORK: &str = "ub0";
const SUBNET: &str = "10.98.0.0/24";
/// The second port's address: the bridge has the first, the ports follow.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 3);

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

/// Our network, for as long as it is up.
pub(super) struct Ours {
    up: bool,
}

impl Ours {
    /// Brings it up.
    pub(super) fn up(mtu: u16) -> Result<Self, OursError> {
        let mtu = mtu.to_string();
        let network = ["--name", NETWORK, "--subnet", SUBNET, "--mtu", &mtu];
        run("up", [&network[..], &["--ports", "2", "--detach"]].concat())?;
        Ok(Self { up: true })
    }

    /// Where its traffic runs.
    pub(super) fn path(&self) -> Path {
        let namespace = |number: u32| PathBuf::from(format!("/run/netns/{NETWORK}-{number}"));
        let (client, server) = (namespace(1), namespace(2));
        Path { bridge: Bridge::Ours, client, server, address: SERVER }
    }

    /// The offloads its ports were granted, as `ps --json` tells them.
    pub(super) fn offloads(&self) -> Result<Vec<String>, OursError> {
        let text = run("ps", [NETWORK, "--json"])?;
        let listing = serde_json::from_slice(&text).unwrap_or_default();
        Ok(offloads_of(&listing).unwrap_or_default())
    }

    /// Takes it down.
    pub(super) fn down(mut self) -> Result<(), OursError> {
        self.up = false;
        run("down", [NETWORK]).map(drop)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if self.up {
            // Something else went wrong before and is told; what is left goes with the namespaces.
            let _ = run("down", [NETWORK]);
        }
    }
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
