//! When is which port served? The loop: wait, read, walk, write, tick.
//!
//! A port is either *watched* or *busy*:
//!
//! ```text
//!              the poller says it is readable
//!    watched ────────────────────────────────> busy
//!       ^                                       │
//!       └───────────────────────────────────────┘
//!              no frame for LINGER
//! ```
//!
//! Busy ports are read in turn, at most `BUDGET` frames each, and are *not* registered with the
//! poller: a registered wait entry costs the sender a callback for every frame. While any port is
//! busy the loop does not sleep; `LINGER` after the last frame none is, and the loop blocks in the
//! poller until a frame, a request, or the next FDB entry's expiry. So spinning follows traffic.
//!
//! The engine is the only reader of the clock: once per pass, and after each wait.

mod answer;
mod forwarder;
mod handle;
mod live;
mod refit;
mod roster;
mod settings;
mod slots;
mod watching;
mod witness;

pub use crate::switch::{FdbEntry, FdbKind};
pub use forwarder::{Counters, Forwarder, Served};
pub use handle::{EngineStopped, Fill, FlowKey, FlowPage, Handle, Tables};
pub use live::{AddPortError, FdbEntryError, LimitError, ListenError, ReconfigureError};
pub use refit::AddError;
pub use roster::PortStatus;
pub use settings::{DRAINED_FRAMES, SettingError};
pub use watching::CaptureError;
pub use witness::CapturesFull;

use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::outcome::PortId;
use crate::port::Port;
use crossbeam_channel::Receiver;
use handle::{Request, Shared};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use roster::Roster;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// Most frames read of one port before the next has its turn.
const BUDGET: usize = 64;

/// How long a port without frames is kept busy.
const LINGER: Duration = Duration::from_micros(50);

/// How many passes may go by, while a port is busy, before the poller is asked for newly readable ones.
const PASSES_PER_POLL: u32 = 8;

/// Most ports that one look at the poller finds readable; the others are found by the next.
const EVENTS: usize = 256;

/// Most entries of a table that one pass looks at to let them go.
const EXPIRY_BUDGET: usize = 64;

/// How often aged entries are looked for while frames flow.
const TICK: Duration = Duration::from_millis(500);

const WAKER: Token = Token(usize::MAX);

/// The loop and all it owns. Run it on a thread of its own.
pub struct Engine {
    forwarder: Forwarder,
    poll: Poll,
    events: Events,
    requests: Receiver<Request>,
    shared: Arc<Shared>,
    clock: Clock,
    busy: Vec<Busy>,
    next_tick: Time,
    /// Slots of the flow tables that are still to be looked at before the next tick.
    owed: usize,
}

/// A port that is being read.
#[derive(Clone, Copy, Debug)]
struct Busy {
    id: PortId,
    last_frame: Time,
}

impl Engine {
    /// An engine whose `ports[i]` is described by `config.ports()[i]`, and the handle to it.
    ///
    /// # Errors
    /// `InvalidInput` if ports and configuration differ in number; what the poller says otherwise.
    pub fn new(config: Config, ports: Vec<Box<dyn Port>>) -> io::Result<(Self, Handle)> {
        Self::listening(config, ports, Vec::new())
    }

