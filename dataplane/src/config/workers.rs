//! How many threads forward?

use super::ConfigError;
use std::num::NonZeroUsize;

/// Most workers of one engine: a decision is some 50 nanoseconds under the one lock of the tables, the
/// copies around it take twenty times as long and more.
pub const MAX_WORKERS: usize = 16;

/// How many threads forward, 1 to [`MAX_WORKERS`]. Each reads some queues of the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Workers(NonZeroUsize);

impl Workers {
    /// One thread, which shares nothing.
    pub const ONE: Self = Self(NonZeroUsize::MIN);

    /// Checks a number of workers.
    ///
    /// # Errors
    /// `Workers`.
    pub fn new(count: usize) -> Result<Self, ConfigError> {
        match NonZeroUsize::new(count) {
            Some(some) if count <= MAX_WORKERS => Ok(Self(some)),
            _ => Err(ConfigError::Workers(count)),
        }
    }

    /// How many.
    pub fn get(self) -> usize {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_worker_at_least_and_the_limit_at_most() {
        for count in [0, MAX_WORKERS + 1] {
            assert_eq!(Workers::new(count), Err(ConfigError::Workers(count)));
        }
        for count in [1, MAX_WORKERS] {
            assert_eq!(Workers::new(count).map(Workers::get), Ok(count));
        }
    }
}
