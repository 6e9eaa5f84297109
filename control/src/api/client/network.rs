//! What is asked about one network?

use super::{Client, ClientError, LONG_PATIENCE, read};
use crate::api::change::{LimitsInfo, NewFdb, NewPublished, NewRule, RuleId};
use crate::api::paths::{self, segment};
use crate::api::protocol::{FdbInfo, NetworkInfo, PortInfo, PublishedInfo, RulesInfo, TablesInfo};
use hyper::Method;
use hyper::body::Bytes;
use serde::Serialize;
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

    /// How full its tables are.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn tables(&self) -> Result<TablesInfo, ClientError> {
        self.ask(Method::GET, paths::TABLES)
    }

    /// Publishes a port of the host; returns it in full.
    ///
    /// # Errors
    /// As of [`Self::info`]; it is as it was then, as with the changes below.
    pub fn publish(&self, publish: &str) -> Result<NewPublished, ClientError> {
        let new = NewPublished { publish: publish.to_owned() };
        self.change(Method::POST, &self.target(paths::PUBLISHED, ""), &new, read)
    }

    /// Does not publish it any more.
    ///
    /// # Errors
    /// As of [`Self::publish`].
    pub fn unpublish(&self, publish: &str) -> Result<(), ClientError> {
        let target = self.target(paths::PUBLISHED_ONE, "").replace("{spec}", &segment(publish));
        self.change(Method::DELETE, &target, &(), nothing)
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// As of [`Self::publish`].
    pub fn add_rule(&self, new: &NewRule) -> Result<RuleId, ClientError> {
        self.change(Method::POST, &self.target(paths::RULES, ""), new, read)
    }

    /// Removes the rule at a place, from 0.
    ///
    /// # Errors
    /// As of [`Self::publish`].
    pub fn remove_rule(&self, id: usize) -> Result<(), ClientError> {
        let target = self.target(paths::RULE, "").replace("{id}", &id.to_string());
        self.change(Method::DELETE, &target, &(), nothing)
    }

    /// Gives a port these limits and no others.
    ///
    /// # Errors
    /// As of [`Self::publish`].
    pub fn set_limits(&self, port: &str, limits: LimitsInfo) -> Result<(), ClientError> {
        let target = self.target(paths::LIMITS, "").replace("{port}", &segment(port));
        self.change(Method::PUT, &target, &limits, nothing)
    }

    /// Adds an entry to the MAC table.
    ///
    /// # Errors
    /// As of [`Self::publish`].
    pub fn add_fdb(&self, new: &NewFdb) -> Result<(), ClientError> {
        self.change(Method::POST, &self.target(paths::FDB, ""), new, nothing)
    }

    /// Removes an entry that was added to the MAC table.
    ///
    /// # Errors
    /// As of [`Self::publish`].
    pub fn remove_fdb(&self, mac: &str) -> Result<(), ClientError> {
        let target = self.target(paths::FDB, &format!("mac={}", segment(mac)));
        self.change(Method::DELETE, &target, &(), nothing)
    }

    fn change<T>(
        &self,
        method: Method,
        target: &str,
        body: &impl Serialize,
        read: impl FnOnce(&str, &[u8]) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let body = match method {
            Method::DELETE => Bytes::new(),
            _ => serde_json::to_vec(body).map_err(ClientError::Body)?.into(),
        };
        self.client.exchange(method, target, body, LONG_PATIENCE, read)
    }

    /// Ends it, and waits until it is gone.
    ///
    /// # Errors
    /// As of [`Self::info`]; some of it may be left then.
    pub fn delete(&self) -> Result<(), ClientError> {
        let target = self.target(paths::NETWORK, "");
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

/// Reads an answer that says nothing.
fn nothing(_: &str, _: &[u8]) -> Result<(), ClientError> {
    Ok(())
}
