//! How does a datagram get across?
//!
//! A [`Door`] is the socket of one published port. Each client has a [`Session`]: a socket of its own
//! towards the target, so that the target's answers are known to be for this client. A session ends
//! when it was idle as long as connection tracking would wait.

use super::datagram;
use super::relay::{Place, Refusal, Relayed, lock};
use super::tcp::SHORTAGE_PAUSE;
use dataplane::config::Timeouts;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout_at};

/// A client, and which of our addresses it asks.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Asker {
    client: SocketAddr,
    asked: IpAddr,
}

/// The socket of one published port.
pub(super) struct Door {
    socket: UdpSocket,
    place: Place,
    sessions: Mutex<HashMap<Asker, Arc<Session>>>,
}

/// One client's way to the target.
struct Session {
    socket: UdpSocket,
    activity: Mutex<Activity>,
    _counted: Relayed,
    _permit: OwnedSemaphorePermit,
}

/// When something was last said, and by whom.
#[derive(Clone, Copy, Debug)]
struct Activity {
    last: Instant,
    answered: bool,
}

impl Activity {
    /// When the session ends if nothing more is said.
    fn ends(self) -> Instant {
        let timeouts = Timeouts::LINUX;
        self.last + if self.answered { timeouts.udp_stream } else { timeouts.udp }
    }
}

impl Door {
    /// The door that a bound socket is.
    pub(super) fn new(socket: UdpSocket, place: Place) -> Self {
        Self { socket, place, sessions: Mutex::default() }
    }

    /// Takes datagrams for ever.
    pub(super) async fn serve(self: Arc<Self>) {
        loop {
            let taken = match self.socket.readable().await {
                Ok(()) => self.take(),
                Err(error) => Err(error),
            };
            match taken {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    tracing::warn!("cannot read datagrams to a published port: {error}");
                    sleep(SHORTAGE_PAUSE).await;
                }
                _ => {}
            }
        }
    }

    fn take(self: &Arc<Self>) -> io::Result<()> {
        let mut buffer = lock(&self.place.shared.buffer);
        let receive = || datagram::receive(&self.socket, &mut buffer);
        let arrived = self.socket.try_io(Interest::READABLE, receive)?;
        let asker = Asker { client: arrived.from, asked: arrived.to };
        match self.session(asker) {
            Ok(session) if session.pass(&buffer[..arrived.length]) => {}
            Ok(_) => self.place.entry.refuse(Refusal::Unreachable),
            Err(why) => self.place.entry.refuse(why),
        }
        Ok(())
    }

    /// The client's session; a new one if it has none.
    fn session(self: &Arc<Self>, asker: Asker) -> Result<Arc<Session>, Refusal> {
        if let Some(session) = lock(&self.sessions).get(&asker) {
            return Ok(session.clone());
        }
        let shared = &self.place.shared;
        if !shared.origin.is_here(asker.client.ip()) {
            return Err(Refusal::NotFromHost);
        }
        let permit = shared.sessions.clone().try_acquire_owned().map_err(|_| Refusal::TooMany)?;
        let target = self.place.target(asker.client.ip());
        let session = Arc::new(Session {
            socket: connected(target).map_err(|_| Refusal::Unreachable)?,
            activity: Mutex::new(Activity { last: Instant::now(), answered: false }),
            _counted: self.place.entry.relayed(),
            _permit: permit,
        });
        lock(&self.sessions).insert(asker, session.clone());
        self.place.entry.spawn(self.clone().answer(asker, session.clone()));
        Ok(session)
    }

    /// Hands the target's answers to the client until the session ends.
    async fn answer(self: Arc<Self>, asker: Asker, session: Arc<Session>) {
        loop {
            let ends = lock(&session.activity).ends();
            match timeout_at(ends.into(), session.socket.readable()).await {
                Ok(Ok(())) if self.hand_back(asker, &session).is_ok() => {}
                // The client has said something since.
                Err(_) if lock(&session.activity).ends() > Instant::now() => {}
                _ => break,
            }
        }
        lock(&self.sessions).remove(&asker);
    }

    /// Hands one answer back; an error if the session is over.
    fn hand_back(&self, asker: Asker, session: &Session) -> io::Result<()> {
        let mut buffer = lock(&self.place.shared.buffer);
        match session.socket.try_recv(&mut buffer) {
            Ok(length) => {
                session.touch(true);
                // A datagram that does not fit in the client's queue is lost, as datagrams are.
                let _ = datagram::send(&self.socket, &buffer[..length], asker.asked, asker.client);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                self.place.entry.refuse(Refusal::Unreachable);
                Err(error)
            }
        }
    }
}

impl Session {
    /// Passes a client's datagram on; false if the target took none of an earlier one.
    fn pass(&self, data: &[u8]) -> bool {
        self.touch(false);
        // Not by tokio's own call, which waits for a word of the kernel that a new socket is ready.
        let send = || send(self.socket.as_raw_fd(), data, MsgFlags::MSG_DONTWAIT);
        // "Port unreachable" is told to whoever sends next, in place of sending. What does not fit
        // in the queue is lost, as datagrams are.
        let refused = send() == Err(Errno::ECONNREFUSED);
        if refused {
            let _ = send();
        }
        !refused
    }

    fn touch(&self, answered: bool) {
        let mut activity = lock(&self.activity);
        activity.last = Instant::now();
        activity.answered |= answered;
    }
}

/// A socket that hears the target alone.
fn connected(target: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_session_that_was_answered_lives_longer() {
        let last = Instant::now();
        let lives = |answered| Activity { last, answered }.ends() - last;
        assert_eq!(lives(false), Duration::from_secs(30));
        assert_eq!(lives(true), Duration::from_secs(120));
    }
}
