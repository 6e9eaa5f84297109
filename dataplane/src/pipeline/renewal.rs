//! May a flow outlive a change of the configuration?
//!
//! Each flow has the epoch of the configuration that it was last judged by. One of another epoch is
//! judged anew with its next packet, or when a sweep comes to it; one that may not go on ends there. What
//! the configuration says by itself is asked here, what the last change took away in [`super::change`].

use super::begin::is_not_routed;
use super::change::Now;
use super::family::{Family, Keep};
use super::path::Path;
use super::router::Shared;
use crate::config::RouterConfig;
use crate::conntrack::{Entry, Hit};
use crate::gateway::HOST;
use crate::nat::Nat;
use crate::routes::{Routed, Routes};

impl<A: Routed> Path<'_, A> {
    /// The flow, if it may go on; it is of this epoch then, and the rules are asked anew.
    #[cold]
    pub(super) fn renew(&mut self, hit: Hit) -> Option<Hit> {
        let Family { tracked, routes, nat, .. } = &mut *self.family;
        let Shared { config, gateway, filter, change, epoch, .. } = &*self.shared;
        let judge = Now { config, gateway, filter, change, routes, nat, time: self.now };
        let entry = tracked.get_mut(hit.id)?;
        if judge.allows(entry) {
            entry.set_epoch(*epoch);
            entry.set_marks(0);
            return Some(hit);
        }
        let gone = tracked.remove(hit.id, &mut self.shared.census)?;
        self.family.bury(gone);
        None
    }
}

/// Does the network still reach the outside, is the other end still where it was, is the flow's external
/// address still the host's, does the published port it came by still lead there, and is what it called
/// of the host not published since?
pub(super) fn is_allowed<A: Routed>(
    entry: &Entry<A, Keep>,
    config: &RouterConfig,
    routes: &Routes<A>,
    nat: &Nat<A>,
) -> bool {
    let (original, reply) = (entry.original(), entry.reply());
    let is_outside = |end: A| !routes.is_own(end) && !config.is_inside(end.into());
    let leaves = is_outside(original.source) || is_outside(reply.source);
    // What was the outside may be a network by now.
    let meets_network = [original.source, reply.source]
        .iter()
        .any(|&end| is_outside(end) && routes.network_of(end).is_some());
    let is_wrong = if original.inverted() == *reply {
        is_stranded(entry, config, routes)
    } else {
        leaves && !config.has_outside() || meets_network
    };
    if is_wrong {
        return false;
    }
    if original.source != reply.destination && !routes.is_own(reply.destination) {
        return false;
    }
    let called = (original.destination, original.destination_port);
    let reached = (reply.source, reply.source_port);
    let published = config.published.find(original.protocol, called.0.into(), called.1);
    if called == reached {
        return published.is_none() || !routes.is_own(called.0);
    }
    let target = match published {
        Some((address, port)) => A::of(address).map(|address| (address, port)),
        None => nat.mapped(original.protocol, called.0, called.1),
    };
    target == Some(reached) && routes.is_own(called.0)
}

/// Was it with another network that is gone since? Untranslated it would go to the outside.
fn is_stranded<A: Routed>(
    entry: &Entry<A, Keep>,
    config: &RouterConfig,
    routes: &Routes<A>,
) -> bool {
    let is_inside = |end: A| config.is_inside(end.into());
    let is_gone = |end: A| {
        let known = routes.is_own(end) || is_inside(end) || routes.network_of(end).is_some();
        !known && !is_not_routed(end)
    };
    let (caller, called) = (entry.original().source, entry.reply().source);
    let is_routed = [entry.owner(), entry.extra().peer].contains(&HOST);
    config.uplink.is_some()
        && is_routed
        && (is_inside(caller) && is_gone(called) || is_gone(caller) && is_inside(called))
}
