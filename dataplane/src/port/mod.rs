//! Where do frames come from, and where do they go?
//!
//! One trait, [`Port`], and its kinds:
//!
//! | kind | other end |
//! |---|---|
//! | [`tap::Tap`] | a network interface in some namespace |
//! | [`icmp::IcmpPort`] | the ICMP messages that the host receives |
//! | [`memory::MemoryPort`] | a test or a benchmark |
//!
//! What a port moves is a virtio header of [`crate::wire::vnet::HEADER_LEN`] bytes and the frame
//! behind it. [`deliver()`] stands between the switch and a port: it does the work of the offloads that
//! the port lacks. A port that several threads are to reach has [`twin`]s. The only unsafe code of the
//! crate is in the folder `sys`.

pub mod deliver;
mod descriptors;
pub mod icmp;
pub mod memory;

mod sys;
pub mod tap;
pub mod twin;

pub use crate::frame::Offloads;
pub use deliver::deliver;
pub use sys::INTERFACE_NAME_MAX;

use crate::frame::FrameBuffer;
use crate::outcome::{DropReason, QueueId};
use std::io;
use std::os::fd::RawFd;

/// What one attempt to read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A virtio header and a frame, this many bytes together, at the start of the buffer's space.
    Frame(usize),
    /// There was one, and the kernel could not hand it over: it is lost, the next may be well.
    Unreadable,
    /// Nothing now.
    Empty,
    /// A signal came first; try again.
    Interrupted,
    /// Nothing ever again: the port's other end does not exist any more.
    Gone,
}

/// A switch port. One of several queues says how each is read and written; all others have nothing to add.
pub trait Port: Send {
    /// Reads one frame into `buffer`'s space without blocking; of the first queue, where there are more.
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received;

    /// Writes one frame: the virtio header and the frame behind it, in one slice, without blocking; by the
    /// first queue, where there are more.
    ///
    /// # Errors
    /// One of the `Egress…` reasons; the frame is then lost.
    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason>;

    /// How many queues it has. What comes by one of them is in order, and a flow comes by that one by
    /// which its other direction was written last. A port of several has twins.
    fn queues(&self) -> usize {
        1
    }

    /// [`Self::receive`], of this queue.
    fn receive_by(&mut self, _queue: QueueId, buffer: &mut FrameBuffer) -> Received {
        self.receive(buffer)
    }

    /// [`Self::send`], by this queue.
    ///
    /// # Errors
    /// As of [`Self::send`].
    fn send_by(&mut self, _queue: QueueId, bytes: &[u8]) -> Result<(), DropReason> {
        self.send(bytes)
    }

    /// The descriptor to wait on for a queue; `None` for a port that is only ever polled.
    fn fd_of(&self, _queue: QueueId) -> Option<RawFd> {
        self.fd()
    }

    /// What frames may leave undone here, in both directions.
    fn offloads(&self) -> Offloads;

    /// Frames that are written here may leave this undone from now on, of which the device knows. A port
    /// that cannot be changed stays as it is.
    fn set_offloads(&mut self, _offloads: Offloads) {}

    /// What tells the device of that; `None` for a port without one.
    ///
    /// # Errors
    /// There are no more file descriptors.
    fn offload_switch(&self) -> io::Result<Option<tap::OffloadSwitch>> {
        Ok(None)
    }

    /// Another way to the same port, for another thread, and so is a twin of a twin. The port is there
    /// until all of them are dropped. `None` for a port that one thread at a time can have.
    fn twin(&self) -> Option<Box<dyn Port>> {
        None
    }

    /// Hands out no larger packets than so many bytes from now on, if it is a port that cuts them.
    fn set_mtu(&mut self, _mtu: u16) {}

    /// The descriptor to wait on, for the first queue; `None` for a port that is only ever polled.
    fn fd(&self) -> Option<RawFd>;
}
