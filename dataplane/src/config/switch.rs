//! How does the switch as a whole behave?

use super::ConfigError;
use std::time::Duration;

/// Largest FDB one may ask for: 2^20 entries take 56 MiB.
pub const MAX_FDB_CAPACITY: usize = 1 << 20;

/// How the switch as a whole behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchConfig {
    /// After how long without a frame a learned MAC is forgotten.
    pub ageing: Duration,
    /// Most MACs in the table, static ones included.
    pub fdb_capacity: usize,
    /// Most learned MACs of one port.
    pub fdb_port_limit: usize,
    /// The limit of what each port may send that is flooded; `None` for no limit.
    pub storm: Option<StormLimit>,
}

impl SwitchConfig {
    /// Ageing time of the kernel bridge, `BR_DEFAULT_AGEING_TIME`.
    pub const DEFAULT_AGEING: Duration = Duration::from_secs(300);
    /// Entries of the MAC table.
    pub const DEFAULT_FDB_CAPACITY: usize = 8192;
    /// A port's share of the MAC table.
    pub const DEFAULT_FDB_PORT_LIMIT: usize = 2048;
}

impl Default for SwitchConfig {
    fn default() -> Self {
        Self {
            ageing: Self::DEFAULT_AGEING,
            fdb_capacity: Self::DEFAULT_FDB_CAPACITY,
            fdb_port_limit: Self::DEFAULT_FDB_PORT_LIMIT,
            storm: Some(StormLimit::default()),
        }
    }
}

impl SwitchConfig {
    /// Can a switch with so many static MACs be set up so? Each port's own is one of them.
    ///
    /// # Errors
    /// The first setting that is out of bounds.
    pub fn check(&self, statics: usize) -> Result<(), ConfigError> {
        if self.ageing < Duration::from_secs(1) {
            return Err(ConfigError::Ageing);
        }
        let least = statics + 1;
        if self.fdb_capacity < least || self.fdb_capacity > MAX_FDB_CAPACITY {
            return Err(ConfigError::FdbCapacity { asked: self.fdb_capacity, least });
        }
        if self.fdb_port_limit == 0 {
            return Err(ConfigError::FdbPortLimit);
        }
        if let Some(storm) = self.storm
            && (storm.frames_per_second == 0 || storm.bytes_per_second == 0)
        {
            return Err(ConfigError::Storm);
        }
        Ok(())
    }
}

/// Storm control: how much of one port's traffic may be flooded (broadcast, multicast and unknown
/// unicast) in a second. A bucket holds one tenth of a second's worth, and always at least one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormLimit {
    /// Flooded frames per second, counted once however many ports hear them.
    pub frames_per_second: u64,
    /// Bytes per second written because of floods: a frame's length times the ports that hear it.
    pub bytes_per_second: u64,
}

impl StormLimit {
    /// Far above what ARP, ND and mDNS of 1,000 hosts need, far below what floods a core.
    pub const DEFAULT_FRAMES_PER_SECOND: u64 = 20_000;
    /// A quarter of what one core can copy.
    pub const DEFAULT_BYTES_PER_SECOND: u64 = 1 << 30;
}

impl Default for StormLimit {
    fn default() -> Self {
        Self {
            frames_per_second: Self::DEFAULT_FRAMES_PER_SECOND,
            bytes_per_second: Self::DEFAULT_BYTES_PER_SECOND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_of_the_switch_must_leave_it_working() {
        let with = |change: fn(&mut SwitchConfig)| {
            let mut switch = SwitchConfig::default();
            change(&mut switch);
            switch.check(3).err()
        };
        let capacity = |asked| Some(ConfigError::FdbCapacity { asked, least: 4 });
        assert_eq!(with(|switch| switch.fdb_capacity = 3), capacity(3));
        assert_eq!(with(|switch| switch.fdb_capacity = 4), None);
        assert_eq!(with(|switch| switch.fdb_capacity = MAX_FDB_CAPACITY), None);
        assert_eq!(
            with(|switch| switch.fdb_capacity = MAX_FDB_CAPACITY + 1),
            capacity(MAX_FDB_CAPACITY + 1)
        );
        assert_eq!(with(|switch| switch.fdb_port_limit = 0), Some(ConfigError::FdbPortLimit));
        let ageing = with(|switch| switch.ageing = Duration::from_millis(999));
        assert_eq!(ageing, Some(ConfigError::Ageing));
        assert_eq!(with(|switch| switch.ageing = Duration::from_secs(1)), None);
        for (frames_per_second, bytes_per_second) in [(0, 1), (1, 0)] {
            let storm = Some(StormLimit { frames_per_second, bytes_per_second });
            let switch = SwitchConfig { storm, ..SwitchConfig::default() };
            assert_eq!(switch.check(3).err(), Some(ConfigError::Storm));
        }
    }
}
