//! Listening transports.

use wamp::Serializer;

use crate::config::endpoint::{EndpointSection, kind};
use crate::config::error::Problem;
use crate::config::item::{Data, Item};
use crate::config::section::section;
use crate::config::setting::{Bytes, Named, Place, Reading, Setting, alternatives, one_of};
use crate::config::websocket::WebSocketOptions;

/// A listening transport, by its `type`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TransportSection {
    WebSocket(WebSocketSection),
    RawSocket(RawSocketSection),
    Universal(UniversalSection),
    Web(WebSection),
}

section! {
    /// WebSocket on a port of its own, at `/`, `/ws` and the path of `url`.
    WebSocketSection ("WebSocket transport") {
        /// `websocket`.
        kind ("type"): TransportKind;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// Where to listen.
        endpoint: EndpointSection;
        /// The URL that clients use, where its path is another than `/` and `/ws`.
        url: Option<String> = None;
        /// The serializers to offer; left out, all of them.
        serializers: Option<Serializers> = None;
        /// How the WebSocket behaves.
        options: Option<WebSocketOptions> = None;
        /// Who may come in, and as whom; left out, anonymous clients with the authrole `anonymous`.
        auth: Option<AuthSection> = None;
    }
    no_effect { "debug": "logging is set for the whole process", }
    later { "cookie" }
}

section! {
    /// RawSocket on a port of its own.
    RawSocketSection ("RawSocket transport") {
        /// `rawsocket`.
        kind ("type"): TransportKind;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// Where to listen.
        endpoint: EndpointSection;
        /// The serializers to accept; left out, all of them.
        serializers: Option<Serializers> = None;
        /// How the RawSocket behaves.
        options: Option<RawSocketOptions> = None;
        /// Who may come in, and as whom; left out, anonymous clients with the authrole `anonymous`.
        auth: Option<AuthSection> = None;
    }
    no_effect { "debug": "logging is set for the whole process", }
}

section! {
    /// Several transports on one port, told apart by the first bytes. With neither `rawsocket` nor `websocket` it is
    /// RawSocket, and WebSocket at `/` and `/ws`.
    UniversalSection ("Universal transport") {
        /// `universal`.
        kind ("type"): TransportKind;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// Where to listen.
        endpoint: EndpointSection;
        /// RawSocket on this port.
        rawsocket: Option<RawSocketItem> = None;
        /// WebSocket on this port, by path: `ws` is `/ws`, and `/` the root.
        websocket: Option<Named<WebSocketItem>> = None;
    }
    later { "mqtt", "web" }
    check check_universal;
}

section! {
    /// WebSocket at some paths of a port that also serves HTTP.
    WebSection ("Web transport") {
        /// `web`.
        kind ("type"): TransportKind;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// Where to listen.
        endpoint: EndpointSection;
        /// What is at each path: `ws` is `/ws`, and `/` the root. Only the `type` `websocket` is there yet.
        paths: Named<PathSection>;
    }
    later { "options" }
    check check_web;
}

section! {
    /// RawSocket on a port that it shares.
    RawSocketItem ("RawSocket item") {
        /// The serializers to accept; left out, all of them.
        serializers: Option<Serializers> = None;
        /// How the RawSocket behaves.
        options: Option<RawSocketOptions> = None;
        /// Who may come in, and as whom; left out, anonymous clients with the authrole `anonymous`.
        auth: Option<AuthSection> = None;
    }
    no_effect { "debug": "logging is set for the whole process", }
}

section! {
    /// WebSocket at a path of a port that it shares.
    WebSocketItem ("WebSocket item") {
        /// `websocket`; needed below `paths` only.
        kind ("type"): Option<PathKind> = None;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// The serializers to offer; left out, all of them.
        serializers: Option<Serializers> = None;
        /// How the WebSocket behaves.
        options: Option<WebSocketOptions> = None;
        /// Who may come in, and as whom; left out, anonymous clients with the authrole `anonymous`.
        auth: Option<AuthSection> = None;
    }
    no_effect {
        "url": "clients are not told their URL",
        "debug": "logging is set for the whole process",
    }
    later { "cookie" }
}

section! {
    /// How a RawSocket behaves.
    RawSocketOptions ("RawSocket options") {
        /// The longest message accepted, rounded up to a power of two from 512 to 16 MiB; left out, it is
        /// `message_bytes_max` of the limits.
        max_message_size: Option<Bytes> = None;
    }
}

