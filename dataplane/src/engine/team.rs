//! How do several workers begin and end together?
//!
//! The first one is the thread that runs the engine; the others are threads of its making, which end
//! before it does. Whichever ends, asked to or not, makes the others end.

use super::handle::Shared;
use super::processors::Processors;
use super::share::{Share, Tables};
use super::worker::Worker;
use crate::port::Port;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Several workers and the tables they share.
pub(super) struct Team {
    /// Two at least, by their numbers.
    pub(super) workers: Vec<Worker<Share>>,
    pub(super) tables: Arc<Mutex<Tables>>,
    pub(super) shared: Arc<Shared>,
}

/// Makes all workers end when one does.
struct EndsAll(Arc<Shared>);

impl Drop for EndsAll {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Runs one of several workers.
fn run(
    worker: Worker<Share>,
    number: usize,
    processors: &Processors,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let _when_it_ends = EndsAll(shared);
    processors.keep(number);
    worker.run().map(drop)
}

impl Team {
    /// Forwards until all workers have ended, then hands the ports back.
    ///
    /// # Errors
    /// The first that a worker, or the making of its thread, ended with.
    pub(super) fn run(self) -> io::Result<Vec<Box<dyn Port>>> {
        let Self { workers, tables, shared } = self;
        let (mut threads, mut result) = (Vec::new(), Ok(()));
        let mut workers = workers.into_iter();
        let first = workers.next();
        let processors = Arc::new(Processors::of(1 + workers.len()));
        for (number, worker) in (1..).zip(workers) {
            let (its, where_to) = (Arc::clone(&shared), Arc::clone(&processors));
            let name = format!("dataplane-{number}");
            let run = move || run(worker, number, &where_to, its);
            match thread::Builder::new().name(name).spawn(run) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    shared.stop();
                    result = result.and(Err(error));
                }
            }
        }
        result = result.and(first.map_or(Ok(()), |first| run(first, 0, &processors, shared)));
        for thread in threads {
            match thread.join() {
                Ok(ended) => result = result.and(ended),
                // As if this thread had: it is the engine's that is seen.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        result?;
        let tables = Arc::into_inner(tables).map(Mutex::into_inner);
        let tables = tables.map(|tables| tables.unwrap_or_else(PoisonError::into_inner));
        // Nobody else has them: all workers have ended.
        Ok(tables.map_or_else(Vec::new, |tables| tables.forwarder.into_ports()))
    }
}
