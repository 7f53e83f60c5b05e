//! What the schemas of a declaration refer to.
//!
//! Each schema, however deep inside others, gets a number. Each `$ref` is resolved here, once, to such a number, so
//! nothing outside can be meant, and two ways of writing (pointers from the top of a schema, pointers from the top of the
//! declaration) work side by side. Then the schemas are taken apart into [pieces](crate::pieces).

use std::collections::HashMap;

use jsonschema::Draft;
use serde_json::{Map, Value as Json};

use crate::document::{Document, Schema};
use crate::error::Invalid;
use crate::graph::{Graph, Id};
use crate::limits;
use crate::pieces::{Pieces, reference_to};
use crate::unevaluated;
use crate::walk::{self, Place};

/// Keywords that name schemas, or refer to names. Pointers do without.
const NAMES: [&str; 6] =
    ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];

/// Resolves the references in the document's schemas, which are given in JSON, in their order, and valid by their
/// meta-schemas.
///
/// # Errors
/// References that lead to no schema of the declaration, names, more patterns than allowed, and what is too much work.
pub(crate) fn resolved(document: &Document<'_>, mut schemas: Vec<Json>) -> Result<Pieces, Invalid> {
    let mut places = Places { schemas: &document.schemas, inside: Vec::new(), graph: Graph::default() };
    let mut patterns = 0;
    for (schema, json) in document.schemas.iter().zip(&mut schemas) {
        let mut inside = HashMap::new();
        walk::schemas(json, &Place::top(schema.place.clone()), &mut |json, place| {
            inside.insert(place.pointer.clone(), places.graph.add(place.path.clone()));
            match json {
                Json::Object(keywords) => prepare(keywords, place, schema.draft, &mut patterns),
                _ => Ok(()),
            }
        })?;
        places.inside.push(inside);
    }
    let mut targets = Vec::new();
    for (at, (schema, json)) in document.schemas.iter().zip(&mut schemas).enumerate() {
        walk::schemas(json, &Place::top(schema.place.clone()), &mut |json, place| match json {
            Json::Object(keywords) => places.link(keywords, place, at, &mut targets),
            _ => Ok(()),
        })?;
    }
    places.graph.bound()?;
    unevaluated::bound(&places.graph)?;
    Ok(Pieces::new(schemas, &places.inside, targets))
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

/// The schemas of a declaration, and all that are inside them.
struct Places<'a> {
    schemas: &'a [Schema<'a>],
    /// By JSON Pointer, for each.
    inside: Vec<HashMap<String, Id>>,
    graph: Graph,
}

impl Places<'_> {
    /// Notes in the graph what stands inside a schema, itself inside the one of number `from`, and where its reference
    /// leads, if it has one. That is rewritten, and goes to the `targets`.
    ///
    /// # Errors
    /// The reference leads to no schema of the declaration, or to one of another draft.
    fn link(
        &mut self,
        keywords: &mut Map<String, Json>,
        place: &Place,
        from: usize,
        targets: &mut Vec<Id>,
    ) -> Result<(), Invalid> {
        let Some(inside) = self.inside.get(from) else { return Ok(()) };
        let Some(&id) = inside.get(&place.pointer) else { return Ok(()) };
        for (role, pointer) in place.inside(keywords) {
            if let Some(inner) = inside.get(&pointer) {
                self.graph.add_inside(id, role, *inner);
            }
        }
        if let Some(Json::String(reference)) = keywords.get_mut("$ref") {
            let target = self.target(reference, from);
            let target = target.map_err(|text| Invalid::new(place.path.key("$ref"), text))?;
            *reference = reference_to(target);
            self.graph.refer(id, target);
            targets.push(target);
        }
        Ok(())
    }

    /// The schema that a reference leads to from inside the schema of number `from`; else a sentence.
    fn target(&self, reference: &str, from: usize) -> Result<Id, String> {
        let pointer = reference.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some(pointer) = pointer.map(percent_decoded) else {
            return Err(format!(
                "{reference:?} leads out of the declaration; expected `#` and a JSON Pointer"
            ));
        };
        let Some((schema, target)) = self.find(&pointer, from) else {
            return Err(format!("{reference:?} leads to no schema of this declaration"));
        };
        let draft = |at: usize| self.schemas.get(at).map(|schema| schema.draft);
        if draft(schema) != draft(from) {
            return Err(format!(
                "{reference:?} leads to a schema of another draft; both need the same `$schema`"
            ));
        }
        Ok(target)
    }

    /// Follows a pointer from the top of a schema, or else from the top of the declaration. It leads into a schema, and
    /// to one.
    fn find(&self, pointer: &str, from: usize) -> Option<(usize, Id)> {
        let target = |at: usize, inside: &str| Some((at, *self.inside.get(at)?.get(inside)?));
        target(from, pointer).or_else(|| {
            let mut schemas = self.schemas.iter().enumerate();
            schemas.find_map(|(at, schema)| target(at, pointer.strip_prefix(&schema.pointer)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_read() {
        assert_eq!(percent_decoded("/a%20b%C3%A4%+f%2"), "/a bä%+f%2");
    }
}
