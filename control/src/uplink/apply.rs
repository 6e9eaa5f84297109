//! How is an uplink made and followed?
//!
//! Every step can be done twice. What several networks share (the `local` rule, settings of other
//! interfaces, reserved ports) is touched only by who holds the site's lock; `others` are then the
//! entries of the networks that live, this one's not among them.

use super::beside::Beside;
use super::choose::check_more;
use super::host::{Host, RESERVED, reserved};
use super::ledger::Ledger;
use super::local::{Step, move_local};
use super::plan::{Desired, MAX_PAIRS, families};
use super::view::MAX_PREFIXES;
use super::{Claim, Entry, UplinkError, Wanted, choose, desired, ports, tap};
use crate::netlink::{Netlink, NetlinkError, PROTOCOL_OURS, Rule};
use crate::netns;
use crate::sysctl;
use dataplane::config::NextHop;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Something that an uplink does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Caveat {
    /// IPv6 cannot be forwarded without changing the whole host.
    #[error(
        "there is no way to the outside for IPv6: Linux before 6.17 forwards it by all interfaces or \
         by none; switch it on with `sysctl net.ipv6.conf.all.forwarding=1` (routes that the host \
         learns from router advertisements need accept_ra=2 then) and start the network anew"
    )]
    Ipv6NotForwarded,
    /// The host has very many addresses.
    #[error(
        "replies come back by {MAX_PAIRS} pairs of interface and address at most; {0} pairs are left out"
    )]
    Pairs(usize),
    /// The host has very many routes.
    #[error(
        "the host has more than {MAX_PREFIXES} routes: the source address is chosen by its default \
         and connected routes alone"
    )]
    Prefixes,
}

/// An uplink that stands.
#[derive(Clone, Debug)]
pub struct Uplink {
    /// The state directory, which has the ledger.
    folder: PathBuf,
    entry: Entry,
    next_hop: NextHop,
}

/// The host at one moment, and what should be there.
#[derive(Debug)]
pub struct Look {
    host: Host,
    desired: Desired,
}

impl Look {
    /// What is left out, here and of what the dataplane is told, which may not be all.
    pub fn caveats(&self, all: bool) -> Vec<Caveat> {
        let left_out = self.desired.left_out;
        let pairs = (left_out > 0).then_some(Caveat::Pairs(left_out));
        let prefixes = (!all).then_some(Caveat::Prefixes);
        pairs.into_iter().chain(prefixes).collect()
    }
}

/// The entries of the other networks when an uplink is made.
#[derive(Clone, Copy, Debug)]
pub struct Others<'a> {
    /// Of those that live.
    pub living: &'a [Entry],
    /// Of those that were killed and not cleared up after.
    pub dead: &'a [Entry],
}

/// Writes an entry into the network's journal.
pub type Note<'a> = &'a mut dyn FnMut(&Entry) -> Result<(), UplinkError>;

impl Uplink {
    /// Makes the uplink for a TAP that is up. If that fails, what was noted is to be [lowered](super::lower()).
    ///
    /// # Errors
    /// It is refused, or a step fails.
    pub fn raise(
        folder: &Path,
        wanted: &Wanted,
        next_hop: NextHop,
        others: Others<'_>,
        (host, beside): (&Host, &Beside),
        note: Note<'_>,
    ) -> Result<Self, UplinkError> {
        let mut entry = choose(wanted, netns::own()?, host, others.living)?;
        take_over(&mut entry, others.dead);
        let mut uplink = Self { folder: folder.to_owned(), entry, next_hop };
        let look = uplink.look(host, beside);
        uplink.make(&look, note)?;
        Ok(uplink)
    }

    /// Makes what belongs to it, as far as it is not there.
    ///
    /// # Errors
    /// A step fails; those before it are done.
    pub fn make(&mut self, look: &Look, note: Note<'_>) -> Result<(), UplinkError> {
        self.note(look, note)?;
        self.set_up_tap()?;
        self.reserve()?;
        self.settle_shared(look, note)?;
        self.settle_rules(look)
    }

    /// Its entry in the journal.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// From now on these ports are published, too.
    ///
    /// # Errors
    /// Another network has one of them, or translates to it; or so does this one.
    pub fn claim(&mut self, claim: Claim, others: &[Entry]) -> Result<(), UplinkError> {
        if !self.entry.published.contains(&claim) {
            check_more(&claim, &self.entry, others)?;
            self.entry.published.push(claim);
        }
        Ok(())
    }

    /// From now on these ports are not published any more.
    pub fn disclaim(&mut self, claim: &Claim) {
        self.entry.published.retain(|other| other != claim);
    }

    /// The neighbour that its table leads to.
    pub fn next_hop(&self) -> NextHop {
        self.next_hop
    }

    /// What should be there while the host looks like this.
    pub fn look(&self, host: &Host, beside: &Beside) -> Look {
        Look { host: host.clone(), desired: desired(&self.entry, host, beside) }
    }

    /// Is there something to change that other networks share? Then the site's lock is needed.
    pub fn is_shared(&self, look: &Look) -> bool {
        // One that is so already may be another network's doing, which must know that we need it.
        let is_new = |key: &String, value: &&str| {
            look.host.settings.get(key).is_some_and(|now| now != value)
                || !self.entry.needs.contains(key)
        };
        look.desired.settings.iter().any(|(key, value)| is_new(key, value))
            || families(&self.entry).any(|ipv4| !move_local(&look.host.rules, ipv4).is_empty())
    }

