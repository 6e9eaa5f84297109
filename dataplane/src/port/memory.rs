//! A port in memory, for tests and benchmarks: two bounded queues.
//!
//! What the host at the other end sends is read by the switch in order; what the switch sends waits
//! in the host's inbox. A full queue drops, as the ring of a TAP does.

use super::{Offloads, Port, Received};
use crate::frame::{FrameBuffer, with_plain_header};
use crate::outcome::DropReason;
use crate::wire::vnet;
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames that fit into each direction of a memory port: a TAP's default `txqueuelen`.
pub const QUEUE_LEN: usize = 1000;

#[derive(Debug, Default)]
struct Queues {
    /// `None` is a frame that the switch cannot read.
    to_switch: VecDeque<Option<Vec<u8>>>,
    to_host: VecDeque<Vec<u8>>,
    gone: bool,
}

/// The switch's end.
#[derive(Clone, Debug)]
pub struct MemoryPort {
    queues: Arc<Mutex<Queues>>,
    offloads: Offloads,
}

/// The other end.
#[derive(Clone, Debug)]
pub struct MemoryHost(Arc<Mutex<Queues>>);

/// Makes a port and the host at its other end.
pub fn pair(offloads: Offloads) -> (MemoryPort, MemoryHost) {
    let queues = Arc::new(Mutex::new(Queues::default()));
    (MemoryPort { queues: Arc::clone(&queues), offloads }, MemoryHost(queues))
}

/// A panic elsewhere leaves the queues as good as they were.
fn lock(queues: &Mutex<Queues>) -> MutexGuard<'_, Queues> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryHost {
    /// Sends a plain frame; `false` if the queue is full.
    pub fn send(&self, frame: &[u8]) -> bool {
        self.send_raw(with_plain_header(frame))
    }

    /// Sends a virtio header and the frame behind it; `false` if the queue is full.
    pub fn send_raw(&self, bytes: Vec<u8>) -> bool {
        self.queue(Some(bytes))
    }

    /// Sends a frame that is lost when the switch reads it; `false` if the queue is full.
    pub fn send_unreadable(&self) -> bool {
        self.queue(None)
    }

    fn queue(&self, frame: Option<Vec<u8>>) -> bool {
        let mut queues = lock(&self.0);
        let room = queues.to_switch.len() < QUEUE_LEN;
        if room {
            queues.to_switch.push_back(frame);
        }
        room
    }

    /// The next frame that arrived, without its virtio header.
    pub fn receive(&self) -> Option<Vec<u8>> {
        self.receive_raw().map(|mut bytes| bytes.split_off(vnet::HEADER_LEN.min(bytes.len())))
    }

    /// The next frame that arrived, virtio header first.
    pub fn receive_raw(&self) -> Option<Vec<u8>> {
        lock(&self.0).to_host.pop_front()
    }

    /// Vanishes, as a TAP does with its namespace.
    pub fn vanish(&self) {
        lock(&self.0).gone = true;
    }
}

impl Port for MemoryPort {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        let mut queues = lock(&self.queues);
        if queues.gone {
            return Received::Gone;
        }
        let bytes = match queues.to_switch.pop_front() {
            Some(Some(bytes)) => bytes,
            Some(None) => return Received::Unreadable,
            None => return Received::Empty,
        };
        let space = buffer.space();
        // As a read of a TAP: what does not fit is cut.
        let length = bytes.len().min(space.len());
        space[..length].copy_from_slice(&bytes[..length]);
        Received::Frame(length)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        let mut queues = lock(&self.queues);
        if queues.gone {
            return Err(DropReason::EgressGone);
        }
        if queues.to_host.len() == QUEUE_LEN {
            return Err(DropReason::EgressFull);
        }
        queues.to_host.push_back(bytes.to_vec());
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn set_offloads(&mut self, offloads: Offloads) {
        self.offloads = offloads;
    }

    fn twin(&self) -> io::Result<Option<Box<dyn Port>>> {
        Ok(Some(Box::new(self.clone())))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}
