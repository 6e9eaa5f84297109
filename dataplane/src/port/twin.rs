//! How do several threads reach one port?
//!
//! Each has a twin of its own, so none waits for another: a TAP's descriptors may be used by several
//! threads at a time. A port that knows no twins gets a lock around it.

use super::tap::OffloadSwitch;
use super::{Offloads, Port, Received};
use crate::frame::FrameBuffer;
use crate::outcome::DropReason;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A port, and its twins.
pub type Twins = (Box<dyn Port>, Vec<Box<dyn Port>>);

/// Makes so many twins of a port, beside the port itself.
pub fn twins(port: Box<dyn Port>, count: usize) -> Twins {
    let all: Option<Vec<_>> = (0..count).map(|_| port.twin()).collect();
    if let Some(all) = all {
        return (port, all);
    }
    let locked = Locked(Arc::new(Mutex::new(port)));
    let all = (0..count).map(|_| Box::new(locked.clone()) as Box<dyn Port>).collect();
    (Box::new(locked), all)
}

/// A port that one thread at a time can have.
#[derive(Clone)]
struct Locked(Arc<Mutex<Box<dyn Port>>>);

impl Locked {
    /// A panic elsewhere leaves a port as good as it was.
    fn lock(&self) -> MutexGuard<'_, Box<dyn Port>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Port for Locked {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        self.lock().receive(buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        self.lock().send(bytes)
    }

    fn offloads(&self) -> Offloads {
        self.lock().offloads()
    }

    fn set_offloads(&mut self, offloads: Offloads) {
        self.lock().set_offloads(offloads);
    }

    fn offload_switch(&self) -> io::Result<Option<OffloadSwitch>> {
        self.lock().offload_switch()
    }

    fn twin(&self) -> Option<Box<dyn Port>> {
        Some(Box::new(self.clone()))
    }

    fn set_mtu(&mut self, mtu: u16) {
        self.lock().set_mtu(mtu);
    }

    fn fd(&self) -> Option<RawFd> {
        self.lock().fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::with_plain_header;
    use crate::port::memory::{MemoryPort, pair};
    use crate::wire::vnet;

    /// A port without twins.
    struct Odd(MemoryPort);

    impl Port for Odd {
        fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
            self.0.receive(buffer)
        }
        fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
            self.0.send(bytes)
        }
        fn offloads(&self) -> Offloads {
            self.0.offloads()
        }
        fn set_offloads(&mut self, offloads: Offloads) {
            self.0.set_offloads(offloads);
        }
        fn fd(&self) -> Option<RawFd> {
            None
        }
    }

    #[test]
    fn each_twin_reads_and_writes_the_same_port() {
        let (near, host) = pair(Offloads::ALL);
        for port in [Box::new(near.clone()) as Box<dyn Port>, Box::new(Odd(near))] {
            let (port, mut all) = twins(port, 3);
            assert_eq!(all.len(), 3);
            all.push(port);
            for twin in &mut all {
                assert!(host.send(&[7; 60]));
                assert_eq!(
                    twin.receive(&mut FrameBuffer::new()),
                    Received::Frame(vnet::HEADER_LEN + 60)
                );
                assert_eq!(twin.send(&with_plain_header(&[8; 60])), Ok(()));
                assert_eq!(host.receive(), Some(vec![8; 60]));
                twin.set_offloads(Offloads::NONE);
                assert_eq!(twin.offloads(), Offloads::NONE);
            }
        }
    }

    #[test]
    fn a_port_of_one_thread_stays_as_it_is() {
        let (near, _host) = pair(Offloads::ALL);
        let (port, all) = twins(Box::new(Odd(near)), 0);
        assert!(all.is_empty() && port.twin().is_none());
    }
}
