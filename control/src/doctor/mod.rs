//! What does this machine have and lack, and what can be done about it?
//!
//! [`preflight()`] answers in short, before anything is made: may we, and with or without privileges?
//! [`examine()`] looks at everything and changes nothing: what can only be found out by trying is tried
//! in a child process that has namespaces of its own ([`probe`]).

mod checks;
mod device;
mod firewalls;
pub mod probe;
mod uplink;

use crate::netns::rootless;
use crate::topology::Site;
use serde::Serialize;

/// How a network comes to be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With the caller's privileges, the host interface in the caller's namespace.
    Root,
    /// In a user namespace of its own, host side included.
    Rootless,
}

/// Why no network can be made here: what is missing, and which ways out there are.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The device node of TAPs cannot be used.
    #[error(transparent)]
    Device(#[from] device::DeviceError),
    /// Neither privileges nor user namespaces.
    #[error(
        "this user may make neither network namespaces nor user namespaces ({reason}): run as root, \
         or allow user namespaces: {advice}"
    )]
    UserNamespaces {
        /// What forbids them.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
}

/// Finds out whether a network can be made; opens the device node and nothing else.
///
/// # Errors
/// [`Refusal`] says what is missing and what to do.
pub fn preflight() -> Result<Way, Refusal> {
    let privileged = rootless::is_privileged();
    device::check()?;
    if privileged {
        return Ok(Way::Root);
    }
    match checks::forbidding_setting() {
        Some((reason, advice)) => Err(Refusal::UserNamespaces { reason, advice }),
        None => Ok(Way::Rootless),
    }
}

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Missing, but `up` works without.
    Lacks,
    /// Missing, and `up` cannot work without.
    Stops,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How to take it.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What to do about it; absent where all is well.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, grade: Grade::Ok, found: found.into(), advice: None }
    }

    fn lacks(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let (found, advice) = (found.into(), Some(advice.into()));
        Self { subject, grade: Grade::Lacks, found, advice }
    }

    fn stops(self, stops: bool) -> Self {
        match self.grade {
            Grade::Lacks if stops => Self { grade: Grade::Stops, ..self },
            _ => self,
        }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Can `up` work?
    pub ready: bool,
    /// Has the caller the privileges to make networks outside of a user namespace?
    pub privileged: bool,
    /// One for each thing looked at.
    pub findings: Vec<Finding>,
}

/// Looks at everything.
pub fn examine() -> Report {
    let privileged = rootless::is_privileged();
    let probed = probe::in_child();
    let mut findings = vec![
        checks::kernel(),
        device::finding(),
        checks::privileges(privileged),
        checks::user_namespaces(&probed).stops(!privileged),
    ];
    findings.extend(checks::offloads(&probed));
    findings.push(checks::ipv6());
    findings.push(checks::sysctls());
    findings.push(uplink::rules(&probed));
    findings.push(uplink::forwarding6());
    findings.push(uplink::raw_sockets(privileged));
    findings.push(uplink::local_rule());
    findings.push(firewalls::firewalls());
    findings.push(checks::descriptors());
    findings.push(checks::kernel_bridge());
    findings.push(checks::leftovers(&Site::here(privileged)));
    let ready = findings.iter().all(|finding| finding.grade != Grade::Stops);
    Report { ready, privileged, findings }
}
