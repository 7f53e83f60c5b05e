//! Schemas taken apart, so that none nests deep.
//!
//! The schema library compiles what is nested by recursion, and takes up to 10 KiB of stack a level for it; what is
//! referred to it puts off, if it is already in the middle of some others. So whatever is referred to, and all that is
//! some levels inside of something else, becomes a piece of its own, with a reference where it stood. The pieces are
//! named by the numbers of their schemas.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use serde_json::{Map, Value as Json, json};

use crate::graph::Id;
use crate::walk::{self, Place};

/// How many levels a piece has.
const LEVELS: usize = 4;

/// The reference to a piece, in a document that [`Pieces::document`] makes.
pub(crate) fn reference_to(id: Id) -> String {
    format!("#/$defs/{id}")
}

/// All schemas of a declaration, in pieces.
pub(crate) struct Pieces {
    pieces: HashMap<Id, Piece>,
    /// The piece that each schema of the declaration begins with.
    tops: Vec<Id>,
}

struct Piece {
    json: Json,
    /// The pieces that it refers to.
    refers: Vec<Id>,
    /// The schema of the declaration that it was inside of, and the JSON Pointer there.
    schema: usize,
    pointer: String,
}

impl Pieces {
    /// Takes schemas apart whose references name their targets by number. `inside` has, for each schema, the numbers of
    /// all that are inside, by JSON Pointer.
    pub(crate) fn new(schemas: Vec<Json>, inside: &[HashMap<String, Id>], targets: Vec<Id>) -> Self {
        let mut pieces = Pieces { pieces: HashMap::new(), tops: Vec::new() };
        let targets: HashSet<Id> = targets.into_iter().collect();
        for (schema, (json, ids)) in schemas.into_iter().zip(inside).enumerate() {
            let mut open = vec![(String::new(), json)];
            pieces.tops.extend(ids.get(""));
            while let Some((pointer, mut json)) = open.pop() {
                let Some(&id) = ids.get(&pointer) else { continue };
                let mut refers = Vec::new();
                let Ok(()) = walk::schemas::<Infallible>(
                    &mut json,
                    &Place::at(pointer.clone()),
                    &mut |json, place| {
                        let inner = ids.get(&place.pointer).filter(|inner| {
                            place.level > 0
                                && (place.level >= LEVELS || targets.contains(inner))
                                && json.is_object()
                        });
                        if let Some(inner) = inner {
                            let piece = std::mem::replace(json, json!({"$ref": reference_to(*inner)}));
                            open.push((place.pointer.clone(), piece));
                        }
                        refers.extend(referred(json));
                        Ok(())
                    },
                );
                pieces.pieces.insert(id, Piece { json, refers, schema, pointer });
            }
        }
        pieces
    }

    /// A document that is the declaration's schema of this number. It stands with all that it needs under `$defs`.
    pub(crate) fn document(&self, schema: usize) -> Json {
        let Some(top) = self.tops.get(schema) else { return Json::Bool(true) };
        let mut needed = Map::new();
        let mut open = vec![*top];
        while let Some(id) = open.pop() {
            let Some(piece) = self.pieces.get(&id) else { continue };
            if needed.insert(id.to_string(), piece.json.clone()).is_none() {
                open.extend(&piece.refers);
            }
        }
        json!({"$defs": needed, "$ref": reference_to(*top)})
    }

    /// What a JSON Pointer into such a document means: a schema of the declaration by its number, and a pointer into it.
    pub(crate) fn origin(&self, pointer: &str) -> Option<(usize, String)> {
        let rest = pointer.strip_prefix("/$defs/")?;
        let (id, inside) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let piece = self.pieces.get(&id.parse().ok()?)?;
        Some((piece.schema, format!("{}{inside}", piece.pointer)))
    }
}

/// The piece that a schema's reference names, if it has one.
fn referred(schema: &Json) -> Option<Id> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of one schema that refers to the schema at one of its pointers.
    fn pieces(mut schema: Json, target: &str) -> Pieces {
        let mut ids = HashMap::new();
        let Ok(()) =
            walk::schemas::<Infallible>(&mut schema.clone(), &Place::at(String::new()), &mut |_, place| {
                let id = 10 + ids.len();
                ids.insert(place.pointer.clone(), id);
                Ok(())
            });
        let target = ids[target];
        schema["$ref"] = reference_to(target).into();
        Pieces::new(vec![schema], &[ids], vec![target])
    }

    #[test]
    fn what_is_referred_to_is_a_piece() {
        let pieces = pieces(json!({"properties": {"a": {"minimum": 1}, "b": {"not": {}}}}), "/properties/a");
        let document = json!({
            "$ref": "#/$defs/10",
            "$defs": {
                "10": {"$ref": "#/$defs/11", "properties": {"a": {"$ref": "#/$defs/11"}, "b": {"not": {}}}},
                "11": {"minimum": 1},
            },
        });
        assert_eq!(pieces.document(0), document);
        assert_eq!(pieces.origin("/$defs/11/minimum"), Some((0, "/properties/a/minimum".into())));
        assert_eq!(pieces.origin("/$defs/10"), Some((0, String::new())));
        assert_eq!(pieces.origin("/$defs/7/minimum"), None);
    }

    #[test]
    fn no_piece_nests_deep() {
        let deep = (0..20).fold(json!({"minimum": 1}), |inner, _| json!({"items": inner}));
        let pieces = pieces(deep, "");
        let depth = |json: &Json| std::iter::successors(Some(json), |json| json.get("items")).count();
        assert_eq!(pieces.pieces.len(), 6);
        for piece in pieces.pieces.values() {
            assert!(depth(&piece.json) <= LEVELS + 1, "{}", piece.json);
        }
        assert_eq!(pieces.document(0)["$defs"].as_object().map(Map::len), Some(6));
    }
}
