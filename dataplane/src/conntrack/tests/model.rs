//! The table against a slow model: a list of flows, searched from its start.
//!
//! Flows are of UDP; their rules are few enough to write them twice. The table is small, so that early
//! drop looks at all of it and the model knows what must happen.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;

const LIMIT: usize = 12;
const PORT_LIMIT: usize = 7;
const PORTS: u16 = 3;

#[derive(Clone, Debug)]
enum Event {
    /// A packet; a new flow gets this reply tuple if it differs, as NAT does it, and this owner.
    Packet {
        from: u16,
        to: u16,
        mapped: u16,
        owner: u16,
    },
    Wait(u64),
    Remove(u16, u16),
    Sweep(usize),
    Flush(u16),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        30 => (0..6u16, 0..6u16, 0..8u16, 0..PORTS)
            .prop_map(|(from, to, mapped, owner)| Event::Packet { from, to, mapped, owner }),
        4 => (1u64..400).prop_map(Event::Wait),
        2 => (0..6u16, 0..6u16).prop_map(|(from, to)| Event::Remove(from, to)),
        2 => (0usize..10).prop_map(Event::Sweep),
        1 => (0..PORTS).prop_map(Event::Flush),
    ]
}

#[derive(Clone, Debug)]
struct Flow {
    tuples: [Tuple<Ipv4Addr>; 2],
    owner: PortId,
    extra: u32,
    /// In tenths of a second, as all times here.
    begun: u64,
    end: u64,
    replied: bool,
    assured: bool,
    packets: [u64; 2],
}

struct Model {
    table: Conntrack<Ipv4Addr, u32>,
    census: Census,
    flows: Vec<Flow>,
    /// Of each extra that was handed in, how often it came back.
    returned: HashMap<u32, u32>,
    tenths: u64,
}

impl Model {
    fn new() -> Self {
        let config =
            ConntrackConfig { limit: LIMIT, port_limit: PORT_LIMIT, ..ConntrackConfig::default() };
        Self {
            table: Conntrack::new(&config),
            census: Census::new(&config, PORTS.into()),
            flows: Vec::new(),
            returned: HashMap::new(),
            tenths: 0,
        }
    }

    fn now(&self) -> Time {
        Time::START + Duration::from_millis(self.tenths * 100)
    }

    fn find(&self, tuple: &Tuple<Ipv4Addr>) -> Option<(usize, Direction)> {
        self.flows.iter().enumerate().find_map(|(at, flow)| {
            let direction = if flow.tuples[0] == *tuple { Original } else { Reply };
            (flow.end > self.tenths && flow.tuples.contains(tuple)).then_some((at, direction))
        })
    }

    fn give_back(&mut self, extra: u32) {
        *self.returned.entry(extra).or_default() += 1;
    }

    /// A flow has left the table: the model must agree that it may.
    fn gone(&mut self, gone: &Gone<Ipv4Addr, u32>, may_go: impl Fn(&Self, &Flow) -> bool) {
        let at = self.flows.iter().position(|flow| flow.extra == gone.extra).unwrap();
        assert!(may_go(self, &self.flows[at]), "{gone:?}");
        let flow = self.flows.swap_remove(at);
        assert_eq!((flow.tuples, flow.owner), ([gone.original, gone.reply], gone.owner));
        self.give_back(gone.extra);
    }

    fn packet(&mut self, original: Tuple<Ipv4Addr>, reply: Tuple<Ipv4Addr>, owner: PortId) {
        let (now, tenths) = (self.now(), self.tenths);
        let hit = self.table.find(&original, now);
        let found = self.find(&original);
        assert_eq!(hit.map(|hit| hit.direction), found.map(|(_, direction)| direction));
        let (Some(hit), Some((at, direction))) = (hit, found) else {
            return self.begin(original, reply, owner);
        };
        let state = self.table.update(hit, &plain(17), now);
        let flow = &mut self.flows[at];
        let stream = flow.replied && tenths > flow.begun + 20;
        flow.end = tenths + if stream { 1200 } else { 300 };
        flow.assured |= stream;
        flow.replied |= direction == Reply;
        flow.packets[direction as usize] += 1;
        assert_eq!(state, if flow.replied { Established } else { New });
        let entry = self.table.get(hit.id).unwrap();
        assert_eq!((*entry.extra(), entry.packets()), (flow.extra, flow.packets));
        assert_eq!(entry.is_assured(), flow.assured);
    }

