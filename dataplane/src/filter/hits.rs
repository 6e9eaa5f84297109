//! How often did each decide?
//!
//! One [`Hits`] belongs to one [`super::Filter`], and to whoever asks it. Where a filter takes another's
//! place, the rules that stay go on counting.

use super::{By, Judgement};
use crate::config::FilterConfig;

/// Packets and their bytes. A super-frame is one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
}

impl Count {
    #[inline]
    fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// The counts of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Those of the rules, in their order.
    pub rules: Vec<Count>,
    /// What passed because its flow had been let pass.
    pub flow: Count,
    /// What was dropped between namespaces.
    pub icc: Count,
    /// What the policy decided about.
    pub policy: Count,
}

impl Hits {
    /// Nothing counted yet.
    pub fn new(config: &FilterConfig) -> Self {
        Self { rules: vec![Count::default(); config.rules.len()], ..Self::default() }
    }

    /// The counts of a filter with so many rules that takes another's place: those of the rules that
    /// are `kept`, each at the place that it has now, and of the policy if it stays the same.
    pub fn following(former: &Self, kept: &[Option<u32>], rules: usize, same_policy: bool) -> Self {
        let mut hits = Self { rules: vec![Count::default(); rules], ..Self::default() };
        for (count, place) in former.rules.iter().zip(kept) {
            if let Some(now) = place.and_then(|place| hits.rules.get_mut(place as usize)) {
                *now = *count;
            }
        }
        hits.flow = former.flow;
        if same_policy {
            (hits.icc, hits.policy) = (former.icc, former.policy);
        }
        hits
    }

    /// Counts a packet of so many bytes that was judged so.
    #[inline]
    pub fn count(&mut self, judgement: Judgement, bytes: usize) {
        match judgement.by {
            // A judgement of another filter may name a rule that this one does not have.
            By::Rule(index) => {
                if let Some(count) = self.rules.get_mut(index as usize) {
                    count.add(bytes);
                }
            }
            By::Flow => self.flow.add(bytes),
            By::Icc => self.icc.add(bytes),
            // No matter of rules: the port's own counter tells.
            By::Isolation => {}
            By::Policy => self.policy.add(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Action, Rule};

    #[test]
    fn each_packet_counts_where_it_was_decided() {
        let config = FilterConfig { rules: vec![Rule::default(); 2], ..FilterConfig::default() };
        let mut hits = Hits::new(&config);
        for (by, bytes) in [
            (By::Rule(1), 60),
            (By::Rule(1), 40),
            (By::Rule(2), 1),
            (By::Flow, 1000),
            (By::Icc, 5),
            (By::Isolation, 6),
            (By::Policy, 7),
        ] {
            hits.count(Judgement { action: Action::Drop, by }, bytes);
        }
        let count = |packets, bytes| Count { packets, bytes };
        let rules = vec![count(0, 0), count(2, 100)];
        let (flow, icc, policy) = (count(1, 1000), count(1, 5), count(1, 7));
        assert_eq!(hits, Hits { rules, flow, icc, policy });
    }
}
