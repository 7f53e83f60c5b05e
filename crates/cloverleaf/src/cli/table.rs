//! Tables for people: columns that line up, whatever the script, and text of others made harmless.

use anyhow::Result;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::output::{self, plain};

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

/// Between two columns.
const GAP: &str = "  ";

/// No column that may be cut is cut beyond this.
const CUT_MIN: usize = 8;

/// How a column is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// From the left, whole.
    Text,
    /// From the right, whole.
    Count,
    /// From the left, cut where the table would be wider than the terminal.
    Cut,
}

/// Rows under names.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Column)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Column)]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// The same table, in which all text but the first column may be cut.
    pub(crate) fn cuttable(mut self) -> Self {
        for (_, column) in self.columns.iter_mut().skip(1) {
            if *column == Column::Text {
                *column = Column::Cut;
            }
        }
        self
    }

    /// Adds a row, with a cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cell =
            |text: String| if text.is_empty() { NOTHING.to_owned() } else { plain(&text).into_owned() };
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// Writes it to stdout, cut to the terminal if that is one.
    pub(crate) fn print(&self) -> Result<()> {
        output::line(&self.lines(output::terminal_width()).join("\n"))
    }

    pub(crate) fn columns(&self) -> &[(&'static str, Column)] {
        &self.columns
    }

    pub(crate) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Keeps the rows in which `keep` finds something.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&[String]) -> bool) {
        self.rows.retain(|row| keep(row));
    }

    /// Sorts the rows by a column: by number if it counts, else as text. Rows that are equal keep their order.
    pub(crate) fn sort(&mut self, column: usize, descending: bool) {
        let counts = self.columns.get(column).is_some_and(|(_, column)| *column == Column::Count);
        let compare = |one: &Vec<String>, two: &Vec<String>| {
            let (one, two) = (one.get(column), two.get(column));
            if !counts {
                return one.cmp(&two);
            }
            // Nothing is less than 0.
            let number = |cell: Option<&String>| cell.and_then(|cell| cell.parse::<u64>().ok());
            number(one).cmp(&number(two))
        };
        self.rows.sort_by(|one, two| {
            let order = compare(one, two);
            if descending { order.reverse() } else { order }
        });
    }

    /// The lines of it, the names first; `width` is what there is room for.
    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let widths = self.widths(width.unwrap_or(usize::MAX));
        let names = self.columns.iter().map(|(name, _)| *name);
        let mut lines = vec![self.line(names, &widths)];
        lines.extend(self.rows.iter().map(|row| self.line(row.iter().map(String::as_str), &widths)));
        lines
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, column)) in cells.zip(widths).zip(&self.columns) {
            let cell = if *column == Column::Cut { cut(cell, *width) } else { cell.to_owned() };
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let padded = match column {
                Column::Count => padding + &cell,
                Column::Text | Column::Cut => cell + &padding,
            };
            if !line.is_empty() {
                line.push_str(GAP);
            }
            line.push_str(&padded);
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// The width of each column: what its widest cell takes, less where columns can be cut and the room is short.
    fn widths(&self, room: usize) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or_default()
        };
        let names = self.columns.iter().map(|(name, _)| name.width()).enumerate();
        let mut widths: Vec<usize> = names.map(|(column, name)| name.max(widest(column))).collect();
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(room);
        while excess > 0 {
            let cuttable = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(width, (_, column))| *column == Column::Cut && **width > CUT_MIN);
            let Some((width, _)) = cuttable.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
            excess -= 1;
        }
        widths
    }
}

/// The beginning of a text, with a sign if there was more.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 1;
    for char in text.chars() {
        taken += char.width().unwrap_or_default();
        if taken > width {
            break;
        }
        short.push(char);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells<const N: usize>(texts: [&str; N]) -> [String; N] {
        texts.map(str::to_owned)
    }

    #[test]
    fn columns_line_up_in_every_script() {
        let mut table =
            Table::new(&[("uri", Column::Text), ("callees", Column::Count), ("by", Column::Text)]);
        table.row(cells(["com.example.世界", "12", "x"]));
        table.row(cells(["a", "", "e\u{301}"]));
        let expected = [
            "uri               callees  by",
            "com.example.世界       12  x",
            "a                       -  e\u{301}",
        ];
        assert_eq!(table.lines(None), expected);
    }

    #[test]
    fn counts_are_sorted_by_number_and_the_rest_as_text() {
        let mut table = Table::new(&[("uri", Column::Text), ("callees", Column::Count)]);
        for row in [["b", "9"], ["a", "10"], ["c", ""], ["d", "9"]] {
            table.row(cells(row));
        }
        let column = |table: &Table, column: usize| -> String {
            table.rows().iter().map(|row| row[column].as_str()).collect::<Vec<_>>().join(" ")
        };
        table.sort(1, true);
        assert_eq!(column(&table, 0), "a b d c");
        table.sort(0, false);
        assert_eq!(column(&table, 0), "a b c d");
        table.retain(|row| row[1] == "9");
        assert_eq!(column(&table, 0), "b d");
    }

    #[test]
    fn control_characters_of_others_are_escaped() {
        let mut table = Table::new(&[("a", Column::Text)]);
        table.row(cells(["\u{1b}[31m\n"]));
        assert_eq!(table.lines(None), ["a", "\\u{1b}[31m\\n"]);
    }

    #[test]
    fn what_may_be_cut_is_cut_to_the_room_there_is() {
        let mut table = Table::new(&[("id", Column::Text), ("args", Column::Cut), ("kwargs", Column::Cut)]);
        table.row(cells(["1234567890", &"x".repeat(100), &"世".repeat(30)]));
        let lines = table.lines(Some(50));
        assert_eq!(lines[1].width(), 49, "a wide character doesn't fit in one half: {lines:?}");
        assert!(lines[1].starts_with("1234567890  xxxxxxxxxxxx"), "{lines:?}");
        assert_eq!(lines[1].matches('…').count(), 2, "{lines:?}");
        assert!(table.lines(None)[1].width() > 160);
        let ids = Table::new(&[("id", Column::Text), ("n", Column::Count), ("uri", Column::Text)]).cuttable();
        let columns: Vec<Column> = ids.columns().iter().map(|(_, column)| *column).collect();
        assert_eq!(columns, [Column::Text, Column::Count, Column::Cut]);
        let narrow = table.lines(Some(5));
        assert!(narrow[1].width() <= 10 + 2 * (CUT_MIN + 2), "{narrow:?}");
    }
}
