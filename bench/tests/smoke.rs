//! The program from outside: every kind of load against the floor and, where `CLOVERLEAF_BIN` names one, a router.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloverleaf-bench")).args(arguments).output().expect("it can be started")
}

fn lines(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn every_kind_of_load_comes_back_whole_and_in_order() {
    let records = lines(&bench(&["smoke"]));
    for kind in [
        "pubsub 2x3 32B rawsocket+msgpack",
        "pubsub 2x3 1KiB websocket+json+deflate+tls",
        "mixed 2x3 1KiB rawsocket+msgpack",
        "rpc 2x3 depth 4 32B websocket+json+tls",
        "idle 40 websocket+json",
        "subs 300 prefix changes 200 32B rawsocket+msgpack",
        "subs 200 shared 32B rawsocket+msgpack",
        "churn 2x3 at 100 32B rawsocket+msgpack",
        "start rawsocket+msgpack",
    ] {
        let found = records.iter().find(|record| record.contains(kind));
        assert!(found.is_some_and(|record| record.contains(r#""contender":"floor""#)), "{records:?}");
    }
    let is_router = |record: &&String| record.contains(r#""contender":"router""#);
    let routers = records.iter().filter(is_router).count();
    // The floor takes no part in one of the cases.
    let expected = if std::env::var_os("CLOVERLEAF_BIN").is_some() { records.len() - routers + 1 } else { 0 };
    assert_eq!(routers, expected);
    for (kind, figure) in
        [("rate 2x3", "late_p99_us"), ("flood 1x2", r#""lost_events":0.0"#), ("quiet 1x2", "call_p99_ratio")]
    {
        let found = records.iter().find(|record| record.contains(kind));
        assert!(found.is_some_and(|record| record.contains(figure)), "{records:?}");
    }
}

#[test]
fn a_run_prints_a_record_per_round_and_a_table() {
    let output = bench(&["run", "rpc 1x1", "--seconds", "0.05", "--warm-up", "0", "--rounds", "2"]);
    assert_eq!(lines(&output).len(), 2);
    let table = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(table.contains("| rpc 1x1 depth 1 32B rawsocket+msgpack | floor |"), "{table}");
}

#[test]
fn a_target_on_another_machine_is_refused() {
    let output = bench(&["run", "--url", "rs://192.0.2.1:8080"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}

#[test]
fn the_meta_api_of_a_small_crowd_answers_what_was_set_up() {
    let size = ["--sessions=201", "--registrations=30", "--victims=4", "--subscriptions-per-victim=41"];
    let arguments = [&["meta"], &size[..], &["--seconds=0.05", "--rounds=2"]].concat();
    let phases = lines(&bench(&arguments));
    for name in ["(nothing)", "wamp.session.list", "wamp.subscription.match", "session.kill, watched"] {
        let is_it = |phase: &&String| phase.contains(&format!(r#""phase":"{name}""#));
        assert_eq!(phases.iter().filter(is_it).count(), 2, "{name}");
    }
}

#[test]
fn a_history_is_written_and_read_in_order() {
    let output = bench(&["history", "--events=3000", "--published=2000", "--seconds=0.05", "--rounds=1"]);
    assert_eq!(lines(&output).len(), 7);
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(report.contains("published and stored: 2000 events of 32B"), "{report}");
    assert!(report.contains("| get_events: the 10 newest |"), "{report}");
}

#[test]
fn records_of_earlier_runs_make_the_tables_and_the_picture() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (records, picture) = (folder.join("records.jsonl"), folder.join("picture.svg"));
    let run = bench(&["run", "pubsub 1x1", "--seconds=0.05", "--warm-up=0", "--rounds=1"]);
    let line = lines(&run).concat();
    // In so short a time the floor may have used no tick of the processor.
    let (head, cost) = line.split_once(r#""cpu_seconds_per_million":"#).expect("its pid is known");
    let (_, tail) = cost.split_once(',').expect("there is more");
    fs::write(&records, format!("{head}\"cpu_seconds_per_million\":0.25,{tail}")).expect("it can be written");
    let records = records.to_str().expect("a path in UTF-8");
    let tables = lines(&bench(&["report", records]));
    for row in
        ["| one publisher, one subscriber | pubsub 1x1 |", "| pubsub 1x1 32B rawsocket+msgpack | floor |"]
    {
        assert!(tables.iter().any(|line| line.starts_with(row)), "{tables:?}");
    }
    lines(&bench(&["picture", records, "--out", picture.to_str().expect("a path in UTF-8")]));
    assert!(fs::read_to_string(picture).expect("it was drawn").contains("pubsub 1x1"));
}

#[test]
fn polls_are_measured_under_cases_and_bursts() {
    let loads = ["pubsub 2x3", "rpc 2x3 depth 4 websocket+json", "transcoding", "subscribe"];
    let output = bench(&[&["polls"], &loads[..], &["--seconds=0.05", "--rounds=1"]].concat());
    let records = lines(&output);
    for (load, record) in loads.iter().zip(&records) {
        assert!(record.contains(&format!(r#""case":"polls {load}""#)), "{record}");
        assert!(record.contains(r#""poll_cpu_ms_max":"#), "{record}");
    }
    assert_eq!(records.len(), loads.len());
}

#[test]
fn two_workers_are_compared_to_one() {
    let records = lines(&bench(&["workers", "--seconds=0.05", "--warm-up=0", "--rounds=1"]));
    for (load, record) in ["workers pubsub 10x10", "workers rpc 10x10"].into_iter().zip(&records) {
        assert!(record.contains(load) && record.contains(r#""rate_of_two_to_one":"#), "{record}");
    }
    assert_eq!(records.len(), 2);
}
