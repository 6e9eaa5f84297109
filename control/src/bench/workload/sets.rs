//! Which workloads are measured when none is named?

use super::{Direction, Load, Size, Way, Workload};

/// The datagrams of RFC 2544's smallest frame, and three sizes between it and a full one.
const PAYLOADS: [u16; 4] = [18, 64, 512, 1400];
/// Those that the highest rate without loss is searched for: a search is many measurements.
const LOSSLESS: [u16; 3] = [64, 512, 1400];
/// The MTUs beside the usual one: that of large Ethernet frames, and about the largest there is.
const MTUS: [u16; 2] = [9000, 65520];
/// The numbers of namespaces beside two.
const PORTS: [u16; 2] = [16, 128];
/// The numbers of published ports beside one.
const PUBLISHED: [u16; 2] = [100, 10_000];

const OUT: Load = Load::Tcp { flows: 1, direction: Direction::Out };

fn tcp(flows: u32, direction: Direction) -> Load {
    Load::Tcp { flows, direction }
}

fn on(way: Way) -> impl Fn(Load) -> Workload {
    move |load| Workload { way, load, size: Size::Usual }
}

impl Workload {
    /// What is measured without options: two namespaces of a bridge, with these numbers of flows.
    pub fn usual(flows: &[u32]) -> Vec<Self> {
        let directions = [Direction::Out, Direction::In];
        let streams = flows.iter().flat_map(|&flows| directions.map(|it| tcp(flows, it)));
        let others =
            [tcp(1, Direction::Both), Load::TcpRoundTrip, Load::Udp { payload: 18 }, Load::UdpGso];
        streams.chain(others).map(on(Way::Bridged)).collect()
    }

    /// What is worth measuring of the routed ways, with these numbers of flows. What is bridged beside
    /// an idle NAT comes right after the same without one, to be compared.
    pub fn routed(flows: &[u32]) -> Vec<Self> {
        let streams = |direction| flows.iter().map(move |&flows| tcp(flows, direction));
        let pairs = streams(Direction::Out).zip(streams(Direction::In)).flat_map(<[Load; 2]>::from);
        let published = streams(Direction::Out).map(on(Way::Published));
        let others = [Load::TcpConnect, Load::Udp { payload: 18 }, Load::UdpGso];
        let idle = streams(Direction::Out)
            .flat_map(|load| [Way::Bridged, Way::NatIdle].map(|way| on(way)(load)));
        pairs
            .map(on(Way::Masquerade))
            .chain(published)
            .chain(others.map(on(Way::Masquerade)))
            .chain(idle)
            .collect()
    }

    /// A first look within a minute: the ones that differ most.
    pub fn quick() -> Vec<Self> {
        let bridged = [OUT, tcp(4, Direction::Out), Load::TcpRoundTrip, Load::Udp { payload: 18 }];
        let masqueraded = [OUT, Load::TcpConnect];
        let bridged = bridged.into_iter().map(on(Way::Bridged));
        bridged.chain(masqueraded.into_iter().map(on(Way::Masquerade))).collect()
    }

    /// Everything, with these numbers of flows.
    pub fn full(flows: &[u32]) -> Vec<Self> {
        let directions = [Direction::Out, Direction::In, Direction::Both];
        let mut all: Vec<Self> = flows
            .iter()
            .flat_map(|&flows| directions.map(|it| tcp(flows, it)))
            .chain([Load::TcpRoundTrip, Load::TcpLoadedRoundTrip, Load::TcpConnect])
            .chain(PAYLOADS.map(|payload| Load::Udp { payload }))
            .chain(LOSSLESS.map(|payload| Load::UdpLossless { payload }))
            .chain([Load::UdpGso])
            .map(on(Way::Bridged))
            .collect();
        let routed = Self::routed(flows).into_iter().filter(|it| it.way != Way::Bridged);
        all.extend(routed);
        all.extend([Load::TcpRoundTrip].map(on(Way::Masquerade)));
        all.extend([Load::TcpConnect].map(on(Way::Published)));
        all.extend([Load::Flows, Load::FlowsCapacity].map(on(Way::Masquerade)));
        all.extend(
            [Load::Broadcast, Load::Mesh, Load::LearningRate, Load::FdbCapacity].map(Self::bridged),
        );
        for size in MTUS.map(Size::Mtu) {
            let loads = [OUT, tcp(4, Direction::Out), Load::TcpRoundTrip];
            all.extend(loads.map(|load| Self { size, ..Self::bridged(load) }));
            all.push(Self { size, ..on(Way::Masquerade)(OUT) });
        }
        for size in PORTS.map(Size::Ports) {
            all.extend([OUT, Load::TcpRoundTrip].map(|load| Self { size, ..Self::bridged(load) }));
        }
        for size in PUBLISHED.map(Size::Published) {
            let loads = [OUT, Load::TcpConnect];
            all.extend(loads.map(|load| Self { size, ..on(Way::Published)(load) }));
        }
        all
    }

    /// One of each kind, for who asked for another.
    pub fn known() -> Vec<Self> {
        let streams = [Direction::Out, Direction::In, Direction::Both].map(|it| tcp(1, it));
        let numbered = [Load::Udp { payload: 18 }, Load::UdpLossless { payload: 18 }];
        let place = |load: Load| {
            let way = if load.is_tracked() { Way::Masquerade } else { Way::Bridged };
            on(way)(load)
        };
        streams.into_iter().chain(numbered).chain(Load::FIXED).map(place).collect()
    }
}
