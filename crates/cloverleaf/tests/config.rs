//! What config files mean, what is wrong with bad ones, and that the documentation is about this format.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloverleaf::config::{Config, ConfigFormat, Loaded, reference};
use listeners::{ClientCertificates, Endpoint};
use router::config::{RequestIds, SlowConsumer};
use wamp::uri::UriCheck;
use wamp::{MatchPolicy, Serializer};

fn parse(text: &str) -> Result<Loaded, String> {
    let format = if text.trim_start().starts_with('{') { ConfigFormat::Json } else { ConfigFormat::Yaml };
    let environment = |name: &str| match name {
        "PORT" => Some("9001".to_owned()),
        "RUN" => Some("/run/wamp".to_owned()),
        "WORD" => Some("word".to_owned()),
        _ => None,
    };
    Config::parse(text, format, Path::new("/etc/wamp/node.yaml"), &environment)
        .map_err(|error| error.to_string())
}

fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}")).config
}

fn problem(text: &str) -> String {
    let error = parse(text).map(|loaded| loaded.config).expect_err("a problem");
    error.strip_prefix("/etc/wamp/node.yaml:").map(str::to_owned).unwrap_or(error)
}

#[test]
fn a_crossbar_node_becomes_a_worker_with_its_realm_and_port() {
    let config = config(include_str!("../../../docs/examples/minimal.yaml"));
    let [worker] = config.workers.as_slice() else { panic!("{config:?}") };
    let [realm] = worker.router.realms.as_slice() else { panic!("{config:?}") };
    assert_eq!(realm.name, "realm1");
    let [role] = realm.roles.as_slice() else { panic!("{realm:?}") };
    let [rule] = role.permissions.as_slice() else { panic!("{role:?}") };
    assert_eq!((rule.uri.as_str(), rule.match_policy), ("", MatchPolicy::Prefix));
    assert!(rule.allow.call && rule.allow.register && rule.allow.publish && rule.allow.subscribe);
    assert!(!rule.disclose_caller && !rule.disclose_publisher);
    let [listener] = worker.listeners.as_slice() else { panic!("{config:?}") };
    let Endpoint::Tcp { address, .. } = &listener.endpoint else { panic!("{listener:?}") };
    assert_eq!(*address, "0.0.0.0:8080".parse::<SocketAddr>().unwrap());
    assert!(listener.rawsocket.is_none(), "a websocket transport speaks nothing else");
    assert_eq!(listener.websocket.as_ref().unwrap().paths, ["/", "/ws"]);
}

#[test]
fn without_workers_the_top_of_the_file_is_one() {
    let config = config(include_str!("../../../docs/examples/simple.yaml"));
    let [worker] = config.workers.as_slice() else { panic!("{config:?}") };
    assert!(worker.router.realms[0].roles[0].allow_by_default);
    let listener = &worker.listeners[0];
    assert!(listener.rawsocket.is_some());
    assert_eq!(listener.websocket.as_ref().unwrap().paths, ["/", "/ws"]);
    let Endpoint::Tcp { address, .. } = &listener.endpoint else { panic!("{listener:?}") };
    assert_eq!(*address, "127.0.0.1:8080".parse::<SocketAddr>().unwrap());
}

