//! What is told to have changed, and what beside the figures?

use super::*;
use crate::bench::measurement::tests::{alone, example};
use dataplane::config::Workers;

/// The example with everything on ours faster or slower by this factor.
fn scaled(factor: f64) -> Measurement {
    let mut measurement = example();
    for sample in &mut measurement.samples {
        if sample.system == System::OURS {
            sample.count = (sample.count as f64 * factor) as u64;
        }
    }
    measurement
}

#[test]
fn the_same_run_twice_has_no_change() {
    let text = text(&example(), &example(), false);
    assert!(text.starts_with("0 of 17 figures changed, 14 are within the noise, 3 have"), "{text}");
    assert!(!text.contains("machine"), "{text}");
}

#[test]
fn what_changed_is_told_with_its_direction_and_both_ratios() {
    let text = text(&example(), &scaled(2.0), false);
    let line = text.lines().find(|line| line.starts_with("tcp-1")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let wanted =
        ["tcp-1", "Gbit/s", "ours", "44.0", "88.0", "+100.0", "%", "better", "0.55", "1.10"];
    assert_eq!(words, wanted);
    assert!(text.contains("2 of 17 figures changed"), "{text}");
    let worse = super::text(&scaled(2.0), &example(), false);
    assert!(worse.lines().any(|line| line.starts_with("tcp-1") && line.contains("worse")));
}

#[test]
fn a_change_within_the_noise_is_shown_when_all_is() {
    let text = text(&example(), &scaled(1.1), true);
    assert!(text.lines().any(|line| line.starts_with("tcp-1 ") && line.contains("noise")));
    assert!(text.contains("0 of 17 figures changed"), "{text}");
}

#[test]
fn what_differs_beside_the_figures_is_told() {
    let mut other = alone();
    other.machine.cpu = "Other CPU".into();
    other.settings.seconds = 1.0;
    other.labels[0].label = "udp-bridge 0.2.0".into();
    let text = text(&example(), &other, false);
    for words in [
        "The machines differ: Some CPU with Linux 6.18.0, and Other CPU with",
        "2.00 s before, and 1.00 s after",
        "ours: udp-bridge 0.1.0 before, udp-bridge 0.2.0 after.",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

/// The example with ours of so many workers.
fn with_workers(count: usize) -> Measurement {
    let ours = System::Ours(Some(Workers::new(count).unwrap()));
    let mut measurement = example();
    let of_ours = measurement.samples.iter_mut().filter(|it| it.system.is_ours());
    of_ours.for_each(|sample| sample.system = ours);
    measurement.standings[0].system = ours;
    measurement.labels[0].system = ours;
    measurement
}

#[test]
fn one_number_of_workers_is_compared_with_another_and_that_is_told() {
    let text = text(&example(), &with_workers(2), true);
    assert!(text.contains("0 of 17 figures changed"), "{text}");
    let words = "ours (udp-bridge 0.1.0) before is compared with ours-2w (udp-bridge 0.1.0) after.";
    assert!(text.contains(words), "{text}");
}

#[test]
fn of_several_numbers_of_workers_those_are_compared_that_both_have() {
    let mut both = with_workers(2);
    let one = example();
    both.samples.extend(one.samples.into_iter().filter(|it| it.system.is_ours()));
    both.labels.push(one.labels[0].clone());
    let text = text(&with_workers(2), &both, true);
    let words = "There was ours-2w before, and ours and ours-2w after; what both runs have is";
    assert!(text.contains(words), "{text}");
    let of =
        |name: &str| text.lines().filter(|it| it.split_whitespace().any(|it| it == name)).count();
    assert!(of("ours-2w") > 0, "{text}");
    assert!(!text.lines().any(|it| it.starts_with("tcp-1 ") && it.contains(" ours ")), "{text}");
}

#[test]
fn a_kernel_that_changed_is_pointed_out() {
    let mut other = example();
    for sample in other.samples.iter_mut().filter(|it| it.system == System::Kernel) {
        sample.count /= 2;
    }
    assert!(text(&example(), &other, false).contains("The kernel's own figures changed"));
}
