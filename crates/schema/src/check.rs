//! Whether a payload obeys the schemas of its arguments.

use jsonschema::Validator;
use wamp::Value;
use wamp::value::Dict;

use crate::error::Fault;
use crate::json::is_deeper_than;
use crate::limits;
use crate::meter::metered;
use crate::node::{Node, Payload};
use crate::path::Path;
use crate::reason;

/// The schemas of one payload, ready for use. What has none is not looked at.
#[derive(Default)]
pub(crate) struct Checks {
    pub(crate) args: Option<Validator<Payload>>,
    pub(crate) kwargs: Option<Validator<Payload>>,
}

impl Checks {
    /// # Errors
    /// The first place found where the payload doesn't obey, positional arguments first; or it is too deep, or too large
    /// for its schema, to be checked.
    pub(crate) fn check(&self, args: &[Value], kwargs: &Dict) -> Result<(), Fault> {
        if let Some(schema) = &self.args {
            let place = Path::default().key("args");
            bound_depth(args.iter(), &place)?;
            obeys(schema, Node::Args(args), place)?;
        }
        if let Some(schema) = &self.kwargs {
            let place = Path::default().key("kwargs");
            bound_depth(kwargs.values(), &place)?;
            obeys(schema, Node::Kwargs(kwargs), place)?;
        }
        Ok(())
    }
}

fn bound_depth<'a>(values: impl Iterator<Item = &'a Value>, place: &Path) -> Result<(), Fault> {
    let depth = limits::PAYLOAD_DEPTH;
    if is_deeper_than(values, depth) {
        return Err(Fault::new(place.clone(), format_args!("nests deeper than {depth} levels")));
    }
    Ok(())
}

fn obeys(schema: &Validator<Payload>, value: Node<'_>, place: Path) -> Result<(), Fault> {
    match metered(limits::STEPS, || schema.is_valid(value)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(why(schema, value, place)),
        Err(_) => Err(Fault::new(place, "too large, or too deep, to be checked against its schema")),
    }
}

/// Why a value was refused. To find that out can cost far more than to find that it must be; if it is too much, the
/// reason stays unknown.
fn why(schema: &Validator<Payload>, value: Node<'_>, place: Path) -> Fault {
    let explained = metered(limits::STEPS, || {
        schema.validate(value).err().map(|error| reason::of(&error, &place, value))
    });
    match explained {
        Ok(Some((place, text))) => Fault::new(place, text),
        Ok(None) | Err(_) => Fault::new(place, "doesn't obey its schema"),
    }
}
