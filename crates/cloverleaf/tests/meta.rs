//! The commands that look into a router, against a realm whose meta API is played by the test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::result_large_err, reason = "it is what procedures of the client answer with")]

mod support;

use client::Arguments;
use serde_json::{Value as Json, json};
use support::Directory;
use support::realm::{Realm, json_value, value};
use support::terminal::Terminal;
use wamp::{Serializer, Value};

fn details(id: u64, authid: &str) -> Json {
    json!({
        "realm": "realm1", "session": id, "authid": authid, "authrole": "user", "authmethod": "ticket",
        "transport": {
            "channel_framing": "websocket", "channel_serializer": "json", "peer": "tcp4:127.0.0.1:5000",
            "channel_id": {},
        },
    })
}

fn with_sessions() -> Realm {
    let realm = Realm::start();
    realm.says("wamp.session.list", json!([11, 12, 13])).says("wamp.session.count", json!(3)).knows(
        "wamp.session.get",
        "wamp.error.no_such_session",
        &[(11, details(11, "ann")), (13, details(13, "böb"))],
    );
    realm
}

#[test]
fn sessions_are_listed_without_those_that_left_meanwhile() {
    let realm = with_sessions();
    let expected = [
        "session  authid  authrole  authmethod  transport       peer",
        "11       ann     user      ticket      websocket/json  tcp4:127.0.0.1:5000",
        "13       böb     user      ticket      websocket/json  tcp4:127.0.0.1:5000",
    ];
    assert_eq!(realm.prints(&["session", "list"]), expected);
    assert_eq!(realm.records(&["session", "list"]), [details(11, "ann"), details(13, "böb")]);
    assert_eq!(realm.last_asked("wamp.session.list"), json!([[], {}]));
    assert_eq!(
        realm.prints(&["session", "list", "--ids", "--authrole", "a", "--authrole", "b"]),
        ["11", "12", "13"]
    );
    assert_eq!(realm.last_asked("wamp.session.list"), json!([[], {"filter_authroles": ["a", "b"]}]));
}

#[test]
fn a_session_is_shown_with_all_that_is_told_about_it() {
    let realm = with_sessions();
    let shown = realm.prints(&["session", "get", "11"]);
    for line in [
        "authid      ann",
        "transport",
        "  peer                tcp4:127.0.0.1:5000",
        "  channel_id          {}",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line:?} is not in {shown:#?}");
    }
    assert_eq!(realm.records(&["session", "get", "11"]), [details(11, "ann")]);
    assert_eq!(
        realm.fails(&["session", "get", "12"]),
        "cloverleaf: wamp.error.no_such_session: it is not there"
    );
    assert_eq!(realm.prints(&["session", "count"]), ["3"]);
    realm.prints(&["session", "count", "--authrole", "a"]);
    assert_eq!(realm.last_asked("wamp.session.count"), json!([[], {"filter_authroles": ["a"]}]));
}

#[test]
fn sessions_are_ended_by_id_authid_authrole_or_all_of_them() {
    let realm = Realm::start();
    realm
        .answers("wamp.session.kill", |_| Ok(Arguments::new()))
        .says("wamp.session.kill_by_authid", json!([5, 6]))
        .says("wamp.session.kill_by_authrole", json!(1))
        .says("wamp.session.kill_all", json!(7));
    let told = ["--reason", "com.example.bye", "--message", "go home"];
    let kill = |args: &[&str]| realm.prints(&[&["session", "kill"], args, &told].concat());
    let options = json!({"reason": "com.example.bye", "message": "go home"});
    assert_eq!(kill(&["4"]), ["ended 1 session: 4"]);
    assert_eq!(realm.last_asked("wamp.session.kill"), json!([[4], options]));
    assert_eq!(kill(&["--authid", "ann"]), ["ended 2 sessions: 5, 6"]);
    assert_eq!(realm.last_asked("wamp.session.kill_by_authid"), json!([["ann"], options]));
    assert_eq!(kill(&["--authrole", "user"]), ["ended 1 session"]);
    assert_eq!(realm.last_asked("wamp.session.kill_by_authrole"), json!([["user"], options]));
    assert_eq!(kill(&["--all"]), ["ended 7 sessions"], "where nobody is at the terminal nobody is asked");
    assert_eq!(realm.last_asked("wamp.session.kill_all"), json!([[], options]));
    let killed = json!({"killed": 2, "sessions": [5, 6]});
    assert_eq!(realm.records(&["session", "kill", "--authid", "ann"]), [killed]);
    let unclear = realm.command(&["session", "kill"]).ended();
    assert_eq!(unclear.status.code(), Some(2), "one of them has to be said: {unclear:?}");
    let unclear = realm.command(&["session", "kill", "4", "--all"]).ended();
    assert_eq!(unclear.status.code(), Some(2), "only one of them can be said: {unclear:?}");
}

