//! Why is a file of networks refused?

use super::hint::example;
use super::{Field, SpecFile};
use crate::model::Problem;
use crate::model::rules::{Excerpt, Positions, RulesProblem};
use std::ops::Range;

/// What is wrong with a file of networks, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {}{problem}{excerpt}", in_front(.field))]
pub struct FileError {
    /// The file's path as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The field; the root if it is none.
    pub field: Field,
    /// What is wrong.
    pub problem: FileProblem,
    excerpt: Excerpt,
}

fn in_front(field: &Field) -> String {
    if field.is_root() { String::new() } else { format!("{field}: ") }
}

/// What is wrong with a file of networks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// It is no TOML.
    #[error("{0}")]
    Syntax(String),
    /// A name is there twice.
    #[error("{0} is there already; write each name once, with all of its fields below it")]
    Duplicate(String),
    /// The file does not say how it is to be read.
    #[error("the file must say `version = 1` before its first table")]
    VersionMissing,
    /// The file is of a later version of the program.
    #[error("this program reads version 1 only")]
    Version,
    /// A field that there is not, or a value of another type.
    #[error("{said}{}", .example.map(|example| format!("; write it like `{example}`")).unwrap_or_default())]
    Form {
        /// What the deserializer says.
        said: String,
        /// How the field is written.
        example: Option<&'static str>,
    },
    /// A rule is refused.
    #[error(transparent)]
    Rule(#[from] RulesProblem),
    /// The form is right, but it makes no sense.
    #[error(transparent)]
    Refused(#[from] Problem),
}

impl FileError {
    pub(super) fn new(
        file: &SpecFile,
        span: &Range<usize>,
        field: Field,
        problem: FileProblem,
    ) -> Self {
        let positions = Positions::of(&file.text);
        let (line, column) = positions.of_byte(span.start);
        let excerpt = positions.excerpt(span);
        Self { file: file.path.clone(), line, column, field, problem, excerpt }
    }
}

/// What the TOML parser found.
pub(super) fn syntax(file: &SpecFile, error: &toml::de::Error) -> Box<FileError> {
    let span = error.span().unwrap_or_default();
    let problem = match file.text.get(span.clone()) {
        Some(key) if error.message().contains("duplicate key") => {
            FileProblem::Duplicate(key.to_owned())
        }
        _ => FileProblem::Syntax(error.message().to_owned()),
    };
    Box::new(FileError::new(file, &span, Field::root(), problem))
}

/// What serde says, with how it is written instead.
pub(super) fn form(said: &str, field: &Field) -> FileProblem {
    let is_type = said.starts_with("invalid") || said.contains("expected a whole number");
    let example = if is_type { example(field) } else { None };
    FileProblem::Form { said: said.to_owned(), example }
}
