//! Which columns of a table fit, and how wide are they?
//!
//! The columns of rank 0 are always there; the others come in the order of their rank, as far as there
//! is room. A figure is shown whole or not at all. Words are shortened, and end with `…` then.

use ratatui::layout::{Alignment, Constraint};
use ratatui::style::Style;
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table};

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Figures, to the right, in this width even if they are shorter: so they stay where they are.
    Figures(u16),
    /// Words, of which so many characters are always shown.
    Words(u16),
    /// The same for an address with its port, which is always shown whole.
    Ends(u16),
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// 0 is never left out; the highest rank is left out first.
    pub(super) rank: u8,
    pub(super) kind: Kind,
    pub(super) cells: Vec<(String, Style)>,
}

impl Column {
    /// The longest of its cells and its title.
    fn longest(&self) -> usize {
        let cells = self.cells.iter().map(|(text, _)| text.chars().count());
        cells.chain([self.title.len()]).max().unwrap_or_default()
    }

    /// The least width that shows enough of it.
    fn least(&self) -> usize {
        match self.kind {
            Kind::Figures(usual) => self.longest().max(usual.into()),
            Kind::Words(least) | Kind::Ends(least) => self.longest().min(least.into()),
        }
    }

    fn shown(&self, row: usize, width: usize) -> Cell<'static> {
        let Some((text, style)) = self.cells.get(row) else { return Cell::default() };
        let cell = match self.kind {
            Kind::Figures(_) => right(text.clone()),
            Kind::Words(_) => Cell::from(shortened(text, width)),
            Kind::Ends(_) => Cell::from(shortened_end(text, width)),
        };
        cell.style(*style)
    }
}

/// A table of what fits into a width.
pub(super) fn table(mut columns: Vec<Column>, width: u16) -> Table<'static> {
    let widths = widths(&columns, width.into());
    let mut shown = widths.iter();
    columns.retain(|_| shown.next().is_some_and(Option::is_some));
    let widths: Vec<usize> = widths.into_iter().flatten().collect();
    let lines = columns.iter().map(|column| column.cells.len()).max().unwrap_or_default();
    let rows = (0..lines).map(|row| {
        let each = columns.iter().zip(&widths);
        Row::new(each.map(|(column, width)| column.shown(row, *width)).collect::<Vec<_>>())
    });
    let titles = columns.iter().map(|column| match column.kind {
        Kind::Figures(_) => right(column.title.to_owned()),
        Kind::Words(_) | Kind::Ends(_) => Cell::from(column.title),
    });
    let header = Row::new(titles.collect::<Vec<_>>()).style(Style::new().reversed());
    // As wide as a terminal at most.
    let widths = widths.iter().map(|width| Constraint::Length(*width as u16));
    Table::new(rows, widths).header(header)
}

/// The width of each column; `None` for one that is left out.
fn widths(columns: &[Column], width: usize) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|index| columns[*index].rank);
    let mut widths = vec![None; columns.len()];
    // Between two columns there is a blank.
    let mut left = width + 1;
    for index in order {
        let (column, least) = (&columns[index], columns[index].least());
        if column.rank == 0 || least < left {
            widths[index] = Some(least);
            left = left.saturating_sub(least + 1);
        }
    }
    spread(columns, &mut widths, left, |column, width| width < column.longest());
    let used: usize = widths.iter().flatten().map(|width| width + 1).sum();
    let left = (width + 1).saturating_sub(used);
    spread(columns, &mut widths, left, |column, _| column.rank == 0);
    widths
}

/// Gives what is left to the words that want it, one by one.
fn spread(
    columns: &[Column],
    widths: &mut [Option<usize>],
    mut left: usize,
    wants: impl Fn(&Column, usize) -> bool,
) {
    loop {
        let before = left;
        for (column, width) in columns.iter().zip(&mut *widths) {
            let Some(width) = width else { continue };
            let is_words = !matches!(column.kind, Kind::Figures(_));
            if left > 0 && is_words && wants(column, *width) {
                (*width, left) = (*width + 1, left - 1);
            }
        }
        if left == before {
            return;
        }
    }
}

/// As much of a text as fits.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain((width > 0).then_some('…')).collect()
}

/// The same for an address, with all of its port.
fn shortened_end(text: &str, width: usize) -> String {
    // An address of IPv6 that has a port is in brackets.
    let has_port = |at: &usize| text[..*at].ends_with(']') || !text[..*at].contains(':');
    match text.rfind(':').filter(has_port) {
        Some(at) if text.len() > width => {
            let (address, port) = text.split_at(at);
            shortened(address, width.saturating_sub(port.len())) + port
        }
        _ => shortened(text, width),
    }
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Text::from(text).alignment(Alignment::Right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rank: u8, kind: Kind, cell: &str) -> Column {
        Column { title: "", rank, kind, cells: vec![(cell.to_owned(), Style::new())] }
    }

    #[test]
    fn columns_go_by_rank_and_words_give_way_before_figures() {
        let columns = [
            column(0, Kind::Words(4), "a-long-name"),
            column(2, Kind::Figures(3), "12"),
            column(1, Kind::Figures(3), "12,345"),
        ];
        for (width, expected) in [
            (20, vec![Some(9), Some(3), Some(6)]),
            (15, vec![Some(4), Some(3), Some(6)]),
            (14, vec![Some(7), None, Some(6)]),
            (11, vec![Some(4), None, Some(6)]),
            // The next one may be narrow enough.
            (10, vec![Some(6), Some(3), None]),
            (5, vec![Some(5), None, None]),
            (30, vec![Some(19), Some(3), Some(6)]),
        ] {
            assert_eq!(widths(&columns, width), expected, "{width}");
        }
    }

    #[test]
    fn an_address_is_shortened_and_its_port_is_not() {
        assert_eq!(shortened_end("172.16.1.2:65535", 12), "172.1…:65535");
        assert_eq!(shortened_end("[fd00:1::2]:443", 10), "[fd00…:443");
        assert_eq!(shortened_end("fd00:1:2::3", 6), "fd00:…");
        assert_eq!(shortened_end("10.0.0.1:80", 11), "10.0.0.1:80");
        assert_eq!((shortened("web", 2), shortened("web", 0)), ("w…".to_owned(), String::new()));
    }
}
