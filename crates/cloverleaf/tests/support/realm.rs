//! A realm in a node of the test's own, whose meta procedures answer what the test says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::result_large_err, reason = "it is what procedures of the client answer with")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use client::{ApplicationError, Arguments, Invocation, Session};
use cloverleaf::{Config, Node, WorkerConfig};
use listeners::{Endpoint, ListenerConfig};
use router::config::{RealmConfig, RouterConfig};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use wamp::{Serializer, Value};

use super::{Running, cloverleaf};

/// What a procedure answers: its arguments, or an error.
pub(crate) type Answer = Result<Arguments, ApplicationError>;

/// What was asked of it: positional and keyword arguments of each call.
type Asked = Arc<Mutex<Vec<(String, Json)>>>;

/// A node with a realm whose meta procedures answer what the test says.
pub(crate) struct Realm {
    pub(crate) runtime: Runtime,
    pub(crate) session: Session,
    url: String,
    asked: Asked,
    _node: Node,
}

impl Realm {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (node, session) = runtime.block_on(async {
            // Its own meta procedures would be in the way.
            let realm = RealmConfig { meta_api: false, ..RealmConfig::open("realm1") };
            let worker = WorkerConfig {
                router: RouterConfig { realms: vec![realm], ..RouterConfig::default() },
                listeners: vec![ListenerConfig::new(Endpoint::tcp(([127, 0, 0, 1], 0).into()))],
                ..WorkerConfig::default()
            };
            let node = Node::start(Config { node_id: None, workers: vec![worker] }).await.unwrap();
            let session = node.session("realm1").await.unwrap();
            (node, session)
        });
        let url = node.addresses()[0].websocket_url().unwrap();
        Realm { runtime, session, url, asked: Asked::default(), _node: node }
    }

    /// A procedure and what it answers.
    pub(crate) fn answers(
        &self,
        procedure: &str,
        answer: impl Fn(&Invocation) -> Answer + Send + Sync + 'static,
    ) -> &Self {
        let answer = Arc::new(answer);
        let (asked, name) = (Arc::clone(&self.asked), procedure.to_owned());
        let handler = move |call: Invocation| {
            let (args, kwargs) = (json_value(&Value::List(call.args().to_vec())), call.kwargs().to_string());
            let kwargs: Json = serde_json::from_str(&kwargs).unwrap();
            asked.lock().unwrap().push((name.clone(), json!([args, kwargs])));
            let answer = answer(&call);
            async move { answer }
        };
        self.runtime.block_on(async { self.session.register(procedure).handler(handler).await.unwrap() });
        self
    }

    /// A procedure that answers always the same.
    #[expect(clippy::needless_pass_by_value, reason = "answers are written where they are given")]
    pub(crate) fn says(&self, procedure: &str, answer: Json) -> &Self {
        let answer = value(&answer);
        self.answers(procedure, move |_| Ok(Arguments::from(answer.clone())))
    }

    /// A procedure that answers by its first argument, and an error to others.
    pub(crate) fn knows(&self, procedure: &str, error: &'static str, answers: &[(u64, Json)]) -> &Self {
        let answers: HashMap<u64, Value> = answers.iter().map(|(id, answer)| (*id, value(answer))).collect();
        self.answers(procedure, move |call| {
            let answer = answers.get(&call.arg::<u64>(0)?).cloned();
            answer
                .map(Arguments::from)
                .ok_or_else(|| ApplicationError::with_message(error, "it is not there"))
        })
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

    /// What a command prints with `--json`.
    pub(crate) fn records(&self, args: &[&str]) -> Vec<Json> {
        let mut all = args.to_vec();
        all.push("--json");
        self.prints(&all).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn fails(&self, args: &[&str]) -> String {
        self.command(args).ended().failed()
    }

    /// What was asked of a procedure the last time.
    pub(crate) fn last_asked(&self, procedure: &str) -> Json {
        let asked = self.asked.lock().unwrap();
        let last = asked.iter().rev().find(|(name, _)| name == procedure);
        last.unwrap_or_else(|| panic!("{procedure} was not called")).1.clone()
    }
}

pub(crate) fn value(json: &Json) -> Value {
    Value::decode(Serializer::Json, json.to_string().as_bytes()).unwrap()
}

pub(crate) fn json_value(value: &Value) -> Json {
    serde_json::from_str(&value.to_string()).unwrap()
}
