//! Which fields does a file of rules have?

use super::error::{Misplaced, RulesProblem};
use super::rule::{Origin, Rule};
use super::{KnownSandboxes, MAX_RULES, field};
use dataplane::config::{Action, RuleError};
use field::Value;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const FILE_FIELDS: &[&str] = &["version", "policy", "rule"];
const RULE_FIELDS: &[&str] =
    &["from", "to", "protocol", "source", "destination", "source-port", "port", "state", "verdict"];

/// Reads the whole file. `origin` says in words where a byte of it is.
pub(super) fn file(
    document: &DeTable<'_>,
    sandboxes: &dyn KnownSandboxes,
    origin: impl Fn(usize) -> String,
) -> Result<(Vec<Rule>, Action), Misplaced> {
    // A file of another version may have other fields, so this comes first.
    let version = document.get("version");
    let version = version.ok_or_else(|| Misplaced::new(0..0, RulesProblem::VersionMissing))?;
    field::version(version)?;
    only_known(document, FILE_FIELDS)?;
    let policy = document.get("policy").map(|value| field::verdict("policy", value)).transpose()?;
    let rules = document
        .get("rule")
        .map(|value| list("rule", "tables headed [[rule]]", value, sandboxes, origin));
    Ok((rules.transpose()?.unwrap_or_default(), policy.unwrap_or_default()))
}

/// Reads the rules in a list of tables that is the field `name` of something.
pub(super) fn list(
    name: &'static str,
    expected: &'static str,
    value: &Value<'_>,
    sandboxes: &dyn KnownSandboxes,
    origin: impl Fn(usize) -> String,
) -> Result<Vec<Rule>, Misplaced> {
    let no_table = |value: &Value<'_>| {
        Misplaced::new(value.span(), RulesProblem::Type { field: name, expected })
    };
    let DeValue::Array(list) = value.get_ref() else { return Err(no_table(value)) };
    if list.len() > MAX_RULES {
        return Err(Misplaced::new(value.span(), RulesProblem::TooMany(list.len())));
    }
    let one = |value| {
        let DeValue::Table(table) = Spanned::get_ref(value) else { return Err(no_table(value)) };
        let rule = rule(value.span(), table, sandboxes)?;
        Ok(Rule { origin: Origin(origin(value.span().start)), ..rule })
    };
    list.iter().map(one).collect()
}

/// Reads one rule, a table that stands at `span`.
pub(super) fn rule(
    span: Range<usize>,
    table: &DeTable<'_>,
    sandboxes: &dyn KnownSandboxes,
) -> Result<Rule, Misplaced> {
    only_known(table, RULE_FIELDS)?;
    let mut rule = Rule::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "from" => rule.from = Some(field::place("from", value, sandboxes)?),
            "to" => rule.to = Some(field::place("to", value, sandboxes)?),
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
        return Err(Misplaced::new(span, RulesProblem::VerdictMissing));
    }
    let at = |error| where_to_look(error, table).unwrap_or_else(|| span.clone());
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
