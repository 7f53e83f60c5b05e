//! What config files say of stores, schemas and the meta API, and what is wrong with bad ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cloverleaf::config::{Config, ConfigFormat, Loaded, StoreConfig};
use router::config::HistoryConfig;
use wamp::MatchPolicy;

fn parse(text: &str) -> Result<Loaded, String> {
    let file = Path::new("/etc/wamp/node.yaml");
    Config::parse(text, ConfigFormat::Yaml, file, &|_| None).map_err(|error| error.to_string())
}

fn loaded(text: &str) -> Loaded {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn problem(text: &str) -> String {
    let error = parse(text).map(|loaded| loaded.config).expect_err("a problem");
    error.strip_prefix("/etc/wamp/node.yaml:").map(str::to_owned).unwrap_or(error)
}

/// A realm `a` in its file: what is below it begins in line 4.
fn realm(rest: &str) -> String {
    format!("realms:\n  - name: a\n    roles: [{{name: anonymous}}]\n{rest}")
}

#[test]
fn a_realm_keeps_history_in_a_file_of_its_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/history.yaml");
    let Loaded { config, .. } = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let worker = &config.workers[0];
    let directory = path.parent().expect("a directory");
    let [plant, office] = worker.router.realms.as_slice() else { panic!("{worker:?}") };
    let store = worker.stores.get("plant").expect("it is in a file");
    let expected = StoreConfig {
        flush_interval: Duration::from_millis(500),
        pending_events_max: 50_000,
        ..StoreConfig::new(directory.join("plant.redb"))
    };
    assert_eq!(*store, expected);
    let histories = [
        HistoryConfig { events_max: 1000, ..HistoryConfig::new("sensor.alarm", MatchPolicy::Exact) },
        HistoryConfig {
            events_max: 100_000,
            bytes_max: 256 << 20,
            age_max: Some(Duration::from_secs(7 * 24 * 3600)),
            ..HistoryConfig::new("sensor.", MatchPolicy::Prefix)
        },
    ];
    assert_eq!(plant.history, histories);
    let [schemas] = plant.schemas.as_slice() else { panic!("{plant:?}") };
    assert_eq!(schemas.name, "schemas/sensors.yaml");
    let declarations: serde_json::Value = serde_json::from_str(&schemas.text).expect("it is JSON");
    assert_eq!(declarations["sensor.alarm"]["type"], "topic");
    let validated = plant.roles[0].permissions.iter().map(|rule| rule.validate).collect::<Vec<_>>();
    assert_eq!(validated, [true, false]);
    assert!(plant.meta_api && !plant.show_secrets);

    assert!(!worker.stores.contains_key("office"), "it is in memory");
    assert_eq!(office.history, [HistoryConfig::new("news", MatchPolicy::Exact)]);
    assert_eq!(worker.router.limits.history_events_max, 1000);
}

#[test]
fn a_crossbar_store_becomes_one_of_ours() {
    let text = realm(
        r#"    store:
      type: memory
      limit: 1000
      event-history: [{uri: a.b, match: exact, limit: 10000}, {uri: a.c}]
      call-queue: [{uri: a.d, match: exact, limit: 1000}]
"#,
    );
    let Loaded { config, notes } = loaded(&text);
    let worker = &config.workers[0];
    assert!(worker.stores.is_empty());
    let limits: Vec<u64> = worker.router.realms[0].history.iter().map(|history| history.events_max).collect();
    assert_eq!(limits, [10_000, 1000]);
    let reason = "calls that wait are bounded by `queued_calls_max` of the limits";
    assert_eq!(notes, [format!("line 8: realms[0].store.call-queue has no effect: {reason}")]);

    let text = realm(
        r#"    store:
      {type: cfxdb, path: events, maxsize: 1073741824, sync: false, max-buffer: 1000, buffer-flush: 50,
       event-history: [{uri: a., match: prefix}]}
"#,
    );
    let Loaded { config, notes } = loaded(&text);
    let worker = &config.workers[0];
    let expected = StoreConfig {
        flush_interval: Duration::from_millis(50),
        sync: false,
        ..StoreConfig::new("/etc/wamp/events/cloverleaf.redb")
    };
    assert_eq!(worker.stores.get("a"), Some(&expected));
    assert_eq!(worker.router.realms[0].history, [HistoryConfig::new("a.", MatchPolicy::Prefix)]);
    let [maxsize, buffer, unread] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(maxsize.starts_with("line 5: realms[0].store.maxsize has no effect: "), "{maxsize}");
    assert!(buffer.starts_with("line 5: realms[0].store.max-buffer has no effect: "), "{buffer}");
    assert_eq!(
        unread,
        "line 4: realms[0].store: a Crossbar.io database is not read; this realm starts with its own file, \
         events/cloverleaf.redb"
    );
}