    /// The same with `listeners`, ports that are only read from: what they bring enters as if from
    /// the host's port.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn listening(
        config: Config,
        mut ports: Vec<Box<dyn Port>>,
        listeners: Vec<Box<dyn Port>>,
    ) -> io::Result<(Self, Handle)> {
        if ports.len() != config.ports().len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} ports for {} configured ones", ports.len(), config.ports().len()),
            ));
        }
        ports.extend(listeners);
        let all = ports.len();
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let forwarder = Forwarder::new(&config, ports);
        let (sender, requests) = crossbeam_channel::unbounded();
        let names = config.ports().iter().map(|port| port.name.clone());
        let roster = Roster::new(names, Arc::clone(forwarder.counters()));
        let shared = Arc::new(Shared { roster, waker });
        let handle = Handle { shared: Arc::clone(&shared), requests: sender };
        let engine = Self {
            forwarder,
            poll,
            events: Events::with_capacity(EVENTS),
            requests,
            shared,
            clock: Clock::start(),
            busy: Vec::with_capacity(all),
            next_tick: Time::START,
            owed: 0,
        };
        Ok((engine, handle))
    }

    /// Forwards until [`Handle::stop`] is called, then hands the ports back.
    ///
    /// # Errors
    /// What the poller says. A port's failure is never one: a port whose device is gone is removed.
    pub fn run(mut self) -> io::Result<Vec<Box<dyn Port>>> {
        for id in self.forwarder.ids() {
            self.watch(id)?;
        }
        let mut passes = 0;
        loop {
            let now = self.clock.now();
            self.pass(now)?;
            self.tick(now);
            passes += 1;
            if !self.busy.is_empty() && passes < PASSES_PER_POLL {
                continue;
            }
            passes = 0;
            let sleep =
                if self.busy.is_empty() { self.until_due(now) } else { Some(Duration::ZERO) };
            if self.wait(sleep)?.is_break() {
                return Ok(self.forwarder.into_ports());
            }
        }
    }

    /// Serves each busy port once.
    fn pass(&mut self, now: Time) -> io::Result<()> {
        let mut index = 0;
        while let Some(&Busy { id, last_frame }) = self.busy.get(index) {
            match self.forwarder.serve(id, BUDGET, now) {
                Served::Dry(_) | Served::More => {
                    self.busy[index].last_frame = now;
                }
                Served::Idle if now - last_frame < LINGER => {}
                Served::Idle => {
                    self.busy.swap_remove(index);
                    self.watch(id)?;
                    continue;
                }
                Served::Gone => {
                    self.busy.swap_remove(index);
                    self.shared.roster.bury(id);
                    continue;
                }
            }
            index += 1;
        }
        Ok(())
    }

    /// Lets aged entries go, a few at a time.
    fn tick(&mut self, now: Time) {
        if now >= self.next_tick {
            let more = self.forwarder.expire(now, EXPIRY_BUDGET) == EXPIRY_BUDGET;
            self.next_tick = if more { now } else { now + TICK };
            self.forwarder.give_up(now);
            self.forwarder.clear_captures(now);
            let router = &self.forwarder.pipeline().router;
            self.owed = router.as_ref().map_or(0, |router| router.expiry_share());
        }
        if self.owed > 0 {
            let router = &mut self.forwarder.pipeline_mut().router;
            let seen = router.as_mut().map_or(0, |router| router.expire(now, EXPIRY_BUDGET));
            self.owed = if seen == 0 { 0 } else { self.owed.saturating_sub(seen) };
        }
    }

    /// How long nothing will be due; `None` for ever.
    fn until_due(&self, now: Time) -> Option<Duration> {
        let pipeline = self.forwarder.pipeline();
        if self.owed > 0 {
            return Some(Duration::ZERO);
        }
        let flows = pipeline.router.as_ref().is_some_and(|router| !router.is_idle());
        let aged = pipeline.switch.fdb().next_expiry();
        let due = if flows || self.forwarder.is_captured() { Some(self.next_tick) } else { aged }?;
        // Rounded up to the poller's grain, so that it does not wake just before.
        Some((due.max(self.next_tick) - now) + Duration::from_millis(1))
    }

    /// Asks the poller, waiting at most `timeout`; makes readable ports busy; answers requests.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<std::ops::ControlFlow<()>> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return Ok(std::ops::ControlFlow::Continue(()));
            }
            result => result?,
        }
        let now = self.clock.now();
        let mut asked = false;
        for event in &self.events {
            if event.token() == WAKER {
                asked = true;
                continue;
            }
            let id = PortId(event.token().0 as u16);
            if let Some(fd) = self.forwarder.fd(id) {
                self.poll.registry().deregister(&mut SourceFd(&fd))?;
                self.busy.push(Busy { id, last_frame: now });
            }
        }
        if asked { Ok(self.answer()) } else { Ok(std::ops::ControlFlow::Continue(())) }
    }

    /// Hands a port without frames to the poller. One without a descriptor stays busy for ever.
    fn watch(&mut self, id: PortId) -> io::Result<()> {
        match self.forwarder.fd(id) {
            Some(fd) => self.register(id, fd),
            None => {
                self.busy.push(Busy { id, last_frame: self.clock.now() });
                Ok(())
            }
        }
    }

    fn register(&self, id: PortId, fd: RawFd) -> io::Result<()> {
        let token = Token(id.index());
        self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE)
    }
}
