//! `udp-bridge conntrack`: which flows are tracked.
//!
//! Options, columns and words are those of conntrack(8), so that who knows one knows the other. Flows
//! are printed as they are read: the table may be larger than our memory.
//!
//! Where it differs: NAME is a network; addresses and `-p icmpv6` imply the family; ports need no
//! `-p`; `--port` and `--json` are ours. Not there: events, updates, marks, zones, expectations.

mod line;
mod options;
mod shown;

pub(super) use options::Options;

use super::exit::CliError;
use super::known::Known;
use super::output::{print, print_json};
use crate::api::client::NetworkClient;
use crate::api::flow::FlowFilter;
use options::Deed;
use shown::Shown;
use std::io::{self, Write as _};

/// Does what the options say.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let filter = options.filter()?;
    let known = Known::look()?;
    let network = known.find(&options.name)?;
    if !network.alive {
        return Err(CliError::Dead(options.name.clone()));
    }
    let client = known.client(&network.name);
    match options.deed() {
        Deed::List => list(&client, &filter, options.json),
        Deed::Count => count(&client, &filter, options.json),
        Deed::Delete => delete(&client, &filter, options.json),
        Deed::Flush => flush(&client, options.json),
    }
}

fn list(client: &NetworkClient, filter: &FlowFilter, json: bool) -> Result<(), CliError> {
    let mut shown = Shown::new(io::stdout().lock(), json);
    let asked = client.flows(filter, &mut |line| shown.take(line));
    let flows = shown.finish(asked)?;
    say(&format!("{flows} flow entries have been shown."));
    Ok(())
}

/// As conntrack(8) does, it fails if there was nothing to delete.
fn delete(client: &NetworkClient, filter: &FlowFilter, json: bool) -> Result<(), CliError> {
    let mut shown = Shown::new(io::stdout().lock(), json).despite_no_reader();
    let asked = client.remove_flows(filter, &mut |line| shown.take(line));
    let flows = shown.finish(asked)?;
    say(&format!("{flows} flow entries have been deleted."));
    if flows == 0 { Err(CliError::NothingDeleted) } else { Ok(()) }
}

fn count(client: &NetworkClient, filter: &FlowFilter, json: bool) -> Result<(), CliError> {
    let count = client.flow_count(filter)?;
    if json {
        return Ok(print_json(&count)?);
    }
    Ok(print(&format!("{}\n", count.flows))?)
}

fn flush(client: &NetworkClient, json: bool) -> Result<(), CliError> {
    let count = client.flush_flows()?;
    if json {
        print_json(&count)?;
    }
    say(&format!("connection tracking table has been emptied ({} flow entries).", count.flows));
    Ok(())
}

/// The last line, on standard error, so that what is printed can be counted.
fn say(words: &str) {
    // Where nobody can read it, the code must do.
    let _ = writeln!(io::stderr(), "udp-bridge v{}: {words}", env!("CARGO_PKG_VERSION"));
}
