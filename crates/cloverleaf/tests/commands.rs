//! The client commands, against the router of the same binary.

mod support;

use std::os::unix::process::ExitStatusExt;

use client::{Arguments, Session};
use serde_json::{Value, json};
use support::{Directory, Router, Running, cloverleaf, cloverleaf_writing_to, text_of};

fn json_of(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn subscribed(router: &Router, args: &[&str]) -> Running {
    let mut all = vec!["subscribe"];
    all.extend(args);
    let running = router.client(&all);
    running.said("subscribed to ");
    running
}

fn registered(router: &Router, args: &[&str]) -> Running {
    let mut all = vec!["register"];
    all.extend(args);
    let running = router.client(&all);
    running.said("registered ");
    running
}

#[test]
fn events_are_printed_with_their_arguments_whatever_the_serializer() {
    let router = Router::start();
    let subscriber = subscribed(&router, &["com.example.news", "--count", "4"]);
    for serializer in ["json", "msgpack", "cbor", "ubjson"] {
        let args = ["com.example.news", "1", "-2", "two", "[3]", "-k", "a=null", "-k", "b=1.5"];
        let mut all = vec!["publish", "--ack", "--serializer", serializer];
        all.extend(args);
        let published = router.client(&all).ended().succeeded();
        let publication = json_of(&published[0])["publication"].clone();
        assert!(publication.is_u64());
        let expected = json!({
            "topic": "com.example.news",
            "publication": publication,
            "args": [1, -2, "two", [3]],
            "kwargs": {"a": null, "b": 1.5},
        });
        assert_eq!(json_of(&subscriber.line()), expected, "{serializer}");
    }
    assert_eq!(subscriber.ended().status.code(), Some(0), "it ends after --count events");
}

#[test]
fn patterns_print_the_topic_that_was_published() {
    let router = Router::start();
    let prefix = subscribed(&router, &["com.example.", "--match", "prefix", "--count", "1"]);
    let wildcard = subscribed(&router, &["com..created", "--match", "wildcard", "--count", "1"]);
    router.client(&["publish", "com.example.created"]).ended().succeeded();
    for subscriber in [prefix, wildcard] {
        assert_eq!(json_of(&subscriber.line())["topic"], "com.example.created");
    }
}

#[test]
fn retained_events_wait_for_their_subscribers() {
    let router = Router::start();
    router.client(&["publish", "com.example.state", "on", "--retain", "--ack"]).ended().succeeded();
    let printed = router.client(&["subscribe", "com.example.state", "--retained", "--count", "1"]).ended();
    let event = json_of(&printed.succeeded()[0]);
    assert_eq!((&event["retained"], &event["args"]), (&json!(true), &json!(["on"])));
}

#[test]
fn echo_answers_with_the_calls_own_arguments() {
    let router = Router::start();
    let callee = registered(&router, &["com.example.echo", "--echo"]);
    let result =
        router.client(&["call", "com.example.echo", "1", "a b", "-k", "c={\"d\":[]}"]).ended().succeeded();
    let arguments = json!({"args": [1, "a b"], "kwargs": {"c": {"d": []}}});
    assert_eq!(json_of(&result[0]), arguments);
    let printed = json_of(&callee.line());
    assert_eq!((&printed["procedure"], &printed["args"]), (&json!("com.example.echo"), &arguments["args"]));
}

#[test]
fn a_shell_command_gets_the_call_and_gives_the_result() {
    let router = Router::start();
    let _count = registered(&router, &["com.example.count", "--command", "wc -l"]);
    let _text = registered(&router, &["com.example.text", "--command", "echo good morning"]);
    let _input = registered(&router, &["com.example.input", "--match", "prefix", "--command", "cat"]);
    let call = |args: &[&str]| json_of(&router.client(args).ended().succeeded()[0]);
    assert_eq!(
        call(&["call", "com.example.count"])["args"],
        json!([0]),
        "the input is one line without an end"
    );
    assert_eq!(call(&["call", "com.example.text"])["args"], json!(["good morning"]));
    let seen = json!([{"procedure": "com.example.input.deep", "args": [1], "kwargs": {"a": 2}}]);
    assert_eq!(call(&["call", "com.example.input.deep", "1", "-k", "a=2"])["args"], seen);
}

#[test]
fn a_command_that_fails_is_an_error_with_what_it_said() {
    let router = Router::start();
    let _says = registered(&router, &["com.example.says", "--command", "echo no luck >&2; exit 3"]);
    let _mute = registered(&router, &["com.example.mute", "--command", "exit 3"]);
    let failed = router.client(&["call", "com.example.says"]).ended().failed();
    assert_eq!(failed, "cloverleaf: wamp.error.runtime_error: no luck");
    let failed = router.client(&["call", "com.example.mute"]).ended().failed();
    assert_eq!(failed, "cloverleaf: wamp.error.runtime_error: the command failed: exit status: 3");
}

// TMO-01
#[test]
fn a_call_that_takes_too_long_is_an_error() {
    let router = Router::start();
    let _slow = registered(&router, &["com.example.slow", "--command", "exec sleep 600"]);
    let failed = router.client(&["call", "com.example.slow", "--timeout", "50"]).ended().failed();
    assert!(failed.starts_with("cloverleaf: wamp.error.timeout"), "{failed}");
}

#[test]
fn progressive_results_are_printed_one_by_one() {
    let router = Router::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let url = router.url("WebSocket");
    let _session = runtime.block_on(async {
        let session = Session::builder(url, "realm1").connect().await.unwrap();
        let handler = |call: client::Invocation| async move {
            for step in 1..=3 {
                if call.progress(Arguments::new().with(step)).await.is_err() {
                    break;
                }
            }
            Ok("done")
        };
        session.register("com.example.steps").handler(handler).await.unwrap();
        session
    });
    let printed = router.client(&["call", "com.example.steps", "--progress"]).ended().succeeded();
    let printed: Vec<Value> = printed.iter().map(|line| json_of(line)).collect();
    let step = |step: u32| json!({"progress": true, "args": [step], "kwargs": {}});
    assert_eq!(printed, [step(1), step(2), step(3), json!({"args": ["done"], "kwargs": {}})]);
    let printed = router.client(&["call", "com.example.steps"]).ended().succeeded();
    assert_eq!(printed.len(), 1, "without --progress there is only the result");
}

#[test]
fn shared_registrations_take_turns() {
    let router = Router::start();
    let share = ["com.example.shared", "--invoke", "roundrobin", "--command"];
    let _one = registered(&router, &[&share[..], &["echo 1"]].concat());
    let _two = registered(&router, &[&share[..], &["echo 2"]].concat());
    let call =
        || json_of(&router.client(&["call", "com.example.shared"]).ended().succeeded()[0])["args"][0].clone();
    let mut answers = [call(), call(), call(), call()].map(|answer| answer.as_u64().unwrap());
    answers.sort_unstable();
    assert_eq!(answers, [1, 1, 2, 2]);
}

#[test]
fn errors_are_one_sentence_with_the_uri() {
    let router = Router::start();
    let failed = router.client(&["call", "com.example.nothing"]).ended().failed();
    assert!(failed.starts_with("cloverleaf: wamp.error.no_such_procedure: "), "{failed}");
    for args in [&["publish", "com..empty", "--ack"][..], &["publish", "com..empty"]] {
        let failed = router.client(args).ended().failed();
        assert!(failed.starts_with("cloverleaf: wamp.error.invalid_uri"), "{failed}");
    }
    let _first = registered(&router, &["com.example.single", "--echo"]);
    let failed = router.client(&["register", "com.example.single", "--echo"]).ended().failed();
    assert!(failed.starts_with("cloverleaf: wamp.error.procedure_already_exists"), "{failed}");
}

#[test]
fn a_router_that_is_not_there_is_an_error() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{address}/ws");
    let failed = cloverleaf(&["call", "com.a", "--url", &url]).ended().failed();
    assert!(failed.starts_with(&format!("cloverleaf: {url}: ")), "{failed}");
    let failed = cloverleaf(&["call", "com.a", "--url", "http://127.0.0.1/"]).ended().failed();
    assert!(failed.contains("unknown scheme `http`"), "{failed}");
    let failed = cloverleaf(&["call", "com.a", "--url", "localhost:8080"]).ended().failed();
    assert!(failed.contains("should begin with ws:// or rs://"), "{failed}");
}

