//! May we have as many sockets?
//!
//! The limit of 1,024 that shells have is for programs that use select(2); it is raised as far as
//! needed, the hard one too where we may (`CAP_SYS_RESOURCE`).

use super::PublishError;
use super::relay::{MAX_RELAYED_CONNECTIONS, MAX_RELAYED_SESSIONS};
use crate::model::Network;
use crate::topology::{SPARE_DESCRIPTORS, open_descriptors};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// How many ports the network publishes.
pub(super) fn ports(network: &Network) -> usize {
    network.publish().iter().map(|publish| publish.written.ports.len()).sum()
}

/// Descriptors of one network beside those that are open: TAPs, listening sockets, two for each relayed connection, one for
/// each UDP session.
fn needed(network: &Network) -> u64 {
    let relayed = 2 * MAX_RELAYED_CONNECTIONS + MAX_RELAYED_SESSIONS;
    // A usize fits a u64.
    u64::from(network.ports()) + 1 + SPARE_DESCRIPTORS + (ports(network) + relayed) as u64
}

/// Raises the limit so that all of them can be opened.
///
/// # Errors
/// [`PublishError::Descriptors`] if the hard limit is too low and may not be raised.
pub(super) fn make_room(network: &Network) -> Result<(), PublishError> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    let needed = open_descriptors() + needed(network);
    if network.publish().is_empty() || soft >= needed {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard.max(needed))
        .map_err(|_| PublishError::Descriptors { ports: ports(network), needed, hard })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkRequest, Subnets};

    #[test]
    fn each_port_of_a_range_counts_beside_the_relays_and_the_rest() {
        let of = |publish: &[&str]| {
            let mut request = NetworkRequest::new("ub0", 3);
            request.publish = publish.iter().map(|&text| text.to_owned()).collect();
            let subnets = Subnets { v4: "172.16.1.0/24".parse().unwrap(), v6: None };
            needed(&Network::new(&request, subnets).unwrap())
        };
        let relays = 2 * 1024 + 1024;
        assert_eq!(of(&[]), 4 + SPARE_DESCRIPTORS + relays);
        let some = ["8000-8009:ub0-1:80-89", "53:ub0-2:53/udp"];
        assert_eq!(of(&some), 4 + SPARE_DESCRIPTORS + relays + 11);
    }
}
