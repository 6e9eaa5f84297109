//! What do all plots have in common?
//!
//! Each is an SVG element that is as wide as its place and drawn `WIDTH` units wide, so that its text
//! keeps its size on a phone. What stands for a figure has the class `mark`: a plot without one is empty.

use crate::bench::system::System;

/// Units across a plot.
pub(super) const WIDTH: f64 = 360.0;

/// The text as it may stand in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The colours of ours with numbers of workers: those of neighbouring numbers differ.
const SEVERAL: [&str; 4] = ["#f0a35e", "#b8862d", "#a33c2e", "#e27d8b"];

/// The colour of a system in all plots; told apart by those who do not see red and green as well
/// (Okabe and Ito), and readable on white and on black.
pub(super) fn colour(system: System) -> &'static str {
    match system {
        System::Ours(None) => "#d55e00",
        System::Ours(Some(workers)) => SEVERAL[workers.get() % SEVERAL.len()],
        System::Kernel | System::Nftables => "#0072b2",
        System::Ovs => "#56b4e9",
        System::OvsTso => "#009e73",
        System::Vde => "#cc79a7",
        System::Slirp => "#b59b00",
        System::Pasta => "#7a5fc7",
        System::Loopback => "#8a8f94",
    }
}

/// `own` for ours, which is drawn bolder.
pub(super) fn class(system: System) -> &'static str {
    if system.is_ours() { " own" } else { "" }
}

/// Where values lie between two edges of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// `low` lies at `from`, and `high` at `to`. If they are the same they lie in the middle.
    pub(super) fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        Self { low, high, from, to }
    }

    /// Where this value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        let share = if span > 0.0 { (value - self.low) / span } else { 0.5 };
        self.from + share * (self.to - self.from)
    }
}

/// The list of systems below a plot of lines.
pub(super) fn legend(systems: impl Iterator<Item = System>) -> String {
    let item = |system| format!("<li><i style=\"background:{}\"></i>{system}</li>", colour(system));
    format!("<ul class=\"legend\">{}</ul>", systems.map(item).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_leads_from_values_to_places() {
        let scale = Scale::new((0.0, 10.0), (100.0, 0.0));
        assert_eq!((scale.at(0.0), scale.at(5.0), scale.at(10.0)), (100.0, 50.0, 0.0));
        assert_eq!(Scale::new((3.0, 3.0), (0.0, 8.0)).at(3.0), 4.0);
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<b a=\"x\">&"), "&lt;b a=&quot;x&quot;&gt;&amp;");
    }
}
