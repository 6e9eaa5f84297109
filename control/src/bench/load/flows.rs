//! UDP flows, each of one datagram: how many can a NAT begin?
//!
//! As RFC 9693 has it, a datagram with ports that no other had is a new connection to whoever translates
//! it. The client writes IPv4 and UDP headers itself (`raw(7)`, `IPPROTO_RAW`): all source ports from
//! `FIRST_PORT` on, each towards all addresses of the server before the next. The server counts what
//! arrives until all have come, or none for `QUIET`.
//!
//! Limit: `PORTS` source ports times the addresses, 4 million flows towards 64.

use super::pace::Pace;
use super::udp::{bind, make_room};
use super::{Job, LoadError, Parent, Ready, Role, Tally, spread};
use crate::bench::conditions::cpu;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockProtocol, SockType, SockaddrIn, recvmmsg,
    sendmmsg, socket,
};
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// The first source port, and how many there are.
const FIRST_PORT: u16 = 1024;
const PORTS: u64 = 64_000;
/// Datagrams of one system call.
const BATCH: usize = 32;
/// Bytes of a packet: both headers and the smallest payload.
const PACKET: usize = 20 + 8 + 18;
/// Longest wait of the server before it looks at the clock.
const TURN: Duration = Duration::from_millis(20);
/// After so long without a datagram there will be none.
const QUIET: Duration = Duration::from_millis(700);

/// Runs this end: `count` flows, the first of which has the number `first`, at `rate` by the second.
pub(super) fn run(
    job: &Job,
    count: u64,
    first: u64,
    rate: Option<f64>,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    match job.role {
        Role::Server => receive(job, count, parent),
        Role::Client => send(job, count, first, rate, parent),
    }
}

fn receive(job: &Job, count: u64, parent: &mut Parent<'_>) -> Result<Tally, LoadError> {
    let socket = bind(job.server)?;
    make_room(&socket)?;
    let port = socket.local_addr().map_err(LoadError::traffic("bind a socket"))?.port();
    socket.set_read_timeout(Some(TURN)).map_err(LoadError::traffic("set up a socket"))?;
    parent.ready(&Ready { port, congestion: None })?;
    let mut space = vec![0; BATCH * PACKET];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let busy = cpu::busy_seconds().map_err(LoadError::traffic("read /proc/stat"))?;
    let (began, mut last, mut received) = (Instant::now(), Instant::now(), 0);
    while received < count && last.elapsed() < QUIET {
        let mut slices: Vec<_> =
            space.chunks_exact_mut(PACKET).map(|slot| [IoSliceMut::new(slot)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        match recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None) {
            Ok(batch) => {
                received += batch.count() as u64;
                last = Instant::now();
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(LoadError::traffic("receive datagrams")(errno)),
        }
    }
    let spent = cpu::busy_seconds().map_err(LoadError::traffic("read /proc/stat"))? - busy;
    let seconds = (last - began).as_secs_f64();
    Ok(Tally { count: received, seconds, cpu_seconds: spent, total: received, latency: None })
}

fn send(
    job: &Job,
    count: u64,
    first: u64,
    rate: Option<f64>,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    let source = own_address(job.server)?;
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Raw)
        .map_err(LoadError::traffic("make a raw socket"))?;
    parent.ready(&Ready { port: job.server.port(), congestion: None })?;
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let (began, mut pace, mut sent) = (Instant::now(), Pace::start(rate, BATCH), 0);
    while sent < count {
        let left = usize::try_from(count - sent).unwrap_or(BATCH);
        let due = pace.wait(sent).min(left);
        let flow = |index: usize| Flow::numbered(job, source, first + sent + index as u64);
        let flows: Vec<Flow> = (0..due).map(flow).collect();
        sent += send_batch(&socket, &mut headers, &flows)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Tally { count: sent, seconds, total: sent, ..Tally::default() })
}

/// Sends the first packet of each; gives how many were taken.
fn send_batch(
    socket: &OwnedFd,
    headers: &mut MultiHeaders<SockaddrIn>,
    flows: &[Flow],
) -> Result<u64, LoadError> {
    let packets: Vec<_> = flows.iter().map(Flow::packet).collect();
    let slices: Vec<_> = packets.iter().map(|packet| [IoSlice::new(packet)]).collect();
    let names: Vec<_> = flows.iter().map(|flow| Some(SockaddrIn::from(flow.to))).collect();
    let none = MsgFlags::empty();
    match sendmmsg(socket.as_raw_fd(), headers, &slices, &names, [], none) {
        Ok(taken) => Ok(taken.count() as u64),
        // A full queue: these are sent again.
        Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => Ok(0),
        Err(errno) => Err(LoadError::traffic("send datagrams")(errno)),
    }
}

/// The address that the kernel would send from to there.
fn own_address(server: SocketAddrV4) -> Result<Ipv4Addr, LoadError> {
    let socket = bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server).map_err(LoadError::traffic("connect a socket"))?;
    match socket.local_addr().map_err(LoadError::traffic("connect a socket"))? {
        SocketAddr::V4(address) => Ok(*address.ip()),
        SocketAddr::V6(_) => Ok(Ipv4Addr::UNSPECIFIED),
    }
}

