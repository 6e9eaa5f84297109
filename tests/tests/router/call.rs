//! A conversation, and the addresses that both sides see.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::traffic::{End, random};
use udp_bridge_tests::host::{Host, wait};

/// How the two speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub(super) const BOTH: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// Who calls which address, and who answers at which.
pub(super) struct Call<'e> {
    pub(super) client: &'e End,
    pub(super) to: SocketAddr,
    pub(super) server: &'e End,
    pub(super) at: SocketAddr,
}

/// What a call showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// What the client believes to be.
    pub(super) own: SocketAddr,
    /// Whom the server saw.
    pub(super) source: SocketAddr,
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |end: &End| end.namespace.clone().unwrap_or_else(|| "the host".to_owned());
        let (client, server) = (name(self.client), name(self.server));
        write!(f, "{client} calls {} where {server} answers at {}", self.to, self.at)
    }
}

/// What both say over TCP: more than one window.
const CONVERSATION: usize = 300_000;

/// A datagram that needs no fragments.
const DATAGRAM: usize = 1200;

impl Call<'_> {
    /// To a server at the address that is called.
    pub(super) fn direct<'e>(client: &'e End, server: &'e End, at: SocketAddr) -> Call<'e> {
        Call { client, to: at, server, at }
    }

    /// Both speak, and hear what the other one said as it was said.
    #[track_caller]
    pub(super) fn make(&self, host: &Host, protocol: Protocol) -> Seen {
        match protocol {
            Protocol::Tcp => self.converse(host),
            Protocol::Udp => self.send(host, DATAGRAM),
        }
    }

    fn converse(&self, host: &Host) -> Seen {
        let (client, server, seen) = self.connect(host);
        let (question, answer) = (random(CONVERSATION, 1), random(CONVERSATION, 2));
        let said = |mut stream: &TcpStream, data: &[u8]| {
            stream.write_all(data).unwrap_or_else(|error| panic!("{self}: {error}"));
            stream.shutdown(Shutdown::Write).unwrap();
        };
        for (from, mut to, data) in [(&client, &server, &question), (&server, &client, &answer)] {
            // The second is heard when the first is over: a half-closed connection still works.
            thread::scope(|scope| {
                scope.spawn(|| said(from, data));
                let mut heard = Vec::new();
                to.read_to_end(&mut heard).unwrap_or_else(|error| panic!("{self}: {error}"));
                assert!(heard == *data, "{self}: {} bytes came, changed or few", heard.len());
            });
        }
        seen
    }

    /// A TCP connection: the client's end, the server's, and what was seen.
    pub(super) fn connect(&self, host: &Host) -> (TcpStream, TcpStream, Seen) {
        let listener = self.server.visit(host, || TcpListener::bind(self.at));
        let listener = listener.unwrap_or_else(|error| panic!("{self}: {error}"));
        let client = connect(host, self.client, self.to);
        let client = client.unwrap_or_else(|error| panic!("{self}: {error}"));
        listener.set_nonblocking(true).unwrap();
        let (server, source) =
            wait::for_some(&format!("{self}: accepted"), || listener.accept().ok());
        server.set_nonblocking(false).unwrap();
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(wait::LONG)).unwrap();
            stream.set_write_timeout(Some(wait::LONG)).unwrap();
        }
        let own = client.local_addr().unwrap();
        (client, server, Seen { own, source })
    }

    /// A datagram of this length is sent, and a short one comes back.
    pub(super) fn send(&self, host: &Host, length: usize) -> Seen {
        let server = udp(host, self.server, self.at);
        let client = connected(host, self.client, self.to);
        let (question, answer) = (random(length, 3), random(DATAGRAM, 4));
        let mut buffer = vec![0; 65_536];
        // UDP may lose the first while a neighbour is looked up.
        let (got, source) = wait::for_some(&format!("{self}: a datagram"), || {
            let _ = client.send(&question);
            server.recv_from(&mut buffer).ok()
        });
        assert!(buffer[..got] == question, "{self}: the datagram was changed");
        let got = wait::for_some(&format!("{self}: an answer to {source}"), || {
            server.send_to(&answer, source).unwrap();
            client.recv(&mut buffer).ok()
        });
        assert!(buffer[..got] == answer, "{self}: the answer was changed");
        Seen { own: client.local_addr().unwrap(), source }
    }
}

/// A TCP connection from `client`.
pub(super) fn connect(host: &Host, client: &End, to: SocketAddr) -> io::Result<TcpStream> {
    client.visit(host, || TcpStream::connect_timeout(&to, wait::LONG))
}

/// A UDP socket that waits a moment for a datagram.
pub(super) fn udp(host: &Host, end: &End, at: SocketAddr) -> UdpSocket {
    let socket = end.visit(host, || UdpSocket::bind(at)).unwrap_or_else(|e| panic!("{at}: {e}"));
    socket.set_read_timeout(Some(wait::SHORT)).unwrap();
    socket
}

/// A UDP socket that hears `to` alone.
pub(super) fn connected(host: &Host, end: &End, to: SocketAddr) -> UdpSocket {
    let family = if to.is_ipv4() { Family::V4 } else { Family::V6 };
    let socket = udp(host, end, (family.any(), 0).into());
    end.visit(host, || socket.connect(to)).unwrap();
    socket
}

/// Asserts that nobody answers there, and that the client is told.
#[track_caller]
pub(super) fn assert_refused(host: &Host, client: &End, to: SocketAddr) {
    let tcp = connect(host, client, to).map(drop).map_err(|error| error.kind());
    assert_eq!(tcp, Err(ErrorKind::ConnectionRefused), "TCP to {to} from {client:?}");
    assert_udp_refused(host, client, to);
}

/// The same for UDP alone.
#[track_caller]
pub(super) fn assert_udp_refused(host: &Host, client: &End, to: SocketAddr) {
    let socket = connected(host, client, to);
    wait::for_yes(&format!("UDP to {to} is refused"), || {
        let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
        socket.send(b"anybody?").is_err_and(refused) || socket.recv(&mut [0]).is_err_and(refused)
    });
}
