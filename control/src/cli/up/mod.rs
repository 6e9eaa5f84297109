//! `udp-bridge up`: makes a network, in the foreground or in the background.

mod background;
mod options;
mod router_options;
mod rules_file;

pub(super) use options::Options;
pub(super) use rules_file::RulesFileError;

use super::exit::CliError;
use super::logs;
use super::output::print;
use super::status::{LineShown, StatusLine};
use super::{down, port_list};
use crate::daemon::{Daemon, Totals};
use crate::doctor::{self, Way};
use crate::model::NetworkRequest;
use crate::netns::rootless;
use crate::topology::Site;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Makes the network and, but for the one who starts it in the background, stays with it.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let request = NetworkRequest { rules: options.rules()?, ..options.request() };
    // The name is part of paths below; all else is judged with the machine in sight.
    let name = request.name()?;
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

    let site = Site::here(way == Way::Root);
    if way == Way::Rootless {
        rootless::enter()?;
    }
    let daemon = Daemon::start(&request, &site, way == Way::Rootless)?;
    if let Err(error) = announce(&daemon, options, &site) {
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
fn announce(daemon: &Daemon, options: &Options, site: &Site) -> Result<(), CliError> {
    let network = daemon.network();
    let mut text = String::new();
    if let Some(cleared) = daemon.cleared() {
        text += &format!("{}: {}\n", network.name, down::in_words(cleared));
    }
    for warning in daemon.warnings() {
        text += &format!("warning: {warning}\n");
    }
    text += &port_list::announcement(&network, &daemon.ports());
    if options.is_background() {
        let log = site.state_dir.join(&network.name).join("log");
        text += &format!("Log:  {}\n", log.display());
        return background::ready(&text, &log);
    }
    Ok(print(&text)?)
}
