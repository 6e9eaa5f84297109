//! How is the network's own interface set while there is a way out?
//!
//! The settings go with the interface; where it outlives the way out it gets those of a new one again.

use super::host::key;
use crate::sysctl::{self, SysctlError};

/// Of IPv4. What comes by a TAP may have an address of the host's own, and goes on to other interfaces.
const V4: [(&str, &str); 3] = [("forwarding", "1"), ("accept_local", "1"), ("rp_filter", "2")];

/// Of IPv6; since Linux 6.17.
const FORCE_FORWARDING: &str = "force_forwarding";

/// Sets it for a way out.
pub(super) fn set_up(tap: &str, ipv6: bool) -> Result<(), SysctlError> {
    for (setting, value) in V4 {
        sysctl::write(&key(true, tap, setting), value)?;
    }
    let forced = key(false, tap, FORCE_FORWARDING);
    if ipv6 && sysctl::read(&forced).is_ok_and(|value| value.is_some()) {
        sysctl::write(&forced, "1")?;
    }
    Ok(())
}

/// Sets it as the namespace sets a new interface.
///
/// # Errors
/// A setting cannot be written; those before it are done.
pub fn give_back(tap: &str) -> Result<(), SysctlError> {
    let v4 = V4.iter().map(|(setting, _)| (true, *setting));
    for (ipv4, setting) in v4.chain([(false, FORCE_FORWARDING)]) {
        let [new, own] = ["default", tap].map(|interface| key(ipv4, interface, setting));
        // An interface may be without IPv6, and a kernel without the setting.
        if let (Ok(Some(value)), Ok(Some(_))) = (sysctl::read(&new), sysctl::read(&own)) {
            sysctl::write(&own, &value)?;
        }
    }
    Ok(())
}
