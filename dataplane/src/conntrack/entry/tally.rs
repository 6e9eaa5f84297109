//! How many packets and bytes went one way?

/// What a flow's packets and bytes were in one direction: 40 and 56 bits of count. The bytes stop at
/// their highest value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
pub(super) struct Tally {
    /// The packets' upper 8 bits and, below them, the bytes.
    high: u64,
    /// The packets' lower 32 bits.
    packets: u32,
}

impl Tally {
    /// The bits of `high` that are the bytes'.
    const BYTES: u32 = 56;
    const MAX_BYTES: u64 = (1 << Self::BYTES) - 1;

    #[inline]
    pub(super) fn count(&mut self, length: u32) {
        let (packets, carry) = self.packets.overflowing_add(1);
        let bytes = (self.bytes() + u64::from(length)).min(Self::MAX_BYTES);
        let upper = (self.high >> Self::BYTES).wrapping_add(u64::from(carry));
        self.high = upper << Self::BYTES | bytes;
        self.packets = packets;
    }

    pub(super) fn packets(self) -> u64 {
        (self.high >> Self::BYTES) << 32 | u64::from(self.packets)
    }

    pub(super) fn bytes(self) -> u64 {
        self.high & Self::MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_beyond_32_bits_of_packets_and_stops_at_56_bits_of_bytes() {
        let mut tally = Tally { high: Tally::MAX_BYTES - 1000, packets: u32::MAX };
        tally.count(999);
        assert_eq!((tally.packets(), tally.bytes()), (1 << 32, Tally::MAX_BYTES - 1));
        tally.count(1500);
        assert_eq!((tally.packets(), tally.bytes()), ((1 << 32) + 1, Tally::MAX_BYTES));
    }
}
