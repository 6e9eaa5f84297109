//! When is which port served? The loop of one worker: wait, read, walk, write, tick.
//!
//! An inlet, a queue of a port, is either *watched* or *busy*:
//!
//! ```text
//!              the poller says it is readable
//!    watched ────────────────────────────────> busy
//!       ^                                       │
//!       └───────────────────────────────────────┘
//!              no frame for LINGER
//! ```
//!
//! Busy inlets are read in turn, at most `BUDGET` frames each, and are *not* registered with the
//! poller: a registered wait entry costs the sender a callback for every frame. While any is
//! busy the loop does not sleep; `LINGER` after the last frame none is, and the loop blocks in the
//! poller until a frame, a request, or the next FDB entry's expiry. So spinning follows traffic. One of
//! several workers does not go to sleep while another has frames.
//!
//! A worker reads the clock once per pass, and after each wait.

use super::courtesy::Brought;
use super::forwarder::Forwarder;
use super::handle::{Request, Shared};
use super::reading::Served;
use super::station::{Inlet, Station};
use crate::clock::{Clock, Time};
use crossbeam_channel::Receiver;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// Most frames read of one inlet before the next has its turn: some 250 µs, if all are super-frames.
const BUDGET: usize = 16;

/// How long an inlet without frames is kept busy.
const LINGER: Duration = Duration::from_micros(50);

/// How many passes may go by, while an inlet is busy, before the poller is asked for newly readable ones.
const PASSES_PER_POLL: u32 = 8;

/// And how much time: passes that bring super-frames take long.
const POLL_EVERY: Duration = Duration::from_micros(50);

/// Most inlets that one look at the poller finds readable; the others are found by the next.
const EVENTS: usize = 256;

/// The token of a poller's waker.
pub(super) const WAKER: Token = Token(usize::MAX);

/// The loop of one worker and all it owns.
pub(super) struct Worker<S> {
    pub(super) station: S,
    pub(super) poll: Poll,
    events: Events,
    requests: Receiver<Request>,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
    pub(super) busy: Vec<Busy>,
    /// When to look whether something is due.
    next_tick: Time,
    /// Slots of the flow tables that are still to be looked at before the next tick.
    owed: usize,
}

/// What is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    pub(super) inlet: Inlet,
    last_frame: Time,
}

impl<S: Station> Worker<S> {
    /// A worker that is asked by this line.
    pub(super) fn new(
        station: S,
        (poll, requests): (Poll, Receiver<Request>),
        shared: Arc<Shared>,
        clock: Clock,
    ) -> Self {
        let busy = Vec::with_capacity(station.inlets().len());
        Self {
            station,
            poll,
            events: Events::with_capacity(EVENTS),
            requests,
            shared,
            clock,
            busy,
            next_tick: Time::START,
            owed: 0,
        }
    }

    /// Forwards until it is asked to stop, then hands back what it worked with.
    ///
    /// # Errors
    /// What the poller says.
    pub(super) fn run(mut self) -> io::Result<S> {
        for inlet in self.station.inlets() {
            self.watch(inlet)?;
        }
        let (mut passes, mut polled) = (0, Time::START);
        loop {
            let now = self.clock.now();
            if passes == 0 {
                polled = now;
            }
            let brought = self.pass(now)?;
            let is_busy = !self.busy.is_empty();
            self.station.passed(brought, is_busy, now);
            self.tick(now);
            passes += 1;
            if is_busy && passes < PASSES_PER_POLL && now - polled < POLL_EVERY {
                continue;
            }
            passes = 0;
            let stays = is_busy || self.station.is_kept_awake(now, LINGER);
            let sleep = if stays { Some(Duration::ZERO) } else { self.until_due(now) };
            if self.wait(sleep)?.is_break() {
                return Ok(self.station);
            }
        }
    }

    /// Serves each busy inlet once.
    fn pass(&mut self, now: Time) -> io::Result<Brought> {
        let (mut index, mut brought) = (0, Brought::Nothing);
        while let Some(&Busy { inlet, last_frame }) = self.busy.get(index) {
            let served = self.station.serve(inlet, BUDGET, now);
            brought = brought.max(Brought::by(served));
            match served {
                Served::Dry(_) | Served::More => self.busy[index].last_frame = now,
                Served::Idle if now - last_frame < LINGER => {}
                Served::Idle => {
                    self.busy.swap_remove(index);
                    self.watch(inlet)?;
                    continue;
                }
                Served::Gone => {
                    self.busy.swap_remove(index);
                    self.shared.roster.bury(inlet.port);
                    continue;
                }
            }
            index += 1;
        }
        Ok(brought)
    }

    /// Lets aged entries go, a few at a time.
    fn tick(&mut self, now: Time) {
        if now >= self.next_tick {
            let (next, owed) = self.station.tables(now, Forwarder::tick);
            self.next_tick = next;
            // Who comes first has the work, and all of them have it in turns.
            self.owed = owed.unwrap_or(self.owed);
        }
        if self.owed > 0 {
            let seen = self.station.tables(now, Forwarder::expire_flows);
            self.owed = if seen == 0 { 0 } else { self.owed.saturating_sub(seen) };
        }
    }

    /// How long nothing will be due; `None` for ever.
    fn until_due(&mut self, now: Time) -> Option<Duration> {
        if self.owed > 0 {
            return Some(Duration::ZERO);
        }
        let due = self.station.tables(now, |forwarder, _| forwarder.due())?;
        // Rounded up to the poller's grain, so that it does not wake just before.
        Some((due - now) + Duration::from_millis(1))
    }

    /// Asks the poller, waiting at most `timeout`; makes readable inlets busy; answers requests.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<std::ops::ControlFlow<()>> {
        // Behind all that this worker has done, and before it may sleep.
        self.shared.roster.news.stir();
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
            let inlet = Inlet::of(event.token());
            if let Some(fd) = self.station.fd(inlet) {
                self.poll.registry().deregister(&mut SourceFd(&fd))?;
                self.busy.push(Busy { inlet, last_frame: now });
            }
        }
        if asked { Ok(self.answer()) } else { Ok(std::ops::ControlFlow::Continue(())) }
    }

    /// Hands an inlet without frames to the poller. One without a descriptor stays busy for ever.
    pub(super) fn watch(&mut self, inlet: Inlet) -> io::Result<()> {
        match self.station.fd(inlet) {
            Some(fd) => self.register(inlet, fd),
            None => {
                self.busy.push(Busy { inlet, last_frame: self.clock.now() });
                Ok(())
            }
        }
    }

    /// What is asked next, if anything is.
    pub(super) fn next_request(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    fn register(&self, inlet: Inlet, fd: RawFd) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), inlet.token(), Interest::READABLE)
    }
}
