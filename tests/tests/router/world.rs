//! The host with its outside and a network.

use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Need;
use udp_bridge_tests::host::product::Network;
use udp_bridge_tests::host::traffic::End;

/// What every test here needs besides the basics.
pub(super) const NEEDS: &[Need] = &[Need::Ipv6];

/// The MTU of everything, where a test does not say otherwise.
pub(super) const MTU: u32 = 1500;

/// All that plays a part.
pub(super) struct World<'h> {
    pub(super) host: &'h Host,
    pub(super) outside: End,
    pub(super) network: Network<'h>,
    /// The host, by its addresses on the bridge.
    pub(super) bridge: End,
    /// The namespaces.
    pub(super) ends: Vec<End>,
}

impl<'h> World<'h> {
    /// A host with an outside and a network that was brought up with these arguments.
    pub(super) fn up(host: &'h Host, arguments: &str) -> Self {
        Self::beside(host, outside(host, MTU), arguments)
    }

    /// The same beside an outside that is there.
    pub(super) fn beside(host: &'h Host, outside: End, arguments: &str) -> Self {
        let network = host.up(arguments);
        let mut ends = network.ends();
        let bridge = ends.remove(0);
        Self { host, outside, network, bridge, ends }
    }

    /// How many frames from or to any port were dropped for this reason.
    pub(super) fn drops(&self, reason: &str) -> u64 {
        self.network.ports().iter().map(|port| port.drops(reason)).sum()
    }
}

/// An outside, and no programs.
pub(super) fn outside(host: &Host, mtu: u32) -> End {
    host.hide_programs();
    host.add_outside(mtu)
}
