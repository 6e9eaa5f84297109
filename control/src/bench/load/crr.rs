//! TCP connect, request, response and close: how many connections a second?
//!
//! ```text
//!   client                server
//!     | ---- SYN ----------->|
//!     | <--- SYN, ACK -------|
//!     | ---- one byte ------>|
//!     | <--- one byte -------|
//!     | <--- FIN ------------|   it closes first, as a web server without keep-alive does
//!     | ---- RST ----------->|   SO_LINGER 0
//! ```
//!
//! One connection at a time, over all addresses of the server in turn, until the span is over. A client
//! that closes in the usual way would keep each of its ports for a minute, and whoever tracks the
//! connection for two: after a few seconds it is ports and table space that one measures. So the client
//! ends what the server has closed by a RST. No socket is left, and what is tracked is forgotten 10 s
//! later (`tcp-close`). Many addresses let a NAT use an external port many times within these.
//!
//! Limit: a NAT with P ports remembers at most P connections to each address at a time, so at most
//! `P * addresses / 10` connections a second can go on for ever.

use super::latency::Times;
use super::{Job, LoadError, Meter, Parent, Ready, Role, Tally, sockets, spread};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A connection or a response that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(5);
/// A request after which others come.
const MORE: u8 = b'+';
/// The last request.
const LAST: u8 = b'.';
/// Close at once, with a RST.
const NO_LINGER: libc::linger = libc::linger { l_onoff: 1, l_linger: 0 };

/// Runs this end.
pub(super) fn run(job: &Job, parent: &mut Parent<'_>) -> Result<Tally, LoadError> {
    match job.role {
        Role::Server => serve(job, parent),
        Role::Client => request(job, parent),
    }
}

fn serve(job: &Job, parent: &mut Parent<'_>) -> Result<Tally, LoadError> {
    let (listener, port, congestion) = sockets::listen(job)?;
    parent.say(&Ready { port, congestion: Some(congestion) })?;
    // Not started: the first connection comes before the start, and the client's last one ends it.
    while answer(&listener)? != LAST {}
    Ok(Tally::default())
}

/// Serves one connection; gives what was asked.
fn answer(listener: &TcpListener) -> Result<u8, LoadError> {
    let mut stream = sockets::accept(listener)?;
    let mut byte = [0];
    stream.read_exact(&mut byte).map_err(LoadError::traffic("read a request"))?;
    stream.write_all(&byte).map_err(LoadError::traffic("send a response"))?;
    Ok(byte[0])
}

fn request(job: &Job, parent: &mut Parent<'_>) -> Result<Tally, LoadError> {
    let mut client = Client { job, made: 0 };
    // Proves the way, and tells the congestion control in force.
    let congestion = client.connection(MORE)?;
    let mut times = Times::room(job.span);
    parent.ready(&Ready { port: job.server.port(), congestion: Some(congestion) })?;
    let mut meter = Meter::start(job);
    let mut count = 0;
    while !meter.is_over() {
        // Taken anew: watching may have cost something just now.
        let began = Instant::now();
        client.connection(MORE)?;
        let now = Instant::now();
        count += 1;
        if meter.is_open() {
            times.note(now - began);
        }
        meter.watch(now, count)?;
    }
    client.connection(LAST)?;
    Ok(Tally { latency: times.latency(), ..meter.tally(count)? })
}

/// Who makes the connections.
struct Client<'a> {
    job: &'a Job,
    made: u32,
}

impl Client<'_> {
    /// Makes one connection with this request and sees it to its end; gives its congestion control.
    fn connection(&mut self, request: u8) -> Result<String, LoadError> {
        let server = spread(self.job.server, self.job.addresses, self.made);
        self.made = self.made.wrapping_add(1);
        let (mut stream, congestion) = sockets::reach_at(server, &self.job.congestion, set_up)?;
        stream.write_all(&[request]).map_err(LoadError::traffic("send a request"))?;
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(LoadError::traffic("read a response"))?;
        match stream.read(&mut byte) {
            Ok(0) => Ok(congestion),
            Ok(_) => Err(LoadError::traffic("read a response")(ErrorKind::InvalidData)),
            Err(error) => Err(LoadError::traffic("wait for the server to close")(error)),
        }
    }
}

/// Bounds how long the socket may wait for anything, and has it close with a RST.
fn set_up(stream: &TcpStream) -> Result<(), LoadError> {
    let set_up = LoadError::traffic("set up a connection");
    // Connecting is bounded by it, too (socket(7), SO_SNDTIMEO).
    stream.set_write_timeout(Some(PATIENCE)).map_err(&set_up)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(&set_up)?;
    setsockopt(stream, sockopt::Linger, &NO_LINGER)
        .map_err(LoadError::traffic("set up a connection"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Task;
    use std::net::SocketAddr;
    use std::thread;

    /// Serves until the last request; gives how many there were.
    fn serve_all(listener: &TcpListener) -> usize {
        1 + std::iter::repeat_with(|| answer(listener).unwrap())
            .take_while(|it| *it != LAST)
            .count()
    }

    /// Does the kernel keep a socket that has this port at either end, other than a listening one?
    fn is_kept(port: u16) -> bool {
        let suffix = format!(":{port:04X}");
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        table.lines().skip(1).any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let listens = words[3] == "0A";
            !listens && (words[1].ends_with(&suffix) || words[2].ends_with(&suffix))
        })
    }

    #[test]
    fn each_connection_is_answered_and_none_leaves_a_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(server) = listener.local_addr().unwrap() else { unreachable!() };
        let serving = thread::spawn(move || serve_all(&listener));
        let job = Job {
            role: Role::Client,
            task: Task::Connections,
            server,
            addresses: 1,
            warm_up: Duration::ZERO,
            span: Duration::from_secs(1),
            congestion: "cubic".into(),
        };
        let mut client = Client { job: &job, made: 0 };
        for request in [MORE, MORE, LAST] {
            client.connection(request).unwrap();
        }
        assert_eq!(serving.join().unwrap(), 3);
        // A socket in TIME_WAIT would be there for a minute; the last RST may still be on its way.
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_kept(server.port()) {
            assert!(Instant::now() < deadline, "a socket is left");
            thread::yield_now();
        }
    }

    #[test]
    fn connections_go_round_the_addresses() {
        let server = "198.18.0.2:80".parse().unwrap();
        let at = |number| spread(server, 64, number).to_string();
        assert_eq!([at(0), at(1), at(63)], ["198.18.0.2:80", "198.18.0.3:80", "198.18.0.65:80"]);
        assert_eq!(at(64), at(0));
        assert_eq!(spread(server, 1, 7), server);
    }
}
