//! `cloverleaf history`, of a realm that keeps one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use router::config::{HistoryConfig, Limits, RealmConfig};
use serde_json::Value as Json;
use support::realm::{Realm, open};
use support::terminal::Terminal;
use wamp::{MatchPolicy, Value};

/// Keeps what is published to `com.a`, and to everything below `com.`.
fn keeping() -> RealmConfig {
    let history = vec![
        HistoryConfig::new("com.a", MatchPolicy::Exact),
        HistoryConfig::new("com.", MatchPolicy::Prefix),
    ];
    RealmConfig { history, ..open() }
}

/// Publishes three events to `com.a`, with their numbers; gives their ids.
fn published(realm: &Realm) -> Vec<String> {
    let ann = realm.join("ann");
    let publish = |number: u64| {
        let publish = ann.publish("com.a").arg("x".repeat(90)).arg(number).kwarg("k", Value::Null);
        realm.wait(publish.acknowledge().send()).unwrap().to_string()
    };
    (1..=3).map(publish).collect()
}

/// The numbers of the events that a command prints.
fn numbers(realm: &Realm, args: &[&str]) -> Vec<u64> {
    let records = realm.records(&[&["history", "com.a"], args].concat());
    records.iter().map(|record| record["args"][1].as_u64().unwrap()).collect()
}

#[test]
fn history_shows_the_newest_events_the_oldest_first() {
    let realm = Realm::with(keeping(), Limits::default());
    let ids = published(&realm);
    let numbers = |args: &[&str]| numbers(&realm, args);
    assert_eq!(numbers(&[]), [1, 2, 3]);
    assert_eq!(numbers(&["--limit", "2"]), [2, 3]);
    assert_eq!(numbers(&["--limit", "2", "--reverse"]), [3, 2]);
    assert_eq!(numbers(&["--limit", "1"]), [3], "one event is no list of events");
    assert_eq!(numbers(&["--limit", "2", "--from-publication", &ids[0]]), [1, 2]);
    assert_eq!(numbers(&["--after-publication", &ids[0]]), [2, 3]);
    assert_eq!(numbers(&["--before-publication", &ids[1]]), [1]);
    assert_eq!(numbers(&["--until-publication", &ids[1]]), [1, 2]);
    let of_pattern = ["history", "com.", "--match", "prefix", "--topic"];
    assert_eq!(realm.records(&[&of_pattern[..], &["com.a"]].concat()).len(), 3);
    assert!(realm.records(&[&of_pattern[..], &["com.b"]].concat()).is_empty());
}

#[test]
fn times_bound_it_as_their_names_say() {
    let realm = Realm::with(keeping(), Limits::default());
    published(&realm);
    let records = realm.records(&["history", "com.a"]);
    let time = records[1]["timestamp"].as_str().unwrap();
    // Two events may have the same.
    let having = |keep: fn(&str, &str) -> bool| -> Vec<u64> {
        let kept = records.iter().filter(|record| keep(record["timestamp"].as_str().unwrap(), time));
        kept.map(|record| record["args"][1].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&realm, &["--from-time", time]), having(|at, time| at >= time));
    assert_eq!(numbers(&realm, &["--after-time", time]), having(|at, time| at > time));
    assert_eq!(numbers(&realm, &["--before-time", time]), having(|at, time| at < time));
    assert_eq!(numbers(&realm, &["--until-time", time]), having(|at, time| at <= time));
    let failed = realm.fails(&["history", "com.a", "--from-time", "noon"]);
    assert!(failed.starts_with("cloverleaf: wamp.error.invalid_argument: from_time: \"noon\""), "{failed}");
}

#[test]
fn history_is_a_table_which_a_pipe_gets_whole() {
    let realm = Realm::with(keeping(), Limits::default());
    let ids = published(&realm);
    let args = format!("[\"{}\",1]", "x".repeat(90));
    let printed = realm.words(&["history", "com.a"]);
    assert_eq!(printed[0], ["timestamp", "publication", "args", "kwargs"]);
    assert_eq!(printed[1][1..], [ids[0].as_str(), &args, "{\"k\":null}"]);
    let printed = realm.words(&["history", "com.", "--match", "prefix"]);
    assert_eq!(printed[3][2], "com.a", "patterns show the topic: {printed:?}");
    let mut terminal = Terminal::start(&["history", "com.a", "--url", realm.url()]);
    assert_eq!(terminal.ended(), Some(0));
    let line = terminal.seen().lines().find(|line| line.contains(&ids[0])).unwrap();
    assert!(
        line.chars().count() == 100 && line.ends_with("…  {\"k\":null}"),
        "a terminal gets what fits: {line:?}"
    );
}

#[test]
fn a_history_that_the_router_cut_off_is_said_to_be() {
    let realm = Realm::with(keeping(), Limits { history_events_max: 2, ..Limits::default() });
    published(&realm);
    let ended = realm.command(&["history", "com.a", "--limit", "100", "--json"]).ended();
    assert_eq!(ended.stderr, ["these are as many events as the router gives at once; there may be more"]);
    assert_eq!(ended.succeeded().len(), 2);
}

#[test]
fn crossbars_history_is_one_list_with_the_newest_event_first() {
    let realm = Realm::with(RealmConfig { compat_crossbar: true, ..keeping() }, Limits::default());
    published(&realm);
    assert_eq!(numbers(&realm, &[]), [1, 2, 3]);
    assert_eq!(numbers(&realm, &["--reverse"]), [3, 2, 1]);
    let record: Json = realm.records(&["history", "com.a", "--limit", "1"]).remove(0);
    assert!(record["time_ns"].is_u64(), "all that is told is shown: {record}");
}

#[test]
fn what_keeps_no_history_says_so() {
    let realm = Realm::start();
    let expected = "cloverleaf: there is no subscription to com.a (match exact), and so no history of it; the history of \
                    a pattern takes --match prefix or wildcard";
    assert_eq!(realm.fails(&["history", "com.a"]), expected);
    let ann = realm.join("ann");
    let _subscription = realm.wait(async { ann.subscribe("com.a").await.unwrap() });
    let expected = "cloverleaf: wamp.error.history_unavailable: no event history is configured for <com.a>";
    assert_eq!(realm.fails(&["history", "com.a"]), expected);
}
