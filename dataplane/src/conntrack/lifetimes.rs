//! How long does a flow live without a packet?
//!
//! Moments and spans are kept in tenths of a second, in 32 bits: they last 13 years, of which a
//! timeout takes 10 at most (`config::MAX_TIMEOUT`). A flow ends up to a tenth before its time.

use super::tcp::State;
use crate::clock::Time;
use crate::config::{ConntrackConfig, Timeouts};
use std::time::Duration;

/// Nanoseconds in a tenth of a second.
const NANOS: u64 = 100_000_000;

/// A moment or a span in tenths of a second.
pub(super) type Tenths = u32;

/// The tenths that have passed at a moment.
#[inline]
pub(super) fn tenths(now: Time) -> Tenths {
    Tenths::try_from(now.nanos() / NANOS).unwrap_or(Tenths::MAX)
}

/// So many tenths as a time span.
pub(super) fn duration(span: Tenths) -> Duration {
    Duration::from_millis(u64::from(span) * 100)
}

fn span(timeout: Duration) -> Tenths {
    Tenths::try_from(timeout.as_millis() / 100).unwrap_or(Tenths::MAX)
}

/// The rules that a flow is judged by, made from the configuration.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// By state of the connection.
    pub(super) tcp: [Tenths; State::ALL.len()],
    pub(super) tcp_max_retrans: Tenths,
    pub(super) tcp_unacknowledged: Tenths,
    pub(super) udp: Tenths,
    pub(super) udp_stream: Tenths,
    pub(super) icmp: Tenths,
    pub(super) icmpv6: Tenths,
    pub(super) generic: Tenths,
    /// May a connection be picked up in its middle?
    pub(super) loose: bool,
    /// Are segments outside the window let pass?
    pub(super) liberal: bool,
}

impl Rules {
    pub(super) fn new(config: &ConntrackConfig) -> Self {
        let timeouts = &config.timeouts;
        Self {
            tcp: State::ALL.map(|state| span(tcp(timeouts, state))),
            tcp_max_retrans: span(timeouts.tcp_max_retrans),
            tcp_unacknowledged: span(timeouts.tcp_unacknowledged),
            udp: span(timeouts.udp),
            udp_stream: span(timeouts.udp_stream),
            icmp: span(timeouts.icmp),
            icmpv6: span(timeouts.icmpv6),
            generic: span(timeouts.generic),
            loose: config.loose,
            liberal: config.liberal,
        }
    }
}

fn tcp(timeouts: &Timeouts, state: State) -> Duration {
    match state {
        State::SynSent | State::SynSent2 => timeouts.tcp_syn_sent,
        State::SynRecv => timeouts.tcp_syn_recv,
        State::Established => timeouts.tcp_established,
        State::FinWait => timeouts.tcp_fin_wait,
        State::CloseWait => timeouts.tcp_close_wait,
        State::LastAck => timeouts.tcp_last_ack,
        State::TimeWait => timeouts.tcp_time_wait,
        State::Close => timeouts.tcp_close,
    }
}
