//! What is known in a world, and what was counted?

use super::World;
use crate::counts::{Moved, differences};
use dataplane::conntrack::FlowView;
use dataplane::counters::CounterSnapshot;
use dataplane::engine::FdbEntry;
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::{Cursor, Story};
use dataplane::wire::ethernet::MacAddr;
use std::fmt;
use std::time::Duration;

impl World {
    /// What would be decided about a virtio header and a frame that came in now.
    ///
    /// # Errors
    /// The reason of a frame that does not parse.
    pub fn explain(&self, port: u16, bytes: &[u8]) -> Result<Story, DropReason> {
        let mut bytes = bytes.to_vec();
        self.forwarder.pipeline().explain(PortId(port), &mut bytes, self.now)
    }

    /// All that the stages know, as text to be compared.
    pub fn state(&self) -> String {
        format!("{:?}", self.forwarder.pipeline())
    }

    /// The flows that are tracked now, in no order.
    pub fn flows(&mut self) -> Vec<FlowView> {
        let now = self.now;
        let router = self.routed();
        let (mut all, mut page) = (Vec::new(), Some(Cursor::default()));
        while let Some(from) = page {
            let (views, next) = router.views(from, 1024, now);
            all.extend(views);
            page = next;
        }
        all
    }

    /// Behind which port the switch believes `mac` to live.
    pub fn home_of(&self, mac: MacAddr) -> Option<u16> {
        self.forwarder.pipeline().switch.fdb().lookup(mac, self.now).map(|port| port.0)
    }

    /// The entries of the FDB, by MAC.
    pub fn fdb(&self) -> Vec<FdbEntry> {
        let fdb = self.forwarder.pipeline().switch.fdb();
        let mut entries: Vec<_> = fdb.entries(self.now).collect();
        entries.sort_by_key(|entry| entry.mac);
        entries
    }

    /// The counters of all ports now.
    pub fn counters(&self) -> Vec<CounterSnapshot> {
        self.forwarder.counters().iter().map(|port| port.snapshot()).collect()
    }

    /// Which counters moved since `before`.
    pub fn moved_since(&self, before: &[CounterSnapshot]) -> Moved {
        let now = self.counters();
        let ports = self.ports().zip(before.iter().zip(&now));
        ports.flat_map(|(port, (before, now))| differences(port, before, now)).collect()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {:?}, ports that have counted:", Duration::from_nanos(self.now.nanos()))?;
        let nothing = vec![CounterSnapshot::default(); self.hosts.len()];
        for ((port, count), value) in self.moved_since(&nothing) {
            writeln!(f, "  port {port}: {count:?} {value}")?;
        }
        for port in self.ports().filter(|&port| !self.is_alive(port)) {
            writeln!(f, "  port {port} is gone")?;
        }
        writeln!(f, "FDB:")?;
        for FdbEntry { mac, port, kind, age } in self.fdb() {
            writeln!(f, "  {mac} behind port {port}, {kind:?}, {age:?} old")?;
        }
        Ok(())
    }
}
