//! Which networks does this user have, and how are they asked?

use super::exit::CliError;
use crate::api::SOCKET_NAME;
use crate::api::client::{Client, ClientError, NetworkClient};
use crate::model::NetworkName;
use crate::netns::rootless;
use crate::topology::{self, KnownNetwork, Sandboxes, Site};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// The name that every verb takes when none is given.
pub(super) const DEFAULT_NAME: &str = "ub0";

/// The networks on record at one time.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) site: Site,
    pub(super) networks: Vec<KnownNetwork>,
}

impl Known {
    /// Looks at the caller's records.
    pub(super) fn look() -> Result<Self, CliError> {
        let site = Site::here(rootless::is_privileged());
        let networks = list(&site)?;
        Ok(Self { site, networks })
    }

    /// The network `name`, dead or alive.
    pub(super) fn find(&self, name: &str) -> Result<&KnownNetwork, CliError> {
        self.networks.iter().find(|network| network.name.as_str() == name).ok_or_else(|| {
            let known = self.networks.iter().map(|network| network.name.to_string()).collect();
            CliError::UnknownNetwork { name: name.to_owned(), known }
        })
    }

    /// The network `name` if one is given, otherwise all of them.
    pub(super) fn chosen(&self, name: Option<&str>) -> Result<Vec<&KnownNetwork>, CliError> {
        match name {
            Some(name) => Ok(vec![self.find(name)?]),
            None => Ok(self.networks.iter().collect()),
        }
    }

    /// The way to a network, whoever holds it.
    pub(super) fn client(&self, name: &NetworkName) -> NetworkClient {
        Client::new(self.socket(name)).network(name.as_str())
    }

    /// The way to the network `name`, which must be alive.
    pub(super) fn living(&self, name: &str) -> Result<NetworkClient, CliError> {
        let network = self.find(name)?;
        if !network.alive {
            return Err(CliError::Dead(name.to_owned()));
        }
        Ok(self.client(&network.name))
    }

    /// Why there is no port of this name, if it is one of a network whose process is dead.
    pub(super) fn dead_with(&self, port: &str) -> Option<CliError> {
        let mut dead = self.networks.iter().filter(|network| !network.alive);
        dead.find(|network| owns(network, port)).map(|dead| CliError::Dead(dead.name.to_string()))
    }

    /// Is the network, which lives, held by a daemon that goes on without it?
    pub(super) fn is_daemons(&self, name: &NetworkName) -> bool {
        self.socket(name).is_symlink()
    }

    /// The ways to processes that hold one network of `up --ports` and no other.
    pub(super) fn alone(&self) -> impl Iterator<Item = Client> {
        let alone = |one: &&KnownNetwork| one.alive && !self.is_daemons(&one.name);
        self.networks.iter().filter(alone).map(|one| Client::new(self.socket(&one.name)))
    }

    /// The sockets of the processes that hold networks of files.
    pub(super) fn file_sockets(&self) -> Vec<PathBuf> {
        let sockets = Sandboxes::folders(&self.site).into_iter().map(|one| one.join(SOCKET_NAME));
        sockets.filter(|socket| UnixStream::connect(socket).is_ok()).collect()
    }

    /// The networks behind each of these sockets.
    pub(super) fn held(&self, sockets: &[PathBuf]) -> Vec<Vec<String>> {
        let is_behind = |network: &&KnownNetwork, socket: &PathBuf| {
            let ends = [&self.socket(&network.name), socket].map(std::fs::canonicalize);
            matches!(ends, [Ok(one), Ok(other)] if one == other)
        };
        let networks = |socket| {
            let behind = self.networks.iter().filter(|network| is_behind(network, socket));
            behind.map(|network| network.name.to_string()).collect()
        };
        sockets.iter().map(networks).collect()
    }

    fn socket(&self, name: &NetworkName) -> PathBuf {
        self.site.state_dir.join(name.as_str()).join(SOCKET_NAME)
    }
}

/// The networks on record now.
pub(super) fn list(site: &Site) -> Result<Vec<KnownNetwork>, CliError> {
    topology::networks(site)
        .map_err(|source| CliError::Networks { path: site.state_dir.clone(), source })
}

/// Is the network of which this is said starting or ending just now?
pub(super) fn is_changing(error: &ClientError) -> bool {
    match error {
        ClientError::NotRunning { .. } | ClientError::Exchange { .. } => true,
        // A daemon does not know it yet, or not any more.
        ClientError::Refused { problem, .. } => problem.status == 404,
        _ => false,
    }
}

/// Is `wanted` the name of a port of this network, as `up --ports` names them?
pub(super) fn owns(network: &KnownNetwork, wanted: &str) -> bool {
    wanted.strip_prefix(network.name.as_str()).is_some_and(|rest| rest.starts_with('-'))
}
