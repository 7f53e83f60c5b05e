//! A realm in a node of the test's own, with sessions that the test opens, and commands that look at it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use client::Session;
use cloverleaf::{Config, Node, WorkerConfig};
use listeners::{Endpoint, ListenerConfig};
use router::Identity;
use router::config::{Limits, RealmConfig, RoleConfig, RouterConfig};
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use wamp::{Serializer, Value};

use super::{PATIENCE, Running, cloverleaf};

/// `realm1` of a node that listens on a free port.
pub(crate) struct Realm {
    runtime: Runtime,
    node: Node,
    url: String,
}

/// Commands are anonymous there, and sessions of the test are users. Both may do everything.
pub(crate) fn open() -> RealmConfig {
    let roles = ["anonymous", "user"].map(RoleConfig::allow_all).to_vec();
    RealmConfig { roles, ..RealmConfig::closed("realm1") }
}

impl Realm {
    pub(crate) fn start() -> Self {
        Realm::with(open(), Limits::default())
    }

    pub(crate) fn with(realm: RealmConfig, limits: Limits) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let worker = WorkerConfig {
            router: RouterConfig { realms: vec![realm], limits, ..RouterConfig::default() },
            listeners: vec![ListenerConfig::new(Endpoint::tcp(([127, 0, 0, 1], 0).into()))],
            ..WorkerConfig::default()
        };
        let config = Config { node_id: None, workers: vec![worker] };
        let node = runtime.block_on(Node::start(config)).unwrap();
        let url = node.addresses()[0].websocket_url().unwrap();
        Realm { runtime, node, url }
    }

    /// A session of a user.
    pub(crate) fn join(&self, authid: &str) -> Session {
        let user = Identity {
            authid: authid.into(),
            authrole: "user".into(),
            authmethod: "ticket".into(),
            authprovider: "static".into(),
            authextra: None,
        };
        self.wait(self.node.session_as("realm1", user)).unwrap()
    }

    /// A session of the router's own kind, which nobody sees.
    pub(crate) fn join_trusted(&self) -> Session {
        self.wait(self.node.session("realm1")).unwrap()
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn command(&self, args: &[&str]) -> Running {
        let mut all = args.to_vec();
        all.extend(["--url", &self.url]);
        cloverleaf(&all)
    }

    /// What a command prints.
    pub(crate) fn prints(&self, args: &[&str]) -> Vec<String> {
        self.command(args).ended().succeeded()
    }

    /// The words of each line that a command prints.
    pub(crate) fn words(&self, args: &[&str]) -> Vec<Vec<String>> {
        let words = |line: &String| line.split_whitespace().map(str::to_owned).collect();
        self.prints(args).iter().map(words).collect()
    }

    /// What a command prints with `--json`.
    pub(crate) fn records(&self, args: &[&str]) -> Vec<Json> {
        let mut all = args.to_vec();
        all.push("--json");
        self.prints(&all).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn fails(&self, args: &[&str]) -> String {
        self.command(args).ended().failed()
    }
}

pub(crate) fn value(json: &Json) -> Value {
    Value::decode(Serializer::Json, json.to_string().as_bytes()).unwrap()
}
