//! UDP among many ends: how many datagrams arrive when all ports of a switch are busy?
//!
//! Every end binds the same port at its own address, one of as many that follow each other. In a mesh
//! each sends to all others in turn (RFC 2889 section 5.1); of a broadcast the first sends to the subnet's
//! broadcast address, and all others receive (section 5.7). One thread sends a batch and takes what has
//! come, again and again; what arrives at any end in its span counts.

use super::udp::{bind, make_room};
use super::{Job, LoadError, Meter, Parent, Ready, Tally};
use nix::errno::Errno;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// The port of every end.
const PORT: u16 = 9;
/// Datagrams of one system call.
const BATCH: usize = 32;
/// Bytes of a datagram: with its headers RFC 2889's smallest frame.
const PAYLOAD: usize = 18;
/// How long one who only receives waits before it looks at the clock.
const TURN: Duration = Duration::from_millis(20);
/// The last byte of the subnet's broadcast address: all subnets of the benchmark are /24.
const BROADCAST: u32 = 0xff;

/// Runs the end with this number, from 0, whose address is the job's.
pub(super) fn run(
    job: &Job,
    ends: u16,
    own: u16,
    broadcast: bool,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    let socket = bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT))?;
    make_room(&socket)?;
    socket.set_broadcast(true).map_err(LoadError::traffic("set up a socket"))?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &time(TURN))
        .map_err(LoadError::traffic("set up a socket"))?;
    let targets = targets(*job.server.ip(), own, ends, broadcast);
    parent.ready(&Ready { port: PORT, congestion: None })?;
    exchange(job, &socket, &targets)
}

fn time(duration: Duration) -> nix::sys::time::TimeVal {
    nix::sys::time::TimeVal::new(0, i64::from(duration.subsec_micros()))
}

/// Whom the end sends to whose place, counted from 0, is `own`.
fn targets(address: Ipv4Addr, own: u16, ends: u16, broadcast: bool) -> Vec<SockaddrIn> {
    let first = address.to_bits() - u32::from(own);
    let to = |bits| SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::from_bits(bits), PORT));
    match (broadcast, own) {
        (true, 0) => vec![to(first | BROADCAST)],
        (true, _) => Vec::new(),
        (false, _) => {
            let others = (0..ends).filter(|it| *it != own);
            others.map(|it| to(first + u32::from(it))).collect()
        }
    }
}

fn exchange(job: &Job, socket: &UdpSocket, targets: &[SockaddrIn]) -> Result<Tally, LoadError> {
    let mut meter = Meter::start(job).with_tail(2);
    let mut space = vec![0; BATCH * PAYLOAD];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut sending = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let (bytes, mut received, mut turn) = ([0; PAYLOAD], 0, 0);
    let waits = if targets.is_empty() { MsgFlags::MSG_WAITFORONE } else { MsgFlags::MSG_DONTWAIT };
    while meter.watch(Instant::now(), received)? {
        if !targets.is_empty() {
            let slices = [[IoSlice::new(&bytes)]; BATCH];
            let names: [_; BATCH] =
                std::array::from_fn(|index| Some(targets[(turn + index) % targets.len()]));
            turn = (turn + BATCH) % targets.len();
            let sent =
                sendmmsg(socket.as_raw_fd(), &mut sending, &slices, names, [], MsgFlags::empty());
            match sent.map(drop) {
                // A full queue, or an end that has stopped: lost, and the clock decides.
                Ok(())
                | Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::ECONNREFUSED | Errno::EINTR) => {}
                Err(errno) => return Err(LoadError::traffic("send datagrams")(errno)),
            }
        }
        let mut slices: Vec<_> =
            space.chunks_exact_mut(PAYLOAD).map(|slot| [IoSliceMut::new(slot)]).collect();
        match recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, waits, None) {
            Ok(batch) => received += batch.count() as u64,
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(errno) => return Err(LoadError::traffic("receive datagrams")(errno)),
        }
    }
    meter.tally(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(own: u16, broadcast: bool) -> Vec<String> {
        let address = Ipv4Addr::new(10, 0, 0, 2 + own as u8);
        targets(address, own, 3, broadcast).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_sends_to_all_others() {
        assert_eq!(to(0, false), ["10.0.0.3:9", "10.0.0.4:9"]);
        assert_eq!(to(2, false), ["10.0.0.2:9", "10.0.0.3:9"]);
    }

    #[test]
    fn only_the_first_broadcasts() {
        assert_eq!(to(0, true), ["10.0.0.255:9"]);
        assert_eq!(to(1, true), [""; 0]);
    }
}
