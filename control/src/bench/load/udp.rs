//! UDP: how many datagrams arrive of all that can be sent?
//!
//! The client sends without a pause, or at a rate, up to `BATCH` datagrams a system call, or one
//! super-frame that the kernel cuts (`UDP_SEGMENT`). The server takes `BATCH` a call and does not ask for `UDP_GRO`: it
//! wants the datagrams one by one.
//!
//! Its receive buffer is made `RECEIVE_BUFFER` large: with the usual 208 KiB, room for three
//! super-frames, half of everything is lost in the socket whatever the bridge does, and that would be
//! the figure. Without privileges `net.core.rmem_max` bounds it, for both bridges alike.

use super::pace::Pace;
use super::{Job, LoadError, Meter, Parent, Ready, Role, Tally};
use nix::errno::Errno;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Datagrams of one system call.
const BATCH: usize = 64;
/// Bytes of the receiver's socket buffer.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Longest wait of a receiver before it looks at the clock.
const TURN: Duration = Duration::from_millis(20);

/// Runs this end.
pub(super) fn run(
    job: &Job,
    payload: usize,
    segments: usize,
    rate: Option<f64>,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    match job.role {
        Role::Server => receive(job, payload, parent),
        Role::Client => send(job, payload, segments, rate, parent),
    }
}

fn receive(job: &Job, payload: usize, parent: &mut Parent<'_>) -> Result<Tally, LoadError> {
    let socket = bind(job.server)?;
    make_room(&socket)?;
    let port = socket.local_addr().map_err(LoadError::traffic("bind a socket"))?.port();
    socket.set_read_timeout(Some(TURN)).map_err(LoadError::traffic("set up a socket"))?;
    parent.ready(&Ready { port, congestion: None })?;
    // The sender ends first, so that what it sent and what came can be compared.
    let mut meter = Meter::start(job).with_tail(2);
    let mut buffer = vec![0; BATCH * payload];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut received = 0;
    while meter.watch(Instant::now(), received)? {
        let mut slices: Vec<_> =
            buffer.chunks_exact_mut(payload).map(|slot| [IoSliceMut::new(slot)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        match recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None) {
            Ok(batch) => received += batch.count() as u64,
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(LoadError::traffic("receive datagrams")(errno)),
        }
    }
    meter.tally(received)
}

fn send(
    job: &Job,
    payload: usize,
    segments: usize,
    rate: Option<f64>,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    let socket = bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(job.server).map_err(LoadError::traffic("connect a socket"))?;
    let mut sender = Sender::new(socket, payload, segments)?;
    parent.ready(&Ready { port: job.server.port(), congestion: None })?;
    let mut meter = Meter::start(job);
    let mut pace = Pace::start(rate, BATCH);
    let mut sent = 0;
    while meter.watch(Instant::now(), sent)? {
        let due = pace.wait(sent);
        match sender.send(due) {
            Ok(datagrams) => sent += datagrams,
            // A full queue, or a server that has ended: lost, and the clock decides.
            Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::ECONNREFUSED | Errno::EINTR) => {}
            Err(errno) => return Err(LoadError::traffic("send datagrams")(errno)),
        }
    }
    meter.tally(sent)
}

/// Makes the socket's receive buffer large.
pub(super) fn make_room(socket: &UdpSocket) -> Result<(), LoadError> {
    setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER))
        .map_err(LoadError::traffic("set up a socket"))
}

pub(super) fn bind(address: SocketAddrV4) -> Result<UdpSocket, LoadError> {
    UdpSocket::bind(address).map_err(LoadError::traffic("bind a socket"))
}

/// What sends one batch.
struct Sender {
    socket: UdpSocket,
    bytes: Vec<u8>,
    segments: usize,
    headers: MultiHeaders<SockaddrIn>,
}

impl Sender {
    fn new(socket: UdpSocket, payload: usize, segments: usize) -> Result<Self, LoadError> {
        if segments > 1 {
            // A payload is at most a segment of 1400 bytes.
            setsockopt(&socket, sockopt::UdpGsoSegment, &(payload as i32))
                .map_err(LoadError::traffic("ask for UDP segmentation"))?;
        }
        let bytes = vec![0; payload * segments];
        Ok(Self { socket, bytes, segments, headers: MultiHeaders::preallocate(BATCH, None) })
    }

    /// Sends once, up to `due` datagrams of at most [`BATCH`], or a whole super-frame; gives how many
    /// that was.
    fn send(&mut self, due: usize) -> Result<u64, Errno> {
        if due == 0 {
            return Ok(0);
        }
        if self.segments > 1 {
            let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
            return self.socket.send(&self.bytes).map_err(errno).map(|_| self.segments as u64);
        }
        let slices = [[IoSlice::new(&self.bytes)]; BATCH];
        let (headers, flags) = (&mut self.headers, MsgFlags::empty());
        let (slices, names) = (&slices[..due.min(BATCH)], &[None; BATCH][..due.min(BATCH)]);
        let sent = sendmmsg(self.socket.as_raw_fd(), headers, slices, names, [], flags)?;
        Ok(sent.count() as u64)
    }
}
