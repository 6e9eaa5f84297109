//! May anything be different from when this was last asked?
//!
//! A flag that workers raise behind what they have done, before each wait, and that whoever looks lowers
//! before looking. Where it is raised already a worker only reads it, so that its line of memory stays in
//! the caches of all of them; what keeps news from being lost then are the two fences. Of a worker that finds
//! the flag raised and a reader that lowers it, the worker's fence is before the reader's: so what the
//! worker did is seen.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Is there news?
#[derive(Debug)]
pub(super) struct News(AtomicBool);

impl News {
    /// There is: nobody has looked yet.
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(true))
    }

    /// Tells that something may have been done before this.
    pub(super) fn stir(&self) {
        fence(Ordering::SeqCst);
        if !self.0.load(Ordering::Relaxed) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Takes it: what was done before it was told is seen by who looks after this.
    pub(super) fn take(&self) -> bool {
        let is_news = self.0.swap(false, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        is_news
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;
    use crate::counters::Counter;
    use loom::sync::Arc;
    use loom::thread;

    #[test]
    fn whoever_reads_only_when_there_is_news_has_read_the_last_count() {
        loom::model(|| {
            let counted = Arc::new((News::new(), [Counter::default(), Counter::default()]));
            let worker = |own: usize| {
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    counted.1[own].add(1);
                    counted.0.stir();
                })
            };
            let workers = [worker(0), worker(1)];
            let read = || counted.1.iter().map(Counter::get).sum::<u64>();
            let mut seen = 0;
            if counted.0.take() {
                seen = read();
            }
            for worker in workers {
                worker.join().unwrap();
            }
            if counted.0.take() {
                seen = read();
            }
            assert_eq!(seen, 2);
        });
    }
}
