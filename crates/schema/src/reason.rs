//! What the schema library says about a value, as a place and a sentence.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Failure;

use crate::node::Node;
use crate::path::{Path, excerpt};

/// How many characters of a value a message shows.
const VALUE_CHARS: usize = 60;

/// Where in the value, which is at a place itself, something fails, and why.
pub(crate) fn of(error: &ValidationError<'_>, place: &Path, value: Node<'_>) -> (Path, String) {
    let error = innermost(error);
    (place.follow(error.instance_path().as_str(), value), sentence(error))
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
