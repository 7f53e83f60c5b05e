//! A file of declarations: a JSON object that maps URIs to them.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use wamp::Value;
use wamp::uri::UriCheck;

use crate::declaration::Declaration;
use crate::error::CatalogError;

/// Reads a catalog. The declarations come in the order of the file.
///
/// # Errors
/// Text that is no JSON object; a URI that is none, or is there twice; a value that is no declaration.
pub fn parse_catalog(text: &str) -> Result<Vec<(String, Declaration)>, CatalogError> {
    let mut reading = Reading::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = (&mut reading).deserialize(&mut json).and_then(|()| {
        // What comes behind the object belongs to no URI.
        reading.uri = None;
        json.end()
    });
    if let Err(error) = read {
        return Err(CatalogError::new(reading.uri, error));
    }
    let declare = |(uri, document)| match Declaration::new(document) {
        Ok(declaration) => Ok((uri, declaration)),
        Err(invalid) => Err(CatalogError::new(Some(uri), invalid)),
    };
    reading.documents.into_iter().map(declare).collect()
}

/// The catalog as far as it is read.
#[derive(Default)]
struct Reading {
    documents: Vec<(String, Value)>,
    seen: HashSet<String>,
    /// The one whose declaration is being read.
    uri: Option<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Reading {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps URIs to their declarations")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.uri = None;
        while let Some(uri) = entries.next_key::<String>()? {
            self.uri = Some(uri.clone());
            if !UriCheck::Loose.is_valid(&uri) {
                return Err(A::Error::custom(
                    "not a URI: components must not be empty, nor hold `#` or white space",
                ));
            }
            if !self.seen.insert(uri.clone()) {
                return Err(A::Error::custom("declared twice"));
            }
            self.documents.push((uri, entries.next_value()?));
            self.uri = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn error(text: &str) -> String {
        parse_catalog(text).unwrap_err().to_string()
    }

    #[test]
    fn a_catalog_is_read_in_order() {
        let text = r#"{"com.b": {"type": "topic"}, "com.a": {"type": "error", "args": false}}"#;
        let catalog = parse_catalog(text).unwrap();
        let kinds: Vec<_> = catalog.iter().map(|(uri, declared)| (uri.as_str(), declared.kind())).collect();
        assert_eq!(kinds, [("com.b", Kind::Topic), ("com.a", Kind::Error)]);
        assert!(parse_catalog("{}").unwrap().is_empty());
    }

    #[test]
    fn an_error_names_the_uri_and_the_place() {
        assert_eq!(
            error(r#"{"com.a": {"type": "topic"}, "com.b": {"type": "procedure", "result": {"args": 5}}}"#),
            "com.b: result.args: found an integer, expected a schema: a dictionary or a boolean",
        );
        assert_eq!(
            error("{\"com.a\": {\"type\": \"topic\"},\n \"com.a\": {\"type\": \"topic\"}}"),
            "com.a: declared twice at line 2 column 8",
        );
        assert_eq!(
            error(r#"{"com..a": {"type": "topic"}}"#),
            "com..a: not a URI: components must not be empty, nor hold `#` or white space at line 1 column 9",
        );
        let broken = parse_catalog(r#"{"com.a": {"type": }}"#).unwrap_err();
        assert_eq!(broken.uri(), Some("com.a"));
        assert_eq!(broken.to_string(), "com.a: expected value at line 1 column 20");
    }

    #[test]
    fn an_error_of_the_file_names_no_uri() {
        assert_eq!(
            error("[1]"),
            "invalid type: sequence, expected an object that maps URIs to their declarations at line 1 column 0",
        );
        assert_eq!(error(""), "EOF while parsing a value at line 1 column 0");
        assert_eq!(error(r#"{"com.a": {"type": "topic"}} x"#), "trailing characters at line 1 column 30");
    }
}
