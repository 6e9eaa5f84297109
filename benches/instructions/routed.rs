//! What goes through a router, as the engine forwards it.

use dataplane::config::Config;
use dataplane::flow::Address;
use udp_bridge_benches::counting::{Case, Work};
use udp_bridge_benches::flows::{SMALL, tuple_v6};
use udp_bridge_benches::routing::{
    HOST, NAMESPACE, PUBLISHED, Scene, beginning, bridged, fragmented, handed_back, masqueraded,
    published, router, ruled, v4,
};
use udp_bridge_benches::switching::{BATCH, serve};

/// Published ports, one of which is called.
const MANY_PORTS: u16 = 10_000;
/// Rules, none of which names what is asked.
const MANY_RULES: u16 = 1000;
/// Connections that are begun: before it counts, and when it does.
const BEGUN: u32 = 2 * BATCH as u32;
/// Connections that there are already. With these no table grows while it counts, which each does when
/// seven eighths of a power of two are full.
const OTHERS: u32 = BATCH as u32;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "bridged 64 B beside an idle router",
            build: || work(bridged(SMALL), &router(1)),
        },
        Case {
            name: "bridged 64 B, judged by 1,000 rules",
            build: || work(bridged(SMALL), &ruled(MANY_RULES)),
        },
        Case {
            name: "masqueraded out, TCPv4 64 B",
            build: || work(masqueraded(NAMESPACE, SMALL, v4), &router(1)),
        },
        Case {
            name: "masqueraded in, TCPv4 64 B",
            build: || work(masqueraded(HOST, SMALL, v4), &router(1)),
        },
        Case {
            name: "masqueraded out, TCPv6 84 B",
            build: || work(masqueraded(NAMESPACE, SMALL, tuple_v6), &router(1)),
        },
        Case {
            name: "masqueraded in, TCPv6 84 B",
            build: || work(masqueraded(HOST, SMALL, tuple_v6), &router(1)),
        },
        Case {
            name: "published, one of 10,000 ports, TCPv4 64 B",
            build: || {
                let port = PUBLISHED + MANY_PORTS / 2;
                work(published(port, SMALL, v4), &router(MANY_PORTS))
            },
        },
        Case {
            name: "published, TCPv6 84 B",
            build: || work(published(PUBLISHED, SMALL, tuple_v6), &router(1)),
        },
        Case {
            name: "new flow with a mapping, TCPv4",
            build: || work(beginning(OTHERS, BEGUN, v4), &router(1)),
        },
        Case {
            name: "new flow with a mapping, TCPv6",
            build: || work(beginning(OTHERS, BEGUN, tuple_v6), &router(1)),
        },
        Case {
            name: "new flow with a mapping, past 1,000 rules",
            build: || work(beginning(OTHERS, BEGUN, v4), &ruled(MANY_RULES)),
        },
        Case { name: "handed back to the host", build: || work(handed_back(), &router(1)) },
        Case { name: "later fragment, out", build: || work(fragmented(), &router(1)) },
    ]
}

fn work<A: Address>(scene: Scene<A>, config: &Config) -> Work {
    let measured = scene.measured;
    let mut forwarder = scene.open(config);
    Work::of(BATCH, move || serve(&mut forwarder, measured))
}
