//! The arrows between our crates, and what the pure crates may not drag in.
//!
//! A development dependency may point anywhere: tests of an inner room may use an outer one.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use serde_json::Value;

/// Which of our crates each one may use. What is not named here may use nothing of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("cloverleaf-wamp", &[]),
    ("cloverleaf-transport", &["cloverleaf-wamp"]),
    ("cloverleaf-auth", &["cloverleaf-wamp"]),
    ("cloverleaf-schema", &["cloverleaf-wamp"]),
    (
        "cloverleaf-router",
        &["cloverleaf-wamp", "cloverleaf-auth", "cloverleaf-schema", "cloverleaf-transport"],
    ),
    ("cloverleaf-store", &["cloverleaf-wamp", "cloverleaf-router"]),
    ("cloverleaf-cluster", &["cloverleaf-wamp", "cloverleaf-router"]),
    ("cloverleaf-listeners", &["cloverleaf-wamp", "cloverleaf-router", "cloverleaf-transport"]),
    ("cloverleaf-web", &["cloverleaf-wamp", "cloverleaf-router", "cloverleaf-transport"]),
    ("cloverleaf-client", &["cloverleaf-wamp", "cloverleaf-transport", "cloverleaf-auth"]),
    ("cloverleaf-testkit", &["cloverleaf-wamp", "cloverleaf-transport", "cloverleaf-router"]),
    (
        "cloverleaf",
        &[
            "cloverleaf-wamp",
            "cloverleaf-transport",
            "cloverleaf-auth",
            "cloverleaf-schema",
            "cloverleaf-router",
            "cloverleaf-store",
            "cloverleaf-cluster",
            "cloverleaf-listeners",
            "cloverleaf-web",
            "cloverleaf-client",
        ],
    ),
    (
        "cloverleaf-bench",
        &[
            "cloverleaf-wamp",
            "cloverleaf-transport",
            "cloverleaf-client",
            "cloverleaf-router",
            "cloverleaf-store",
            "cloverleaf-listeners",
        ],
    ),
    ("cloverleaf-paths", &["cloverleaf-wamp", "cloverleaf-transport", "cloverleaf-router"]),
];

/// The crates without I/O.
const PURE: &[&str] =
    &["cloverleaf-wamp", "cloverleaf-transport", "cloverleaf-auth", "cloverleaf-schema", "cloverleaf-router"];

/// What brings sockets, a reactor or a runtime.
const BANNED: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "async-std",
    "async-io",
    "async-global-executor",
    "polling",
    "smol",
    "hyper",
    "tungstenite",
];

/// Findings about the dependency graph that `cargo metadata` describes.
pub(crate) fn check(metadata: &Value) -> Result<Vec<String>> {
    let graph = Graph::read(metadata)?;
    let mut findings = graph.forbidden_arrows();
    findings.extend(graph.banned_in_pure());
    Ok(findings)
}

struct Graph<'a> {
    /// Package id to name.
    names: HashMap<&'a str, &'a str>,
    /// Package id to the ids it uses outside tests (build scripts included).
    uses: HashMap<&'a str, Vec<&'a str>>,
    /// Ids of our own packages.
    ours: Vec<&'a str>,
}