#[test]
fn options_limits_and_tls_reach_router_and_listener() {
    let config = config(include_str!("../../../docs/examples/sensors.yaml"));
    assert_eq!(config.node_id.as_deref(), Some("greenhouse"));
    let worker = &config.workers[0];
    assert_eq!(worker.router.limits.message_bytes_max, 1 << 20);
    assert_eq!(worker.router.limits.outbox_bytes_soft, 4 << 20);
    assert_eq!(worker.router.limits.slow_consumer, SlowConsumer::Drop);
    let realm = &worker.router.realms[0];
    assert_eq!(realm.uri_check, UriCheck::Strict);
    assert_eq!(realm.request_ids, RequestIds::Lenient);
    assert_eq!(realm.call_timeout.default, Some(Duration::from_secs(10)));
    assert_eq!(realm.call_timeout.max, Some(Duration::from_secs(60)));
    assert_eq!(realm.retention.ttl, Some(Duration::from_secs(86_400)));
    let patterns: Vec<(&str, MatchPolicy)> = realm
        .roles
        .iter()
        .flat_map(|role| &role.permissions)
        .map(|rule| (rule.uri.as_str(), rule.match_policy))
        .collect();
    let expected = [
        ("sensor.", MatchPolicy::Prefix),
        ("actuator..set", MatchPolicy::Wildcard),
        ("sensor.", MatchPolicy::Prefix),
        ("actuator..set", MatchPolicy::Wildcard),
    ];
    assert_eq!(patterns, expected);

    let [unix, devices, listener] = worker.listeners.as_slice() else { panic!("{worker:?}") };
    let expected = Endpoint::Unix { path: "/etc/wamp/devices.sock".into(), mode: Some(0o660) };
    assert_eq!(unix.endpoint, expected);
    let authorities = vec![PathBuf::from("/etc/wamp/devices.crt")];
    let expected = ClientCertificates::Required { authorities };
    assert_eq!(devices.tls.as_ref().unwrap().client_certificates, expected);
    assert_eq!(listener.limits.connections_per_address_max, Some(100));
    let tls = listener.tls.as_ref().unwrap();
    assert_eq!(tls.key, PathBuf::from("/etc/wamp/server.key"));
    assert_eq!(tls.chain_certificates, [PathBuf::from("/etc/wamp/intermediate.crt")]);
    assert_eq!(tls.client_certificates, ClientCertificates::No);
    let websocket = listener.websocket.as_ref().unwrap();
    assert_eq!(websocket.paths, ["/ws"]);
    assert_eq!(websocket.message_bytes_max, Some(65_536));
    assert_eq!(websocket.allowed_origins, ["https://dashboard.example.com"]);
    assert_eq!(websocket.keepalive.unwrap().interval, Duration::from_secs(10));
    assert_eq!(websocket.keepalive.unwrap().timeout, Duration::from_secs(5));
    assert_eq!(websocket.compression.unwrap().max_window_bits, 13);
    let names: Vec<&str> = websocket.subprotocols.iter().map(|subprotocol| subprotocol.name()).collect();
    assert_eq!(names[..2], ["wamp.2.cbor", "wamp.2.cbor.batched"]);
    assert_eq!(names.len(), 6);
}

#[test]
fn json_files_have_several_workers_and_unix_sockets() {
    let config = config(include_str!("../../../docs/examples/two-workers.json"));
    let ids: Vec<Option<&str>> = config.workers.iter().map(|worker| worker.id.as_deref()).collect();
    assert_eq!(ids, [Some("shop"), Some("operations")]);
    assert!(config.workers[0].router.realms[0].compat_crossbar);
    let rawsocket = config.workers[0].listeners[0].rawsocket.as_ref().unwrap();
    assert_eq!(rawsocket.serializers, [Serializer::Cbor, Serializer::MsgPack]);
    assert_eq!(rawsocket.message_bytes_max, Some(1 << 20));
    let expected = Endpoint::Unix { path: "/etc/wamp/operations.sock".into(), mode: Some(0o600) };
    assert_eq!(config.workers[1].listeners[0].endpoint, expected);
}

