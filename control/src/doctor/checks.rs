//! One function for each thing that is looked at.

use super::Finding;
use super::probe::{Answer, Probed};
use crate::model::usual_workers;
use crate::sysctl;
use crate::topology::{self, SPARE_DESCRIPTORS, Site};
use dataplane::config::MAX_PORTS;
use dataplane::port::Offloads;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::sys::utsname::uname;
use std::fs;
use std::path::Path;

/// Linux before 6.2 has no segmentation offload for UDP in TAPs.
const USO_SINCE: (u32, u32) = (6, 2);

pub(super) fn kernel() -> Finding {
    const SUBJECT: &str = "kernel";
    let Ok(names) = uname() else {
        return Finding::lacks(SUBJECT, "its version is unknown", "is this Linux?");
    };
    let release = names.release().to_string_lossy().into_owned();
    match version(&release) {
        Some(version) if version < USO_SINCE => Finding::lacks(
            SUBJECT,
            format!("Linux {release}"),
            "UDP bulk traffic is faster from Linux 6.2 on",
        ),
        _ => Finding::ok(SUBJECT, format!("Linux {release}")),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) fn privileges(privileged: bool) -> Finding {
    const SUBJECT: &str = "privileges";
    if privileged {
        return Finding::ok(SUBJECT, "CAP_SYS_ADMIN and CAP_NET_ADMIN");
    }
    Finding::lacks(
        SUBJECT,
        "no CAP_SYS_ADMIN and CAP_NET_ADMIN: networks are rootless, without reach to the outside",
        "run as root for the host interface in the host's own namespace",
    )
}

/// The setting that forbids user namespaces to this user, and what to do about it.
pub(super) fn forbidding_setting() -> Option<(String, &'static str)> {
    if !Path::new("/proc/self/ns/user").exists() {
        return Some((
            "the kernel has no user namespaces".to_owned(),
            "use a kernel with CONFIG_USER_NS",
        ));
    }
    let settings = [
        ("/proc/sys/user/max_user_namespaces", "as root, `sysctl user.max_user_namespaces=15000`"),
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "as root, `sysctl kernel.unprivileged_userns_clone=1`",
        ),
    ];
    settings.into_iter().find_map(|(path, advice)| {
        let value = fs::read_to_string(path).ok()?;
        (value.trim() == "0").then(|| (format!("{path} is 0"), advice))
    })
}

pub(super) fn user_namespaces(probed: &Probed) -> Finding {
    const SUBJECT: &str = "user namespaces";
    match (&probed.user_namespace, forbidding_setting()) {
        (Answer::Has(()), _) => Finding::ok(SUBJECT, "can be entered"),
        (Answer::Lacks(_), Some((reason, advice))) => Finding::lacks(SUBJECT, reason, advice),
        (Answer::Lacks(reason), None) => Finding::lacks(
            SUBJECT,
            reason.as_str(),
            "look for a security module that forbids them, as \
             kernel.apparmor_restrict_unprivileged_userns; or run as root",
        ),
    }
}

pub(super) fn offloads(probed: &Probed) -> Vec<Finding> {
    let granted = match &probed.offloads {
        Answer::Has(granted) => granted,
        Answer::Lacks(reason) => {
            let advice = "see the device node and the namespaces above";
            return vec![Finding::lacks("TAP", reason.as_str(), advice)];
        }
    };
    let tcp = Offloads::CHECKSUM.with(Offloads::TSO4).with(Offloads::TSO6).with(Offloads::TSO_ECN);
    let kinds = [
        ("TCP offloads", tcp, "bulk TCP is slower without; any kernel since 2.6.27 has them"),
        ("UDP offloads", Offloads::USO, "bulk UDP is slower without; Linux 6.2 and later has them"),
    ];
    let judge = |(subject, wanted, advice): (&'static str, Offloads, &'static str)| {
        let missing: Vec<_> =
            wanted.names().filter(|name| !granted.iter().any(|has| has == name)).collect();
        let names = wanted.names().collect::<Vec<_>>().join(", ");
        if missing.is_empty() {
            Finding::ok(subject, format!("granted: {names}"))
        } else {
            Finding::lacks(subject, format!("not granted: {}", missing.join(", ")), advice)
        }
    };
    kinds.into_iter().map(judge).collect()
}

pub(super) fn ipv6() -> Finding {
    const SUBJECT: &str = "IPv6";
    if !Path::new("/proc/net/if_inet6").exists() {
        return Finding::lacks(
            SUBJECT,
            "the kernel has none: networks have IPv4 alone",
            "boot without ipv6.disable=1, or use a kernel with CONFIG_IPV6",
        );
    }
    if !sysctl::has_ipv6() {
        return Finding::lacks(
            SUBJECT,
            "switched off, and /proc/sys/net is not writable: networks have IPv4 alone",
            "`sysctl net.ipv6.conf.default.disable_ipv6=0` from where it is writable",
        );
    }
    Finding::ok(SUBJECT, "interfaces can have it")
}

