//! A TAP device: a port whose other end is a network interface of some namespace.
//!
//! The device belongs to the namespace of the thread that opens it and stays usable here from any
//! other. It is not persistent: when the [`Tap`] and its twins are dropped the interface goes.
//!
//! It has one queue, or several, each with a descriptor of its own. Then the kernel chooses one for each
//! packet: that by which the other direction of its flow was written last, within 3 s; else one by the hash
//! of the flow, which is the same for both directions and at all devices (`tun_automq_select_queue`,
//! `tun_flow_update`). An answer that the receiver gives within a write still goes by what was before it.
//!
//! Frames come and go with a virtio header before them, one frame a system call. What we *write* into
//! a TAP the kernel receives, and it takes super-frames and partial checksums whatever the offload
//! mask says, but for UDP super-frames before Linux 6.2. The mask decides what the kernel hands *us*;
//! we use it for both directions, so that a port opened without offloads sees plain frames only.

use super::sys::tap::{self as sys, Which};
use super::{Offloads, Port, Received, descriptors};
use crate::frame::FrameBuffer;
use crate::outcome::{DropReason, QueueId};
use crate::wire::vnet;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// The device node that makes TAPs.
pub const TUN_DEVICE: &str = "/dev/net/tun";

/// What can go wrong when a TAP is made.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The device node cannot be opened.
    #[error("cannot open {TUN_DEVICE}: {0}")]
    Device(#[source] io::Error),
    /// The kernel does not make the interface.
    #[error("cannot make the TAP interface {name:?}: {source}")]
    Interface {
        /// The interface's name as asked for.
        name: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel refuses virtio headers or every set of offloads.
    #[error("cannot set up the virtio header of {name:?}: {source}")]
    VirtioHeader {
        /// The interface's name.
        name: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// An open TAP device, or one of several twins.
///
/// The kernel takes reads and writes of several threads by one descriptor, each for itself.
#[derive(Debug)]
pub struct Tap {
    /// Of its queues, in order; one at least.
    queues: Arc<[OwnedFd]>,
    offloads: Offloads,
}

impl Tap {
    /// Makes the interface `name` (1 to 15 bytes) in the calling thread's network namespace, with as
    /// many of the `wanted` offloads as the kernel grants. It is down and has a random MAC.
    ///
    /// # Errors
    /// [`TapError`] says which of the three steps failed. An interface that exists already is
    /// `EBUSY` or `EINVAL` from the kernel, whatever it is.
    pub fn open(name: &str, wanted: Offloads) -> Result<Self, TapError> {
        Self::open_queues(name, wanted, 1)
    }

    /// The same with so many queues, one at least.
    ///
    /// # Errors
    /// As of [`Self::open`]; the kernel gives a device 256 queues at most.
    pub fn open_queues(name: &str, wanted: Offloads, queues: usize) -> Result<Self, TapError> {
        let first = queue(name, if queues > 1 { Which::First } else { Which::Only })?;
        let offloads = set_up(&first, wanted)
            .map_err(|source| TapError::VirtioHeader { name: name.to_owned(), source })?;
        let others = (1..queues).map(|_| queue(name, Which::Next));
        let queues = std::iter::once(Ok(first)).chain(others).collect::<Result<_, _>>()?;
        Ok(Self { queues, offloads })
    }

    /// A queue's descriptor; of the first queue for one that this device has not.
    #[inline]
    fn queue(&self, queue: QueueId) -> &OwnedFd {
        self.queues.get(queue.index()).unwrap_or(&self.queues[0])
    }
}

/// Opens a queue of a device.
fn queue(name: &str, which: Which) -> Result<OwnedFd, TapError> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(TUN_DEVICE, flags, Mode::empty())
        .map_err(|errno| TapError::Device(descriptors::explained(errno.into())))?;
    sys::set_interface(fd.as_fd(), name, which)
        .map_err(|source| TapError::Interface { name: name.to_owned(), source })?;
    Ok(fd)
}

/// A second way to a device, for another thread: to change its offloads the kernel waits for all who
/// change some interface (`rtnl_lock`), which no frame should.
#[derive(Debug)]
pub struct OffloadSwitch(OwnedFd);

impl OffloadSwitch {
    /// Asks for these offloads; returns what the kernel grants. Frames that the device holds already may
    /// leave more undone.
    ///
    /// # Errors
    /// What the kernel says; then nothing has changed.
    pub fn set(&self, wanted: Offloads) -> io::Result<Offloads> {
        grant(&self.0, wanted)
    }
}

/// Sets header size and offloads; the mask is always written, for it outlives a file descriptor.
fn set_up(fd: &OwnedFd, wanted: Offloads) -> io::Result<Offloads> {
    sys::set_vnet_header_size(fd.as_fd(), vnet::HEADER_LEN as i32)?;
    grant(fd, wanted)
}

fn grant(fd: &OwnedFd, wanted: Offloads) -> io::Result<Offloads> {
    match sys::set_offload(fd.as_fd(), mask(wanted)) {
        Ok(()) => Ok(wanted),
        // Linux before 6.2 does not know USO and refuses the whole mask.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            let fewer = wanted.without(Offloads::USO);
            sys::set_offload(fd.as_fd(), mask(fewer))?;
            Ok(fewer)
        }
        Err(error) => Err(error),
    }
}

/// The `TUN_F_*` bits of a set. Every segmentation offload needs `CSUM` (`set_offload` in tun.c).
fn mask(offloads: Offloads) -> u32 {
    let bits = [
        (Offloads::CHECKSUM, sys::offload::CSUM),
        (Offloads::TSO4, sys::offload::TSO4),
        (Offloads::TSO6, sys::offload::TSO6),
        (Offloads::TSO_ECN, sys::offload::TSO_ECN),
        (Offloads::USO, sys::offload::USO4 | sys::offload::USO6),
    ];
    bits.into_iter().filter(|(one, _)| offloads.contains(*one)).map(|(_, bit)| bit).sum()
}

impl Port for Tap {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        self.receive_by(QueueId::FIRST, buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        self.send_by(QueueId::FIRST, bytes)
    }

    fn queues(&self) -> usize {
        self.queues.len()
    }

    #[inline]
    fn receive_by(&mut self, queue: QueueId, buffer: &mut FrameBuffer) -> Received {
        match rustix::io::read(self.queue(queue), buffer.space()) {
            Ok(length) => Received::Frame(length),
            Err(Errno::AGAIN) => Received::Empty,
            Err(Errno::INTR) => Received::Interrupted,
            // The interface is down: nothing comes until it is up again, and then the poller says so.
            Err(Errno::IO) => Received::Empty,
            // "unexpected GSO type" in the kernel's log (`tun_put_user`): that one frame is lost.
            Err(Errno::INVAL) => Received::Unreadable,
            // Passing too; the poller, which is asked next, speaks up at once if there is more.
            Err(Errno::NOMEM | Errno::NOBUFS | Errno::FAULT) => Received::Empty,
            // EBADFD: the device is gone, with its namespace or by `ip link del`.
            Err(_) => Received::Gone,
        }
    }

    #[inline]
    fn send_by(&mut self, queue: QueueId, bytes: &[u8]) -> Result<(), DropReason> {
        loop {
            return match rustix::io::write(self.queue(queue), bytes) {
                Ok(_) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => Err(DropReason::EgressFull),
                Err(Errno::IO) => Err(DropReason::EgressDown),
                Err(Errno::BADFD) => Err(DropReason::EgressGone),
                Err(_) => Err(DropReason::EgressRefused),
            };
        }
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn set_offloads(&mut self, offloads: Offloads) {
        self.offloads = offloads;
    }

    fn offload_switch(&self) -> io::Result<Option<OffloadSwitch>> {
        Ok(Some(OffloadSwitch(self.queue(QueueId::FIRST).try_clone()?)))
    }

    fn twin(&self) -> Option<Box<dyn Port>> {
        Some(Box::new(Self { queues: Arc::clone(&self.queues), offloads: self.offloads }))
    }

    fn fd(&self) -> Option<RawFd> {
        self.fd_of(QueueId::FIRST)
    }

    fn fd_of(&self, queue: QueueId) -> Option<RawFd> {
        Some(self.queue(queue).as_raw_fd())
    }
}
