//! Which number does the dataplane know a network by?
//!
//! Rules name networks, and the dataplane compares numbers. A name has the same number as long as the
//! process lives, whether there is such a network or not: so a rule that stays is the same rule for the
//! dataplane, and a network that comes back is the one that rules meant.
//!
//! A name that was numbered once is remembered: 15 bytes for each name that any network of this process
//! or rule of its files ever had.

use super::NetworkName;
use dataplane::flow::NetworkId;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The names, each at its number.
static NAMES: Mutex<Vec<NetworkName>> = Mutex::new(Vec::new());

impl NetworkName {
    /// The network's number.
    pub fn id(&self) -> NetworkId {
        let mut names = names();
        let place = names.iter().position(|name| name == self).unwrap_or_else(|| {
            names.push(self.clone());
            names.len() - 1
        });
        // So many names would not fit into memory.
        NetworkId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The network of a number that was given.
    pub fn of_id(id: NetworkId) -> Option<Self> {
        names().get(id.0 as usize).cloned()
    }
}

/// A panic elsewhere leaves the list as it was before or after.
fn names() -> MutexGuard<'static, Vec<NetworkName>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_has_it_for_itself() {
        let [one, two] = ["number-one", "number-two"].map(|name| name.parse().unwrap());
        let (first, second): (NetworkId, NetworkId) = (NetworkName::id(&one), two.id());
        assert_ne!(first, second);
        assert_eq!((one.id(), two.id()), (first, second));
        assert_eq!(NetworkName::of_id(second), Some(two));
        assert_eq!(NetworkName::of_id(NetworkId(u32::MAX)), None);
    }
}
