//! What happens when there is no room.

use super::*;
use crate::config::PortLimits;
use std::num::{NonZeroU64, NonZeroUsize};

fn config(limit: usize, port_limit: usize) -> ConntrackConfig {
    ConntrackConfig { limit, port_limit, ..ConntrackConfig::default() }
}

/// A table of UDP flows; the n-th has the client's port n.
struct Full {
    table: Conntrack<Ipv4Addr, u32>,
    census: Census,
    now: Time,
}

impl Full {
    fn new(config: &ConntrackConfig) -> Self {
        let now = Time::START + seconds(1);
        Self { table: Conntrack::new(config), census: Census::new(config, 4), now }
    }

    fn add(&mut self, n: u16, owner: u16) -> Result<Inserted<Ipv4Addr, u32>, (DropReason, u32)> {
        let new = NewFlow { owner: PortId(owner), ..flow(tuple(n, 53, 17), n.into()) };
        self.table.insert(new, &plain(17), &mut self.census, self.now)
    }

    /// Lets the n-th flow have an answer.
    fn answer(&mut self, n: u16) {
        let hit = self.table.find(&tuple(n, 53, 17).inverted(), self.now).unwrap();
        assert_eq!(self.table.update(hit, &plain(17), self.now), Established);
    }

    /// Makes all flows up to the n-th assured.
    fn assure(&mut self, n: u16) {
        (0..n).for_each(|n| self.answer(n));
        self.now = self.now + seconds(3);
        (0..n).for_each(|n| self.answer(n));
    }

    fn expire(&mut self) -> Vec<u32> {
        let mut gone = Vec::new();
        let stale = |_: &Entry<_, _>| false;
        self.table.expire(self.now, usize::MAX, &mut self.census, stale, |flow| {
            gone.push(flow.extra);
        });
        gone
    }
}

#[test]
fn a_port_has_its_share_and_no_more() {
    let mut full = Full::new(&config(10, 3));
    for n in 0..3 {
        assert!(full.add(n, 1).is_ok());
    }
    assert_eq!(full.add(3, 1), Err((DropReason::CtPortFull, 3)));
    assert!(full.add(4, 2).is_ok());
    assert_eq!((full.census.owned(PortId(1)), full.census.owned(PortId(2))), (3, 1));
    let hit = full.table.find(&tuple(0, 53, 17), full.now).unwrap();
    let gone = full.table.remove(hit.id, &mut full.census).unwrap();
    assert_eq!((gone.extra, gone.owner), (0, PortId(1)));
    assert_eq!(full.table.remove(hit.id, &mut full.census), None);
    assert!(full.add(3, 1).is_ok());
}

#[test]
fn a_full_table_drops_a_flow_that_is_not_assured() {
    let mut full = Full::new(&config(8, 8));
    for n in 0..8 {
        assert!(full.add(n, 1).is_ok());
    }
    full.now = full.now + seconds(3);
    for n in [0, 1, 2, 4, 5, 6, 7] {
        full.answer(n);
        full.answer(n);
    }
    let (_, gone) = full.add(100, 2).unwrap();
    assert_eq!(gone.unwrap().extra, 3);
    assert_eq!((full.table.len(), full.census.flows()), (8, 8));
    assert_eq!(full.table.find(&tuple(3, 53, 17), full.now), None);
    assert!(full.table.find(&tuple(100, 53, 17), full.now).is_some());
}

#[test]
fn a_full_table_drops_what_has_expired_first() {
    let mut full = Full::new(&config(4, 4));
    assert!(full.add(0, 1).is_ok());
    full.now = full.now + seconds(30);
    for n in 1..4 {
        assert!(full.add(n, 1).is_ok());
    }
    let (_, gone) = full.add(9, 2).unwrap();
    assert_eq!(gone.unwrap().extra, 0);
}

#[test]
fn a_full_table_of_assured_flows_refuses() {
    let mut full = Full::new(&config(4, 4));
    for n in 0..4 {
        assert!(full.add(n, 1).is_ok());
    }
    full.assure(4);
    assert_eq!(full.add(9, 2), Err((DropReason::CtFull, 9)));
    assert_eq!(full.table.len(), 4);
}

#[test]
fn a_closing_connection_is_dropped_though_it_is_assured() {
    let mut story = Story::open_with(|config| (config.limit, config.port_limit) = (1, 1));
    assert!(story.is_assured());
    let other = NewFlow { owner: PortId(2), ..flow(tuple(1, 53, 17), 7) };
    let refused = story.table.insert(other, &plain(17), &mut story.census, story.now);
    assert_eq!(refused, Err((DropReason::CtFull, 7)));
    story.client(segment(FIN | ACK, 1001, 5001));
    let inserted = story.table.insert(other, &plain(17), &mut story.census, story.now);
    assert_eq!(inserted.unwrap().1.unwrap().original, tuple(40_000, 80, 6));
}

