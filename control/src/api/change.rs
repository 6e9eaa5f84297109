//! What can be changed of a network while it runs?
//!
//! Plain data: the bodies of the requests that change something, and the [`Edit`] that each of them
//! asks for. An edit is carried out whole or not at all.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// One change of a running network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Publishes a port of the host.
    Publish(NewPublished),
    /// Does not publish it any more; the text as `--publish` has it, however it is written.
    Unpublish(String),
    /// Adds a rule.
    AddRule(NewRule),
    /// Removes the rule at this place, from 0.
    RemoveRule(usize),
    /// Gives a port, by its name, these limits and no others.
    SetLimits(String, LimitsInfo),
    /// Adds an entry to the MAC table, or moves one that was added.
    AddFdb(NewFdb),
    /// Removes an entry that was added.
    RemoveFdb(String),
}

/// What there is to tell of a change that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing.
    Done,
    /// A published port, in full.
    Published(String),
    /// The place of a new rule, from 0.
    Rule(usize),
}

/// A port of the host to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPublished {
    /// As `--publish` has it.
    pub publish: String,
}

/// A rule to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// The fields of a `[[rule]]` of a file of rules, in TOML.
    pub rule: String,
    /// What the text is called where the rule is listed; `api` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Before which rule, from 0; behind all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
}

/// Where a rule that was added is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleId {
    /// Its place among the rules, from 0. It is another one when rules before it come or go.
    pub id: usize,
}

/// An entry of the MAC table to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFdb {
    /// The MAC.
    pub mac: String,
    /// The name of the port behind which it lives.
    pub port: String,
}

/// Which entry of the MAC table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichFdb {
    /// The MAC.
    pub(super) mac: String,
}

/// What a port may have; absent for no limit. All but `flows` by the second; *in* is towards the
/// namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsInfo {
    /// Flows that it has at one time.
    pub flows: Option<NonZeroU64>,
    /// Flows that begin.
    pub new_flows: Option<NonZeroU64>,
    /// Packets to it.
    pub packets_in: Option<NonZeroU64>,
    /// Packets from it.
    pub packets_out: Option<NonZeroU64>,
    /// Bytes to it.
    pub bytes_in: Option<NonZeroU64>,
    /// Bytes from it.
    pub bytes_out: Option<NonZeroU64>,
}
