//! Which fields does a file of rules have?

use super::error::{Misplaced, RulesProblem};
use super::{KnownPorts, MAX_RULES, Rules, field};
use dataplane::config::{Rule, RuleError};
use field::Value;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

const FILE_FIELDS: &[&str] = &["version", "policy", "rule"];
const RULE_FIELDS: &[&str] =
    &["from", "to", "protocol", "source", "destination", "source-port", "port", "state", "verdict"];

/// Reads the whole file. `place` says in words where a byte of it is.
pub(super) fn rules(
    document: &DeTable<'_>,
    ports: KnownPorts<'_>,
    place: impl Fn(usize) -> String,
) -> Result<Rules, Misplaced> {
    // A file of another version may have other fields, so this comes first.
    let version = document.get("version");
    let version = version.ok_or_else(|| Misplaced::new(0..0, RulesProblem::VersionMissing))?;
    field::version(version)?;
    only_known(document, FILE_FIELDS)?;
    let mut rules = Rules::default();
    if let Some(value) = document.get("policy") {
        rules.policy = field::verdict("policy", value)?;
    }
    let Some(value) = document.get("rule") else { return Ok(rules) };
    let list = array(value)?;
    if list.len() > MAX_RULES {
        return Err(Misplaced::new(value.span(), RulesProblem::TooMany(list.len())));
    }
    for value in list {
        let rule = rule(value, ports)?;
        rules.rules.push(Rule { place: place(value.span().start), ..rule });
    }
    Ok(rules)
}

fn array<'a, 'b>(value: &'a Value<'b>) -> Result<&'a [Value<'b>], Misplaced> {
    match value.get_ref() {
        DeValue::Array(list) => Ok(list),
        _ => Err(no_table(value)),
    }
}

fn no_table(value: &Value<'_>) -> Misplaced {
    let problem = RulesProblem::Type { field: "rule", expected: "tables headed [[rule]]" };
    Misplaced::new(value.span(), problem)
}

fn rule(value: &Value<'_>, ports: KnownPorts<'_>) -> Result<Rule, Misplaced> {
    let DeValue::Table(table) = value.get_ref() else { return Err(no_table(value)) };
    only_known(table, RULE_FIELDS)?;
    let mut rule = Rule::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "from" => rule.from = Some(field::place("from", value, ports)?),
            "to" => rule.to = Some(field::place("to", value, ports)?),
            "protocol" => rule.protocol = Some(field::protocol(value)?),
            "source" => rule.sources = field::prefixes("source", value)?,
            "destination" => rule.destinations = field::prefixes("destination", value)?,
            "source-port" => rule.source_ports = field::ports("source-port", value)?,
            "port" => rule.destination_ports = field::ports("port", value)?,
            "state" => rule.states = field::states(value)?,
            "verdict" => rule.action = field::verdict("verdict", value)?,
            // Refused above.
            _ => {}
        }
    }
    if !table.contains_key("verdict") {
        return Err(Misplaced::new(value.span(), RulesProblem::VerdictMissing));
    }
    let at = |error| where_to_look(error, table).unwrap_or_else(|| value.span());
    rule.check().map_err(|error| Misplaced::new(at(error), error.into()))?;
    Ok(rule)
}

/// Refuses the first field that is not one of `known`.
fn only_known(table: &DeTable<'_>, known: &'static [&'static str]) -> Result<(), Misplaced> {
    let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
    match unknown.min_by_key(|key| key.span().start) {
        None => Ok(()),
        Some(key) => {
            let field = key.get_ref().to_string();
            Err(Misplaced::new(key.span(), RulesProblem::UnknownField { field, known }))
        }
    }
}

/// The field to change when the fields do not go together.
fn where_to_look(error: RuleError, table: &DeTable<'_>) -> Option<Range<usize>> {
    let fields: &[_] = match error {
        RuleError::PortsWithoutProtocol | RuleError::PortRange => &["port", "source-port"],
        RuleError::Families => &["destination"],
        RuleError::IcmpFamily | RuleError::Icmpv6Family => &["protocol"],
        RuleError::NoNamespace => &["to"],
    };
    let mut keys = fields.iter().filter_map(|field| table.get_key_value(*field));
    keys.next().map(|(key, value)| key.span().start..value.span().end)
}