#[test]
fn only_a_few_slots_are_looked_at_for_room() {
    let limit = EARLY_DROP_SLOTS * 200;
    let mut full = Full::new(&config(limit, limit));
    for n in 0..limit as u16 {
        assert!(full.add(n, 1).is_ok());
    }
    full.assure(limit as u16 - 1);
    let refusals = (60_000..60_020).filter(|&n| full.add(n, 2).is_err()).count();
    assert!(refusals >= 15, "one flow in {limit} is not assured: {refusals} of 20 refused");
}

#[test]
fn both_families_count_together() {
    let config = config(2, 2);
    let mut full = Full::new(&config);
    full.census.enter(PortId(3));
    assert!(full.add(0, 1).is_ok());
    assert_eq!(full.add(1, 1).unwrap().1.unwrap().extra, 0);
    let mut other = Census::new(&config, 4);
    other.enter(PortId(3));
    other.enter(PortId(3));
    full.census = other;
    full.table = Conntrack::new(&config);
    assert_eq!(full.add(2, 1), Err((DropReason::CtFull, 2)), "nothing to drop in this family");
}

#[test]
fn limits_may_change_and_nobody_is_turned_out() {
    let mut full = Full::new(&config(2, 2));
    assert!(full.add(0, 1).is_ok() && full.add(1, 1).is_ok());
    let more = config(6, 3);
    full.table.configure(&more);
    full.census.configure(&more, 8);
    assert!(full.add(2, 1).is_ok());
    assert_eq!(full.add(3, 1), Err((DropReason::CtPortFull, 3)));
    assert!(full.add(4, 7).is_ok());
    assert_eq!(full.census.owned(PortId(7)), 1);
    let less = config(1, 1);
    full.table.configure(&less);
    full.census.configure(&less, 8);
    assert_eq!((full.table.len(), full.census.flows()), (4, 4));
    assert_eq!(full.add(5, 1), Err((DropReason::CtPortFull, 5)));
}

#[test]
fn below_a_lower_limit_flows_end_before_others_begin() {
    let mut full = Full::new(&config(8, 8));
    for n in 0..8 {
        assert!(full.add(n, 1).is_ok());
    }
    full.assure(6);
    let less = config(4, 4);
    full.table.configure(&less);
    full.census.configure(&less, 4);
    let joins = |full: &mut Full, n, owner| {
        full.add(n, owner)?;
        full.answer(n);
        full.now = full.now + seconds(3);
        full.answer(n);
        Ok::<_, (DropReason, u32)>(())
    };
    // Those that were not assured make room, one for one; those that are stay.
    assert!(joins(&mut full, 20, 2).is_ok() && joins(&mut full, 21, 2).is_ok());
    assert_eq!(full.census.flows(), 8);
    assert_eq!(joins(&mut full, 22, 3), Err((DropReason::CtFull, 22)));
    assert!((0..6).all(|n| full.table.find(&tuple(n, 53, 17), full.now).is_some()));
    for n in 0..6 {
        if n < 5 {
            assert_eq!(joins(&mut full, 22, 3), Err((DropReason::CtFull, 22)), "{n} have ended");
        }
        let hit = full.table.find(&tuple(n, 53, 17), full.now).unwrap();
        full.table.remove(hit.id, &mut full.census);
    }
    assert!(joins(&mut full, 22, 3).is_ok() && joins(&mut full, 23, 3).is_ok());
    assert_eq!((joins(&mut full, 24, 3), full.census.flows()), (Err((DropReason::CtFull, 24)), 4));
}

#[test]
fn a_port_has_the_lower_one_of_two_limits_and_a_rate_of_its_own() {
    let mut full = Full::new(&config(100, 3));
    let limits = |flows, rate| PortLimits {
        flows: NonZeroUsize::new(flows),
        new_flows: NonZeroU64::new(rate),
        ..PortLimits::NONE
    };
    full.census.limit_port(PortId(1), limits(2, 0));
    full.census.limit_port(PortId(2), limits(50, 0));
    full.census.limit_port(PortId(9), limits(0, 2));
    assert_eq!([1, 2, 3, 9].map(|port| full.census.port_limit(PortId(port))), [2, 3, 3, 3]);
    let added = |full: &mut Full, port, from: u16| {
        let refused: Vec<_> =
            (from..from + 5).filter_map(|n| full.add(n, port).err()).map(|it| it.0).collect();
        (5 - refused.len(), refused.first().copied())
    };
    assert_eq!(added(&mut full, 1, 0), (2, Some(DropReason::CtPortFull)));
    assert_eq!(added(&mut full, 2, 10), (3, Some(DropReason::CtPortFull)));
    assert_eq!(added(&mut full, 9, 20), (2, Some(DropReason::LimitNewFlows)));
    full.now = full.now + seconds(1);
    assert_eq!(added(&mut full, 9, 30), (1, Some(DropReason::CtPortFull)));
    // A flow that is refused for another reason has not begun.
    full.census.limit_port(PortId(9), limits(0, 1));
    assert_eq!(full.add(20, 9), Err((DropReason::CtClash, 20)));
    full.census.limit_port(PortId(9), PortLimits::NONE);
    full.census.configure(&config(100, 10), 0);
    assert_eq!(added(&mut full, 9, 40), (5, None));
}

