//! How is one half of storm control switched off?

use dataplane::config::StormLimit;

/// A limit that no port can reach, for the half that is switched off while the other is on.
pub const UNREACHABLE: u64 = 1 << 50;

/// Storm control of so many packets and bytes per second; `None` is no limit.
pub fn storm(packets: Option<u64>, bytes: Option<u64>) -> Option<StormLimit> {
    let half = |limit: Option<u64>| limit.unwrap_or(UNREACHABLE);
    match (packets, bytes) {
        (None, None) => None,
        _ => Some(StormLimit { frames_per_second: half(packets), bytes_per_second: half(bytes) }),
    }
}

/// The two halves of storm control: packets, then bytes per second; `None` is no limit.
pub fn storm_halves(storm: Option<StormLimit>) -> (Option<u64>, Option<u64>) {
    let half = |limit: u64| (limit < UNREACHABLE).then_some(limit);
    match storm {
        None => (None, None),
        Some(storm) => (half(storm.frames_per_second), half(storm.bytes_per_second)),
    }
}
