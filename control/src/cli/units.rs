//! How are quantities written for people?

use std::time::Duration;

/// Bytes in decimal units with three digits: `999 B`, `12.3 MB`.
pub(super) fn bytes(n: u64) -> String {
    scaled(n as f64, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// Bits per second in decimal units with three digits: `0 bit/s`, `8.31 Gbit/s`.
pub(super) fn bit_rate(bits_per_second: f64) -> String {
    scaled(bits_per_second, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut rest = units.iter();
    let mut unit = rest.next().copied().unwrap_or_default();
    // 999.5 would be rounded to 1000.
    while value >= 999.5 {
        let Some(next) = rest.next() else { break };
        value /= 1000.0;
        unit = next;
    }
    let whole = unit == units[0];
    let digits = match value {
        _ if whole => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// A whole number with a comma between each three digits: `1,234,567`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of time in its two largest units: `7s`, `2m03s`, `5h12m`, `3d04h`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn a_rate_is_in_decimal_bits() {
        assert_eq!(bit_rate(0.0), "0 bit/s");
        assert_eq!(bit_rate(8.31e9), "8.31 Gbit/s");
        assert_eq!(bit_rate(99.96e6), "100 Mbit/s");
    }

    #[test]
    fn digits_are_grouped_by_three() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (n, text) in cases {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        let cases =
            [(7, "7s"), (123, "2m03s"), (18_720, "5h12m"), (3 * 86_400 + 4 * 3600, "3d04h")];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
