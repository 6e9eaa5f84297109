//! TCP request and response: how long does a round trip take?
//!
//! Blocking sockets, one byte each way, one request under way at a time. The server echoes until
//! the client closes.

use super::latency::Times;
use super::{Job, LoadError, Meter, Parent, Ready, Role, Tally, sockets};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A response that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let mut stream = set_up(sockets::accept(&listener)?)?;
    parent.start()?;
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return Ok(Tally::default()),
            Ok(_) => stream.write_all(&byte).map_err(LoadError::traffic("send a response"))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(LoadError::traffic("read a request")(error)),
        }
    }
}

fn request(job: &Job, parent: &mut Parent<'_>) -> Result<Tally, LoadError> {
    let (stream, congestion) = sockets::reach(job)?;
    let mut stream = set_up(stream)?;
    let mut times = Times::room(job.span);
    parent.ready(&Ready { port: job.server.port(), congestion: Some(congestion) })?;
    let mut meter = Meter::start(job);
    let mut byte = [0];
    let mut count = 0;
    let mut sent = Instant::now();
    while !meter.is_over() {
        stream.write_all(&byte).map_err(LoadError::traffic("send a request"))?;
        stream.read_exact(&mut byte).map_err(LoadError::traffic("read a response"))?;
        let now = Instant::now();
        count += 1;
        if meter.is_open() {
            times.note(now - sent);
        }
        meter.watch(now, count)?;
        // Taken anew: watching may have cost something just now.
        sent = Instant::now();
    }
    Ok(Tally { latency: times.latency(), ..meter.tally(count)? })
}

fn set_up(stream: TcpStream) -> Result<TcpStream, LoadError> {
    let set_up = LoadError::traffic("set up a connection");
    stream.set_nodelay(true).map_err(&set_up)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(&set_up)?;
    Ok(stream)
}
