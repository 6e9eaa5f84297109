//! Which network and which of its ports is to be watched?

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known, is_changing};
use crate::api::client::NetworkClient;
use crate::topology::KnownNetwork;

/// The word for all ports.
pub(super) const ALL: &str = "all";

/// A network that answers.
#[derive(Debug)]
pub(super) struct Watched {
    /// The way to it.
    pub(super) client: NetworkClient,
    /// The name or number of a port of its; `None` for all.
    pub(super) port: Option<String>,
}

/// Finds a port: in the network that was named, otherwise in the only one, otherwise in the one that has
/// it.
pub(super) fn find(known: &Known, network: Option<&str>, port: &str) -> Result<Watched, CliError> {
    let wanted = (port != ALL).then(|| port.to_owned());
    let chosen = match network {
        Some(name) => living(known.find(name)?)?,
        None => guess(known, wanted.as_deref())?,
    };
    Ok(Watched { client: known.client(&chosen.name), port: wanted })
}

fn living(network: &KnownNetwork) -> Result<&KnownNetwork, CliError> {
    if network.alive { Ok(network) } else { Err(CliError::Dead(network.name.to_string())) }
}

fn guess<'k>(known: &'k Known, wanted: Option<&str>) -> Result<&'k KnownNetwork, CliError> {
    let alive: Vec<_> = known.networks.iter().filter(|network| network.alive).collect();
    let (only, port) = match (&alive[..], wanted) {
        (&[only], _) => (Some(only), None),
        (_, None) => (None, None),
        (_, Some(port)) => (None, Some(port)),
    };
    if let Some(only) = only {
        return Ok(only);
    }
    let Some(port) = port else { return living(known.find(DEFAULT_NAME)?) };
    let mut names = Vec::new();
    for network in alive {
        match known.client(&network.name).ports() {
            Ok(ports) if ports.iter().any(|it| it.name == port) => return Ok(network),
            Ok(ports) => names.extend(ports.into_iter().map(|port| port.name)),
            // It ends or begins just now.
            Err(error) if is_changing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let unknown = || CliError::UnknownPort { name: port.to_owned(), known: names };
    Err(known.dead_with(port).unwrap_or_else(unknown))
}
