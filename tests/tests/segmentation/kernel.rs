//! What does the kernel make of a frame?

use super::recipe::MACS;
use dataplane::frame::{FrameBuffer, Offloads};
use dataplane::port::tap::Tap;
use dataplane::port::{Port, Received};
use dataplane::wire::vnet;
use netlink_packet_route::link::LinkAttribute;
use std::fs;
use std::time::Duration;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::wait;

/// What the kernel does with a frame is done when the write returns, but for a very busy machine.
const BUSY: Duration = Duration::from_millis(300);

/// Two TAPs, of which the second takes no offloads, on a bridge of the kernel's.
pub(super) struct Kernel {
    to: Tap,
    from: Tap,
}

impl Kernel {
    pub(super) fn new() -> Self {
        for name in ["default", "all"] {
            // So that the kernel says nothing by itself.
            let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
        }
        let rtnl = Rtnl::open();
        rtnl.try_bridge("br0").unwrap();
        let to = Tap::open("to", Offloads::ALL).unwrap();
        let from = Tap::open("from", Offloads::NONE).unwrap();
        // All segments of the largest frame wait in its ring.
        rtnl.set("from", LinkAttribute::TxQueueLen(4000));
        for name in ["to", "from"] {
            rtnl.set_bridge(name, "br0");
            rtnl.up(name);
        }
        rtnl.up("br0");
        let mut kernel = Self { to, from };
        kernel.wait_for_forwarding();
        kernel
    }

    /// A bridge port forwards a moment after its carrier is seen.
    fn wait_for_forwarding(&mut self) {
        let mut probe = vec![0; vnet::HEADER_LEN];
        probe.extend([0xff; 6]);
        probe.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
        probe.resize(vnet::HEADER_LEN + 60, 0);
        wait::for_yes("the bridge forwards", || {
            // Refused while the interface is still down.
            let _ = self.to.send(&probe);
            self.read().is_some()
        });
        while self.read().is_some() {}
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mut buffer = FrameBuffer::new();
        match self.from.receive(&mut buffer) {
            Received::Frame(length) => Some(buffer.filled(length).to_vec()),
            _ => None,
        }
    }

    /// What it makes of a frame; it writes into the second TAP before our own write returns.
    pub(super) fn cut(&mut self, bytes: &[u8], count: usize) -> Vec<Vec<u8>> {
        self.to.send(bytes).unwrap();
        let mut frames = Vec::new();
        wait::until(BUSY, || {
            while let Some(frame) = self.read() {
                // The bridge asks for multicast listeners now and then.
                if frame[vnet::HEADER_LEN..].starts_with(&MACS) {
                    frames.push(frame);
                }
            }
            (frames.len() >= count).then_some(())
        });
        frames
    }
}
