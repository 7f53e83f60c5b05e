//! What a declaration of a WAMP URI says, and whether a payload obeys it. No I/O: nothing is fetched, nothing is read.
//!
//! A [`Declaration`] is a JSON object. It says what kind of thing its URI is (a topic, a procedure or an error) and
//! gives JSON Schemas for the payloads that belong to it:
//!
//! ```json
//! {
//!   "type": "procedure",
//!   "title": "Move a robot",
//!   "args": {"maxItems": 0},
//!   "kwargs": {"properties": {"to": {"$ref": "#/$defs/point"}}, "required": ["to"]},
//!   "result": {"args": {"prefixItems": [{"type": "boolean"}]}},
//!   "progress": {"kwargs": {"properties": {"at": {"$ref": "#/$defs/point"}}}},
//!   "$defs": {"point": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}}}
//! }
//! ```
//!
//! | key | what it is |
//! |---|---|
//! | `type` | `topic`, `procedure` or `error`; needed |
//! | `title`, `description` | text for people |
//! | `args` | a schema of the list of positional arguments: of an event, a call or an error |
//! | `kwargs` | a schema of the dictionary of keyword arguments |
//! | `result`, `progress` | only of a procedure: `args` and `kwargs` of its result, and of its progressive results |
//! | `$defs` | schemas by name, for all others of the declaration to refer to |
//! | `x_...`, `x-...` | whatever else somebody wants to keep here |
//!
//! A schema that isn't there lets everything pass. Arguments that a message leaves out are checked as `[]` and `{}`.
//!
//! # Schemas
//!
//! Draft 2020-12, or what a `$schema` at the top of a schema says (2019-09, 7, 6 or 4). `format` is for people only, in
//! every draft. A `$ref` is `#` and a JSON Pointer, which is followed from the top of the schema that it stands in and,
//! if it finds none there, from the top of the declaration: so a schema that a tool made, with its `$defs` inside, can
//! be used as it is. References to anything else, and names that would give one (`$anchor`, an inner `$id`,
//! `$dynamicRef`, ...), are refused when the declaration is made.
//!
//! # Payloads
//!
//! What JSON doesn't know is checked as what WAMP makes of it there: bytes are a string of `\0` and Base64, a float that
//! is not a number or infinite is null. Integers are integers up to 64 bits.
//!
//! # Bounds
//!
//! Who may declare is not always who runs the router, and who sends a payload hardly ever is. So there are bounds:
//!
//! | what | bound |
//! |---|---|
//! | depth, number of values and patterns, size of a declaration | [`limits`], refused when it is made |
//! | schemas that apply to one value, by references and `anyOf` and the like | [`limits::SCHEMAS_AT_ONCE`] and [`limits::SCHEMAS_IN_A_ROW`]; a schema must not come back to itself without going into the value |
//! | what `unevaluatedProperties` and `unevaluatedItems` lead through | [`limits::UNEVALUATED_STEPS`] |
//! | regular expressions | time linear in the text, no look-around and no back-references; compiled size as in [`limits`] |
//! | depth of a payload that is checked | [`limits::PAYLOAD_DEPTH`] |
//! | steps of a check, however schemas refer to each other | [`limits::STEPS`], then the payload is refused |
//! | stack of a check | [`limits::STACK`], likewise |
//! | a message about a payload | about 300 characters; it shows the beginning of large values |
//!
//! A check that goes beyond its steps or its stack is broken off by unwinding, so a program that aborts on panic doesn't
//! have these two bounds.

mod catalog;
mod check;
mod compile;
mod declaration;
mod document;
mod error;
mod graph;
mod json;
mod kind;
pub mod limits;
mod meter;
mod node;
mod path;
mod pieces;
mod reason;
mod references;
mod unevaluated;
mod walk;

pub use catalog::parse_catalog;
pub use declaration::Declaration;
pub use error::{CatalogError, Fault, Invalid};
pub use kind::{Kind, Part};
