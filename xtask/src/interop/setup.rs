//! Installing what the suites need: once, until the files that say what they need change.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;

/// The Python of a virtual environment below the target directory that holds the pinned packages.
pub(crate) fn python(repo: &Repo, target: &Path) -> Result<PathBuf> {
    let requirements = repo.path("conformance/interop/requirements.txt");
    let venv = target.join("interop/venv");
    let python = venv.join("bin/python");
    once(&[&requirements], &target.join("interop/venv.stamp"), || {
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        process::run(Command::new(&python).args(pip).arg(&requirements))
    })?;
    Ok(python)
}

/// The locked packages of the JavaScript suite, beside it, where Node looks for them.
pub(crate) fn node_packages(repo: &Repo, target: &Path) -> Result<()> {
    let directory = repo.path("conformance/interop/js");
    let inputs = [&directory.join("package.json"), &directory.join("package-lock.json")];
    let stamp = target.join("interop/npm.stamp");
    if !directory.join("node_modules").is_dir() && stamp.exists() {
        std::fs::remove_file(&stamp)?;
    }
    once(&inputs, &stamp, || {
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
        process::run(Command::new("npm").args(npm).current_dir(&directory))
    })
}

/// Does `install` unless `stamp` holds what the `inputs` hold now, and writes the stamp when it succeeded.
pub(crate) fn once(inputs: &[&PathBuf], stamp: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut wanted = String::new();
    for input in inputs {
        let text =
            std::fs::read_to_string(input).with_context(|| format!("cannot read {}", input.display()))?;
        wanted.push_str(&text);
    }
    if std::fs::read_to_string(stamp).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    if let Some(directory) = stamp.parent() {
        std::fs::create_dir_all(directory)?;
    }
    install()?;
    std::fs::write(stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_repeated_only_when_its_inputs_change() {
        let directory = std::env::temp_dir().join(format!("xtask-once-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (input, stamp) = (directory.join("input"), directory.join("deep/stamp"));
        let mut installed = 0;
        for text in ["one", "one", "two"] {
            std::fs::write(&input, text).unwrap();
            once(&[&input], &stamp, || {
                installed += 1;
                Ok(())
            })
            .unwrap();
        }
        std::fs::write(&input, "three").unwrap();
        assert!(once(&[&input], &stamp, || anyhow::bail!("no network")).is_err());
        assert_eq!(
            std::fs::read_to_string(&stamp).unwrap(),
            "two",
            "a failed installation leaves no new stamp"
        );
        assert_eq!(installed, 2);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
