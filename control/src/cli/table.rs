//! How does a list look?
//!
//! Columns two spaces apart under a head of capitals, no boxes, no trailing spaces, one line a row:
//! as `docker ps` does it, so that `awk` can read it too.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A list that is being written.
#[derive(Debug)]
pub(super) struct List {
    table: Table,
    sides: Vec<Side>,
}

impl List {
    /// A list with these columns and no rows.
    pub(super) fn new(columns: &[(&str, Side)]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|(head, _)| *head));
        Self { table, sides: columns.iter().map(|(_, side)| *side).collect() }
    }

    /// Adds a row of as many cells as there are columns.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        // An empty cell would shift the columns for programs that split at spaces.
        let cells = cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell });
        self.table.add_row(cells);
    }

    /// The list as text; every line ends with a line feed.
    pub(super) fn text(mut self) -> String {
        let last = self.sides.len().saturating_sub(1);
        for (index, side) in self.sides.iter().enumerate() {
            if let Some(column) = self.table.column_mut(index) {
                column.set_padding((0, if index == last { 0 } else { 2 }));
                if *side == Side::Right {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        self.table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_without_boxes_and_trailing_spaces() {
        let mut list =
            List::new(&[("PORT", Side::Left), ("FRAMES", Side::Right), ("MAC", Side::Left)]);
        list.row(["ub0".to_owned(), "5".to_owned(), "aa".to_owned()]);
        list.row(["ub0-1".to_owned(), "1234567".to_owned(), String::new()]);
        assert_eq!(
            list.text(),
            "PORT    FRAMES  MAC\n\
             ub0          5  aa\n\
             ub0-1  1234567  -\n"
        );
    }

    #[test]
    fn a_list_without_rows_is_its_head() {
        let list = List::new(&[("PORT", Side::Left), ("MAC", Side::Left)]);
        assert_eq!(list.text(), "PORT  MAC\n");
    }
}
