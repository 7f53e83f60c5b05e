//! A map with known keys, declared once: the struct, its reader and its page in the reference come from one table.
//!
//! Every key of a map is one of four: a setting; one that is accepted but changes nothing here (noted in the log, with
//! the reason); one that Crossbar.io has and this version doesn't (an error that says so); or unknown (an error that
//! lists the keys there are). None is passed over in silence.

use std::path::Path;

use crate::config::error::Problem;
use crate::config::item::{Data, Entry, Item};
use crate::config::setting::{Place, Reading, Setting};

/// A map with known keys.
pub(crate) trait Section: Sized {
    /// The heading of its page in the reference.
    const TITLE: &'static str;
    /// Keys without effect, each with the reason.
    const IDLE: &'static [(&'static str, &'static str)];
    /// Keys that are not supported yet.
    const LATER: &'static [&'static str];

    /// What it is for.
    fn about() -> String;

    /// Its settings.
    fn keys() -> Vec<Key>;

    /// Reads the settings of a map whose keys were checked.
    fn take(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Result<Self, Problem>;
}

/// A line of the reference.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) takes: String,
    /// `None`: it must be there.
    pub(crate) default: Option<String>,
    pub(crate) about: String,
}

impl Key {
    pub(crate) fn new<T: Setting>(name: &'static str, default: Option<&T>, about: &[&str]) -> Self {
        Key { name, takes: T::reference(), default: default.map(Setting::show), about: prose(about) }
    }
}

/// The entries of a map, while they are read.
pub(crate) struct Fields<'i> {
    entries: &'i [Entry],
    at: &'i Place,
}

impl<'i> Fields<'i> {
    /// The entries of `item`, each of them known to `S`.
    pub(crate) fn open<S: Section>(
        item: &'i Item,
        at: &'i Place,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let Data::Map(entries) = &item.data else {
            return Err(at.problem(format!("expected a map, found {}", item.describe())));
        };
        let keys = S::keys();
        for entry in entries {
            let place = at.key(&entry.key, entry.line);
            if keys.iter().any(|key| key.name == entry.key) {
                continue;
            }
            let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
            if S::LATER.contains(&entry.key.as_str()) {
                return Err(place.key_not_supported_yet(&known));
            }
            let Some((_, reason)) = S::IDLE.iter().find(|(key, _)| *key == entry.key) else {
                return Err(place.problem(format!("unknown key; accepted here: {}", known.join(", "))));
            };
            reading.notes.push(format!("line {}: {} has no effect: {reason}", place.line, place.path));
        }
        Ok(Fields { entries, at })
    }

    /// A setting that may be left out.
    pub(crate) fn optional<T: Setting>(
        &self,
        key: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Option<T>, Problem> {
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key) else { return Ok(None) };
        // A scalar is where it stands; a map or list is best found by its key.
        let line = match entry.item.data {
            Data::List(_) | Data::Map(_) => entry.line,
            _ => entry.item.line,
        };
        T::read(&entry.item, &self.at.key(key, line), reading).map(Some)
    }

    /// A setting that must be there.
    pub(crate) fn required<T: Setting>(&self, key: &str, reading: &mut Reading<'_>) -> Result<T, Problem> {
        let value = self.optional(key, reading)?;
        value.ok_or_else(|| self.at.problem(format!("{key:?} is missing; expected {}", T::takes())))
    }
}

/// A section as if its map were empty.
///
/// # Panics
/// If the section has a setting that must be there; whoever gives a section this default sees to that.
pub(crate) fn all_defaults<S: Section + Setting>() -> S {
    let item = Item { line: 0, data: Data::Map(Vec::new()) };
    let mut reading = Reading { environment: &|_| None, directory: Path::new(""), notes: Vec::new() };
    S::read(&item, &Place::root(), &mut reading).expect("every setting of this section has a default")
}

/// Doc lines as one paragraph.
pub(crate) fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares a [`Section`]: `setting ("key"): Type = default;`, the key being the field's name where none is given, and
/// the setting being required where there is no default.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident ($title:literal) {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $(($key:literal))?: $type:ty $(= $default:expr)?;
            )*
        }
        $(no_effect { $($idle:literal: $why:literal,)* })?
        $(later { $($later:literal),+ $(,)? })?
        $(check $check:path;)?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)*
        }

        impl $crate::config::section::Section for $name {
            const TITLE: &'static str = $title;
            const IDLE: &'static [(&'static str, &'static str)] = &[$($(($idle, $why)),*)?];
            const LATER: &'static [&'static str] = &[$($($later),+)?];

            fn about() -> String {
                $crate::config::section::prose(&[$($about),+])
            }

            fn keys() -> Vec<$crate::config::section::Key> {
                vec![$($crate::config::section::Key::new::<$type>(
                    section!(@key $field $($key)?),
                    section!(@default $($default)?),
                    &[$($doc),+],
                )),*]
            }

            fn take(
                fields: &$crate::config::section::Fields<'_>,
                reading: &mut $crate::config::setting::Reading<'_>,
            ) -> Result<Self, $crate::config::error::Problem> {
                Ok($name {
                    $($field: section!(@take fields, reading, section!(@key $field $($key)?) $(, $default)?),)*
                })
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn takes() -> String {
                "a map".to_owned()
            }

            fn reference() -> String {
                format!("[{}](#{})", $title, $crate::config::reference::anchor($title))
            }

            fn read(
                item: &$crate::config::item::Item,
                at: &$crate::config::setting::Place,
                reading: &mut $crate::config::setting::Reading<'_>,
            ) -> Result<Self, $crate::config::error::Problem> {
                use $crate::config::section::{Fields, Section};
                let section = Self::take(&Fields::open::<Self>(item, at, reading)?, reading)?;
                $($check(&section, item, at)?;)?
                Ok(section)
            }

            fn show(&self) -> String {
                "{}".to_owned()
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@default) => { None };
    (@default $default:expr) => { Some(&$default) };
    (@take $fields:ident, $reading:ident, $key:expr) => { $fields.required($key, $reading)? };
    (@take $fields:ident, $reading:ident, $key:expr, $default:expr) => {
        match $fields.optional($key, $reading)? {
            Some(value) => value,
            None => $default,
        }
    };
}
pub(crate) use section;
