//! Links in Markdown pages to other files of the project lead somewhere.

use std::path::Path;

/// Findings about the links of one page; files that aren't Markdown have none.
pub(crate) fn check(root: &Path, file: &str, text: &str) -> Vec<String> {
    if !file.ends_with(".md") {
        return Vec::new();
    }
    let directory = root.join(file).parent().map_or_else(|| root.to_path_buf(), Path::to_path_buf);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for target in targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !directory.join(path).exists() {
                findings.push(format!("{file}:{}: the link to {target} leads nowhere", index + 1));
            }
        }
    }
    findings
}

/// The targets of inline links in a line, without those that leave the project.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|target| !target.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = "See [us](Cargo.toml), [them](https://wamp-proto.org), [above](#above)\nand [it](src/nowhere.rs#x).\n";
        assert_eq!(check(root, "page.md", page), ["page.md:2: the link to src/nowhere.rs#x leads nowhere"]);
        assert!(check(root, "page.txt", page).is_empty());
    }
}
