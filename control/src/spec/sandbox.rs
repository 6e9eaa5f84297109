//! What can be written of a sandbox and its endpoints?

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A table `[sandboxes.NAME]`. What is `None` or empty was left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SandboxSpec {
    /// `bridge`, `none`, `host` or `container:NAME`.
    pub mode: Option<ModeText>,
    /// The path of a namespace that is there already.
    pub namespace: Option<String>,
    /// A process whose namespace it is.
    pub pid: Option<u32>,
    /// Its interfaces by network, in the order of the file.
    pub endpoints: Endpoints,
}

/// The text of a mode; what it means is the model's to say.
pub type ModeText = String;

/// Endpoints with the names of their networks, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoints(pub Vec<(String, EndpointSpec)>);

impl Endpoints {
    /// Brings them into an order.
    pub(super) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&str) -> K) {
        self.0.sort_by_cached_key(|(network, _)| key(network));
    }
}

impl<'de> Deserialize<'de> for Endpoints {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Tables;

        impl<'de> Visitor<'de> for Tables {
            type Value = Endpoints;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tables headed [sandboxes.NAME.endpoints.NETWORK]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Endpoints, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Endpoints(all))
            }
        }

        from.deserialize_map(Tables)
    }
}

/// A table `[sandboxes.NAME.endpoints.NETWORK]`. What is `None` was left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EndpointSpec {
    /// The interface's name in the sandbox.
    pub interface: Option<String>,
    /// The IPv4 address.
    pub address: Option<String>,
    /// The IPv6 address.
    pub address6: Option<String>,
    /// The MAC.
    pub mac: Option<String>,
    /// Does it reach only what is not isolated?
    pub isolated: Option<bool>,
    /// May it be given super-frames and packets without a checksum?
    pub offloads: Option<bool>,
    /// Is this the sandbox's way out?
    pub gateway: Option<bool>,
    /// What it may have.
    pub limits: LimitsSpec,
}

/// What an endpoint may have; all but `flows` per second, and *in* is towards the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LimitsSpec {
    /// Flows that it has begun.
    pub flows: Option<u64>,
    /// Flows that it begins.
    pub new_flows: Option<u64>,
    /// Packets to it.
    pub packets_in: Option<u64>,
    /// Packets from it.
    pub packets_out: Option<u64>,
    /// Bytes to it.
    pub bytes_in: Option<u64>,
    /// Bytes from it.
    pub bytes_out: Option<u64>,
}
