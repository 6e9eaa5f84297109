//! What does the loop do about requests, between two passes?
//!
//! Most need no poller and are put to the [`super::Forwarder`] as they are. Ports that come are read from
//! then on, and those that go are in no list any more.

use super::Engine;
use super::handle::Request;
use super::live::AddPortError;
use crate::config::{MAX_PORTS, PortConfig};
use crate::outcome::PortId;
use crate::port::Port;
use mio::unix::SourceFd;
use std::io;

impl Engine {
    /// Does all that was asked for. Says whether that is to end.
    pub(super) fn answer(&mut self) -> std::ops::ControlFlow<()> {
        while let Ok(request) = self.requests.try_recv() {
            match request {
                Request::Stop => return std::ops::ControlFlow::Break(()),
                // Whoever asked may have gone.
                Request::Add(config, port, reply) => drop(reply.send(self.add(&config, port))),
                Request::Remove(id, reply) => drop(reply.send(self.remove(id))),
                Request::Listen(listeners, reply) => drop(reply.send(self.listen(listeners))),
                Request::Ask(question) => question(&mut self.forwarder, self.clock.now()),
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    /// Puts a port in, and reads it from now on.
    fn add(&mut self, config: &PortConfig, port: Box<dyn Port>) -> Result<PortId, AddPortError> {
        let id = self.forwarder.add(config, port)?;
        self.busy.reserve(self.forwarder.ids().count());
        if let Err(error) = self.watch(id) {
            self.forwarder.remove(id, self.clock.now());
            // To make room for it they may have moved.
            self.shared.roster.count_in(self.forwarder.counters());
            return Err(AddPortError::Poll(error));
        }
        self.shared.roster.add(id, config.name.clone(), self.forwarder.counters());
        Ok(id)
    }

    /// Takes a port of the switch out of the loop, wherever it is in it.
    fn remove(&mut self, id: PortId) -> Option<Box<dyn Port>> {
        if id.index() >= MAX_PORTS {
            return None;
        }
        self.unwatch(id);
        self.shared.roster.bury(id);
        self.forwarder.remove(id, self.clock.now())
    }

    /// Reads other listeners from now on; hands those back that it has read so far.
    fn listen(&mut self, listeners: Vec<Box<dyn Port>>) -> io::Result<Vec<Box<dyn Port>>> {
        self.forwarder.listener_ids().for_each(|id| self.unwatch(id));
        let former = self.forwarder.listen(listeners);
        self.busy.reserve(self.forwarder.ids().count());
        for id in self.forwarder.listener_ids() {
            self.watch(id)?;
        }
        Ok(former)
    }

    /// Takes a port out of the list that it is in.
    fn unwatch(&mut self, id: PortId) {
        if let Some(index) = self.busy.iter().position(|busy| busy.id == id) {
            self.busy.swap_remove(index);
        } else if let Some(fd) = self.forwarder.fd(id) {
            // A port that is neither busy nor watched has died, and is not registered any more.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
    }
}
