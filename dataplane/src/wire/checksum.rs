//! The internet checksum (RFC 1071): sums of 16-bit words in ones' complement.

use zerocopy::IntoBytes;

/// A sum in the making: a partial ones' complement sum, not folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Adds bytes as big-endian 16-bit words; an odd last byte counts as if a zero followed, so only
    /// the last piece of a packet may be odd. At most 2^32 bytes in all, far above any frame.
    #[inline]
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut words = bytes.chunks_exact(4);
        let mut sum = 0u64;
        for word in &mut words {
            sum += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut rest = [0; 4];
        for (to, from) in rest.iter_mut().zip(words.remainder()) {
            *to = *from;
        }
        sum += u64::from(u32::from_ne_bytes(rest));
        // The sum of words in any byte order is the byte-swapped sum (RFC 1071, section 2 B).
        self.0 += u64::from(u16::from_be(fold(sum)));
        self
    }

    /// Adds one 16-bit word.
    #[inline]
    #[must_use]
    pub fn word(mut self, word: u16) -> Self {
        self.0 += u64::from(word);
        self
    }

    /// The checksum field's value: the folded sum's complement.
    #[inline]
    pub fn checksum(self) -> u16 {
        !self.folded()
    }

    /// What a sum changes by when `old` bytes become `new` ones, at an even place (RFC 1624).
    #[inline]
    #[must_use]
    pub fn change(old: &[u8], new: &[u8]) -> Self {
        // The complement is the negative in ones' complement.
        Self::default().bytes(new).word(Self::default().bytes(old).checksum())
    }

    /// The checksum field that held `field`, when what it sums up has changed by this much
    /// (RFC 1624, equation 3).
    #[inline]
    pub fn update(self, field: u16) -> u16 {
        self.word(!field).checksum()
    }

    /// The folded sum: what a partial checksum field holds when this is its pseudo-header's.
    #[inline]
    pub fn folded(self) -> u16 {
        fold(self.0)
    }
}

impl std::ops::Add for Sum {
    type Output = Self;

    /// The sum of two pieces, each of an even length but for the last.
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

#[inline]
fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // Folded until nothing is left above 16 bits.
    sum as u16
}

/// The pseudo-header of TCP and UDP (RFC 9293 3.1, RFC 8200 8.1). `addresses` are source and
/// destination as they lie in the header, 8 or 32 bytes; `length` is the transport header's and the
/// payload's, in bytes.
#[inline]
pub fn pseudo_header(addresses: &[u8], protocol: u8, length: u32) -> Sum {
    Sum::default()
        .bytes(addresses)
        .word(u16::from(protocol))
        .word((length >> 16) as u16)
        .word(length as u16)
}

/// Is the ones' complement sum of a header, its checksum field included, what RFC 791 asks for?
#[inline]
pub fn is_valid(header: &(impl IntoBytes + zerocopy::Immutable), options: &[u8]) -> bool {
    Sum::default().bytes(header.as_bytes()).bytes(options).checksum() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071, word by word.
    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn sum_is_that_of_the_rfc(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(Sum::default().bytes(&bytes).checksum(), slow(&bytes));
        }

        #[test]
        fn updating_a_checksum_equals_computing_it_anew(
            bytes in proptest::collection::vec(any::<u8>(), 20..200),
            new in proptest::collection::vec(any::<u8>(), 1..20), at in 0usize..10,
        ) {
            let mut changed = bytes.clone();
            let range = at * 2..(at * 2 + new.len()).min(bytes.len());
            let new = &new[..range.len()];
            changed[range.clone()].copy_from_slice(new);
            // A sum of nothing but zeroes has two names: callers look after it.
            prop_assume!(bytes.iter().any(|&byte| byte != 0));
            prop_assume!(changed.iter().any(|&byte| byte != 0));
            let change = Sum::change(&bytes[range], new);
            prop_assert_eq!(change.update(slow(&bytes)), slow(&changed));
        }

        #[test]
        fn sum_of_even_pieces_is_the_sum_of_the_whole(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), cut in 0usize..1000,
        ) {
            let cut = (cut * 2).min(bytes.len() & !1);
            let pieces = Sum::default().bytes(&bytes[..cut]).bytes(&bytes[cut..]);
            prop_assert_eq!(pieces.checksum(), slow(&bytes));
        }
    }
}
