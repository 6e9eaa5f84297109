//! What is asked of `conntrack`, and which flows are meant?

use crate::api::flow::query::{family, network, protocol, state};
use crate::api::flow::{Family, FilterError, FlowFilter};
use crate::cli::known::DEFAULT_NAME;
use clap::{ArgGroup, Args};
use ipnet::IpNet;

/// Options of `conntrack`.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("filter").multiple(true)), after_help = "\
Without a family -L and -D mean IPv4, as conntrack(8) does; -C and -F mean both. -D fails if nothing \
matches.")]
pub(in crate::cli) struct Options {
    /// The network
    #[arg(default_value = DEFAULT_NAME)]
    pub(super) name: String,
    /// List the flows (when no other is given)
    #[arg(short = 'L', long, group = "deed", alias = "dump")]
    list: bool,
    /// Count the flows
    #[arg(short = 'C', long, group = "deed")]
    count: bool,
    /// Delete the flows, and list them
    #[arg(short = 'D', long, group = "deed")]
    delete: bool,
    /// Delete all flows
    #[arg(short = 'F', long, group = "deed", conflicts_with = "filter")]
    flush: bool,
    /// Of this family: ipv4 or ipv6
    #[arg(short = 'f', long, value_name = "FAMILY", group = "filter", value_parser = family)]
    family: Option<Family>,
    /// Of this protocol: a name or a number
    #[arg(short = 'p', long = "proto", value_name = "PROTO", group = "filter", value_parser = protocol)]
    protocol: Option<u8>,
    /// Begun from this address or network
    #[arg(short = 's', long = "orig-src", visible_alias = "src", value_name = "ADDR", group = "filter", value_parser = original_source)]
    original_source: Option<IpNet>,
    /// Begun to this address or network
    #[arg(short = 'd', long = "orig-dst", visible_alias = "dst", value_name = "ADDR", group = "filter", value_parser = original_destination)]
    original_destination: Option<IpNet>,
    /// Begun from this TCP or UDP port
    #[arg(long = "sport", visible_alias = "orig-port-src", value_name = "PORT", group = "filter")]
    source_port: Option<u16>,
    /// Begun to this TCP or UDP port
    #[arg(long = "dport", visible_alias = "orig-port-dst", value_name = "PORT", group = "filter")]
    destination_port: Option<u16>,
    /// Answered from this address or network
    #[arg(short = 'r', long = "reply-src", value_name = "ADDR", group = "filter", value_parser = reply_source)]
    reply_source: Option<IpNet>,
    /// Answered to this address or network
    #[arg(short = 'q', long = "reply-dst", value_name = "ADDR", group = "filter", value_parser = reply_destination)]
    reply_destination: Option<IpNet>,
    /// TCP in this state, like ESTABLISHED
    #[arg(long, value_name = "STATE", group = "filter", value_parser = state)]
    state: Option<String>,
    /// Of this port of the network: a name or a number
    #[arg(long = "port", value_name = "NAME", group = "filter")]
    port: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Show flows.
    List,
    /// Count them.
    Count,
    /// Remove and show them.
    Delete,
    /// Remove all.
    Flush,
}

impl Options {
    /// What is to be done.
    pub(super) fn deed(&self) -> Deed {
        match (self.count, self.delete, self.flush) {
            (true, ..) => Deed::Count,
            (_, true, _) => Deed::Delete,
            (.., true) => Deed::Flush,
            _ => Deed::List,
        }
    }

    /// Which flows are meant, the default family filled in.
    ///
    /// # Errors
    /// Options that cannot hold together.
    pub(super) fn filter(&self) -> Result<FlowFilter, FilterError> {
        let mut filter = FlowFilter {
            family: self.family,
            protocol: self.protocol,
            original_source: self.original_source,
            original_destination: self.original_destination,
            original_source_port: self.source_port,
            original_destination_port: self.destination_port,
            reply_source: self.reply_source,
            reply_destination: self.reply_destination,
            state: self.state.clone(),
            port: self.port.clone(),
        };
        filter.check()?;
        if matches!(self.deed(), Deed::List | Deed::Delete) {
            filter.family = filter.implied_family().or(Some(Family::Ipv4));
        }
        Ok(filter)
    }
}

fn original_source(value: &str) -> Result<IpNet, FilterError> {
    network("orig-src", value)
}

fn original_destination(value: &str) -> Result<IpNet, FilterError> {
    network("orig-dst", value)
}

fn reply_source(value: &str) -> Result<IpNet, FilterError> {
    network("reply-src", value)
}

fn reply_destination(value: &str) -> Result<IpNet, FilterError> {
    network("reply-dst", value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> Result<Options, String> {
        let words = std::iter::once("conntrack").chain(line.split_whitespace());
        Command::try_parse_from(words)
            .map(|command| command.options)
            .map_err(|error| error.to_string())
    }

    fn query(line: &str) -> String {
        parse(line).unwrap().filter().unwrap().to_string()
    }

    #[test]
    fn the_options_of_conntrack_are_understood() {
        let cases = [
            ("", "family=ipv4"),
            ("-L -p tcp --dport 80", "family=ipv4&protocol=6&orig-port-dst=80"),
            ("-L -p 6 --orig-port-src 80", "family=ipv4&protocol=6&orig-port-src=80"),
            ("-C", ""),
            ("-C -p udp", "protocol=17"),
            ("-D -s 172.16.1.2 web", "family=ipv4&orig-src=172.16.1.2/32"),
            (
                "--src 10.0.0.0/8 --dst 192.0.2.1",
                "family=ipv4&orig-src=10.0.0.0/8&orig-dst=192.0.2.1/32",
            ),
            ("-r ::1 -q fd00::/64", "family=ipv6&reply-src=::1/128&reply-dst=fd00::/64"),
            ("-f ipv6", "family=ipv6"),
            ("-p icmpv6", "family=ipv6&protocol=58"),
            ("--state established --port ub0-1", "family=ipv4&state=ESTABLISHED&port=ub0-1"),
        ];
        for (line, wanted) in cases {
            assert_eq!(query(line), wanted, "{line}");
        }
    }

    #[test]
    fn one_thing_is_done_at_a_time_and_listing_is_the_default() {
        let cases = [
            ("", Deed::List),
            ("-L", Deed::List),
            ("-C", Deed::Count),
            ("-D", Deed::Delete),
            ("-F web", Deed::Flush),
        ];
        for (line, deed) in cases {
            assert_eq!(parse(line).unwrap().deed(), deed, "{line}");
        }
        assert!(parse("-L -D").unwrap_err().contains("cannot be used with"));
        assert!(parse("-F -p tcp").unwrap_err().contains("cannot be used with"));
    }

    #[test]
    fn a_wrong_value_is_refused_by_name() {
        for (line, words) in [
            ("-s here", "'--orig-src <ADDR>': orig-src=here is no address"),
            ("-p tpc", "'--proto <PROTO>': protocol=tpc is no protocol"),
            ("-f ipx", "'--family <FAMILY>': family=ipx is no ipv4 or ipv6"),
            ("--state OPEN", "state=OPEN is no state"),
            ("--dport 70000", "'--dport <PORT>'"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
        let error = parse("-p icmp --dport 80").unwrap().filter().unwrap_err();
        assert_eq!(error, FilterError::PortsOf(1));
    }
}
