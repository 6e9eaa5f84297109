//! What is a file, or an edit of sandboxes, to make of what this process holds?
//!
//! What `up --ports N` made is no file's, unless the file names it, as `config` prints it: then what can
//! be changed in place is changed, and all else is refused (see `check`).

use super::held::{Held, Rest};
use super::run::Run;
use super::{Change, ChangeError, Edit, Request, check, edit, leases, sockets};
use crate::addressing::{Assigned, Leases, Machine, assign};
use crate::api::change::Changed;
use crate::daemon::networks::Networks;
use crate::daemon::running::{Circumstances, Door};
use crate::model::{Model, Refusal, Way};
use crate::netns::rootless;
use crate::plan::{Plan, State};
use crate::publish::Reserved;
use crate::spec::{self, EditError, Source, Spec, SpecFile};
use crate::topology::{self, Observed, Sandboxes, Site, observe};
use dataplane::config::Workers;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Puts a file, or an edit of sandboxes, in force.
pub(super) fn carry_out(
    networks: &Arc<Networks>,
    held: &mut Held,
    request: Request,
    dry_run: bool,
) -> Result<Change, ChangeError> {
    let circumstances = networks.circumstances().clone();
    let site = &circumstances.site;
    if !dry_run {
        clear_dead(site)?;
    }
    let Wanted { spec, source, rest } = wanted(held, request)?;
    let named: BTreeSet<_> = held.numbered().difference(&rest.networks).cloned().collect();
    let from = held.state_without(&rest);
    let others = held.networks_of(&rest);
    let written = Writing { spec: &spec, source: source.as_ref(), others: &others };
    let prepared =
        prepare(&from, &written, &circumstances, |plan| check::numbered(plan, &from, &named))?;
    let Prepared { plan, model, target, assigned, leases, reserved } = prepared;
    if dry_run {
        return Ok(Change { plan, changed: Changed::Done });
    }
    let published = |(name, state): (_, crate::plan::NetworkState)| (name, state.published);
    let published: BTreeMap<_, _> = target.networks.into_iter().map(published).collect();
    // What is in force is to be remembered.
    leases::check(site)?;
    Run::new(networks, held, reserved, &published).steps(plan.steps())?;
    if let Err(error) = leases::write(site, &leases) {
        // It is in force; the next change writes all of them again.
        tracing::error!("addresses are forgotten at the end: {error}");
    }
    held.become_beside(&rest, spec, model, assigned);
    edit::forget_rules(networks, held);
    if circumstances.door == Door::Files && held.is_empty() {
        networks.stop("nothing is left");
    }
    Ok(Change { plan, changed: Changed::Done })
}

/// Plans a file for a machine on which nothing of it runs.
///
/// # Errors
/// [`ChangeError`].
pub fn rehearse(file: SpecFile, site: &Site) -> Result<Change, ChangeError> {
    let (spec, source) = spec::read(file)?;
    let rootless = !rootless::is_privileged();
    let circumstances = Circumstances { site: site.clone(), rootless, door: Door::Files };
    let others = Model::default();
    let written = Writing { spec: &spec, source: Some(&source), others: &others };
    let prepared = prepare(&State::default(), &written, &circumstances, |_| Ok(()))?;
    Ok(Change { plan: prepared.plan, changed: Changed::Done })
}

/// Clears what killed processes have left.
fn clear_dead(site: &Site) -> Result<(), ChangeError> {
    let unreadable = |source| {
        let path = site.state_dir.clone();
        ChangeError::Observe(topology::ObserveError::Directory { path, source })
    };
    for known in topology::networks(site).map_err(unreadable)? {
        if !known.alive {
            topology::clear(site, &known.name)?;
        }
    }
    Sandboxes::sweep(site)?;
    Ok(())
}

/// What is to run.
struct Wanted {
    spec: Spec,
    /// Where that is written if it is a file.
    source: Option<Source>,
    /// What is not spoken of.
    rest: Rest,
}

