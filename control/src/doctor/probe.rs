//! What comes of trying?
//!
//! Whether a user namespace can be entered and which offloads the kernel grants is known only when it
//! was tried, and both change the trying process for good. So the report starts this program anew for
//! each question; the child enters namespaces of its own, tries, prints JSON, and takes all with it
//! when it ends.

use crate::netlink::{Netlink, NetlinkError, PROTOCOL_KERNEL, PROTOCOL_OURS, Rule};
use crate::netns::rootless;
use crate::program;
use crate::uplink::LAST_PORT;
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
use dataplane::wire::tcp;
use nix::sched::{CloneFlags, unshare};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::process::Stdio;

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Question {
    /// Can a user namespace be entered, with all that a rootless network needs?
    UserNamespace,
    /// Which offloads does the kernel grant to a TAP?
    Offloads,
    /// Does the kernel have rules with protocols and ports, and may the local rule be moved?
    Rules,
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::Offloads => "offloads",
            Self::Rules => "rules",
        }
    }
}

/// What came of one try: what there is, or why there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer<T> {
    /// It worked.
    Has(T),
    /// It did not, for this reason.
    Lacks(String),
}

/// The answers to all questions.
#[derive(Debug)]
pub(super) struct Probed {
    pub(super) user_namespace: Answer<()>,
    pub(super) offloads: Answer<Vec<String>>,
    pub(super) rules: Answer<()>,
}

/// Tries everything, each in a child process.
pub(super) fn in_child() -> Probed {
    Probed {
        user_namespace: ask(Question::UserNamespace),
        offloads: ask(Question::Offloads),
        rules: ask(Question::Rules),
    }
}

fn ask<T: DeserializeOwned>(question: Question) -> Answer<T> {
    let output = program::anew()
        .args(["probe", question.name()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match output {
        Err(error) => Answer::Lacks(format!("cannot start a process to try it: {error}")),
        Ok(output) => serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| Answer::Lacks(format!("the try ended with {}", output.status))),
    }
}

/// Tries to enter a user namespace. The process is not the same afterwards.
pub fn user_namespace() -> Answer<()> {
    match rootless::enter() {
        Ok(()) => Answer::Has(()),
        Err(error) => Answer::Lacks(error.to_string()),
    }
}

/// Opens a TAP in a network namespace of its own. The process is not the same afterwards.
pub fn offloads() -> Answer<Vec<String>> {
    if let Err(reason) = enter() {
        return Answer::Lacks(reason);
    }
    match Tap::open("probe", Offloads::ALL) {
        Ok(tap) => Answer::Has(granted(&tap)),
        Err(error) => Answer::Lacks(error.to_string()),
    }
}

/// Does with rules what an uplink does, in a network namespace of its own. The process is not the same
/// afterwards.
pub fn rules() -> Answer<()> {
    let attempt = || -> Result<(), NetlinkError> {
        let mut netlink = Netlink::open()?;
        netlink.add_rule(&Rule::local(true, 2, PROTOCOL_OURS))?;
        netlink.remove_rule(&Rule::local(true, 0, PROTOCOL_KERNEL))?;
        let mut rule = Rule::local(true, 1, PROTOCOL_OURS);
        rule.ip_protocol = Some(tcp::PROTOCOL);
        rule.ports = Some((61_000, LAST_PORT));
        netlink.add_rule(&rule)
    };
    match enter().and_then(|()| attempt().map_err(|error| error.to_string())) {
        Ok(()) => Answer::Has(()),
        Err(reason) => Answer::Lacks(reason),
    }
}

/// Enters a network namespace of its own.
fn enter() -> Result<(), String> {
    let entered = if rootless::is_privileged() {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| errno.to_string())
    } else {
        rootless::enter().map_err(|error| error.to_string())
    };
    entered.map_err(|error| format!("no namespace to try it in: {error}"))
}

fn granted(tap: &Tap) -> Vec<String> {
    use dataplane::port::Port;
    tap.offloads().names().map(str::to_owned).collect()
}
