//! The FDB against a slow model, over random operations and clocks.

use super::fdb::{Fdb, FdbFull, FdbKind, Learned, Room};
use crate::clock::Time;
use crate::config::SwitchConfig;
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use proptest::prelude::*;
use std::time::Duration;

const PORTS: u16 = 4;
const CAPACITY: usize = 12;
const PORT_LIMIT: usize = 5;
const AGEING: Duration = Duration::from_secs(20);

/// One entry of the model.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    mac: MacAddr,
    port: PortId,
    kind: FdbKind,
    refreshed: Time,
}

/// The FDB as a list in the order of last refresh, with the rules of the module head and no index; and
/// its limits now.
struct Model(Vec<Known>, SwitchConfig);

impl Model {
    fn statics(&self) -> usize {
        self.0.iter().filter(|known| known.kind == FdbKind::Static).count()
    }

    /// Lets go what is beyond the limits. Returns who lost how many.
    fn trim(&mut self) -> [usize; PORTS as usize] {
        let mut lost = [0; PORTS as usize];
        for port in 0..PORTS {
            while self.learned(PortId(port)) > self.1.fdb_port_limit {
                self.evict_oldest(PortId(port));
                lost[usize::from(port)] += 1;
            }
        }
        while self.0.len() > self.1.fdb_capacity {
            let loser = self.fullest();
            self.evict_oldest(loser);
            lost[loser.index()] += 1;
        }
        lost
    }

    fn position(&self, mac: MacAddr) -> Option<usize> {
        self.0.iter().position(|known| known.mac == mac)
    }

    fn learned(&self, port: PortId) -> usize {
        let learned = |known: &&Known| known.port == port && known.kind == FdbKind::Learned;
        self.0.iter().filter(learned).count()
    }

    fn fullest(&self) -> PortId {
        let fullest = (0..PORTS).map(PortId).max_by_key(|&port| self.learned(port));
        fullest.expect("there are ports")
    }

    fn evict_oldest(&mut self, port: PortId) {
        let oldest = self.0.iter().position(|k| k.port == port && k.kind == FdbKind::Learned);
        self.0.remove(oldest.expect("the loser has an entry"));
    }

    fn insert(&mut self, mac: MacAddr, port: PortId, now: Time) -> Option<PortId> {
        let loser = if self.learned(port) == self.1.fdb_port_limit {
            Some(port)
        } else if self.0.len() == self.1.fdb_capacity {
            Some(self.fullest())
        } else {
            None
        };
        if let Some(loser) = loser {
            self.evict_oldest(loser);
        }
        self.0.push(Known { mac, port, kind: FdbKind::Learned, refreshed: now });
        loser
    }

    fn learn(&mut self, mac: MacAddr, port: PortId, now: Time) -> Learned {
        let Some(at) = self.position(mac) else {
            return Learned::New { evicted: self.insert(mac, port, now) };
        };
        let known = self.0[at].clone();
        if known.kind == FdbKind::Static {
            return if known.port == port { Learned::Known } else { Learned::StaticElsewhere };
        }
        if known.port == port {
            if now - known.refreshed >= refresh_step(self.1.ageing) {
                self.0.remove(at);
                self.0.push(Known { refreshed: now, ..known });
            }
            return Learned::Known;
        }
        self.0.remove(at);
        Learned::Moved { from: known.port, evicted: self.insert(mac, port, now) }
    }

    fn expired(&self, known: &Known, now: Time) -> bool {
        known.kind == FdbKind::Learned && now - known.refreshed >= self.1.ageing
    }

    fn lookup(&self, mac: MacAddr, now: Time) -> Option<PortId> {
        let known = &self.0[self.position(mac)?];
        (!self.expired(known, now)).then_some(known.port)
    }
}

