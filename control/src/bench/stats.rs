//! What do many samples come to?
//!
//! Percentiles are exact: every sample is kept and sorted, nothing is put into buckets.

/// The median and the extremes of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// The middle value; the mean of the two middle ones where their number is even.
    pub median: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Summary {
    /// Sums up `values`; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let upper = values.len() / 2;
        let lower = (values.len() - 1) / 2;
        Some(Self { median: f64::midpoint(values[lower], values[upper]), min, max })
    }
}

/// The value that `per_mille` of 1,000 of the samples do not exceed (nearest rank), of samples in
/// ascending order; `None` where there are none.
pub fn percentile(sorted: &[u64], per_mille: usize) -> Option<u64> {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        let summary = Summary::of([5.0, 1.0, 3.0]).unwrap();
        assert_eq!(summary, Summary { median: 3.0, min: 1.0, max: 5.0 });
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let summary = Summary::of([4.0, 1.0, 2.0, 30.0]).unwrap();
        assert_eq!(summary, Summary { median: 3.0, min: 1.0, max: 30.0 });
    }

    #[test]
    fn nothing_has_no_summary_and_no_percentile() {
        assert_eq!(Summary::of([]), None);
        assert_eq!(percentile(&[], 500), None);
    }

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let sorted: Vec<u64> = (1..=1000).collect();
        assert_eq!(percentile(&sorted, 500), Some(500));
        assert_eq!(percentile(&sorted, 990), Some(990));
        assert_eq!(percentile(&sorted, 999), Some(999));
        assert_eq!(percentile(&sorted, 1000), Some(1000));
        assert_eq!(percentile(&sorted, 0), Some(1));
    }

    #[test]
    fn a_percentile_of_few_samples_is_the_next_one_up() {
        assert_eq!(percentile(&[10, 20, 30], 500), Some(20));
        assert_eq!(percentile(&[10, 20, 30], 999), Some(30));
        assert_eq!(percentile(&[7], 1), Some(7));
    }
}
