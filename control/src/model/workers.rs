//! How many threads forward, if nobody says?

use dataplane::config::Workers;
use nix::unistd::{SysconfVar, sysconf};
use std::sync::LazyLock;

/// What a network has on a machine of several processors. Two share the bytes of its flows without passing
/// them to and fro; what more would gain was not measured.
const SEVERAL: usize = 2;

/// The workers of a network for which no number is given: two, or one where there is one processor.
///
/// It is the machine that counts and not what this process may use of it: whoever asks, the command or
/// the daemon, wherever it is kept, means the same. A process asks once, so that a network is not made anew
/// because a processor came or went.
pub fn usual_workers() -> Workers {
    static USUAL: LazyLock<Workers> = LazyLock::new(|| {
        let processors = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten();
        of_processors(processors.and_then(|count| count.try_into().ok()).unwrap_or(1))
    });
    *USUAL
}

fn of_processors(processors: usize) -> Workers {
    Workers::new(processors.min(SEVERAL)).unwrap_or(Workers::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_processor_has_one_worker_and_more_have_two() {
        for (processors, workers) in [(0, 1), (1, 1), (2, 2), (3, 2), (512, 2)] {
            assert_eq!(of_processors(processors).get(), workers, "{processors}");
        }
    }
}