#[test]
fn stores_that_can_not_be_say_why() {
    let history =
        |entries: &str| realm(&format!("    store:\n      type: memory\n      event-history: [{entries}]\n"));
    let cases = [
        (
            realm("    store: {limit: 10}\n"),
            "4: realms[0].store: \"type\" is missing; expected `memory`, `redb` or `cfxdb`",
        ),
        (
            realm("    store: {type: lmdb}\n"),
            "4: realms[0].store.type: expected `memory`, `redb` or `cfxdb`, found \"lmdb\"",
        ),
        (realm("    store: {type: redb}\n"), "4: realms[0].store: \"path\" is missing; expected text"),
        (
            realm("    store: {type: redb, path: \"\"}\n"),
            "4: realms[0].store.path: expected a path, found \"\"",
        ),
        (
            realm("    store: {type: memory, path: x}\n"),
            "4: realms[0].store.path: unknown key; accepted here: type, limit, event-history",
        ),
        (
            realm("    store: {type: memory, limit: 0}\n"),
            "4: realms[0].store.limit: expected an integer from 1, found 0",
        ),
        (
            realm("    store: {type: cfxdb, path: x, readonly: true}\n"),
            "4: realms[0].store.readonly: not supported: true; expected `false`, since a store is there to be written",
        ),
        (history("{match: exact}"), "6: realms[0].store.event-history[0]: \"uri\" is missing; expected text"),
        (
            history("{uri: a..b}"),
            "6: realms[0].store.event-history[0].uri: expected a URI: components between dots, none of them empty, \
             without white space and `#`, found \"a..b\"",
        ),
        (
            history("{uri: a.*}"),
            "6: realms[0].store.event-history[0].uri: stars have no meaning here: a `match` of `prefix` or `wildcard` \
             makes it a pattern, found \"a.*\"",
        ),
        (
            history("{uri: a, limit: 0}"),
            "6: realms[0].store.event-history[0].limit: expected an integer from 1, found 0",
        ),
        (
            history("{uri: a}, {uri: a, match: prefix}, {uri: a, match: exact}"),
            "6: realms[0].store.event-history[2]: the event history of \"a (exact)\" is there already, as \
             realms[0].store.event-history[0]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(&text), expected, "{text}");
    }
}

#[test]
fn two_realms_do_not_share_a_file() {
    let worker = |name: &str, store: &str| {
        format!("  - type: router\n    realms: [{{name: {name}, roles: [{{name: r}}], store: {store}}}]\n")
    };
    let both = |one: &str, other: &str| format!("workers:\n{}{}", worker("a", one), worker("b", other));
    let file = "{type: redb, path: x/cloverleaf.redb}";
    for same in ["{type: redb, path: ./x/cloverleaf.redb}", "{type: cfxdb, path: x}"] {
        assert_eq!(
            problem(&both(file, same)),
            "5: workers[1].realms[0].store.path: the store of workers[0].realms[0] is in the same file"
        );
    }
    for other in ["{type: redb, path: y.redb}", "{type: memory}"] {
        parse(&both(file, other)).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A directory with these files, and a config file that names them as schemas.
fn with_schemas(test: &str, files: &[(&str, &str)]) -> (PathBuf, Result<Loaded, String>) {
    let directory = std::env::temp_dir().join(format!("cloverleaf-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a file");
    for (name, text) in files {
        std::fs::write(directory.join(name), text).expect("a file");
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let text = realm(&format!("    schemas: [{}]\n", names.join(", ")));
    let file = directory.join("node.yaml");
    let loaded = Config::parse(&text, ConfigFormat::Yaml, &file, &|_| None);
    std::fs::remove_dir_all(&directory).expect("a file");
    (directory, loaded.map_err(|error| error.to_string()))
}

#[test]
fn schemas_are_read_with_the_file_that_names_them() {
    let yaml = "a.topic:\n  type: topic\n  args: {items: {type: integer}}\n";
    let json = r#"{"a.procedure": {"type": "procedure"}}"#;
    let (_, loaded) = with_schemas("schemas-good", &[("one.yaml", yaml), ("two.json", json)]);
    let config = loaded.unwrap_or_else(|error| panic!("{error}")).config;
    let [one, two] = config.workers[0].router.realms[0].schemas.as_slice() else { panic!("{config:?}") };
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
    let expected = serde_json::json!({"a.topic": {"type": "topic", "args": {"items": {"type": "integer"}}}});
    assert_eq!((one.name.as_str(), value(&one.text)), ("one.yaml", expected));
    assert_eq!((two.name.as_str(), value(&two.text)), ("two.json", value(json)));
}

#[test]
fn schemas_that_can_not_be_read_say_file_and_line() {
    let (directory, loaded) = with_schemas("schemas-bad", &[("bad.yaml", "a.topic:\n  type: [\n")]);
    let error = loaded.map(|loaded| loaded.config).expect_err("a problem");
    let directory = directory.display();
    let expected = format!("{directory}/node.yaml:4: realms[0].schemas[0]: {directory}/bad.yaml:");
    assert!(error.starts_with(&expected) && error.contains("not valid YAML"), "{error}");

    let same = r#"{"a.b": {"type": "topic"}}"#;
    let (_, loaded) = with_schemas("schemas-twice", &[("one.json", same), ("two.json", same)]);
    let error = loaded.map(|loaded| loaded.config).expect_err("a problem");
    let expected = ":4: realms[0].schemas[1]: two.json declares \"a.b\", which one.json does already";
    assert!(error.ends_with(expected), "{error}");

    let cases = [
        ("list.json", "[]", "expected an object that maps URIs to their declarations"),
        ("list.yaml", "- a\n", "expected an object that maps URIs to their declarations"),
        ("kind.yaml", "a.topic: {type: thing}\n", "a.topic: "),
        ("uri.json", r#"{"a..b": {"type": "topic"}}"#, "a..b"),
        ("schema.yaml", "a.topic: {type: topic, args: {items: {type: integr}}}\n", "integr"),
    ];
    for (name, text, expected) in cases {
        let (directory, loaded) = with_schemas("schemas-wrong", &[(name, text)]);
        let error = loaded.map(|loaded| loaded.config).expect_err("a problem");
        let (place, reason) = error.split_once("realms[0].schemas[0]: ").expect("where it is named");
        assert!(place.ends_with("/node.yaml:4: "), "{error}");
        let file = directory.join(name);
        assert!(reason.starts_with(&format!("{}: ", file.display())) && reason.contains(expected), "{error}");
    }

    let missing = problem(&realm("    schemas: [nowhere.yaml]\n"));
    assert!(
        missing.starts_with("4: realms[0].schemas[0]: /etc/wamp/nowhere.yaml can't be read: "),
        "{missing}"
    );
}

#[test]
fn limits_of_the_meta_api_reach_the_router() {
    let text = "limits: {testaments_max: 1, testaments_bytes_max: 2KiB, details_bytes_max: 3, schemas_max: 4, \
                schema_bytes_max: 5, schemas_bytes_max: 7, history_events_max: 6}\n";
    let limits = loaded(text).config.workers[0].router.limits;
    assert_eq!((limits.testaments_max, limits.testaments_bytes_max, limits.details_bytes_max), (1, 2048, 3));
    assert_eq!(limits.schemas_bytes_max, 7);
    assert_eq!((limits.schemas_max, limits.schema_bytes_max, limits.history_events_max), (4, 5, 6));
    let options = realm("    options: {enable_meta_api: false, show_secrets_in_session_details: true}\n");
    let realm = &loaded(&options).config.workers[0].router.realms[0];
    assert!(!realm.meta_api && realm.show_secrets);
}
