//! Which MACs does somebody say to live where? Static entries, added and removed while frames flow.
//!
//! As `bridge fdb add` and `bridge fdb del` do it: an entry that is added takes the place of any other
//! of its MAC, so a static one moves to the port that is named last; and one that is removed may have
//! been learned. A port's own MAC stays where it is.
//!
//! An entry tells where frames *to* a MAC go. Whether its port may send *from* it is another question:
//! with the source check on, a port sends from its own MAC alone.

use super::{FdbFull, Switch};
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;

/// Why an entry of the FDB cannot be added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FdbError {
    /// No such port.
    #[error("there is no port {0}")]
    NoSuchPort(PortId),
    /// It is a group address or zero.
    #[error("an entry needs a unicast MAC, not {0}")]
    Mac(MacAddr),
    /// It is the MAC of a port, which is always there and nowhere else.
    #[error("{mac} is the MAC of port {port} itself: it cannot be moved or removed")]
    OwnMac {
        /// The MAC.
        mac: MacAddr,
        /// Whose it is.
        port: PortId,
    },
    /// There is no such entry.
    #[error("there is no entry for {mac} at port {port}")]
    NoSuchEntry {
        /// The MAC.
        mac: MacAddr,
        /// Where it was to be.
        port: PortId,
    },
    /// There are as many static entries as there may be.
    #[error(transparent)]
    Full(#[from] FdbFull),
}

impl Switch {
    /// From now on `mac` lives behind `port`, wherever it was. Returns the port that lost a learned entry
    /// for it.
    ///
    /// # Errors
    /// [`FdbError`]; then nothing has changed.
    pub fn add_entry(&mut self, mac: MacAddr, port: PortId) -> Result<Option<PortId>, FdbError> {
        self.check_entry(mac, port)?;
        match self.owner(mac) {
            Some(owner) if owner == port => Ok(None),
            Some(owner) => Err(FdbError::OwnMac { mac, port: owner }),
            None => Ok(self.fdb.add_static(mac, port)?),
        }
    }

    /// `mac` is not known to live behind `port` any more.
    ///
    /// # Errors
    /// [`FdbError`]; then nothing has changed.
    pub fn remove_entry(&mut self, mac: MacAddr, port: PortId) -> Result<(), FdbError> {
        self.check_entry(mac, port)?;
        if let Some(port) = self.owner(mac) {
            return Err(FdbError::OwnMac { mac, port });
        }
        if self.fdb.remove_entry(mac, port) {
            Ok(())
        } else {
            Err(FdbError::NoSuchEntry { mac, port })
        }
    }

    fn check_entry(&self, mac: MacAddr, port: PortId) -> Result<(), FdbError> {
        if !self.has_port(port) {
            return Err(FdbError::NoSuchPort(port));
        }
        if mac.is_unicast() { Ok(()) } else { Err(FdbError::Mac(mac)) }
    }

    /// The port whose own MAC it is.
    fn owner(&self, mac: MacAddr) -> Option<PortId> {
        let owner = self.ports.iter().position(|port| port.alive && port.mac == mac)?;
        // At most MAX_PORTS.
        Some(PortId(owner as u16))
    }
}
