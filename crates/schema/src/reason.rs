//! What the schema library says about a value, as a place and a sentence.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Failure;

use crate::node::Node;
use crate::path::{Path, excerpt, steps};

/// How many characters of a value a message shows.
const VALUE_CHARS: usize = 60;

/// Where in the value, which is at a place itself, something fails, and why.
pub(crate) fn of(error: &ValidationError<'_>, place: &Path, value: Node<'_>) -> (Path, String) {
    let error = innermost(error);
    let pointer = error.instance_path().as_str();
    let text = unexpected_key(error, pointer, value).unwrap_or_else(|| sentence(error));
    (place.follow(pointer, value), text)
}

/// Where no key is allowed at all, the library shows what is under one and not the key.
fn unexpected_key(error: &ValidationError<'_>, pointer: &str, value: Node<'_>) -> Option<String> {
    let is_any_key = matches!(error.kind(), Failure::FalseSchema)
        && error.schema_path().as_str().ends_with("/additionalProperties");
    let dict = steps(pointer).try_fold(value, |value, step| value.child(&step))?.as_dict()?;
    let key = dict.keys().next().filter(|_| is_any_key)?;
    Some(format!("Additional properties are not allowed ('{}' was unexpected)", excerpt(key, VALUE_CHARS)))
}

/// What fails. `value` is cut, which the library's own text, made of it, then is too.
pub(crate) fn sentence(error: &ValidationError<'_>) -> String {
    let value = excerpt(error.instance(), VALUE_CHARS);
    match error.kind() {
        Failure::FalseSchema => format!("{value} is not allowed here"),
        Failure::AdditionalItems { limit } => format!("{value} has more than {limit} items"),
        Failure::PropertyNames { error } => format!("the key {}", sentence(error)),
        Failure::Format { format } if format == "regex" => {
            format!(
                "{value} is no regular expression that is accepted; look-around, back-references and \
                 large ones are not"
            )
        }
        _ => excerpt(error.masked_with(value), 200),
    }
}

/// Of alternatives that all fail, the one that was meant, if that can be told: the only one whose type fits.
fn innermost<'e>(error: &'e ValidationError<'_>) -> &'e ValidationError<'e> {
    let mut error: &'e ValidationError<'e> = error;
    while let Failure::AnyOf { context } | Failure::OneOfNotValid { context } = error.kind() {
        let place = error.instance_path();
        let is_other_type = |failure: &&ValidationError<'_>| {
            matches!(failure.kind(), Failure::Type { .. }) && failure.instance_path() == place
        };
        let mut meant = context
            .iter()
            .filter(|failures| !failures.iter().any(|failure| is_other_type(&failure)))
            .filter_map(|failures| failures.first());
        match (meant.next(), meant.next()) {
            (Some(only), None) => error = only,
            _ => break,
        }
    }
    error
}