/// One flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    from: SocketAddrV4,
    to: SocketAddrV4,
}

impl Flow {
    fn numbered(job: &Job, source: Ipv4Addr, number: u64) -> Self {
        let addresses = u64::from(job.addresses.max(1));
        // Both are less than 2^16.
        let (port, nth) = ((number / addresses % PORTS) as u16, (number % addresses) as u32);
        Self {
            from: SocketAddrV4::new(source, FIRST_PORT + port),
            to: spread(job.server, job.addresses, nth),
        }
    }

    /// Its first packet. The kernel fills in the length, the identification and the checksum of the IPv4
    /// header (`raw(7)`); UDP's checksum is 0, none (RFC 768).
    fn packet(&self) -> [u8; PACKET] {
        let mut packet = [0; PACKET];
        packet[0] = 0x45;
        packet[8] = 64;
        packet[9] = 17;
        packet[12..16].copy_from_slice(&self.from.ip().octets());
        packet[16..20].copy_from_slice(&self.to.ip().octets());
        packet[20..22].copy_from_slice(&self.from.port().to_be_bytes());
        packet[22..24].copy_from_slice(&self.to.port().to_be_bytes());
        packet[24..26].copy_from_slice(&((PACKET - 20) as u16).to_be_bytes());
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Task;
    use std::collections::HashSet;

    fn flow(number: u64) -> Flow {
        let job = Job {
            role: Role::Client,
            task: Task::RoundTrips,
            server: "198.18.0.2:7".parse().unwrap(),
            addresses: 64,
            warm_up: Duration::ZERO,
            span: Duration::ZERO,
            congestion: String::new(),
        };
        Flow::numbered(&job, Ipv4Addr::new(10, 0, 0, 2), number)
    }

    #[test]
    fn no_two_flows_are_the_same() {
        let all: HashSet<_> = (0..100_000).map(|it| (flow(it).from, flow(it).to)).collect();
        assert_eq!(all.len(), 100_000);
        assert_eq!((flow(63).from.port(), flow(64).from.port()), (1024, 1025));
        assert_eq!(flow(63).to.to_string(), "198.18.0.65:7");
    }

    #[test]
    fn a_packet_is_one_that_others_can_read() {
        let packet = flow(0).packet();
        let read = etherparse::SlicedPacket::from_ip(&packet).map(|_| ());
        // The length is the kernel's to fill in.
        assert!(read.is_err() || packet[2..4] == [0, 0]);
        let header = etherparse::UdpHeader::from_slice(&packet[20..]).unwrap().0;
        assert_eq!((header.source_port, header.destination_port, header.length), (1024, 7, 26));
    }
}
