//! Pattern-based registration (PBR).

use testkit::{Client, Net, json};

use crate::{CALL, NO_SUCH_PROCEDURE};

/// A caller, and a callee with these registrations, by their ids.
fn registered(patterns: &[(&str, &str)]) -> (Net, Client, Client, Vec<u64>) {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let ids = patterns
        .iter()
        .map(|(policy, uri)| net.register_with(callee, json!({"match": policy}), uri))
        .collect();
    (net, caller, callee, ids)
}

/// Which of the registrations a call of `procedure` goes to.
#[track_caller]
fn best(net: &mut Net, caller: Client, callee: Client, ids: &[u64], procedure: &str) -> Option<usize> {
    let request = net.call(caller, procedure, "?");
    let Some(invocation) = net.receive(callee).pop() else {
        net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
        return None;
    };
    net.answer(callee, invocation.id(1), "!");
    net.expect(caller, json!([50, request, {}, ["!"]]));
    ids.iter().position(|id| *id == invocation.id(2))
}

// PBR-01, PBR-11
#[test]
fn match_policies_are_registrations_of_their_own() {
    let (_, _, _, mut ids) = registered(&[("exact", "com.a"), ("prefix", "com.a"), ("wildcard", "com.a")]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

// PBR-01, DLR-02
#[test]
fn a_pattern_is_registered_once() {
    let (mut net, caller, ..) = registered(&[("prefix", "com.a")]);
    net.send(caller, json!([64, 1, {"match": "prefix"}, "com.a"]));
    net.refused(caller, crate::REGISTER, 1, "wamp.error.procedure_already_exists");
}

// PBR-01
#[test]
fn an_unknown_match_policy_is_refused() {
    let (mut net, caller, ..) = registered(&[]);
    net.send(caller, json!([64, 1, {"match": "regex"}, "com.a"]));
    net.refused(caller, crate::REGISTER, 1, "wamp.error.invalid_argument");
}

// PBR-02
#[test]
fn prefixes_match_strings_and_wildcards_components() {
    let (mut net, caller, callee, ids) = registered(&[("prefix", "com.app"), ("wildcard", "org..end")]);
    let mut found = |procedure| best(&mut net, caller, callee, &ids, procedure);
    assert_eq!(found("com.apple.pie"), Some(0));
    assert_eq!(found("com.ap"), None);
    assert_eq!(found("org.any.end"), Some(1));
    assert_eq!(found("org.any.end.more"), None);
    assert_eq!(found("org.any.more.end"), None);
}

// PBR-03, PBR-04, PBR-05, PBR-06, PBR-07, PBR-08
#[test]
fn a_call_goes_to_the_best_registration_only() {
    let (mut net, caller, callee, ids) = registered(&[
        ("exact", "a1.b2.c3.d4.e55"),
        ("prefix", "a1.b2.c3."),
        ("prefix", "a1.b2.c3.d4"),
        ("wildcard", "a1.b2..d4.e5"),
        ("wildcard", "a1.b2.c33..e5"),
        ("wildcard", "a1.b2..d4.e5..g7"),
        ("wildcard", "a1.b2..d4..f6.g7"),
    ]);
    let mut found = |procedure| best(&mut net, caller, callee, &ids, procedure);
    assert_eq!(found("a1.b2.c3.d4.e55"), Some(0));
    assert_eq!(found("a1.b2.c3.d98.e74"), Some(1));
    assert_eq!(found("a1.b2.c3.d4.e325"), Some(2));
    assert_eq!(found("a1.b2.c55.d4.e5"), Some(3));
    assert_eq!(found("a1.b2.c33.d4.e5"), Some(4));
    assert_eq!(found("a1.b2.c88.d4.e5.f6.g7"), Some(5));
    assert_eq!(found("a2.b2.c2.d2.e2"), None);
}

// PBR-06
#[test]
fn a_prefix_beats_a_more_specific_wildcard() {
    let (mut net, caller, callee, ids) = registered(&[("wildcard", "a..c.d"), ("prefix", "a")]);
    assert_eq!(best(&mut net, caller, callee, &ids, "a.b.c.d"), Some(1));
}

// PBR-09, PBR-10
#[test]
fn only_patterns_are_told_the_procedure() {
    let (mut net, caller, callee, _) = registered(&[("exact", "a"), ("prefix", "b"), ("wildcard", "c.")]);
    for (procedure, details) in
        [("a", json!({})), ("b.x", json!({"procedure": "b.x"})), ("c.x", json!({"procedure": "c.x"}))]
    {
        net.call(caller, procedure, "?");
        net.expect(callee, json!([68, "_", "_", details, ["?"]]));
    }
}

// PBR-12
#[test]
fn without_the_best_registration_the_next_best_serves() {
    let (mut net, caller, callee, ids) =
        registered(&[("exact", "a.b"), ("prefix", "a."), ("prefix", "a"), ("wildcard", ".b")]);
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(best(&mut net, caller, callee, &ids, "a.b"), Some(index));
        net.unregister(callee, *id);
    }
    assert_eq!(best(&mut net, caller, callee, &ids, "a.b"), None);
}

// PBR-13
#[test]
fn a_better_pattern_is_seen_at_once_by_every_thread() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    let callers = [net.client().worker(1).join("realm1"), net.client().worker(2).join("realm1")];
    let broad = net.register_with(callee, json!({"match": "prefix"}), "com.");
    for caller in callers {
        net.call(caller, "com.a.b", "routes are remembered");
        net.expect(callee, json!([68, "_", broad, "_", "_"]));
    }
    let narrow = net.register_with(callee, json!({"match": "prefix"}), "com.a");
    for caller in callers {
        net.call(caller, "com.a.b", "?");
        net.expect(callee, json!([68, "_", narrow, "_", "_"]));
    }
}
