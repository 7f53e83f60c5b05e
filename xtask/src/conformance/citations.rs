//! Which tests cite which checks, in Rust, Python and JavaScript.
//!
//! A citation is a comment directly above a test that starts with ids: `// RAW-13`, `/// RAW-13, RAW-14: ...`,
//! `# RAW-13`. Ids in the middle of a sentence are prose. Between the comment and the test there may be more
//! comments, attributes and decorators, and nothing else; a comment above anything that isn't a test counts
//! for nothing, so that a page can't claim what no runner runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::conformance::checks::Checklist;

/// Check id to the tests that cite it.
#[derive(Debug, Default)]
pub(crate) struct Citations {
    tests: BTreeMap<String, BTreeSet<Test>>,
}

/// A test, as a reader finds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) file: String,
    pub(crate) name: String,
}

/// Whether a tracked file is of a language that is read for citations.
pub(crate) fn may_cite(file: &str) -> bool {
    Language::of(file).is_some()
}

impl Citations {
    /// Adds what the tests of one file cite.
    pub(crate) fn collect(&mut self, file: &str, text: &str) {
        let Some(language) = Language::of(file) else { return };
        let mut preamble = Preamble::default();
        for line in text.lines().map(str::trim) {
            if preamble.takes(line, language) {
                continue;
            }
            let preamble = std::mem::take(&mut preamble);
            if let Some(name) = language.test_name(line, preamble.has_test_attribute) {
                for id in preamble.ids {
                    let test = Test { file: file.to_owned(), name: name.clone() };
                    self.tests.entry(id).or_default().insert(test);
                }
            }
        }
    }

    /// The tests that cite `id`, in the order of their files.
    pub(crate) fn of<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Test> + use<'a> {
        self.tests.get(id).into_iter().flatten()
    }

    /// Citations of checks that a section of `list` should have and hasn't: slips of the pen.
    pub(crate) fn unknown(&self, list: &Checklist) -> Vec<String> {
        let mut unknown = Vec::new();
        for (id, tests) in &self.tests {
            let prefix = id.split('-').next().unwrap_or_default();
            let is_ours = list.sections.iter().any(|section| section.prefix == prefix);
            if is_ours && !list.checks().any(|check| check.id == *id) {
                unknown.extend(tests.iter().map(|test| format!("{id} by {}::{}", test.file, test.name)));
            }
        }
        unknown
    }
}

/// What has been read since the last line of code.
#[derive(Default)]
struct Preamble {
    ids: Vec<String>,
    has_test_attribute: bool,
    /// Brackets open in an attribute or decorator that goes on.
    depth: i32,
}

impl Preamble {
    /// Takes in a comment, an attribute or a decorator; any other line is code, and not taken.
    fn takes(&mut self, line: &str, language: Language) -> bool {
        if self.depth > 0 {
            self.depth += balance(line, language.quotes());
            return true;
        }
        if let Some(comment) = language.comment(line) {
            self.ids.extend(leading_ids(comment));
            return true;
        }
        if line.starts_with(language.attribute_marker()) {
            // `#[test]`, `#[tokio::test(...)]`; a decorator of pytest needs no such mark.
            let path = line.trim_start_matches("#[").split(['(', ']']).next().unwrap_or_default();
            self.has_test_attribute |= path.rsplit("::").next() == Some("test");
            self.depth = balance(line, language.quotes()).max(0);
            return true;
        }
        false
    }
}

#[derive(Clone, Copy)]
enum Language {
    Rust,
    Python,
    JavaScript,
}

impl Language {
    fn of(file: &str) -> Option<Self> {
        match file.rsplit_once('.')?.1 {
            "rs" => Some(Self::Rust),
            "py" => Some(Self::Python),
            "js" | "mjs" => Some(Self::JavaScript),
            _ => None,
        }
    }

    fn comment(self, line: &str) -> Option<&str> {
        let body = match self {
            Self::Python => line.strip_prefix('#'),
            // A page at the top of a module (`//!`) is about no single test.
            Self::Rust | Self::JavaScript => line.strip_prefix("//").filter(|body| !body.starts_with('!')),
        }?;
        Some(body.trim_start_matches('/').trim())
    }

