//! TCP streams: how many bytes arrive?
//!
//! One thread, non-blocking sockets and one poll loop; each turn writes up to `CHUNK` bytes to
//! every flow that takes some and reads up to as many from every flow that has some.

use super::{Job, LoadError, Meter, Parent, Ready, Role, Tally, sockets};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Instant;

/// Bytes of one write and one read, as iperf3 has it.
const CHUNK: usize = 128 * 1024;
/// How long a turn may wait, in milliseconds; bounds how late the span is seen to close.
const TURN: u8 = 20;

/// First byte of a flow from the client to the server.
const TO_SERVER: u8 = b'>';
/// First byte of a flow from the server to the client.
const TO_CLIENT: u8 = b'<';

/// One flow, seen from this end.
struct Flow {
    stream: TcpStream,
    sends: bool,
}

/// Runs this end's side of all flows.
pub(super) fn run(
    job: &Job,
    to_server: u32,
    to_client: u32,
    parent: &mut Parent<'_>,
) -> Result<Tally, LoadError> {
    let flows = match job.role {
        Role::Server => serve(job, to_server + to_client, parent)?,
        Role::Client => open(job, to_server, to_client, parent)?,
    };
    let mut meter = Meter::start(job);
    let received = pump(&flows, &mut meter)?;
    meter.tally(received)
}

fn serve(job: &Job, count: u32, parent: &mut Parent<'_>) -> Result<Vec<Flow>, LoadError> {
    let (listener, port, congestion) = sockets::listen(job)?;
    parent.say(&Ready { port, congestion: Some(congestion) })?;
    let mut flows = Vec::new();
    for _ in 0..count {
        let mut stream = sockets::accept(&listener)?;
        let mut first = [0];
        stream.read_exact(&mut first).map_err(LoadError::traffic("read from a connection"))?;
        flows.push(flow(stream, first == [TO_CLIENT])?);
    }
    parent.start()?;
    Ok(flows)
}

fn open(
    job: &Job,
    to_server: u32,
    to_client: u32,
    parent: &mut Parent<'_>,
) -> Result<Vec<Flow>, LoadError> {
    let mut flows = Vec::new();
    let mut congestion = None;
    for index in 0..to_server + to_client {
        let sends = index < to_server;
        let (mut stream, in_force) = sockets::reach(job)?;
        congestion = Some(in_force);
        let first = if sends { TO_SERVER } else { TO_CLIENT };
        stream.write_all(&[first]).map_err(LoadError::traffic("write to a connection"))?;
        flows.push(flow(stream, sends)?);
    }
    parent.ready(&Ready { port: job.server.port(), congestion })?;
    Ok(flows)
}

fn flow(stream: TcpStream, sends: bool) -> Result<Flow, LoadError> {
    stream.set_nonblocking(true).map_err(LoadError::traffic("set up a connection"))?;
    Ok(Flow { stream, sends })
}

/// Moves bytes until the meter says it is enough; gives how many were received.
fn pump(flows: &[Flow], meter: &mut Meter) -> Result<u64, LoadError> {
    let mut chunk = vec![0; CHUNK];
    let interest = |flow: &Flow| if flow.sends { PollFlags::POLLOUT } else { PollFlags::POLLIN };
    let mut waiting: Vec<PollFd<'_>> =
        flows.iter().map(|flow| PollFd::new(flow.stream.as_fd(), interest(flow))).collect();
    let mut received = 0;
    while meter.watch(Instant::now(), received)? {
        match poll(&mut waiting, PollTimeout::from(TURN)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(LoadError::traffic("wait for connections")(errno)),
        }
        for (flow, slot) in flows.iter().zip(&waiting) {
            if slot.any() != Some(true) {
                continue;
            }
            match step(flow, &mut chunk)? {
                Some(bytes) => received += bytes,
                None if meter.is_over() => return Ok(received),
                None => return Err(LoadError::PeerClosed),
            }
        }
    }
    Ok(received)
}

/// One write or one read; gives the bytes received, or `None` when the other end has closed.
fn step(flow: &Flow, chunk: &mut [u8]) -> Result<Option<u64>, LoadError> {
    let mut stream = &flow.stream;
    let (done, what) = if flow.sends {
        (stream.write(chunk).map(|_| Some(0)), "write to a connection")
    } else {
        let read = stream.read(chunk).map(|bytes| (bytes > 0).then_some(bytes as u64));
        (read, "read from a connection")
    };
    match done {
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Some(0)),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(None),
            _ => Err(LoadError::traffic(what)(error)),
        },
        Ok(done) => Ok(done),
    }
}
