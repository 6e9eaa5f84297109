//! TCP request and response: how long does a round trip take?
//!
//! Blocking sockets, one byte each way, one request under way at a time. The server echoes until
//! the client closes.

use super::{Job, Latency, LoadError, Meter, Parent, Ready, Role, Tally, sockets};
use crate::bench::stats::percentile;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Room is made beforehand for this many round trips a second: one in 2 µs.
const MOST_PER_SECOND: f64 = 500_000.0;
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
    let mut times = room(job.span);
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
            times.push((now - sent).as_nanos() as u64);
        }
        meter.watch(now, count)?;
        // Taken anew: watching may have cost something just now.
        sent = Instant::now();
    }
    Ok(Tally { latency: latency(times), ..meter.tally(count)? })
}

fn set_up(stream: TcpStream) -> Result<TcpStream, LoadError> {
    let set_up = LoadError::traffic("set up a connection");
    stream.set_nodelay(true).map_err(&set_up)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(&set_up)?;
    Ok(stream)
}

/// An empty list whose memory is already there: no page fault falls into a round trip.
fn room(span: Duration) -> Vec<u64> {
    let mut times = Vec::new();
    times.resize((span.as_secs_f64() * MOST_PER_SECOND) as usize, 1);
    times.clear();
    times
}

/// Exact percentiles of times in nanoseconds.
fn latency(mut times: Vec<u64>) -> Option<Latency> {
    times.sort_unstable();
    let at = |per_mille| percentile(&times, per_mille).map(|nanos| nanos as f64 / 1000.0);
    Some(Latency {
        min: at(0)?,
        p50: at(500)?,
        p90: at(900)?,
        p99: at(990)?,
        p999: at(999)?,
        max: at(1000)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_in_microseconds() {
        let latency = latency((1..=1000).rev().map(|it| it * 1000).collect()).unwrap();
        assert_eq!((latency.min, latency.p50, latency.max), (1.0, 500.0, 1000.0));
        assert_eq!((latency.p90, latency.p99, latency.p999), (900.0, 990.0, 999.0));
    }

    #[test]
    fn no_round_trip_has_no_latency() {
        assert_eq!(latency(room(Duration::from_millis(200))), None);
    }
}