impl<'a> Graph<'a> {
    fn read(metadata: &'a Value) -> Result<Self> {
        let list = |value: &'a Value, what: &str| {
            value.as_array().with_context(|| format!("cargo metadata has no {what}"))
        };
        let mut names = HashMap::new();
        for package in list(&metadata["packages"], "packages")? {
            if let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) {
                names.insert(id, name);
            }
        }
        let mut uses = HashMap::new();
        for node in list(&metadata["resolve"]["nodes"], "resolved graph")? {
            let id = node["id"].as_str().context("a node has no id")?;
            let deps = list(&node["deps"], "dependencies of a node")?;
            let used =
                deps.iter().filter(|dep| is_used_outside_tests(dep)).filter_map(|dep| dep["pkg"].as_str());
            uses.insert(id, used.collect());
        }
        let ours =
            list(&metadata["workspace_members"], "members")?.iter().filter_map(Value::as_str).collect();
        Ok(Self { names, uses, ours })
    }

    fn forbidden_arrows(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for &from in &self.ours {
            let allowed =
                ARROWS.iter().find(|(name, _)| *name == self.name(from)).map_or(&[][..], |(_, to)| to);
            for to in self.uses_of(from).filter(|to| self.ours.contains(to)) {
                if !allowed.contains(&self.name(to)) {
                    findings.push(format!("{} must not depend on {}", self.name(from), self.name(to)));
                }
            }
        }
        findings
    }

    fn banned_in_pure(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for &root in self.ours.iter().filter(|id| PURE.contains(&self.name(id))) {
            let mut seen = BTreeSet::from([root]);
            let mut open = vec![root];
            while let Some(id) = open.pop() {
                for next in self.uses_of(id) {
                    if seen.insert(next) {
                        open.push(next);
                        if BANNED.contains(&self.name(next)) {
                            let (root, next, by) = (self.name(root), self.name(next), self.name(id));
                            findings.push(format!("{root} must stay pure, but {by} brings {next}"));
                        }
                    }
                }
            }
        }
        findings
    }

    fn uses_of(&self, id: &str) -> impl Iterator<Item = &'a str> {
        self.uses.get(id).into_iter().flatten().copied()
    }

    fn name(&self, id: &'a str) -> &'a str {
        self.names.get(id).copied().unwrap_or(id)
    }
}

fn is_used_outside_tests(dep: &Value) -> bool {
    dep["dep_kinds"]
        .as_array()
        .is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"].as_str() != Some("dev")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A graph of the named packages, where each pair of names is (user, used, kind).
    fn metadata(ours: &[&str], others: &[&str], deps: &[(&str, &str, Option<&str>)]) -> Value {
        let all: Vec<&str> = ours.iter().chain(others).copied().collect();
        let node = |name: &&str| {
            let used = deps.iter().filter(|(from, ..)| from == name);
            let used: Vec<Value> =
                used.map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]})).collect();
            json!({"id": name, "deps": used})
        };
        json!({
            "packages": all.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "workspace_members": ours,
            "resolve": {"nodes": all.iter().map(node).collect::<Vec<_>>()},
        })
    }

    #[test]
    fn an_arrow_that_points_outward_is_found() {
        let ours = ["cloverleaf-wamp", "cloverleaf-router", "cloverleaf-listeners"];
        let deps = [
            ("cloverleaf-router", "cloverleaf-wamp", None),
            ("cloverleaf-listeners", "cloverleaf-router", None),
            ("cloverleaf-wamp", "cloverleaf-router", None),
        ];
        let findings = check(&metadata(&ours, &[], &deps)).unwrap();
        assert_eq!(findings, ["cloverleaf-wamp must not depend on cloverleaf-router"]);
    }

    #[test]
    fn tests_may_point_outward() {
        let ours = ["cloverleaf-wamp", "cloverleaf-testkit"];
        let deps = [("cloverleaf-wamp", "cloverleaf-testkit", Some("dev"))];
        assert!(check(&metadata(&ours, &[], &deps)).unwrap().is_empty());
    }

    #[test]
    fn a_runtime_behind_another_package_is_found() {
        let deps = [("cloverleaf-router", "innocent", None), ("innocent", "tokio", None)];
        let findings = check(&metadata(&["cloverleaf-router"], &["innocent", "tokio"], &deps)).unwrap();
        assert_eq!(findings, ["cloverleaf-router must stay pure, but innocent brings tokio"]);
    }

    #[test]
    fn a_crate_that_no_rule_names_may_use_nothing_of_ours() {
        let deps = [("newcomer", "cloverleaf-wamp", None)];
        let findings = check(&metadata(&["newcomer", "cloverleaf-wamp"], &[], &deps)).unwrap();
        assert_eq!(findings, ["newcomer must not depend on cloverleaf-wamp"]);
    }
}
