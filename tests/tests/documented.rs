//! Do the documents say what the code does?

use dataplane::config::{ConntrackConfig, MAX_FLOWS, Timeouts};
use std::time::Duration;

const CONNTRACK: &str = include_str!("../../docs/conntrack.md");

#[test]
fn every_timeout_is_documented_with_its_values() {
    let profiles = Timeouts::LINUX.all().zip(Timeouts::RFC.all());
    for ((name, linux), (_, rfc)) in profiles {
        let [linux, rfc] = [linux, rfc].map(|timeout: Duration| timeout.as_secs());
        let row = format!("| `{name}` | {linux} | {rfc} |");
        assert!(CONNTRACK.contains(&row), "docs/conntrack.md lacks {row}");
    }
}

#[test]
fn the_limits_are_documented() {
    let row = format!("| flows | {}, settable up to {MAX_FLOWS} |", ConntrackConfig::DEFAULT_LIMIT);
    assert!(CONNTRACK.contains(&row), "docs/conntrack.md lacks {row}");
    let default = ConntrackConfig::default();
    assert_eq!(default.port_limit, default.limit / 4, "a quarter");
}
