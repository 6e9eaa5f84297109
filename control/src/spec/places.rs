//! Where does each field stand?

use super::error::{FileError, FileProblem, form};
use super::{Field, SpecFile};
use crate::model::Refusal;
use crate::model::rules::Misplaced;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The bytes of each field.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// What is shown of a field: the value, or the key of a table.
    shown: BTreeMap<Field, Range<usize>>,
    /// All spans of keys and values.
    spans: Vec<(Range<usize>, Field)>,
}

impl Places {
    pub(super) fn of(document: &DeTable<'_>) -> Self {
        let mut places = Self::default();
        places.table(&Field::root(), document);
        places
    }

    fn table(&mut self, at: &Field, table: &DeTable<'_>) {
        for (key, value) in table {
            let field = at.clone().key(key.get_ref());
            self.spans.push((key.span(), field.clone()));
            self.value(field, key.span(), value);
        }
    }

    fn value(&mut self, field: Field, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        self.shown.insert(field.clone(), if is_table { key } else { value.span() });
        self.spans.push((value.span(), field.clone()));
        match value.get_ref() {
            DeValue::Table(table) => self.table(&field, table),
            DeValue::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.value(field.clone().index(index), item.span(), item);
                }
            }
            _ => {}
        }
    }

    /// The bytes to show for a field, or for the nearest that it is in.
    fn of_field(&self, field: &Field) -> Range<usize> {
        let around = std::iter::successors(Some(field.clone()), Field::parent);
        around.filter_map(|field| self.shown.get(&field)).next().cloned().unwrap_or_default()
    }

    /// The innermost field whose key or value has these bytes.
    fn at(&self, bytes: &Range<usize>) -> Field {
        let has = |span: &Range<usize>| span.start <= bytes.start && bytes.end <= span.end;
        let around = self.spans.iter().filter(|(span, _)| !bytes.is_empty() && has(span));
        // Of two as short the one further in: it comes later.
        let innermost = around.rev().min_by_key(|(span, _)| span.len());
        innermost.map(|(_, field)| field.clone()).unwrap_or_default()
    }
}

/// A file and where its fields stand: it says of a refusal where it is.
#[derive(Clone, Debug)]
pub struct Source {
    file: SpecFile,
    places: Places,
}

impl Source {
    pub(super) fn new(file: SpecFile, places: Places) -> Self {
        Self { file, places }
    }

    /// The same refusal with file, line and column.
    pub fn explain(&self, refusal: Refusal) -> Box<FileError> {
        let Refusal { field, problem } = refusal;
        let span = self.places.of_field(&field);
        self.error(&span, field, FileProblem::Refused(problem))
    }

    /// What is wrong with these bytes.
    pub(super) fn at(&self, span: Range<usize>, problem: FileProblem) -> Box<FileError> {
        self.error(&span, self.places.at(&span), problem)
    }

    /// What is wrong with a rule.
    pub(super) fn misplaced(&self, misplaced: Misplaced) -> Box<FileError> {
        let Misplaced { span, problem } = misplaced;
        // Most problems of rules begin with the field's own name.
        let field = self.places.at(&span).without(&problem.to_string());
        self.error(&span, field, FileProblem::Rule(problem))
    }

    /// What serde says of the form.
    pub(super) fn malformed(&self, error: &toml::de::Error) -> Box<FileError> {
        let span = error.span().unwrap_or_default();
        let field = self.places.at(&span);
        let problem = form(error.message(), &field);
        self.error(&span, field, problem)
    }

    /// Where a field begins.
    pub(super) fn position(&self, field: &Field) -> usize {
        self.places.of_field(field).start
    }

    fn error(&self, span: &Range<usize>, field: Field, problem: FileProblem) -> Box<FileError> {
        Box::new(FileError::new(&self.file, span, field, problem))
    }
}