    fn attribute_marker(self) -> &'static str {
        match self {
            Self::Rust => "#[",
            Self::Python => "@",
            // JavaScript has none; no line starts with a line feed.
            Self::JavaScript => "\n",
        }
    }

    /// What encloses text; in Rust a single quote may also begin a lifetime.
    fn quotes(self) -> &'static [char] {
        match self {
            Self::Rust => &['"'],
            Self::Python | Self::JavaScript => &['"', '\'', '`'],
        }
    }

    /// The name of the test that `line` opens, if it opens one.
    fn test_name(self, line: &str, has_test_attribute: bool) -> Option<String> {
        match self {
            Self::Rust => {
                let rest =
                    line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ")?;
                has_test_attribute.then(|| identifier(rest))
            }
            Self::Python => {
                let rest = line.trim_start_matches("async ").strip_prefix("def ")?;
                rest.starts_with("test_").then(|| identifier(rest))
            }
            Self::JavaScript => {
                let rest = line.trim_start_matches("await ").trim_start_matches("t.");
                let rest = rest.strip_prefix("test(").or_else(|| rest.strip_prefix("it("))?;
                let quote = rest.chars().next().filter(|c| ['\'', '"', '`'].contains(c))?;
                rest[1..].split(quote).next().map(str::to_owned)
            }
        }
    }
}

fn identifier(rest: &str) -> String {
    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// How many brackets a line opens more than it closes; those in quotes don't count.
fn balance(line: &str, quotes: &[char]) -> i32 {
    let (mut depth, mut quote, mut escaped) = (0, None, false);
    for c in line.chars() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = quote.is_some();
        } else if let Some(end) = quote {
            quote = (c != end).then_some(end);
        } else if quotes.contains(&c) {
            quote = Some(c);
        } else {
            depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        }
    }
    depth
}

/// The ids that a comment starts with: separated by spaces or commas, up to the first word that is none.
fn leading_ids(comment: &str) -> Vec<String> {
    let words = comment.split([' ', ',']).filter(|word| !word.is_empty());
    let mut ids = Vec::new();
    for word in words {
        let bare = word.trim_end_matches([':', '.', ';']);
        if !is_id(bare) {
            break;
        }
        ids.push(bare.to_owned());
        if bare.len() < word.len() {
            break;
        }
    }
    ids
}

/// Three capitals, a hyphen, two digits.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(prefix, number)| {
        prefix.len() == 3
            && prefix.bytes().all(|b| b.is_ascii_uppercase())
            && number.len() == 2
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(citations: &Citations, id: &str) -> Vec<String> {
        citations.of(id).map(|test| test.name.clone()).collect()
    }

    fn collected(file: &str, text: &str) -> Citations {
        let mut citations = Citations::default();
        citations.collect(file, text);
        citations
    }

    #[test]
    fn rust_tests_cite_above_their_attributes_or_below() {
        let citations = collected(
            "a.rs",
            "/// RAW-13, RAW-14: both bits.\n#[test]\nfn one() {}\n\n#[tokio::test(flavor = \"multi_thread\")]\n\
             // RAW-13\n// and why, as RAW-15 says\nasync fn two() {}\n",
        );
        assert_eq!(names(&citations, "RAW-13"), ["one", "two"]);
        assert_eq!(names(&citations, "RAW-14"), ["one"]);
        assert!(names(&citations, "RAW-15").is_empty(), "prose is no citation");
    }

    #[test]
    fn what_is_no_test_shows_nothing() {
        let citations =
            collected("a.rs", "// RAW-13\nfn helper() {}\n// RAW-14\nlet x = 1;\n#[test]\nfn late() {}\n");
        assert!(citations.tests.is_empty(), "{citations:?}");
    }

    #[test]
    fn python_tests_cite_above_decorators_over_several_lines() {
        let citations = collected(
            "test_a.py",
            "# BRK-12\n# S1 hears nothing.\n@pytest.mark.parametrize(\n    'x',\n    [1, 2],\n)\nasync def test_a(x):\n    # BRK-07\n    pass\n",
        );
        assert_eq!(names(&citations, "BRK-12"), ["test_a"]);
        assert!(names(&citations, "BRK-07").is_empty());
    }

    #[test]
    fn a_quoted_bracket_opens_nothing() {
        let citations = collected(
            "test_a.py",
            "# SER-09\n@parametrize(\n    [b'[32,1', \"it's (\\\" here\"],\n)\ndef test_a():\n",
        );
        assert_eq!(names(&citations, "SER-09"), ["test_a"]);
    }

    #[test]
    fn javascript_tests_cite_by_their_titles() {
        let citations = collected(
            "a.test.js",
            "// CAN-01 CAN-04\ntest('killnowait answers at once', async () => {\n// TMO-01\nawait t.test(`in ${mode}`, f)\n});\n",
        );
        assert_eq!(names(&citations, "CAN-04"), ["killnowait answers at once"]);
        assert_eq!(names(&citations, "TMO-01"), ["in ${mode}"]);
    }

    #[test]
    fn a_slip_in_a_known_section_is_reported_and_other_sections_are_left_alone() {
        let list = Checklist::parse("## RAW r\nRAW-01 MUST x\n").unwrap();
        let citations = collected("a.py", "# RAW-01 RAW-99 MSE-01\ndef test_a():\n");
        assert_eq!(citations.unknown(&list), ["RAW-99 by a.py::test_a"]);
    }
}
