//! Which field is wrong, and who or what stands in its way?

use super::{NetworkName, Problem, SandboxName};
use crate::spec::Field;
use std::fmt;

/// The field that is wrong, and what is wrong with it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Refusal {
    /// The field.
    pub field: Field,
    /// What is wrong with it, and what to do.
    pub problem: Problem,
}

impl Refusal {
    pub(crate) fn new(field: Field, problem: impl Into<Problem>) -> Self {
        Self { field, problem: problem.into() }
    }
}

/// Who has an address or a MAC.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Taker {
    /// The bridge of a network, that is the host in it.
    Bridge(NetworkName),
    /// A sandbox, by its endpoint in a network.
    Sandbox(SandboxName, NetworkName),
    /// An entry of a network's MAC table.
    Static(NetworkName),
}

impl fmt::Display for Taker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge(network) => write!(f, "the bridge of network {network}"),
            Self::Sandbox(sandbox, network) => write!(f, "sandbox {sandbox} in network {network}"),
            Self::Static(network) => write!(f, "fdb.static of network {network}"),
        }
    }
}

/// The names that would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known(Vec<String>);

impl Known {
    /// More are not read.
    const SHOWN: usize = 10;

    pub(crate) fn of<N: fmt::Display>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(|name| name.to_string()).collect())
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().min(Self::SHOWN);
        match (self.0.len() - shown, self.0[..shown].join(", ")) {
            (0, names) if names.is_empty() => f.write_str("there is none"),
            (0, names) => write!(f, "there is {names}"),
            (more, names) => write!(f, "there is {names} and {more} more"),
        }
    }
}
