//! What is asked about one network?

use super::{Client, ClientError, LONG_PATIENCE};
use crate::api::paths;
use crate::api::protocol::{FdbInfo, NetworkInfo, PortInfo, PublishedInfo, RulesInfo};
use hyper::Method;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;

/// The way to one network.
#[derive(Clone, Debug)]
pub struct NetworkClient {
    pub(in crate::api) client: Client,
    network: String,
}

impl NetworkClient {
    pub(super) fn new(client: Client, network: &str) -> Self {
        Self { client, network: network.to_owned() }
    }

    /// The network as a whole.
    ///
    /// # Errors
    /// [`ClientError`] says why there is no answer; so with the others.
    pub fn info(&self) -> Result<NetworkInfo, ClientError> {
        self.ask(Method::GET, paths::NETWORK)
    }

    /// Its ports, the host port first.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn ports(&self) -> Result<Vec<PortInfo>, ClientError> {
        self.ask(Method::GET, paths::PORTS)
    }

    /// Its MAC table.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn fdb(&self) -> Result<Vec<FdbInfo>, ClientError> {
        self.ask(Method::GET, paths::FDB)
    }

    /// Its published ports.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn published(&self) -> Result<Vec<PublishedInfo>, ClientError> {
        self.ask(Method::GET, paths::PUBLISHED)
    }

    /// What may pass.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn rules(&self) -> Result<RulesInfo, ClientError> {
        self.ask(Method::GET, paths::RULES)
    }

    /// Ends it, and waits until it is gone.
    ///
    /// # Errors
    /// As of [`Self::info`]; some of it may be left then.
    pub fn delete(&self) -> Result<(), ClientError> {
        let target = self.target(paths::NETWORK, "");
        let nothing = |_: &str, _: &[u8]| Ok(());
        self.client.exchange(Method::DELETE, &target, Bytes::new(), LONG_PATIENCE, nothing)
    }

    /// Asks for one value about it.
    pub(in crate::api) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, ClientError> {
        self.client.ask(method, &self.target(path, ""))
    }

    /// What one of the [`paths`] is for it, with a query.
    pub(in crate::api) fn target(&self, path: &str, query: &str) -> String {
        let path = paths::of(path, &self.network);
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }
}
