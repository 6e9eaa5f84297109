//! When do two sets of samples differ by more than noise?
//!
//! With `ENOUGH` samples or more on both sides by the exact Mann–Whitney test, two-sided, at `LEVEL`:
//! it asks no more of the samples than that they are independent, and five against five reach that level
//! if none of one side lies among those of the other. With fewer samples by just that: their ranges do
//! not overlap. A single sample on either side tells nothing of the noise, and nothing is said then.
//!
//! Source: H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18 (1947); the distribution of U
//! by their recurrence, and by the normal approximation where there are many samples.

/// From how many samples on the test can be used at this level.
const ENOUGH: usize = 5;
/// How often it may find a difference where there is none.
pub(super) const LEVEL: f64 = 0.01;
/// Up to how many pairs of samples the distribution is reckoned exactly.
const EXACT: usize = 900;

/// What can be said of two sets of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They differ by more than noise.
    Changed,
    /// They may be the same.
    Noise,
    /// There are too few of them.
    Unknown,
}

/// Judges two sets of samples.
pub(super) fn judge(before: &[f64], after: &[f64]) -> Verdict {
    let fewest = before.len().min(after.len());
    let changed = match fewest {
        0 | 1 => return Verdict::Unknown,
        few if few < ENOUGH => apart(before, after),
        _ => probability(before, after) < LEVEL,
    };
    if changed { Verdict::Changed } else { Verdict::Noise }
}

/// Do the ranges not overlap?
fn apart(before: &[f64], after: &[f64]) -> bool {
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most(before) < least(after) || most(after) < least(before)
}

/// How probable so great a difference is if there is none.
fn probability(before: &[f64], after: &[f64]) -> f64 {
    let pairs = before.iter().flat_map(|one| after.iter().map(move |other| one.total_cmp(other)));
    // Of two that are equal one half counts.
    let u: f64 = pairs.map(|it| 0.5 * (1.0 - f64::from(it as i8))).sum();
    let (n, m) = (before.len(), after.len());
    let lesser = u.min((n * m) as f64 - u);
    let tail = if n * m <= EXACT { exact_tail(n, m, lesser) } else { normal_tail(n, m, lesser) };
    (2.0 * tail).min(1.0)
}

/// The share of all orders of n and m samples in which U is at most `lesser`.
fn exact_tail(n: usize, m: usize, lesser: f64) -> f64 {
    // counts[i][u]: orders of i of the first and the samples of the second so far, with this U.
    let most = n * m;
    let mut counts = vec![vec![0.0; most + 1]; n + 1];
    counts.iter_mut().for_each(|of| of[0] = 1.0);
    for second in 1..=m {
        for first in 1..=n {
            let smaller = counts[first - 1].clone();
            let of = &mut counts[first];
            // The recurrence f(i, j, u) = f(i - 1, j, u - j) + f(i, j - 1, u).
            for u in second..=most {
                of[u] += smaller[u - second];
            }
        }
    }
    let all: f64 = counts[n].iter().sum();
    let tail: f64 = counts[n].iter().take(lesser.floor() as usize + 1).sum();
    tail / all
}

/// The same by the normal approximation, with the correction for continuity.
fn normal_tail(n: usize, m: usize, lesser: f64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    let z = (lesser + 0.5 - n * m / 2.0) / deviation;
    // Abramowitz and Stegun, 26.2.17; its error is below 1e-7.
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum;
    if z < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_distribution_is_the_one_in_the_tables() {
        // One order of 252 has U = 0 where five stand against five, two have U <= 1.
        assert!((exact_tail(5, 5, 0.0) - 1.0 / 252.0).abs() < 1e-12);
        assert!((exact_tail(5, 5, 1.0) - 2.0 / 252.0).abs() < 1e-12);
        assert!((exact_tail(5, 5, 2.0) - 4.0 / 252.0).abs() < 1e-12);
        assert!((exact_tail(2, 3, 6.0) - 1.0).abs() < 1e-12);
        // For eight against eight the critical value at 0.01, two-sided, is 7.
        assert!(2.0 * exact_tail(8, 8, 7.0) < 0.01 && 2.0 * exact_tail(8, 8, 8.0) > 0.01);
    }

    #[test]
    fn the_approximation_is_close_to_it() {
        let (exact, normal) = (exact_tail(20, 20, 100.0), normal_tail(20, 20, 100.0));
        assert!((exact - normal).abs() < 0.0005, "{exact} {normal}");
    }

    #[test]
    fn five_that_lie_apart_from_five_have_changed() {
        let before = [1.0, 1.1, 1.2, 1.3, 1.4];
        assert_eq!(judge(&before, &before.map(|it| it + 1.0)), Verdict::Changed);
        assert_eq!(judge(&before, &before.map(|it| it + 0.05)), Verdict::Noise);
        assert_eq!(judge(&before, &before), Verdict::Noise);
    }

    #[test]
    fn fewer_have_changed_if_their_ranges_do_not_overlap() {
        assert_eq!(judge(&[1.0, 2.0], &[2.1, 3.0]), Verdict::Changed);
        assert_eq!(judge(&[2.1, 3.0], &[1.0, 2.0]), Verdict::Changed);
        assert_eq!(judge(&[1.0, 2.0], &[2.0, 3.0]), Verdict::Noise);
        assert_eq!(judge(&[1.0], &[2.0, 3.0]), Verdict::Unknown);
    }
}
