//! `cloverleaf top`: a snapshot, and the live view in a terminal.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::result_large_err, reason = "it is what procedures of the client answer with")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use client::ApplicationError;
use serde_json::json;
use support::cable::Cable;
use support::realm::{Realm, value};
use support::terminal::Terminal;

fn session(id: u64, authid: &str) -> serde_json::Value {
    json!({"session": id, "authid": authid, "authrole": "user", "authmethod": "ticket", "transport": {}})
}

fn realm() -> Realm {
    realm_with_sessions(|| json!([11, 12, 13]))
}

/// With sessions whose ids may change.
fn realm_with_sessions(ids: impl Fn() -> serde_json::Value + Send + Sync + 'static) -> Realm {
    let realm = Realm::start();
    let subscription =
        |id: u64, uri: &str| json!({"id": id, "created": "today", "uri": uri, "match": "exact"});
    let registration =
        json!({"id": 31, "created": "today", "uri": "com.add", "match": "exact", "invoke": "single"});
    realm
        .answers("wamp.session.list", move |_| Ok(value(&ids()).into()))
        .knows(
            "wamp.session.get",
            "wamp.error.no_such_session",
            &[(11, session(11, "ann")), (13, session(13, "bob")), (14, session(14, "dorothea"))],
        )
        .says("wamp.subscription.list", json!({"exact": [21, 22], "prefix": [], "wildcard": []}))
        .knows(
            "wamp.subscription.get",
            "wamp.error.no_such_subscription",
            &[
                (21, subscription(21, "com.few")),
                (22, subscription(22, "com.many")),
                (23, subscription(23, "com.fresh")),
            ],
        )
        .knows(
            "wamp.subscription.count_subscribers",
            "wamp.error.no_such_subscription",
            &[(21, json!(9)), (22, json!(10)), (23, json!(7654321))],
        )
        .knows(
            "wamp.subscription.list_subscribers",
            "wamp.error.no_such_subscription",
            &[(23, json!([4711]))],
        )
        .says("wamp.registration.list", json!({"exact": [31], "prefix": [], "wildcard": []}))
        .knows("wamp.registration.get", "wamp.error.no_such_registration", &[(31, registration)])
        .says("wamp.registration.count_callees", json!(1));
    realm
}

#[test]
fn a_snapshot_is_text_or_one_dictionary() {
    let realm = realm();
    let expected = [
        "sessions       2",
        "subscriptions  2",
        "registrations  1",
        "",
        "sessions:",
        "session  authid  authrole  authmethod  transport  peer",
        "11       ann     user      ticket      -          -",
        "13       bob     user      ticket      -          -",
        "",
        "subscriptions:",
        "id  match  uri       subscribers  created",
        "22  exact  com.many           10  today",
        "21  exact  com.few             9  today",
        "",
        "registrations:",
        "id  match  invoke  uri      callees  created",
        "31  exact  single  com.add        1  today",
    ];
    assert_eq!(realm.prints(&["top", "--once"]), expected);
    let records = realm.records(&["top", "--once"]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["totals"], json!({"sessions": 2, "subscriptions": 2, "registrations": 1}));
    assert_eq!(records[0]["sessions"], json!([session(11, "ann"), session(13, "bob")]));
    assert_eq!(records[0]["subscriptions"][0]["subscribers"], json!(9));
    assert_eq!(records[0]["registrations"][0]["uri"], json!("com.add"));
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let failed = realm().fails(&["top"]);
    assert_eq!(
        failed,
        "cloverleaf: top is for a terminal, which stdout isn't; --once prints what it would show"
    );
}

#[test]
fn a_role_that_may_not_look_learns_what_it_takes() {
    let realm = Realm::start();
    realm.answers("wamp.session.list", |_| Err(ApplicationError::new("wamp.error.not_authorized")));
    let failed = realm.fails(&["top", "--once"]);
    assert!(failed.ends_with("needs the permission to call wamp.session.list"), "{failed}");
}

/// Switches to the other screen and back.
const TAKEN: &str = "\u{1b}[?1049h";
const GIVEN_BACK: &str = "\u{1b}[?1049l";

fn watching(realm: &Realm) -> Terminal {
    Terminal::start(&["top", "--url", realm.url()])
}

fn publish(realm: &Realm, topic: &str, args: &[serde_json::Value]) {
    let publish = realm.session.publish(topic).args(args.iter().map(value)).acknowledge();
    realm.runtime.block_on(async { publish.await.unwrap() });
}

#[test]
fn it_stays_current_until_q() {
    let realm = realm();
    let mut top = watching(&realm);
    top.shows(TAKEN);
    top.shows("bob");
    publish(&realm, "wamp.session.on_join", &[session(14, "christopher")]);
    top.shows("christopher");
    top.types("2");
    top.shows("com.many");
    let record = json!({"id": 23, "created": "now", "uri": "com.fresh", "match": "prefix"});
    publish(&realm, "wamp.subscription.on_create", &[json!(14), record]);
    top.shows("com.fresh");
    publish(&realm, "wamp.subscription.on_subscribe", &[json!(14), json!(23)]);
    // It is looked at again.
    top.shows("7654321");
    top.types("/fresh\r\r");
    top.shows("4711");
    top.types("?");
    top.shows("help");
    top.types("qq");
    top.shows(GIVEN_BACK);
    assert_eq!(top.ended(), Some(0));
}

#[test]
fn signals_give_the_terminal_back() {
    let realm = realm();
    for signal in ["TERM", "INT", "HUP"] {
        let mut top = watching(&realm);
        top.shows("bob");
        top.signal(signal);
        top.shows(GIVEN_BACK);
        assert_eq!(top.ended(), Some(0));
    }
}

#[test]
fn sessions_that_leave_without_an_event_are_noticed_by_their_number() {
    static ARE_KILLED: AtomicBool = AtomicBool::new(false);
    let realm =
        realm_with_sessions(
            || if ARE_KILLED.load(Ordering::Relaxed) { json!([14]) } else { json!([11, 13]) },
        );
    realm
        .answers("wamp.session.count", |_| Ok(if ARE_KILLED.load(Ordering::Relaxed) { 1 } else { 2 }.into()));
    let mut top = watching(&realm);
    top.shows("bob");
    ARE_KILLED.store(true, Ordering::Relaxed);
    top.shows("dorothea");
}

#[test]
fn a_lost_connection_is_made_again_and_all_is_listed_then() {
    static IS_CUT: AtomicBool = AtomicBool::new(false);
    let realm =
        realm_with_sessions(|| if IS_CUT.load(Ordering::Relaxed) { json!([14]) } else { json!([11]) });
    let address = realm.url().trim_start_matches("ws://").trim_end_matches("/ws");
    let cable = Cable::to(address.parse().unwrap());
    let mut top = Terminal::start(&["top", "--url", &format!("ws://{}/ws", cable.address)]);
    top.shows("ann");
    IS_CUT.store(true, Ordering::Relaxed);
    cable.cut();
    top.shows("dorothea");
    top.types("q");
    assert_eq!(top.ended(), Some(0));
}
