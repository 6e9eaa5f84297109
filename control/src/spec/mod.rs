//! What did the user write, in a file of networks?
//!
//! The file is TOML; `docs/file.md` is its reference. [`read`] gives two things: a [`Spec`], plain data
//! with a field for each field of the file, and a [`Source`], which knows where each of them stands.
//!
//! ```text
//!  text ── toml ──> tables with spans ─┬─ serde ──────────> Spec ──> model::Model, or a Refusal
//!                                      ├─ model::rules ──────┘                         │
//!                                      └─ places ──> Source ── explain ──> FileError <─┘
//! ```
//!
//! Only the form is judged here: that a field exists and has the right type. Whether it makes sense is
//! [`crate::model`]'s to say, by the [`Field`] that is wrong; [`Source::explain`] adds file, line and
//! column. A `Spec` that no file gave (an edit of what runs) has no `Source`, and its refusals are said
//! by field alone.
//!
//! Limits: who reads the file bounds its size; TOML's parser bounds how deep tables nest.

mod edit;
mod error;
mod field;
mod hint;
mod network;
mod places;
mod print;
mod sandbox;

#[cfg(test)]
mod tests;

pub use crate::model::rules::RulesFile as SpecFile;
pub use edit::EditError;
pub use error::{FileError, FileProblem};
pub use field::Field;
pub use network::{
    ConntrackSpec, FdbSpec, FilteringWord, NatSpec, NetworkSpec, NoneWord, PolicyWord, ProfileWord,
    Rate, StormSpec, UplinkWord,
};
pub use places::Source;
pub use print::Notes;
pub use sandbox::{EndpointSpec, Endpoints, LimitsSpec, ModeText, SandboxSpec};

use crate::model::rules::{self, Positions, Rule};
use places::Places;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The one version of the file that there is.
pub const VERSION: u64 = 1;

/// A file of networks as it was written; nothing is checked but its form.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// How the file is to be read: [`VERSION`].
    pub version: u64,
    /// The networks by name.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// The sandboxes by name.
    pub sandboxes: BTreeMap<String, SandboxSpec>,
}

/// Reads a file of networks.
///
/// # Errors
/// The first thing that is wrong with its form.
pub fn read(file: SpecFile) -> Result<(Spec, Source), Box<FileError>> {
    let document = match DeTable::parse(&file.text) {
        Ok(document) => document,
        Err(error) => return Err(error::syntax(&file, &error)),
    };
    let source = Source::new(file.clone(), Places::of(document.get_ref()));
    let spec = form(document, &source, &file)?;
    Ok((spec, source))
}

/// Reads one rule: the fields of a table `[[networks.NAME.rules]]` without its head.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read_rule(file: SpecFile) -> Result<Rule, Box<FileError>> {
    let document = match DeTable::parse(&file.text) {
        Ok(document) => document,
        Err(error) => return Err(error::syntax(&file, &error)),
    };
    let source = Source::new(file.clone(), Places::of(document.get_ref()));
    rules::one(&document, file.path).map_err(|misplaced| source.misplaced(misplaced))
}

fn form(
    mut document: Spanned<DeTable<'_>>,
    source: &Source,
    file: &SpecFile,
) -> Result<Spec, Box<FileError>> {
    // A file of another version may have other fields, so this comes first.
    match document.get_ref().get("version") {
        None => return Err(source.at(0..0, FileProblem::VersionMissing)),
        Some(value) if rules::version(value).is_err() => {
            return Err(source.at(value.span(), FileProblem::Version));
        }
        Some(_) => {}
    }
    let positions = Positions::of(&file.text);
    let mut rules = take_rules(document.get_mut());
    let mut spec = Spec::deserialize(toml::de::Deserializer::from(document))
        .map_err(|error| source.malformed(&error))?;
    for (name, network) in &mut spec.networks {
        let Some(value) = rules.remove(name) else { continue };
        let origin = |at| file.origin(positions.line(at));
        let list = rules::list(&value, origin);
        network.rules = list.map_err(|misplaced| source.misplaced(misplaced))?;
    }
    for (name, sandbox) in &mut spec.sandboxes {
        let at = Field::root().key("sandboxes").key(name).key("endpoints");
        sandbox.endpoints.sort_by_key(|network| source.position(&at.clone().key(network)));
    }
    Ok(spec)
}

/// Takes each network's rules out of the document; they are read by the reader of rules.
fn take_rules<'a>(document: &mut DeTable<'a>) -> BTreeMap<String, Spanned<DeValue<'a>>> {
    let Some(networks) = document.get_mut("networks") else { return BTreeMap::new() };
    let DeValue::Table(networks) = networks.get_mut() else { return BTreeMap::new() };
    let rules = networks.iter_mut().filter_map(|(name, network)| match network.get_mut() {
        DeValue::Table(network) => Some((name.get_ref().to_string(), network.remove("rules")?)),
        _ => None,
    });
    rules.collect()
}
