//! `udp-bridge rules`: what may pass, and what did.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use super::output::{print, print_json};
use super::table::{List, Side};
use super::units::{bytes, grouped};
use crate::api::protocol::{Hits, RuleInfo, RulesInfo};
use clap::Args;
use std::fmt::Display;

/// Options of `rules`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The network
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the rules in their order.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let network = known.find(&options.name)?;
    if !network.alive {
        return Err(CliError::Dead(options.name.clone()));
    }
    let rules = known.client(&network.name).rules()?;
    if options.json {
        return Ok(print_json(&rules)?);
    }
    Ok(print(&table(&rules))?)
}

fn table(rules: &RulesInfo) -> String {
    let mut list = List::new(&[
        ("ID", Side::Right),
        ("RULE", Side::Left),
        ("VERDICT", Side::Left),
        ("PACKETS", Side::Right),
        ("BYTES", Side::Right),
        ("MATCHES", Side::Left),
    ]);
    let mut row = |id: String, name: &str, verdict: &str, hits: Option<Hits>, what: String| {
        let packets = hits.map(|hits| grouped(hits.packets)).unwrap_or_default();
        let bytes = hits.map(|hits| bytes(hits.bytes)).unwrap_or_default();
        list.row([id, name.to_owned(), verdict.to_owned(), packets, bytes, what]);
    };
    for rule in &rules.rules {
        row(rule.id.to_string(), &rule.place, &rule.verdict, rule.hits, matches(rule));
    }
    row(String::new(), "flow", "accept", rules.flow_hits, "state established,related".to_owned());
    if !rules.icc {
        row(
            String::new(),
            "icc",
            "drop",
            rules.icc_hits,
            "from one namespace to another".to_owned(),
        );
    }
    row(String::new(), "policy", &rules.policy, rules.policy_hits, "everything else".to_owned());
    list.text()
}

/// What a rule matches, in the words of its file.
fn matches(rule: &RuleInfo) -> String {
    let mut words = Vec::new();
    let mut one = |field: &str, value: &Option<String>| {
        words.extend(value.as_ref().map(|value| format!("{field} {value}")));
    };
    one("from", &rule.from);
    one("to", &rule.to);
    one("protocol", &rule.protocol);
    words.extend(several("source", &rule.sources));
    words.extend(several("source-port", &rule.source_ports));
    words.extend(several("destination", &rule.destinations));
    words.extend(several("port", &rule.destination_ports));
    words.extend(several("state", &rule.states));
    if words.is_empty() { "everything".to_owned() } else { words.join(" ") }
}

fn several(field: &str, values: &[impl Display]) -> Option<String> {
    let texts: Vec<_> = values.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| format!("{field} {}", texts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn rules_are_listed_in_the_words_of_their_file_and_the_defaults_below_them() {
        assert_eq!(
            table(&examples::rules()),
            "\
ID  RULE           VERDICT  PACKETS    BYTES  MATCHES
 0  rules.toml:3   accept     1,234  1.50 MB  from outside to ub0-2 protocol tcp source 10.0.0.0/8,192.0.2.7/32 port 80,8000-8010 state new
 1  rules.toml:12  reject         0      0 B  everything
 -  flow           accept         -        -  state established,related
 -  icc            drop           2    120 B  from one namespace to another
 -  policy         accept         -        -  everything else
"
        );
    }

    #[test]
    fn icc_is_listed_only_where_it_keeps_namespaces_apart() {
        let text = table(&RulesInfo { icc: true, ..examples::rules() });
        assert!(!text.contains("icc") && text.contains("policy"), "{text}");
    }
}
