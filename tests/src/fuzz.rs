//! What may come out of a namespace? Anything. So anything is let in here.
//!
//! The input is read as a sequence of frames, each with three bytes before it:
//!
//! ```text
//!  ┌───────────┬──────────────────┬─────────────────────────┐
//!  │ where (1) │ length, LE (2)   │ virtio header and frame │ …
//!  └───────────┴──────────────────┴─────────────────────────┘
//! ```
//!
//! `where % 3` is the port; `where / 3` is for how many ten seconds nothing happens before, so that
//! entries age; 255 lets port 2 vanish instead. The last frame may be cut off. The frames walk through
//! two worlds, a switch alone and one with a router, and each has to end as [`crate::ending`] says.

use crate::ending::{offer, offer_routed};
use crate::network::{network, published, publishing};
use crate::world::{Setup, World};
use dataplane::config::{Action, Filtering, Place, RouterConfig, Rule, StormLimit};
use dataplane::flow::FlowState;
use dataplane::port::Offloads;
use std::time::Duration;

/// Ports of each world: all offloads, none, and some.
pub const PORTS: u16 = 3;

/// More frames than this in one input are not read, so that each case stays short.
const MAX_FRAMES: usize = 64;

/// The `where` byte that makes port 2 vanish.
const VANISH: u8 = 255;

/// The external ports of the world with a router. A sender that uses one of them keeps it.
pub const EXTERNAL: std::ops::RangeInclusive<u16> = 61_000..=61_003;

/// Lets the frames of `data` walk through the small worlds. Panics if one breaks a rule.
pub fn frame_path(data: &[u8]) {
    let switched = |world: &mut World, ingress: u16, bytes: &[u8]| {
        offer(world, ingress, bytes);
    };
    walk(data, world(), switched);
    let mut world = walk(data, routed(), offer_routed);
    nothing_is_lost(&mut world);
}

/// Lets the frames of `data` walk through a world.
fn walk(data: &[u8], mut world: World, mut offer: impl FnMut(&mut World, u16, &[u8])) -> World {
    let mut rest = data;
    for _ in 0..MAX_FRAMES {
        let Some((&[at, low, high], after)) = rest.split_first_chunk() else { return world };
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (bytes, next) = after.split_at(length);
        rest = next;
        if at == VANISH {
            world.host(PORTS - 1).vanish();
            world.run();
        } else {
            world.wait(Duration::from_secs(u64::from(at) / u64::from(PORTS) * 10));
            offer(&mut world, u16::from(at) % PORTS, bytes);
        }
    }
    world
}

/// Longer than any flow lives without a packet.
const FOR_EVER: Duration = Duration::from_secs(6 * 24 * 3600);

/// Lets a world with a router come to an end: nothing waits any more, no flow is left, and every lease
/// is back. Panics otherwise.
pub fn nothing_is_lost(world: &mut World) {
    world.wait(FOR_EVER);
    world.expire_router();
    let router = world.routed();
    assert!(router.is_idle());
    assert_eq!((router.leases(), router.ports_in_use()), (0, 0));
}

/// One frame of an input.
pub fn record(at: u8, bytes: &[u8]) -> Vec<u8> {
    // An input is some kilobytes.
    let length = bytes.len().min(usize::from(u16::MAX)) as u16;
    [&[at][..], &length.to_le_bytes(), bytes].concat()
}

/// What the routers of random worlds do: a bit of everything, in small tables.
pub fn tight(router: &mut RouterConfig) {
    (router.conntrack.limit, router.conntrack.port_limit) = (8, 4);
    router.nat.ports = EXTERNAL;
    router.nat.filtering = Filtering::Address;
    router.published = publishing([published(6), published(17)]);
    router.host.routes.iter_mut().for_each(|route| route.mtu = 1400);
    let to_port = |port: u16, states: &[FlowState], action| Rule {
        protocol: Some(17),
        destination_ports: vec![port..=port],
        states: states.to_vec(),
        action,
        ..Rule::default()
    };
    router.filter.rules = vec![
        to_port(81, &[], Action::Reject),
        to_port(82, &[FlowState::New], Action::Drop),
        Rule {
            from: Some(Place::Namespaces),
            to: Some(Place::Namespaces),
            protocol: Some(6),
            states: vec![FlowState::Invalid],
            action: Action::Reject,
            ..Rule::default()
        },
    ];
}

/// The world with a router: port 1 has no offloads, port 2 some.
fn routed() -> World {
    let some = Offloads::CHECKSUM.with(Offloads::TSO4);
    network(PORTS, tight)
        .port(1, |port| (port.offloads, port.check_source) = (Offloads::NONE, false))
        .port(2, |port| (port.offloads, port.mtu) = (some, 600))
        .start()
}

/// Small tables and tight limits, so that short inputs reach them.
fn world() -> World {
    let some = Offloads::CHECKSUM.with(Offloads::TSO4);
    Setup::of(PORTS)
        .switch(|switch| {
            switch.fdb_capacity = 8;
            switch.fdb_port_limit = 3;
            switch.storm = Some(StormLimit { frames_per_second: 200, bytes_per_second: 20_000 });
        })
        .port(1, |port| (port.offloads, port.isolated) = (Offloads::NONE, true))
        .port(2, |port| (port.offloads, port.isolated, port.mtu) = (some, true, 600))
        .start()
}
