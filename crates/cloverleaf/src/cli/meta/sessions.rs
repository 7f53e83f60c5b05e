//! `wamp.session.*`.

use client::Arguments;
use wamp::Value;
use wamp::value::Dict;

use super::{Meta, MetaError, ids, with_option};

/// What the router tells about a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionDetails {
    pub(crate) dict: Dict,
}

impl SessionDetails {
    /// The session's id; 0, which none has, if the router didn't say.
    pub(crate) fn id(&self) -> u64 {
        self.dict.get("session").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A text of the details themselves, such as `authid`.
    pub(crate) fn text(&self, key: &str) -> &str {
        text(&self.dict, key)
    }

    /// A text of the transport, such as `peer`.
    pub(crate) fn transport_text(&self, key: &str) -> &str {
        self.dict.get("transport").and_then(Value::as_dict).map_or("", |transport| text(transport, key))
    }

    /// Framing and serializer in one word: `websocket/json`, with `+tls` where it applies.
    pub(crate) fn transport(&self) -> String {
        let framing = match self.transport_text("channel_framing") {
            "" => self.transport_text("channel_type"),
            framing => framing,
        };
        let mut name = framing.to_owned();
        let serializer = self.serializer();
        if !serializer.is_empty() {
            name = format!("{name}/{serializer}");
        }
        let transport = self.dict.get("transport").and_then(Value::as_dict);
        let is_secure = transport.and_then(|transport| transport.get("is_secure")).and_then(Value::as_bool);
        if is_secure == Some(true) {
            name.push_str("+tls");
        }
        name
    }

    /// The serializer; Crossbar.io tells that of a WebSocket only in the name of the subprotocol.
    fn serializer(&self) -> &str {
        match self.transport_text("channel_serializer") {
            "" => {
                let protocol = self.transport_text("websocket_protocol");
                protocol.strip_prefix("wamp.2.").and_then(|rest| rest.split('.').next()).unwrap_or_default()
            }
            serializer => serializer,
        }
    }
}

fn text<'a>(dict: &'a Dict, key: &str) -> &'a str {
    dict.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whom to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Victims {
    Session(u64),
    Authid(String),
    Authrole(String),
    /// Everybody but the caller.
    All,
}

/// Who was ended: how many, and which ones if the router tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Killed {
    pub(crate) count: u64,
    pub(crate) sessions: Option<Vec<u64>>,
}

impl Killed {
    /// A list of ids, or a count: routers differ, and procedures too.
    fn read(answer: &Value) -> Option<Self> {
        match ids(answer) {
            Some(sessions) => Some(Killed { count: sessions.len() as u64, sessions: Some(sessions) }),
            None => answer.as_u64().map(|count| Killed { count, sessions: None }),
        }
    }
}

impl Meta {
    /// How many sessions there are, of these authroles if any are given.
    pub(crate) async fn session_count(&self, authroles: &[String]) -> Result<u64, MetaError> {
        self.ask_for_count("wamp.session.count", filter(authroles)).await
    }

    /// Which sessions there are, of these authroles if any are given.
    pub(crate) async fn session_ids(&self, authroles: &[String]) -> Result<Vec<u64>, MetaError> {
        self.ask_for_ids("wamp.session.list", filter(authroles)).await
    }

    pub(crate) async fn session_details(&self, id: u64) -> Result<SessionDetails, MetaError> {
        let read = |answer: &Value| answer.as_dict().cloned().map(|dict| SessionDetails { dict });
        self.ask_for("wamp.session.get", Arguments::from(id), "a dictionary", read).await
    }

    /// As [`Meta::session_details`]; `None` for a session that has left meanwhile.
    pub(crate) async fn session_if_there(&self, id: u64) -> Result<Option<SessionDetails>, MetaError> {
        match self.session_details(id).await {
            Ok(details) => Ok(Some(details)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends sessions, which are told `reason` and `message`.
    pub(crate) async fn kill(
        &self,
        victims: Victims,
        reason: Option<String>,
        message: Option<String>,
    ) -> Result<Killed, MetaError> {
        let (procedure, arguments) = match &victims {
            Victims::Session(id) => ("wamp.session.kill", Arguments::from(*id)),
            Victims::Authid(authid) => ("wamp.session.kill_by_authid", Arguments::from(authid.as_str())),
            Victims::Authrole(authrole) => {
                ("wamp.session.kill_by_authrole", Arguments::from(authrole.as_str()))
            }
            Victims::All => ("wamp.session.kill_all", Arguments::new()),
        };
        let arguments = with_option(with_option(arguments, "reason", reason), "message", message);
        if let Victims::Session(id) = victims {
            self.call(procedure, arguments).await?;
            return Ok(Killed { count: 1, sessions: Some(vec![id]) });
        }
        self.ask_for(procedure, arguments, "a number or a list of ids", Killed::read).await
    }
}

fn filter(authroles: &[String]) -> Arguments {
    let given = (!authroles.is_empty())
        .then(|| Value::List(authroles.iter().map(|authrole| Value::from(authrole.as_str())).collect()));
    with_option(Arguments::new(), "filter_authroles", given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(transport: Dict) -> SessionDetails {
        SessionDetails { dict: Dict::from([("session", 7.into()), ("transport", transport.into())]) }
    }

    #[test]
    fn transports_are_one_word() {
        let websocket = [("channel_framing", "websocket".into()), ("channel_serializer", "json".into())];
        assert_eq!(details(Dict::from(websocket)).transport(), "websocket/json");
        let crossbar = [
            ("channel_framing", "websocket".into()),
            ("channel_serializer", Value::Null),
            ("websocket_protocol", "wamp.2.cbor.batched".into()),
            ("is_secure", true.into()),
        ];
        assert_eq!(details(Dict::from(crossbar)).transport(), "websocket/cbor+tls");
        let memory = [("channel_type", "memory".into()), ("channel_framing", Value::Null)];
        assert_eq!(details(Dict::from(memory)).transport(), "memory");
        assert_eq!(SessionDetails { dict: Dict::new() }.transport(), "");
    }

    #[test]
    fn the_killed_are_listed_or_counted() {
        assert_eq!(Killed::read(&Value::from(3)), Some(Killed { count: 3, sessions: None }));
        let ids = Value::List(vec![Value::from(5), Value::from(6)]);
        assert_eq!(Killed::read(&ids), Some(Killed { count: 2, sessions: Some(vec![5, 6]) }));
        assert_eq!(Killed::read(&Value::from("x")), None);
    }
}
