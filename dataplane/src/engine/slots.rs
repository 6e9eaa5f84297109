//! Which ports are there, and which id does a new one get?
//!
//! | ids | |
//! |---|---|
//! | 0 | the host's port, from the start |
//! | below [`MAX_PORTS`] | the other ports of the switch; a new one gets the lowest that is free |
//! | from [`MAX_PORTS`] on | listeners: what is read from them enters as if from the host |
//!
//! An id is free once its port was taken out. The lowest one keeps the tables as small as the most
//! ports that ever were there at a time, so a flood visits no more.

use super::lending::Lending;
use crate::config::{ConfigError, MAX_PORTS, PortConfig};
use crate::outcome::PortId;
use crate::port::Port;
use crate::wire::ethernet::MacAddr;

/// A place for a port.
pub(super) struct Slot {
    /// `None` once it was taken out.
    pub(super) port: Option<Box<dyn Port>>,
    pub(super) mtu: usize,
}

/// The places of all ports.
pub(super) struct Slots {
    ports: Vec<Slot>,
    /// Name and MAC of each port; `None` where it was taken out.
    known_as: Vec<Option<(String, MacAddr)>>,
    listeners: Vec<Slot>,
    /// What workers have of these, where there are several.
    pub(super) lending: Option<Lending>,
}

impl Slots {
    /// Each port at the index of its configuration; those beyond are listeners.
    pub(super) fn new(configs: &[PortConfig], mut ports: Vec<Box<dyn Port>>) -> Self {
        let listeners = ports.split_off(ports.len().min(configs.len()));
        let slot = |(port, config): (_, &PortConfig)| Slot::new(port, config.mtu);
        Self {
            ports: ports.into_iter().zip(configs).map(slot).collect(),
            known_as: configs.iter().map(|it| Some((it.name.clone(), it.mac))).collect(),
            listeners: listeners.into_iter().map(|port| Slot::new(port, 0)).collect(),
            lending: None,
        }
    }

