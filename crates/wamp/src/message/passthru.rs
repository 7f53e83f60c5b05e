//! What travels with a payload and is not for the router: passthru attributes, custom attributes.

use std::borrow::Cow;

use super::DecodeError;
use super::fields::Fields;
use crate::serializer::{Encoder, Reader, Serializer};
use crate::transcode;

/// Attributes that go from PUBLISH to EVENT, CALL to INVOCATION, YIELD to RESULT and ERROR to ERROR unchanged.
///
/// - `ppt_scheme`, `ppt_serializer`, `ppt_cipher`, `ppt_keyid`: Spec: advanced profile, "Payload Passthru Mode".
/// - `enc_algo`, `enc_key`, `enc_serializer`, `transaction_hash`: the same by Crossbar.io's older names.
/// - `forward_for`: hops of router-to-router links.
/// - custom attributes: keys that begin with `x_` or `_` (MSG-13).
///
/// Nearly every message has none of them, and then this is one null pointer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Passthru<'a>(Option<Box<Attributes<'a>>>);

#[derive(Debug, Clone, PartialEq, Default)]
struct Attributes<'a> {
    strings: [Option<Cow<'a, str>>; STRINGS.len()],
    forward_for: Option<Vec<Forwarded<'a>>>,
    custom: Vec<Custom<'a>>,
}

/// The string attributes, in the order in which they are written.
const STRINGS: [&str; 8] = [
    "ppt_scheme",
    "ppt_serializer",
    "ppt_cipher",
    "ppt_keyid",
    "enc_algo",
    "enc_key",
    "enc_serializer",
    "transaction_hash",
];
const PPT_SCHEME: usize = 0;
const PPT: std::ops::Range<usize> = 0..4;
const ENC_ALGO: usize = 4;

/// One hop of a message that came over a router-to-router link.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forwarded<'a> {
    /// The session at that hop; 0 where the entry had none.
    pub session: u64,
    /// Its authid.
    pub authid: Option<Cow<'a, str>>,
    /// Its authrole.
    pub authrole: Option<Cow<'a, str>>,
}

/// An attribute without a meaning here: its key and its encoded value.
#[derive(Debug, Clone, PartialEq)]
struct Custom<'a> {
    key: Cow<'a, str>,
    serializer: Serializer,
    value: Cow<'a, [u8]>,
}

impl<'a> Passthru<'a> {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Nothing.
    pub const NONE: Passthru<'static> = Passthru(None);

    /// The `ppt_scheme`; an empty one is none (PPT-10).
    pub fn ppt_scheme(&self) -> Option<&str> {
        self.string(PPT_SCHEME).filter(|scheme| !scheme.is_empty())
    }

    /// The four `ppt_*` values by their names, those that are there.
    pub fn ppt(&self) -> impl Iterator<Item = (&'static str, &str)> {
        PPT.filter_map(|index| self.string(index).map(|value| (STRINGS[index], value)))
    }

    /// Sets one of the string attributes by its name on the wire; false for a name that isn't one.
    pub fn set(&mut self, name: &str, value: impl Into<Cow<'a, str>>) -> bool {
        let Some(index) = STRINGS.iter().position(|string| *string == name) else { return false };
        self.0.get_or_insert_default().strings[index] = Some(value.into());
        true
    }

    /// The hops, oldest first.
    pub fn forward_for(&self) -> Option<&[Forwarded<'a>]> {
        self.0.as_ref()?.forward_for.as_deref()
    }

    /// Whether the payload may be one opaque string (Crossbar.io's payload transparency).
    pub fn is_transparent(&self) -> bool {
        self.string(ENC_ALGO).is_some()
    }

    /// Drops `forward_for`: from anyone but a router it is a claim without proof.
    pub fn drop_forward_for(&mut self) {
        if let Some(attributes) = &mut self.0 {
            attributes.forward_for = None;
        }
    }

    /// Drops custom attributes.
    pub fn drop_custom(&mut self) {
        if let Some(attributes) = &mut self.0 {
            attributes.custom = Vec::new();
        }
    }

