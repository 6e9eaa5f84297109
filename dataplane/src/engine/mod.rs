//! stub
use crate::{config::Config, counters::CounterSnapshot, outcome::PortId, port::Port, wire::ethernet::MacAddr};
use std::{io, time::Duration};
/// The forwarding loop; run it on a thread of its own.
pub struct Engine;
/// The way to talk to a running engine.
#[derive(Clone)]
pub struct Handle;
/// A port and its counters.
#[derive(Clone, Debug)]
pub struct PortStatus { /// id
 pub id: PortId, /// name
 pub name: String, /// false once its device is gone
 pub alive: bool, /// now
 pub counters: CounterSnapshot }
/// Where an entry came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbKind { /// Given
 Static, /// Learned
 Learned }
/// One entry
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbEntry { /// mac
 pub mac: MacAddr, /// port
 pub port: PortId, /// kind
 pub kind: FdbKind, /// since last refreshed; zero for static ones
 pub age: Duration }
/// The engine has ended.
#[derive(Debug, thiserror::Error)]
#[error("the dataplane has stopped")]
pub struct EngineStopped;
impl Engine {
    /// Port i has config.ports()[i].
    pub fn new(_config: Config, _ports: Vec<Box<dyn Port>>) -> io::Result<(Self, Handle)> { Ok((Self, Handle)) }
    /// Returns after Handle::stop.
    pub fn run(self) -> io::Result<()> { Ok(()) }
}
impl Handle {
    /// Ports and counters; works after the end too.
    pub fn ports(&self) -> Vec<PortStatus> { Vec::new() }
    /// The FDB.
    /// # Errors
    /// ended
    pub fn fdb(&self) -> Result<Vec<FdbEntry>, EngineStopped> { Err(EngineStopped) }
    /// Ends it.
    pub fn stop(&self) {}
}
