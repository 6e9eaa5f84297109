//! Has it happened yet? Ask again and again, up to a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that works, on a busy machine of two cores.
pub const LONG: Duration = Duration::from_secs(20);

/// How long to wait before the question is put differently, or a datagram sent again. No test fails
/// when it has passed.
pub const SHORT: Duration = Duration::from_millis(200);

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(2);

/// Asks until there is an answer; `None` when `deadline` passed without one.
pub fn until<T>(deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

/// Asks until there is an answer, and panics with `what` when there is none in [`LONG`].
pub fn for_some<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until(LONG, ask).unwrap_or_else(|| panic!("not within {LONG:?}: {what}"))
}

/// Asks until the answer is yes, and panics with `what` when it is not in [`LONG`].
pub fn for_yes(what: &str, mut ask: impl FnMut() -> bool) {
    for_some(what, || ask().then_some(()));
}
