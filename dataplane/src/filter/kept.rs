//! Which rules of a list are in the next one too?

use crate::config::Rule;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

/// A rule without the place where it was written, which moves when a line is added above.
struct Same<'r>(&'r Rule);

impl Same<'_> {
    /// All that it decides by.
    fn parts(&self) -> impl Hash + Eq {
        let Rule { from, to, protocol, sources, destinations, .. } = self.0;
        let Rule { source_ports, destination_ports, states, action, .. } = self.0;
        let (ends, ports) = ((from, to, sources, destinations), (source_ports, destination_ports));
        (ends, protocol, ports, states, action)
    }
}

impl PartialEq for Same<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Same<'_> {}

impl Hash for Same<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// For each of the old rules its place among the new ones, if it is one of them; where it was written
/// does not count. Rules that are there twice keep their order.
pub fn kept_rules(old: &[Rule], new: &[Rule]) -> Vec<Option<u32>> {
    let same = |(one, other): &(&Rule, &Rule)| Same(one) == Same(other);
    let head = old.iter().zip(new).take_while(same).count();
    let rest = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = rest.take_while(same).count();
    // Between what both begin and end with, which is all of it but for a change or two.
    let (last_old, last_new) = (old.len() - tail, new.len() - tail);
    let mut between: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (place, rule) in (head..last_new).zip(&new[head..last_new]) {
        between.entry(Same(rule)).or_default().push_back(place);
    }
    let place = |index: usize| {
        if index < head {
            Some(index)
        } else if index >= last_old {
            Some(index - last_old + last_new)
        } else {
            between.get_mut(&Same(&old[index])).and_then(VecDeque::pop_front)
        }
    };
    // Config has no more than MAX_RULES, which fits a u32.
    (0..old.len()).map(place).map(|place| place.map(|place| place as u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(protocol: u8, place: usize) -> Rule {
        Rule { protocol: Some(protocol), place: format!("rules.toml:{place}"), ..Rule::default() }
    }

    fn rules(protocols: &[u8]) -> Vec<Rule> {
        protocols.iter().zip(1..).map(|(&protocol, place)| rule(protocol, place)).collect()
    }

    #[test]
    fn a_rule_that_moves_is_kept_and_one_that_changes_is_not() {
        let kept = |old: &[u8], new: &[u8]| kept_rules(&rules(old), &rules(new));
        assert_eq!(kept(&[1, 2, 3], &[1, 2, 3]), [Some(0), Some(1), Some(2)]);
        assert_eq!(kept(&[1, 2, 3], &[9, 1, 2, 3]), [Some(1), Some(2), Some(3)]);
        assert_eq!(kept(&[1, 2, 3], &[1, 3]), [Some(0), None, Some(1)]);
        assert_eq!(kept(&[1, 2, 3, 4], &[1, 3, 2, 4]), [Some(0), Some(2), Some(1), Some(3)]);
        assert_eq!(kept(&[1, 1], &[1]), [Some(0), None]);
        assert_eq!(kept(&[], &[1]), []);
        assert_eq!(kept(&[1], &[]), [None]);
    }

    proptest! {
        #[test]
        fn as_many_of_each_are_kept_as_both_lists_have(
            old in proptest::collection::vec(0u8..6, 0..20),
            new in proptest::collection::vec(0u8..6, 0..20),
        ) {
            let kept = kept_rules(&rules(&old), &rules(&new));
            prop_assert_eq!(kept.len(), old.len());
            let places: Vec<_> = kept.iter().flatten().copied().collect();
            let mut different = places.clone();
            different.sort_unstable();
            different.dedup();
            prop_assert_eq!(different.len(), places.len(), "no place is taken twice");
            for (index, place) in kept.iter().enumerate() {
                if let Some(place) = place {
                    prop_assert_eq!(old[index], new[*place as usize]);
                }
            }
            for protocol in 0..6 {
                let count = |list: &[u8]| list.iter().filter(|&&it| it == protocol).count();
                let stayed = kept.iter().zip(&old).filter(|(place, it)| place.is_some() && **it == protocol);
                prop_assert_eq!(stayed.count(), count(&old).min(count(&new)));
            }
        }
    }
}
