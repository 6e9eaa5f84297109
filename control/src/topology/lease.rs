//! How do the TAPs of a whole network close quickly?
//!
//! Closing a TAP removes its interface, for which the kernel waits some 20 ms (RCU grace periods in
//! `netdev_run_todo`). One after the other, the 251 TAPs of a large network took 5.3 s; closed from
//! many threads the waits overlap, and 0.4 s are enough. So the switch gets TAPs on lease: when it
//! drops a port, the TAP returns to a [`Stable`], where all are closed together.

use dataplane::frame::FrameBuffer;
use dataplane::outcome::DropReason;
use dataplane::port::tap::Tap;
use dataplane::port::{Offloads, Port, Received};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Threads that close TAPs at one time; more did not make it quicker.
const CLOSERS: usize = 32;

/// Where TAPs wait to be closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Stable(Arc<Mutex<Vec<Tap>>>);

impl Stable {
    /// Lends a TAP to a switch.
    pub(super) fn lend(&self, tap: Tap) -> Box<dyn Port> {
        Box::new(LeasedTap { tap: Some(tap), home: self.clone() })
    }

    /// Takes a TAP in.
    pub(super) fn take_in(&self, tap: Tap) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tap);
    }

    /// Closes the TAPs that are here.
    pub(super) fn close(&self) {
        let mut taps = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let share = taps.len().div_ceil(CLOSERS).max(1);
        thread::scope(|scope| {
            while !taps.is_empty() {
                let some = taps.split_off(taps.len().saturating_sub(share));
                // Without a thread the closure is dropped here, and the TAPs in it are closed.
                let _ = thread::Builder::new().spawn_scoped(scope, || drop(some));
            }
        });
    }
}

/// A TAP that returns when it is dropped.
#[derive(Debug)]
struct LeasedTap {
    /// `None` only while it is dropped.
    tap: Option<Tap>,
    home: Stable,
}

impl Port for LeasedTap {
    #[inline]
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        self.tap.as_mut().map_or(Received::Gone, |tap| tap.receive(buffer))
    }

    #[inline]
    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        self.tap.as_mut().map_or(Err(DropReason::EgressGone), |tap| tap.send(bytes))
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        self.tap.as_ref().map_or(Offloads::NONE, Port::offloads)
    }

    fn fd(&self) -> Option<RawFd> {
        self.tap.as_ref().and_then(Port::fd)
    }
}

impl Drop for LeasedTap {
    fn drop(&mut self) {
        if let Some(tap) = self.tap.take() {
            self.home.take_in(tap);
        }
    }
}
