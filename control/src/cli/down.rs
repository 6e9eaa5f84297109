//! `udp-bridge down`: a running network is ended and waited for, a dead one is cleared.

use super::exit::{CliError, complain};
use super::known::{DEFAULT_NAME, Known, is_changing, list};
use super::output::print;
use crate::api::client::ClientError;
use crate::api::creation::ClearedInfo;
use crate::topology::{self, Cleared, Keeper, KnownNetwork};
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
        down(&known, known.find(&options.name)?)?;
        return Ok(Keeper::sweep(&known.site)?);
    }
    if known.networks.is_empty() {
        Keeper::sweep(&known.site)?;
        return Ok(print("no network is up\n")?);
    }
    let mut failed = 0;
    for network in &known.networks {
        if let Err(error) = down(&known, network) {
            complain(&error);
            failed += 1;
        }
    }
    Keeper::sweep(&known.site)?;
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

/// Ends a living network, and waits until it is gone; with it the process that holds no other. One
/// that is not listening yet or not any more is asked again.
fn end(known: &Known, network: &KnownNetwork) -> Result<(), CliError> {
    let client = known.client(&network.name);
    let process = network.pid.filter(|_| !known.is_daemons(&network.name));
    let deadline = Instant::now() + PATIENCE;
    let mut asked = false;
    loop {
        if !asked {
            asked = match client.delete() {
                Ok(()) => true,
                Err(error) if is_changing(&error) => false,
                // What could not be removed is removed by us, or told why not.
                Err(ClientError::Refused { problem, .. }) if problem.status == 500 => true,
                Err(error) => return Err(error.into()),
            };
        }
        let now = list(&known.site)?;
        let alive = now.iter().any(|other| other.name == network.name && other.alive);
        if !alive && process.is_none_or(topology::has_ended) {
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

fn in_words(cleared: &Cleared) -> String {
    let Cleared { namespaces, left, .. } = cleared;
    words(&ClearedInfo { namespaces: namespaces.clone(), left: left.clone() })
}

/// What was cleared, for one line.
pub(super) fn words(cleared: &ClearedInfo) -> String {
    let mut text = "cleared what a killed process had left behind".to_owned();
    if !cleared.namespaces.is_empty() {
        text += &format!(": namespaces {}", cleared.namespaces.join(", "));
    }
    if !cleared.left.is_empty() {
        text += &format!("; left alone, for they are not ours: {}", cleared.left.join(", "));
    }
    text
}