#[test]
fn the_environment_gives_ports_paths_and_disabled_workers() {
    let text = "
workers:
  - type: router
    options: {disabled: \"${WORD}\"}
  - type: router
    options: {disabled: \"${NOT_SET}\"}
    transports:
      - {type: rawsocket, endpoint: {type: tcp, port: $PORT}}
      - {type: rawsocket, endpoint: {type: unix, path: \"${RUN}/$WORD.sock\"}}
";
    let config = config(text);
    let [worker] = config.workers.as_slice() else { panic!("{config:?}") };
    let Endpoint::Tcp { address, .. } = &worker.listeners[0].endpoint else { panic!("{worker:?}") };
    assert_eq!(address.port(), 9001);
    let expected = Endpoint::Unix { path: "/run/wamp/word.sock".into(), mode: None };
    assert_eq!(worker.listeners[1].endpoint, expected);

    let port = |value: &str| {
        problem(&format!("transports:\n  - type: rawsocket\n    endpoint: {{type: tcp, port: {value}}}\n"))
    };
    assert_eq!(
        port("$NOT_SET"),
        "3: transports[0].endpoint.port: the environment variable NOT_SET is not set"
    );
    assert_eq!(
        port("$WORD"),
        "3: transports[0].endpoint.port: expected a port in the environment variable WORD, found \"word\""
    );
    assert_eq!(
        port("65536"),
        "3: transports[0].endpoint.port: expected an integer from 0 to 65535, or \"$NAME\" of an environment \
         variable that holds one, found 65536"
    );
}

#[test]
fn wrong_values_say_line_path_and_what_was_expected() {
    let cases = [
        ("version: 1\n", "1: version: expected 2, found 1"),
        (
            "realms:\n  - name: realm1\n    options:\n      uri_check: lax\n",
            "4: realms[0].options.uri_check: expected `loose` or `strict`, found \"lax\"",
        ),
        (
            "realms:\n  - name: realm 1\n",
            "2: realms[0].name: expected a URI: components between dots, none of them empty, without white space and \
             `#`, found \"realm 1\"",
        ),
        ("realms:\n  - id: x\n", "2: realms[0]: \"name\" is missing; expected text"),
        ("realms: realm1\n", "1: realms: expected a list, found \"realm1\""),
        (
            "realms:\n  - name: a\n  - name: b\n  - name: a\n",
            "4: realms[2]: the realm \"a\" is there already, as realms[0]",
        ),
        (
            "realms:\n  - name: a\n    roles: [{name: r}, {name: r}]\n",
            "3: realms[0].roles[1]: the role \"r\" is there already, as realms[0].roles[0]",
        ),
        (
            "realms:\n  - name: a\n    roles:\n      - {name: trusted}\n",
            "4: realms[0].roles[0].name: expected the name of a role; the empty one and `trusted` can't be defined",
        ),
        (
            "realms:\n- name: a\n  roles:\n  - name: r\n    permissions:\n    - match: exact\n      uri: a..b\n",
            "7: realms[0].roles[0].permissions[0].uri: expected a URI: components between dots, none of them empty, \
             without white space and `#`, found \"a..b\"",
        ),
        (
            "realms:\n- name: a\n  roles:\n  - name: r\n    permissions: [{uri: a.*}, {uri: a., match: prefix}]\n",
            "5: realms[0].roles[0].permissions[1]: the permission for \"a. (prefix)\" is there already, as \
             realms[0].roles[0].permissions[0]",
        ),
        (
            "realms:\n- name: a\n  roles:\n  - name: r\n    permissions: [{uri: a.b, allow: {call: yes please}}]\n",
            "5: realms[0].roles[0].permissions[0].allow.call: expected `true` or `false`, found \"yes please\"",
        ),
        (
            "limits: {message_bytes_max: lots}\n",
            "1: limits.message_bytes_max: expected bytes, or a number with `KiB`, `MiB` or `GiB`, found \"lots\"",
        ),
        (
            "workers: []\nrealms: []\n",
            "2: realms: realms and transports stand either here or in `workers`, not in both",
        ),
        (
            "transports:\n  - endpoint: {type: tcp, port: 1}\n",
            "2: transports[0]: \"type\" is missing; expected `websocket`, `rawsocket`, `universal` or `web`",
        ),
        (
            "transports:\n  - type: rawsocket\n    endpoint: {type: tcp, port: 1, interface: eth0}\n",
            "3: transports[0].endpoint.interface: expected an IP address or `localhost`, found \"eth0\"",
        ),
        (
            "transports:\n  - type: rawsocket\n    endpoint: {type: tcp, port: 1, interface: \"::1\", version: 4}\n",
            "3: transports[0].endpoint.version: the interface ::1 is not one of IPv4",
        ),
        (
            "transports:\n  - type: rawsocket\n    endpoint: {type: tcp, port: 1}\n    serializers: [yaml]\n",
            "4: transports[0].serializers[0]: expected `json`, `msgpack`, `cbor`, `ubjson` or `ubjson-draft12`, found \"yaml\"",
        ),
        (
            "transports:\n  - type: web\n    endpoint: {type: tcp, port: 1}\n    paths:\n      a/b: {type: websocket}\n",
            "5: transports[0].paths[\"a/b\"]: expected `/`, or letters, digits, `_` and `-` as the name of a path",
        ),
        (
            "transports:\n  - type: universal\n    endpoint: {type: tcp, port: 1}\n    rawsocket: {}\n    websocket:\n      \
             ws: {auth: {anonymous: {type: static, role: guest}}}\n",
            "4: transports[0].rawsocket.auth: not supported yet: another role than that of WebSocket on the same port",
        ),
        (
            "transports:\n  - type: universal\n    endpoint: {type: tcp, port: 1}\n    websocket:\n      a: {}\n      \
             b: {serializers: [json]}\n",
            "6: transports[0].websocket.b: not supported yet: another set of serializers, options or auth than the first \
             path of this port",
        ),
        (
            "transports:\n  - type: rawsocket\n    endpoint: {type: tcp, port: 1}\n    serializers: []\n",
            "4: transports[0].serializers: expected at least one serializer; without `serializers` there are all",
        ),
        (
            "transports:\n  - {type: rawsocket, endpoint: {type: tcp, port: 1, interface: localhost}}\n  - \
             {type: websocket, endpoint: {type: tcp, port: 1}}\n",
            "3: transports[1].endpoint: 0.0.0.0:1 is taken already, by transports[0]",
        ),
        ("a: [\n", "1: not valid YAML: "),
        ("{\"version\": 2,}", "1: not valid JSON: trailing comma"),
        ("just text", "1: expected a map, found \"just text\""),
    ];
    for (text, expected) in cases {
        let found = problem(text);
        if expected.ends_with(": ") {
            assert!(found.starts_with(expected), "{text}\n{found}");
        } else {
            assert_eq!(found, expected, "{text}");
        }
    }
}

#[test]
fn unknown_keys_say_which_there_are() {
    assert_eq!(
        problem("realms:\n  - name: a\n    roles:\n      - name: r\n        permission: []\n"),
        "5: realms[0].roles[0].permission: unknown key; accepted here: name, id, permissions, allow-by-default"
    );
    assert_eq!(problem("controller:\n  name: x\n"), "2: controller.name: unknown key; accepted here: id");
}

#[test]
fn what_crossbar_has_and_we_have_not_is_named() {
    let cases = [
        (
            "workers:\n  - type: container\n",
            "2: not supported yet: workers[0].type: \"container\"; expected `router`",
        ),
        (
            "workers:\n  - type: router\n    components: []\n",
            "3: not supported yet: workers[0].components; accepted here: type, id, options, realms, transports",
        ),
        ("controller:\n  manhole: {}\n", "2: not supported yet: controller.manhole; accepted here: id"),
        (
            "realms:\n  - name: a\n    inventory: {}\n",
            "3: not supported yet: realms[0].inventory; accepted here: name, id, options, roles, store, schemas",
        ),
        (
            "realms:\n  - name: a\n    roles:\n      - name: r\n        permissions: [{uri: a.b, validate: {call: X}}]\n",
            "5: realms[0].roles[0].permissions[0].validate: types of a Crossbar.io inventory are not supported; expected \
             `true` or `false`: with `true` payloads have to be as declared by the `schemas` of the realm or by \
             `wamp.schema.define`",
        ),
        (
            "realms:\n  - name: a\n    options: {bridge_meta_api: true}\n",
            "3: realms[0].options.bridge_meta_api: not supported yet: true; expected `false`",
        ),
        (
            "realms:\n  - name: a\n    roles:\n      - name: r\n        authorizer: a.b\n",
            "5: not supported yet: realms[0].roles[0].authorizer; accepted here: name, id, permissions, allow-by-default",
        ),
        (
            "transports:\n  - type: mqtt\n",
            "2: not supported yet: transports[0].type: \"mqtt\"; expected `websocket`, `rawsocket`, `universal` or `web`",
        ),
        (
            "transports:\n  - type: rawsocket\n    endpoint:\n      type: onion\n",
            "4: not supported yet: transports[0].endpoint.type: \"onion\"; expected `tcp` or `unix`",
        ),
        (
            "transports:\n  - type: websocket\n    endpoint: {type: tcp, port: 1}\n    auth:\n      ticket: {}\n",
            "5: not supported yet: transports[0].auth.ticket; accepted here: anonymous",
        ),
        (
            "transports:\n  - type: websocket\n    endpoint: {type: tcp, port: 1}\n    auth:\n      anonymous:\n        \
             type: dynamic\n",
            "6: not supported yet: transports[0].auth.anonymous.type: \"dynamic\"; expected `static`",
        ),
        (
            "transports:\n  - type: web\n    endpoint: {type: tcp, port: 1}\n    paths:\n      /: {type: static}\n",
            "5: not supported yet: transports[0].paths[\"/\"].type: \"static\"; expected `websocket`",
        ),
        (
            "transports:\n  - type: rawsocket\n    endpoint: {type: tcp, port: 1}\n    serializers: [flatbuffers]\n",
            "4: not supported yet: transports[0].serializers[0]: \"flatbuffers\"; expected `json`, `msgpack`, `cbor`, `ubjson` \
             or `ubjson-draft12`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn what_has_no_effect_is_noted_with_the_reason() {
    let text = "realms:\n  - name: a\n    roles: [{name: r}]\n    options:\n      event_dispatching_chunk_size: 100\n";
    let notes = parse(text).unwrap().notes;
    let expected = "line 5: realms[0].options.event_dispatching_chunk_size has no effect: events are delivered without \
                    being cut into chunks";
    assert_eq!(notes, [expected]);
}

#[test]
fn what_is_hardly_meant_is_noted() {
    let realm = "  - name: a\n    roles: [{name: guest}]\n";
    let rawsocket = "  - {type: rawsocket, endpoint: {type: tcp, port: 1}}\n";
    let cases = [
        (
            "realms:\n  - name: a\n".to_owned(),
            "line 2: realms[0]: it has no roles: nobody may do anything there",
        ),
        (
            format!("realms:\n{realm}transports:\n{rawsocket}"),
            "line 5: transports[0]: its clients get the role \"anonymous\", which no realm has: they may do nothing; \
             there are: guest",
        ),
        (
            "realms:\n  - name: a\n    roles: [{name: anonymous}]\n    options: {enable_meta_api: false}\n    \
             store: {type: memory, event-history: [{uri: com.a}]}\n"
                .to_owned(),
            "line 2: realms[0]: no client can read its event history: `enable_meta_api` is false",
        ),
        (
            format!("limits:\n  message_bytes_max: 32MiB\ntransports:\n{rawsocket}"),
            "line 2: limits.message_bytes_max: RawSocket has no messages beyond 16 MiB: there it is 16 MiB",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(&text).unwrap().notes, [expected], "{text}");
    }
}

#[test]
fn addresses_are_told_apart_across_workers() {
    let worker = |options: &str, endpoint: &str| {
        format!(
            "  - type: router\n    options: {options}\n    transports: [{{type: rawsocket, endpoint: {endpoint}}}]\n"
        )
    };
    let both = |one: &str, other: &str| format!("workers:\n{}{}", worker("{}", one), worker("{}", other));
    let tcp = "{type: tcp, port: 1, interface: 127.0.0.1}";
    let unix = "{type: unix, path: a.sock}";
    assert_eq!(
        problem(&both(tcp, tcp)),
        "7: workers[1].transports[0].endpoint: 127.0.0.1:1 is taken already, by workers[0].transports[0]"
    );
    assert_eq!(
        problem(&both(unix, unix)),
        "7: workers[1].transports[0].endpoint: a.sock is taken already, by workers[0].transports[0]"
    );
    for other in [
        "{type: tcp, port: 2, interface: 127.0.0.1}",
        "{type: tcp, port: 1, interface: 127.0.0.2}",
        "{type: unix, path: b.sock}",
    ] {
        parse(&both(tcp, other)).unwrap_or_else(|error| panic!("{error}"));
        parse(&both(unix, other)).unwrap_or_else(|error| panic!("{error}"));
    }
    let any = "{type: tcp, port: 0}";
    parse(&both(any, any)).unwrap_or_else(|error| panic!("{error}"));
    let shared = "{type: tcp, port: 1, shared: true}";
    parse(&both(shared, shared)).unwrap_or_else(|error| panic!("{error}"));
    let one_is_off = format!("workers:\n{}{}", worker("{}", tcp), worker("{disabled: true}", tcp));
    parse(&one_is_off).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_default_is_one_open_realm_on_the_loopback() {
    let config = Config::default();
    let [worker] = config.workers.as_slice() else { panic!("{config:?}") };
    assert_eq!(worker.router.realms[0].name, "realm1");
    let Endpoint::Tcp { address, .. } = &worker.listeners[0].endpoint else { panic!("{config:?}") };
    assert_eq!(*address, "127.0.0.1:8080".parse::<SocketAddr>().unwrap());
}

#[test]
fn every_example_of_the_documentation_loads_without_notes() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let mut loaded = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let file = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(file.notes, [""; 0], "{}", path.display());
        assert!(file.config.workers.iter().all(|worker| !worker.listeners.is_empty()), "{}", path.display());
        loaded += 1;
    }
    assert!(loaded >= 5);
}

/// With `UPDATE_DOCS=1` in the environment it writes the page instead of comparing it.
#[test]
fn the_reference_in_the_documentation_is_the_one_of_the_types() {
    let (begin, end) = ("<!-- reference: begin -->\n", "<!-- reference: end -->");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(begin).expect("the reference begins");
    let (_, after) = rest.split_once(end).expect("the reference ends");
    let expected = format!("{before}{begin}\n{}\n{end}{after}", reference());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "run `UPDATE_DOCS=1 cargo test -p cloverleaf --test config` to update {path:?}"
    );
}
