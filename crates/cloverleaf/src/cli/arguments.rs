//! Arguments of calls and events, as they are written on a command line.

use clap::Args;
use client::Arguments;
use wamp::{Serializer, Value};

/// Positional and keyword arguments.
#[derive(Debug, Args)]
pub(crate) struct Payload {
    /// Arguments: JSON where they are JSON, else text
    #[arg(allow_negative_numbers = true)]
    args: Vec<String>,
    /// A keyword argument, its value as above; may be repeated
    #[arg(short, long = "kwarg", value_name = "KEY=VALUE", value_parser = keyword)]
    kwargs: Vec<(String, Value)>,
}

impl Payload {
    pub(crate) fn into_arguments(self) -> Arguments {
        let kwargs = self.kwargs.into_iter().collect();
        Arguments::from_values(self.args.iter().map(|text| value(text)).collect(), kwargs)
    }
}

/// A value: JSON if the text is, else the text itself.
pub(crate) fn value(text: &str) -> Value {
    Value::decode(Serializer::Json, text.as_bytes()).unwrap_or_else(|_| Value::from(text))
}

fn keyword(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, text)) if !key.is_empty() => Ok((key.to_owned(), value(text))),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_is_taken_as_json() {
        assert_eq!(value("42"), Value::Uint(42));
        assert_eq!(value("-1"), Value::Int(-1));
        assert_eq!(value("[1, \"a\"]"), Value::List(vec![Value::Uint(1), Value::from("a")]));
        assert_eq!(value("\"42\""), Value::from("42"));
        assert_eq!(value("null"), Value::Null);
        assert_eq!(value("hello world"), Value::from("hello world"));
        assert_eq!(value(""), Value::from(""));
        assert_eq!(value("{broken"), Value::from("{broken"));
    }

    #[test]
    fn keywords_are_split_at_the_first_equals_sign() {
        assert_eq!(keyword("a=b=c"), Ok(("a".to_owned(), Value::from("b=c"))));
        assert!(keyword("a").is_err());
        assert!(keyword("=1").is_err());
    }
}
