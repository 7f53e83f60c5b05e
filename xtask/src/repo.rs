//! Where the project lies on this machine, and which files belong to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The work tree that this `xtask` was built from.
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// Finds the root: the parent of this crate.
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir.parent().context("xtask has no parent directory")?.to_path_buf();
        Ok(Self { root })
    }

    /// The root directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The files that git tracks and that are present, relative to the root, with `/` between components.
    pub(crate) fn tracked_files(&self) -> Result<Vec<String>> {
        let listing = process::output(Command::new("git").args(["ls-files", "-z"]).current_dir(&self.root))?;
        let present = |file: &&str| !file.is_empty() && self.path(file).is_file();
        Ok(listing.split('\0').filter(present).map(str::to_owned).collect())
    }

    /// The text of a file below the root, or nothing if it isn't UTF-8.
    pub(crate) fn text(&self, relative: &str) -> Result<Option<String>> {
        let bytes = std::fs::read(self.path(relative)).with_context(|| format!("cannot read {relative}"))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// What `cargo metadata` says about the workspace and all its dependencies.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let text = process::output(
            process::cargo().args(["metadata", "--format-version", "1"]).current_dir(&self.root),
        )?;
        serde_json::from_str(&text).context("cargo metadata is not JSON")
    }

    /// The directory that cargo builds into.
    pub(crate) fn target_dir(&self) -> Result<PathBuf> {
        let metadata = self.metadata()?;
        let dir =
            metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
        Ok(PathBuf::from(dir))
    }
}
