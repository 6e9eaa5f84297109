//! May we have as many sockets?
//!
//! The limit of 1,024 that shells have is for programs that use select(2); it is raised as far as
//! needed, the hard one too where we may (`CAP_SYS_RESOURCE`).

use super::PublishError;
use super::relay::{MAX_RELAYED_CONNECTIONS, MAX_RELAYED_SESSIONS};
use crate::topology::{SPARE_DESCRIPTORS, open_descriptors};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors beside those that are open: queues of TAPs, listening sockets, two for each relayed connection, one
/// for each UDP session.
fn needed(ports: usize, queues: usize) -> u64 {
    let relayed = 2 * MAX_RELAYED_CONNECTIONS + MAX_RELAYED_SESSIONS;
    // A usize fits a u64.
    SPARE_DESCRIPTORS + (queues + ports + relayed) as u64
}

/// Raises the limit so that so many ports more can be published, and TAPs of so many queues be made.
///
/// # Errors
/// [`PublishError::Descriptors`] if the hard limit is too low and may not be raised.
pub(super) fn make_room(ports: usize, queues: usize) -> Result<(), PublishError> {
    raise(ports, open_descriptors() + needed(ports, queues))
}

fn raise(ports: usize, needed: u64) -> Result<(), PublishError> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    if soft >= needed {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard.max(needed))
        .map_err(|_| PublishError::Descriptors { ports, needed, hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_counts_beside_the_taps_the_relays_and_the_rest() {
        let relays = 2 * 1024 + 1024;
        assert_eq!(needed(1, 0), 1 + SPARE_DESCRIPTORS + relays);
        assert_eq!(needed(11, 4), 11 + 4 + SPARE_DESCRIPTORS + relays);
    }
}
