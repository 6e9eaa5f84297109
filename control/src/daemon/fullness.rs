//! Is a table of the router full?
//!
//! What dies because of it is counted; whoever reads the log is told as well, once a look (once a
//! second) at most, with the option that would help.

use dataplane::engine::PortStatus;
use dataplane::outcome::DropReason;

/// The reasons that mean a full table, with the option that makes room.
const FULL: [(DropReason, &str); 3] = [
    (DropReason::CtFull, "--conntrack-max"),
    (DropReason::CtPortFull, "--conntrack-port-max"),
    (DropReason::NatPortsFull, "--nat-ports or --snat"),
];

/// How many frames had died of each at the last look.
#[derive(Debug, Default)]
pub(super) struct Fullness {
    before: [u64; FULL.len()],
}

impl Fullness {
    /// What is to be said now: a line for each table that has refused somebody since the last look.
    pub(super) fn look(&mut self, ports: &[PortStatus]) -> Vec<String> {
        let counted = FULL.iter().zip(&mut self.before);
        counted.filter_map(|(&(reason, option), before)| {
            let now: u64 = ports.iter().map(|port| port.counters.dropped(reason)).sum();
            // It goes back when a port gets the place, and the counters, of one that was taken out.
            let since = now.saturating_sub(std::mem::replace(before, now));
            let worst = ports.iter().max_by_key(|port| port.counters.dropped(reason))?;
            (since > 0).then(|| {
                let (explained, worst) = (reason.explain().trim_end_matches('.'), &worst.name);
                format!("{explained}: {since} packets dropped, most so far from {worst}; {option} makes room")
            })
        }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::counters::PortCounters;
    use dataplane::outcome::PortId;

    #[test]
    fn a_full_table_is_told_once_until_it_refuses_again() {
        let counters = PortCounters::default();
        let status = |counters: &PortCounters| {
            let (id, name) = (PortId(1), "ub0-1".to_owned());
            [PortStatus { id, name, alive: true, counters: counters.snapshot() }]
        };
        let mut fullness = Fullness::default();
        assert!(fullness.look(&status(&counters)).is_empty());
        counters.dropped(DropReason::CtPortFull).add(7);
        let told = fullness.look(&status(&counters));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("7 packets") && told[0].contains("ub0-1"), "{told:?}");
        assert!(told[0].contains("--conntrack-port-max"), "{told:?}");
        assert!(fullness.look(&status(&counters)).is_empty());
        let counters = PortCounters::default();
        assert!(fullness.look(&status(&counters)).is_empty(), "another port counts from zero");
        counters.dropped(DropReason::CtPortFull).add(2);
        assert!(fullness.look(&status(&counters))[0].contains("2 packets"));
    }
}
