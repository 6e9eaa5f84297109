//! May it pass?
//!
//! A [`Filter`] is compiled from a [`FilterConfig`] once and then only asked. A [`Question`] is what the
//! rules can see of one packet; the [`Judgement`] says what becomes of it and who said so:
//!
//! ```text
//!  1. rules      in their order, the first that matches decides      By::Rule(index)
//!  2. flow       ESTABLISHED and RELATED pass                        By::Flow
//!  3. icc        from one namespace to another, and icc is off       By::Icc
//!     isolation  to or from another network                          By::Isolation
//!  4. policy     everything else                                     By::Policy
//! ```
//!
//! Networks are apart unless a rule says otherwise, and says which: so of the rules that accept, only
//! those that name another network are asked about it. Those that drop or reject are asked about
//! everything that they match. So rules have two tables: one of all, and one of those that are asked
//! about other networks.
//!
//! Finding the first rule takes no walk through all of them. What a rule compares (its *signature*:
//! which fields, and how many bits of the addresses) is shared by many rules, so there is one hash
//! table for each signature, and one probe in it tells the first of its rules that matches ("tuple
//! space search"; Srinivasan, Suri and Varghese, SIGCOMM 1999). Signatures are asked in the order of
//! their first rules, and not at all once an earlier rule is found. So the time grows with the number
//! of *different signatures* before the deciding rule, not with the number of rules.
//!
//! A rule with lists or ranges stands in its table once for each combination, up to
//! [`EXPANSION_LIMIT`]. Rules with more are compared one by one, but only those before the rule found so
//! far.
//!
//! A filter never changes. Who asks it counts in [`Hits`].
//!
//! Known gap: many rules with wide port ranges cost a comparison each.

mod hits;
mod kept;
mod space;
mod wide;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use hits::{Count, Hits};
pub use kept::kept_rules;

use crate::config::{Action, FilterConfig, Rule};
use crate::flow::{FlowState, Zone};
use crate::outcome::DropReason;
use space::{Pattern, Space};
use std::net::IpAddr;
use wide::Wide;

/// Most combinations of one rule that are looked up by hash: eight addresses by eight ports, or a
/// range of 64 ports. Twice as many cost twice the memory, and spare one comparison.
pub const EXPANSION_LIMIT: usize = 64;

/// Most combinations of all rules that have several. An entry takes 80 bytes, and a table
/// has up to twice the room: 40 MB in all.
pub const EXPANSION_BUDGET: usize = 1 << 18;

/// What the rules can see of a packet. Addresses and ports are those of the namespace's side: after
/// DNAT and before SNAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where it comes from.
    pub from: Zone,
    /// Where it goes.
    pub to: Zone,
    /// The IP protocol number.
    pub protocol: u8,
    /// Who sends.
    pub source: IpAddr,
    /// Who is meant; of the family of `source`.
    pub destination: IpAddr,
    /// The sender's port; looked at for TCP and UDP only.
    pub source_port: u16,
    /// The receiver's port; looked at for TCP and UDP only.
    pub destination_port: u16,
    /// What connection tracking says of it.
    pub state: FlowState,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The rule at this place in [`FilterConfig::rules`].
    Rule(u32),
    /// No rule, but the packet's flow was let pass before.
    Flow,
    /// Namespaces do not begin flows to each other.
    Icc,
    /// Networks do not begin flows to each other.
    Isolation,
    /// The default policy.
    Policy,
}

/// The answer to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of the packet.
    pub action: Action,
    /// Who decided.
    pub by: By,
}

impl Judgement {
    /// Under which reason the packet dies; `None` if it goes on.
    #[inline]
    pub fn reason(self) -> Option<DropReason> {
        match (self.action, self.by) {
            (Action::Accept, _) => None,
            (_, By::Icc) => Some(DropReason::NoIcc),
            (_, By::Isolation) => Some(DropReason::OtherNetwork),
            (Action::Drop, _) => Some(DropReason::FilterDrop),
            (Action::Reject, _) => Some(DropReason::FilterReject),
        }
    }
}

/// Compiled rules.
#[derive(Clone, Debug)]
pub struct Filter {
    rules: Table,
    /// Those that are asked about other networks; `None` if none lets anything pass to one, or from it.
    across: Option<Table>,
    actions: Vec<Action>,
    policy: Action,
    icc: bool,
}

impl Filter {
    /// Compiles rules that [`FilterConfig::check`] has accepted.
    pub fn new(config: &FilterConfig) -> Self {
        // MAX_RULES fits a u32.
        let all = || (0_u32..).zip(&config.rules);
        let opens = |rule: &Rule| rule.networks().next().is_some();
        let across = |(_, rule): &(u32, &Rule)| rule.action != Action::Accept || opens(rule);
        let any_opens = config.rules.iter().any(|it| it.action == Action::Accept && opens(it));
        Self {
            rules: Table::new(all()),
            across: any_opens.then(|| Table::new(all().filter(across))),
            actions: config.rules.iter().map(|rule| rule.action).collect(),
            policy: config.policy,
            icc: config.icc,
        }
    }

    /// What becomes of this packet?
    pub fn judge(&self, question: &Question) -> Judgement {
        let across = question.from.is_network() || question.to.is_network();
        let rules = if across { self.across.as_ref() } else { Some(&self.rules) };
        if let Some(index) = rules.and_then(|rules| rules.first_match(question, || {})) {
            return Judgement { action: self.actions[index as usize], by: By::Rule(index) };
        }
        match (question.from, question.to) {
            _ if matches!(question.state, FlowState::Established | FlowState::Related) => {
                Judgement { action: Action::Accept, by: By::Flow }
            }
            // A namespace that calls its own published port speaks to no other.
            (Zone::Port(from), Zone::Port(to)) if !self.icc && from != to => {
                Judgement { action: Action::Drop, by: By::Icc }
            }
            _ if across => Judgement { action: Action::Drop, by: By::Isolation },
            _ => Judgement { action: self.policy, by: By::Policy },
        }
    }
}

/// Rules that can be asked for the first that matches.
#[derive(Clone, Debug, Default)]
struct Table {
    space: Space,
    /// Rules with too many combinations, in their order.
    wide: Vec<Wide>,
}

impl Table {
    /// These rules, each with its index, in their order.
    fn new<'r>(rules: impl Iterator<Item = (u32, &'r Rule)>) -> Self {
        let mut table = Self::default();
        let mut budget = EXPANSION_BUDGET;
        for (index, rule) in rules {
            let count = Pattern::count(rule);
            if count > 1 && (count > EXPANSION_LIMIT || count > budget) {
                table.wide.push(Wide::new(index, rule));
                continue;
            }
            if count > 1 {
                budget -= count;
            }
            Pattern::for_each(rule, |pattern| table.space.insert(&pattern, index, &rule.states));
        }
        table.space.finish();
        table
    }

    /// The first rule that matches. `step` is called for each probe and each comparison.
    fn first_match(&self, question: &Question, mut step: impl FnMut()) -> Option<u32> {
        let found = self.space.first(question, &mut step);
        let earlier = |wide: &&Wide| found.is_none_or(|index| wide.index() < index);
        self.wide
            .iter()
            .take_while(earlier)
            .find(|wide| {
                step();
                wide.matches(question)
            })
            .map(Wide::index)
            .or(found)
    }
}
