//! Where in the text is it, and how is that shown?

use std::fmt;
use std::ops::Range;

/// Longest line that is shown, in characters: what a terminal can hold in two rows.
const MAX_SHOWN: usize = 160;

/// The lines of a text.
#[derive(Debug)]
pub(crate) struct Positions<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Positions<'a> {
    /// Finds all lines.
    pub(crate) fn of(text: &'a str) -> Self {
        let behind = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(behind).collect() }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, byte: usize) -> usize {
        // The first line begins at 0, so there is one at or before every byte.
        self.starts.partition_point(|start| *start <= byte)
    }

    /// Line and column of a byte, both from 1. The column is in characters.
    pub(crate) fn of_byte(&self, byte: usize) -> (usize, usize) {
        let line = self.line(byte);
        let before = self.text.get(self.starts[line - 1]..byte).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The line where `span` begins, with the part of `span` that is in it marked.
    pub(crate) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let (number, column) = self.of_byte(span.start);
        let line = self.text[self.starts[number - 1]..].lines().next().unwrap_or_default();
        let length = line.chars().count();
        let marked = self.text.get(span.clone()).unwrap_or_default().lines().next();
        let width = marked.map_or(0, |text| text.chars().count()).max(1);
        // A tab or an escape sequence would shift the mark.
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        Excerpt {
            number,
            line: (length <= MAX_SHOWN).then(|| line.chars().map(shown).collect()),
            column,
            width,
        }
    }
}

/// A line of the text with a mark below it; nothing if the line is too long to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    number: usize,
    line: Option<String>,
    column: usize,
    width: usize,
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(line) = &self.line else { return Ok(()) };
        let number = self.number.to_string();
        let margin = number.len();
        let (indent, mark) = (self.column - 1, "^".repeat(self.width));
        write!(f, "\n{:margin$} |\n{number} | {line}\n{:margin$} | {:indent$}{mark}", "", "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_its_line_and_its_column_in_characters() {
        let positions = Positions::of("one\nzwö  x\n\nend");
        assert_eq!(positions.of_byte(0), (1, 1));
        assert_eq!(positions.of_byte(3), (1, 4));
        assert_eq!(positions.of_byte(4), (2, 1));
        assert_eq!(positions.of_byte(10), (2, 6));
        assert_eq!(positions.of_byte(12), (3, 1));
        assert_eq!(positions.of_byte(16), (4, 4));
        assert_eq!(positions.of_byte(99).0, 4);
    }

    #[test]
    fn the_marked_part_ends_with_its_line() {
        let text = "a = 1\nport = [0,\n  \"x\"]";
        let positions = Positions::of(text);
        let one = positions.excerpt(&(14..15)).to_string();
        assert_eq!(one, "\n  |\n2 | port = [0,\n  |         ^");
        let list = positions.excerpt(&(13..22)).to_string();
        assert_eq!(list, "\n  |\n2 | port = [0,\n  |        ^^^");
        assert!(Positions::of("").excerpt(&(0..0)).to_string().ends_with("1 | \n  | ^"));
    }

    #[test]
    fn a_line_too_long_to_be_read_is_not_shown_and_tabs_do_not_shift_the_mark() {
        let long = "x".repeat(MAX_SHOWN + 1);
        assert_eq!(Positions::of(&long).excerpt(&(0..1)).to_string(), "");
        assert_ne!(Positions::of(&long[1..]).excerpt(&(0..1)).to_string(), "");
        let tabbed = Positions::of("\ta\t=").excerpt(&(3..4)).to_string();
        assert!(tabbed.ends_with("1 |  a =\n  |    ^"), "{tabbed}");
    }
}
