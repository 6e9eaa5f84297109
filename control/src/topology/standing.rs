//! What stands, and how does it come down?

use super::closing::close_together;
use super::endpoint::Endpoint;
use super::journal::Journal;
use super::namespaces::{self, Removal};
use super::outside::others;
use super::record::{Record, RecordError, lock_site};
use super::{Site, StepError};
use crate::model::{Network, NetworkName};
use crate::sysctl::SysctlError;
use crate::uplink::{self, Caveat, Uplink, UplinkError};
use dataplane::config::{Config, ConfigError, PortConfig, PortLimits};
use dataplane::port::Port;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Something that is not as it should be, though the network works without.
#[derive(Debug, thiserror::Error)]
pub enum Warning {
    /// The kernel has no IPv6, or it cannot be switched on.
    #[error("there is no IPv6 here, so the network has none; `udp-bridge doctor` says more")]
    NoIpv6,
    /// A setting of an interface could not be changed; the first one stands for all interfaces.
    #[error("{0}; the network works without")]
    Sysctl(#[from] SysctlError),
    /// Something that the way to the outside does without.
    #[error(transparent)]
    Uplink(#[from] Caveat),
    /// There is no way to the outside.
    #[error(
        "the network has no way to the outside: {0}; with --uplink none it does without in silence"
    )]
    NoUplink(#[source] UplinkError),
}

/// Something that could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum TeardownError {
    /// A namespace stays.
    #[error("cannot remove the namespace {}: {source}", path.display())]
    Namespace {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The record stays.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Rules or settings of the way to the outside stay.
    #[error("cannot undo the way to the outside: {0}")]
    Uplink(#[from] UplinkError),
}

/// A network that stands. [`Topology::teardown`] takes it down and tells what went wrong with that;
/// dropping it does the same in silence.
#[derive(Debug)]
pub struct Topology {
    /// The network.
    pub network: Network,
    /// The host's interface, port 0 of the switch.
    pub host: Endpoint,
    /// The ports' interfaces, ports 1 and up of the switch.
    pub ports: Vec<Endpoint>,
    /// What is not as it should be.
    pub warnings: Vec<Warning>,
    /// The way to the outside.
    pub(super) uplink: Option<Uplink>,
    /// Which look at the host was followed last.
    pub(super) followed: u64,
    pub(super) holdings: Holdings,
}

impl Topology {
    /// The TAPs in the order of the switch's ports; empty the second time. An interface goes when its
    /// TAP is closed, so they are to be handed to [`Topology::teardown`] in the end.
    pub fn take_ports(&mut self) -> Vec<Box<dyn Port>> {
        std::iter::once(&mut self.host)
            .chain(&mut self.ports)
            .filter_map(Endpoint::take_tap)
            .map(|tap| Box::new(tap) as Box<dyn Port>)
            .collect()
    }

    /// The configuration of the switch for this network.
    ///
    /// # Errors
    /// The dataplane refuses it; the model should have done so before.
    pub fn dataplane_config(&self) -> Result<Config, ConfigError> {
        let port = |(endpoint, number): (&Endpoint, u32)| PortConfig {
            name: endpoint.name.clone(),
            mac: endpoint.mac,
            mtu: endpoint.mtu,
            isolated: self.network.is_isolated(number),
            check_source: self.network.checks_source(),
            limits: PortLimits::NONE,
        };
        let endpoints = std::iter::once(&self.host).chain(&self.ports);
        Config::new(self.network.switch().clone(), endpoints.zip(0..).map(port).collect())
    }

    /// Closes the ports that the switch had and removes the network and its record, without stopping
    /// at the first error.
    pub fn teardown(mut self, ports: Vec<Box<dyn Port>>) -> Vec<TeardownError> {
        close_together(ports);
        self.take_down()
    }

    fn take_down(&mut self) -> Vec<TeardownError> {
        close_together(self.take_ports());
        self.holdings.release_in_turn()
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        self.take_down();
    }
}

/// What outlives the process unless it is released: the namespaces' names and the record.
#[derive(Debug)]
pub(super) struct Holdings {
    site: Site,
    name: NetworkName,
    names: Vec<String>,
    mark: String,
    /// `None` once everything is released.
    record: Option<Record>,
}

impl Holdings {
    /// Writes down what is about to be made; from now on it will be removed.
    pub(super) fn begin(
        site: &Site,
        name: &NetworkName,
        record: Record,
        journal: &Journal,
        turn: &File,
    ) -> Result<Self, StepError> {
        let mut holdings = Self::of(site, name, record, journal);
        let written = holdings.record.as_ref().map_or(Ok(()), |record| record.write(journal));
        if let Err(error) = written {
            // Dropped with its record it would wait for the turn that the caller has.
            holdings.release(turn);
            return Err(error.into());
        }
        Ok(holdings)
    }

    /// What the journal says was made.
    pub(super) fn of(site: &Site, name: &NetworkName, record: Record, journal: &Journal) -> Self {
        Self {
            site: site.clone(),
            name: name.clone(),
            names: (1..=journal.ports).map(|number| name.port(number)).collect(),
            mark: journal.mark.clone(),
            record: Some(record),
        }
    }

    /// Removes everything, waiting for others that make or remove networks here.
    fn release_in_turn(&mut self) -> Vec<TeardownError> {
        if self.record.is_none() {
            return Vec::new();
        }
        match lock_site(&self.site) {
            Ok(turn) => self.release(&turn).1,
            Err(error) => vec![error.into()],
        }
    }

    /// Removes everything; the caller holds the site's lock. The record stays if anything else does,
    /// so that one can try again.
    pub(super) fn release(&mut self, _turn: &File) -> (Removal, Vec<TeardownError>) {
        let Some(record) = self.record.take() else {
            return Default::default();
        };
        let names = std::mem::take(&mut self.names);
        let mut removal = namespaces::remove(&self.site.netns_dir, names, &self.mark);
        let mut errors = std::mem::take(&mut removal.errors);
        errors.extend(self.lower(&record).into_iter().map(TeardownError::from));
        if errors.is_empty() {
            errors.extend(record.discard().err().map(TeardownError::from));
        }
        (removal, errors)
    }

    /// Takes away what the journal says of an uplink.
    fn lower(&self, record: &Record) -> Vec<UplinkError> {
        let failed = |source| UplinkError::Ledger { path: self.site.state_dir.clone(), source };
        let entry = match record.journal() {
            Ok(journal) => journal.and_then(|journal| journal.uplink),
            // It is told when the record cannot be discarded.
            Err(_) => None,
        };
        let Some(entry) = entry else { return Vec::new() };
        match others(&self.site, &self.name).map_err(failed) {
            Ok(others) => uplink::lower(&self.site.state_dir, &entry, &others),
            Err(error) => vec![error],
        }
    }
}

impl Drop for Holdings {
    fn drop(&mut self) {
        self.release_in_turn();
    }
}
