//! What has happened in the networks, once a second?
//!
//! Each network is asked for what it has counted and whether ports have died, which costs nothing where
//! nothing has happened. That a namespace was given up is said by nobody, so one has to look at its file.
//! With many of them one looks at some at a time, so that a tick looks at no more than some hundred, or at those
//! of one network.

use super::living::Totals;
use super::networks::Networks;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// How often dead ports are looked for, and the watcher is called.
pub const TICK: Duration = Duration::from_secs(1);

/// When so many namespaces have been looked at in a tick, the next networks have to wait for the next one. Those
/// of a network are looked at together.
const NAMESPACES_PER_TICK: usize = 256;

/// Is told once a tick what went through the switches so far, and how long ago it was told before.
pub type Watcher<'a> = &'a mut dyn FnMut(Totals, Duration);

/// Looks at the networks for ever.
pub(super) async fn tick(networks: &Networks, mut watcher: Option<Watcher<'_>>) -> Infallible {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut turn) = (Instant::now(), 0);
    loop {
        ticks.tick().await;
        let living = networks.living();
        let sizes = living.iter().map(|one| one.ports.load(Ordering::Relaxed));
        let (these, next) = whose_turn(&sizes.collect::<Vec<_>>(), turn);
        turn = next;
        // First, so that what has died since is not looked for.
        let totals = living.iter().map(|one| one.look()).fold(Totals::default(), Totals::plus);
        these.into_iter().for_each(|index| living[index].remove_abandoned());
        let now = Instant::now();
        if let Some(watcher) = &mut watcher {
            watcher(totals, now - before);
        }
        before = now;
    }
}

/// Whose namespaces are looked at, of networks with so many of them each, and who is first at the next tick (as the
/// remainder of how many there are then).
fn whose_turn(sizes: &[usize], first: usize) -> (Vec<usize>, usize) {
    // There may be fewer than there were.
    let first = first.checked_rem(sizes.len()).unwrap_or(0);
    let mut looked = 0;
    let turns = (first..sizes.len()).chain(0..first);
    let these: Vec<_> = turns
        .take_while(|&index| {
            let begun = looked < NAMESPACES_PER_TICK;
            looked += sizes[index];
            begun
        })
        .collect();
    let next = first + these.len();
    (these, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_looks_at_so_many_namespaces_and_all_have_their_turn() {
        let sizes = [20; 50];
        let (mut seen, mut turn) = (Vec::new(), 0);
        for _ in 0..4 {
            let (these, next) = whose_turn(&sizes, turn);
            assert_eq!(these.len(), NAMESPACES_PER_TICK.div_ceil(20));
            seen.extend(these);
            turn = next;
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, Vec::from_iter(0..50));
    }

    #[test]
    fn few_are_all_looked_at_and_a_large_network_is_not_divided() {
        assert_eq!(whose_turn(&[3, 0, 250], 2).0, [2, 0, 1]);
        assert_eq!(whose_turn(&[1000, 1], 0), (vec![0], 1));
        assert_eq!(whose_turn(&[1000, 1], 1), (vec![1, 0], 3));
        assert_eq!(whose_turn(&[], 7), (vec![], 0));
        assert_eq!(whose_turn(&[5, 5], 99).0, [1, 0], "networks have gone since");
    }
}