#[test]
fn whether_all_are_meant_is_asked_at_a_terminal() {
    let realm = Realm::start();
    realm.says("wamp.session.kill_all", json!(7));
    let kill = |more: &[&str]| {
        Terminal::start(&[&["session", "kill", "--all", "--url", realm.url()], more].concat())
    };
    let mut asked = kill(&[]);
    asked.shows("end all sessions of realm1 but this one? [y/N] ");
    asked.types("\r");
    assert_eq!(asked.ended(), Some(1));
    assert!(asked.seen().contains("cloverleaf: nobody was ended"), "{}", asked.seen());
    let mut asked = kill(&[]);
    asked.shows("[y/N] ");
    asked.types("y\r");
    assert_eq!(asked.ended(), Some(0));
    assert!(asked.seen().contains("ended 7 sessions"), "{}", asked.seen());
    let mut sure = kill(&["--yes"]);
    assert_eq!(sure.ended(), Some(0));
    assert!(!sure.seen().contains("[y/N]"), "{}", sure.seen());
}

fn subscription(id: u64, uri: &str, policy: &str) -> Json {
    json!({"id": id, "created": "2026-01-04T12:03:56.123Z", "uri": uri, "match": policy})
}

fn with_entries() -> Realm {
    let realm = Realm::start();
    let known = [(21, subscription(21, "com.a", "exact")), (23, subscription(23, "com.", "prefix"))];
    realm
        .says("wamp.subscription.list", json!({"exact": [21, 22], "prefix": [23], "wildcard": []}))
        .knows("wamp.subscription.get", "wamp.error.no_such_subscription", &known)
        .knows(
            "wamp.subscription.count_subscribers",
            "wamp.error.no_such_subscription",
            &[(21, json!(2)), (23, json!(10))],
        )
        .knows(
            "wamp.subscription.list_subscribers",
            "wamp.error.no_such_subscription",
            &[(21, json!([7, 8]))],
        )
        .answers("wamp.subscription.match", |call| {
            let ids = if call.arg::<String>(0)? == "com.b" { json!([23]) } else { Json::Null };
            Ok(value(&ids).into())
        })
        .answers("wamp.subscription.lookup", |call| {
            let is_known = json_value(&call.args()[1]) == json!({"match": "prefix"});
            Ok(value(&if is_known { json!(23) } else { Json::Null }).into())
        })
        .answers("wamp.subscription.remove_subscriber", |_| Ok(Arguments::new()));
    realm
}

#[test]
fn subscriptions_are_listed_and_looked_up() {
    let realm = with_entries();
    let expected = [
        "id  match   uri    subscribers  created",
        "21  exact   com.a            2  2026-01-04T12:03:56.123Z",
        "23  prefix  com.            10  2026-01-04T12:03:56.123Z",
    ];
    assert_eq!(realm.prints(&["subscription", "list"]), expected);
    assert_eq!(realm.last_asked("wamp.subscription.list"), json!([[], {}]));
    let records = realm.records(&["subscription", "list", "--session", "7"]);
    assert_eq!(realm.last_asked("wamp.subscription.list"), json!([[7], {}]));
    let mut first = subscription(21, "com.a", "exact");
    first["subscribers"] = json!(2);
    assert_eq!(records[0], first);
    let matching = realm.records(&["subscription", "match", "com.b"]);
    assert_eq!(matching, records[1..], "details are those of the list");
    assert_eq!(realm.fails(&["subscription", "match", "org"]), "cloverleaf: no subscription matches org");
    assert_eq!(realm.prints(&["subscription", "lookup", "com.", "--match", "prefix"]), ["23"]);
    let failed = realm.fails(&["subscription", "lookup", "com."]);
    assert_eq!(failed, "cloverleaf: there is no subscription at com. (match exact)");
    assert_eq!(realm.records(&["subscription", "get", "21"]), [subscription(21, "com.a", "exact")]);
    let shown = realm.prints(&["subscription", "get", "23"]);
    assert!(shown.contains(&"uri      com.".to_owned()), "{shown:?}");
    assert_eq!(realm.prints(&["subscription", "subscribers", "21"]), ["7", "8"]);
    let failed = realm.fails(&["subscription", "subscribers", "99"]);
    assert_eq!(failed, "cloverleaf: wamp.error.no_such_subscription: it is not there");
    let removed = realm.prints(&["subscription", "remove", "21", "7", "--reason", "com.example.off"]);
    assert_eq!(removed, ["session 7 is not at subscription 21 any more"]);
    let asked = realm.last_asked("wamp.subscription.remove_subscriber");
    assert_eq!(asked, json!([[21, 7], {"reason": "com.example.off"}]));
}