    /// Makes what is shared as it should be, written down before.
    ///
    /// # Errors
    /// A step fails; those before it are done.
    pub fn settle_shared(&mut self, look: &Look, note: Note<'_>) -> Result<(), UplinkError> {
        self.note(look, note)?;
        let mut ledger = Ledger::open(&self.folder)?;
        for (key, value) in &look.desired.settings {
            ledger.set(self.entry.home, key, value)?;
        }
        let mut netlink = Netlink::open()?;
        for ipv4 in families(&self.entry) {
            take(&mut netlink, move_local(&look.host.rules, ipv4))?;
        }
        Ok(())
    }

    /// Adds the rules that are missing and removes those of addresses that are gone.
    ///
    /// # Errors
    /// The kernel refuses one; those before it are done.
    pub fn settle_rules(&self, look: &Look) -> Result<(), UplinkError> {
        let there: BTreeSet<&Rule> = ours(&look.host.rules, self.entry.table).collect();
        let mut netlink = Netlink::open()?;
        for rule in look.desired.rules.iter().filter(|rule| !there.contains(rule)) {
            netlink.add_rule(rule)?;
        }
        for rule in there.into_iter().filter(|rule| !look.desired.rules.contains(rule)) {
            netlink.remove_rule(rule)?;
        }
        Ok(())
    }

    /// The settings that are in use and still exist, and the new ones.
    fn note(&mut self, look: &Look, note: Note<'_>) -> Result<(), UplinkError> {
        let before = self.entry.clone();
        self.entry.needs.retain(|key| look.host.settings.contains_key(key));
        self.entry.needs.extend(look.desired.settings.iter().map(|(key, _)| key.clone()));
        // The first note has to be written however little is in it.
        if before != self.entry || before.needs.is_empty() { note(&self.entry) } else { Ok(()) }
    }

    /// The settings of the TAP itself, which go with it, and the way from our table to it.
    fn set_up_tap(&self) -> Result<(), UplinkError> {
        let tap = &self.entry.interface;
        tap::set_up(tap, self.entry.ipv6)?;
        let mut netlink = Netlink::open()?;
        let link = netlink.link(tap)?;
        for ipv4 in families(&self.entry) {
            let NextHop { ipv4: v4, ipv6: v6, .. } = self.next_hop;
            let neighbour = if ipv4 { v4.into() } else { v6.into() };
            netlink.add_table_route(&link, neighbour, self.entry.table)?;
        }
        Ok(())
    }

    fn reserve(&self) -> Result<(), UplinkError> {
        if self.entry.reserved.is_empty() {
            return Ok(());
        }
        let ours = self.entry.reserved.iter().copied();
        let all = ports::union(reserved()?.into_iter().chain(ours));
        sysctl::write(RESERVED, &ports::format(&all)).map_err(|error| {
            let ports = self.entry.reserved.clone();
            UplinkError::Reserve { ports, source: error.source }
        })
    }
}

/// What a killed network has reserved of our ports is ours from now on: it is not given back with the rest of
/// what that one left, but with us.
fn take_over(entry: &mut Entry, dead: &[Entry]) {
    let here = dead.iter().filter(|other| other.home == entry.home);
    let theirs = ports::union(here.flat_map(|other| other.reserved.iter().copied()));
    let shared = ports::intersection(&[entry.ports], &theirs);
    entry.reserved = ports::union(entry.reserved.iter().copied().chain(shared));
}

/// The rules of a table that are ours.
pub(super) fn ours(rules: &[Rule], table: u32) -> impl Iterator<Item = &Rule> {
    rules.iter().filter(move |rule| rule.table == table && rule.protocol == PROTOCOL_OURS)
}

/// Takes these steps.
pub(super) fn take(netlink: &mut Netlink, steps: Vec<Step>) -> Result<(), NetlinkError> {
    steps.iter().try_for_each(|step| match step {
        Step::Add(rule) => netlink.add_rule(rule),
        Step::Remove(rule) => netlink.remove_rule(rule),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns::Identity;
    use crate::uplink::host::key;

    #[test]
    fn a_setting_that_another_network_made_is_noted_as_needed_too() {
        let key = key(true, "eth0", "forwarding");
        let mut entry = Entry {
            home: Identity::default(),
            table: 1,
            interface: "ub0".to_owned(),
            ipv6: false,
            ports: (5000, 6000),
            published: Vec::new(),
            needs: BTreeSet::new(),
            reserved: Vec::new(),
        };
        let host = Host {
            settings: [(key.clone(), "1".to_owned())].into(),
            rules: vec![Rule::local(true, 2, PROTOCOL_OURS)],
            ..Host::default()
        };
        let desired = Desired { settings: vec![(key.clone(), "1")], ..Desired::default() };
        let look = Look { host, desired };
        let next_hop = NextHop {
            mac: dataplane::wire::ethernet::MacAddr([2, 0, 0, 0, 0, 1]),
            ipv4: std::net::Ipv4Addr::LOCALHOST,
            ipv6: std::net::Ipv6Addr::LOCALHOST,
        };
        let uplink = |entry: &Entry| {
            let (folder, entry) = (PathBuf::new(), entry.clone());
            Uplink { folder, entry, next_hop }
        };
        assert!(uplink(&entry).is_shared(&look));
        entry.needs.insert(key);
        assert!(!uplink(&entry).is_shared(&look));
    }
}