#[test]
fn a_signal_ends_subscribers_and_callees_in_order() {
    let router = Router::start();
    let subscriber = subscribed(&router, &["com.example.a"]);
    subscriber.signal("INT");
    assert_eq!(subscriber.ended().status.code(), Some(0));
    let callee = registered(&router, &["com.example.b", "--echo"]);
    callee.signal("TERM");
    assert_eq!(callee.ended().status.code(), Some(0));
    let failed = router.client(&["call", "com.example.b"]).ended().failed();
    assert!(failed.contains("wamp.error.no_such_procedure"), "it is gone: {failed}");
}

#[test]
fn a_hangup_ends_client_commands_as_it_ends_any_program() {
    let router = Router::start();
    let subscriber = subscribed(&router, &["com.example.a"]);
    subscriber.signal("HUP");
    assert_eq!(subscriber.ended().status.signal(), Some(1));
}

#[test]
fn a_subscriber_whose_router_ends_says_why() {
    let router = Router::start();
    let subscriber = subscribed(&router, &["com.example.a"]);
    router.process.signal("TERM");
    let ended = subscriber.ended();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.iter().any(|line| line.contains("wamp.close.system_shutdown")), "{ended:?}");
}

#[test]
fn commands_speak_every_transport() {
    let directory = Directory::new();
    let socket = text_of(&directory.path("router.sock"));
    let unix = format!("unix:{socket}");
    let router = Router::with(&["--listen", "127.0.0.1:0", "--listen", &unix]);
    let _callee = registered(&router, &["com.example.echo", "--echo"]);
    let url = format!("unix://{socket}");
    for url in [router.url("WebSocket"), router.url("RawSocket"), url] {
        for serializer in ["json", "msgpack", "cbor", "ubjson"] {
            let args = ["call", "com.example.echo", "1", "--url", &url, "--serializer", serializer];
            let result = cloverleaf(&args).ended().succeeded();
            assert_eq!(json_of(&result[0])["args"], json!([1]), "{url} {serializer}");
        }
    }
}

/// A result of some MiB comes through the pipe and both connections.
#[test]
fn large_results_are_whole() {
    let router = Router::start();
    let _callee =
        registered(&router, &["com.example.large", "--command", "head -c 3000000 /dev/zero | tr '\\0' x"]);
    let result = router.client(&["call", "com.example.large"]).ended().succeeded();
    assert_eq!(json_of(&result[0])["args"][0].as_str().map(str::len), Some(3_000_000));
}

#[test]
fn what_nobody_reads_is_nothing_to_complain_about() {
    let router = Router::start();
    let count = ["session", "count", "--url", &router.url("WebSocket")];
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ended = cloverleaf_writing_to(writer.into(), &count).ended();
    assert_eq!((ended.status.code(), ended.stderr.is_empty()), (Some(1), true), "{ended:?}");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let failed = cloverleaf_writing_to(full.into(), &count).ended().failed();
    assert!(failed.starts_with("cloverleaf: can't write to stdout: No space left"), "{failed}");
}
