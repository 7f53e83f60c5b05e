//! What goes to the terminal: results as lines on stdout, everything else on stderr.

use std::io::{self, Write};

use anyhow::{Context, Result};
use client::Arguments;
use wamp::Value;
use wamp::value::Dict;

/// Writes a line to stdout at once.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("stdout is closed")
}

/// Tells the person at the terminal something that isn't a result.
pub(crate) fn tell(text: &str) {
    // Who closed stderr doesn't want to know.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what went wrong, in one line.
pub(crate) fn complain(text: &str) {
    tell(&format!("cloverleaf: {}", text.lines().collect::<Vec<_>>().join(" ")));
}

/// A dictionary with arguments in it, for a line of JSON. Binary values become text as WAMP has it in JSON: `\0` and
/// Base64.
pub(crate) fn with_arguments(mut dict: Dict, arguments: Arguments) -> Value {
    let (args, kwargs) = arguments.into_values();
    dict.insert("args", Value::List(args));
    dict.insert("kwargs", Value::Map(kwargs));
    Value::Map(dict)
}
