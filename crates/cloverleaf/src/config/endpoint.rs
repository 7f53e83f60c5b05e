//! Endpoints: the socket that a transport listens on, and its TLS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::error::Problem;
use crate::config::item::{Data, Item};
use crate::config::section::section;
use crate::config::setting::{Place, Reading, Setting, alternatives, one_of};

/// The socket that a transport listens on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EndpointSection {
    Tcp(TcpSection),
    Unix(UnixSection),
}

section! {
    /// A TCP socket.
    TcpSection ("TCP endpoint") {
        /// `tcp`.
        kind ("type"): EndpointKind;
        /// The port; 0 takes a free one. `"$NAME"` takes it from the environment.
        port: Port;
        /// The address of the interface to listen on, or `localhost`; left out, it is all of them.
        interface: Option<Interface> = None;
        /// The version of IP, where `interface` doesn't say it.
        version: IpVersion = IpVersion::V4;
        /// Connections that may wait to be accepted.
        backlog: u32 = 1024;
        /// Whether other processes may listen on the same port (`SO_REUSEPORT`).
        shared: bool = false;
        /// Speaks TLS on this port.
        tls: Option<TlsSection> = None;
    }
    no_effect { "user_timeout": "connections without progress are ended by the write timeout and by pings", }
    later { "portrange" }
    check check_tcp;
}

section! {
    /// A Unix domain socket.
    UnixSection ("Unix endpoint") {
        /// `unix`.
        kind ("type"): EndpointKind;
        /// The file, relative to the config file; `$NAME` and `${NAME}` are taken from the environment. A file that a
        /// process left behind is replaced.
        path: Expanded;
        /// Who may connect, as the file's mode: `"0660"`; left out, the process's mask decides.
        mode: Option<FileMode> = None;
    }
    no_effect { "backlog": "the system's own bound is used", }
}

section! {
    /// TLS on a TCP socket; files are PEM, relative to the config file.
    TlsSection ("TLS") {
        /// The private key.
        key: String;
        /// The certificate, or the whole chain.
        certificate: String;
        /// Further certificates of the chain.
        chain_certificates: Vec<String> = Vec::new();
        /// Authorities whose client certificates are accepted; given, clients must show one.
        ca_certificates: Vec<String> = Vec::new();
    }
    no_effect { "dhparam": "key exchange uses elliptic curves", }
    later { "ciphers" }
}

/// The `type` of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndpointKind {
    Tcp,
    Unix,
}

const KINDS: [(&str, EndpointKind); 2] = [("tcp", EndpointKind::Tcp), ("unix", EndpointKind::Unix)];

