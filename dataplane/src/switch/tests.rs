//! The FDB against a slow model, over random operations and clocks.

use super::fdb::{Fdb, FdbFull, FdbKind, Learned};
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
/// A sixteenth of it would be more than a second.
const REFRESH_STEP: Duration = Duration::from_secs(1);

/// One entry of the model.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    mac: MacAddr,
    port: PortId,
    kind: FdbKind,
    refreshed: Time,
}

/// The FDB as a list in the order of last refresh, with the rules of the module head and no index.
#[derive(Default)]
struct Model(Vec<Known>);

impl Model {
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
        let loser = if self.learned(port) == PORT_LIMIT {
            Some(port)
        } else if self.0.len() == CAPACITY {
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
            if now - known.refreshed >= REFRESH_STEP {
                self.0.remove(at);
                self.0.push(Known { refreshed: now, ..known });
            }
            return Learned::Known;
        }
        self.0.remove(at);
        Learned::Moved { from: known.port, evicted: self.insert(mac, port, now) }
    }

    fn expired(known: &Known, now: Time) -> bool {
        known.kind == FdbKind::Learned && now - known.refreshed >= AGEING
    }

    fn lookup(&self, mac: MacAddr, now: Time) -> Option<PortId> {
        let known = &self.0[self.position(mac)?];
        (!Self::expired(known, now)).then_some(known.port)
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
    ]
}

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

fn small() -> SwitchConfig {
    SwitchConfig {
        ageing: AGEING,
        fdb_capacity: CAPACITY,
        fdb_port_limit: PORT_LIMIT,
        ..SwitchConfig::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn fdb_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..200)) {
        let mut fdb = Fdb::new(&small(), usize::from(PORTS));
        let mut model = Model::default();
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
                    model.0.retain(|known| !Model::expired(known, now));
                    prop_assert_eq!(fdb.expire(now, usize::MAX), before - model.0.len());
                }
                Step::Flush(port) => {
                    fdb.flush(PortId(port));
                    model.0.retain(|known| known.port != PortId(port));
                }
                Step::AddStatic(n, port) => {
                    let statics = model.0.iter().filter(|k| k.kind == FdbKind::Static).count();
                    let known = model.position(mac(n)).map(|at| model.0[at].kind);
                    let others = statics - usize::from(known == Some(FdbKind::Static));
                    let added = fdb.add_static(mac(n), PortId(port));
                    if others + 1 < CAPACITY {
                        model.0.retain(|known| known.mac != mac(n));
                        let loser = (model.0.len() == CAPACITY).then(|| model.fullest());
                        loser.into_iter().for_each(|loser| model.evict_oldest(loser));
                        prop_assert_eq!(added, Ok(loser));
                        let (mac, port, kind) = (mac(n), PortId(port), FdbKind::Static);
                        model.0.push(Known { mac, port, kind, refreshed: Time::START });
                    } else {
                        prop_assert_eq!(added, Err(FdbFull { capacity: CAPACITY }));
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
            }
            prop_assert_eq!(fdb.len(), model.0.len());
            let due = model.0.iter().filter(|known| known.kind == FdbKind::Learned);
            let due = due.map(|known| known.refreshed + AGEING).min();
            prop_assert_eq!(fdb.next_expiry(), due);
        }
        let mut shown: Vec<_> = fdb.entries(now).map(|e| (e.mac, e.port, e.kind)).collect();
        let fresh = model.0.iter().filter(|known| !Model::expired(known, now));
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
