//! One setting: how a value of a config file becomes a value of a type.

use std::path::Path;
use std::time::Duration;

use crate::config::error::{Kind, Problem};
use crate::config::item::{Data, Item};

/// A type that a setting can have.
pub(crate) trait Setting: Sized {
    /// What is accepted, in words that follow "expected".
    fn takes() -> String;

    /// The same for the reference: Markdown, with links to the sections it speaks of.
    fn reference() -> String {
        Self::takes()
    }

    /// Reads the value at a place of the file.
    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem>;

    /// The value as one would write it, for the defaults in the reference.
    fn show(&self) -> String;
}

/// What reading a file has at hand besides the file.
pub(crate) struct Reading<'e> {
    /// The environment's variables.
    pub(crate) environment: &'e dyn Fn(&str) -> Option<String>,
    /// Where files are that the file names.
    pub(crate) directory: &'e Path,
    /// What was accepted but has no effect, as lines for the log.
    pub(crate) notes: Vec<String>,
}

/// Where a value stands in its file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) line: u64,
}

impl Place {
    /// The top of the file.
    pub(crate) fn root() -> Self {
        Place { path: String::new(), line: 1 }
    }

    /// The value of a key below this place.
    pub(crate) fn key(&self, key: &str, line: u64) -> Self {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c));
        let path = match (plain, self.path.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[{key:?}]", self.path),
        };
        Place { path, line }
    }

    /// An element of the list at this place.
    pub(crate) fn index(&self, index: usize, line: u64) -> Self {
        Place { path: format!("{}[{index}]", self.path), line }
    }

    /// What is at this place is wrong.
    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { line: Some(self.line), path: self.path.clone(), kind: Kind::Wrong(text.into()) }
    }

    /// The value at this place would be right, were more of it built.
    pub(crate) fn not_supported_yet<T: Setting>(&self, item: &Item) -> Problem {
        self.later(Some(item.describe()), T::takes())
    }

    /// The key at this place would be right, were more of it built; `accepted` are the keys there are.
    pub(crate) fn key_not_supported_yet(&self, accepted: &[&str]) -> Problem {
        self.later(None, accepted.join(", "))
    }

    fn later(&self, value: Option<String>, accepted: String) -> Problem {
        let kind = Kind::NotSupportedYet { value, accepted };
        Problem { line: Some(self.line), path: self.path.clone(), kind }
    }

    /// What is at this place is of another kind than `T`.
    pub(crate) fn unexpected<T: Setting>(&self, item: &Item) -> Problem {
        self.problem(format!("expected {}, found {}", T::takes(), item.describe()))
    }
}

/// Looks a word up in the words a setting knows.
pub(crate) fn one_of<T: Setting + Copy>(words: &[(&str, T)], item: &Item, at: &Place) -> Result<T, Problem> {
    let Data::Text(text) = &item.data else { return Err(at.unexpected::<T>(item)) };
    let known = words.iter().find(|(word, _)| word == text);
    known.map(|(_, value)| *value).ok_or_else(|| at.unexpected::<T>(item))
}