#[test]
fn registrations_are_listed_and_looked_up() {
    let realm = Realm::start();
    let known = json!({"id": 31, "created": "2026-01-04T12:03:56.123Z", "uri": "com.add", "match": "exact", "invoke": "roundrobin"});
    realm
        .says("wamp.registration.list", json!({"exact": [31], "prefix": [], "wildcard": []}))
        .knows("wamp.registration.get", "wamp.error.no_such_registration", &[(31, known.clone())])
        .says("wamp.registration.count_callees", json!(3))
        .says("wamp.registration.list_callees", json!([7, 8, 9]))
        .says("wamp.registration.match", json!(31))
        .says("wamp.registration.lookup", json!(31))
        .says("wamp.registration.remove_callee", Json::Null);
    let expected = [
        "id  match  invoke      uri      callees  created",
        "31  exact  roundrobin  com.add        3  2026-01-04T12:03:56.123Z",
    ];
    assert_eq!(realm.prints(&["registration", "list"]), expected);
    assert_eq!(realm.prints(&["registration", "match", "com.add"]), expected);
    assert_eq!(realm.prints(&["registration", "lookup", "com.add"]), ["31"]);
    assert_eq!(realm.records(&["registration", "get", "31"]), [known]);
    assert_eq!(realm.prints(&["registration", "callees", "31"]), ["7", "8", "9"]);
    let removed = json!({"registration": 31, "session": 7});
    assert_eq!(realm.records(&["registration", "remove", "31", "7"]), [removed]);
    assert_eq!(realm.last_asked("wamp.registration.remove_callee"), json!([[31, 7], {}]));
}

#[test]
fn a_record_that_may_not_be_looked_at_keeps_its_id() {
    let realm = Realm::start();
    realm
        .says("wamp.subscription.list", json!({"exact": [21, 22]}))
        .knows(
            "wamp.subscription.get",
            "wamp.error.not_authorized",
            &[(21, subscription(21, "com.a", "exact"))],
        )
        .says("wamp.subscription.count_subscribers", json!(1));
    let listed = realm.prints(&["subscription", "list"]);
    assert_eq!(listed[2], "22  -      -                -  -");
}

#[test]
fn what_may_not_be_called_or_is_not_there_is_said_in_one_line() {
    let realm = Realm::start();
    realm.says("wamp.subscription.list", json!({"exact": [21, 22]}));
    realm.knows("wamp.subscription.get", "wamp.error.not_authorized", &[]);
    realm.says("wamp.subscription.count_subscribers", json!(1));
    let expected = "cloverleaf: wamp.error.not_authorized: it is not there; the authrole \"anonymous\" needs the permission to \
                    call wamp.subscription.get";
    assert_eq!(realm.fails(&["subscription", "list"]), expected);
    let failed = realm.fails(&["session", "list"]);
    assert!(failed.starts_with("cloverleaf: wamp.error.no_such_procedure"), "{failed}");
    assert!(failed.ends_with("; this realm does not offer wamp.session.list"), "{failed}");
    realm.says("wamp.session.count", json!("many"));
    let expected = "cloverleaf: wamp.session.count answered with text where a number is expected";
    assert_eq!(realm.fails(&["session", "count"]), expected);
}

