//! `udp-bridge trace`: what would become of a packet and why, or what becomes of those that come.

use super::apply::ask;
use super::exit::CliError;
use super::known::Known;
use super::output::{OutputError, print, print_json};
use super::watched::{Watched, find};
use crate::api::trace::TraceQuery;
use crate::capture::words::time;
use crate::trace::{Described, Explanation, Who};
use clap::Args;
use std::io::{self, Write};
use std::ops::ControlFlow;

/// Options of `trace`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is sent. The packet is the first of a flow: a TCP segment with SYN, a UDP datagram, an echo request. \
With --follow, packets of such flows are told as they come, answers too, until Ctrl-C.")]
pub(super) struct Options {
    /// Where the packet comes from: a port's name like ub0-1 or its number, `host`, or `outside`
    port: String,
    /// tcp, udp or icmp
    protocol: String,
    /// Whom it calls: 10.0.0.5:443, [fd00::5]:443; for icmp an address alone
    to: Who,
    /// Who sends it: an address, with a port if that matters
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Who>,
    /// The network; when left out, the one that has the port
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Tell of packets that come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Print JSON; with --follow an object in each line
    #[arg(long)]
    json: bool,
}

/// Tells what would become of a packet, or what does.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let described = Described {
        port: options.port.clone(),
        protocol: options.protocol.clone(),
        to: options.to,
        from: options.from,
    };
    described.check()?;
    let known = Known::look()?;
    let is_port = ![Described::HOST, Described::OUTSIDE].contains(&&options.port[..]);
    let port = if is_port { &options.port } else { super::watched::ALL };
    let Watched { client, .. } = find(&known, options.network.as_deref(), port)?;
    let asked = TraceQuery { described, follow: options.follow };
    if !options.follow {
        let told = ask(client.trace(&asked))?;
        return match options.json {
            true => Ok(print_json(&told)?),
            false => Ok(print(&told.to_string())?),
        };
    }
    let mut followed = Followed { rest: Vec::new(), json: options.json, failure: None };
    ask(client.follow(&asked, &mut |bytes| followed.take(bytes)))?;
    followed.failure.map_or(Ok(()), Err)
}

/// Prints packets as they come.
struct Followed {
    /// The line that is not at its end yet.
    rest: Vec<u8>,
    json: bool,
    failure: Option<CliError>,
}

impl Followed {
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        let mut to = io::stdout().lock();
        let written = if self.json { to.write_all(&lines) } else { write(&lines, &mut to) };
        match written.and_then(|()| to.flush()) {
            Ok(()) => ControlFlow::Continue(()),
            // Who reads no more has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ControlFlow::Break(()),
            Err(error) => {
                self.failure = Some(OutputError::from(error).into());
                ControlFlow::Break(())
            }
        }
    }
}

fn write(lines: &[u8], to: &mut impl Write) -> io::Result<()> {
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let told: Explanation = serde_json::from_slice(line).map_err(io::Error::from)?;
        writeln!(to, "{}\n{told}", time(told.time.unwrap_or_default()))?;
    }
    Ok(())
}
