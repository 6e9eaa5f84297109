//! `udp-bridge exec`: the command takes this process's place, in the port's namespace.
//!
//! As with `ip netns exec` the command sees the namespace's own `/sys`, and the files of
//! `/etc/netns/NAME` in the place of those in `/etc`. The exit code is the command's by nature.

mod view;

use super::exit::CliError;
use super::known::{Known, is_changing, owns};
use super::logs;
use crate::api::SOCKET_NAME;
use crate::api::client::Client;
use crate::api::file::SandboxInfo;
use crate::api::protocol::{DaemonInfo, NetworkInfo, PortInfo};
use crate::netns::{self, NetnsError, rootless};
use clap::Args;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The host port of the only rootless network.
const HOST: &str = "host";

/// Options of `exec`.
#[derive(Debug, Args)]
#[command(override_usage = "udp-bridge exec <PORT> -- <CMD>...")]
pub(super) struct Options {
    /// The port: its name like ub0-1; the name of a sandbox of a file; its number where only one network
    /// is up; `host` for the host side of a rootless network
    port: String,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

/// Becomes the command; returns only when that fails.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    logs::start_for_command();
    let known = Known::look()?;
    if let Some(place) = sandbox(&known, &options.port)? {
        return in_sandbox(place, options);
    }
    let networks = ask(&known, &options.port)?;
    let (network, port) = find(&networks, &options.port).map_err(|error| {
        known.dead_with(&options.port).unwrap_or_else(|| CliError::NoPlace(Box::new(error)))
    })?;
    if !port.alive {
        return Err(CliError::PortGone(port.name.clone()));
    }
    let program = options.command.first().cloned().unwrap_or_default();
    if network.rootless {
        rootless::join(network.pid)?;
    } else if port.namespace.is_none() {
        return Err(CliError::HostPort(port.name.clone()));
    }
    if let Some(namespace) = &port.namespace {
        netns::enter(&known.site.netns_dir.join(namespace)).map_err(|error| match error {
            NetnsError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                CliError::NameGone(port.name.clone())
            }
            other => other.into(),
        })?;
        let program = program.to_string_lossy().into_owned();
        view::enter(namespace).map_err(|source| CliError::View { program, source })?;
    }
    let source = Command::new(&program).args(options.command.iter().skip(1)).exec();
    Err(CliError::Exec { program: program.to_string_lossy().into_owned(), source })
}

/// A sandbox of a file, and the process that has it.
struct Place {
    sandbox: SandboxInfo,
    process: DaemonInfo,
}

/// The sandbox of a file that `wanted` names, if there is one.
fn sandbox(known: &Known, wanted: &str) -> Result<Option<Place>, CliError> {
    let daemon = known.site.state_dir.join(SOCKET_NAME);
    for socket in known.file_sockets().into_iter().chain([daemon]) {
        let client = Client::new(socket);
        let all = match client.sandboxes() {
            // It ends just now, or there is none.
            Err(error) if is_changing(&error) => continue,
            all => all?,
        };
        if let Some(sandbox) = all.into_iter().find(|one| one.name == wanted) {
            return Ok(Some(Place { sandbox, process: client.daemon()? }));
        }
    }
    Ok(None)
}

/// Becomes the command in a sandbox.
fn in_sandbox(place: Place, options: &Options) -> Result<(), CliError> {
    let program = options.command.first().cloned().unwrap_or_default();
    if place.process.rootless {
        rootless::join(place.process.pid)?;
    }
    if let Some(path) = &place.sandbox.namespace {
        netns::enter(Path::new(path))?;
        let program = program.to_string_lossy().into_owned();
        let view = view::enter(&place.sandbox.name);
        view.map_err(|source| CliError::View { program, source })?;
    }
    let source = Command::new(&program).args(options.command.iter().skip(1)).exec();
    Err(CliError::Exec { program: program.to_string_lossy().into_owned(), source })
}

type Asked = Vec<(NetworkInfo, Vec<PortInfo>)>;

/// The living networks that may have the port `wanted`, with their ports: the one whose name it
/// begins with, so that no other need be waited for, otherwise all.
fn ask(known: &Known, wanted: &str) -> Result<Asked, CliError> {
    let living = || known.networks.iter().filter(|network| network.alive);
    let chosen: Vec<_> = match living().filter(|network| owns(network, wanted)).collect::<Vec<_>>()
    {
        none if none.is_empty() => living().collect(),
        some => some,
    };
    let mut networks = Asked::new();
    for network in chosen {
        let client = known.client(&network.name);
        match client.info().and_then(|info| Ok((info, client.ports()?))) {
            Ok(asked) => networks.push(asked),
            // It ends or begins just now; its ports cannot be entered.
            Err(error) if is_changing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(networks)
}

/// The port that `wanted` names.
fn find<'a>(
    networks: &'a Asked,
    wanted: &str,
) -> Result<(&'a NetworkInfo, &'a PortInfo), CliError> {
    let all =
        || networks.iter().flat_map(|(info, ports)| ports.iter().map(move |port| (info, port)));
    let number = wanted.parse::<u16>().ok();
    let by_name: Vec<_> = all().filter(|(_, port)| port.name == wanted).collect();
    let matching = if by_name.is_empty() {
        all()
            .filter(|(info, port)| {
                Some(port.number) == number || (wanted == HOST && port.number == 0 && info.rootless)
            })
            .collect()
    } else {
        by_name
    };
    let names = |ports: &mut dyn Iterator<Item = (&NetworkInfo, &PortInfo)>| {
        ports.map(|(_, port)| port.name.clone()).collect()
    };
    match matching.as_slice() {
        [] => Err(CliError::UnknownPort { name: wanted.to_owned(), known: names(&mut all()) }),
        [one] => Ok(*one),
        several => Err(CliError::AmbiguousPort {
            name: wanted.to_owned(),
            known: names(&mut several.iter().copied()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    fn two() -> Asked {
        let mut ports = examples::ports();
        for port in &mut ports {
            port.name = port.name.replace("ub0", "web");
        }
        let web = NetworkInfo { name: "web".to_owned(), rootless: true, ..examples::network() };
        vec![(examples::network(), examples::ports()), (web, ports)]
    }

    fn found(networks: &Asked, wanted: &str) -> Result<String, String> {
        find(networks, wanted).map(|(_, port)| port.name.clone()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_port_is_found_by_name_and_by_number_where_that_is_enough() {
        let mut networks = two();
        assert_eq!(found(&networks, "web-1").unwrap(), "web-1");
        assert_eq!(found(&networks, "host").unwrap(), "web");
        assert_eq!(
            found(&networks, "1").unwrap_err(),
            r#"there are several ports "1": name one of ub0-1, web-1"#
        );
        networks.pop();
        assert_eq!(found(&networks, "1").unwrap(), "ub0-1");
    }

    #[test]
    fn an_unknown_port_is_an_error_that_lists_the_ports() {
        assert_eq!(
            found(&two(), "9").unwrap_err(),
            r#"there is no port "9"; the ports are ub0, ub0-1, web, web-1"#
        );
        assert!(found(&Asked::new(), "1").unwrap_err().contains("none is up"));
    }
}
