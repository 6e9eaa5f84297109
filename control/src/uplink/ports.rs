//! Which ports go into how many rules?
//!
//! A set of ports is a sorted list of ranges, first and last included, that neither touch nor
//! overlap; so each set has one list.

use std::io::{self, ErrorKind};

/// A range of ports, first and last included.
pub type Range = (u16, u16);

/// The set of all ports in these ranges.
pub fn union(ranges: impl IntoIterator<Item = Range>) -> Vec<Range> {
    let mut sorted: Vec<Range> = ranges.into_iter().filter(|(a, b)| a <= b).collect();
    sorted.sort_unstable();
    let mut set: Vec<Range> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match set.last_mut() {
            Some(before) if u32::from(first) <= u32::from(before.1) + 1 => {
                before.1 = before.1.max(last);
            }
            _ => set.push((first, last)),
        }
    }
    set
}

/// The same set in at most `most` ranges: those with the smallest gaps between them are joined, gap
/// included.
pub fn at_most(most: usize, set: Vec<Range>) -> Vec<Range> {
    if set.len() <= most.max(1) {
        return set;
    }
    // The widest gaps stay; of two as wide, the lower one.
    let mut gaps: Vec<usize> = (1..set.len()).collect();
    gaps.sort_by_key(|&at| (std::cmp::Reverse(set[at].0 - set[at - 1].1), at));
    gaps.truncate(most.max(1) - 1);
    gaps.sort_unstable();
    let starts = std::iter::once(0).chain(gaps.iter().copied());
    let ends = gaps.iter().copied().chain([set.len()]);
    starts.zip(ends).map(|(start, end)| (set[start].0, set[end - 1].1)).collect()
}

/// What is in both sets.
pub fn intersection(one: &[Range], other: &[Range]) -> Vec<Range> {
    let both = |a: &Range| {
        let (first, last) = *a;
        other.iter().map(move |b| (first.max(b.0), last.min(b.1)))
    };
    union(one.iter().flat_map(both))
}

/// What is in the first set and not in the second.
pub fn difference(one: &[Range], without: &[Range]) -> Vec<Range> {
    let mut left = one.to_vec();
    for &(first, last) in without {
        left = left
            .into_iter()
            .flat_map(|(a, b)| {
                let below = first.checked_sub(1).map(|end| (a, b.min(end)));
                let above = last.checked_add(1).map(|start| (a.max(start), b));
                [below, above]
            })
            .flatten()
            .filter(|(a, b)| a <= b)
            .collect();
    }
    union(left)
}

/// Reads a list as the kernel writes it: `8080,61000-61010`.
///
/// # Errors
/// `InvalidData`: it is no such list.
pub fn parse(text: &str) -> io::Result<Vec<Range>> {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let range = |text: &str| match text.split_once('-') {
        Some((first, last)) => Some((number(first)?, number(last)?)),
        None => number(text).map(|port| (port, port)),
    };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let ranges: Option<Vec<Range>> = parts.map(range).collect();
    ranges.map(union).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Writes a list as the kernel reads it.
pub fn format(set: &[Range]) -> String {
    let one = |&(first, last): &Range| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    set.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn any_ranges() -> impl Strategy<Value = Vec<Range>> {
        // Few ports, so that ranges meet; both ends of the space, where sums overflow.
        let low = (0..60_u16, 0..60_u16);
        let high = (65_500..=65_535_u16, 65_500..=65_535_u16);
        proptest::collection::vec(prop_oneof![low, high], 0..24)
            .prop_map(|pairs| pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect())
    }

    fn ports(ranges: &[Range]) -> BTreeSet<u16> {
        ranges.iter().flat_map(|&(first, last)| first..=last).collect()
    }

    fn is_canonical(set: &[Range]) -> bool {
        set.iter().all(|(first, last)| first <= last)
            && set.windows(2).all(|pair| u32::from(pair[0].1) + 1 < u32::from(pair[1].0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn sets_of_ranges_are_sets_of_ports(one in any_ranges(), other in any_ranges()) {
            let (a, b) = (ports(&one), ports(&other));
            let (one, other) = (union(one), union(other));
            prop_assert!(is_canonical(&one));
            prop_assert_eq!(ports(&one), a.clone());
            let both = intersection(&one, &other);
            prop_assert!(is_canonical(&both));
            prop_assert_eq!(ports(&both), a.intersection(&b).copied().collect());
            let left = difference(&one, &other);
            prop_assert!(is_canonical(&left));
            prop_assert_eq!(ports(&left), a.difference(&b).copied().collect());
            prop_assert_eq!(parse(&format(&one)).unwrap(), one);
        }

        #[test]
        fn fewer_ranges_cover_the_same_ports_and_close_the_smallest_gaps(
            ranges in any_ranges(),
            most in 1..8_usize,
        ) {
            let set = union(ranges);
            let few = at_most(most, set.clone());
            prop_assert!(few.len() <= most && is_canonical(&few));
            prop_assert!(ports(&few).is_superset(&ports(&set)));
            if set.len() <= most {
                prop_assert_eq!(&few, &set);
            } else {
                prop_assert_eq!(few.len(), most);
                // What was added is the sum of the smallest gaps.
                let mut gaps: Vec<usize> =
                    set.windows(2).map(|pair| usize::from(pair[1].0 - pair[0].1) - 1).collect();
                gaps.sort_unstable();
                let least: usize = gaps[..set.len() - most].iter().sum();
                prop_assert_eq!(ports(&few).len(), ports(&set).len() + least);
            }
        }
    }

    #[test]
    fn a_list_that_the_kernel_does_not_write_is_refused() {
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("8080,61000-61010\n").unwrap(), [(8080, 8080), (61_000, 61_010)]);
        assert!(parse("a-b").is_err() && parse("70000").is_err());
    }
}
