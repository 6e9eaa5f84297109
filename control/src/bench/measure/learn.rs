//! How fast does a switch learn addresses, and how many does it keep?
//!
//! ```text
//!   first end, the learner ──┐
//!   second end, the asker ───┤ the switch      RFC 2889, sections 5.7 and 5.8
//!   third end, the monitor ──┘
//! ```
//!
//! The learner sends one frame from each of many MACs to the asker, and the asker one to each of them. What
//! the switch has learned reaches the learner alone; the rest is flooded, and the monitor sees it. So what
//! the switch keeps is what was asked less what the monitor's interface counted. The rate is searched by
//! halving, with MACs that the switch has not seen; the number is that kept of more than most can keep.

use super::pair::{PATIENCE, job};
use super::sample::Trial;
use super::search::{Open, STEPS};
use super::{MeasureError, Timing};
use crate::bench::load::{ASKER, Ready, Role, Tally, Task};
use crate::bench::system::path::End;
use crate::bench::worker::Worker;
use crate::netns;
use std::fs;
use std::net::SocketAddrV4;
use std::thread;
use std::time::{Duration, Instant};

/// Addresses of one trial of the rate; fewer than any switch here keeps by default.
const TAUGHT: u32 = 6000;
/// Addresses that are taught to see how many are kept.
const MANY: u32 = 20_000;
/// At which rate they are taught and asked: no ring is filled by it.
const SLOWLY: f64 = 20_000.0;
/// How many frames of others, like the kernel's own, are no floods: one in a thousand and a few.
const OTHERS: u64 = 8;
/// About how many usual measurements teaching many takes.
pub(super) const MANY_STEPS: usize = 4;
/// When nothing comes for so long, nothing is on its way any more.
const SETTLED: Duration = Duration::from_millis(50);
/// How often one looks.
const LOOK: Duration = Duration::from_micros(200);
/// How long one waits for that.
const LONG: Duration = Duration::from_secs(3);

/// The three ends.
pub(super) struct Ends<'a> {
    pub(super) learner: &'a End,
    pub(super) asker: &'a End,
    pub(super) monitor: &'a End,
}

/// What the search came to: addresses by the second, and the trials.
pub(super) fn rate(ends: &Ends<'_>, timing: Timing) -> Result<(f64, Vec<Trial>), MeasureError> {
    let mut trials = Vec::new();
    let mut next = 0;
    let mut attempt = |rate: Option<f64>| -> Result<(f64, bool), MeasureError> {
        let (taught, kept) = teach(ends, next, TAUGHT, rate, timing)?;
        next += TAUGHT;
        trials.push(Trial { rate, sent: TAUGHT.into(), received: kept });
        let fast = f64::from(TAUGHT) / taught.seconds.max(1e-6);
        Ok((fast, kept + allowance(TAUGHT) >= TAUGHT.into()))
    };
    greet(ends, timing)?;
    let (fastest, passed) = attempt(None)?;
    let (mut open, mut best) = (Open::below(fastest), if passed { fastest } else { 0.0 });
    let steps = if passed { 0 } else { STEPS };
    for _ in 0..steps {
        let (fast, passed) = attempt(Some(open.middle()))?;
        open.narrow(passed);
        if passed {
            best = fast;
        }
    }
    Ok((best, trials))
}

/// How many of many addresses the switch keeps.
pub(super) fn capacity(ends: &Ends<'_>, timing: Timing) -> Result<u64, MeasureError> {
    greet(ends, timing)?;
    // Far from those of the rate.
    Ok(teach(ends, 1 << 24, MANY, Some(SLOWLY), timing)?.1)
}

/// Has the switch learn who asks, for what is taught is sent there.
fn greet(ends: &Ends<'_>, timing: Timing) -> Result<(), MeasureError> {
    send(ends.asker, false, ASKER - 1, 1, None, timing, ends.learner).map(drop)
}

fn allowance(count: u32) -> u64 {
    OTHERS + u64::from(count) / 1000
}

/// Teaches these MACs and asks for them; gives how they were sent, and how many were kept.
fn teach(
    ends: &Ends<'_>,
    first: u32,
    count: u32,
    rate: Option<f64>,
    timing: Timing,
) -> Result<(Tally, u64), MeasureError> {
    let taught = send(ends.learner, true, first, count, rate, timing, ends.asker)?;
    let before = received(ends.monitor)?;
    send(ends.asker, false, first, count, Some(SLOWLY), timing, ends.monitor)?;
    let flooded = received(ends.monitor)?.saturating_sub(before);
    Ok((taught, u64::from(count).saturating_sub(flooded)))
}

/// Has one end send, and waits until no more comes to the other. The seconds are those until the last came:
/// a switch that stores what it is sent has not learned it yet.
fn send(
    end: &End,
    teach: bool,
    first: u32,
    count: u32,
    rate: Option<f64>,
    timing: Timing,
    until: &End,
) -> Result<Tally, MeasureError> {
    let task = Task::Frames { teach, first, count, rate };
    let at = SocketAddrV4::new(end.address, 0);
    let mut worker = Worker::start(&end.netns, &job(Role::Client, task, at, 1, timing))?;
    worker.hear::<Ready>(PATIENCE)?;
    let began = Instant::now();
    worker.go()?;
    let coming = settle(until, began)?;
    let sent: Tally = worker.hear(PATIENCE)?;
    // What is sent slowly may pause longer than one waits for the rest.
    let last = settle(until, began)?;
    let seconds = if last.frames > coming.frames { last.seconds } else { coming.seconds };
    Ok(Tally { seconds: seconds.max(sent.seconds), ..sent })
}

/// What has come to an end, and when the last of it did.
struct Come {
    frames: u64,
    seconds: f64,
}

/// Waits until no more frames come.
fn settle(end: &End, began: Instant) -> Result<Come, MeasureError> {
    let deadline = Instant::now() + LONG;
    let (mut frames, mut since) = (received(end)?, Instant::now());
    loop {
        thread::sleep(LOOK);
        let now = received(end)?;
        if now != frames {
            (frames, since) = (now, Instant::now());
        } else if since.elapsed() > SETTLED || Instant::now() > deadline {
            return Ok(Come { frames, seconds: (since - began).as_secs_f64() });
        }
    }
}

/// How many frames the end's interfaces have received, from the file that `ifconfig` reads.
fn received(end: &End) -> Result<u64, MeasureError> {
    let read = || fs::read_to_string("/proc/thread-self/net/dev");
    let text = netns::run_in(&end.netns, read).map_err(MeasureError::Namespace)?;
    Ok(text.map(|text| count(&text)).unwrap_or_default())
}

/// The received packets of all Ethernet interfaces that lead to the switch: all are called `eth…`.
fn count(text: &str) -> u64 {
    let each = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let packets = numbers.split_whitespace().nth(1)?.parse::<u64>().ok()?;
        name.trim().starts_with("eth").then_some(packets)
    };
    text.lines().filter_map(each).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_packets_are_the_second_column_of_ethernet_interfaces() {
        let text = "Inter-|   Receive\n face |bytes    packets errs\n    lo:  10 1 0 0 0 0 0 0 10 1\n  \
                    eth0: 900 7 0 0 0 0 0 0 80 2\nrawbr: 5 5 0\n";
        assert_eq!(count(text), 7);
    }
}