    /// How many places there are for ports of the switch.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.ports.len()
    }

    /// The place of a port of the switch.
    #[inline]
    pub(super) fn port_mut(&mut self, id: PortId) -> &mut Slot {
        &mut self.ports[id.index()]
    }

    /// What is read from, under this id.
    #[inline]
    pub(super) fn reader_mut(&mut self, id: PortId) -> Option<&mut Box<dyn Port>> {
        let slot = match id.index().checked_sub(MAX_PORTS) {
            None => self.ports.get_mut(id.index()),
            Some(listener) => self.listeners.get_mut(listener),
        };
        slot?.port.as_mut()
    }

    /// A port of the switch, to be asked; `None` if it was taken out.
    pub(super) fn there(&self, id: PortId) -> Option<&Slot> {
        self.ports.get(id.index()).filter(|slot| slot.port.is_some())
    }

    /// What is read from, to be asked.
    pub(super) fn reader(&self, id: PortId) -> Option<&dyn Port> {
        let slot = match id.index().checked_sub(MAX_PORTS) {
            None => self.ports.get(id.index()),
            Some(listener) => self.listeners.get(listener),
        };
        slot?.port.as_deref()
    }

    /// The id that a new port gets: the lowest free one, but not the host's.
    ///
    /// # Errors
    /// Its name or MAC is another's, or there are [`MAX_PORTS`].
    pub(super) fn vacancy(&self, port: &PortConfig) -> Result<PortId, ConfigError> {
        for (name, mac) in self.known_as.iter().flatten() {
            if *name == port.name {
                return Err(ConfigError::DuplicateName(name.clone()));
            }
            if *mac == port.mac {
                return Err(ConfigError::DuplicateMac(*mac));
            }
        }
        let free = self.known_as.iter().skip(1).position(Option::is_none);
        let id = free.map_or(self.ports.len(), |index| index + 1);
        if id >= MAX_PORTS {
            return Err(ConfigError::PortCount(MAX_PORTS + 1));
        }
        // Below MAX_PORTS.
        Ok(PortId(id as u16))
    }

    /// Puts a port in, at an id that [`Self::vacancy`] has given, with a twin for each worker.
    pub(super) fn put(
        &mut self,
        id: PortId,
        config: &PortConfig,
        port: Box<dyn Port>,
        twins: Vec<Box<dyn Port>>,
    ) {
        if let Some(lending) = &mut self.lending {
            lending.put(id, twins);
        }
        let slot = Slot::new(port, config.mtu);
        let known_as = Some((config.name.clone(), config.mac));
        if let Some(free) = self.ports.get_mut(id.index()) {
            *free = slot;
            self.known_as[id.index()] = known_as;
        } else {
            self.ports.push(slot);
            self.known_as.push(known_as);
        }
    }

    /// A port of the switch, to be changed; `None` if it was taken out.
    pub(super) fn there_mut(&mut self, id: PortId) -> Option<&mut dyn Port> {
        if let Some(lending) = &mut self.lending {
            lending.note(id);
        }
        Some(self.ports.get_mut(id.index())?.port.as_mut()?.as_mut())
    }

    /// The largest MTU of a port.
    pub(super) fn largest_mtu(&self) -> usize {
        self.ports.iter().map(|slot| slot.mtu).max().unwrap_or_default()
    }

    /// Gives all ports this MTU, and those that cut packets by it.
    pub(super) fn set_mtu(&mut self, mtu: u16) {
        if let Some(lending) = &mut self.lending {
            lending.note_all();
        }
        self.ports.iter_mut().for_each(|slot| slot.mtu = mtu.into());
        let readers = self.ports.iter_mut().chain(&mut self.listeners);
        readers.filter_map(|slot| slot.port.as_mut()).for_each(|port| port.set_mtu(mtu));
    }

    /// Takes a port of the switch out; `None` if it is not there.
    pub(super) fn take(&mut self, id: PortId) -> Option<Box<dyn Port>> {
        let port = self.ports.get_mut(id.index())?.port.take();
        if let Some(lending) = &mut self.lending {
            lending.put(id, Vec::new());
        }
        self.known_as[id.index()] = None;
        port
    }

    /// Puts other listeners in the place of those there are, which are handed back; with a twin of each
    /// for the worker that reads them.
    pub(super) fn listen(
        &mut self,
        listeners: Vec<Box<dyn Port>>,
        twins: Vec<Box<dyn Port>>,
    ) -> Vec<Box<dyn Port>> {
        if let Some(lending) = &mut self.lending {
            lending.put_listeners(twins);
        }
        let new = listeners.into_iter().map(|port| Slot::new(port, 0)).collect();
        let old = std::mem::replace(&mut self.listeners, new);
        old.into_iter().filter_map(|slot| slot.port).collect()
    }

    /// The ids of all ports, those that were taken out included; listeners last.
    pub(super) fn ids(&self) -> impl Iterator<Item = PortId> + use<> {
        let listeners = self.listener_ids();
        // At most MAX_PORTS.
        (0..self.ports.len() as u16).map(PortId).chain(listeners)
    }

    /// The ids of all listeners.
    pub(super) fn listener_ids(&self) -> impl Iterator<Item = PortId> + use<> {
        // The host hears ICMP with one or two of them.
        (MAX_PORTS as u16..).take(self.listeners.len()).map(PortId)
    }

    /// All ports that are there.
    pub(super) fn into_ports(self) -> Vec<Box<dyn Port>> {
        self.ports.into_iter().chain(self.listeners).filter_map(|slot| slot.port).collect()
    }
}

impl Slot {
    pub(super) fn new(port: Box<dyn Port>, mtu: u16) -> Self {
        Self { port: Some(port), mtu: usize::from(mtu) }
    }

    /// A place without a port.
    pub(super) fn empty() -> Self {
        Self { port: None, mtu: 0 }
    }
}

const _: () = assert!(MAX_PORTS < u16::MAX as usize / 2, "ids are of ports and of listeners");