impl Setting for EndpointKind {
    fn takes() -> String {
        alternatives(&KINDS)
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match &item.data {
            Data::Text(text) if ["twisted", "onion"].contains(&text.as_str()) => {
                Err(at.not_supported_yet::<Self>(item))
            }
            _ => one_of(&KINDS, item, at),
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl Setting for EndpointSection {
    fn takes() -> String {
        "a map".to_owned()
    }

    fn reference() -> String {
        format!("{} or {}", TcpSection::reference(), UnixSection::reference())
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match kind(item, at, reading)? {
            EndpointKind::Tcp => TcpSection::read(item, at, reading).map(EndpointSection::Tcp),
            EndpointKind::Unix => UnixSection::read(item, at, reading).map(EndpointSection::Unix),
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

/// The value of `type`, which says what the rest of a map is.
pub(crate) fn kind<T: Setting>(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<T, Problem> {
    let Data::Map(_) = item.data else {
        return Err(at.problem(format!("expected a map, found {}", item.describe())));
    };
    let Some(entry) = item.entry("type") else {
        return Err(at.problem(format!("\"type\" is missing; expected {}", T::takes())));
    };
    T::read(&entry.item, &at.key("type", entry.item.line), reading)
}

/// A TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) u16);

impl Setting for Port {
    fn takes() -> String {
        "an integer from 0 to 65535, or \"$NAME\" of an environment variable that holds one".to_owned()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let name = match &item.data {
            Data::Int(port) => {
                return u16::try_from(*port).map(Port).map_err(|_| at.unexpected::<Self>(item));
            }
            Data::Text(text) => text.strip_prefix('$').ok_or_else(|| at.unexpected::<Self>(item))?,
            _ => return Err(at.unexpected::<Self>(item)),
        };
        let Some(value) = (reading.environment)(name) else {
            return Err(at.problem(format!("the environment variable {name} is not set")));
        };
        let port = value.trim().parse().map(Port);
        port.map_err(|_| {
            at.problem(format!("expected a port in the environment variable {name}, found {value:?}"))
        })
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// The version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

impl Setting for IpVersion {
    fn takes() -> String {
        "4 or 6".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match item.data {
            Data::Int(4) => Ok(IpVersion::V4),
            Data::Int(6) => Ok(IpVersion::V6),
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        match self {
            IpVersion::V4 => "4".to_owned(),
            IpVersion::V6 => "6".to_owned(),
        }
    }
}

/// Where a TCP socket listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    Address(IpAddr),
    Localhost,
}

impl Setting for Interface {
    fn takes() -> String {
        "an IP address or `localhost`".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match &item.data {
            Data::Text(text) if text == "localhost" => Ok(Interface::Localhost),
            Data::Text(text) => text.parse().map(Interface::Address).map_err(|_| at.unexpected::<Self>(item)),
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        match self {
            Interface::Address(address) => address.to_string(),
            Interface::Localhost => "localhost".to_owned(),
        }
    }
}

impl EndpointSection {
    /// The address, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            EndpointSection::Tcp(tcp) => SocketAddr::new(tcp.ip(), tcp.port.0).to_string(),
            EndpointSection::Unix(unix) => unix.path.0.clone(),
        }
    }
}

impl TcpSection {
    /// The address to bind to.
    pub(crate) fn ip(&self) -> IpAddr {
        match (self.interface, self.version) {
            (Some(Interface::Address(address)), _) => address,
            (Some(Interface::Localhost), IpVersion::V4) => Ipv4Addr::LOCALHOST.into(),
            (Some(Interface::Localhost), IpVersion::V6) => Ipv6Addr::LOCALHOST.into(),
            (None, IpVersion::V4) => Ipv4Addr::UNSPECIFIED.into(),
            (None, IpVersion::V6) => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

fn check_tcp(tcp: &TcpSection, item: &Item, at: &Place) -> Result<(), Problem> {
    let (Some(entry), Some(Interface::Address(address))) = (item.entry("version"), tcp.interface) else {
        return Ok(());
    };
    if address.is_ipv6() == (tcp.version == IpVersion::V6) {
        return Ok(());
    }
    let text = format!("the interface {address} is not one of IPv{}", tcp.version.show());
    Err(at.key("version", entry.item.line).problem(text))
}

/// Text whose `$NAME` and `${NAME}` are taken from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expanded(pub(crate) String);

impl Setting for Expanded {
    fn takes() -> String {
        "text".to_owned()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let text = String::read(item, at, reading)?;
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (name, behind) = variable(after).ok_or_else(|| {
                at.problem(format!("expected the name of an environment variable behind `$`, found {text:?}"))
            })?;
            let value = (reading.environment)(name);
            expanded.push_str(
                &value.ok_or_else(|| at.problem(format!("the environment variable {name} is not set")))?,
            );
            rest = behind;
        }
        expanded.push_str(rest);
        Ok(Expanded(expanded))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// Splits `NAME...` or `{NAME}...` behind its name.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            text.split_at(end)
        }
    };
    (!name.is_empty()).then_some((name, rest))
}

/// The mode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileMode(pub(crate) u32);

impl Setting for FileMode {
    fn takes() -> String {
        "text of three or four octal digits".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        let Data::Text(text) = &item.data else { return Err(at.unexpected::<Self>(item)) };
        let is_octal = (3..=4).contains(&text.len()) && text.chars().all(|c| c.is_digit(8));
        let mode = is_octal.then(|| u32::from_str_radix(text, 8).ok()).flatten();
        mode.map(FileMode).ok_or_else(|| at.unexpected::<Self>(item))
    }

    fn show(&self) -> String {
        format!("{:04o}", self.0)
    }
}
