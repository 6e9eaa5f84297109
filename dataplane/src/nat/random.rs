//! Which number comes next? For choosing ports.

/// Random numbers for ports (RFC 6056 3.3.1): SplitMix64. Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The numbers that follow from this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is above zero.
    #[inline]
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The upper half of a product of two 32-bit numbers is below either.
        (((mix(self.0) >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// Spreads the bits of a number over all of it (the finalizer of SplitMix64).
#[inline]
pub(super) fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
