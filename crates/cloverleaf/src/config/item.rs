//! A config file as a tree that remembers its lines: the one place that knows YAML and JSON.
//!
//! Both formats are read by the same YAML parser, since YAML 1.2 contains JSON; a `.json` file is first checked to be
//! JSON, so that it stays readable for other programs.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::config::error::Problem;

/// A value of a config file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// Where it begins, from 1.
    pub(crate) line: u64,
    pub(crate) data: Data,
}

/// What a value of a config file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Item>),
    Map(Vec<Entry>),
}

/// A key with its value. Keys are unique in their map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The line of the key; the value's may be a later one.
    pub(crate) line: u64,
    pub(crate) item: Item,
}

/// The file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigFormat {
    /// YAML 1.2; one document.
    Yaml,
    /// JSON.
    Json,
}

impl ConfigFormat {
    /// The format that a file's name promises: JSON for `.json`, YAML for everything else.
    pub fn of(file: &Path) -> Self {
        let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if is_json { ConfigFormat::Json } else { ConfigFormat::Yaml }
    }
}

impl Item {
    /// Reads a whole file.
    pub(crate) fn parse(text: &str, format: ConfigFormat) -> Result<Item, Problem> {
        if format == ConfigFormat::Json {
            serde_json::from_str::<serde_json::Value>(text).map_err(|error| json_problem(&error))?;
        }
        let data: Spanned<Data> = serde_saphyr::from_str(text).map_err(|error| yaml_problem(&error))?;
        Ok(data.into())
    }

    /// What it is, for error messages: `a list`, `"text"`, `true`.
    pub(crate) fn describe(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Bool(value) => value.to_string(),
            Data::Int(value) => value.to_string(),
            Data::Float(value) => value.to_string(),
            Data::Text(text) => format!("{text:?}"),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

impl From<Spanned<Data>> for Item {
    fn from(spanned: Spanned<Data>) -> Self {
        Item { line: spanned.referenced.line(), data: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

/// Up to here floats stand for one integer each: 2 to the 53rd.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
        Ok(Data::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
        // `1e3` is an integer that is written as a float.
        let is_integer = value.fract() == 0.0 && value.abs() <= EXACT_MAX;
        let integer = is_integer.then(|| format!("{value:.0}").parse().ok()).flatten();
        Ok(integer.map_or(Data::Float(value), Data::Int))
    }

    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Data>>()? {
            items.push(item.into());
        }
        Ok(Data::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, item)) = access.next_entry::<Spanned<String>, Spanned<Data>>()? {
            entries.push(Entry { key: key.value, line: key.referenced.line(), item: item.into() });
        }
        Ok(Data::Map(entries))
    }
}

/// A whole file of YAML as JSON.
pub(crate) fn json_of_yaml(text: &str) -> Result<String, Problem> {
    let value: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| yaml_problem(&error))?;
    Ok(value.to_string())
}

fn json_problem(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    // serde_json ends its messages with a position that ours begin with.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    Problem::of_file(u64::try_from(error.line()).ok(), format!("not valid JSON: {text}"))
}

fn yaml_problem(error: &serde_saphyr::Error) -> Problem {
    let line = error.location().map(|location| location.line());
    if matches!(error.without_snippet(), serde_saphyr::Error::MultipleDocuments { .. }) {
        return Problem::of_file(line, "one document is expected, but `---` begins a second one");
    }
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error.without_snippet() {
        return Problem::of_file(line, format!("the key {key:?} is there twice"));
    }
    let text = error.without_snippet().to_string();
    // The parser repeats its position in front of its message or behind it; ours stands before both.
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = match text.split_once(": ") {
        Some((position, rest)) if position.starts_with("line ") => rest,
        _ => text.rsplit_once(" at line ").map_or(text, |(text, _)| text),
    };
    Problem::of_file(line, format!("not valid YAML: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'i>(item: &'i Item, key: &str) -> &'i Entry {
        item.entry(key).unwrap_or_else(|| panic!("{key} is missing"))
    }

    #[test]
    fn values_keep_their_lines_through_aliases_and_merges() {
        let item = Item::parse("a: &a\n  b: 1\nc:\n  <<: *a\n  d: [x, 2.5]\n", ConfigFormat::Yaml).unwrap();
        let c = entry(&item, "c");
        assert_eq!(c.line, 3);
        assert_eq!(entry(&c.item, "b").item.data, Data::Int(1));
        let Data::List(list) = &entry(&c.item, "d").item.data else { panic!("no list") };
        assert_eq!(list[1], Item { line: 5, data: Data::Float(2.5) });
    }

    #[test]
    fn json_is_read_with_tabs_escapes_and_large_integers() {
        let text = "{\n\t\"a\": \"\\ud83d\\ude00\\/\",\n\t\"b\": 18446744073709551615\n}";
        let item = Item::parse(text, ConfigFormat::Json).unwrap();
        assert_eq!(entry(&item, "a").item.data, Data::Text("😀/".to_owned()));
        assert_eq!(entry(&item, "b").item, Item { line: 3, data: Data::Int(u64::MAX.into()) });
    }

    #[test]
    fn broken_files_say_the_line() {
        let problem = |text, format| {
            let problem = Item::parse(text, format).unwrap_err();
            crate::config::ConfigError::new(Path::new("f"), problem).to_string()
        };
        assert_eq!(problem("a: 1\na: 2\n", ConfigFormat::Yaml), "f:2: the key \"a\" is there twice");
        assert_eq!(
            problem("a: 1\n---\nb: 2\n", ConfigFormat::Yaml),
            "f:3: one document is expected, but `---` begins a second one"
        );
        assert_eq!(problem("a: \"x\n", ConfigFormat::Yaml), "f:1: not valid YAML: unclosed quote");
        assert_eq!(problem("{\n\"a\": 1,\n}", ConfigFormat::Json), "f:3: not valid JSON: trailing comma");
    }
}
