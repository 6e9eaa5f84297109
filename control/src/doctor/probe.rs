//! What comes of trying?
//!
//! Whether a user namespace can be entered and which offloads the kernel grants is known only when it
//! was tried, and both change the trying process for good. So the report starts this program anew for
//! each question; the child enters namespaces of its own, tries, prints JSON, and takes all with it
//! when it ends.

use crate::netns::rootless;
use crate::program;
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
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
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::Offloads => "offloads",
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
}

/// Tries everything, each in a child process.
pub(super) fn in_child() -> Probed {
    Probed { user_namespace: ask(Question::UserNamespace), offloads: ask(Question::Offloads) }
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
    let entered = if rootless::is_privileged() {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| errno.to_string())
    } else {
        rootless::enter().map_err(|error| error.to_string())
    };
    if let Err(error) = entered {
        return Answer::Lacks(format!("no namespace to try it in: {error}"));
    }
    match Tap::open("probe", Offloads::ALL) {
        Ok(tap) => Answer::Has(granted(&tap)),
        Err(error) => Answer::Lacks(error.to_string()),
    }
}

fn granted(tap: &Tap) -> Vec<String> {
    use dataplane::port::Port;
    tap.offloads().names().map(str::to_owned).collect()
}
