//! Why is a client turned away?

/// Why a client is not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not on this host, and its address would be lost on the way.
    NotFromHost,
    /// [`MAX_RELAYED_CONNECTIONS`](super::MAX_RELAYED_CONNECTIONS) or
    /// [`MAX_RELAYED_SESSIONS`](super::MAX_RELAYED_SESSIONS) are under way.
    TooMany,
    /// Nobody listens at the target, or it cannot be reached.
    Unreachable,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NotFromHost, Self::TooMany, Self::Unreachable];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFromHost => "not-from-host",
            Self::TooMany => "too-many",
            Self::Unreachable => "unreachable",
        }
    }

    /// It in words.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NotFromHost => "The client is not on this host; only the host itself is relayed.",
            Self::TooMany => "As many clients as can be relayed at one time were relayed already.",
            Self::Unreachable => "Nobody listens at the target, or it cannot be reached.",
        }
    }
}
