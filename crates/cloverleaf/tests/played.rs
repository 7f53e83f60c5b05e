//! The commands, against meta procedures that the test plays: answers of other routers, and what happens between two
//! questions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::result_large_err, reason = "it is what procedures of the client answer with")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use client::ApplicationError;
use serde_json::json;
use support::played::Played;
use support::realm::value;
use support::terminal::Terminal;

fn session(id: u64, authid: &str) -> serde_json::Value {
    json!({"session": id, "authid": authid, "authrole": "user", "authmethod": "ticket", "transport": {}})
}

#[test]
fn sessions_are_listed_without_those_that_left_meanwhile() {
    let realm = Played::start();
    let known = [(11, session(11, "ann")), (13, session(13, "böb"))];
    realm.says("wamp.session.list", json!([11, 12, 13])).knows(
        "wamp.session.get",
        "wamp.error.no_such_session",
        &known,
    );
    let expected = [
        "session  authid  authrole  authmethod  transport  peer",
        "11       ann     user      ticket      -          -",
        "13       böb     user      ticket      -          -",
    ];
    assert_eq!(realm.prints(&["session", "list"]), expected);
    assert_eq!(realm.records(&["session", "list"]), known.map(|(_, session)| session));
}

#[test]
fn answers_of_another_kind_are_errors() {
    let realm = Played::start();
    realm.says("wamp.session.count", json!("many"));
    let expected = "cloverleaf: wamp.session.count answered with text where a number is expected";
    assert_eq!(realm.fails(&["session", "count"]), expected);
}

#[test]
fn a_refusal_without_a_word_is_explained() {
    let realm = Played::start();
    realm.answers("wamp.session.list", |_| Err(ApplicationError::new("wamp.error.not_authorized")));
    let expected = "cloverleaf: wamp.error.not_authorized; the authrole \"anonymous\" needs the permission to call \
                    wamp.session.list";
    assert_eq!(realm.fails(&["session", "list"]), expected);
}

/// `wamp.session.kill_all` takes sessions away without an event, but `top` with them. Elsewhere it need not.
#[test]
fn sessions_that_leave_without_an_event_are_noticed_by_their_number() {
    let are_killed = Arc::new(AtomicBool::new(false));
    let ids = {
        let are_killed = Arc::clone(&are_killed);
        move || if are_killed.load(Ordering::Relaxed) { vec![14] } else { vec![11, 13] }
    };
    let count = ids.clone();
    let realm = Played::start();
    realm
        .answers("wamp.session.list", move |_| Ok(value(&json!(ids())).into()))
        .answers("wamp.session.count", move |_| Ok(count().len().into()))
        .knows(
            "wamp.session.get",
            "wamp.error.no_such_session",
            &[(11, session(11, "ann")), (13, session(13, "bob")), (14, session(14, "dorothea"))],
        )
        .says("wamp.subscription.list", json!({}))
        .says("wamp.registration.list", json!({}));
    let mut top = Terminal::start(&["top", "--url", realm.url()]);
    top.shows("bob");
    are_killed.store(true, Ordering::Relaxed);
    top.shows("dorothea");
}
