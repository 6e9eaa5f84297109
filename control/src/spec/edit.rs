//! How is what was written changed by one command?
//!
//! `publish`, `connect`, `rule add` and the like are small edits of what runs, as if somebody had
//! changed the file: whether the whole is valid still is [`crate::model::Model::new`]'s to say.

use super::{EndpointSpec, LimitsSpec, NetworkSpec, SandboxSpec, Spec};
use crate::model::Written;
use crate::model::rules::Rule;
use dataplane::wire::ethernet::MacAddr;

/// Why there is nothing to edit, or nothing to add to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such network.
    #[error(
        "there is no network {0} of a file; `udp-bridge config` prints what there is, and the ports of a network of `up --ports` do not come and go"
    )]
    NoNetwork(String),
    /// There is no such sandbox.
    #[error(
        "there is no sandbox {0}; `udp-bridge config` prints those there are, and `apply` makes more"
    )]
    NoSandbox(String),
    /// There is a network of that name.
    #[error("there is a network {0} already")]
    NetworkThere(String),
    /// There is a sandbox of that name.
    #[error("there is a sandbox {0} already")]
    SandboxThere(String),
    /// The sandbox is in the network.
    #[error("sandbox {sandbox} is connected to {network} already")]
    Connected {
        /// The sandbox.
        sandbox: String,
        /// The network.
        network: String,
    },
    /// The sandbox is not in the network.
    #[error("sandbox {sandbox} is not connected to {network}")]
    NotConnected {
        /// The sandbox.
        sandbox: String,
        /// The network.
        network: String,
    },
    /// Something of the sandbox is published by the network.
    #[error(
        "{text} of network {network} leads to sandbox {sandbox}; `udp-bridge unpublish` it first"
    )]
    Published {
        /// The sandbox.
        sandbox: String,
        /// The network.
        network: String,
        /// What is published.
        text: String,
    },
    /// Nothing of the kind is published.
    #[error(
        "network {network} does not publish {text}; name it as it was published, which `udp-bridge ports` lists"
    )]
    NotPublished {
        /// The network.
        network: String,
        /// What was to be taken away.
        text: String,
    },
    /// There is no such rule.
    #[error("network {network} has no rule at {index} (rules: {count}, the first at 0)")]
    NoRule {
        /// The network.
        network: String,
        /// The rule's place, from 0.
        index: usize,
        /// How many rules there are.
        count: usize,
    },
    /// The MAC is not among the static ones.
    #[error("network {network} has no static MAC {mac}")]
    NotFixed {
        /// The network.
        network: String,
        /// The MAC as written.
        mac: String,
    },
}

impl EditError {
    /// Is something not there that was named?
    pub fn is_missing(&self) -> bool {
        !matches!(
            self,
            Self::NetworkThere(_)
                | Self::SandboxThere(_)
                | Self::Connected { .. }
                | Self::Published { .. }
        )
    }
}

impl Spec {
    /// Adds networks and sandboxes of new names: nothing is mixed.
    ///
    /// # Errors
    /// One of them is there.
    pub fn join(&mut self, other: Self) -> Result<(), EditError> {
        if let Some(name) = other.networks.keys().find(|name| self.networks.contains_key(*name)) {
            return Err(EditError::NetworkThere(name.clone()));
        }
        if let Some(name) = other.sandboxes.keys().find(|name| self.sandboxes.contains_key(*name)) {
            return Err(EditError::SandboxThere(name.clone()));
        }
        self.networks.extend(other.networks);
        self.sandboxes.extend(other.sandboxes);
        Ok(())
    }

    /// Removes a network with its endpoints, the sandboxes that were in no other one, and those who
    /// share with them.
    ///
    /// # Errors
    /// There is none.
    pub fn remove_network(&mut self, name: &str) -> Result<(), EditError> {
        if self.networks.remove(name).is_none() {
            return Err(EditError::NoNetwork(name.to_owned()));
        }
        let mut gone = Vec::new();
        for (sandbox, written) in &mut self.sandboxes {
            let endpoints = &mut written.endpoints.0;
            let before = endpoints.len();
            endpoints.retain(|(network, _)| network != name);
            if before > 0 && endpoints.is_empty() {
                gone.push(sandbox.clone());
            }
        }
        while let Some(sandbox) = gone.pop() {
            self.sandboxes.remove(&sandbox);
            let mode = Some(format!("container:{sandbox}"));
            let sharing = self.sandboxes.iter().filter(|(_, written)| written.mode == mode);
            gone.extend(sharing.map(|(name, _)| name.clone()));
        }
        self.forget_rules(name);
        Ok(())
    }

    /// Forgets a network that is gone, with the endpoints in it; sandboxes, and rules that name it, stay.
    pub fn forget(&mut self, network: &str) {
        self.networks.remove(network);
        for sandbox in self.sandboxes.values_mut() {
            sandbox.endpoints.0.retain(|(other, _)| other != network);
        }
    }

    /// Removes the rules of others that name a network which is gone: nothing can match them.
    pub fn forget_rules(&mut self, gone: &str) {
        let names_it = |rule: &Rule| rule.networks().any(|(_, name)| name.as_str() == gone);
        for network in self.networks.values_mut() {
            network.rules.retain(|rule| !names_it(rule));
        }
    }

    /// Publishes a port; `text` is as `--publish` has it.
    ///
    /// # Errors
    /// There is no such network.
    pub fn publish(&mut self, network: &str, text: &str) -> Result<(), EditError> {
        self.network(network)?.publish.push(text.to_owned());
        Ok(())
    }

