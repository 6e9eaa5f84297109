//! Can a plan be carried out on this machine?
//!
//! What can be known before anything is made is refused here, with its field.

use crate::model::{Namespace, NetworkName, Problem, Refusal, SandboxName};
use crate::netns;
use crate::plan::{Plan, SandboxState, State, Step};
use crate::spec::Field;
use crate::topology::{Observed, Site, has_ended};
use std::path::Path;

/// Refuses the first step for which the machine is not as it must be.
pub(super) fn machine(
    plan: &Plan,
    from: &State,
    observed: &Observed,
    site: &Site,
    rootless: bool,
) -> Result<(), Refusal> {
    plan.steps().iter().try_for_each(|step| match step {
        Step::CreateNetwork(name, state) => {
            let ours = from.networks.contains_key(name);
            network(name, state.identity.host_interface.as_str(), from, observed, ours)
        }
        Step::CreateWay(name, way) if rootless && way.is_asked_for() => {
            let words = "this needs the host's own routing table, which only root may change";
            Err(Refusal::new(Field::network(name, "uplink"), Problem::Host(words.to_owned())))
        }
        Step::CreateSandbox(name, state) => {
            let ours = from.sandboxes.contains_key(name);
            sandbox(name, state, site, ours)
        }
        _ => Ok(()),
    })
}

fn network(
    name: &NetworkName,
    interface: &str,
    from: &State,
    observed: &Observed,
    ours: bool,
) -> Result<(), Refusal> {
    if !ours && observed.networks.iter().any(|known| known.name == *name && known.alive) {
        return Err(Refusal::new(Field::network(name, ""), Problem::NetworkUp(name.clone())));
    }
    // Those of ours that stand in the way go before.
    let is_ours = |one: &str| {
        from.networks.values().any(|network| network.identity.host_interface.as_str() == one)
    };
    if observed.links.iter().any(|link| link == interface) && !is_ours(interface) {
        let problem = Problem::InterfaceThere(interface.to_owned());
        return Err(Refusal::new(Field::network(name, "host-interface"), problem));
    }
    Ok(())
}

fn sandbox(
    name: &SandboxName,
    state: &SandboxState,
    site: &Site,
    ours: bool,
) -> Result<(), Refusal> {
    let refuse = |key: &str, problem| {
        let field = Field::sandbox(name);
        Err(Refusal::new(if key.is_empty() { field } else { field.key(key) }, problem))
    };
    let enter = |path: &Path| netns::run_in(path, || ()).map_err(|error| error.to_string());
    match state {
        SandboxState::Bridge(Namespace::Made, _) | SandboxState::None => {
            let path = site.netns_dir.join(name.as_str());
            if !ours && path.symlink_metadata().is_ok() {
                return refuse("", Problem::NamespaceThere(path));
            }
            Ok(())
        }
        SandboxState::Bridge(Namespace::Path(path), _) => match enter(path) {
            Ok(()) => Ok(()),
            Err(why) => refuse("namespace", Problem::NoNamespace { path: path.clone(), why }),
        },
        SandboxState::Bridge(Namespace::Pid(pid), _) => {
            let path = format!("/proc/{pid}/ns/net");
            if has_ended(pid.get()) {
                return refuse("pid", Problem::NoProcess(pid.get()));
            }
            match enter(Path::new(&path)) {
                Ok(()) => Ok(()),
                Err(why) => refuse("pid", Problem::NoNamespace { path: path.into(), why }),
            }
        }
        SandboxState::Host | SandboxState::Container(_) => Ok(()),
    }
}
