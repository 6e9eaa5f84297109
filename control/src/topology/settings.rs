//! What of the interfaces is changed while a network stands?
//!
//! All of them or none: those that were changed before one that the kernel refuses are changed back.

use super::{Endpoint, StepError, Topology};
use crate::model::Mtu;
use crate::netlink::{LinkChange, Netlink};
use dataplane::port::Offloads;

impl Topology {
    /// Gives all interfaces another MTU, in the host and in all namespaces. What is gone is left out: a
    /// port that is not `alive`, and one whose namespace nobody else has any more.
    ///
    /// # Errors
    /// One cannot be reached or refuses; then nothing has changed.
    pub fn set_mtu(&mut self, mtu: Mtu, alive: impl Fn(u16) -> bool) -> Result<(), StepError> {
        let there = |made: &&mut Endpoint| alive(made.number) && !made.is_abandoned();
        let all = std::iter::once(&mut self.host).chain(&mut self.ports).filter(there);
        let mut done: Vec<(&mut Endpoint, u16)> = Vec::new();
        for made in all {
            let before = made.mtu;
            if let Err(error) = made.set_mtu(mtu.get()) {
                for (made, before) in done.into_iter().rev() {
                    // The first error is the one to tell of.
                    let _ = made.set_mtu(before);
                }
                return Err(error);
            }
            done.push((made, before));
        }
        Ok(())
    }

    /// Notes what offloads the kernel grants an interface now.
    pub fn note_offloads(&mut self, number: u16, granted: Offloads) {
        let mut all = std::iter::once(&mut self.host).chain(&mut self.ports);
        if let Some(made) = all.find(|made| made.number == number) {
            made.offloads = granted;
        }
    }
}

impl Endpoint {
    fn set_mtu(&mut self, mtu: u16) -> Result<(), StepError> {
        let interface = self.interface.as_str();
        self.visit(|| {
            let mut netlink = Netlink::open()?;
            let link = netlink.link(interface)?;
            Ok(netlink
                .change_link(&link, &LinkChange { mtu: Some(mtu), ..LinkChange::default() })?)
        })?;
        self.mtu = mtu;
        Ok(())
    }
}
