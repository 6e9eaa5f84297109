//! A port in memory, for tests and benchmarks: bounded queues, one or more for each direction.
//!
//! What the host at the other end sends is read by the switch in order; what the switch sends waits
//! in the host's inbox. A full queue drops, as the ring of a TAP does. By which queue something comes the
//! host says, where a kernel would choose.

use super::{Offloads, Port, Received};
use crate::frame::{FrameBuffer, with_plain_header};
use crate::outcome::{DropReason, QueueId};
use crate::wire::vnet;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames that fit into each direction of a memory port's queue: a TAP's default `txqueuelen`.
pub const QUEUE_LEN: usize = 1000;

#[derive(Debug, Default)]
struct Queues {
    all: Vec<Queue>,
    gone: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// `None` is a frame that the switch cannot read.
    to_switch: VecDeque<Option<Vec<u8>>>,
    to_host: VecDeque<Vec<u8>>,
}

/// The switch's end.
#[derive(Clone, Debug)]
pub struct MemoryPort {
    queues: Arc<Mutex<Queues>>,
    count: usize,
    offloads: Offloads,
}

/// The other end.
#[derive(Clone, Debug)]
pub struct MemoryHost(Arc<Mutex<Queues>>);

/// Makes a port and the host at its other end.
pub fn pair(offloads: Offloads) -> (MemoryPort, MemoryHost) {
    pair_of(offloads, 1)
}

/// The same with so many queues, one at least.
pub fn pair_of(offloads: Offloads, count: usize) -> (MemoryPort, MemoryHost) {
    let all = (0..count).map(|_| Queue::default()).collect();
    let queues = Arc::new(Mutex::new(Queues { all, gone: false }));
    (MemoryPort { queues: Arc::clone(&queues), count, offloads }, MemoryHost(queues))
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
        self.queue(QueueId::FIRST, Some(bytes))
    }

    /// Sends a plain frame by this queue; `false` if it is full.
    pub fn send_by(&self, queue: QueueId, frame: &[u8]) -> bool {
        self.queue(queue, Some(with_plain_header(frame)))
    }

    /// Sends a frame that is lost when the switch reads it; `false` if the queue is full.
    pub fn send_unreadable(&self) -> bool {
        self.queue(QueueId::FIRST, None)
    }

    fn queue(&self, queue: QueueId, frame: Option<Vec<u8>>) -> bool {
        let queue = &mut lock(&self.0).all[queue.index()].to_switch;
        let room = queue.len() < QUEUE_LEN;
        if room {
            queue.push_back(frame);
        }
        room
    }

    /// The next frame that arrived, without its virtio header.
    pub fn receive(&self) -> Option<Vec<u8>> {
        self.receive_raw().map(plain)
    }

    /// The next frame that arrived by this queue, without its virtio header.
    pub fn receive_by(&self, queue: QueueId) -> Option<Vec<u8>> {
        lock(&self.0).all[queue.index()].to_host.pop_front().map(plain)
    }

    /// The next frame that arrived, by the first of the queues that have one; virtio header first.
    pub fn receive_raw(&self) -> Option<Vec<u8>> {
        lock(&self.0).all.iter_mut().find_map(|queue| queue.to_host.pop_front())
    }

    /// Vanishes, as a TAP does with its namespace.
    pub fn vanish(&self) {
        lock(&self.0).gone = true;
    }
}

/// A frame without its virtio header.
fn plain(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.split_off(vnet::HEADER_LEN.min(bytes.len()))
}

impl Port for MemoryPort {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        self.receive_by(QueueId::FIRST, buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        self.send_by(QueueId::FIRST, bytes)
    }

    fn queues(&self) -> usize {
        self.count
    }

    fn receive_by(&mut self, queue: QueueId, buffer: &mut FrameBuffer) -> Received {
        let mut queues = lock(&self.queues);
        if queues.gone {
            return Received::Gone;
        }
        let bytes = match queues.all[queue.index()].to_switch.pop_front() {
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

    fn send_by(&mut self, queue: QueueId, bytes: &[u8]) -> Result<(), DropReason> {
        let mut queues = lock(&self.queues);
        if queues.gone {
            return Err(DropReason::EgressGone);
        }
        // A queue that is not there is the first one, as with a TAP.
        let queue = if queue.index() < self.count { queue.index() } else { 0 };
        let queue = &mut queues.all[queue].to_host;
        if queue.len() == QUEUE_LEN {
            return Err(DropReason::EgressFull);
        }
        queue.push_back(bytes.to_vec());
        Ok(())
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn set_offloads(&mut self, offloads: Offloads) {
        self.offloads = offloads;
    }

    fn twin(&self) -> Option<Box<dyn Port>> {
        Some(Box::new(self.clone()))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}
