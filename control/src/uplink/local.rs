//! How does the rule that the kernel asks first make room for ours?
//!
//! Pure: it is added behind our rules before the old one goes, and the other way round at the end, so
//! there is no moment without one.

use crate::netlink::{PROTOCOL_KERNEL, PROTOCOL_OURS, Rule};

/// Where our rules are, and behind them the `local` rule, which must not see what is ours. As low as
/// can be, so that no rule of others changes its place against `local`.
pub(super) const PRIORITY_LOCAL: u32 = 2;

/// One change of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Add it.
    Add(Rule),
    /// Remove it.
    Remove(Rule),
}

/// Moves the `local` rule from its first place, new one first. A host that has moved it already keeps
/// what it has; one that has lost it gets it back.
pub fn move_local(rules: &[Rule], ipv4: bool) -> Vec<Step> {
    let local: Vec<&Rule> =
        rules.iter().filter(|rule| rule.ipv4 == ipv4 && rule.is_local()).collect();
    let first = local.iter().filter(|rule| rule.priority == 0);
    let mut steps = Vec::new();
    if local.iter().all(|rule| rule.priority == 0) {
        steps.push(Step::Add(Rule::local(ipv4, PRIORITY_LOCAL, PROTOCOL_OURS)));
    }
    steps.extend(first.map(|rule| Step::Remove((*rule).clone())));
    steps
}

/// Puts the `local` rule back to where the kernel has it, if it was us who moved it.
pub fn restore_local(rules: &[Rule], ipv4: bool) -> Vec<Step> {
    let ours = rules.iter().filter(|rule| {
        rule.ipv4 == ipv4 && rule.is_local() && rule.protocol == PROTOCOL_OURS && rule.priority > 0
    });
    let removals: Vec<Step> = ours.cloned().map(Step::Remove).collect();
    let first = || Step::Add(Rule::local(ipv4, 0, PROTOCOL_KERNEL));
    removals.first().map(|_| first()).into_iter().chain(removals).collect()
}

/// The priority of the first `local` rule once the kernel's is out of the way; at least 1.
pub(super) fn local_priority(rules: &[Rule], ipv4: bool) -> u32 {
    let moved = |rule: &&Rule| rule.ipv4 == ipv4 && rule.is_local() && rule.priority > 0;
    rules.iter().filter(moved).map(|rule| rule.priority).min().unwrap_or(PRIORITY_LOCAL)
}