#[test]
fn schemas_are_declared_shown_and_taken_back() {
    let realm = Realm::start();
    let declared =
        r#"{"com.add": {"type": "procedure", "description": "adds"}, "com.news": {"type": "topic"}}"#;
    let all = Value::decode(Serializer::Json, declared.as_bytes()).unwrap();
    let declared = json_value(&all);
    realm.answers("wamp.schema.describe", move |call| {
        let Some(uri) = call.args().first().and_then(Value::as_str) else { return Ok(all.clone().into()) };
        Ok(all.as_dict().unwrap().get(uri).cloned().unwrap_or_default().into())
    });
    realm.answers("wamp.schema.define", |call| {
        Ok(match (call.arg::<String>(0)?.as_str(), call.args()[1].is_null()) {
            ("com.new", false) => true.into(),
            ("com.add", _) => false.into(),
            _ => Value::Null.into(),
        })
    });
    let expected = ["uri       type       title", "com.add   procedure  adds", "com.news  topic      -"];
    assert_eq!(realm.prints(&["schema", "list"]), expected);
    let first = json!({"uri": "com.add", "schema": declared["com.add"]});
    assert_eq!(realm.records(&["schema", "list"])[0], first);
    let shown = realm.prints(&["schema", "show", "com.add"]);
    assert_eq!(
        shown,
        ["{", "  \"type\": \"procedure\",", "  \"description\": \"adds\"", "}"],
        "in the order declared"
    );
    assert_eq!(realm.records(&["schema", "show", "com.add"]), [declared["com.add"].clone()]);
    assert_eq!(realm.fails(&["schema", "show", "com.c"]), "cloverleaf: nothing is declared about com.c");

    let directory = Directory::new();
    let file = directory.write("a.json", "{\"type\": \"topic\"}\n");
    assert_eq!(realm.prints(&["schema", "define", "com.new", &file]), ["com.new: new"]);
    assert_eq!(realm.last_asked("wamp.schema.define"), json!([["com.new", {"type": "topic"}], {}]));
    assert_eq!(realm.prints(&["schema", "define", "com.add", &file]), ["com.add: changed"]);
    assert_eq!(realm.prints(&["schema", "define", "com.same", &file]), ["com.same: unchanged"]);
    assert_eq!(realm.prints(&["schema", "remove", "com.add"]), ["com.add: removed"]);
    assert_eq!(realm.last_asked("wamp.schema.define"), json!([["com.add", null], {}]));
    let outcome = json!({"uri": "com.none", "outcome": "unchanged"});
    assert_eq!(realm.records(&["schema", "remove", "com.none"]), [outcome]);
    for (text, complaint) in [("{", "not JSON"), ("[]", "a declaration is a dictionary, not a list")] {
        let file = directory.write("b.json", text);
        let failed = realm.fails(&["schema", "define", "com.new", &file]);
        assert!(failed.starts_with(&format!("cloverleaf: {file}: {complaint}")), "{failed}");
    }
    let failed = realm.fails(&["schema", "define", "com.new", "-"]);
    assert!(failed.starts_with("cloverleaf: stdin: not JSON"), "stdin is empty here: {failed}");
}

/// A history of events 1 to 3, which answers as a router does.
fn with_history(answer: impl Fn(Vec<Value>) -> Arguments + Send + Sync + 'static) -> Realm {
    let realm = Realm::start();
    realm.answers("wamp.subscription.lookup", |call| {
        Ok(if call.arg::<String>(0)? == "com.none" { Value::Null.into() } else { Arguments::from(21) })
    });
    realm.answers("wamp.subscription.get_events", move |call| {
        let event = |publication: u64| {
            value(&json!({
                "timestamp": format!("2026-01-04T12:00:0{publication}.000Z"), "subscription": 21,
                "publication": publication, "details": {"topic": "com.a.b"},
                "args": ["x".repeat(90), publication], "kwargs": {"k": null},
            }))
        };
        let mut events: Vec<Value> = (1..=3).map(event).collect();
        if call.kwarg::<bool>("reverse").unwrap_or_default() {
            events.reverse();
        }
        events.truncate(call.kwarg("limit")?);
        Ok(answer(events))
    });
    realm
}

