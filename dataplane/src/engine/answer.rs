//! What does the loop do about requests, between two passes?
//!
//! Most need no poller and are put to the [`super::Forwarder`] as they are. Ports that come are read from
//! then on, and those that go are in no list any more.

use super::handle::{Request, Waiting};
use super::live::AddPortError;
use super::reading::Served;
use super::roster::Counting;
use super::station::{Inlet, Station};
use super::worker::Worker;
use crate::config::{MAX_PORTS, PortConfig};
use crate::outcome::PortId;
use crate::port::Port;
use crate::port::twin::Twins;
use mio::unix::SourceFd;
use std::io;

/// Most frames of an inlet that one step of a drain reads.
const DRAIN_STEP: usize = 64;

/// After how many frames a port is drained that always has more: its ring holds fewer.
pub const DRAINED_FRAMES: usize = 16_384;

impl<S: Station> Worker<S> {
    /// Does all that was asked for. Says whether that is to end.
    pub(super) fn answer(&mut self) -> std::ops::ControlFlow<()> {
        while let Some(request) = self.next_request() {
            match request {
                Request::Stop => return std::ops::ControlFlow::Break(()),
                // Whoever asked may have gone.
                Request::Add(config, port, reply) => drop(reply.send(self.add(&config, port))),
                Request::Read(id, reply) => drop(reply.send(self.read(id))),
                Request::Unread(id, reply) => {
                    self.unwatch(id);
                    let _ = reply.send(());
                }
                Request::Remove(id, reply) => drop(reply.send(self.remove(id))),
                Request::Listen(listeners, reply) => drop(reply.send(self.listen(listeners))),
                Request::Drain(waiting, reply) => drop(reply.send(self.drain(waiting))),
                Request::CatchUp(reply) => {
                    self.station.tables(self.clock.now(), |_, _| ());
                    let _ = reply.send(());
                }
                Request::Ask(question) => {
                    let now = self.clock.now();
                    self.station.tables(now, |forwarder, now| question(forwarder, now));
                }
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    /// Puts a port in, and reads from now on what is this worker's to read of it.
    fn add(&mut self, config: &PortConfig, port: Twins) -> Result<PortId, AddPortError> {
        let (now, roster) = (self.clock.now(), &self.shared.roster);
        let id = self.station.tables(now, |forwarder, _| {
            let id = forwarder.add_with(config, port)?;
            // To make room for it they may have moved.
            roster.count_in(Counting::Tables, forwarder.counters());
            Ok::<_, AddPortError>(id)
        })?;
        if let Err(error) = self.read(id) {
            self.station.tables(now, |forwarder, now| forwarder.remove(id, now));
            return Err(AddPortError::Poll(error));
        }
        self.shared.roster.add(id, config.name.clone());
        Ok(id)
    }

    /// Reads from now on what is this worker's to read of a port that was put in.
    fn read(&mut self, id: PortId) -> io::Result<()> {
        self.station.tables(self.clock.now(), |_, _| ());
        let inlets = self.station.inlets();
        self.busy.reserve(inlets.len());
        for inlet in inlets.into_iter().filter(|inlet| inlet.port == id) {
            if let Err(error) = self.watch(inlet) {
                self.unwatch(id);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes a port of the switch out of the loop, wherever it is in it.
    fn remove(&mut self, id: PortId) -> Option<Box<dyn Port>> {
        if id.index() >= MAX_PORTS {
            return None;
        }
        self.unwatch(id);
        self.shared.roster.bury(id);
        self.station.tables(self.clock.now(), |forwarder, now| forwarder.remove(id, now))
    }

    /// Reads other listeners from now on; hands those back that it has read so far.
    fn listen(&mut self, listeners: Vec<Twins>) -> io::Result<Vec<Box<dyn Port>>> {
        for inlet in self.inlets(Inlet::is_listener) {
            self.forget(inlet);
        }
        let now = self.clock.now();
        let former = self.station.tables(now, |forwarder, _| forwarder.listen_with(listeners));
        self.busy.reserve(self.station.inlets().len());
        for inlet in self.inlets(Inlet::is_listener) {
            self.watch(inlet)?;
        }
        Ok(former)
    }

    /// Those of what this worker reads.
    fn inlets(&self, which: impl FnMut(&Inlet) -> bool) -> Vec<Inlet> {
        self.station.inlets().into_iter().filter(which).collect()
    }

    /// Reads a few frames of each of these, or of all that this worker reads of the ports. Returns those
    /// that are not drained yet.
    fn drain(&mut self, waiting: Option<Waiting>) -> Waiting {
        let of_ports = |inlet: &Inlet| !inlet.is_listener();
        let all = || self.inlets(of_ports).into_iter().map(|inlet| (inlet, 0)).collect();
        let mut waiting: Waiting = waiting.unwrap_or_else(all);
        let now = self.clock.now();
        waiting.retain_mut(|(inlet, read)| {
            *read += DRAIN_STEP;
            // What is gone is found so again by the loop.
            self.station.serve(*inlet, DRAIN_STEP, now) == Served::More && *read < DRAINED_FRAMES
        });
        waiting
    }

    /// Reads no more of a port.
    fn unwatch(&mut self, id: PortId) {
        for inlet in self.inlets(|inlet| inlet.port == id) {
            self.forget(inlet);
        }
    }

    /// Takes an inlet out of the list that it is in.
    fn forget(&mut self, inlet: Inlet) {
        if let Some(index) = self.busy.iter().position(|busy| busy.inlet == inlet) {
            self.busy.swap_remove(index);
        } else if let Some(fd) = self.station.fd(inlet) {
            // One that is neither busy nor watched has died, and is not registered any more.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
    }
}
