//! The list of checks, in a format made to be read and edited as text:
//!
//! ```text
//! ## RAW RawSocket transport
//! RAW-01 MUST the handshake is four octets each way, of one structure
//! RAW-19 MAY  an EVENT too big for one receiver is dropped for it alone
//!   reason: why no test shows it, if none does
//! ```
//!
//! Lines that start with a single `#` are remarks. A list that says anything else is refused.

use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};

/// How strongly the specification asks for something; `Rec` is this project's own demand where it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Must,
    Should,
    May,
    Rec,
}

impl Level {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "MUST" => Some(Self::Must),
            "SHOULD" => Some(Self::Should),
            "MAY" => Some(Self::May),
            "REC" => Some(Self::Rec),
            _ => None,
        }
    }

    /// The word in the list and on the page.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Rec => "REC",
        }
    }
}

/// One requirement.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) level: Level,
    pub(crate) what: String,
    /// Why no test need show it.
    pub(crate) reason: Option<String>,
}

/// Checks about one subject, whose ids share a prefix.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) prefix: String,
    pub(crate) title: String,
    pub(crate) checks: Vec<Check>,
}

/// The whole list, in its own order.
#[derive(Debug)]
pub(crate) struct Checklist {
    pub(crate) sections: Vec<Section>,
}

impl Checklist {
    /// Reads the list.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut sections: Vec<Section> = Vec::new();
        let mut seen = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let parsed = parse_line(line, &mut sections, &mut seen);
            parsed.with_context(|| format!("line {}", index + 1))?;
        }
        Ok(Self { sections })
    }

    /// All checks of all sections.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.sections.iter().flat_map(|section| &section.checks)
    }
}

fn parse_line(line: &str, sections: &mut Vec<Section>, seen: &mut HashSet<String>) -> Result<()> {
    if let Some(heading) = line.strip_prefix("## ") {
        let (prefix, title) = heading.split_once(' ').context("a section has a prefix and a title")?;
        sections.push(Section {
            prefix: prefix.to_owned(),
            title: title.trim().to_owned(),
            checks: Vec::new(),
        });
        return Ok(());
    }
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let section = sections.last_mut().context("a check before the first section")?;
    if let Some(reason) = line.trim_start().strip_prefix("reason: ") {
        let check = section.checks.last_mut().context("a reason before the first check")?;
        ensure!(check.reason.is_none(), "a second reason for {}", check.id);
        check.reason = Some(reason.trim().to_owned());
        return Ok(());
    }
    let (id, rest) = line.split_once(' ').context("a check has an id, a level and a text")?;
    let (level, what) = rest.trim_start().split_once(' ').context("a check has an id, a level and a text")?;
    let Some(level) = Level::parse(level) else { bail!("`{level}` is no level") };
    let is_of_section = id.strip_prefix(section.prefix.as_str()).is_some_and(|rest| rest.starts_with('-'));
    ensure!(is_of_section, "{id} is listed under {}", section.prefix);
    ensure!(seen.insert(id.to_owned()), "{id} is listed twice");
    section.checks.push(Check { id: id.to_owned(), level, what: what.trim().to_owned(), reason: None });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_keep_their_order_and_reasons() {
        let list = Checklist::parse(
            "# about\n\n## RAW RawSocket\nRAW-02 MUST two\n  reason: none needed\nRAW-01 MAY  one\n",
        )
        .unwrap();
        let ids: Vec<&str> = list.checks().map(|check| check.id.as_str()).collect();
        assert_eq!(ids, ["RAW-02", "RAW-01"]);
        let first = list.checks().next().unwrap();
        assert_eq!((first.level, first.what.as_str()), (Level::Must, "two"));
        assert_eq!(first.reason.as_deref(), Some("none needed"));
        assert_eq!(list.sections[0].title, "RawSocket");
    }

    #[test]
    fn a_list_with_a_slip_is_refused_with_its_line() {
        for (text, message) in [
            ("RAW-01 MUST x\n", "line 1: a check before the first section"),
            ("## RAW r\nRAW-01 MUST x\nRAW-01 MAY y\n", "line 3: RAW-01 is listed twice"),
            ("## RAW r\nWSK-01 MUST x\n", "line 2: WSK-01 is listed under RAW"),
            ("## RAW r\nRAW-01 WANT x\n", "line 2: `WANT` is no level"),
            ("## RAW r\n  reason: x\n", "line 2: a reason before the first check"),
        ] {
            let error = Checklist::parse(text).unwrap_err();
            assert_eq!(format!("{error:#}"), message);
        }
    }
}
