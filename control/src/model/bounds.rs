//! How many ports can a network have, and how large packets?
//!
//! The switch bounds its ports, a subnet its addresses, and IP the packets.

use super::fault::MtuFault;
use super::{ModelError, Subnets};
use dataplane::config::{self, MAX_MTU};
use std::fmt;

/// Most ports of one network: those of the switch less the host's.
pub const MAX_PORTS: u32 = config::MAX_PORTS as u32 - 1;

/// An MTU that every interface of a network can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtu(u16);

impl Mtu {
    /// Ethernet's.
    pub const DEFAULT: u16 = 1500;
    /// The least without IPv6: what every IPv4 host must accept (RFC 791).
    pub const LEAST: u16 = 576;
    /// The least with IPv6 (RFC 8200 section 5).
    pub const LEAST_IPV6: u16 = 1280;

    /// Checks an MTU.
    ///
    /// # Errors
    /// [`MtuFault`] if it is out of bounds.
    pub fn new(mtu: u32, ipv6: bool) -> Result<Self, MtuFault> {
        let least = if ipv6 { Self::LEAST_IPV6 } else { Self::LEAST };
        match u16::try_from(mtu) {
            Ok(fits) if (least..=MAX_MTU).contains(&fits) => Ok(Self(fits)),
            _ => Err(MtuFault { mtu, least }),
        }
    }

    /// In bytes.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Checks the number of ports against the switch and against the subnets' addresses.
pub(super) fn check_ports(ports: u32, subnets: &Subnets) -> Result<u32, ModelError> {
    if ports == 0 {
        return Err(ModelError::NoPorts);
    }
    if ports > MAX_PORTS {
        return Err(ModelError::TooManyPorts(ports));
    }
    // Network, broadcast and bridge address are not for ports; IPv6 has the anycast address of the
    // routers (RFC 4291 section 2.6.1) in place of the first and no broadcast.
    let holds = room(32, subnets.v4.prefix_len(), 3);
    if ports > holds {
        let (subnet, prefix) = (subnets.v4, prefix_for(32, ports, 3));
        return Err(ModelError::SubnetFull { ports, subnet, holds, prefix });
    }
    if let Some(subnet) = subnets.v6 {
        let holds = room(128, subnet.prefix_len(), 2);
        if ports > holds {
            let prefix = prefix_for(128, ports, 2);
            return Err(ModelError::Subnet6Full { ports, subnet, holds, prefix });
        }
    }
    Ok(ports)
}

/// How many ports a subnet has addresses for, when `taken` of its addresses are not for ports.
pub(crate) fn room(width: u8, prefix: u8, taken: u32) -> u32 {
    let bits = u32::from(width.saturating_sub(prefix));
    1_u32.checked_shl(bits).map_or(u32::MAX, |size| size.saturating_sub(taken))
}

/// The longest prefix whose subnet holds `ports`, at most [`MAX_PORTS`].
pub(super) fn prefix_for(width: u8, ports: u32, taken: u32) -> u8 {
    let bits = (ports + taken).next_power_of_two().trailing_zeros();
    // At most 11 bits for 1023 ports.
    width.saturating_sub(bits as u8)
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{refusal, subnets};
    use super::super::{Network, NetworkRequest};
    use super::*;

    #[test]
    fn the_number_of_ports_is_bounded_by_the_switch_and_the_subnets() {
        let small = "10.0.0.0/30";
        assert!(refusal(small, None, |r| r.ports = 0).contains("--ports 0"));
        assert!(refusal("10.0.0.0/8", None, |r| r.ports = 1024).contains("1 to 1023"));
        assert!(refusal(small, None, |r| r.ports = 2).contains("/29 or shorter"));
        assert!(refusal("10.0.0.0/24", None, |r| r.ports = 254).contains("holds (253"));
        assert!(refusal("10.0.0.0/8", Some("fd00::/126"), |r| r.ports = 3).contains("/125"));
        let most = NetworkRequest::new("ub0", 1023);
        assert!(Network::new(&most, subnets("10.0.0.0/21", Some("fd00::/117"))).is_ok());
    }

    #[test]
    fn the_mtu_is_bounded_below_by_ipv6_if_there_is_any() {
        let v4 = "10.0.0.0/24";
        assert!(refusal(v4, None, |r| r.mtu = 575).contains("576 to 65521"));
        assert!(refusal(v4, Some("fd00::/64"), |r| r.mtu = 1279).contains("--subnet6 none"));
        for mtu in [65_522, 65_536, u32::MAX] {
            assert!(refusal(v4, None, |r| r.mtu = mtu).contains(&mtu.to_string()));
        }
        assert!(Mtu::new(576, false).is_ok() && Mtu::new(1280, true).is_ok());
        assert!(Mtu::new(65_521, true).is_ok());
    }
}
