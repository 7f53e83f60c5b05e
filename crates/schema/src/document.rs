//! The keys of a declaration, and the schemas under them, before these are looked into.

use jsonschema::Draft;
use wamp::Value;
use wamp::value::Dict;

use crate::error::Invalid;
use crate::json::{bytes_text, is_deeper_than};
use crate::kind::Kind;
use crate::limits;
use crate::path::Path;
use crate::walk::escaped;

/// A declaration as its keys say.
pub(crate) struct Document<'a> {
    pub(crate) kind: Kind,
    /// All schemas, those by name too.
    pub(crate) schemas: Vec<Schema<'a>>,
    /// Those of the payloads: what goes in, the result, the progressive results.
    pub(crate) payloads: [Slots; 3],
}

/// A schema with nothing around it but the declaration.
pub(crate) struct Schema<'a> {
    pub(crate) place: Path,
    /// The JSON Pointer to it in the declaration.
    pub(crate) pointer: String,
    pub(crate) value: &'a Value,
    pub(crate) draft: Draft,
}

/// Which schemas a payload has, by their places in the list.
#[derive(Default)]
pub(crate) struct Slots {
    pub(crate) args: Option<usize>,
    pub(crate) kwargs: Option<usize>,
}

const KEYS: &str =
    "type, title, description, args, kwargs, result, progress, $defs and what begins with x_ or x-";
const PAYLOAD_KEYS: &str = "args, kwargs and what begins with x_ or x-";

impl<'a> Document<'a> {
    /// # Errors
    /// Keys that a declaration doesn't have, and values that the keys don't take.
    pub(crate) fn read(document: &'a Value) -> Result<Self, Invalid> {
        let top = Path::default();
        let dict = dict(document, &top, "a declaration: a dictionary")?;
        let mut read = Document { kind: kind(dict)?, schemas: Vec::new(), payloads: Default::default() };
        for (key, value) in dict.iter() {
            let place = top.key(key);
            match key {
                "type" => {}
                "title" | "description" if value.as_str().is_some() => {}
                "title" | "description" => return Err(found(place, value, "text")),
                "args" => read.payloads[0].args = Some(read.schema(place, "/args".into(), value)?),
                "kwargs" => read.payloads[0].kwargs = Some(read.schema(place, "/kwargs".into(), value)?),
                "result" => read.payloads[1] = read.payload(&place, "/result", value)?,
                "progress" => read.payloads[2] = read.payload(&place, "/progress", value)?,
                "$defs" => read.definitions(&place, value)?,
                _ if is_free(key) => {}
                _ => return Err(Invalid::new(place, format_args!("unknown key; accepted here: {KEYS}"))),
            }
        }
        Ok(read)
    }

    fn payload(&mut self, place: &Path, pointer: &str, value: &'a Value) -> Result<Slots, Invalid> {
        if self.kind != Kind::Procedure {
            let text = format!("only a procedure has one, and this is {}", self.kind.with_article());
            return Err(Invalid::new(place.clone(), text));
        }
        let mut slots = Slots::default();
        for (key, value) in dict(value, place, "a dictionary with args and kwargs")?.iter() {
            let (place, pointer) = (place.key(key), format!("{pointer}/{key}"));
            match key {
                "args" => slots.args = Some(self.schema(place, pointer, value)?),
                "kwargs" => slots.kwargs = Some(self.schema(place, pointer, value)?),
                _ if is_free(key) => {}
                _ => {
                    return Err(Invalid::new(
                        place,
                        format_args!("unknown key; accepted here: {PAYLOAD_KEYS}"),
                    ));
                }
            }
        }
        Ok(slots)
    }

    fn definitions(&mut self, place: &Path, value: &'a Value) -> Result<(), Invalid> {
        for (name, value) in dict(value, place, "a dictionary of schemas by name")?.iter() {
            let pointer = format!("/$defs/{}", escaped(name));
            self.schema(place.key(name), pointer, value)?;
        }
        Ok(())
    }

