//! Writing options and details: dictionaries of which most keys are absent.

use std::borrow::Cow;

use super::passthru::Passthru;
use crate::id::{RegistrationId, SessionId, SubscriptionId};
use crate::serializer::Encoder;
use crate::value::Value;

/// A value that may be absent from a dictionary.
pub(super) trait Attribute {
    fn is_present(&self) -> bool;
    fn encode(&self, to: &mut Encoder<'_>);
}

/// Writes the dictionary of those `attributes` that are present, and of what is passed through.
pub(super) fn encode_dict(
    to: &mut Encoder<'_>,
    attributes: &[(&str, &dyn Attribute)],
    passthru: Option<&Passthru<'_>>,
) {
    let present = attributes.iter().filter(|(_, attribute)| attribute.is_present()).count();
    to.map(present + passthru.map_or(0, Passthru::len));
    for (key, attribute) in attributes {
        if attribute.is_present() {
            to.key(key);
            attribute.encode(to);
        }
    }
    if let Some(passthru) = passthru {
        passthru.encode_entries(to);
    }
    to.end_map();
}

/// A flag that is left out when it is false.
impl Attribute for bool {
    fn is_present(&self) -> bool {
        *self
    }

    fn encode(&self, to: &mut Encoder<'_>) {
        to.bool(*self);
    }
}

macro_rules! optional {
    ($($(#[$doc:meta])* $type:ty => |$value:ident, $to:ident| $write:expr;)*) => {$(
        $(#[$doc])*
        impl Attribute for Option<$type> {
            fn is_present(&self) -> bool {
                self.is_some()
            }

            fn encode(&self, $to: &mut Encoder<'_>) {
                if let Some($value) = self {
                    $write;
                }
            }
        }
    )*};
}

optional! {
    bool => |value, to| to.bool(*value);
    u64 => |value, to| to.uint(*value);
    SessionId => |value, to| to.uint(value.value());
    SubscriptionId => |value, to| to.uint(value.value());
    RegistrationId => |value, to| to.uint(value.value());
    Cow<'_, str> => |value, to| to.str(value);
    &'static str => |value, to| to.str(value);
    Value => |value, to| value.encode(to);
    Vec<u64> => |value, to| {
        to.array(value.len());
        for id in value {
            to.uint(*id);
        }
        to.end_array();
    };
    Vec<Cow<'_, str>> => |value, to| {
        to.array(value.len());
        for text in value {
            to.str(text);
        }
        to.end_array();
    };
}
