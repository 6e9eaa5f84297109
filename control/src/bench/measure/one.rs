//! How is one workload measured on one path?

use super::flows;
use super::learn::{self, Ends};
use super::pair::{self, PATIENCE, Pair, Seen};
use super::sample::Sample;
use super::search;
use super::{MeasureError, Timing};
use crate::bench::load::{Ready, Role, Tally, Task};
use crate::bench::system::path::{End, Path};
use crate::bench::system::tracker::Tracker;
use crate::bench::worker::{Worker, WorkerError};
use crate::bench::workload::{Direction, Load, Workload};
use std::net::SocketAddrV4;

/// One measurement to be made.
pub(super) struct One<'a> {
    pub(super) round: u32,
    pub(super) workload: Workload,
    pub(super) path: &'a Path,
    pub(super) timing: Timing,
}

impl One<'_> {
    /// Makes it; at this MTU.
    pub(super) fn measure(&self, mtu: u16) -> Result<Sample, MeasureError> {
        let Self { workload, path, .. } = self;
        let task = workload.load.task(mtu);
        match (workload.load, task, &path.tracker, &path.ends[..]) {
            (Load::Flows | Load::FlowsCapacity, _, Some(tracker), _) => self.tracked(tracker),
            (_, Task::Frames { .. }, _, [learner, asker, .., monitor]) => {
                self.learned(&Ends { learner, asker, monitor })
            }
            (Load::UdpLossless { .. }, Task::Datagrams { payload, .. }, ..) => {
                let found = search::search(path, payload, self.timing)?;
                let sample = self.sample(&found.passed.unwrap_or_else(nothing));
                Ok(Sample { trials: found.trials, ..sample })
            }
            (_, Task::Mesh { broadcast, .. }, ..) => {
                let ends = &path.ends[..workload.load.ends().into()];
                Ok(self.sample(&all_at_once(ends, broadcast, self.timing)?))
            }
            _ => self.paired(task),
        }
    }

    fn tracked(&self, tracker: &Tracker) -> Result<Sample, MeasureError> {
        if self.workload.load == Load::FlowsCapacity {
            return Ok(self.sample(&flows::capacity(self.path, tracker, self.timing)?));
        }
        let rates = flows::rates(self.path, tracker, self.timing)?;
        let sample = self.sample(&rates.passed.unwrap_or_else(nothing));
        Ok(Sample { trials: rates.trials, torn_down: rates.torn_down, ..sample })
    }

    fn learned(&self, ends: &Ends<'_>) -> Result<Sample, MeasureError> {
        let sample = self.sample(&nothing());
        if self.workload.load == Load::FdbCapacity {
            return Ok(Sample { count: learn::capacity(ends, self.timing)?, ..sample });
        }
        let (rate, trials) = learn::rate(ends, self.timing)?;
        // As if it had been so for a second.
        Ok(Sample { count: rate as u64, seconds: 1.0, trials, ..sample })
    }

    /// A client and a server, and others beside them if the load has them.
    fn paired(&self, task: Task) -> Result<Sample, MeasureError> {
        let connect = |task| Pair::connect(self.path, task, self.timing);
        let mut beside = self.workload.load.beside().map(connect).transpose()?;
        let mut pair = connect(task)?;
        let congestion = std::mem::take(&mut pair.congestion);
        beside.iter_mut().try_for_each(Pair::go)?;
        pair.go()?;
        let seen = pair.finish()?;
        let streams = beside.map(Pair::finish).transpose()?;
        let rate = |tally: &Tally| tally.count as f64 / tally.seconds;
        let beside = streams.map(|it| rate(&it.client) + rate(&it.server));
        Ok(Sample { beside, congestion, ..self.sample(&seen) })
    }

    /// What the two ends saw, together.
    fn sample(&self, seen: &Seen) -> Sample {
        let Self { round, workload, path, .. } = *self;
        let Seen { client, server } = seen;
        let udp = workload.load.is_udp();
        let receiver = match workload.load {
            Load::Tcp { direction: Direction::In, .. }
            | Load::TcpRoundTrip
            | Load::TcpLoadedRoundTrip
            | Load::TcpConnect => client,
            _ => server,
        };
        let count = match workload.load {
            Load::Tcp { direction: Direction::Both, .. } => client.count + server.count,
            _ => receiver.count,
        };
        Sample {
            round,
            workload,
            system: path.system,
            count,
            seconds: receiver.seconds,
            cpu_seconds: receiver.cpu_seconds,
            sent: udp.then_some(client.total),
            received: udp.then_some(server.total),
            latency: client.latency,
            beside: None,
            trials: Vec::new(),
            torn_down: None,
            congestion: Vec::new(),
        }
    }
}

/// What is seen where nothing came.
fn nothing() -> Seen {
    Seen { client: Tally::default(), server: Tally::default() }
}

/// All of these ends at once; what they received is added up as the server's.
fn all_at_once(ends: &[End], broadcast: bool, timing: Timing) -> Result<Seen, WorkerError> {
    let count = ends.len() as u16;
    let mut workers = Vec::new();
    for (own, end) in (0..).zip(ends) {
        let task = Task::Mesh { ends: count, own, broadcast };
        let at = SocketAddrV4::new(end.address, 0);
        let mut worker = Worker::start(&end.netns, &pair::job(Role::Server, task, at, 1, timing))?;
        worker.hear::<Ready>(PATIENCE)?;
        workers.push(worker);
    }
    workers.iter_mut().try_for_each(Worker::go)?;
    let mut all = Tally::default();
    for worker in &mut workers {
        let one: Tally = worker.hear(timing.warm_up + timing.span + PATIENCE)?;
        all.count += one.count;
        all.total += one.total;
        // The spans are about the same, and the processor time is the whole machine's in each.
        all.seconds = all.seconds.max(one.seconds);
        all.cpu_seconds = all.cpu_seconds.max(one.cpu_seconds);
    }
    Ok(Seen { client: Tally::default(), server: all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::system::System;
    use crate::bench::workload::Way;
    use std::net::Ipv4Addr;
    use std::path::PathBuf;
    use std::time::Duration;

    #[test]
    fn what_the_receiver_saw_counts() {
        let tally = |count, total| Tally { count, total, seconds: 2.0, ..Tally::default() };
        let all = Seen { client: tally(10, 100), server: tally(7, 70) };
        let end = End { netns: PathBuf::new(), address: Ipv4Addr::LOCALHOST };
        let path = Path::across(System::OURS, Way::Bridged, &[end]).unwrap();
        let timing = Timing { warm_up: Duration::ZERO, span: Duration::ZERO };
        let seen = |name| {
            let workload = Workload::parse(name).unwrap();
            One { round: 1, workload, path: &path, timing }.sample(&all)
        };
        assert_eq!(seen("tcp-1").count, 7);
        assert_eq!(seen("tcp-1-reverse").count, 10);
        assert_eq!(seen("tcp-1-both").count, 17);
        assert_eq!(seen("tcp-crr").count, 10);
        let udp = seen("udp-18");
        assert_eq!((udp.count, udp.sent, udp.received), (7, Some(100), Some(70)));
        assert_eq!(seen("tcp-rr").sent, None);
    }
}
