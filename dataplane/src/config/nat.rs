//! Which addresses and ports does translated traffic wear?

use super::ConfigError;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Source NAT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// The external ports, and identifiers of ICMP queries.
    pub ports: RangeInclusive<u16>,
    /// Who outside may send to a mapping.
    pub filtering: Filtering,
    /// The external addresses; empty for the one that the host would choose (masquerade). A
    /// namespace keeps to one of them as long as it exists (RFC 4787 REQ-2, paired).
    pub addresses: Vec<IpAddr>,
}

/// Who outside may send to the external port of a mapping (RFC 4787 section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody.
    EndpointIndependent,
    /// Whoever has an address that was sent to from this mapping.
    Address,
    /// Whoever has an address and port that was sent to; as netfilter does it.
    #[default]
    AddressAndPort,
}

impl NatConfig {
    /// Outside of Linux's default ephemeral range, 32768 to 60999.
    pub const DEFAULT_PORTS: RangeInclusive<u16> = 61_000..=65_535;

    /// Can be translated so?
    ///
    /// # Errors
    /// The first setting that is out of bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (first, last) = (*self.ports.start(), *self.ports.end());
        if first == 0 || first > last {
            return Err(ConfigError::NatPorts { first, last });
        }
        Ok(())
    }
}

impl Default for NatConfig {
    fn default() -> Self {
        Self { ports: Self::DEFAULT_PORTS, filtering: Filtering::default(), addresses: Vec::new() }
    }
}
