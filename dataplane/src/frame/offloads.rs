//! What may a frame leave undone when it passes a port?

use std::fmt;

/// A set of offloads. A port that lacks one gets the work done before the frame is written to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offloads(u8);

impl Offloads {
    /// Nothing: every frame complete, none larger than the MTU.
    pub const NONE: Self = Self(0);
    /// Checksums may be partial.
    pub const CHECKSUM: Self = Self(1);
    /// TCP over IPv4 may come as super-frames.
    pub const TSO4: Self = Self(2);
    /// TCP over IPv6 may come as super-frames.
    pub const TSO6: Self = Self(4);
    /// TCP super-frames may have CWR set (RFC 3168).
    pub const TSO_ECN: Self = Self(8);
    /// UDP may come as super-frames of equal datagrams, over IPv4 and IPv6 (Linux 6.2 and later).
    pub const USO: Self = Self(16);
    /// Everything a TAP can grant.
    pub const ALL: Self = Self(31);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::CHECKSUM, "csum"),
        (Self::TSO4, "tso4"),
        (Self::TSO6, "tso6"),
        (Self::TSO_ECN, "ecn"),
        (Self::USO, "uso"),
    ];

    /// Does the set hold all of `other`?
    #[inline]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set with all of `other` added.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The set with all of `other` taken out.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the set's members: `csum`, `tso4`, `tso6`, `ecn`, `uso`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, name)| name)
    }
}

impl fmt::Display for Offloads {
    /// The names with spaces between, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.pad("none");
        }
        f.pad(&self.names().collect::<Vec<_>>().join(" "))
    }
}
