//! Where in a schema there are schemas.
//!
//! What no keyword of any draft says to be a schema is data, and is never taken for one: what stands in `const`, `enum`
//! and `default`, and what is below a keyword that nobody knows.

use serde_json::{Map, Value as Json};

use crate::path::Path;

/// What a schema is for the one that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Applied to the same value.
    Applied,
    /// Applied to what is inside the value.
    Inner,
    /// Applied to what nothing else was applied to.
    Unevaluated,
    /// Kept to be referred to.
    Kept,
}

/// How schemas stand under a keyword.
#[derive(Clone, Copy)]
enum Shape {
    /// One, or a list of them.
    OneOrMore,
    ByName,
}

fn keyword(keyword: &str) -> Option<(Role, Shape)> {
    Some(match keyword {
        "not" | "if" | "then" | "else" | "allOf" | "anyOf" | "oneOf" => (Role::Applied, Shape::OneOrMore),
        "dependencies" | "dependentSchemas" => (Role::Applied, Shape::ByName),
        "additionalItems"
        | "additionalProperties"
        | "contains"
        | "items"
        | "prefixItems"
        | "propertyNames" => (Role::Inner, Shape::OneOrMore),
        "patternProperties" | "properties" => (Role::Inner, Shape::ByName),
        "unevaluatedItems" | "unevaluatedProperties" => (Role::Unevaluated, Shape::OneOrMore),
        "contentSchema" => (Role::Kept, Shape::OneOrMore),
        "$defs" | "definitions" => (Role::Kept, Shape::ByName),
        _ => return None,
    })
}

/// The place of a schema: for people in the declaration, and as JSON Pointer in the outermost schema around it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: Path,
    pub(crate) pointer: String,
    /// How many schemas are around it, within what is walked.
    pub(crate) level: usize,
}

impl Place {
    pub(crate) fn top(path: Path) -> Self {
        Place { path, pointer: String::new(), level: 0 }
    }

    /// The place that a pointer leads to, where no person needs to know it.
    pub(crate) fn at(pointer: String) -> Self {
        Place { path: Path::default(), pointer, level: 0 }
    }

    /// The JSON Pointers of the schemas directly inside this one, which has these keywords.
    pub(crate) fn inside(&self, keywords: &Map<String, Json>) -> Vec<(Role, String)> {
        let mut inside = Vec::new();
        for (name, value) in keywords {
            let Some((role, shape)) = keyword(name) else { continue };
            let pointer = format!("{}/{name}", self.pointer);
            match (shape, value) {
                (Shape::OneOrMore, Json::Array(list)) => {
                    inside.extend((0..list.len()).map(|index| (role, format!("{pointer}/{index}"))));
                }
                (Shape::OneOrMore, _) => inside.push((role, pointer)),
                (Shape::ByName, value) => {
                    let names = value.as_object().into_iter().flat_map(Map::keys);
                    inside.extend(names.map(|name| (role, format!("{pointer}/{}", escaped(name)))));
                }
            }
        }
        inside
    }

    fn key(&self, key: &str) -> Self {
        let pointer = format!("{}/{}", self.pointer, escaped(key));
        Place { path: self.path.key(key), pointer, level: self.level }
    }

    fn index(&self, index: usize) -> Self {
        let pointer = format!("{}/{index}", self.pointer);
        Place { path: self.path.index(index), pointer, level: self.level }
    }
}

/// A key as a JSON Pointer has it.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What is done at each schema.
pub(crate) type Visit<'v, E> = dyn FnMut(&mut Json, &Place) -> Result<(), E> + 'v;

/// Visits a schema and all schemas inside. Recurses: a declaration's depth is bounded.
pub(crate) fn schemas<E>(schema: &mut Json, place: &Place, visit: &mut Visit<'_, E>) -> Result<(), E> {
    if !matches!(schema, Json::Object(_) | Json::Bool(_)) {
        return Ok(());
    }
    visit(schema, place)?;
    for (name, value) in schema.as_object_mut().into_iter().flatten() {
        let Some((_, shape)) = keyword(name) else { continue };
        let mut place = place.key(name);
        place.level += 1;
        match (shape, value) {
            (Shape::OneOrMore, Json::Array(list)) => {
                for (index, value) in list.iter_mut().enumerate() {
                    schemas(value, &place.index(index), visit)?;
                }
            }
            (Shape::OneOrMore, value) => schemas(value, &place, visit)?,
            (Shape::ByName, value) => {
                for (name, value) in value.as_object_mut().into_iter().flatten() {
                    schemas(value, &place.key(name), visit)?;
                }
            }
        }
    }
    Ok(())
}
