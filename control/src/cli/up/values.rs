//! How is the value of an option read?
//!
//! Each kind of value refuses other text in plain words.

use std::fmt;
use std::str::FromStr;

/// The text is no number, or far out of bounds.
#[derive(Debug, thiserror::Error)]
#[error("this is no whole number, or one far too large")]
pub(super) struct WholeError;

/// Reads a whole number.
pub(super) fn whole<N: FromStr>(text: &str) -> Result<N, WholeError> {
    text.parse().map_err(|_| WholeError)
}

/// Some ports by number, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortSet {
    All,
    Some(Vec<u32>),
}

impl PortSet {
    /// Are all of them meant, and which otherwise?
    pub(super) fn split(set: Option<&Self>) -> (bool, Vec<u32>) {
        match set {
            None => (false, Vec::new()),
            Some(Self::All) => (true, Vec::new()),
            Some(Self::Some(numbers)) => (false, numbers.clone()),
        }
    }
}

/// The text names no ports.
#[derive(Debug, thiserror::Error)]
#[error("write `all`, or port numbers with commas between, like 1,2")]
pub(super) struct PortSetError;

impl FromStr for PortSet {
    type Err = PortSetError;

    fn from_str(text: &str) -> Result<Self, PortSetError> {
        if text == "all" {
            return Ok(Self::All);
        }
        let numbers = text.split(',').map(str::parse).collect::<Result<_, _>>();
        numbers.map(Self::Some).map_err(|_| PortSetError)
    }
}

/// A limit per second, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Limited(u64),
    Unlimited,
}

impl Rate {
    /// How much it is, if there is a limit.
    pub(super) fn limit(self) -> Option<u64> {
        match self {
            Self::Limited(rate) => Some(rate),
            Self::Unlimited => None,
        }
    }
}

/// The text is no rate.
#[derive(Debug, thiserror::Error)]
#[error("write a whole number per second, or `none`")]
pub(super) struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "none" {
            return Ok(Self::Unlimited);
        }
        text.parse().map(Self::Limited).map_err(|_| RateError)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited(rate) => rate.fmt(f),
            Self::Unlimited => f.write_str("none"),
        }
    }
}
