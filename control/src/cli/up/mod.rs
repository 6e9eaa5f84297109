//! `udp-bridge up`: makes a network, in the foreground or in the background, or asks the daemon for it.

mod asked;
mod background;
mod file;
mod options;
mod router_options;
mod rules_file;
mod values;

pub(super) use options::Options;
pub(super) use rules_file::{RulesFileError, read as read_rules};

use super::exit::CliError;
use super::logs;
use super::output::print;
use super::status::{LineShown, StatusLine};
use super::{down, port_list};
use crate::api::creation::Created;
use crate::daemon::{Daemon, Totals};
use crate::doctor::{self, Way};
use crate::model::NetworkRequest;
use crate::netns::rootless;
use crate::topology::{Keeper, Site};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Makes the network and, but for the one who starts it in the background, stays with it.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    if let Some(path) = options.file() {
        return file::run(path, options);
    }
    let request = NetworkRequest { rules: options.rules()?, ..options.request() };
    // The name is part of paths below; all else is judged with the machine in sight.
    let name = request.name()?;
    let site = Site::here(rootless::is_privileged());
    let kept = if options.is_background() { None } else { Keeper::of(&site) };
    if let Some(kept) = kept {
        return asked::run(request, options.is_for_background(), &site, kept);
    }
    let way = doctor::preflight()?;
    if options.is_for_background() {
        return background::launch(name.as_str());
    }
    if options.is_background() {
        background::detach()?;
    }
    let watched = !options.is_background() && io::stderr().is_terminal();
    let shown = LineShown::default();
    logs::start(watched, shown.clone());

    if way == Way::Rootless {
        rootless::enter()?;
    }
    let mut daemon = Daemon::alone(&site, way == Way::Rootless)?;
    let created = daemon.start(&request)?.created();
    if let Err(error) = announce(&created, options, &site) {
        daemon.abandon()?;
        return Err(error);
    }
    let mut line = StatusLine::new(name.to_string(), shown);
    let mut draw = |now: Totals, elapsed: Duration| line.draw(now, elapsed);
    let ended = daemon.run(if watched { Some(&mut draw) } else { None });
    line.end();
    ended?;
    if watched {
        // The terminal may be what ended us.
        let _ = writeln!(io::stderr(), "{name}: down");
    }
    Ok(())
}

/// Shows what was made, to whoever waits for it.
fn announce(created: &Created, options: &Options, site: &Site) -> Result<(), CliError> {
    let mut text = describe(created);
    if options.is_background() {
        let log = site.state_dir.join(&created.network.name).join("log");
        text += &format!("Log:  {}\n", log.display());
        return background::ready(&text, &log);
    }
    Ok(print(&text)?)
}

/// What was made, in words.
fn describe(created: &Created) -> String {
    let Created { network, ports, cleared, warnings } = created;
    let mut text = String::new();
    if let Some(cleared) = cleared {
        text += &format!("{}: {}\n", network.name, down::words(cleared));
    }
    for warning in warnings {
        text += &format!("warning: {warning}\n");
    }
    text + &port_list::announcement(network, ports)
}
