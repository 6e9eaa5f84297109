//! How are flows tracked: how many, and how long without a packet?

use super::ConfigError;
use std::time::Duration;

/// Most flows one may ask for: 2^24 take some 3 GB.
pub const MAX_FLOWS: usize = 1 << 24;

/// Longest timeout one may ask for: a flow's end is kept in tenths of a second in 32 bits.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Connection tracking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConntrackConfig {
    /// Most flows, both families together.
    pub limit: usize,
    /// Most flows that one port's namespace may have begun.
    pub port_limit: usize,
    /// How long a flow without a packet is remembered.
    pub timeouts: Timeouts,
    /// May a TCP connection be picked up in its middle? (`nf_conntrack_tcp_loose`)
    pub loose: bool,
    /// Are TCP segments outside the window let pass but for RSTs? (`nf_conntrack_tcp_be_liberal`)
    pub liberal: bool,
    /// Is FTP's control connection read for the data connections that it announces?
    pub ftp: bool,
}

impl ConntrackConfig {
    /// As many as the kernel gives a machine of 1 GiB and more (`nf_conntrack_max`).
    pub const DEFAULT_LIMIT: usize = 262_144;

    /// Can flows be tracked so?
    ///
    /// # Errors
    /// The first setting that is out of bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.limit == 0 || self.limit > MAX_FLOWS {
            return Err(ConfigError::FlowLimit(self.limit));
        }
        if self.port_limit == 0 || self.port_limit > self.limit {
            return Err(ConfigError::FlowPortLimit { asked: self.port_limit, limit: self.limit });
        }
        for (name, timeout) in self.timeouts.all() {
            if timeout < Duration::from_secs(1) || timeout > MAX_TIMEOUT {
                return Err(ConfigError::Timeout { name, asked: timeout });
            }
        }
        Ok(())
    }
}

impl Default for ConntrackConfig {
    fn default() -> Self {
        Self {
            limit: Self::DEFAULT_LIMIT,
            port_limit: Self::DEFAULT_LIMIT / 4,
            timeouts: Timeouts::LINUX,
            loose: true,
            liberal: false,
            ftp: false,
        }
    }
}

macro_rules! timeouts {
    ($($(#[doc = $doc:literal])+ $field:ident = $name:literal, $linux:literal, $rfc:literal;)+) => {
        /// After how long without a packet a flow is forgotten, by what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Timeouts {
            $($(#[doc = $doc])+ pub $field: Duration,)+
        }

        impl Timeouts {
            /// The kernel's defaults (`tcp_timeouts`, `udp_timeouts` and others in
            /// `net/netfilter/nf_conntrack_proto_*.c`).
            pub const LINUX: Self = Self { $($field: Duration::from_secs($linux),)+ };

            /// What the RFCs ask of a NAT at least where the kernel's defaults are below or far
            /// above (RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2).
            pub const RFC: Self = Self { $($field: Duration::from_secs($rfc),)+ };

            /// Each timeout with the name of its setting.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, Duration)> + use<> {
                [$(($name, self.$field),)+].into_iter()
            }

            /// Sets the timeout of this name; false if there is none.
            pub fn set(&mut self, name: &str, timeout: Duration) -> bool {
                match name {
                    $($name => self.$field = timeout,)+
                    _ => return false,
                }
                true
            }
        }
    };
}

timeouts! {
    /// TCP, a SYN was seen.
    tcp_syn_sent = "tcp-syn-sent", 120, 240;
    /// TCP, the SYN was answered.
    tcp_syn_recv = "tcp-syn-recv", 60, 240;
    /// TCP, open.
    tcp_established = "tcp-established", 432_000, 7440;
    /// TCP, a FIN was seen.
    tcp_fin_wait = "tcp-fin-wait", 120, 240;
    /// TCP, the FIN was acknowledged.
    tcp_close_wait = "tcp-close-wait", 60, 240;
    /// TCP, both FINs were seen.
    tcp_last_ack = "tcp-last-ack", 30, 240;
    /// TCP, both FINs were acknowledged.
    tcp_time_wait = "tcp-time-wait", 120, 240;
    /// TCP, reset.
    tcp_close = "tcp-close", 10, 10;
    /// TCP, three retransmissions without an answer.
    tcp_max_retrans = "tcp-max-retrans", 300, 300;
    /// TCP, data without acknowledgment.
    tcp_unacknowledged = "tcp-unacknowledged", 300, 300;
    /// UDP, no reply yet.
    udp = "udp", 30, 300;
    /// UDP, replied to and older than 2 s.
    udp_stream = "udp-stream", 120, 300;
    /// ICMP queries.
    icmp = "icmp", 30, 60;
    /// ICMPv6 queries.
    icmpv6 = "icmpv6", 30, 60;
    /// All other protocols.
    generic = "generic", 600, 600;
}
