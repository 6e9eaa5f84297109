//! How much may one port send, get and begin?

use std::num::{NonZeroU64, NonZeroUsize};

/// The limits of one port; `None` for no limit. *In* is towards the namespace, *out* is from it.
///
/// Rates are per second. A tenth of a second's worth may come at once, and always one frame, however
/// large ([`crate::limits::BURST`]); new flows may come a second's worth at once.
///
/// Packets and bytes are those of the wire: a super-frame counts as the segments that it stands for,
/// each with its headers from Ethernet on. So a limit means the same with offloads and without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortLimits {
    /// Most tracked flows that the port owns at a time: those that its namespace began, and those from
    /// outside that lead to it. The lower one of this and [`super::ConntrackConfig::port_limit`]
    /// holds.
    pub flows: Option<NonZeroUsize>,
    /// Flows that may begin in a second, of those that the port would own.
    pub new_flows: Option<NonZeroU64>,
    /// Packets towards the namespace in a second.
    pub packets_in: Option<NonZeroU64>,
    /// Packets from the namespace in a second.
    pub packets_out: Option<NonZeroU64>,
    /// Bytes towards the namespace in a second.
    pub bytes_in: Option<NonZeroU64>,
    /// Bytes from the namespace in a second.
    pub bytes_out: Option<NonZeroU64>,
}

impl PortLimits {
    /// No limits.
    pub const NONE: Self = Self {
        flows: None,
        new_flows: None,
        packets_in: None,
        packets_out: None,
        bytes_in: None,
        bytes_out: None,
    };
}
