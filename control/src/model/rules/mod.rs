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
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use error::{RulesError, RulesProblem};
pub use words::{place_in_words, ports_in_words, protocol_in_words, verdict_in_words};

use super::NetworkName;
use dataplane::config::{Action, MAX_RULES, Rule};
use error::Misplaced;
use position::Positions;
use std::path::Path;
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
    pub rules: Vec<Rule>,
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

/// Reads rules.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn parse(file: &RulesFile, ports: KnownPorts<'_>) -> Result<Rules, Box<RulesError>> {
    let positions = Positions::of(&file.text);
    let read = || {
        let document = DeTable::parse(&file.text).map_err(|error| Misplaced::syntax(&error))?;
        table::rules(document.get_ref(), ports, |at| {
            format!("{}:{}", file.name(), positions.line(at))
        })
    };
    read().map_err(|misplaced: Misplaced| Box::new(misplaced.locate(&file.path, &positions)))
}

impl RulesFile {
    /// The file's name without its folder.
    fn name(&self) -> &str {
        let name = Path::new(&self.path).file_name().and_then(|name| name.to_str());
        name.unwrap_or(&self.path)
    }
}
