//! Habits of the sources: no open ends, no clock in the pure crates, a page at the top of each module.
//!
//! The checks read lines, not syntax: what follows the first `#[cfg(test)]` module of a file counts as tests.

/// Files that other programs write, or that are quoted as they are.
const NOT_OURS: &[&str] = &["Cargo.lock", "package-lock.json", "LICENSE-APACHE", "LICENSE-MIT"];

/// Words that mark an open end. In pieces, since this file is checked too.
const OPEN_ENDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
];

/// What a pure crate takes as an argument instead.
const IMPURE: &[&str] = &[
    "std::net",
    "Instant::now",
    "SystemTime::now",
    "thread::sleep",
    "thread::spawn",
    "tokio::",
    "std::fs",
    "std::env",
];

/// Where the pure crates' sources lie.
const PURE: &[&str] =
    &["crates/wamp/src/", "crates/transport/src/", "crates/auth/src/", "crates/router/src/"];

/// A file beyond this has taken in everything.
const LINES_MAX: usize = 1000;

/// Findings about one file.
pub(crate) fn check(file: &str, text: &str) -> Vec<String> {
    let name = file.rsplit('/').next().unwrap_or(file);
    if NOT_OURS.contains(&name) {
        return if name == "package-lock.json" { lock_without_hosts(file, text) } else { Vec::new() };
    }
    let mut findings = open_ends(file, text);
    findings.extend(whitespace(file, text));
    if [".rs", ".py", ".js"].iter().any(|end| file.ends_with(end)) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(format!("{file}: {lines} lines; split it by concern (at most {LINES_MAX})"));
        }
    }
    if file.ends_with(".rs") {
        findings.extend(ignored_tests(file, text));
        findings.extend(module_doc(file, text));
        findings.extend(impurities(file, text));
    }
    findings
}

fn open_ends(file: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in numbered(text) {
        for word in OPEN_ENDS {
            if contains_word(line, word) {
                findings
                    .push(format!("{file}:{number}: `{word}`: finish it, or say in a sentence what is open"));
            }
        }
    }
    findings
}

fn whitespace(file: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in numbered(text) {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(format!("{file}:{number}: white space at the end of the line"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(format!("{file}: no line feed at the end"));
    }
    findings
}

fn ignored_tests(file: &str, text: &str) -> Vec<String> {
    let marker = concat!("#[", "ignore");
    let ignored = numbered(text).filter(|(_, line)| line.trim_start().starts_with(marker));
    ignored.map(|(number, _)| format!("{file}:{number}: a test that nobody runs")).collect()
}

fn module_doc(file: &str, text: &str) -> Option<String> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#!"));
    let documented = first.is_none_or(|line| line.starts_with("//!"));
    (!documented).then(|| format!("{file}: a module opens with `//!`: what it is for, and what not"))
}

fn impurities(file: &str, text: &str) -> Vec<String> {
    let is_pure = PURE.iter().any(|directory| file.starts_with(directory));
    if !is_pure || file.ends_with("/tests.rs") || file.contains("/tests/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in numbered(text).take_while(|(_, line)| line.trim() != "#[cfg(test)]") {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for what in IMPURE {
            if contains_word(line, what) {
                findings.push(format!("{file}:{number}: `{what}` in a pure crate: take it as an argument"));
            }
        }
    }
    findings
}

fn lock_without_hosts(file: &str, text: &str) -> Vec<String> {
    let named = numbered(text).find(|(_, line)| line.contains("\"resolved\""));
    let finding = |number| {
        format!("{file}:{number}: names a registry host; write it with omit-lockfile-registry-resolved")
    };
    named.map(|(number, _)| finding(number)).into_iter().collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').enumerate().map(|(index, line)| (index + 1, line))
}

/// Whether `word` occurs in `line` with nothing of an identifier before it, nor after it if it ends in a letter.
fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let open_end = !word.ends_with(is_part);
        !before.ends_with(is_part) && (open_end || !after.starts_with(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(body: &str) -> String {
        format!("//! A page.\n{body}\n")
    }

    #[test]
    fn an_open_end_is_found_as_a_word_only() {
        let marker = concat!("TO", "DO");
        assert_eq!(check("a.md", &format!("{marker}: later\n")).len(), 1);
        assert!(check("a.md", &format!("{marker}S and my_{marker}\n")).is_empty());
        assert_eq!(check("a.rs", &source(concat!("fn f() { to", "do!() }"))).len(), 1);
    }

    #[test]
    fn a_clock_is_found_in_pure_code_but_not_in_tests_or_comments() {
        let code = source("fn f() { Instant::now(); }");
        assert_eq!(check("crates/router/src/a.rs", &code).len(), 1);
        assert!(check("crates/listeners/src/a.rs", &code).is_empty());
        assert!(check("crates/router/tests/a.rs", &code).is_empty());
        let in_tests =
            source("// never Instant::now\n#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }");
        assert!(check("crates/router/src/a.rs", &in_tests).is_empty());
    }

    #[test]
    fn a_module_without_a_page_is_found() {
        assert_eq!(check("crates/wamp/src/a.rs", "use std::fmt;\n").len(), 1);
        assert!(check("crates/wamp/src/a.rs", "#![forbid(unsafe_code)]\n\n//! Fine.\n").is_empty());
    }

    #[test]
    fn trailing_white_space_and_a_missing_line_feed_are_found() {
        assert_eq!(check("a.toml", "a = 1 \nb = 2\n").len(), 1);
        assert_eq!(check("a.toml", "a = 1").len(), 1);
        assert!(check("a.toml", "").is_empty());
    }

    #[test]
    fn a_long_file_is_found_unless_others_write_it() {
        let long = source(&"fn f() {}\n".repeat(LINES_MAX));
        assert_eq!(check("a.rs", &long).len(), 1);
        assert!(check("Cargo.lock", &long).is_empty());
    }

    #[test]
    fn a_lock_that_names_hosts_is_found() {
        assert_eq!(check("js/package-lock.json", "{\n\"resolved\": \"somewhere\"\n}").len(), 1);
        assert!(check("js/package-lock.json", "{\n\"integrity\": \"sha512-\"\n}").is_empty());
    }

    #[test]
    fn an_ignored_test_is_found() {
        assert_eq!(check("a.rs", &source(concat!("#[", "ignore]\nfn f() {}"))).len(), 1);
    }
}