    /// The same, independent of the bytes it was read from.
    pub fn into_owned(self) -> Passthru<'static> {
        Passthru(self.0.map(|attributes| {
            Box::new(Attributes {
                strings: attributes.strings.map(|string| string.map(|text| Cow::Owned(text.into_owned()))),
                forward_for: attributes
                    .forward_for
                    .map(|hops| hops.into_iter().map(Forwarded::into_owned).collect()),
                custom: attributes.custom.into_iter().map(Custom::into_owned).collect(),
            })
        }))
    }

    fn string(&self, index: usize) -> Option<&str> {
        self.0.as_ref()?.strings[index].as_deref()
    }

    /// How many dictionary entries this makes.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |attributes| {
            attributes.strings.iter().flatten().count()
                + usize::from(attributes.forward_for.is_some())
                + attributes.custom.len()
        })
    }

    pub(super) fn encode_entries(&self, to: &mut Encoder<'_>) {
        let Some(attributes) = &self.0 else { return };
        for (name, value) in STRINGS.iter().zip(&attributes.strings) {
            if let Some(value) = value {
                to.key(name);
                to.str(value);
            }
        }
        if let Some(hops) = &attributes.forward_for {
            to.key("forward_for");
            to.array(hops.len());
            for hop in hops {
                hop.encode(to);
            }
            to.end_array();
        }
        for custom in &attributes.custom {
            to.key(&custom.key);
            if custom.serializer == to.serializer() {
                to.raw(&custom.value);
            } else if transcode::elements(custom.serializer, &custom.value, to).is_err() {
                to.null();
            }
        }
    }

    /// Reads the value of `key`, if it is one of ours; else passes over it.
    pub(super) fn decode_entry<R: Reader<'a>>(
        &mut self,
        fields: &mut Fields<'a, R>,
        key: Cow<'a, str>,
    ) -> Result<(), DecodeError> {
        if let Some(index) = STRINGS.iter().position(|name| *name == key) {
            let name = STRINGS[index];
            let value = fields.string_not_null(name)?;
            if index == ENC_ALGO && value.as_deref().is_some_and(|algorithm| !is_known_algorithm(algorithm)) {
                fields.fault(name, "cryptobox, mqtt, xbr or a name that begins with x_");
            }
            self.0.get_or_insert_default().strings[index] = value;
        } else if key == "forward_for" {
            let hops = Forwarded::decode_list(fields)?;
            self.0.get_or_insert_default().forward_for = Some(hops);
        } else if key.starts_with("x_") || key.starts_with('_') {
            let serializer = fields.serializer();
            let value = Cow::Borrowed(fields.slice()?);
            self.0.get_or_insert_default().custom.push(Custom { key, serializer, value });
        } else {
            fields.skip()?;
        }
        Ok(())
    }
}

fn is_known_algorithm(name: &str) -> bool {
    matches!(name, "cryptobox" | "mqtt" | "xbr") || name.starts_with("x_")
}

impl<'a> Forwarded<'a> {
    const EXPECTED: &'static str = "a list of {session, authid, authrole}";

    fn decode_list<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Vec<Self>, DecodeError> {
        let mut hops = Vec::new();
        fields.dicts("forward_for", Self::EXPECTED, |fields| {
            let mut hop = Forwarded::default();
            fields.nested(|fields, key| {
                match &*key {
                    "session" => hop.session = fields.uint("forward_for", Self::EXPECTED)?.unwrap_or(0),
                    "authid" => hop.authid = fields.string("forward_for")?,
                    "authrole" => hop.authrole = fields.string("forward_for")?,
                    _ => fields.skip()?,
                }
                Ok(())
            })?;
            hops.push(hop);
            Ok(())
        })?;
        Ok(hops)
    }

    fn encode(&self, to: &mut Encoder<'_>) {
        to.map(1 + usize::from(self.authid.is_some()) + usize::from(self.authrole.is_some()));
        to.key("session");
        to.uint(self.session);
        if let Some(authid) = &self.authid {
            to.key("authid");
            to.str(authid);
        }
        if let Some(authrole) = &self.authrole {
            to.key("authrole");
            to.str(authrole);
        }
        to.end_map();
    }

    fn into_owned(self) -> Forwarded<'static> {
        Forwarded {
            session: self.session,
            authid: self.authid.map(|text| Cow::Owned(text.into_owned())),
            authrole: self.authrole.map(|text| Cow::Owned(text.into_owned())),
        }
    }
}

impl Custom<'_> {
    fn into_owned(self) -> Custom<'static> {
        Custom {
            key: Cow::Owned(self.key.into_owned()),
            serializer: self.serializer,
            value: Cow::Owned(self.value.into_owned()),
        }
    }
}
