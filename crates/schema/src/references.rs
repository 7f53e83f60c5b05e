//! What the schemas of a declaration refer to.
//!
//! Each `$ref` is resolved here, once, and written anew as what the schema library finds without doubt: a pointer into
//! one document that holds the schemas under `$defs`, by their numbers. So nothing outside can be meant, and two ways of
//! writing (pointers from the top of a schema, pointers from the top of the declaration) work side by side.

use std::collections::HashSet;

use jsonschema::Draft;
use serde_json::{Map, Value as Json, json};

use crate::document::{Document, Schema};
use crate::error::Invalid;
use crate::limits;
use crate::walk::{self, Place};

/// The schemas of a declaration with their references resolved.
pub(crate) struct Linked {
    schemas: Vec<Json>,
    /// Which schemas each refers to.
    refers: Vec<Vec<usize>>,
}

/// Keywords that name schemas, or refer to names. Pointers do without.
const NAMES: [&str; 6] =
    ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];

impl Linked {
    /// `schemas` are those of the document, in JSON, in their order, valid by their meta-schemas.
    ///
    /// # Errors
    /// References that lead to no schema of the declaration, names, more patterns than allowed.
    pub(crate) fn new(document: &Document<'_>, mut schemas: Vec<Json>) -> Result<Self, Invalid> {
        let mut inside = Vec::new();
        let mut patterns = 0;
        for (schema, json) in document.schemas.iter().zip(&mut schemas) {
            let mut own = HashSet::new();
            walk::schemas(json, &Place::top(schema.place.clone()), &mut |json, place| {
                own.insert(place.pointer.clone());
                match json {
                    Json::Object(keywords) => prepare(keywords, place, schema.draft, &mut patterns),
                    _ => Ok(()),
                }
            })?;
            inside.push(own);
        }
        let places = Places { schemas: &document.schemas, inside: &inside };
        let mut refers = Vec::new();
        for (at, json) in schemas.iter_mut().enumerate() {
            let mut targets = Vec::new();
            let top = document.schemas.get(at).map(|schema| schema.place.clone()).unwrap_or_default();
            walk::schemas(json, &Place::top(top), &mut |json, place| {
                if let Some(Json::String(reference)) = json.get_mut("$ref") {
                    let target = places.resolve(reference, at);
                    targets.push(target.map_err(|text| Invalid::new(place.path.key("$ref"), text))?);
                }
                Ok(())
            })?;
            refers.push(targets);
        }
        Ok(Linked { schemas, refers })
    }

    /// One document that is the schema of this number. It stands with those that it needs under `$defs`.
    pub(crate) fn document(&self, root: usize) -> Json {
        let mut needed = Map::new();
        let mut open = vec![root];
        while let Some(at) = open.pop() {
            let (Some(schema), Some(refers)) = (self.schemas.get(at), self.refers.get(at)) else { continue };
            if needed.insert(at.to_string(), schema.clone()).is_none() {
                open.extend(refers);
            }
        }
        json!({"$defs": needed, "$ref": format!("#/$defs/{root}")})
    }
}

/// Takes out of a schema what would give it a name of its own, and counts its patterns.
fn prepare(
    keywords: &mut Map<String, Json>,
    place: &Place,
    draft: Draft,
    patterns: &mut usize,
) -> Result<(), Invalid> {
    if place.pointer.is_empty() {
        // What this schema is called elsewhere, and how it is written, which is known by now.
        keywords.remove("$id");
        keywords.remove("$schema");
        if draft == Draft::Draft4 {
            keywords.remove("id");
        }
    }
    let named = NAMES.into_iter().find(|name| keywords.contains_key(*name));
    let named = named.or((draft == Draft::Draft4 && keywords.contains_key("id")).then_some("id"));
    if let Some(name) = named {
        let text = "not supported; expected schemas under `$defs` and references like `#/$defs/point`";
        return Err(Invalid::new(place.path.key(name), text));
    }
    if keywords.contains_key("$schema") {
        return Err(Invalid::new(place.path.key("$schema"), "expected only at the top of a schema"));
    }
    let by_name = keywords.get("patternProperties").and_then(Json::as_object).map_or(0, Map::len);
    *patterns += by_name + usize::from(keywords.contains_key("pattern"));
    if *patterns > limits::PATTERNS {
        let text = format!("too many patterns: a declaration may hold {}", limits::PATTERNS);
        return Err(Invalid::new(place.path.clone(), text));
    }
    Ok(())
}

/// The schemas of a declaration, and the JSON Pointers to the schemas inside each.
struct Places<'a> {
    schemas: &'a [Schema<'a>],
    inside: &'a [HashSet<String>],
}

impl Places<'_> {
    /// Rewrites a reference that stands in the schema of number `from`, and returns the number of the schema that it
    /// leads into.
    ///
    /// # Errors
    /// It leads to no schema of the declaration, or to one of another draft: a sentence.
    fn resolve(&self, reference: &mut String, from: usize) -> Result<usize, String> {
        let Some(fragment) =
            reference.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'))
        else {
            return Err(format!(
                "{reference:?} leads out of the declaration; expected `#` and a JSON Pointer"
            ));
        };
        let pointer = percent_decoded(fragment);
        let (target, inside) = self
            .find(&pointer, from)
            .ok_or_else(|| format!("{reference:?} leads to no schema of this declaration"))?;
        let draft = |at: usize| self.schemas.get(at).map(|schema| schema.draft);
        if draft(target) != draft(from) {
            return Err(format!(
                "{reference:?} leads to a schema of another draft; both need the same `$schema`"
            ));
        }
        *reference = format!("#/$defs/{target}{}", percent_encoded(inside));
        Ok(target)
    }

    /// The schema that a pointer leads into, and the rest of the way inside.
    fn find<'p>(&self, pointer: &'p str, from: usize) -> Option<(usize, &'p str)> {
        let is_there =
            |at: usize, rest: &str| self.inside.get(at).is_some_and(|inside| inside.contains(rest));
        if is_there(from, pointer) {
            return Some((from, pointer));
        }
        self.schemas.iter().enumerate().find_map(|(at, schema)| {
            pointer.strip_prefix(&schema.pointer).filter(|rest| is_there(at, rest)).map(|rest| (at, rest))
        })
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = rest.get(1..3).filter(|digits| byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let coded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(coded.unwrap_or(byte));
        rest = if coded.is_some() { rest.get(3..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~$".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_come_and_go() {
        assert_eq!(percent_decoded("/a%20b%C3%A4%+f%2"), "/a bä%+f%2");
        assert_eq!(percent_encoded("/a bä%~1"), "/a%20b%C3%A4%25~1");
        assert_eq!(percent_decoded(&percent_encoded("/\u{1F980}\"#?")), "/\u{1F980}\"#?");
    }
}
