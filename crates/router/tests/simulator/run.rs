//! One script: the router and the model, side by side.

use std::time::Duration;

use cloverleaf_router::config::RoleConfig;
use cloverleaf_router::{RealmConfig, RouterConfig};
use testkit::{Client, Net, all_roles, json};
use wamp::{Serializer, Value};

use crate::check::Names;
use crate::model::{Act, Model};
use crate::random::Random;
use crate::step::{self, Step};

/// Calls that may wait for a callee of a registration.
pub(crate) const QUEUE_MAX: usize = 3;

/// A script in progress.
struct Run {
    net: Net,
    clients: Vec<Client>,
    model: Model,
    names: Names,
    /// The last INVOCATION id of each client.
    invocations: Vec<u64>,
    steps: Vec<Step>,
    seed: u64,
    received: u64,
}

/// Runs the script of a seed; how many messages were received.
///
/// # Panics
/// The router does what the model doesn't say.
pub(crate) fn script(seed: u64, length: usize) -> u64 {
    let mut random = Random::new(seed);
    let mut run = Run::new(seed);
    for _ in 0..3 + random.below(4) {
        let join = step::join(&mut random);
        run.step(join);
    }
    for _ in 0..length {
        if let Some(step) = step::next(&mut random, &run.model) {
            run.step(step);
        }
    }
    run.received
}

impl Run {
    fn new(seed: u64) -> Run {
        let roles = vec![RoleConfig::allow_all("user"), RoleConfig::allow_all("admin")];
        let mut config = RouterConfig {
            // The model knows nothing of meta events, which broad patterns would get.
            realms: vec![RealmConfig { roles, meta_api: false, ..RealmConfig::open("realm1") }],
            ..RouterConfig::default()
        };
        config.limits.queued_calls_max = QUEUE_MAX;
        let net = Net::new(config);
        Run {
            net,
            clients: Vec::new(),
            model: Model::default(),
            names: Names::default(),
            invocations: Vec::new(),
            steps: Vec::new(),
            seed,
            received: 0,
        }
    }

    fn step(&mut self, step: Step) {
        let act = self.model.take(&step);
        self.steps.push(step);
        match act {
            Act::Send(client, message) => {
                let message = self.names.resolve(&message);
                self.net.send(self.clients[client], message);
            }
            Act::Disconnect(client) => self.net.disconnect(self.clients[client]),
            Act::Wait(milliseconds) => self.net.advance(Duration::from_millis(milliseconds)),
            Act::Join { serializer, full, authid, authrole, worker } => {
                self.join(serializer, full, authid, authrole, worker);
            }
        }
        let expected = self.model.expected();
        for index in 0..self.clients.len() {
            let received = self.net.receive(self.clients[index]);
            let values: Vec<Value> = received.iter().map(|message| message.value().clone()).collect();
            let wanted: Vec<(u32, &Value)> = expected
                .iter()
                .filter(|expected| expected.client == index)
                .map(|expected| (expected.rank, &expected.message))
                .collect();
            self.received += values.len() as u64;
            if let Err(what) = self.names.compare(&wanted, &values) {
                self.fail(&format!("client {index} should have got {what}; it got {values:?}"));
            }
            for message in received.iter().filter(|message| message.code() == 68) {
                let (last, id) = (self.invocations[index], message.id(1));
                if id > last + 1 {
                    self.fail(&format!("client {index} got invocation {id} after {last}"));
                }
                self.invocations[index] = last.max(id);
            }
        }
    }

    fn join(
        &mut self,
        serializer: Serializer,
        full: bool,
        authid: &'static str,
        authrole: &'static str,
        worker: usize,
    ) {
        let plain = json!({"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}});
        let setup = self.net.client().serializer(serializer).identity(authid, authrole).worker(worker);
        let setup = if full { setup.roles(all_roles()) } else { setup.roles(plain) };
        let client = setup.join("realm1");
        self.model.joined(self.net.session(client));
        self.clients.push(client);
        self.invocations.push(0);
    }

    fn fail(&self, what: &str) -> ! {
        let script: Vec<String> =
            self.steps.iter().enumerate().map(|(number, step)| format!("{number:3} {step:?}")).collect();
        panic!("CLOVERLEAF_SEED={}: {what}\n{}", self.seed, script.join("\n"));
    }
}
