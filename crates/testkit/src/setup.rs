//! How a client of a script connects.

use std::sync::Arc;

use router::authenticate::{Anonymous, Preset};
use router::decision::Authenticator;
use router::{ChannelType, Format, Identity, Link, TransportDetails};
use transport::Framing;
use wamp::message::{Hello, HelloDetails};
use wamp::role::ClientRoles;
use wamp::value::Dict;
use wamp::{Serializer, Value};

use crate::connection::{Connection, Wire};
use crate::net::{Client, Net};
use crate::received::{IntoValue, Received};

/// See the module. Made by [`Net::client`]; ends with [`Setup::connect`], [`Setup::hello`] or [`Setup::join`].
#[derive(Debug)]
pub struct Setup<'n> {
    net: &'n mut Net,
    wire: Wire,
    worker: usize,
    roles: Value,
    authenticator: Arc<dyn Authenticator>,
}

impl<'n> Setup<'n> {
    pub(crate) fn new(net: &'n mut Net) -> Self {
        Setup {
            net,
            wire: Wire::default(),
            worker: 0,
            roles: all_roles(),
            authenticator: Arc::new(Anonymous::default()),
        }
    }

    /// It speaks this serializer; JSON if nothing is said.
    #[must_use]
    pub fn serializer(mut self, serializer: Serializer) -> Self {
        self.wire.serializer = serializer;
        self
    }

    /// What the router sends is framed so; as for a session in the same process if nothing is said.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Self {
        self.wire.framing = framing;
        self
    }

    /// It takes no longer messages than this.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.wire.message_bytes_max = bytes;
        self
    }

    /// Its messages are routed by the worker of this number, with caches of its own; 0 if nothing is said.
    #[must_use]
    pub fn worker(mut self, worker: usize) -> Self {
        self.worker = worker;
        self
    }

    /// `HELLO.Details.roles`; [`all_roles`] if nothing is said.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoValue) -> Self {
        self.roles = roles.into_value();
        self
    }

    /// It is let in as this principal, without proof.
    #[must_use]
    pub fn identity(self, authid: &str, authrole: &str) -> Self {
        let identity = Identity {
            authid: authid.into(),
            authrole: authrole.into(),
            authmethod: "preset".into(),
            authprovider: "test".into(),
            authextra: None,
        };
        self.authenticator(Arc::new(Preset(identity)))
    }

    /// It is let in as a session of the router's own.
    #[must_use]
    pub fn trusted(self) -> Self {
        self.authenticator(Arc::new(Preset(Identity::trusted("internal"))))
    }

    /// Who finds out who it is.
    #[must_use]
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = authenticator;
        self
    }

    /// Connects, and says nothing yet.
    pub fn connect(self) -> Client {
        self.open().1
    }

    /// Connects and says HELLO to a realm; whatever comes of that lies in the client's inbox.
    pub fn hello(self, realm: &str) -> Client {
        let details = Dict::from([("roles", self.roles.clone())]);
        let (net, client) = self.open();
        net.send(client, Value::List(vec![Value::from(1u64), Value::from(realm), Value::Map(details)]));
        client
    }

    /// Connects and joins a realm.
    ///
    /// # Panics
    /// The router doesn't answer WELCOME.
    #[track_caller]
    pub fn join(self, realm: &str) -> Client {
        let details = Dict::from([("roles", self.roles.clone())]);
        let (net, client) = self.open();
        net.send(client, Value::List(vec![Value::from(1u64), Value::from(realm), Value::Map(details)]));
        net.welcome(client);
        client
    }

    fn open(self) -> (&'n mut Net, Client) {
        let Setup { net, wire, worker, authenticator, .. } = self;
        let format = Format { serializer: wire.serializer, framing: wire.framing };
        let transport = TransportDetails::new(ChannelType::Memory, "test");
        let link = Link::new(net.router(), format, wire.message_bytes_max, transport, net.now())
            .with_authenticator(authenticator);
        let client = net.add(Connection::new(link, wire), worker);
        (net, client)
    }
}

/// `HELLO.Details.roles` with all four roles and every feature that a client can have.
pub fn all_roles() -> Value {
    let details = HelloDetails { roles: ClientRoles::complete(), ..HelloDetails::default() };
    let mut hello = Vec::new();
    Hello { realm: None, details }.encode(Serializer::Json, &mut hello);
    let hello = Received::decode(Serializer::Json, &hello);
    hello.detail(2, "roles").expect("HELLO has roles").clone()
}