section! {
    /// Who may come in.
    AuthSection ("Auth") {
        /// Clients that say nothing about who they are.
        anonymous: AnonymousSection;
    }
    later {
        "ticket", "wampcra", "scram", "cryptosign", "cryptosign-proxy", "tls", "cookie", "anonymous-proxy", "proxy"
    }
}

section! {
    /// What anonymous clients become.
    AnonymousSection ("Anonymous") {
        /// `static`.
        kind ("type"): AuthKind;
        /// Their authrole.
        role: String = "anonymous".to_owned();
    }
    check check_anonymous;
}

/// What is at a path of a [`WebSection`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathSection(pub(crate) WebSocketItem);

impl Setting for PathSection {
    fn takes() -> String {
        WebSocketItem::takes()
    }

    fn reference() -> String {
        WebSocketItem::reference()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match kind::<PathKind>(item, at, reading)? {
            PathKind::WebSocket => WebSocketItem::read(item, at, reading).map(PathSection),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl Setting for TransportSection {
    fn takes() -> String {
        "a map".to_owned()
    }

    fn reference() -> String {
        let kinds = [
            WebSocketSection::reference(),
            RawSocketSection::reference(),
            UniversalSection::reference(),
            WebSection::reference(),
        ];
        kinds.join(", ")
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match kind(item, at, reading)? {
            TransportKind::WebSocket => {
                WebSocketSection::read(item, at, reading).map(TransportSection::WebSocket)
            }
            TransportKind::RawSocket => {
                RawSocketSection::read(item, at, reading).map(TransportSection::RawSocket)
            }
            TransportKind::Universal => {
                UniversalSection::read(item, at, reading).map(TransportSection::Universal)
            }
            TransportKind::Web => WebSection::read(item, at, reading).map(TransportSection::Web),
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

/// Declares the words of a `type`, and the further ones that Crossbar.io has.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($word:literal => $variant:ident),+ } later { $($later:literal),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant,)+
        }

        impl Setting for $name {
            fn takes() -> String {
                alternatives(&[$(($word, ())),+])
            }

            fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
                let later: &[&str] = &[$($later),*];
                match &item.data {
                    Data::Text(text) if later.contains(&text.as_str()) => {
                        Err(at.not_supported_yet::<Self>(item))
                    }
                    _ => one_of(&[$(($word, $name::$variant)),+], item, at),
                }
            }

            fn show(&self) -> String {
                String::new()
            }
        }
    };
}

kinds! {
    /// The `type` of a transport.
    TransportKind {
        "websocket" => WebSocket, "rawsocket" => RawSocket, "universal" => Universal, "web" => Web
    }
    later { "mqtt", "flashpolicy", "websocket.testee", "stream.testee" }
}

kinds! {
    /// The `type` of a path of a web transport.
    PathKind { "websocket" => WebSocket }
    later {
        "static", "websocket-reverseproxy", "longpoll", "json", "redirect", "nodeinfo", "reverseproxy", "publisher",
        "caller", "webhook", "wsgi", "resource", "cgi", "path", "wap", "archive", "catalog", "none", "pairme"
    }
}

kinds! {
    /// The `type` of an authentication method.
    AuthKind { "static" => Static }
    later { "dynamic", "function" }
}

/// `ubjson` is what clients mean by it today, which is BJData where nothing tells; on WebSocket their user agent does.
const SERIALIZERS: [(&str, Serializer); 5] = [
    ("json", Serializer::Json),
    ("msgpack", Serializer::MsgPack),
    ("cbor", Serializer::Cbor),
    ("ubjson", Serializer::Bjdata),
    ("ubjson-draft12", Serializer::Ubjson),
];

impl Setting for Serializer {
    fn takes() -> String {
        alternatives(&SERIALIZERS)
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match &item.data {
            Data::Text(text) if text == "flatbuffers" => Err(at.not_supported_yet::<Self>(item)),
            _ => one_of(&SERIALIZERS, item, at),
        }
    }

    fn show(&self) -> String {
        self.name().to_owned()
    }
}

/// Serializers to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serializers(pub(crate) Vec<Serializer>);

impl Setting for Serializers {
    fn takes() -> String {
        Vec::<Serializer>::takes()
    }

    fn reference() -> String {
        Vec::<Serializer>::reference()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let serializers = Vec::read(item, at, reading)?;
        if serializers.is_empty() {
            return Err(at.problem("expected at least one serializer; without `serializers` there are all"));
        }
        Ok(Serializers(serializers))
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// The authrole of clients that come in by this.
fn role(auth: Option<&AuthSection>) -> &str {
    auth.map_or("anonymous", |auth| &auth.anonymous.role)
}

impl TransportSection {
    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &EndpointSection {
        match self {
            TransportSection::WebSocket(section) => &section.endpoint,
            TransportSection::RawSocket(section) => &section.endpoint,
            TransportSection::Universal(section) => &section.endpoint,
            TransportSection::Web(section) => &section.endpoint,
        }
    }

    /// Whether RawSocket is spoken there.
    pub(crate) fn speaks_rawsocket(&self) -> bool {
        match self {
            TransportSection::WebSocket(_) | TransportSection::Web(_) => false,
            TransportSection::RawSocket(_) => true,
            TransportSection::Universal(section) => {
                section.rawsocket.is_some() || section.websocket.is_none()
            }
        }
    }

    /// The authrole of clients that come in by this transport: one for all of it, as was checked.
    pub(crate) fn role(&self) -> &str {
        match self {
            TransportSection::WebSocket(section) => role(section.auth.as_ref()),
            TransportSection::RawSocket(section) => role(section.auth.as_ref()),
            TransportSection::Universal(section) => match (&section.rawsocket, &section.websocket) {
                (Some(rawsocket), _) => role(rawsocket.auth.as_ref()),
                (None, Some(Named(paths))) => role(paths.first().and_then(|(_, item)| item.auth.as_ref())),
                (None, None) => role(None),
            },
            TransportSection::Web(WebSection { paths: Named(paths), .. }) => {
                role(paths.first().and_then(|(_, path)| path.0.auth.as_ref()))
            }
        }
    }
}

fn check_universal(universal: &UniversalSection, item: &Item, at: &Place) -> Result<(), Problem> {
    let Some(websocket) = &universal.websocket else { return Ok(()) };
    let items: Vec<&WebSocketItem> = websocket.0.iter().map(|(_, item)| item).collect();
    check_paths(&items, "websocket", item, at)?;
    let (Some(rawsocket), Some(first), Some(entry)) =
        (&universal.rawsocket, items.first(), item.entry("rawsocket"))
    else {
        return Ok(());
    };
    if role(rawsocket.auth.as_ref()) != role(first.auth.as_ref()) {
        let place = at.key("rawsocket", entry.line).key("auth", entry.line);
        return Err(place.problem("not supported yet: another role than that of WebSocket on the same port"));
    }
    Ok(())
}

fn check_web(web: &WebSection, item: &Item, at: &Place) -> Result<(), Problem> {
    let items: Vec<&WebSocketItem> = web.paths.0.iter().map(|(_, path)| &path.0).collect();
    check_paths(&items, "paths", item, at)
}

/// The paths of a port have to be sound, and what they speak alike: a listener has one set of options.
fn check_paths(items: &[&WebSocketItem], key: &str, item: &Item, at: &Place) -> Result<(), Problem> {
    let Some(paths) = item.entry(key) else { return Ok(()) };
    let at = at.key(key, paths.line);
    let Data::Map(entries) = &paths.item.data else { return Ok(()) };
    if entries.is_empty() {
        return Err(at.problem("expected at least one path"));
    }
    for (entry, item) in entries.iter().zip(items) {
        let place = at.key(&entry.key, entry.line);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if entry.key != "/" && (entry.key.is_empty() || !entry.key.chars().all(is_name)) {
            return Err(place.problem("expected `/`, or letters, digits, `_` and `-` as the name of a path"));
        }
        let is_like_first = items.first().is_none_or(|first| {
            (&first.serializers, &first.options, &first.auth)
                == (&item.serializers, &item.options, &item.auth)
        });
        if !is_like_first {
            return Err(place.problem(
                "not supported yet: another set of serializers, options or auth than the first path of this port",
            ));
        }
    }
    Ok(())
}

fn check_anonymous(anonymous: &AnonymousSection, item: &Item, at: &Place) -> Result<(), Problem> {
    let line = |key| item.entry(key).map_or(at.line, |entry| entry.item.line);
    if anonymous.role.is_empty() || anonymous.role == "trusted" {
        let text = "expected the name of a role; the empty one and `trusted` can't be given to clients";
        return Err(at.key("role", line("role")).problem(text));
    }
    Ok(())
}