/// What may happen to an FDB.
#[derive(Clone, Debug)]
enum Step {
    Learn(u8, u16),
    Lookup(u8),
    Wait(u64),
    Expire,
    Flush(u16),
    AddStatic(u8, u16),
    Remove(u8, u16),
    /// Capacity, port limit, ageing time in seconds.
    Configure(usize, usize, u64),
    ForgetLearned,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u8..24, 0..PORTS).prop_map(|(mac, port)| Step::Learn(mac, port)),
        4 => (0u8..24).prop_map(Step::Lookup),
        3 => (0u64..8_000).prop_map(Step::Wait),
        1 => Just(Step::Expire),
        1 => (0..PORTS).prop_map(Step::Flush),
        1 => (0u8..24, 0..PORTS).prop_map(|(mac, port)| Step::AddStatic(mac, port)),
        1 => (0u8..24, 0..PORTS).prop_map(|(mac, port)| Step::Remove(mac, port)),
        1 => (1..2 * CAPACITY, 1..2 * PORT_LIMIT, 1u64..40)
            .prop_map(|(capacity, port, ageing)| Step::Configure(capacity, port, ageing)),
        1 => Just(Step::ForgetLearned),
    ]
}

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

fn small() -> SwitchConfig {
    limits(CAPACITY, PORT_LIMIT, AGEING.as_secs())
}

fn limits(fdb_capacity: usize, fdb_port_limit: usize, ageing: u64) -> SwitchConfig {
    let ageing = Duration::from_secs(ageing);
    SwitchConfig { ageing, fdb_capacity, fdb_port_limit, ..SwitchConfig::default() }
}

fn refresh_step(ageing: Duration) -> Duration {
    (ageing / 16).min(Duration::from_secs(1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn fdb_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..200)) {
        let mut fdb = Fdb::new(&small(), usize::from(PORTS));
        let mut model = Model(Vec::new(), small());
        let mut now = Time::START;
        for step in steps {
            match step {
                Step::Learn(n, port) => {
                    let port = PortId(port);
                    prop_assert_eq!(fdb.learn(mac(n), port, now), model.learn(mac(n), port, now));
                }
                Step::Lookup(n) => {
                    prop_assert_eq!(fdb.lookup(mac(n), now), model.lookup(mac(n), now));
                }
                Step::Wait(millis) => now = now + Duration::from_millis(millis),
                Step::Expire => {
                    let before = model.0.len();
                    let aged = model.0.iter().filter(|known| model.expired(known, now)).cloned();
                    let aged: Vec<_> = aged.collect();
                    model.0.retain(|known| !aged.contains(known));
                    prop_assert_eq!(fdb.expire(now, usize::MAX), before - model.0.len());
                }
                Step::Flush(port) => {
                    fdb.flush(PortId(port));
                    model.0.retain(|known| known.port != PortId(port));
                }
                Step::AddStatic(n, port) => {
                    let (statics, capacity) = (model.statics(), model.1.fdb_capacity);
                    let known = model.position(mac(n)).map(|at| model.0[at].kind);
                    let others = statics - usize::from(known == Some(FdbKind::Static));
                    let added = fdb.add_static(mac(n), PortId(port));
                    if others + 1 < capacity {
                        model.0.retain(|known| known.mac != mac(n));
                        let loser = (model.0.len() == capacity).then(|| model.fullest());
                        loser.into_iter().for_each(|loser| model.evict_oldest(loser));
                        prop_assert_eq!(added, Ok(loser));
                        let (mac, port, kind) = (mac(n), PortId(port), FdbKind::Static);
                        model.0.push(Known { mac, port, kind, refreshed: Time::START });
                    } else {
                        prop_assert_eq!(added, Err(FdbFull { capacity }));
                    }
                }
                Step::Remove(n, port) => {
                    let known = model.position(mac(n));
                    let at = known.filter(|&at| model.0[at].port == PortId(port));
                    if let Some(at) = at {
                        model.0.remove(at);
                    }
                    prop_assert_eq!(fdb.remove_entry(mac(n), PortId(port)), at.is_some());
                }
                Step::Configure(capacity, port_limit, ageing) => {
                    model.1 = limits(capacity.max(model.statics() + 1), port_limit, ageing);
                    let capacity = model.1.fdb_capacity;
                    let room = (capacity > fdb.room()).then(|| Room::touched(capacity));
                    fdb.configure(&model.1, room);
                    let mut lost = [0; PORTS as usize];
                    while let Some(loser) = fdb.trim() {
                        lost[loser.index()] += 1;
                    }
                    prop_assert_eq!(lost, model.trim());
                }
                Step::ForgetLearned => {
                    let before = model.0.len();
                    model.0.retain(|known| known.kind == FdbKind::Static);
                    prop_assert_eq!(fdb.forget_learned(usize::MAX), before - model.0.len());
                }
            }
            prop_assert_eq!(fdb.len(), model.0.len());
            let due = model.0.iter().filter(|known| known.kind == FdbKind::Learned);
            let due = due.map(|known| known.refreshed + model.1.ageing).min();
            prop_assert_eq!(fdb.next_expiry(), due);
        }
        let mut shown: Vec<_> = fdb.entries(now).map(|e| (e.mac, e.port, e.kind)).collect();
        let fresh = model.0.iter().filter(|known| !model.expired(known, now));
        let mut expected: Vec<_> = fresh.map(|k| (k.mac, k.port, k.kind)).collect();
        shown.sort_by_key(|entry| entry.0);
        expected.sort_by_key(|entry| entry.0);
        prop_assert_eq!(shown, expected);
    }
}

