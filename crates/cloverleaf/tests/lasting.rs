//! Nodes whose realms keep things in files: what outlives a node, and what keeps one from starting.

use std::path::{Path, PathBuf};
use std::time::Duration;

use client::Session;
use cloverleaf::config::{Config, ConfigFormat};
use cloverleaf::{Node, StartError};
use wamp::Value;

/// No step of a test takes so long, unless it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn in_time<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future.into_future()).await.expect("in time")
}

/// A directory that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cloverleaf-lasting-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("a file");
    }

    /// The configuration of this text, in this directory.
    fn config(&self, text: &str) -> Config {
        let loaded = Config::parse(text, ConfigFormat::Yaml, &self.0.join("node.yaml"), &|_| None);
        loaded.unwrap_or_else(|error| panic!("{error}")).config
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const KEPT: &str = "
realms:
  - name: plant
    store: {type: redb, path: kept/plant.redb, event-history: [{uri: sensor., match: prefix}]}
    schemas: [sensors.yaml]
    roles: [{name: anonymous, permissions: [{uri: sensor.*, allow: {publish: true}, validate: true}]}]
  - name: office
    store: {type: memory, event-history: [{uri: news}]}
    roles: [{name: anonymous, allow-by-default: true}]
transports:
  - {type: universal, endpoint: {type: tcp, port: 0, interface: localhost}}
";

const SENSORS: &str = "sensor.one: {type: topic, args: {prefixItems: [{type: number}], minItems: 1}}\n";

/// The first argument of each event in the history of a pattern.
async fn history(session: &Session, uri: &str, match_policy: &str) -> Vec<Value> {
    let options = wamp::value::Dict::from([("match", Value::from(match_policy))]);
    let lookup = session.call("wamp.subscription.lookup").arg(uri).arg(options);
    let id: u64 = in_time(lookup).await.expect("an answer").arg(0).expect("it is always there");
    let result = in_time(session.call("wamp.subscription.get_events").arg(id)).await.expect("events");
    let args = |event: &Value| event.as_dict()?.get("args")?.as_list()?.first().cloned();
    result.args().iter().map(|event| args(event).expect("it has arguments")).collect()
}

// HIS-18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_realm_keeps_in_a_file_outlives_its_node() {
    let folder = Folder::new("outlives");
    folder.write("sensors.yaml", SENSORS);
    let node = Node::start(folder.config(KEPT)).await.expect("a node that starts");
    let session = node.session("plant").await.expect("a session");
    for number in [1.5, 2.5] {
        in_time(session.publish("sensor.one").arg(number).retain().acknowledge()).await.expect("published");
    }
    let office = node.session("office").await.expect("a session");
    in_time(office.publish("news").arg("old").acknowledge()).await.expect("published");
    assert_eq!(history(&office, "news", "exact").await, ["old".into()]);
    in_time(node.stop()).await;

    // The sessions are still held: they keep nobody from opening the file.
    let node = Node::start(folder.config(KEPT)).await.expect("a node that starts again");
    let again = node.session("plant").await.expect("a session");
    assert_eq!(history(&again, "sensor.", "prefix").await, [1.5.into(), 2.5.into()]);
    let mut events = in_time(again.subscribe("sensor.one").get_retained()).await.expect("subscribed");
    let event = in_time(events.next()).await.expect("an event");
    assert!(event.is_retained());
    assert_eq!(event.arg::<f64>(0).expect("a number"), 2.5);
    let office = node.session("office").await.expect("a session");
    assert_eq!(history(&office, "news", "exact").await, [], "that was in memory");
    in_time(node.stop()).await;
    drop(session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_tells_the_time_and_checks_payloads() {
    let folder = Folder::new("checks");
    folder.write("sensors.yaml", SENSORS);
    let node = Node::start(folder.config(KEPT)).await.expect("a node that starts");
    let url = node.addresses()[0].websocket_url().expect("there is a WebSocket");
    let sensor = in_time(Session::builder(url, "plant").connect()).await.expect("a session");
    in_time(sensor.publish("sensor.one").arg(1).acknowledge()).await.expect("it is as declared");
    let error = in_time(sensor.publish("sensor.one").arg("warm").acknowledge()).await.expect_err("it isn't");
    assert_eq!(error.uri(), Some("wamp.error.invalid_payload"));

    let session = node.session("plant").await.expect("a session");
    let result = in_time(session.call("wamp.session.get").arg(sensor.id().value())).await.expect("details");
    let details = result.args().first().and_then(Value::as_dict).expect("a dictionary");
    let transport = details.get("transport").and_then(Value::as_dict).expect("a dictionary");
    assert_eq!(transport.get("channel_framing"), Some(&"websocket".into()));
    assert_eq!(transport.get("own_pid"), Some(&std::process::id().into()));
    let headers = transport.get("http_headers_received").and_then(Value::as_dict).expect("a dictionary");
    assert_eq!(headers.get("upgrade"), Some(&"websocket".into()));

    let subscriber = node.session("plant").await.expect("a session");
    let _events = in_time(subscriber.subscribe("sensor.one")).await.expect("subscribed");
    let lookup =
        in_time(session.call("wamp.subscription.lookup").arg("sensor.one")).await.expect("an answer");
    let id: u64 = lookup.arg(0).expect("it is there");
    let result = in_time(session.call("wamp.subscription.get").arg(id)).await.expect("a subscription");
    let created = result.args()[0].as_dict().and_then(|dict| dict.get("created")?.as_str()).expect("a time");
    assert!(created > "2024-01-01", "the clock goes: {created}");
    in_time(node.stop()).await;
}

/// Starting fails; and did a socket get bound, it would fail otherwise, since the port is taken.
async fn refused(folder: &Folder) -> StartError {
    let place = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = place.local_addr().expect("an address").port();
    let config = folder.config(&KEPT.replace("port: 0", &format!("port: {port}")));
    Node::start(config).await.expect_err("it can't be opened")
}

fn store_of(error: &StartError) -> Option<(&str, &Path)> {
    match error {
        StartError::Store { realm, path, .. } => Some((realm, path)),
        _ => None,
    }
}

#[tokio::test]
async fn without_its_store_a_node_does_not_start() {
    let folder = Folder::new("refused");
    folder.write("sensors.yaml", SENSORS);
    let file = folder.0.join("kept/plant.redb");
    std::fs::create_dir(folder.0.join("kept")).expect("a directory");
    folder.write("kept/plant.redb", &"this is something else ".repeat(1000));
    let error = refused(&folder).await;
    assert_eq!(store_of(&error), Some(("plant", file.as_path())));
    let text = error.to_string();
    assert!(text.starts_with(&format!("realm \"plant\": {}: ", file.display())), "{text}");

    std::fs::remove_file(&file).expect("it is there");
    let node = Node::start(folder.config(KEPT)).await.expect("a node that starts");
    let error = refused(&folder).await;
    assert!(matches!(&error, StartError::Store { source: store::OpenError::Locked { .. }, .. }), "{error}");
    in_time(node.stop()).await;
}

#[tokio::test]
async fn a_store_for_nobody_is_refused() {
    let folder = Folder::new("nobody");
    folder.write("sensors.yaml", SENSORS);
    let mut config = folder.config(KEPT);
    config.workers[0].router.realms.retain(|realm| realm.name != "plant");
    let error = Node::start(config).await.expect_err("there is no such realm").to_string();
    assert!(error.ends_with("is for realm \"plant\", which is not in the configuration"), "{error}");
}