    /// Does not publish a port any more, however it was written.
    ///
    /// # Errors
    /// It is not published.
    pub fn unpublish(&mut self, network: &str, text: &str) -> Result<(), EditError> {
        let list = &mut self.network(network)?.publish;
        let read = |text: &str| text.parse::<Written>().ok();
        let is_it = |one: &String| one == text || (read(one).is_some() && read(one) == read(text));
        let Some(index) = list.iter().position(is_it) else {
            let (network, text) = (network.to_owned(), text.to_owned());
            return Err(EditError::NotPublished { network, text });
        };
        list.remove(index);
        Ok(())
    }

    /// Connects a sandbox to a network.
    ///
    /// # Errors
    /// One of them is not there, or they are connected.
    pub fn connect(
        &mut self,
        sandbox: &str,
        network: &str,
        endpoint: EndpointSpec,
    ) -> Result<(), EditError> {
        self.network(network)?;
        let endpoints = &mut self.sandbox(sandbox)?.endpoints.0;
        if endpoints.iter().any(|(other, _)| other == network) {
            let (sandbox, network) = (sandbox.to_owned(), network.to_owned());
            return Err(EditError::Connected { sandbox, network });
        }
        endpoints.push((network.to_owned(), endpoint));
        Ok(())
    }

    /// Disconnects a sandbox from a network. What is published of it there, and rules about it, have to
    /// be gone before.
    ///
    /// # Errors
    /// They are not connected, or something of it is published.
    pub fn disconnect(&mut self, sandbox: &str, network: &str) -> Result<(), EditError> {
        self.endpoint(sandbox, network)?;
        let leads_there =
            |text: &&String| text.parse::<Written>().is_ok_and(|it| it.name == sandbox);
        if let Some(text) = self.network(network)?.publish.iter().find(leads_there) {
            let (sandbox, network) = (sandbox.to_owned(), network.to_owned());
            return Err(EditError::Published { sandbox, network, text: text.clone() });
        }
        self.sandbox(sandbox)?.endpoints.0.retain(|(other, _)| other != network);
        Ok(())
    }

    /// Adds a rule, at the place `at`, from 0, or behind all.
    ///
    /// # Errors
    /// There is no such network, or no such place.
    pub fn add_rule(
        &mut self,
        network: &str,
        at: Option<usize>,
        rule: Rule,
    ) -> Result<(), EditError> {
        let rules = &mut self.network(network)?.rules;
        let (count, index) = (rules.len(), at.unwrap_or(rules.len()));
        if index > count {
            return Err(EditError::NoRule { network: network.to_owned(), index, count });
        }
        rules.insert(index, rule);
        Ok(())
    }

    /// Removes the rule at a place, from 0.
    ///
    /// # Errors
    /// There is none.
    pub fn remove_rule(&mut self, network: &str, index: usize) -> Result<Rule, EditError> {
        let rules = &mut self.network(network)?.rules;
        let count = rules.len();
        if index >= count {
            return Err(EditError::NoRule { network: network.to_owned(), index, count });
        }
        Ok(rules.remove(index))
    }

    /// Sets all limits of an endpoint.
    ///
    /// # Errors
    /// There is no such endpoint.
    pub fn set_limits(
        &mut self,
        sandbox: &str,
        network: &str,
        limits: LimitsSpec,
    ) -> Result<(), EditError> {
        self.endpoint(sandbox, network)?.limits = limits;
        Ok(())
    }

    /// Adds a static MAC of a sandbox or of `host`.
    ///
    /// # Errors
    /// There is no such network.
    pub fn add_fixed(&mut self, network: &str, mac: &str, holder: &str) -> Result<(), EditError> {
        self.network(network)?.fdb.fixed.insert(mac.to_owned(), holder.to_owned());
        Ok(())
    }

    /// Removes a static MAC, however it was written.
    ///
    /// # Errors
    /// There is none.
    pub fn remove_fixed(&mut self, network: &str, mac: &str) -> Result<(), EditError> {
        let fixed = &mut self.network(network)?.fdb.fixed;
        let read = |text: &str| text.parse::<MacAddr>().ok();
        let is_it = |one: &&String| *one == mac || (read(one).is_some() && read(one) == read(mac));
        let Some(key) = fixed.keys().find(is_it).cloned() else {
            let (network, mac) = (network.to_owned(), mac.to_owned());
            return Err(EditError::NotFixed { network, mac });
        };
        fixed.remove(&key);
        Ok(())
    }

    fn network(&mut self, name: &str) -> Result<&mut NetworkSpec, EditError> {
        self.networks.get_mut(name).ok_or_else(|| EditError::NoNetwork(name.to_owned()))
    }

    fn sandbox(&mut self, name: &str) -> Result<&mut SandboxSpec, EditError> {
        self.sandboxes.get_mut(name).ok_or_else(|| EditError::NoSandbox(name.to_owned()))
    }

    fn endpoint(&mut self, sandbox: &str, network: &str) -> Result<&mut EndpointSpec, EditError> {
        self.network(network)?;
        let mut endpoints = self.sandbox(sandbox)?.endpoints.0.iter_mut();
        let found = endpoints.find(|(other, _)| other == network);
        found.map(|(_, endpoint)| endpoint).ok_or_else(|| EditError::NotConnected {
            sandbox: sandbox.to_owned(),
            network: network.to_owned(),
        })
    }
}