#[test]
fn a_busy_entry_is_written_once_a_step() {
    let mut fdb = Fdb::new(&small(), 2);
    fdb.learn(mac(1), PortId(1), Time::START);
    let almost = Time::START + (fdb.refresh_step() - Duration::from_nanos(1));
    fdb.learn(mac(1), PortId(1), almost);
    assert_eq!(fdb.next_expiry(), Some(Time::START + AGEING));
    let step = Time::START + fdb.refresh_step();
    fdb.learn(mac(1), PortId(1), step);
    assert_eq!(fdb.next_expiry(), Some(step + AGEING));
}

#[test]
fn what_is_beyond_a_smaller_limit_is_let_go_one_by_one_and_learning_goes_on_between() {
    let mut fdb = Fdb::new(&limits(100, 50, 20), 2);
    for n in 0..60 {
        fdb.learn(mac(n), PortId(u16::from(n) % 2), Time::START);
    }
    fdb.configure(&limits(10, 8, 20), None);
    // As in a full table: nobody has more than before.
    assert_eq!(
        fdb.learn(mac(60), PortId(0), Time::START),
        Learned::New { evicted: Some(PortId(0)) }
    );
    assert_eq!((fdb.len(), fdb.capacity()), (60, 10));
    let trimmed = std::iter::from_fn(|| fdb.trim()).count();
    assert_eq!((trimmed, fdb.len(), fdb.trim()), (50, 10, None));
    // The last that were seen are left.
    let all: Vec<_> = fdb.entries(Time::START).map(|entry| entry.mac).collect();
    assert!(all.contains(&mac(60)) && all.contains(&mac(59)) && !all.contains(&mac(0)), "{all:?}");
}

#[test]
fn static_entries_make_no_table_larger_that_is_beyond_a_smaller_limit() {
    let mut fdb = Fdb::new(&limits(100, 50, 20), 2);
    for n in 0..60 {
        fdb.learn(mac(n), PortId(u16::from(n) % 2), Time::START);
    }
    fdb.configure(&limits(10, 50, 20), None);
    // One comes, one goes, as in a full table: of the port that has most.
    assert_eq!(fdb.add_static(mac(70), PortId(0)), Ok(Some(PortId(1))));
    assert_eq!(fdb.add_static(mac(71), PortId(0)), Ok(Some(PortId(0))));
    assert_eq!(fdb.len(), 60);
    // Where it takes the place of a learned one, another goes yet.
    assert_eq!(fdb.add_static(mac(59), PortId(1)), Ok(Some(PortId(0))));
    assert_eq!(fdb.len(), 59);
    // There are no more of them than the smaller limit allows.
    for n in 72..78 {
        assert!(fdb.add_static(mac(n), PortId(0)).unwrap().is_some());
    }
    assert_eq!(fdb.add_static(mac(78), PortId(0)), Err(FdbFull { capacity: 10 }));
    assert_eq!((fdb.statics(), fdb.len()), (9, 59));
    let trimmed = std::iter::from_fn(|| fdb.trim()).count();
    assert_eq!((trimmed, fdb.len(), fdb.statics()), (49, 10, 9));
}
