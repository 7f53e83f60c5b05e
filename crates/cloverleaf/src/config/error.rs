//! What is wrong with a config file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A config file that can't be used.
///
/// It displays as `FILE:LINE: PATH: what is wrong`, the path being that of the setting inside the file, such as
/// `workers[0].realms[1].roles[2].permissions[0].uri`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    problem: Problem,
}

impl ConfigError {
    pub(crate) fn new(file: &Path, problem: Problem) -> Self {
        ConfigError { file: file.to_owned(), problem }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line in the file, from 1; `None` where the file as a whole is meant.
    pub fn line(&self) -> Option<u64> {
        self.problem.line
    }

    /// The path of the setting; empty where the file as a whole is meant.
    pub fn path(&self) -> &str {
        &self.problem.path
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.problem.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.problem.sentence())
    }
}

impl std::error::Error for ConfigError {}

/// A [`ConfigError`] before the name of the file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) line: Option<u64>,
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything that reads as "PATH: text".
    Wrong(String),
    /// A setting that Crossbar.io knows and this version doesn't; or just this value of it, if there is one.
    NotSupportedYet {
        /// The value, as in the file.
        value: Option<String>,
        /// What is accepted instead.
        accepted: String,
    },
}

impl Problem {
    /// Something wrong with the file as a whole.
    pub(crate) fn of_file(line: Option<u64>, text: impl Into<String>) -> Self {
        Problem { line, path: String::new(), kind: Kind::Wrong(text.into()) }
    }

    /// What is wrong with a file that the config file names, in one line: `FILE:LINE: what is wrong`.
    pub(crate) fn in_file(&self, name: &Path) -> String {
        ConfigError::new(name, self.clone()).to_string()
    }

    fn sentence(&self) -> String {
        match &self.kind {
            Kind::NotSupportedYet { value: None, accepted } => {
                format!("not supported yet: {}; accepted here: {accepted}", self.path)
            }
            Kind::NotSupportedYet { value: Some(value), accepted } => {
                format!("not supported yet: {}: {value}; expected {accepted}", self.path)
            }
            Kind::Wrong(text) if self.path.is_empty() => text.clone(),
            Kind::Wrong(text) => format!("{}: {text}", self.path),
        }
    }
}
