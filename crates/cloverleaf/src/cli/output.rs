//! What goes to the terminal: results as lines on stdout, everything else on stderr.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anyhow::{Error, Result};
use clap::Args;
use client::Arguments;
use ratatui::crossterm::terminal;
use wamp::Value;
use wamp::value::Dict;

/// For whom results are written.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Style {
    /// Print JSON, a line for each record
    #[arg(long, global = true, display_order = 100)]
    pub(crate) json: bool,
}

impl Style {
    /// Writes a record: as JSON, or as what `people` makes of it.
    pub(crate) fn record(self, record: &Dict, people: impl FnOnce() -> Vec<String>) -> Result<()> {
        if self.json { line(&record.to_string()) } else { lines(people()) }
    }
}

/// Writes lines to stdout, none if there are none.
pub(crate) fn lines(lines: impl IntoIterator<Item = String>) -> Result<()> {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() { Ok(()) } else { line(&lines.join("\n")) }
}

/// Writes a line to stdout at once.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| {
        let text = format!("can't write to stdout: {error}");
        Error::new(error).context(text)
    })
}

/// Whether it is all that went wrong that nobody reads stdout any more.
pub(crate) fn is_unread(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// How wide the terminal is that stdout goes to; `None` where stdout goes elsewhere.
pub(crate) fn terminal_width() -> Option<usize> {
    let (columns, _) = terminal::size().ok().filter(|_| io::stdout().is_terminal())?;
    Some(usize::from(columns)).filter(|width| *width > 0)
}

/// Tells the person at the terminal something that isn't a result.
pub(crate) fn tell(text: &str) {
    // Who closed stderr doesn't want to know.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what went wrong, in one line.
pub(crate) fn complain(text: &str) {
    tell(&format!("cloverleaf: {}", plain(&text.lines().collect::<Vec<_>>().join(" "))));
}

/// Text of others without what a terminal would obey: control characters are escaped as in Rust, a newline as `\n`.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if char.is_control() {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    Cow::Owned(plain)
}

/// A dictionary with arguments in it, for a line of JSON. Binary values become text as WAMP has it in JSON: `\0` and
/// Base64.
pub(crate) fn with_arguments(mut dict: Dict, arguments: Arguments) -> Value {
    let (args, kwargs) = arguments.into_values();
    dict.insert("args", Value::List(args));
    dict.insert("kwargs", Value::Map(kwargs));
    Value::Map(dict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_told_what_to_do_by_others() {
        assert!(matches!(plain("Grüße, 世界"), Cow::Borrowed("Grüße, 世界")));
        assert_eq!(plain("a\u{1b}[2J\n\u{9b}"), "a\\u{1b}[2J\\n\\u{9b}");
    }
}
