//! On which processor does a worker run?
//!
//! Each of several stays on one: what it delivers wakes the receiver there, and what that answers comes
//! back there, so the bytes of a flow stay in one processor's cache. The engines of a process, and
//! processes, begin at different ones.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The processors that this thread may use, by their numbers.
pub(super) struct Processors(Vec<usize>);

impl Processors {
    /// Those for so many workers of one engine, in turn; none, if there is no choice.
    pub(super) fn of(workers: usize) -> Self {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let mut all: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&it| allowed.is_set(it)).collect();
        if all.len() < 2 {
            return Self(Vec::new());
        }
        let first = std::process::id() as usize + BEGUN.fetch_add(workers, Relaxed);
        let turn = first % all.len();
        all.rotate_left(turn);
        Self(all)
    }

    /// Keeps the calling thread, a worker of this number, on its processor. Where that is refused it runs
    /// where it likes.
    pub(super) fn keep(&self, worker: usize) {
        if !self.0.is_empty() {
            let mut only = CpuSet::new();
            only.set(self.0[worker % self.0.len()]);
            let _ = sched_setaffinity(None, &only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn allowed() -> Vec<usize> {
        let set = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU).filter(|&it| set.is_set(it)).collect()
    }

    #[test]
    fn each_worker_stays_on_one_processor_of_those_it_may_use_if_there_is_a_choice() {
        let before = allowed();
        let kept = |processors: &Processors, worker| {
            let keep = || {
                processors.keep(worker);
                allowed()
            };
            thread::scope(|scope| scope.spawn(keep).join().unwrap())
        };
        for workers in [2, 3] {
            let processors = Processors::of(workers);
            let all: Vec<_> = (0..workers).map(|worker| kept(&processors, worker)).collect();
            if before.len() < 2 {
                assert!(all.iter().all(|it| *it == before));
                continue;
            }
            assert!(all.iter().all(|it| it.len() == 1 && before.contains(&it[0])), "{all:?}");
            assert_ne!(all[0], all[1]);
        }
        assert_eq!(allowed(), before, "nobody else is kept anywhere");
    }

    #[test]
    fn engines_begin_at_different_ones() {
        let first = |workers| Processors::of(workers).0.first().copied();
        // Other tests make engines too; so the turns may be others', but never stand still.
        let begun: Vec<_> = (0..64).map(|_| first(1)).collect();
        let moved = begun.iter().any(|it| *it != begun[0]);
        assert_eq!(moved, allowed().len() > 1, "{begun:?}");
    }
}
