//! The commands that look at sessions, subscriptions, registrations and schemas.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use client::{CloseReason, EndReason, Session, Subscription};
use router::config::{Actions, Limits, Permission, RealmConfig, RoleConfig};
use serde_json::{Value as Json, json};
use support::Directory;
use support::realm::{Realm, open};
use support::terminal::Terminal;
use wamp::MatchPolicy;
use wamp::message::InvocationPolicy;

fn ids<const N: usize>(sessions: [&Session; N]) -> [String; N] {
    sessions.map(|session| session.id().to_string())
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

#[test]
fn sessions_are_listed_with_who_they_are() {
    let realm = Realm::start();
    let (ann, bob) = (realm.join("ann"), realm.join("böb"));
    let [ann_id, bob_id] = ids([&ann, &bob]);
    let listed = realm.words(&["session", "list"]);
    assert_eq!(listed[0], ["session", "authid", "authrole", "authmethod", "transport", "peer"]);
    assert_eq!(listed.len(), 4, "the command sees itself: {listed:?}");
    for (id, authid) in [(&ann_id, "ann"), (&bob_id, "böb")] {
        let row = listed.iter().find(|row| row[0] == *id).unwrap();
        assert_eq!(row[1..4], [authid, "user", "ticket"]);
        assert!(row[4].starts_with("native/") && row[5].starts_with("process:"), "{row:?}");
    }
    let records = realm.records(&["session", "list"]);
    let record = records.iter().find(|record| record["session"] == ann.id().value()).unwrap();
    assert_eq!(record["authid"], "ann");
    assert_eq!(record["transport"]["channel_framing"], "native");
    let of_role = ["session", "list", "--ids", "--authrole", "nobody", "--authrole", "user"];
    assert_eq!(sorted(realm.prints(&of_role)), sorted([ann_id, bob_id]));
    assert_eq!(realm.prints(&["session", "count"]), ["3"]);
    assert_eq!(realm.prints(&["session", "count", "--authrole", "user"]), ["2"]);
}

#[test]
fn a_session_is_shown_with_all_that_is_told_about_it() {
    let realm = Realm::start();
    let ann = realm.join("ann");
    let [id] = ids([&ann]);
    let shown = realm.prints(&["session", "get", &id]);
    for line in ["authid        ann", "transport", "  channel_id                   {}", "resume_token  -"] {
        assert!(shown.iter().any(|shown| shown == line), "{line:?} is not in {shown:#?}");
    }
    assert_eq!(realm.records(&["session", "get", &id])[0]["session"], ann.id().value());
    let expected = "cloverleaf: wamp.error.no_such_session: there is no session 12 in this realm";
    assert_eq!(realm.fails(&["session", "get", "12"]), expected);
}

#[test]
fn sessions_are_ended_by_id_authid_authrole_or_all_of_them() {
    let realm = Realm::start();
    let [ann, bob, bobs_other, cid, dora] = ["ann", "bob", "bob", "cid", "dora"].map(|who| realm.join(who));
    let told = ["--reason", "com.example.bye", "--message", "go home"];
    let kill = |args: &[&str]| realm.prints(&[&["session", "kill"], args, &told].concat());
    let [id] = ids([&ann]);
    assert_eq!(kill(&[&id]), [format!("ended 1 session: {id}")]);
    let farewell = CloseReason::Goodbye { reason: "com.example.bye".into(), message: Some("go home".into()) };
    assert_eq!(realm.wait(ann.closed()), farewell);
    let killed = realm.records(&["session", "kill", "--authid", "bob"]);
    assert_eq!(killed[0]["killed"], 2);
    let bobs = [bob.id().value(), bobs_other.id().value()];
    let sessions = killed[0]["sessions"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap());
    assert_eq!(sorted(sessions), sorted(bobs));
    assert_eq!(kill(&["--authid", "bob"]), ["ended 0 sessions"]);
    assert_eq!(kill(&["--authrole", "user"]), ["ended 2 sessions"]);
    assert_eq!([realm.wait(cid.closed()), realm.wait(dora.closed())], [farewell.clone(), farewell.clone()]);
    let eve = realm.join("eve");
    assert_eq!(kill(&["--all"]), ["ended 1 session"], "where nobody is at the terminal nobody is asked");
    assert_eq!(realm.wait(eve.closed()), farewell);
    let unclear = realm.command(&["session", "kill"]).ended();
    assert_eq!(unclear.status.code(), Some(2), "one of them has to be said: {unclear:?}");
    let unclear = realm.command(&["session", "kill", "4", "--all"]).ended();
    assert_eq!(unclear.status.code(), Some(2), "only one of them can be said: {unclear:?}");
}

#[test]
fn where_crossbars_lists_of_the_ended_are_given_they_are_told() {
    let realm = Realm::with(RealmConfig { compat_crossbar: true, ..open() }, Limits::default());
    let ann = realm.join("ann");
    let [id] = ids([&ann]);
    let killed = realm.prints(&["session", "kill", "--authrole", "user"]);
    assert_eq!(killed, [format!("ended 1 session: {id}")]);
}

#[test]
fn whether_all_are_meant_is_asked_at_a_terminal() {
    let realm = Realm::start();
    let ann = realm.join("ann");
    let kill = |more: &[&str]| {
        Terminal::start(&[&["session", "kill", "--all", "--url", realm.url()], more].concat())
    };
    let mut asked = kill(&[]);
    asked.shows("end all sessions of realm1 but this one? [y/N] ");
    asked.types("\r");
    assert_eq!(asked.ended(), Some(1));
    assert!(asked.seen().contains("cloverleaf: nobody was ended"), "{}", asked.seen());
    assert!(ann.is_open());
    let mut asked = kill(&[]);
    asked.shows("[y/N] ");
    asked.types("y\r");
    assert_eq!(asked.ended(), Some(0));
    assert!(asked.seen().contains("ended 1 session"), "{}", asked.seen());
    let mut sure = kill(&["--yes"]);
    assert_eq!(sure.ended(), Some(0));
    assert!(!sure.seen().contains("[y/N]"), "{}", sure.seen());
}

fn subscribe(realm: &Realm, session: &Session, topic: &str, policy: MatchPolicy) -> Subscription {
    realm.wait(async { session.subscribe(topic).match_policy(policy).await.unwrap() })
}

#[test]
fn subscriptions_are_listed_and_looked_up() {
    let realm = Realm::start();
    let (ann, bob) = (realm.join("ann"), realm.join("bob"));
    let mut anns = subscribe(&realm, &ann, "com.a", MatchPolicy::Exact);
    let bobs = subscribe(&realm, &bob, "com.a", MatchPolicy::Exact);
    let pattern = subscribe(&realm, &ann, "com.", MatchPolicy::Prefix);
    let [ann_id, bob_id] = ids([&ann, &bob]);
    let (exact, prefix) = (bobs.id().to_string(), pattern.id().to_string());
    let listed = realm.words(&["subscription", "list"]);
    assert_eq!(listed[0], ["id", "match", "uri", "subscribers", "created"]);
    assert_eq!(listed[1][..4], [exact.as_str(), "exact", "com.a", "2"]);
    assert_eq!(listed[2][..4], [prefix.as_str(), "prefix", "com.", "1"]);

    let records = realm.records(&["subscription", "list", "--session", &bob_id]);
    let created = listed[1][4].as_str();
    let mut record = json!({"id": bobs.id().value(), "created": created, "uri": "com.a", "match": "exact"});
    assert_eq!(realm.records(&["subscription", "get", &exact]), [record.clone()]);
    record["subscribers"] = json!(2);
    assert_eq!(records, [record]);
    let shown = realm.prints(&["subscription", "get", &prefix]);
    assert!(shown.contains(&"uri      com.".to_owned()), "{shown:?}");

    let matching = realm.words(&["subscription", "match", "com.b"]);
    assert_eq!(matching[1..], listed[2..], "they are shown as in the list");
    assert_eq!(realm.fails(&["subscription", "match", "org"]), "cloverleaf: no subscription matches org");
    assert_eq!(realm.prints(&["subscription", "lookup", "com.", "--match", "prefix"]), [prefix]);
    let failed = realm.fails(&["subscription", "lookup", "com."]);
    assert_eq!(failed, "cloverleaf: there is no subscription at com. (match exact)");

    assert_eq!(realm.prints(&["subscription", "subscribers", &exact]), [ann_id.clone(), bob_id.clone()]);
    let failed = realm.fails(&["subscription", "subscribers", "99"]);
    let expected = "cloverleaf: wamp.error.no_such_subscription: there is no subscription 99 in this realm";
    assert_eq!(failed, expected);
    let removed = realm.prints(&["subscription", "remove", &exact, &ann_id, "--reason", "com.example.off"]);
    assert_eq!(removed, [format!("session {ann_id} is not at subscription {exact} any more")]);
    assert!(realm.wait(anns.next()).is_none());
    assert_eq!(anns.end_reason(), Some(EndReason::Revoked(Some("com.example.off".into()))));
    assert_eq!(realm.prints(&["subscription", "subscribers", &exact]), [bob_id]);
}

#[test]
fn registrations_are_listed_and_looked_up() {
    let realm = Realm::start();
    let (ann, bob) = (realm.join("ann"), realm.join("bob"));
    let register = |session: &Session| {
        let register = session.register("com.add").invoke(InvocationPolicy::RoundRobin);
        realm.wait(async { register.handler(|_| async { Ok(()) }).await.unwrap() })
    };
    let (anns, bobs) = (register(&ann), register(&bob));
    let [ann_id, bob_id] = ids([&ann, &bob]);
    let id = bobs.id().to_string();
    let listed = realm.words(&["registration", "list"]);
    assert_eq!(listed[0], ["id", "match", "invoke", "uri", "callees", "created"]);
    assert_eq!(listed[1][..5], [id.as_str(), "exact", "roundrobin", "com.add", "2"]);
    assert_eq!(realm.words(&["registration", "match", "com.add"]), listed);
    assert_eq!(
        realm.fails(&["registration", "match", "com.sub"]),
        "cloverleaf: no registration matches com.sub"
    );
    assert_eq!(realm.prints(&["registration", "lookup", "com.add"]), [id.as_str()]);
    let record = json!({
        "id": bobs.id().value(), "created": listed[1][5], "uri": "com.add", "match": "exact", "invoke": "roundrobin",
    });
    assert_eq!(realm.records(&["registration", "get", &id]), [record]);
    assert_eq!(realm.prints(&["registration", "callees", &id]), [ann_id.clone(), bob_id]);
    let removed = json!({"registration": bobs.id().value(), "session": ann.id().value()});
    assert_eq!(realm.records(&["registration", "remove", &id, &ann_id]), [removed]);
    assert_eq!(realm.wait(anns.ended()), EndReason::Revoked(None));
}

#[test]
fn a_record_that_may_not_be_looked_at_keeps_its_id() {
    let realm = Realm::start();
    let ann = realm.join("ann");
    let [ann_id] = ids([&ann]);
    let joins = subscribe(&realm, &ann, "wamp.session.on_join", MatchPolicy::Exact);
    let hidden = joins.id().to_string();
    let rows = || realm.words(&["subscription", "list", "--session", &ann_id]).split_off(1);
    let unknown = [hidden.as_str(), "-", "-", "-", "-"];
    assert_eq!(rows(), [unknown]);
    let _seen = subscribe(&realm, &ann, "com.a", MatchPolicy::Exact);
    let rows = rows();
    assert!(rows.len() == 2 && rows.iter().any(|row| *row == unknown), "{rows:?}");
    assert!(rows.iter().any(|row| row[2] == "com.a"), "{rows:?}");
}

#[test]
fn what_may_not_be_called_or_is_not_there_is_said_in_one_line() {
    let list = Permission {
        allow: Actions { call: true, ..Actions::default() },
        ..Permission::deny("wamp.subscription.list", MatchPolicy::Exact)
    };
    let anonymous =
        RoleConfig { permissions: vec![list], allow_by_default: false, ..RoleConfig::allow_all("anonymous") };
    let roles = vec![anonymous, RoleConfig::allow_all("user")];
    let realm = Realm::with(RealmConfig { roles, ..open() }, Limits::default());
    let ann = realm.join("ann");
    let _subscription = subscribe(&realm, &ann, "com.a", MatchPolicy::Exact);
    for (args, procedure) in [
        (["subscription", "list"], "wamp.subscription.get"),
        (["session", "list"], "wamp.session.list"),
        (["schema", "list"], "wamp.schema.describe"),
    ] {
        let expected =
            format!("cloverleaf: wamp.error.not_authorized: role \"anonymous\" may not call <{procedure}>");
        assert_eq!(realm.fails(&args), expected);
    }
    let realm = Realm::with(RealmConfig { meta_api: false, ..open() }, Limits::default());
    let failed = realm.fails(&["session", "list"]);
    assert!(failed.starts_with("cloverleaf: wamp.error.no_such_procedure"), "{failed}");
    assert!(failed.ends_with("; this realm does not offer wamp.session.list"), "{failed}");
}

#[test]
fn schemas_are_declared_shown_and_taken_back() {
    let realm = Realm::start();
    let directory = Directory::new();
    let declared = json!({"type": "procedure", "title": "Adds"});
    let add = directory.write("add.json", &format!("{declared}\n"));
    let news = directory.write("news.json", r#"{"type": "topic", "description": "what happens"}"#);
    let define = |uri: &str, file: &str| realm.prints(&["schema", "define", uri, file]);
    assert_eq!(define("com.add", &news), ["com.add: new"]);
    assert_eq!(define("com.add", &add), ["com.add: changed"]);
    assert_eq!(define("com.add", &add), ["com.add: unchanged"]);
    assert_eq!(define("com.news", &news), ["com.news: new"]);
    let yaml =
        directory.write("add.yaml", "# as in the files of the configuration\ntype: procedure\ntitle: Adds\n");
    assert_eq!(define("com.add", &yaml), ["com.add: unchanged"]);
    let expected =
        ["uri       type       title", "com.add   procedure  Adds", "com.news  topic      what happens"];
    assert_eq!(realm.prints(&["schema", "list"]), expected);
    let first = json!({"uri": "com.add", "schema": declared});
    assert_eq!(realm.records(&["schema", "list"])[0], first);
    let shown: Json = serde_json::from_str(&realm.prints(&["schema", "show", "com.add"]).join("\n")).unwrap();
    assert_eq!(shown, declared);
    assert_eq!(realm.records(&["schema", "show", "com.add"]), [declared]);
    assert_eq!(realm.prints(&["schema", "remove", "com.add"]), ["com.add: removed"]);
    let outcome = json!({"uri": "com.add", "outcome": "unchanged"});
    assert_eq!(realm.records(&["schema", "remove", "com.add"]), [outcome]);
    assert_eq!(realm.fails(&["schema", "show", "com.add"]), "cloverleaf: nothing is declared about com.add");
    for (text, complaint) in [("{", "not JSON"), ("[]", "a declaration is a dictionary, not a list")] {
        let file = directory.write("b.json", text);
        let failed = realm.fails(&["schema", "define", "com.new", &file]);
        assert!(failed.starts_with(&format!("cloverleaf: {file}: {complaint}")), "{failed}");
    }
    let file = directory.write("b.yml", "a: [");
    let failed = realm.fails(&["schema", "define", "com.new", &file]);
    assert!(failed.starts_with(&format!("cloverleaf: {file}: not YAML: ")), "{failed}");
    let failed = realm.fails(&["schema", "define", "com.new", "-"]);
    assert!(failed.starts_with("cloverleaf: stdin: not JSON"), "stdin is empty here: {failed}");
}
