//! How does a network come to live in a daemon?
//!
//! The daemon is asked for it. In the foreground `up` stays, shows what goes through the network and
//! ends it with itself, as if it were its own; in the background there is nothing left to do.

use super::super::exit::CliError;
use super::super::output::print;
use super::super::status::{LineShown, StatusLine};
use super::describe;
use crate::api::SOCKET_NAME;
use crate::api::client::{Client, ClientError, NetworkClient, PATIENCE};
use crate::api::creation::{Created, NewNetwork};
use crate::api::protocol::PortInfo;
use crate::daemon::{Signals, TICK, Totals};
use crate::model::NetworkRequest;
use crate::topology::{Keeper, Kept, Site};
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// How often a daemon that does not listen yet is asked again.
const GLANCE: Duration = Duration::from_millis(10);

/// Makes the network in the daemon and, but for one in the background, stays with it.
pub(super) fn run(
    request: NetworkRequest,
    detach: bool,
    site: &Site,
    kept: Kept,
) -> Result<(), CliError> {
    // A signal that comes from here on takes down what is made meanwhile.
    let mut signals = if detach { None } else { Some(Caught::new().map_err(CliError::Signals)?) };
    let client = Client::new(site.state_dir.join(SOCKET_NAME));
    let created = create(&client, &request.into(), site, kept)?;
    let name = created.network.name.clone();
    let network = client.network(&name);
    let printed = print(&describe(&created));
    let Some(signals) = &mut signals else { return Ok(printed?) };
    let stayed = printed.map_err(CliError::from).and_then(|()| stay(&network, &name, signals));
    match stayed {
        Ok(Ended::ByItself) => {}
        Ok(Ended::BySignal) => end(&network)?,
        // The daemon goes on, and would keep what nobody watches any more.
        Err(error) => {
            end(&network)?;
            return Err(error);
        }
    }
    if io::stderr().is_terminal() {
        // The terminal may be what ended us.
        let _ = writeln!(io::stderr(), "{name}: down");
    }
    Ok(())
}

/// Asks for the network. A daemon that has just begun does not listen yet.
fn create(client: &Client, new: &NewNetwork, site: &Site, kept: Kept) -> Result<Created, CliError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.create(new) {
            Ok(created) => return Ok(created),
            Err(ClientError::Refused { problem, .. }) => {
                return Err(CliError::DaemonRefused(problem));
            }
            Err(source @ ClientError::NotRunning { .. }) => {
                if Keeper::of(site).is_none() || Instant::now() > deadline {
                    let source = Box::new(source);
                    return Err(CliError::DaemonSilent { pid: kept.pid, source });
                }
                sleep(GLANCE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Why one need not stay any longer.
enum Ended {
    BySignal,
    /// Somebody else has ended the network.
    ByItself,
}

/// Stays until a signal comes or the network is gone, and shows meanwhile what goes through it.
fn stay(network: &NetworkClient, name: &str, signals: &mut Caught) -> Result<Ended, CliError> {
    let watched = io::stderr().is_terminal();
    let mut line = StatusLine::new(name.to_owned(), LineShown::default());
    let mut before = Instant::now();
    let ended = loop {
        if signals.came_within(TICK) {
            break Ok(Ended::BySignal);
        }
        // Who is not watched only wants to know whether the network is there.
        let ports = if watched { network.ports() } else { network.info().map(|_| Vec::new()) };
        match ports {
            Ok(ports) if watched => line.draw(totals(&ports), before.elapsed()),
            Ok(_) => {}
            Err(ClientError::Refused { problem, .. }) if problem.status == 404 => {
                break Ok(Ended::ByItself);
            }
            // It answers again, or it is gone.
            Err(ClientError::Timeout { .. }) => {}
            Err(error) => {
                let source = Box::new(error);
                break Err(CliError::DaemonGone { name: name.to_owned(), source });
            }
        }
        before = Instant::now();
    };
    line.end();
    ended
}

/// Ends the network; it may be gone.
fn end(network: &NetworkClient) -> Result<(), CliError> {
    match network.delete() {
        Ok(()) | Err(ClientError::NotRunning { .. }) => Ok(()),
        Err(ClientError::Refused { problem, .. }) if problem.status == 404 => Ok(()),
        Err(ClientError::Refused { problem, .. }) => Err(CliError::DaemonRefused(problem)),
        Err(error) => Err(error.into()),
    }
}

fn totals(ports: &[PortInfo]) -> Totals {
    ports.iter().fold(Totals::default(), |sum, port| Totals {
        received_frames: sum.received_frames + port.counters.received_frames,
        received_bytes: sum.received_bytes + port.counters.received_bytes,
        dropped_frames: sum.dropped_frames + port.counters.dropped_frames,
        ports: sum.ports + 1,
        gone: sum.gone + usize::from(!port.alive),
    })
}

/// Signals, caught from the beginning on.
struct Caught {
    runtime: Runtime,
    signals: Signals,
}

impl Caught {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        Ok(Self { runtime, signals })
    }

    /// Did one come, or does it within this time?
    fn came_within(&mut self, time: Duration) -> bool {
        let Self { runtime, signals } = self;
        runtime.block_on(async { timeout(time, signals.next()).await.is_ok() })
    }
}
