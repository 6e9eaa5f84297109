//! What may pass, as the user wrote it?
//!
//! A file of rules is TOML; `docs/rules.md` is its reference. [`parse`] turns it into the dataplane's
//! rules, or says what is wrong and where: a [`RulesError`] has file, line, column and the line itself.
//!
//! ```text
//!  text ── toml ──> tables with spans ── table ──> fields ── field ──> dataplane::config::Rule
//!                                           └ Misplaced ── position ──> RulesError
//! ```
//!
//! Limits: [`MAX_RULES`] rules; who reads the file bounds its size.

mod error;
mod field;
mod position;
mod rule;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use error::{RulesError, RulesProblem};
pub use rule::{Origin, Place, Rule};
pub use words::{place_in_words, ports_in_words, protocol_in_words, verdict_in_words};

pub(crate) use error::Misplaced;
pub(crate) use field::Value;
pub(crate) use position::{Excerpt, Positions};

use super::{NetworkName, SandboxName};
use dataplane::config::{self, Action, MAX_RULES};
use dataplane::outcome::PortId;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// A file of rules that was read and not looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesFile {
    /// The path as the user gave it.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What a file of rules says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The rules in their order.
    pub rules: Vec<config::Rule>,
    /// What becomes of what no rule names.
    pub policy: Action,
}

/// The ports that rules can name: those of a network, numbered from 1.
#[derive(Clone, Copy, Debug)]
pub struct KnownPorts<'a> {
    /// The network's name.
    pub network: &'a NetworkName,
    /// How many ports it has.
    pub count: u32,
}

/// The sandboxes and networks that a rule can name.
pub(crate) trait KnownSandboxes {
    /// The sandbox of this name, or what is to be said if there is none.
    fn find(&self, field: &'static str, name: &str) -> Result<SandboxName, RulesProblem>;

    /// Another network of this name, or what is to be said if there is none.
    fn other(&self, field: &'static str, name: &str) -> Result<NetworkName, RulesProblem>;
}

/// Every name that a sandbox can have; whether there is one is asked later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnySandbox;

impl KnownSandboxes for AnySandbox {
    fn find(&self, field: &'static str, name: &str) -> Result<SandboxName, RulesProblem> {
        name.parse().map_err(|fault| RulesProblem::Name { field, fault })
    }

    fn other(&self, field: &'static str, name: &str) -> Result<NetworkName, RulesProblem> {
        name.parse().map_err(|fault| RulesProblem::Network { field, fault })
    }
}

impl KnownSandboxes for KnownPorts<'_> {
    fn find(&self, field: &'static str, name: &str) -> Result<SandboxName, RulesProblem> {
        match self.port(name).map(|port| SandboxName::of_port(self.network, port.0.into())) {
            Some(sandbox) => Ok(sandbox),
            None => {
                let (given, known) = (name.to_owned(), self.in_words());
                Err(RulesProblem::Place { field, given, known })
            }
        }
    }

    fn other(&self, field: &'static str, _: &str) -> Result<NetworkName, RulesProblem> {
        Err(RulesProblem::NetworkAlone(field))
    }
}

impl KnownPorts<'_> {
    fn port(&self, name: &str) -> Option<PortId> {
        let number = name.strip_prefix(self.network.as_str())?.strip_prefix('-')?;
        let number: u16 = number.parse().ok()?;
        // A number can be written in other ways than the name has it: "+1", "01".
        let is_port = (1..=self.count).contains(&number.into());
        (is_port && self.network.port(number.into()) == name).then_some(PortId(number))
    }

    fn in_words(&self) -> String {
        match self.count {
            1 => self.network.port(1),
            count => format!("{} to {}", self.network.port(1), self.network.port(count)),
        }
    }
}

/// Reads rules for a network whose ports have their numbers.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn parse(file: &RulesFile, ports: KnownPorts<'_>) -> Result<Rules, Box<RulesError>> {
    let (rules, policy) = read(file, &ports)?;
    let compile = |rule: Rule| rule.compile(|name| ports.port(name.as_str()));
    Ok(Rules { rules: rules.into_iter().filter_map(compile).collect(), policy })
}

/// Reads rules with the names of sandboxes, and the policy.
///
/// # Errors
/// The first thing that is wrong with the file.
pub(super) fn read(
    file: &RulesFile,
    sandboxes: &dyn KnownSandboxes,
) -> Result<(Vec<Rule>, Action), Box<RulesError>> {
    let positions = Positions::of(&file.text);
    let read = || {
        let document = DeTable::parse(&file.text).map_err(|error| Misplaced::syntax(&error))?;
        table::file(document.get_ref(), sandboxes, |at| file.origin(positions.line(at)))
    };
    read().map_err(|misplaced: Misplaced| Box::new(misplaced.locate(&file.path, &positions)))
}

/// Is this the version of files that is read?
pub(crate) fn version(value: &Value<'_>) -> Result<(), Misplaced> {
    field::version(value)
}

/// Reads the rules of a network in a larger file: the tables of its field `rules`.
pub(crate) fn list(
    value: &Value<'_>,
    origin: impl Fn(usize) -> String,
) -> Result<Vec<Rule>, Misplaced> {
    const EXPECTED: &str = "tables headed [[networks.NAME.rules]]";
    table::list("rules", EXPECTED, value, &AnySandbox, origin)
}

/// Reads the fields of one rule.
pub(crate) fn one(document: &Spanned<DeTable<'_>>, origin: String) -> Result<Rule, Misplaced> {
    let rule = table::rule(document.span(), document.get_ref(), &AnySandbox)?;
    Ok(Rule { origin: Origin(origin), ..rule })
}

impl RulesFile {
    /// A line of it, for people.
    pub(crate) fn origin(&self, line: usize) -> String {
        format!("{}:{line}", self.name())
    }

    /// The file's name without its folder.
    fn name(&self) -> &str {
        let name = Path::new(&self.path).file_name().and_then(|name| name.to_str());
        name.unwrap_or(&self.path)
    }
}
