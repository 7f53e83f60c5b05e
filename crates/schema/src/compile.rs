//! From the schemas of a declaration to what checks payloads.

use jsonschema::{PatternCache, PatternOptions, Validator};
use serde_json::Value as Json;

use crate::check::Checks;
use crate::document::{Document, Schema, Slots};
use crate::error::Invalid;
use crate::json::whole;
use crate::limits;
use crate::node::{Node, Payload};
use crate::pieces::Pieces;
use crate::reason;
use crate::references;

/// The checks of all payloads, in the order of [`Document::payloads`].
///
/// # Errors
/// Schemas that are none, refer to what isn't there, or are more than allowed.
pub(crate) fn all(document: &Document<'_>) -> Result<[Checks; 3], Invalid> {
    let schemas: Vec<Json> = document.schemas.iter().map(|schema| whole(schema.value)).collect();
    for (schema, json) in document.schemas.iter().zip(&schemas) {
        jsonschema::meta::validate(json).map_err(|error| {
            let (place, text) = reason::of(&error, &schema.place, Node::Value(schema.value));
            Invalid::new(place, text)
        })?;
    }
    let compiler = Compiler {
        schemas: &document.schemas,
        pieces: references::resolved(document, schemas)?,
        patterns: PatternCache::new(),
    };
    let [main, result, progress] = &document.payloads;
    Ok([compiler.checks(main)?, compiler.checks(result)?, compiler.checks(progress)?])
}

struct Compiler<'a> {
    schemas: &'a [Schema<'a>],
    pieces: Pieces,
    /// A pattern in a schema that several others refer to is compiled once.
    patterns: PatternCache,
}

impl Compiler<'_> {
    fn checks(&self, slots: &Slots) -> Result<Checks, Invalid> {
        Ok(Checks { args: self.compile(slots.args)?, kwargs: self.compile(slots.kwargs)? })
    }

    fn compile(&self, root: Option<usize>) -> Result<Option<Validator<Payload>>, Invalid> {
        let Some((root, schema)) = root.and_then(|root| Some((root, self.schemas.get(root)?))) else {
            return Ok(None);
        };
        let patterns =
            PatternOptions::regex().size_limit(limits::PATTERN_SIZE).dfa_size_limit(limits::PATTERN_SIZE);
        jsonschema::options_for::<Payload>()
            .with_draft(schema.draft)
            .should_validate_formats(false)
            .with_pattern_options(patterns)
            .with_pattern_cache(self.patterns.clone())
            .build(&self.pieces.document(root))
            .map(Some)
            .map_err(|error| self.invalid(&error, schema))
    }

    /// What the library has against a document of pieces, told of the declaration.
    fn invalid(&self, error: &jsonschema::ValidationError<'_>, root: &Schema<'_>) -> Invalid {
        let origin = self.pieces.origin(error.instance_path().as_str());
        let place = origin.and_then(|(schema, pointer)| {
            let schema = self.schemas.get(schema)?;
            Some(schema.place.follow(&pointer, Node::Value(schema.value)))
        });
        let place = place.unwrap_or_else(|| root.place.clone());
        Invalid::new(place, reason::sentence(error))
    }
}
