//! Who holds a published port on the host, and who serves it there?
//!
//! Every published port has a listening socket in the host's namespace, for two reasons. It keeps the
//! port: a second user of it is told "address in use". And it serves the host itself.
//!
//! ```text
//!     from outside, siblings, itself ──> dataplane: DNAT, the source address stays
//!     from the host ──> 127.0.0.1:8080 ─┐
//!                       [::1]:8080     ─┼─> listening socket ──> relay ──> 172.16.1.2:80
//!                       its addresses  ─┘                        under the bridge's address
//! ```
//!
//! Only the host itself is relayed. A client with any other address would lose it on the way, and a
//! port that is published on 127.0.0.1 alone would be reached by whoever finds a way to that address;
//! such a client is refused and counted.
//!
//! | file | question |
//! |---|---|
//! | `reserve` | are all ports free, and ours now? |
//! | `listener` | how is one socket made? |
//! | `descriptors` | may we have as many sockets? |
//! | `holders`, `sock_diag` | who has a port that is not free? |
//! | `relay`, `refusal` | who runs the relays, and what do they count? |
//! | `tcp`, `udp`, `datagram` | how does a connection or a datagram get across? |
//! | `origin` | is a client on this host? |
//!
//! Known gaps: `up` without privileges publishes nothing, for its host side is a namespace that nobody
//! else is in. A relayed UDP client does not hear that nobody listens at the target.

mod datagram;
mod descriptors;
mod error;
mod holders;
mod listener;
mod origin;
mod refusal;
mod relay;
mod reserve;
mod sock_diag;
mod tcp;
mod udp;

pub use error::PublishError;
pub use holders::Holder;
pub use listener::Bound;
pub use refusal::Refusal;
pub use relay::{MAX_RELAYED_CONNECTIONS, MAX_RELAYED_SESSIONS, Relay};
pub use reserve::Reserved;

use crate::addressing::{Addresses, Interfaces, interfaces};
use crate::model::{Network, Publish, Written};
use dataplane::config;
use std::collections::BTreeMap;

/// What the dataplane is told of the network's published ports, in the order in which they were
/// written.
pub fn for_dataplane(network: &Network) -> Vec<config::Publish> {
    let Interfaces { ports, .. } = interfaces(network);
    // The model has proven that each names a port of the network; one that is not made yet is led nowhere.
    network.publish().iter().filter_map(|publish| entry(publish, &ports)).collect()
}

/// Where the network leads who comes to one of its published ports, if that is a port of it.
fn target(network: &Network, written: &Written) -> Option<config::Publish> {
    let publish = network.publish().iter().find(|one| one.written == *written)?;
    entry(publish, &interfaces(network).ports)
}

fn entry(publish: &Publish, ports: &BTreeMap<u32, Addresses>) -> Option<config::Publish> {
    let target = ports.get(&publish.number)?;
    Some(config::Publish {
        protocol: publish.written.protocol.number(),
        address: publish.written.address,
        ports: publish.written.ports.clone(),
        target_v4: target.ipv4.addr(),
        target_v6: target.ipv6.map(|net| net.addr()),
        target_port: *publish.written.targets.start(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkRequest, Subnets};

    #[test]
    fn the_dataplane_is_told_the_namespaces_addresses() {
        let mut request = NetworkRequest::new("ub0", 3);
        request.publish = vec!["[::1]:8000-8001:ub0-2:80-81/udp".to_owned()];
        let subnets = Subnets {
            v4: "172.16.1.0/24".parse().unwrap(),
            v6: Some("fd00::/64".parse().unwrap()),
        };
        let network = Network::new(&request, subnets).unwrap();
        let expected = config::Publish {
            protocol: 17,
            address: Some("::1".parse().unwrap()),
            ports: 8000..=8001,
            target_v4: "172.16.1.3".parse().unwrap(),
            target_v6: Some("fd00::3".parse().unwrap()),
            target_port: 80,
        };
        assert_eq!(for_dataplane(&network), [expected]);
    }
}
