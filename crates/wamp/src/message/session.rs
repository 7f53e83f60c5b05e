//! The messages that open and close sessions. They are rare, so their open-ended parts are read into trees.
//!
//! Spec: basic profile, "Sessions"; advanced profile, "Authentication".

use std::borrow::Cow;

use super::attributes::encode_dict;
use super::fields::Fields;
use super::{DecodeError, MessageType};
use crate::id::SessionId;
use crate::payload::Payload;
use crate::role::{ClientRoles, Features, RouterRoles};
use crate::serializer::{Encoder, Reader};
use crate::value::{Dict, Value};

/// `[HELLO, Realm|uri, Details|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Hello<'a> {
    /// The realm to join; `None` (null on the wire) leaves the choice to the router. Not checked yet.
    pub realm: Option<Cow<'a, str>>,
    /// Who is there, and what it can do.
    pub details: HelloDetails<'a>,
}

/// `HELLO.Details`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HelloDetails<'a> {
    /// The roles announced (SES-03).
    pub roles: ClientRoles,
    /// The software at the other end (SES-05).
    pub agent: Option<Cow<'a, str>>,
    /// The authentication methods offered, best first (AUT-02).
    pub authmethods: Option<Vec<Cow<'a, str>>>,
    /// Who the client says it is.
    pub authid: Option<Cow<'a, str>>,
    /// The role the client asks for.
    pub authrole: Option<Cow<'a, str>>,
    /// More for the authentication method.
    pub authextra: Option<Value>,
}

impl<'a> Hello<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let realm = fields.text_or_null("a realm URI")?;
        let mut details = HelloDetails::default();
        fields.dict(|fields, key| {
            match &*key {
                "roles" => details.roles = decode_client_roles(fields)?,
                "agent" => details.agent = fields.string("agent")?,
                "authmethods" => details.authmethods = fields.strings("authmethods")?,
                "authid" => details.authid = fields.string("authid")?,
                "authrole" => details.authrole = fields.string("authrole")?,
                "authextra" => {
                    details.authextra = Some(fields.value()?).filter(|extra| *extra != Value::Null);
                }
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        Ok(Hello { realm, details })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let details = &self.details;
        to.array(3);
        to.uint(MessageType::Hello.code());
        match &self.realm {
            Some(realm) => to.str(realm),
            None => to.null(),
        }
        let optional = [
            details.agent.is_some(),
            details.authmethods.is_some(),
            details.authid.is_some(),
            details.authrole.is_some(),
            details.authextra.is_some(),
        ];
        to.map(1 + optional.into_iter().filter(|present| *present).count());
        to.key("roles");
        let roles = &details.roles;
        encode_roles(
            to,
            &[
                ("publisher", roles.publisher),
                ("subscriber", roles.subscriber),
                ("caller", roles.caller),
                ("callee", roles.callee),
            ],
        );
        for (key, text) in
            [("agent", &details.agent), ("authid", &details.authid), ("authrole", &details.authrole)]
        {
            if let Some(text) = text {
                to.key(key);
                to.str(text);
            }
        }
        if let Some(methods) = &details.authmethods {
            to.key("authmethods");
            to.array(methods.len());
            for method in methods {
                to.str(method);
            }
            to.end_array();
        }
        if let Some(extra) = &details.authextra {
            to.key("authextra");
            extra.encode(to);
        }
        to.end_map();
        to.end_array();
    }
}

fn decode_client_roles<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<ClientRoles, DecodeError> {
    let mut roles = ClientRoles::default();
    fields.dict_option("roles", |fields, role| {
        match &*role {
            "publisher" => roles.publisher = decode_features(fields)?,
            "subscriber" => roles.subscriber = decode_features(fields)?,
            "caller" => roles.caller = decode_features(fields)?,
            "callee" => roles.callee = decode_features(fields)?,
            _ => fields.skip()?,
        }
        Ok(())
    })?;
    Ok(roles)
}

/// The one feature that is announced beside the others, in the role itself (FEA-10).
const REFLECTION: &str = "reflection";

/// The features in one role's dictionary: `{"features": {name: bool}}`, none where there is no such key (FEA-07).
fn decode_features<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Option<Features>, DecodeError> {
    let mut features = Features::NONE;
    let is_role = fields.dict_option("roles", |fields, key| match &*key {
        "features" => decode_names(fields, &mut features),
        REFLECTION => {
            if fields.bool(REFLECTION)? == Some(true) {
                features |= Features::REFLECTION;
            }
            Ok(())
        }
        _ => fields.skip(),
    })?;
    Ok(is_role.then_some(features))
}

fn decode_names<'a, R: Reader<'a>>(
    fields: &mut Fields<'a, R>,
    features: &mut Features,
) -> Result<(), DecodeError> {
    fields.dict_option("features", |fields, name| {
        match Features::from_name(&name) {
            Some(feature) if fields.bool("features")? == Some(true) => *features |= feature,
            Some(_) => {}
            None => fields.skip()?,
        }
        Ok(())
    })?;
    Ok(())
}

fn encode_roles(to: &mut Encoder<'_>, roles: &[(&str, Option<Features>)]) {
    to.map(roles.iter().filter(|(_, features)| features.is_some()).count());
    for (role, features) in roles {
        let Some(features) = features else { continue };
        to.key(role);
        let inside = features.without(Features::REFLECTION);
        let is_reflecting = features.contains(Features::REFLECTION);
        to.map(usize::from(inside != Features::NONE) + usize::from(is_reflecting));
        if inside != Features::NONE {
            to.key("features");
            to.map(inside.names().count());
            for name in inside.names() {
                to.key(name);
                to.bool(true);
            }
            to.end_map();
        }
        if is_reflecting {
            to.key(REFLECTION);
            to.bool(true);
        }
        to.end_map();
    }
    to.end_map();
}

/// `[WELCOME, Session|id, Details|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome<'a> {
    /// The new session.
    pub session: SessionId,
    /// Who it is, and what the router can do.
    pub details: WelcomeDetails<'a>,
}