#[test]
fn two_flows_never_have_one_tuple() {
    let mut full = Full::new(&config(9, 9));
    assert!(full.add(1, 1).is_ok());
    assert_eq!(full.add(1, 1), Err((DropReason::CtClash, 1)));
    let reply = tuple(1, 53, 17).inverted();
    let other = NewFlow { reply, ..flow(tuple(2, 53, 17), 2) };
    let refused = full.table.insert(other, &plain(17), &mut full.census, full.now);
    assert_eq!(refused, Err((DropReason::CtClash, 2)));
    let own = tuple(5, 5, 17);
    let itself = NewFlow { original: own, reply: own, ..flow(own, 3) };
    let refused = full.table.insert(itself, &plain(17), &mut full.census, full.now);
    assert_eq!(refused, Err((DropReason::CtClash, 3)));
    assert_eq!((full.table.len(), full.census.flows()), (1, 1));
}

#[test]
fn a_new_flow_takes_the_tuples_of_those_that_expired() {
    let mut full = Full::new(&config(9, 2));
    assert!(full.add(1, 1).is_ok() && full.add(2, 1).is_ok());
    full.now = full.now + seconds(30);
    let other = NewFlow { reply: tuple(2, 53, 17).inverted(), ..flow(tuple(1, 53, 17), 3) };
    let (id, gone) = full.table.insert(other, &plain(17), &mut full.census, full.now).unwrap();
    assert_eq!(gone.unwrap().extra, 1);
    for (tuple, direction) in [(other.original, Original), (other.reply, Reply)] {
        assert_eq!(full.table.find(&tuple, full.now), Some(Hit { id, direction }));
    }
    assert_eq!(full.expire(), [2], "the second one goes with the next sweep");
    assert_eq!((full.table.len(), full.census.flows()), (1, 1));
    assert!(full.table.find(&other.reply, full.now).is_some());
}

#[test]
fn a_flow_that_cannot_begin_gives_its_extra_back() {
    let mut full = Full::new(&config(9, 9));
    let new = flow(tuple(1, 80, 6), 42);
    let refused = full.table.insert(new, &of_tcp(segment(RST, 1, 1)), &mut full.census, full.now);
    assert_eq!(refused, Err((DropReason::CtInvalid, 42)));
}

#[test]
fn a_sweep_keeps_to_its_budget_and_comes_round() {
    let mut full = Full::new(&config(240, 240));
    for n in 0..240 {
        assert!(full.add(n, 1).is_ok());
    }
    assert_eq!(full.table.sweep_budget(), 2);
    full.now = full.now + seconds(30);
    let (mut gone, mut sweeps) = (0, 0);
    while !full.table.is_empty() {
        let stale = |_: &Entry<_, _>| false;
        let looked = full.table.expire(full.now, 2, &mut full.census, stale, |_| gone += 1);
        sweeps += 1;
        assert_eq!(looked, 2);
    }
    assert_eq!((gone, sweeps, full.census.flows()), (240, SWEEPS, 0));
    assert_eq!((full.table.sweep_budget(), full.expire().len()), (0, 0));
}

#[test]
fn a_sweep_takes_what_others_call_stale() {
    let mut full = Full::new(&config(9, 9));
    for n in 0..6 {
        assert!(full.add(n, 1 + n % 2).is_ok());
    }
    let of_port = |entry: &Entry<_, u32>| entry.owner() == PortId(2);
    let mut gone = Vec::new();
    full.table.expire(full.now, 100, &mut full.census, of_port, |flow| gone.push(flow.extra));
    gone.sort_unstable();
    assert_eq!((gone, full.census.owned(PortId(2))), (vec![1, 3, 5], 0));
}

#[test]
fn a_listing_goes_by_pages() {
    let mut full = Full::new(&config(9, 9));
    for n in 0..5 {
        assert!(full.add(n, 1).is_ok());
    }
    let (mut from, mut ports) = (Some(0), Vec::new());
    while let Some(at) = from {
        let (page, next) = full.table.views(at, 2, full.now);
        ports.extend(page.map(|view| view.original.2));
        from = next;
    }
    assert_eq!(ports, [0, 1, 2, 3, 4]);
    assert_eq!(full.table.views(99, 9, full.now).0.count(), 0);
}
