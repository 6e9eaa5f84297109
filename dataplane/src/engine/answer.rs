//! What does the loop do about requests, between two passes?
//!
//! Most need no poller and are put to the [`super::Forwarder`] as they are. Ports that come are read from
//! then on, and those that go are in no list any more.

use super::handle::{Request, Waiting};
use super::live::AddPortError;
use super::reading::Served;
use super::roster::Counting;
use super::station::Station;
use super::worker::Worker;
use crate::config::{MAX_PORTS, PortConfig};
use crate::outcome::PortId;
use crate::port::Port;
use crate::port::twin::Twins;
use mio::unix::SourceFd;
use std::io;

/// Most frames of a port that one step of a drain reads; as many as a pass.
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
                Request::Read(id, name, reply) => drop(reply.send(self.read(id, name))),
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

    /// Puts a port in, and reads it from now on if it is this worker's to read.
    fn add(&mut self, config: &PortConfig, port: Twins) -> Result<PortId, AddPortError> {
        let (now, roster) = (self.clock.now(), &self.shared.roster);
        let id = self.station.tables(now, |forwarder, _| {
            let id = forwarder.add_with(config, port)?;
            // To make room for it they may have moved.
            roster.count_in(Counting::Tables, forwarder.counters());
            Ok::<_, AddPortError>(id)
        })?;
        if self.station.reads(id)
            && let Err(error) = self.read(id, config.name.clone())
        {
            self.station.tables(now, |forwarder, now| forwarder.remove(id, now));
            return Err(AddPortError::Poll(error));
        }
        Ok(id)
    }

    /// Reads a port from now on that was put in.
    fn read(&mut self, id: PortId, name: String) -> io::Result<()> {
        self.station.tables(self.clock.now(), |_, _| ());
        self.busy.reserve(self.station.ids().len());
        self.watch(id)?;
        self.shared.roster.add(id, name);
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
        self.listener_ids().for_each(|id| self.unwatch(id));
        let now = self.clock.now();
        let former = self.station.tables(now, |forwarder, _| forwarder.listen_with(listeners));
        self.busy.reserve(self.station.ids().len());
        for id in self.listener_ids() {
            self.watch(id)?;
        }
        Ok(former)
    }

    fn listener_ids(&self) -> impl Iterator<Item = PortId> + use<S> {
        self.station.ids().into_iter().filter(|id| id.index() >= MAX_PORTS)
    }

    /// Reads a few frames of each of these ports. Returns those that are not drained yet.
    fn drain(&mut self, mut waiting: Waiting) -> Waiting {
        let now = self.clock.now();
        waiting.retain_mut(|(id, read)| {
            *read += DRAIN_STEP;
            // What is gone is found so again by the loop.
            self.station.serve(*id, DRAIN_STEP, now) == Served::More && *read < DRAINED_FRAMES
        });
        waiting
    }

    /// Takes a port out of the list that it is in.
    fn unwatch(&mut self, id: PortId) {
        if let Some(index) = self.busy.iter().position(|busy| busy.id == id) {
            self.busy.swap_remove(index);
        } else if let Some(fd) = self.station.fd(id) {
            // A port that is neither busy nor watched has died, and is not registered any more.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
    }
}