/// `WELCOME.Details`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WelcomeDetails<'a> {
    /// The roles of the router (SES-04).
    pub roles: RouterRoles,
    /// The software of the router (SES-05).
    pub agent: Option<Cow<'a, str>>,
    /// The realm joined.
    pub realm: Option<Cow<'a, str>>,
    /// Who the session is (SES-23).
    pub authid: Option<Cow<'a, str>>,
    /// What it may do.
    pub authrole: Option<Cow<'a, str>>,
    /// How it proved it.
    pub authmethod: Option<Cow<'a, str>>,
    /// Who vouches for it.
    pub authprovider: Option<Cow<'a, str>>,
    /// More from the authentication.
    pub authextra: Option<Value>,
}

impl<'a> Welcome<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let session = fields.id(SessionId::new)?;
        let mut details = WelcomeDetails::default();
        fields.dict(|fields, key| {
            match &*key {
                "roles" => {
                    fields.dict_option("roles", |fields, role| {
                        match &*role {
                            "broker" => details.roles.broker = decode_features(fields)?,
                            "dealer" => details.roles.dealer = decode_features(fields)?,
                            _ => fields.skip()?,
                        }
                        Ok(())
                    })?;
                }
                "agent" => details.agent = fields.string("agent")?,
                "realm" => details.realm = fields.string("realm")?,
                "authid" => details.authid = fields.string("authid")?,
                "authrole" => details.authrole = fields.string("authrole")?,
                "authmethod" => details.authmethod = fields.string("authmethod")?,
                "authprovider" => details.authprovider = fields.string("authprovider")?,
                "authextra" => {
                    details.authextra = Some(fields.value()?).filter(|extra| *extra != Value::Null);
                }
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        Ok(Welcome { session, details })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let details = &self.details;
        let strings = [
            ("agent", &details.agent),
            ("realm", &details.realm),
            ("authid", &details.authid),
            ("authrole", &details.authrole),
            ("authmethod", &details.authmethod),
            ("authprovider", &details.authprovider),
        ];
        to.array(3);
        to.uint(MessageType::Welcome.code());
        to.uint(self.session.value());
        to.map(
            1 + strings.iter().filter(|(_, text)| text.is_some()).count()
                + usize::from(details.authextra.is_some()),
        );
        to.key("roles");
        encode_roles(to, &[("broker", details.roles.broker), ("dealer", details.roles.dealer)]);
        for (key, text) in strings {
            if let Some(text) = text {
                to.key(key);
                to.str(text);
            }
        }
        if let Some(extra) = &details.authextra {
            to.key("authextra");
            extra.encode(to);
        }
        to.end_map();
        to.end_array();
    }
}

/// `[ABORT, Details|dict, Reason|uri, Arguments|list, ArgumentsKw|dict]`, the payload being optional (SES-15)
#[derive(Debug, Clone, PartialEq)]
pub struct Abort<'a> {
    /// A sentence for people.
    pub message: Option<Cow<'a, str>>,
    /// Why, a URI.
    pub reason: Cow<'a, str>,
    /// More about it.
    pub payload: Payload<'a>,
}

impl<'a> Abort<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let message = decode_message(fields)?;
        Ok(Abort { message, reason: fields.text("a reason URI")?, payload: fields.payload(false)? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3 + self.payload.elements());
        to.uint(MessageType::Abort.code());
        encode_dict(to, &[("message", &self.message)], None);
        to.str(&self.reason);
        self.payload.encode(to);
        to.end_array();
    }
}

/// `[GOODBYE, Details|dict, Reason|uri]`
#[derive(Debug, Clone, PartialEq)]
pub struct Goodbye<'a> {
    /// A sentence for people.
    pub message: Option<Cow<'a, str>>,
    /// Why, a URI.
    pub reason: Cow<'a, str>,
}

impl<'a> Goodbye<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let message = decode_message(fields)?;
        Ok(Goodbye { message, reason: fields.text("a reason URI")? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Goodbye.code());
        encode_dict(to, &[("message", &self.message)], None);
        to.str(&self.reason);
        to.end_array();
    }
}

/// `Details.message` of ABORT and GOODBYE.
fn decode_message<'a, R: Reader<'a>>(
    fields: &mut Fields<'a, R>,
) -> Result<Option<Cow<'a, str>>, DecodeError> {
    let mut message = None;
    fields.dict(|fields, key| {
        match &*key {
            "message" => message = fields.string("message")?,
            _ => fields.skip()?,
        }
        Ok(())
    })?;
    Ok(message)
}

/// `[CHALLENGE, AuthMethod|string, Extra|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Challenge<'a> {
    /// The method chosen.
    pub authmethod: Cow<'a, str>,
    /// What the method needs.
    pub extra: Dict,
}

impl<'a> Challenge<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        Ok(Challenge { authmethod: fields.text("an authentication method")?, extra: fields.tree()? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Challenge.code());
        to.str(&self.authmethod);
        self.extra.encode(to);
        to.end_array();
    }
}

/// `[AUTHENTICATE, Signature|string, Extra|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Authenticate<'a> {
    /// The proof.
    pub signature: Cow<'a, str>,
    /// More for the method.
    pub extra: Dict,
}

impl<'a> Authenticate<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        Ok(Authenticate { signature: fields.text("a signature")?, extra: fields.tree()? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Authenticate.code());
        to.str(&self.signature);
        self.extra.encode(to);
        to.end_array();
    }
}