pub(super) fn sysctls() -> Finding {
    const SUBJECT: &str = "sysctls";
    match statvfs("/proc/sys/net").map(|fs| fs.flags()) {
        Ok(flags) if !flags.contains(FsFlags::ST_RDONLY) => {
            Finding::ok(SUBJECT, "/proc/sys/net is writable")
        }
        Ok(_) => Finding::lacks(
            SUBJECT,
            "/proc/sys is mounted read-only, as in containers",
            "interfaces keep the kernel's own settings; in a container, mount /proc/sys writable",
        ),
        Err(errno) => {
            Finding::lacks(SUBJECT, format!("/proc/sys/net: {errno}"), "mount proc on /proc")
        }
    }
}

pub(super) fn descriptors() -> Finding {
    const SUBJECT: &str = "file descriptors";
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Finding::lacks(SUBJECT, "the limit is unknown", "see `ulimit -Hn`");
    };
    let (each, most) = (topology::queues(usual_workers()) as u64, MAX_PORTS as u64);
    let needed = most * each + SPARE_DESCRIPTORS;
    // The host's port takes as many as any other.
    let enough = (hard.saturating_sub(SPARE_DESCRIPTORS) / each).clamp(1, most) - 1;
    let words = format!("up to {hard}, enough for {enough} ports at {each} each");
    if hard >= needed {
        return Finding::ok(SUBJECT, words);
    }
    let advice = format!("raise the hard limit to {needed} for {} ports: `ulimit -Hn`", most - 1);
    Finding::lacks(SUBJECT, words, advice)
}

pub(super) fn kernel_bridge() -> Finding {
    const SUBJECT: &str = "kernel bridge";
    if Path::new("/sys/module/bridge").exists() {
        return Finding::ok(SUBJECT, "there, to compare with in `udp-bridge bench`");
    }
    let release = uname().map(|names| names.release().to_owned()).unwrap_or_default();
    let modules = Path::new("/lib/modules").join(release);
    let listed = ["modules.builtin", "modules.dep"].into_iter().any(|list| {
        fs::read_to_string(modules.join(list)).is_ok_and(|text| text.contains("/bridge.ko"))
    });
    if listed {
        return Finding::ok(SUBJECT, "a module that can be loaded, for `udp-bridge bench`");
    }
    Finding::lacks(
        SUBJECT,
        "not seen; only `udp-bridge bench` would use it, to compare with",
        "none needed: it measures this bridge alone then",
    )
}

pub(super) fn leftovers(site: &Site) -> Finding {
    const SUBJECT: &str = "leftovers";
    let networks = match topology::networks(site) {
        Ok(networks) => networks,
        Err(error) => {
            let found = format!("cannot read {}: {error}", site.state_dir.display());
            return Finding::lacks(SUBJECT, found, "is it yours, and a folder?");
        }
    };
    let dead: Vec<_> = networks.iter().filter(|network| !network.alive).collect();
    if dead.is_empty() {
        return Finding::ok(SUBJECT, "none of killed processes");
    }
    let names = dead.iter().map(|network| network.name.to_string()).collect::<Vec<_>>();
    let downs = names.iter().map(|name| format!("`udp-bridge down {name}`")).collect::<Vec<_>>();
    Finding::lacks(SUBJECT, format!("of killed processes: {}", names.join(", ")), downs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    fn probed(offloads: &[&str]) -> Probed {
        Probed {
            user_namespace: Answer::Has(()),
            rules: Answer::Has(()),
            offloads: Answer::Has(offloads.iter().map(|name| (*name).to_owned()).collect()),
        }
    }

    #[test]
    fn a_kernel_release_has_a_version() {
        assert_eq!(version("6.18.44-cloud"), Some((6, 18)));
        assert_eq!(version("5.4"), Some((5, 4)));
        assert_eq!(version("linux"), None);
    }

    #[test]
    fn missing_offloads_are_named() {
        let all = offloads(&probed(&["csum", "tso4", "tso6", "ecn", "uso"]));
        assert!(all.iter().all(|finding| finding.grade == Grade::Ok), "{all:?}");
        let fewer = offloads(&probed(&["csum", "tso4", "tso6", "ecn"]));
        assert_eq!(fewer[1].grade, Grade::Lacks);
        assert_eq!(fewer[1].found, "not granted: uso");
    }
}
