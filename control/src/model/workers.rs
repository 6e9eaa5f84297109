//! How many threads forward, if nobody says?

use dataplane::config::Workers;
use nix::unistd::{SysconfVar, sysconf};

/// What a network has on a machine of several processors. Two share the bytes of its flows without passing
/// them to and fro; more were never measured to gain anything.
const SEVERAL: usize = 2;

/// The workers of a network for which no number is given: two, or one where there is one processor.
///
/// It is the machine that counts and not what this process may use of it: whoever asks, the command or
/// the daemon, wherever it is kept, means the same.
pub fn usual_workers() -> Workers {
    let processors = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten();
    of_processors(processors.and_then(|count| count.try_into().ok()).unwrap_or(1))
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

    #[test]
    fn it_does_not_matter_where_the_process_is_kept() {
        use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
        use nix::unistd::Pid;
        let here = Pid::from_raw(0);
        let alone = move || {
            let all = sched_getaffinity(here).unwrap();
            let first = (0..CpuSet::count()).find(|&it| all.is_set(it).unwrap()).unwrap();
            let mut one = CpuSet::new();
            one.set(first).unwrap();
            sched_setaffinity(here, &one).unwrap();
            usual_workers()
        };
        let there = std::thread::spawn(alone).join().unwrap();
        assert_eq!(there, usual_workers());
    }
}
