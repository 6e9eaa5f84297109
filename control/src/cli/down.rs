//! `udp-bridge down`: a running network is asked to end and waited for, a dead one is cleared.

use super::exit::{CliError, complain};
use super::known::{DEFAULT_NAME, Known, list};
use super::output::print;
use crate::api::client::ClientError;
use crate::topology::{self, Cleared, KnownNetwork};
use clap::Args;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a network may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether it has ended.
const GLANCE: Duration = Duration::from_millis(10);

/// Options of `down`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The network
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// All networks of this user
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

/// Takes the chosen networks down.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    if !options.all {
        return down(&known, known.find(&options.name)?);
    }
    if known.networks.is_empty() {
        return Ok(print("no network is up\n")?);
    }
    let mut failed = 0;
    for network in &known.networks {
        if let Err(error) = down(&known, network) {
            complain(&error);
            failed += 1;
        }
    }
    match failed {
        0 => Ok(()),
        failed => Err(CliError::SomeStayed { failed, all: known.networks.len() }),
    }
}

fn down(known: &Known, network: &KnownNetwork) -> Result<(), CliError> {
    let name = &network.name;
    if network.alive {
        end(known, network)?;
        // A process that was killed while it was ending has left the rest to us.
        if !list(&known.site)?.iter().any(|left| left.name == *name) {
            return Ok(print(&format!("{name}: down\n"))?);
        }
    }
    let cleared = topology::clear(&known.site, name)?;
    if network.alive && cleared.namespaces.is_empty() && cleared.left.is_empty() {
        // It was removing its record just then.
        return Ok(print(&format!("{name}: down\n"))?);
    }
    Ok(print(&format!("{name}: {}\n", in_words(&cleared)))?)
}

/// Asks the process to end, and waits until it is gone. One that is not listening yet or not any more
/// is asked again.
fn end(known: &Known, network: &KnownNetwork) -> Result<(), CliError> {
    let client = known.client(&network.name);
    let deadline = Instant::now() + PATIENCE;
    let mut asked = false;
    loop {
        if !asked {
            asked = match client.stop() {
                Ok(_) => true,
                Err(ClientError::NotRunning { .. } | ClientError::Exchange { .. }) => false,
                Err(error) => return Err(error.into()),
            };
        }
        let now = list(&known.site)?;
        if !now.iter().any(|other| other.name == network.name && other.alive) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(CliError::StillThere {
                name: network.name.to_string(),
                seconds: PATIENCE.as_secs(),
                pid: network.pid.map_or("unknown".to_owned(), |pid| pid.to_string()),
            });
        }
        sleep(GLANCE);
    }
}

/// What was cleared, for one line.
pub(super) fn in_words(cleared: &Cleared) -> String {
    let mut text = "cleared what a killed process had left behind".to_owned();
    if !cleared.namespaces.is_empty() {
        text += &format!(": namespaces {}", cleared.namespaces.join(", "));
    }
    if !cleared.left.is_empty() {
        text += &format!("; left alone, for they are not ours: {}", cleared.left.join(", "));
    }
    text
}