    fn schema(&mut self, place: Path, pointer: String, value: &'a Value) -> Result<usize, Invalid> {
        if !matches!(value, Value::Map(_) | Value::Bool(_)) {
            return Err(found(place, value, "a schema: a dictionary or a boolean"));
        }
        let draft = draft(value, &place)?;
        self.schemas.push(Schema { place, pointer, value, draft });
        Ok(self.schemas.len() - 1)
    }
}

fn kind(dict: &Dict) -> Result<Kind, Invalid> {
    let place = Path::default().key("type");
    let Some(value) = dict.get("type") else {
        return Err(Invalid::new(place, "missing, expected topic, procedure or error"));
    };
    value.as_str().and_then(Kind::from_name).ok_or_else(|| found(place, value, "topic, procedure or error"))
}

fn draft(schema: &Value, place: &Path) -> Result<Draft, Invalid> {
    let Some(named) = schema.as_dict().and_then(|schema| schema.get("$schema")) else {
        return Ok(Draft::Draft202012);
    };
    match named.as_str().map(Draft::from_schema_uri) {
        None | Some(Draft::Unknown) => {
            let expected = "the URI of JSON Schema's draft 2020-12, 2019-09, 7, 6 or 4";
            Err(found(place.key("$schema"), named, expected))
        }
        Some(draft) => Ok(draft),
    }
}

fn is_free(key: &str) -> bool {
    key.starts_with("x_") || key.starts_with("x-")
}

fn dict<'a>(value: &'a Value, place: &Path, expected: &str) -> Result<&'a Dict, Invalid> {
    value.as_dict().ok_or_else(|| found(place.clone(), value, expected))
}

fn found(place: Path, value: &Value, expected: &str) -> Invalid {
    // The value itself where it's short, by kind where it isn't.
    match value {
        Value::Str(text) if text.chars().count() <= 60 => {
            Invalid::new(place, format_args!("found {value}, expected {expected}"))
        }
        _ => Invalid::new(place, format_args!("found {}, expected {expected}", value.kind_name())),
    }
}

/// The document with nothing in it but what JSON can say.
///
/// # Errors
/// Floats that JSON can't say; a document beyond the limits.
pub(crate) fn plain(document: Value) -> Result<Value, Invalid> {
    let depth = limits::DECLARATION_DEPTH;
    if is_deeper_than(std::iter::once(&document), depth) {
        return Err(Invalid::new(Path::default(), format_args!("nests deeper than {depth} levels")));
    }
    let mut room = Room { values: limits::DECLARATION_VALUES, text: limits::DECLARATION_TEXT };
    room.plain(document, &Path::default())
}

/// What may still come.
struct Room {
    values: usize,
    text: usize,
}

impl Room {
    /// Recurses: the depth is known to be bounded.
    fn plain(&mut self, value: Value, place: &Path) -> Result<Value, Invalid> {
        take(&mut self.values, 1, place, "values")?;
        Ok(match value {
            Value::Float(value) if !value.is_finite() => {
                return Err(Invalid::new(place.clone(), format_args!("found {value}, which JSON can't say")));
            }
            Value::Bytes(bytes) => self.plain(Value::Str(bytes_text(&bytes)), place)?,
            Value::Str(text) => {
                take(&mut self.text, text.len(), place, "bytes of text")?;
                Value::Str(text)
            }
            Value::List(list) => {
                let elements = list.into_iter().enumerate();
                Value::List(
                    elements
                        .map(|(at, value)| self.plain(value, &place.index(at)))
                        .collect::<Result<_, _>>()?,
                )
            }
            Value::Map(dict) => {
                let mut pairs = Vec::with_capacity(dict.len().min(self.values));
                for (key, value) in dict {
                    take(&mut self.text, key.len(), place, "bytes of text")?;
                    let value = self.plain(value, &place.key(&key))?;
                    pairs.push((key, value));
                }
                Value::Map(pairs.into_iter().collect())
            }
            Value::Null | Value::Bool(_) | Value::Uint(_) | Value::Int(_) | Value::Float(_) => value,
        })
    }
}

fn take(left: &mut usize, count: usize, place: &Path, what: &str) -> Result<(), Invalid> {
    match left.checked_sub(count) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => Err(Invalid::new(
            place.clone(),
            format_args!("too large: more {what} than a declaration may hold"),
        )),
    }
}
