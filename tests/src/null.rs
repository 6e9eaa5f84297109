//! What does the packet path cost by itself? Ports that give one frame for ever and swallow the rest.
//!
//! They neither allocate nor lock, so what is counted or timed around them is the dataplane's.

use dataplane::frame::FrameBuffer;
use dataplane::outcome::DropReason;
use dataplane::port::{Offloads, Port, Received};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A port without another end.
#[derive(Debug)]
pub struct NullPort {
    source: Option<Vec<u8>>,
    offloads: Offloads,
    swallowed: Arc<AtomicU64>,
}

impl NullPort {
    /// A port that gives nothing, or always the same virtio header and frame.
    pub fn new(offloads: Offloads, source: Option<Vec<u8>>) -> Self {
        Self { source, offloads, swallowed: Arc::default() }
    }

    /// How many frames were written to the port, to be read at any time.
    pub fn swallowed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.swallowed)
    }
}

impl Port for NullPort {
    #[inline]
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        let Some(bytes) = &self.source else { return Received::Empty };
        buffer.space()[..bytes.len()].copy_from_slice(bytes);
        Received::Frame(bytes.len())
    }

    #[inline]
    fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
        self.swallowed.store(self.swallowed.load(Relaxed) + 1, Relaxed);
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}
