//! Where in a schema there are schemas.
//!
//! What no keyword of any draft says to be a schema is data, and is never taken for one: what stands in `const`, `enum`
//! and `default`, and what is below a keyword that nobody knows.

use serde_json::Value as Json;

use crate::error::Invalid;
use crate::path::Path;

/// The place of a schema: for people in the declaration, and as JSON Pointer in the outermost schema around it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: Path,
    pub(crate) pointer: String,
}

impl Place {
    pub(crate) fn top(path: Path) -> Self {
        Place { path, pointer: String::new() }
    }

    fn key(&self, key: &str) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Place { path: self.path.key(key), pointer: format!("{}/{escaped}", self.pointer) }
    }

    fn index(&self, index: usize) -> Self {
        Place { path: self.path.index(index), pointer: format!("{}/{index}", self.pointer) }
    }
}

/// What is done at each schema.
pub(crate) type Visit<'v> = dyn FnMut(&mut Json, &Place) -> Result<(), Invalid> + 'v;

/// Visits a schema and all schemas inside. Recurses: a declaration's depth is bounded.
pub(crate) fn schemas(schema: &mut Json, place: &Place, visit: &mut Visit<'_>) -> Result<(), Invalid> {
    if !matches!(schema, Json::Object(_) | Json::Bool(_)) {
        return Ok(());
    }
    visit(schema, place)?;
    for (keyword, value) in schema.as_object_mut().into_iter().flatten() {
        let place = place.key(keyword);
        match keyword.as_str() {
            "additionalItems"
            | "additionalProperties"
            | "contains"
            | "contentSchema"
            | "else"
            | "if"
            | "not"
            | "propertyNames"
            | "then"
            | "unevaluatedItems"
            | "unevaluatedProperties" => {
                schemas(value, &place, visit)?;
            }
            // One schema, or up to draft 2019-09 a list of them.
            "items" | "allOf" | "anyOf" | "oneOf" | "prefixItems" => match value {
                Json::Array(list) => {
                    for (index, value) in list.iter_mut().enumerate() {
                        schemas(value, &place.index(index), visit)?;
                    }
                }
                value => schemas(value, &place, visit)?,
            },
            "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties"
            | "properties" => {
                for (name, value) in value.as_object_mut().into_iter().flatten() {
                    schemas(value, &place.key(name), visit)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
