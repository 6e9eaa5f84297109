//! Does the host drop what it forwards for us?
//!
//! Chains of nftables, those of `iptables-nft` among them, have a policy that can be asked for. Of the older
//! iptables only the names of its tables can be read, so it is said that its policy is not known.
//!
//! Known gap: what the rules of a chain drop is not looked at, but that of firewalld is known to be
//! everything that it does not know.

use super::Finding;
use crate::netlink::{ForwardChain, forward_chains};
use std::fs;
use std::io;
use std::path::Path;

/// Firewalls that are known to drop what they do not know, by a sign of them.
const FIREWALLS: [(&str, &str); 3] =
    [("/run/docker.sock", "Docker"), (FIREWALLD, "firewalld"), ("/etc/ufw/ufw.conf", "ufw")];
/// The one of them whose policy is to accept, and whose last rule is not.
const FIREWALLD: &str = "/run/firewalld";

/// Names of the tables that the older iptables has in use, for root to read.
const IPTABLES: [&str; 2] = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];
/// The table of these that decides what passes.
const FILTER: &str = "filter";

/// What is known of others that drop packets.
#[derive(Debug)]
struct Seen {
    chains: io::Result<Vec<ForwardChain>>,
    /// Has the older iptables a table that decides what passes?
    has_iptables: io::Result<bool>,
    /// The firewalls that there are signs of.
    signs: Vec<&'static str>,
    has_firewalld: bool,
}

/// Looks at the caller's network namespace.
pub(super) fn firewalls() -> Finding {
    let there = FIREWALLS.iter().filter(|(sign, _)| Path::new(sign).exists());
    judge(&Seen {
        chains: forward_chains(),
        has_iptables: IPTABLES
            .iter()
            .try_fold(false, |has, list| Ok(has || has_filter(fs::read_to_string(list))?)),
        signs: there.map(|(_, name)| *name).collect(),
        has_firewalld: Path::new(FIREWALLD).exists(),
    })
}

fn has_filter(list: io::Result<String>) -> io::Result<bool> {
    match list {
        Ok(names) => Ok(names.lines().any(|name| name == FILTER)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn judge(seen: &Seen) -> Finding {
    const SUBJECT: &str = "firewalls";
    let none = Vec::new();
    let chains = seen.chains.as_ref().unwrap_or(&none);
    let (dropping, others): (Vec<_>, Vec<_>) = chains.iter().partition(|chain| chain.drops);
    if !dropping.is_empty() {
        let found = format!(
            "what is forwarded is dropped if no rule lets it pass, by the policy of {}",
            listed(&dropping)
        );
        return Finding::lacks(SUBJECT, found, let_pass(&dropping));
    }
    let mut unknown = Vec::new();
    if let Err(error) = &seen.chains {
        unknown.push(format!("nftables cannot be asked ({error})"));
    }
    match &seen.has_iptables {
        Ok(true) => unknown.push(
            "iptables (legacy) has a filter table, whose policy cannot be asked for".to_owned(),
        ),
        Ok(false) => {}
        Err(error) => unknown.push(format!("the tables of iptables cannot be read ({error})")),
    }
    if seen.has_firewalld {
        unknown.push("firewalld rejects what it does not know".to_owned());
    }
    if unknown.is_empty() {
        let rules = match &others[..] {
            [] => "no chain of nftables or iptables decides what is forwarded".to_owned(),
            others => format!(
                "what is forwarded passes by the policy of {}; their rules are not looked at",
                listed(others)
            ),
        };
        return Finding::ok(SUBJECT, rules);
    }
    if !seen.signs.is_empty() {
        unknown.push(format!("there are signs of {}", seen.signs.join(", ")));
    }
    let advice = "where a FORWARD policy is DROP (Docker sets that) nothing reaches the outside: look with \
        `nft list ruleset` and `iptables-legacy -S FORWARD` as root, and let the host interface's traffic \
        pass, as `iptables -I DOCKER-USER -i ub0 -j ACCEPT` and the same with -o";
    Finding::lacks(SUBJECT, unknown.join("; "), advice)
}

fn listed(chains: &[&ForwardChain]) -> String {
    let names = chains.iter().map(|chain| format!("chain {chain}"));
    names.collect::<Vec<_>>().join(", ")
}

/// What to do about each of the chains: one that lets a packet pass does not spare it the others.
fn let_pass(chains: &[&ForwardChain]) -> String {
    let one = |chain: &&ForwardChain| format!("`nft insert rule {chain} iifname ub0 accept`");
    let all: Vec<_> = chains.iter().map(one).collect();
    format!(
        "let the host interface's traffic pass: {}, and the same with oifname; with Docker rather \
         `iptables -I DOCKER-USER -i ub0 -j ACCEPT`, and the same with -o",
        all.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;
    use std::io::ErrorKind;

    fn chain(table: &str, drops: bool) -> ForwardChain {
        ForwardChain { family: "ip", table: table.to_owned(), name: "FORWARD".to_owned(), drops }
    }

    fn seen(chains: Vec<ForwardChain>) -> Seen {
        let signs = vec!["Docker"];
        Seen { chains: Ok(chains), has_iptables: Ok(false), signs, has_firewalld: false }
    }

    #[test]
    fn a_policy_that_drops_is_named_with_what_to_do() {
        let finding = judge(&seen(vec![chain("other", false), chain("filter", true)]));
        assert_eq!(finding.grade, Grade::Lacks);
        assert!(finding.found.ends_with("by the policy of chain ip filter FORWARD"), "{finding:?}");
        let advice = finding.advice.unwrap();
        assert!(advice.contains("`nft insert rule ip filter FORWARD iifname ub0 accept`"));
    }

    #[test]
    fn where_no_policy_drops_that_is_all_that_is_said() {
        let none = judge(&seen(Vec::new()));
        assert_eq!((none.grade, none.advice), (Grade::Ok, None));
        assert!(none.found.starts_with("no chain of nftables or iptables"));
        let accepts = judge(&seen(vec![chain("filter", false)]));
        assert_eq!(accepts.grade, Grade::Ok);
        assert!(accepts.found.ends_with("their rules are not looked at"), "{accepts:?}");
    }

    #[test]
    fn what_cannot_be_known_is_said_to_be_so() {
        let refused = Seen { chains: Err(ErrorKind::PermissionDenied.into()), ..seen(Vec::new()) };
        let legacy = Seen { has_iptables: Ok(true), ..seen(Vec::new()) };
        let closed =
            Seen { has_iptables: Err(ErrorKind::PermissionDenied.into()), ..seen(Vec::new()) };
        let firewalld = Seen { has_firewalld: true, ..seen(vec![chain("firewalld", false)]) };
        for (seen, words) in [
            (refused, "nftables cannot be asked (permission denied); there are signs of Docker"),
            (legacy, "iptables (legacy) has a filter table, whose policy cannot be asked for"),
            (closed, "the tables of iptables cannot be read (permission denied)"),
            (firewalld, "firewalld rejects what it does not know"),
        ] {
            let finding = judge(&seen);
            assert_eq!(finding.grade, Grade::Lacks, "{finding:?}");
            assert!(finding.found.starts_with(words), "{finding:?}");
        }
    }

    #[test]
    fn a_list_of_iptables_that_has_no_filter_is_no_sign_of_it() {
        assert!(has_filter(Ok("nat\nfilter\n".to_owned())).unwrap());
        assert!(!has_filter(Ok("nat\n".to_owned())).unwrap());
        assert!(!has_filter(Err(ErrorKind::NotFound.into())).unwrap());
        assert!(has_filter(Err(ErrorKind::PermissionDenied.into())).is_err());
    }
}