fn wanted(held: &Held, request: Request) -> Result<Wanted, ChangeError> {
    let of_files = || held.spec_without(&held.unnamed(&Spec::default()));
    let (spec, source) = match request {
        Request::Become(file) => {
            let (spec, source) = spec::read(file)?;
            (spec, Some(source))
        }
        Request::Join(file) => {
            let (spec, source) = spec::read(file)?;
            let is_new = |name: &&String| !held.spec.networks.contains_key(*name);
            if let Some(there) = spec.networks.keys().find(|name| !is_new(name)) {
                return Err(EditError::NetworkThere(there.clone()).into());
            }
            let mut all = of_files();
            all.join(spec)?;
            (all, Some(source))
        }
        Request::Edit(edit) => {
            let mut all = of_files();
            match edit {
                Edit::Remove(network) => all.remove_network(&network)?,
                Edit::Connect { sandbox, network, endpoint } => {
                    all.connect(&sandbox, &network, *endpoint)?;
                }
                Edit::Disconnect { sandbox, network } => all.disconnect(&sandbox, &network)?,
                // It is carried out by itself.
                Edit::Network { .. } => {}
            }
            (all, None)
        }
    };
    let rest = held.unnamed(&spec);
    Ok(Wanted { spec, source, rest })
}

/// What is written, and the networks beside which it is to be.
struct Writing<'w> {
    spec: &'w Spec,
    source: Option<&'w Source>,
    others: &'w Model,
}

/// A plan with all that it is made of.
struct Prepared {
    plan: Plan,
    model: Model,
    target: State,
    assigned: Assigned,
    leases: Leases,
    reserved: Vec<Reserved>,
}

/// Plans what is written, and proves that it can be done as far as that can be known before.
fn prepare(
    from: &State,
    &Writing { spec, source, others }: &Writing<'_>,
    circumstances: &Circumstances,
    check: impl FnOnce(&Plan) -> Result<(), Refusal>,
) -> Result<Prepared, ChangeError> {
    let Circumstances { site, rootless, .. } = circumstances;
    let explain = |refusal: Refusal| match source {
        Some(source) => ChangeError::File(source.explain(refusal)),
        None => ChangeError::Refused(Box::new(refusal)),
    };
    let observed = observe(site)?;
    let model = Model::beside(spec, others).map_err(|refusal| explain(*refusal))?;
    let machine = machine(from, &observed);
    let (assigned, leases) =
        assign(&model, &leases::read(site)?, &machine).map_err(|refusal| explain(*refusal))?;
    let mut target = State::new(&model, &assigned);
    if *rootless {
        for network in target.networks.values_mut() {
            // Nobody who asked for one comes so far.
            network.way = network.way.take().filter(Way::is_asked_for);
        }
    }
    let plan = Plan::between(from, &target);
    check(&plan).map_err(explain)?;
    check::machine(&plan, from, &observed, site, *rootless).map_err(explain)?;
    let workers =
        |name: &_| target.networks.get(name).map_or(Workers::ONE, |it| it.identity.workers);
    let reserved = match sockets::reserve(plan.steps(), workers, circumstances) {
        Ok(reserved) => reserved,
        Err(error) => return Err(explain(sockets::refusal(&error, plan.steps(), spec))),
    };
    Ok(Prepared { plan, model, target, assigned, leases, reserved })
}

/// The machine without what is ours.
fn machine(from: &State, observed: &Observed) -> Machine {
    let ours = |interface: &Option<String>| {
        let mut all = from.networks.values().map(|one| one.identity.host_interface.as_str());
        interface.as_deref().is_some_and(|interface| all.any(|one| one == interface))
    };
    let routes = observed.routes.iter();
    // A VPN's pair of /1 routes is a default route in disguise.
    let routes = routes.filter(|one| one.destination.prefix_len() > 1 && !ours(&one.interface));
    Machine {
        routes: routes.map(|one| one.destination).collect(),
        ipv6: observed.ipv6,
        running: from.networks.keys().cloned().collect(),
    }
}
