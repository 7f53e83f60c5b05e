//! `schemas`: files with declarations of topics, procedures and errors.
//!
//! They are read together with the config file, so that what is wrong with them is found where they are named. YAML becomes
//! JSON here: the router knows one format.

use router::config::SchemaSource;

use crate::config::error::Problem;
use crate::config::item::{ConfigFormat, Data, Item, json_of_yaml};
use crate::config::setting::{Place, Reading, Setting};

/// A file of declarations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SchemaFile {
    pub(crate) source: SchemaSource,
    /// What is declared in it.
    pub(crate) uris: Vec<String>,
}

impl Setting for SchemaFile {
    fn takes() -> String {
        "the name of a JSON or YAML file".to_owned()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let Data::Text(name) = &item.data else { return Err(at.unexpected::<Self>(item)) };
        let path = reading.directory.join(name);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| at.problem(format!("{} can't be read: {error}", path.display())))?;
        let text = match ConfigFormat::of(&path) {
            ConfigFormat::Json => text,
            ConfigFormat::Yaml => {
                json_of_yaml(&text).map_err(|problem| at.problem(problem.in_file(&path)))?
            }
        };
        let declarations = schema::parse_catalog(&text)
            .map_err(|error| at.problem(format!("{}: {error}", path.display())))?;
        let uris = declarations.into_iter().map(|(uri, _)| uri).collect();
        Ok(SchemaFile { source: SchemaSource { name: name.clone(), text }, uris })
    }

    fn show(&self) -> String {
        format!("{:?}", self.source.name)
    }
}

/// Each URI is declared in one place.
pub(crate) fn check_schemas(files: &[SchemaFile], item: &Item, at: &Place) -> Result<(), Problem> {
    let Data::List(items) = &item.data else { return Ok(()) };
    let mut seen = std::collections::HashMap::new();
    for (index, (file, item)) in files.iter().zip(items).enumerate() {
        for uri in &file.uris {
            if let Some(first) = seen.insert(uri.as_str(), file.source.name.as_str()) {
                let text = format!("{} declares {uri:?}, which {first} does already", file.source.name);
                return Err(at.index(index, item.line).problem(text));
            }
        }
    }
    Ok(())
}