/// `a`, `b` or `c`.
pub(crate) fn alternatives<T>(words: &[(&str, T)]) -> String {
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Implements [`Setting`] for a type that is one of some words.
macro_rules! words {
    ($type:ty { $($word:literal => $value:expr),+ $(,)? }) => {
        impl $crate::config::setting::Setting for $type {
            fn takes() -> String {
                $crate::config::setting::alternatives(&[$(($word, ())),+])
            }

            fn read(
                item: &$crate::config::item::Item,
                at: &$crate::config::setting::Place,
                _reading: &mut $crate::config::setting::Reading<'_>,
            ) -> Result<Self, $crate::config::error::Problem> {
                $crate::config::setting::one_of(&[$(($word, $value)),+], item, at)
            }

            fn show(&self) -> String {
                let words = [$(($word, $value)),+];
                let word = words.iter().find(|(_, value)| value == self).map(|(word, _)| *word);
                word.unwrap_or_default().to_owned()
            }
        }
    };
}
pub(crate) use words;

impl Setting for bool {
    fn takes() -> String {
        "`true` or `false`".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match item.data {
            Data::Bool(value) => Ok(value),
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn takes() -> String {
        "text".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match &item.data {
            Data::Text(text) => Ok(text.clone()),
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// Implements [`Setting`] for unsigned integers.
macro_rules! integers {
    ($($type:ty: $takes:literal),+) => {$(
        impl Setting for $type {
            fn takes() -> String {
                $takes.to_owned()
            }

            fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
                match item.data {
                    Data::Int(value) => Self::try_from(value).map_err(|_| at.unexpected::<Self>(item)),
                    _ => Err(at.unexpected::<Self>(item)),
                }
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

integers! {
    u8: "an integer from 0 to 255",
    u32: "an integer from 0 to 4294967295",
    u64: "an integer from 0",
    usize: "an integer from 0"
}

/// A duration in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ms(pub(crate) Duration);

impl Setting for Ms {
    fn takes() -> String {
        "milliseconds, or a number with `ms`, `s`, `min` or `h`".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        let units = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];
        let ms = with_unit(&item.data, &units).ok_or_else(|| at.unexpected::<Self>(item))?;
        Ok(Ms(Duration::from_millis(ms)))
    }

    fn show(&self) -> String {
        self.0.as_millis().to_string()
    }
}

impl Ms {
    /// The duration, zero meaning that there is none.
    pub(crate) fn unless_zero(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) usize);

impl Setting for Bytes {
    fn takes() -> String {
        "bytes, or a number with `KiB`, `MiB` or `GiB`".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let bytes = with_unit(&item.data, &units).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map(Bytes).ok_or_else(|| at.unexpected::<Self>(item))
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// A number as it stands, or one that a unit follows; `None` where it is neither or too large.
fn with_unit(data: &Data, units: &[(&str, u64)]) -> Option<u64> {
    let text = match data {
        Data::Int(value) => return u64::try_from(*value).ok(),
        Data::Text(text) => text.trim(),
        _ => return None,
    };
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl<T: Setting> Setting for Option<T> {
    fn takes() -> String {
        T::takes()
    }

    fn reference() -> String {
        T::reference()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        T::read(item, at, reading).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(String::new, Setting::show)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn takes() -> String {
        "a list".to_owned()
    }

    fn reference() -> String {
        format!("a list of: {}", T::reference())
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let Data::List(items) = &item.data else { return Err(at.unexpected::<Self>(item)) };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            values.push(T::read(item, &at.index(index, item.line), reading)?);
        }
        Ok(values)
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(Setting::show).collect::<Vec<_>>().join(", "))
    }
}

/// A map from names that the file chooses, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T: Setting> Setting for Named<T> {
    fn takes() -> String {
        "a map".to_owned()
    }

    fn reference() -> String {
        format!("a map of: {}", T::reference())
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let Data::Map(entries) = &item.data else { return Err(at.unexpected::<Self>(item)) };
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            let value = T::read(&entry.item, &at.key(&entry.key, entry.line), reading)?;
            values.push((entry.key.clone(), value));
        }
        Ok(Named(values))
    }

    fn show(&self) -> String {
        "{}".to_owned()
    }
}

/// The second of two elements with the same name is a problem at its place.
pub(crate) fn distinct<'n>(
    what: &str,
    names: impl IntoIterator<Item = &'n str>,
    item: &Item,
    at: &Place,
) -> Result<(), Problem> {
    let Data::List(items) = &item.data else { return Ok(()) };
    let mut seen = std::collections::HashMap::new();
    for (index, (name, item)) in names.into_iter().zip(items).enumerate() {
        if let Some(first) = seen.insert(name, index) {
            let text = format!("the {what} {name:?} is there already, as {}[{first}]", at.path);
            return Err(at.index(index, item.line).problem(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::item::ConfigFormat;

    fn read<T: Setting>(text: &str) -> Result<T, String> {
        let item = Item::parse(text, ConfigFormat::Yaml).unwrap();
        let mut reading = Reading { environment: &|_| None, directory: Path::new(""), notes: Vec::new() };
        T::read(&item, &Place::root().key("x", 1), &mut reading).map_err(|problem| match problem.kind {
            Kind::Wrong(text) => text,
            Kind::NotSupportedYet { .. } => "not supported yet".to_owned(),
        })
    }

    #[test]
    fn durations_and_sizes_take_units() {
        assert_eq!(read("250"), Ok(Ms(Duration::from_millis(250))));
        assert_eq!(read("10s"), Ok(Ms(Duration::from_secs(10))));
        assert_eq!(read("2 min"), Ok(Ms(Duration::from_secs(120))));
        assert_eq!(read("16MiB"), Ok(Bytes(16 << 20)));
        for wrong in ["-1", "1.5", "s", "10 parsecs", "\"10\"", "99999999999999999999s", "true"] {
            assert!(read::<Ms>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn integers_say_their_range() {
        assert_eq!(read("4"), Ok(4u8));
        assert_eq!(read("1e3"), Ok(1000u64));
        assert_eq!(read::<u8>("256"), Err("expected an integer from 0 to 255, found 256".to_owned()));
        assert_eq!(read::<usize>("-1"), Err("expected an integer from 0, found -1".to_owned()));
        assert_eq!(read::<u8>("\"4\""), Err("expected an integer from 0 to 255, found \"4\"".to_owned()));
    }

    #[test]
    fn paths_quote_what_would_be_ambiguous() {
        let at = Place::root().key("workers", 1).index(0, 2).key("paths", 3);
        assert_eq!(at.key("ws", 4).path, "workers[0].paths.ws");
        assert_eq!(at.key("/", 4).path, "workers[0].paths[\"/\"]");
    }
}
