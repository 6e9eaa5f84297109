//! How do the networks of a file come to be?
//!
//! In a process of their own, or in the daemon if one runs: then `up` stays in the foreground until a
//! signal comes, and takes out again what came with it.

use super::super::apply::{ask, read};
use super::super::exit::CliError;
use super::super::output::print;
use super::super::status::{LineShown, StatusLine};
use super::super::{logs, port_list};
use super::asked::Caught;
use super::{Options, background};
use crate::api::SOCKET_NAME;
use crate::api::client::{Client, ClientError, How};
use crate::api::protocol::{NetworkInfo, PortInfo};
use crate::daemon::change::{Request, rehearse};
use crate::daemon::{Daemon, TICK, Totals};
use crate::doctor::{self, Way};
use crate::netns::rootless;
use crate::spec::{self, SpecFile};
use crate::topology::{Keeper, Sandboxes, Site};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

/// Makes all that is in the file.
pub(super) fn run(path: &Path, options: &Options) -> Result<(), CliError> {
    let site = Site::here(rootless::is_privileged());
    // The child in the background has left our folder.
    let path = std::path::absolute(path)
        .map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let mut file = read(&path)?;
    file.path = options.file().unwrap_or(&path).display().to_string();
    if !options.is_background() && Keeper::of(&site).is_some() {
        return in_daemon(&file, options.is_for_background(), &site);
    }
    let way = doctor::preflight()?;
    if options.is_for_background() {
        return background::launch(&file.path);
    }
    if options.is_background() {
        background::detach()?;
    }
    alone(file, options, &site, way == Way::Rootless)
}

fn alone(
    file: SpecFile,
    options: &Options,
    site: &Site,
    is_rootless: bool,
) -> Result<(), CliError> {
    let watched = !options.is_background() && io::stderr().is_terminal();
    let shown = LineShown::default();
    logs::start(watched, shown.clone());
    if is_rootless {
        rootless::enter()?;
    }
    let name = file.path.clone();
    // What is wrong with the file is said before anything is made.
    if !site.state_dir.exists() {
        rehearse(file.clone(), site)?;
    }
    let mut daemon = Daemon::of_file(site, is_rootless)?;
    if let Err(error) = daemon.apply(Request::Join(file)) {
        daemon.abandon()?;
        return Err(error.into());
    }
    let (networks, warnings) = daemon.announced();
    let told = tell(describe(&networks, &warnings), options, site);
    if let Err(error) = told {
        daemon.abandon()?;
        return Err(error);
    }
    let mut line = StatusLine::new(name, shown);
    let mut draw = |now: Totals, elapsed: Duration| line.draw(now, elapsed);
    let ended = daemon.run(if watched { Some(&mut draw) } else { None });
    line.end();
    Ok(ended?)
}

fn tell(mut text: String, options: &Options, site: &Site) -> Result<(), CliError> {
    if options.is_background() {
        let log = site.state_dir.join(Sandboxes::folder_name()).join("log");
        text += &format!("Log:  {}\n", log.display());
        return background::ready(&text, &log);
    }
    Ok(print(&text)?)
}

fn describe(networks: &[(NetworkInfo, Vec<PortInfo>)], warnings: &[String]) -> String {
    let warnings: String = warnings.iter().map(|one| format!("warning: {one}\n")).collect();
    let tables = networks.iter().map(|(_, ports)| port_list::table(ports));
    warnings + &tables.collect::<Vec<_>>().join("\n")
}

/// Puts the file beside what the daemon holds.
fn in_daemon(file: &SpecFile, detach: bool, site: &Site) -> Result<(), CliError> {
    let mut signals = if detach { None } else { Some(Caught::new().map_err(CliError::Signals)?) };
    let client = Client::new(site.state_dir.join(SOCKET_NAME));
    let how = How { dry_run: false, join: true };
    ask(client.apply(file, how))?;
    let (spec, _) = spec::read(file.clone()).map_err(crate::daemon::change::ChangeError::from)?;
    let names: Vec<&String> = spec.networks.keys().collect();
    let printed = networks(&client, &names).and_then(|all| Ok(print(&describe(&all, &[]))?));
    let Some(signals) = &mut signals else { return printed };
    let stayed = printed.and_then(|()| stay(&client, &names, signals));
    for name in names {
        match client.network(name).delete() {
            Ok(()) | Err(ClientError::NotRunning { .. }) => {}
            Err(ClientError::Refused { problem, .. }) if problem.status == 404 => {}
            Err(error) => return ask(Err(error)),
        }
    }
    stayed
}

fn networks(
    client: &Client,
    names: &[&String],
) -> Result<Vec<(NetworkInfo, Vec<PortInfo>)>, CliError> {
    let one = |name: &&String| {
        let network = client.network(name);
        ask(network.info().and_then(|info| Ok((info, network.ports()?))))
    };
    names.iter().map(one).collect()
}

/// Stays until a signal comes, or none of the networks is there any more.
fn stay(client: &Client, names: &[&String], signals: &mut Caught) -> Result<(), CliError> {
    while !signals.came_within(TICK) {
        match client.networks() {
            Ok(all) if all.iter().any(|one| names.contains(&&one.name)) => {}
            // It answers again, or it is gone.
            Err(ClientError::Timeout { .. }) => {}
            Ok(_) => break,
            Err(error) => return ask(Err(error)),
        }
    }
    Ok(())
}
