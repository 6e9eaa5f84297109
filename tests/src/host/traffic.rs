//! Do two ends hear each other: ping, TCP, UDP?
//!
//! With sockets of our own, so that nothing needs to be installed. A socket belongs to the namespace
//! in which it was made, whichever thread uses it then.

use super::{Host, wait};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// How long one echo may take before the next is sent.
const ECHO_TIMEOUT: Duration = Duration::from_millis(500);

/// One end of a conversation.
#[derive(Clone, Debug)]
pub struct End {
    /// Its namespace; `None` for the host.
    pub namespace: Option<String>,
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
}

impl End {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.ipv4.into()).chain(self.ipv6.map(IpAddr::from))
    }

    /// Runs `run` where this end is.
    pub fn visit<T: Send>(&self, host: &Host, run: impl FnOnce() -> T + Send) -> T {
        match &self.namespace {
            Some(name) => host.visit(name, run),
            None => run(),
        }
    }

    /// A TCP socket that waits for connections to `address`.
    pub fn listen(&self, host: &Host, address: IpAddr) -> TcpListener {
        self.visit(host, || TcpListener::bind((address, 0)).unwrap())
    }

    /// A TCP connection from here.
    pub fn connect(&self, host: &Host, to: SocketAddr) -> TcpStream {
        self.visit(host, || TcpStream::connect_timeout(&to, wait::LONG).unwrap())
    }

    /// A UDP socket here that waits at most a moment for a datagram.
    pub fn udp(&self, host: &Host, address: IpAddr) -> UdpSocket {
        let socket = self.visit(host, || UdpSocket::bind((address, 0)).unwrap());
        socket.set_read_timeout(Some(ECHO_TIMEOUT)).unwrap();
        socket
    }

    /// Does `to` answer an echo request from here, before the deadline?
    pub fn reaches(&self, host: &Host, to: IpAddr, deadline: Duration) -> bool {
        self.visit(host, || pings(to, deadline))
    }

    /// Pings `to` from here.
    #[track_caller]
    pub fn ping(&self, host: &Host, to: IpAddr) {
        assert!(self.reaches(host, to, wait::LONG), "no answer from {to} to {self:?}");
    }
}

/// Does `to` answer an echo request from the calling thread's namespace, before the deadline?
pub fn pings(to: IpAddr, deadline: Duration) -> bool {
    pings_with(to, 0, deadline)
}

/// The same with this much data in the request.
pub fn pings_with(to: IpAddr, length: usize, deadline: Duration) -> bool {
    let socket = raw_icmp(to).unwrap();
    let end = Instant::now() + deadline;
    let mut sequence = 0;
    while Instant::now() < end {
        sequence += 1;
        if echo(&socket, to, &echo_request(to.is_ipv4(), sequence, length), ECHO_TIMEOUT).is_ok() {
            return true;
        }
    }
    false
}

/// Does `to` answer one echo request, which is sent once, before the deadline?
pub fn pings_once(to: IpAddr, deadline: Duration) -> bool {
    echo(&raw_icmp(to).unwrap(), to, &echo_request(to.is_ipv4(), 1, 0), deadline).is_ok()
}

/// A raw socket for the ICMP or ICMPv6 that comes from `to`.
fn raw_icmp(to: IpAddr) -> io::Result<Socket> {
    let socket = match to {
        IpAddr::V4(_) => Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)),
        IpAddr::V6(_) => Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)),
    }?;
    socket.connect(&SockAddr::from(SocketAddr::new(to, 0)))?;
    Ok(socket)
}

/// An echo request (RFC 792, RFC 4443 4.1) with so many bytes of data.
pub fn echo_request(ipv4: bool, sequence: u16, length: usize) -> Vec<u8> {
    let mut message = vec![if ipv4 { 8 } else { 128 }, 0, 0, 0, 0x75, 0x62, 0, 0];
    message[6..].copy_from_slice(&sequence.to_be_bytes());
    message.extend(random(length, sequence.into()));
    if ipv4 {
        // The kernel does this for ICMPv6 alone.
        let sum = dataplane::wire::checksum::Sum::default().bytes(&message).checksum();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

/// Sends one echo request and waits for its reply.
fn echo(mut socket: &Socket, to: IpAddr, request: &[u8], timeout: Duration) -> io::Result<()> {
    let (reply, ip_header) = if to.is_ipv4() { (0, 20) } else { (129, 0) };
    socket.set_read_timeout(Some(timeout))?;
    socket.send(request)?;
    let end = Instant::now() + timeout;
    let mut buffer = vec![0; 65_536];
    while Instant::now() < end {
        let length = socket.read(&mut buffer)?;
        let answer = buffer[..length].get(ip_header..).unwrap_or_default();
        if answer.first() == Some(&reply) && answer.get(4..) == request.get(4..) {
            return Ok(());
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Sends `data` over TCP from one end to the address of another; returns what arrived.
pub fn transfer(host: &Host, from: &End, to: &End, address: IpAddr, data: &[u8]) -> Vec<u8> {
    let listener = to.listen(host, address);
    let target = listener.local_addr().unwrap();
    let mut sender = from.connect(host, target);
    let (mut receiver, _) = listener.accept().unwrap();
    receiver.set_read_timeout(Some(wait::LONG)).unwrap();
    sender.set_write_timeout(Some(wait::LONG)).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || sender.write_all(data).unwrap());
        let mut arrived = Vec::with_capacity(data.len());
        receiver.read_to_end(&mut arrived).unwrap();
        arrived
    })
}

/// Sends a datagram each way and checks that it arrives as it was sent.
#[track_caller]
pub fn exchange_datagrams(host: &Host, a: &End, b: &End, b_address: IpAddr, length: usize) {
    let any: IpAddr = match b_address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let (client, server) = (a.udp(host, any), b.udp(host, b_address));
    client.connect(server.local_addr().unwrap()).unwrap();
    let data = random(length, 7);
    let mut buffer = vec![0; 65_536];
    // UDP may lose the first while a neighbour is looked up.
    let (got, back) = wait::for_some("a datagram from the client", || {
        client.send(&data).unwrap();
        server.recv_from(&mut buffer).ok()
    });
    assert!(buffer[..got] == data, "the datagram to {b_address} was changed");
    let got = wait::for_some("a datagram from the server", || {
        server.send_to(&data, back).unwrap();
        client.recv(&mut buffer).ok()
    });
    assert!(buffer[..got] == data, "the datagram from {b_address} was changed");
}

/// Bytes without a pattern, the same for the same seed (xorshift64*).
pub fn random(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
