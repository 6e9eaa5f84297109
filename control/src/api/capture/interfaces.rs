//! Which interface of a file is a port?
//!
//! ```text
//!  port 1:  "web" ─ interface 1      gone      "db" ─ interface 3
//!  port 2:  "dns" ─ interface 2 ─────────────────────────────────
//! ```
//!
//! A file's interfaces are numbered as they were described, and keep their names. A port's number may get
//! another name; that is another interface.

use crate::capture::{Names, pcapng};
use dataplane::capture::Named;
use dataplane::outcome::PortId;

/// The interfaces described so far.
#[derive(Debug)]
pub(super) struct Interfaces {
    filter: String,
    /// How many were described.
    described: u32,
    /// By port.
    current: Vec<Option<Interface>>,
}

/// The interface of a port.
#[derive(Debug)]
struct Interface {
    number: u32,
    name: String,
    /// How many frames were missed at its port's number before it was this port's.
    before: u64,
    /// How many were missed of it, as far as the file says.
    told: u64,
}

impl Interfaces {
    /// None; each is described with this filter.
    pub(super) fn new(filter: String) -> Self {
        Self { filter, described: 0, current: Vec::new() }
    }

    /// Describes all ports that there are.
    pub(super) fn describe_all(&mut self, names: &Names, to: &mut Vec<u8>) {
        for (id, name) in (0..).zip(&names.ports) {
            if !name.is_empty() {
                self.describe(PortId(id), name, 0, to);
            }
        }
    }

    /// The number of a port's interface.
    pub(super) fn of(&mut self, port: PortId, names: &Names, to: &mut Vec<u8>) -> u32 {
        match self.current.get(port.index()) {
            Some(Some(interface)) => interface.number,
            // Nobody has told its name.
            _ => self.describe(port, &names.port(port), 0, to),
        }
    }

    /// Takes note of a port that has come, which may have the number of another. `at` is when the last
    /// frame was seen.
    pub(super) fn rename(&mut self, named: &Named, at: u64, to: &mut Vec<u8>) {
        if let Some(Some(interface)) = self.current.get(named.port.index()) {
            if interface.name == named.name {
                return;
            }
            let missed = named.missed.saturating_sub(interface.before);
            pcapng::statistics(interface.number, at, missed, to);
        }
        self.describe(named.port, &named.name, named.missed, to);
    }

    fn describe(&mut self, port: PortId, name: &str, before: u64, to: &mut Vec<u8>) -> u32 {
        pcapng::interface(name, &self.filter, to);
        let number = self.described;
        self.described += 1;
        let room = self.current.len().max(port.index() + 1);
        self.current.resize_with(room, || None);
        let interface = Interface { number, name: name.to_owned(), before, told: 0 };
        self.current[port.index()] = Some(interface);
        number
    }

    /// Adds how many frames were missed, where that has changed; for all at the end. `missed` has them by
    /// port.
    pub(super) fn tell(&mut self, missed: &[u64], at: u64, is_end: bool, to: &mut Vec<u8>) {
        for (interface, missed) in self.current.iter_mut().zip(missed) {
            let Some(interface) = interface else { continue };
            let missed = missed.saturating_sub(interface.before);
            let has_changed = std::mem::replace(&mut interface.told, missed) != missed;
            if has_changed || is_end {
                pcapng::statistics(interface.number, at, missed, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::pcapng::Block;

    fn named(port: u16, name: &str, missed: u64) -> Named {
        Named { port: PortId(port), name: name.to_owned(), missed }
    }

    /// What some blocks say.
    fn read(mut rest: &[u8]) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        while let Some(length) = pcapng::length(rest).unwrap() {
            blocks.push(pcapng::read(&rest[..length]).unwrap());
            rest = &rest[length..];
        }
        blocks
    }

    #[test]
    fn a_number_that_gets_another_name_is_another_interface_and_counts_anew() {
        let mut interfaces = Interfaces::new(String::new());
        let ports = ["ub0", "web", "", "dns"].map(str::to_owned).to_vec();
        let names = Names { ports, rules: Vec::new() };
        let mut file = Vec::new();
        interfaces.describe_all(&names, &mut file);
        let numbers = [0, 1, 3].map(|port| interfaces.of(PortId(port), &names, &mut file));
        assert_eq!(numbers, [0, 1, 2], "there is no port 2");
        interfaces.tell(&[0, 4, 0, 0], 7, false, &mut file);
        // The same name is the same interface.
        interfaces.rename(&named(1, "web", 5), 8, &mut file);
        interfaces.rename(&named(1, "db", 6), 8, &mut file);
        interfaces.rename(&named(2, "new", 0), 8, &mut file);
        let numbers = [1, 2].map(|port| interfaces.of(PortId(port), &names, &mut file));
        assert_eq!(numbers, [3, 4]);
        interfaces.tell(&[0, 9, 0, 0], 9, true, &mut file);
        assert_eq!(
            read(&file),
            [
                Block::Interface("ub0"),
                Block::Interface("web"),
                Block::Interface("dns"),
                Block::Missed(1, 4),
                Block::Missed(1, 6),
                Block::Interface("db"),
                Block::Interface("new"),
                Block::Missed(0, 0),
                Block::Missed(3, 3),
                Block::Missed(4, 0),
                Block::Missed(2, 0),
            ]
        );
    }
}