#[test]
fn history_shows_the_newest_events_the_oldest_first() {
    let realm = with_history(|events| events.into_iter().collect());
    let publications = |args: &[&str]| -> Vec<u64> {
        let records = realm.records(&[&["history", "com.a"], args].concat());
        records.iter().map(|record| record["publication"].as_u64().unwrap()).collect()
    };
    assert_eq!(publications(&[]), [1, 2, 3]);
    let asked = realm.last_asked("wamp.subscription.get_events");
    assert_eq!(asked, json!([[21], {"limit": 20, "reverse": true}]));
    assert_eq!(realm.last_asked("wamp.subscription.lookup"), json!([["com.a", {"match": "exact"}], {}]));
    assert_eq!(publications(&["--limit", "2"]), [2, 3]);
    assert_eq!(publications(&["--limit", "2", "--reverse"]), [3, 2]);
    assert_eq!(publications(&["--limit", "1"]), [3], "one event is no list of events");
    assert_eq!(publications(&["--limit", "2", "--from-time", "2026-01-04T12:00:00Z"]), [1, 2]);
    let bounds = [
        "--after-time",
        "a",
        "--before-time",
        "b",
        "--until-time",
        "c",
        "--from-publication",
        "1",
        "--after-publication",
        "2",
        "--before-publication",
        "3",
        "--until-publication",
        "4",
        "--topic",
        "com.a.b",
    ];
    publications(&bounds);
    let expected = json!({
        "limit": 20, "after_time": "a", "before_time": "b", "until_time": "c", "from_publication": 1,
        "after_publication": 2, "before_publication": 3, "until_publication": 4, "topic": "com.a.b",
    });
    assert_eq!(realm.last_asked("wamp.subscription.get_events"), json!([[21], expected]));
    let failed = realm.fails(&["history", "com.none"]);
    assert_eq!(
        failed,
        "cloverleaf: there is no subscription to com.none (match exact), and so no history of it; the history of a \
         pattern takes --match prefix or wildcard"
    );
}

#[test]
fn history_is_a_table_which_a_pipe_gets_whole() {
    let realm = with_history(|events| events.into_iter().collect());
    let args = format!("[\"{}\",1]", "x".repeat(90));
    let printed = realm.prints(&["history", "com.a"]);
    let padding = " ".repeat(args.len());
    assert_eq!(printed[0], format!("timestamp                 publication  args{}  kwargs", &padding[4..]));
    assert_eq!(printed[1], format!("2026-01-04T12:00:01.000Z  1            {args}  {{\"k\":null}}"));
    let printed = realm.prints(&["history", "com.", "--match", "prefix"]);
    assert!(printed[3].contains("  com.a.b  [\"xxx"), "patterns show the topic: {printed:?}");
    let mut terminal = Terminal::start(&["history", "com.a", "--url", realm.url()]);
    assert_eq!(terminal.ended(), Some(0));
    let line = terminal.seen().lines().find(|line| line.starts_with("2026")).unwrap();
    assert!(
        line.chars().count() == 100 && line.ends_with("…  {\"k\":null}"),
        "a terminal gets what fits: {line:?}"
    );
}

#[test]
fn a_history_that_the_router_cut_off_is_said_to_be() {
    let realm = with_history(|events| {
        events.into_iter().collect::<Arguments>().with_keyword("is_limit_reached", true)
    });
    let ended = realm.command(&["history", "com.a", "--limit", "100", "--json"]).ended();
    assert_eq!(ended.stderr, ["these are as many events as the router gives at once; there may be more"]);
    assert_eq!(ended.succeeded().len(), 3);
}

#[test]
fn crossbars_history_is_one_list_with_the_newest_event_first() {
    let newest_first = |mut events: Vec<Value>| {
        events.sort_by_key(|event| {
            std::cmp::Reverse(event.as_dict().unwrap().get("publication").unwrap().as_u64())
        });
        Arguments::from(Value::List(events))
    };
    let realm = with_history(newest_first);
    let publications = |args: &[&str]| -> Vec<Json> {
        let records = realm.records(&[&["history", "com.a"], args].concat());
        records.iter().map(|record| record["publication"].clone()).collect()
    };
    assert_eq!(publications(&[]), [1, 2, 3]);
    assert_eq!(publications(&["--reverse"]), [3, 2, 1]);
}

#[test]
fn what_keeps_no_history_says_so() {
    let realm = Realm::start();
    realm.says("wamp.subscription.lookup", json!(21));
    realm.knows("wamp.subscription.get_events", "wamp.error.history_unavailable", &[]);
    let expected = "cloverleaf: wamp.error.history_unavailable: it is not there; the realm keeps no history of this topic";
    assert_eq!(realm.fails(&["history", "com.a"]), expected);
}
