//! Which flows end with a port, whatever there are?

use crate::live::{call, hairpin, question, world};
use proptest::prelude::*;
use std::collections::HashSet;
use udp_bridge_tests::network::*;
use udp_bridge_tests::world::World;

/// Flows of all kinds between the ends of a network of four ports, in random order.
#[derive(Clone, Copy, Debug)]
enum Begun {
    Out(u16, u16),
    In(u16),
    Hairpin(u16, u16),
}

fn begun() -> impl Strategy<Value = Begun> {
    prop_oneof![
        (1u16..4, 5000u16..5020).prop_map(|(port, from)| Begun::Out(port, from)),
        (8000u16..8010).prop_map(Begun::In),
        (1u16..4, 8000u16..8010).prop_map(|(port, to)| Begun::Hairpin(port, to)),
    ]
}

impl Begun {
    fn frame(self, family: Family) -> (u16, Vec<u8>) {
        match self {
            Self::Out(port, from) => (port, question(family, port, from)),
            Self::In(to) => (0, call(family, to)),
            Self::Hairpin(port, to) => (port, hairpin(family, port, to)),
        }
    }

    /// Has the flow to do with the port? What is published is behind port 1.
    fn concerns(self, port: u16) -> bool {
        match self {
            Self::Out(of, _) => of == port,
            Self::In(_) => port == 1,
            Self::Hairpin(of, _) => of == port || port == 1,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn just_the_flows_of_a_port_end_with_it_and_all_that_they_held_is_back(
        all in proptest::collection::vec(begun(), 1..60), gone in 1u16..4, v6 in any::<bool>(),
    ) {
        let family = if v6 { V6 } else { V4 };
        let mut world = world();
        let send = |world: &mut World, begun: Begun| {
            let (port, frame) = begun.frame(family);
            world.send(port, &frame);
            world.run();
            world.ports().flat_map(|port| world.received_by(port)).collect::<Vec<_>>()
        };
        let before: Vec<_> = all.iter().map(|&begun| (begun, send(&mut world, begun))).collect();
        let stay: Vec<_> = before.into_iter().filter(|(begun, _)| !begun.concerns(gone)).collect();
        world.remove(gone);
        let originals: HashSet<_> = stay.iter().map(|(begun, _)| begun.frame(family)).collect();
        prop_assert_eq!(world.flows().len(), originals.len());
        // All others go on as they did.
        for (begun, came) in stay {
            prop_assert_eq!(send(&mut world, begun), came);
        }
        prop_assert_eq!(world.flows().len(), originals.len());
        for port in 1..4 {
            world.remove(port);
        }
        let router = world.routed();
        prop_assert_eq!((router.flows(), router.leases(), router.ports_in_use()), (0, 0, 0));
    }
}
