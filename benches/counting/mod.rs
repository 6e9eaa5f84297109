//! How many instructions does it take, and is that more than it was?
//!
//! Times differ from machine to machine and from minute to minute; the instructions of one thread that
//! makes no system call do not. So they can decide, where a time never may:
//!
//! ```text
//!  cargo bench --bench instructions
//!     │  for each case: valgrind --tool=callgrind, on itself with --subject CASE ──> callgrind
//!     │                    └─ builds the case BUILDS times; only `counted` counts
//!     v
//!  mean of the middle half ┐
//!  instructions.toml ──────┴──> compare ──> a table; fails outside of TOLERANCE        record, compare
//! ```
//!
//! What the count depends on besides the code:
//!
//! * The *hash seeds* of the tables are random, as they must be, and with them which entries meet in a
//!   bucket. So each case is built [`BUILDS`] times, each with other seeds, and the mean of the
//!   middle half counts: a rare collision moves it by nothing, a frequent one by little.
//!   A part of the seed is the process's, and all builds share it: now and then it makes a case dearer by
//!   some percent. So a case that differs is counted [`RECOUNTS`] times more, in processes of their own, and the
//!   middle one counts.
//! * `memcpy` of the C library chooses its code by the processor. Valgrind presents a processor of its
//!   own, and `GLIBC_TUNABLES` leaves it only what every x86-64 has.
//! * The compiler, the C library and valgrind: their versions are recorded, and where they differ nothing
//!   is decided ([`Tools`]).
//! * Where things lie in memory: the environment is emptied, so that the stack begins alike.
//!
//! Known gap: instructions are not time. What waits for memory is not seen here.

mod callgrind;
mod compare;
mod record;

pub use callgrind::{CountError, counted, measure};
pub use compare::{Comparison, Row, TOLERANCE, Verdict, middle};
pub use record::{Count, Record, RecordError, Tools};

/// How often a case is built and counted; a multiple of 4, for the middle half of them.
pub const BUILDS: usize = 16;

/// How often a case that differs is counted once more: even, so that one of all is in the middle.
pub const RECOUNTS: usize = 4;

/// What is counted.
pub struct Case {
    /// Its name: what is done, and with what.
    pub name: &'static str,
    /// Builds it; what comes back is called twice, and counted the second time.
    pub build: fn() -> Work,
}

/// Work that can be counted.
pub struct Work {
    /// What is done.
    pub run: Box<dyn FnMut()>,
    /// How many frames, or operations, that is.
    pub frames: usize,
}

impl Work {
    /// Does this, which is for so many frames.
    pub fn of(frames: usize, run: impl FnMut() + 'static) -> Self {
        Self { run: Box::new(run), frames }
    }
}

/// Builds a case [`BUILDS`] times and runs it, to be counted from outside. Prints for how many frames.
pub fn be_counted(case: &Case) {
    for _ in 0..BUILDS {
        let Work { mut run, frames } = (case.build)();
        run();
        counted(&mut *run);
        println!("{frames}");
    }
}
