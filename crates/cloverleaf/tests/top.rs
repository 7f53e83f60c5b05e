//! `cloverleaf top`: a snapshot, and the live view in a terminal.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use client::{Session, Subscription};
use router::config::{Limits, Permission, RealmConfig};
use serde_json::json;
use support::cable::Cable;
use support::realm::{Realm, open};
use support::terminal::Terminal;
use wamp::MatchPolicy;

fn subscribe(realm: &Realm, session: &Session, topic: &str) -> Subscription {
    realm.wait(async { session.subscribe(topic).await.unwrap() })
}

#[test]
fn a_snapshot_is_text_or_one_dictionary() {
    let realm = Realm::start();
    let (ann, bob) = (realm.join("ann"), realm.join("bob"));
    let _few = subscribe(&realm, &ann, "com.few");
    let _many = [&ann, &bob].map(|session| subscribe(&realm, session, "com.many"));
    let add = realm.wait(async { ann.register("com.add").handler(|_| async { Ok(()) }).await.unwrap() });
    let printed = realm.prints(&["top", "--once"]);
    let words: Vec<Vec<&str>> = printed.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[..3], [["sessions", "3"], ["subscriptions", "2"], ["registrations", "1"]]);
    let row = |first: &str| words.iter().position(|row| row.contains(&first)).unwrap();
    assert_eq!(words[row("ann")][..4], [ann.id().to_string().as_str(), "ann", "user", "ticket"]);
    assert_eq!(printed[row("com.many") - 2], "subscriptions:");
    assert_eq!(words[row("com.many")][1..4], ["exact", "com.many", "2"], "many subscribers come first");
    assert_eq!(words[row("com.many") + 1][1..4], ["exact", "com.few", "1"]);
    let id = add.id().to_string();
    assert_eq!(words[row("com.add")][..5], [id.as_str(), "exact", "single", "com.add", "1"]);

    let records = realm.records(&["top", "--once"]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["totals"], json!({"sessions": 3, "subscriptions": 2, "registrations": 1}));
    let authids = records[0]["sessions"].as_array().unwrap().iter().map(|session| &session["authid"]);
    assert!(authids.clone().any(|authid| authid == "bob"), "{authids:?}");
    let subscriptions = records[0]["subscriptions"].as_array().unwrap();
    assert!(subscriptions.iter().any(|record| record["uri"] == "com.many" && record["subscribers"] == 2));
    assert_eq!(records[0]["registrations"][0]["uri"], "com.add");
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let failed = Realm::start().fails(&["top"]);
    assert_eq!(
        failed,
        "cloverleaf: top is for a terminal, which stdout isn't; --once prints what it would show"
    );
}

#[test]
fn a_role_that_may_not_look_learns_what_it_takes() {
    let refusing = |uri: &str| {
        let mut realm = open();
        realm.roles[0].permissions.push(Permission::deny(uri, MatchPolicy::Exact));
        Realm::with(RealmConfig { ..realm }, Limits::default())
    };
    let failed = refusing("wamp.session.list").fails(&["top", "--once"]);
    assert!(failed.ends_with("role \"anonymous\" may not call <wamp.session.list>"), "{failed}");
    let realm = refusing("wamp.session.on_leave");
    let mut top = watching(&realm);
    assert_eq!(top.ended(), Some(1));
    let expected = "to stay current takes the permission to subscribe to wamp.session.on_leave";
    assert!(top.seen().contains(expected), "{}", top.seen());
}

/// Switches to the other screen and back.
const TAKEN: &str = "\u{1b}[?1049h";
const GIVEN_BACK: &str = "\u{1b}[?1049l";

fn watching(realm: &Realm) -> Terminal {
    Terminal::start(&["top", "--url", realm.url()])
}

#[test]
fn it_stays_current_until_q() {
    let realm = Realm::start();
    let ann = realm.join("ann");
    let _many = subscribe(&realm, &ann, "com.many");
    let mut top = watching(&realm);
    top.shows(TAKEN);
    top.shows("ann");
    let christopher = realm.join("christopher");
    top.shows("christopher");
    top.types("2");
    top.shows("com.many");
    let _fresh = subscribe(&realm, &christopher, "com.fresh");
    top.shows("com.fresh");
    top.types("/fresh\r\r");
    // Whose subscription it is is asked for.
    top.shows(&christopher.id().to_string());
    top.types("?");
    top.shows("help");
    top.types("qq");
    top.shows(GIVEN_BACK);
    assert_eq!(top.ended(), Some(0));
}

#[test]
fn signals_give_the_terminal_back() {
    let realm = Realm::start();
    let _bob = realm.join("bob");
    for signal in ["TERM", "INT", "HUP"] {
        let mut top = watching(&realm);
        top.shows("bob");
        top.signal(signal);
        top.shows(GIVEN_BACK);
        assert_eq!(top.ended(), Some(0));
    }
}

#[test]
fn when_its_session_is_ended_it_says_so() {
    let realm = Realm::start();
    let _bob = realm.join("bob");
    let mut top = watching(&realm);
    top.shows("bob");
    realm.prints(&["session", "kill", "--all"]);
    assert_eq!(top.ended(), Some(1));
    let said = top.seen().split(GIVEN_BACK).last().unwrap();
    assert!(
        said.contains("cloverleaf: the session is over: the router said goodbye: wamp.close.killed"),
        "{said}"
    );
}

#[test]
fn a_lost_connection_is_made_again_and_all_is_listed_then() {
    let realm = Realm::start();
    let address = realm.url().trim_start_matches("ws://").trim_end_matches("/ws");
    let cable = Cable::to(address.parse().unwrap());
    let _ann = realm.join("ann");
    let mut top = Terminal::start(&["top", "--url", &format!("ws://{}/ws", cable.address)]);
    top.shows("ann");
    cable.pull();
    top.shows("trying again");
    // Nobody tells it of this.
    let _dorothea = realm.join("dorothea");
    cable.plug_in();
    top.shows("dorothea");
    top.types("q");
    assert_eq!(top.ended(), Some(0));
}