    /// What must happen to a new flow.
    fn refusal(&self, tuples: &[Tuple<Ipv4Addr>; 2], owner: PortId) -> Option<DropReason> {
        if tuples[0] == tuples[1] || tuples.iter().any(|tuple| self.find(tuple).is_some()) {
            return Some(DropReason::CtClash);
        }
        // The first expired flow with one of the tuples that was not taken from it before makes room.
        let place = tuples.iter().find_map(|tuple| {
            let hash = self.table.index.hash(tuple);
            let (_, entry) = self.table.index.find(hash, tuple, &self.table.slab)?;
            Some(entry)
        });
        let owned = self.flows.iter().filter(|flow| flow.owner == owner).count();
        if owned >= PORT_LIMIT && place.is_none_or(|entry| entry.owner() != owner) {
            return Some(DropReason::CtPortFull);
        }
        let all_stay = || self.flows.iter().all(|flow| flow.assured && flow.end > self.tenths);
        (place.is_none() && self.flows.len() >= LIMIT && all_stay()).then_some(DropReason::CtFull)
    }

    fn begin(&mut self, original: Tuple<Ipv4Addr>, reply: Tuple<Ipv4Addr>, owner: PortId) {
        let extra = self.returned.len() as u32;
        self.returned.insert(extra, 0);
        let tuples = [original, reply];
        let expected = self.refusal(&tuples, owner);
        let new = NewFlow { original, reply, owner, related: false, extra };
        let now = self.now();
        match self.table.insert(new, &plain(17), &mut self.census, now) {
            Err((reason, extra)) => {
                assert_eq!(Some(reason), expected);
                self.give_back(extra);
            }
            Ok((_, gone)) => {
                assert_eq!(expected, None);
                if let Some(gone) = gone {
                    self.gone(&gone, |model, flow| flow.end <= model.tenths || !flow.assured);
                }
                self.flows.push(Flow {
                    tuples,
                    owner,
                    extra,
                    begun: self.tenths,
                    end: self.tenths + 300,
                    replied: false,
                    assured: false,
                    packets: [1, 0],
                });
            }
        }
    }

    fn sweep(&mut self, budget: usize, flushed: Option<PortId>) {
        let (now, mut gone) = (self.now(), Vec::new());
        let stale = |entry: &Entry<_, _>| Some(entry.owner()) == flushed;
        let looked =
            self.table.expire(now, budget, &mut self.census, stale, |flow| gone.push(flow));
        assert!(looked <= budget);
        for gone in gone {
            self.gone(&gone, |model, flow| flow.end <= model.tenths || Some(flow.owner) == flushed);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Packet { from, to, mapped, owner } => {
                let original = tuple(from, to, 17);
                let original = if mapped % 2 == 0 { original } else { original.inverted() };
                let mut reply = original.inverted();
                reply.destination_port = if mapped < 6 { reply.destination_port } else { mapped };
                self.packet(original, reply, PortId(owner));
            }
            Event::Wait(tenths) => self.tenths += tenths,
            Event::Remove(from, to) => {
                let hit = self.table.find(&tuple(from, to, 17), self.now());
                if let Some(hit) = hit {
                    let gone = self.table.remove(hit.id, &mut self.census).unwrap();
                    self.gone(&gone, |_, _| true);
                }
            }
            Event::Sweep(budget) => self.sweep(budget, None),
            Event::Flush(port) => {
                self.sweep(usize::MAX, Some(PortId(port)));
                assert_eq!(self.census.owned(PortId(port)), 0);
            }
        }
    }

    fn check(&self) {
        assert_eq!((self.table.len(), self.census.flows()), (self.flows.len(), self.flows.len()));
        for port in (0..PORTS).map(PortId) {
            let owned = self.flows.iter().filter(|flow| flow.owner == port).count();
            assert_eq!(self.census.owned(port), owned);
        }
        let alive = self.flows.iter().filter(|flow| flow.end > self.tenths);
        for flow in alive.clone() {
            for tuple in &flow.tuples {
                let hit = self.table.find(tuple, self.now()).unwrap();
                assert_eq!(*self.table.get(hit.id).unwrap().extra(), flow.extra);
            }
        }
        let (views, _) = self.table.views(0, usize::MAX, self.now());
        assert_eq!(views.count(), alive.count());
    }
}

proptest! {
    #[test]
    fn the_table_does_what_the_model_does_and_every_extra_comes_back_once(
        events in vec(event(), 0..300),
    ) {
        let mut model = Model::new();
        for event in events {
            model.happen(event);
            model.check();
        }
        model.tenths += 100_000;
        model.sweep(usize::MAX, None);
        model.check();
        prop_assert!(model.table.is_empty());
        prop_assert!(model.returned.values().all(|&times| times == 1));
    }
}
