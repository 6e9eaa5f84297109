//! What does a way to the outside need of this machine?

use super::Finding;
use super::probe::{Answer, Probed};
use crate::netlink::Netlink;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use std::fs;
use std::path::Path;

/// Linux 6.17 and later forward IPv6 by single interfaces.
const FORCE_FORWARDING: &str = "/proc/sys/net/ipv6/conf/default/force_forwarding";
const FORWARDING_ALL: &str = "/proc/sys/net/ipv6/conf/all/forwarding";

pub(super) fn rules(probed: &Probed) -> Finding {
    const SUBJECT: &str = "routing rules";
    match &probed.rules {
        Answer::Has(()) => {
            Finding::ok(SUBJECT, "can have protocols and ports, and the local rule can be moved")
        }
        Answer::Lacks(reason) => Finding::lacks(
            SUBJECT,
            reason.as_str(),
            "networks have no way to the outside without: use Linux 4.17 or later with \
             CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES",
        ),
    }
}

pub(super) fn forwarding6() -> Finding {
    const SUBJECT: &str = "IPv6 forwarding";
    if Path::new(FORCE_FORWARDING).exists() {
        return Finding::ok(SUBJECT, "can be switched on for single interfaces");
    }
    match fs::read_to_string(FORWARDING_ALL) {
        Ok(value) if value.trim() != "0" => Finding::ok(SUBJECT, "is on for all interfaces"),
        Ok(_) => Finding::lacks(
            SUBJECT,
            "only for all interfaces at once, and it is off: IPv6 does not reach the outside",
            "use Linux 6.17 or later; or `sysctl net.ipv6.conf.all.forwarding=1`, with accept_ra=2 for \
             interfaces that learn their routes from router advertisements",
        ),
        Err(_) => Finding::lacks(SUBJECT, "there is no IPv6 here", "see above"),
    }
}

/// The dataplane reads ICMP by raw sockets.
pub(super) fn raw_sockets(privileged: bool) -> Finding {
    const SUBJECT: &str = "raw sockets";
    let opened = socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        Some(SockProtocol::Icmp),
    );
    match opened {
        Ok(_) => Finding::ok(SUBJECT, "ICMP errors and replies can be read (CAP_NET_RAW)"),
        Err(Errno::EPERM | Errno::EACCES) if !privileged => {
            Finding::lacks(SUBJECT, "no CAP_NET_RAW", "run as root for a way to the outside")
        }
        Err(errno) => Finding::lacks(
            SUBJECT,
            format!("ICMP cannot be read: {errno}"),
            "ping and traceroute do not reach the outside without CAP_NET_RAW",
        ),
    }
}

/// Is somebody else at work on the rules that an uplink moves?
pub(super) fn local_rule() -> Finding {
    const SUBJECT: &str = "local rule";
    let rules = Netlink::open().and_then(|mut netlink| netlink.rules(true));
    let rules = match rules {
        Ok(rules) => rules,
        Err(error) => return Finding::lacks(SUBJECT, error.to_string(), "see above"),
    };
    let Some(local) = rules.iter().find(|rule| rule.is_local()) else {
        let advice = "`ip rule add pref 0 lookup local`, or nothing reaches this host";
        return Finding::lacks(SUBJECT, "there is none", advice);
    };
    Finding::ok(SUBJECT, format!("at pref {}", local.priority))
}
