//! Agreeing on permessage-deflate.
//!
//! A client offers, in order of preference; a server takes the first offer it can meet, or none. Four parameters are
//! at stake: whether each direction starts every message from scratch, and how large its window is.
//!
//! What Cloverleaf sends never depends on earlier messages, so a server always says `server_no_context_takeover`. What
//! it cannot do is compress for a window of 8 bits; such an offer is declined (as a client it then just sends
//! uncompressed).
//!
//! Spec: RFC 6455, "Sec-WebSocket-Extensions" (9.1); RFC 7692, "Extension Negotiation" (7.1).

use std::fmt::Write;

use super::Role;
use super::deflate::MIN_WINDOW_BITS;
use super::inflate::Inflation;

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT: &str = "client_no_context_takeover";
const SERVER_WINDOW: &str = "server_max_window_bits";
const CLIENT_WINDOW: &str = "client_max_window_bits";

const MAX_WINDOW_BITS: u8 = 15;

/// What was agreed about compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// The server compresses each message from scratch.
    pub server_no_context_takeover: bool,
    /// The client compresses each message from scratch.
    pub client_no_context_takeover: bool,
    /// The window of what the server sends, 8 to 15.
    pub server_max_window_bits: u8,
    /// The window of what the client sends, 8 to 15.
    pub client_max_window_bits: u8,
}

impl Default for Deflate {
    /// What an answer without parameters means.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: MAX_WINDOW_BITS,
            client_max_window_bits: MAX_WINDOW_BITS,
        }
    }
}

impl Deflate {
    /// The inflater that the end `role` needs for what the other end sends.
    pub(super) fn inflation(self, role: Role) -> Inflation {
        let (alone, window_bits) = match role {
            Role::Server => (self.client_no_context_takeover, self.client_max_window_bits),
            Role::Client => (self.server_no_context_takeover, self.server_max_window_bits),
        };
        if alone { Inflation::PerMessage } else { Inflation::kept(window_bits) }
    }
}

/// What a server wants of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressionOptions {
    /// The largest window for what the server sends, 9 to 15.
    pub max_window_bits: u8,
    /// Whether clients are told to compress each message from scratch. If not, each of their connections costs an
    /// inflater of some dozen KiB.
    pub request_no_context_takeover: bool,
    /// The largest window for what clients send, 9 to 15. Offers of clients that can't be told are then declined.
    pub request_max_window_bits: Option<u8>,
}

impl Default for CompressionOptions {
    fn default() -> Self {
        Self {
            max_window_bits: MAX_WINDOW_BITS,
            request_no_context_takeover: true,
            request_max_window_bits: None,
        }
    }
}

/// A server's answer to the offers in a request's `Sec-WebSocket-Extensions` fields: what was agreed, and the value of
/// the field in the response. `None` if no offer can be met, or there is none.
pub fn negotiate<'h>(
    offers: impl Iterator<Item = &'h str>,
    options: &CompressionOptions,
) -> Option<(Deflate, String)> {
    offers.flat_map(|field| split_unquoted(field, ',')).find_map(|offer| meet(offer, options))
}

/// The answer to one offer, if it can be met.
fn meet(offer: &str, options: &CompressionOptions) -> Option<(Deflate, String)> {
    let offered = Parameters::parse(offer)?;
    let server_window = match offered.server_window {
        Some(Window::Bits(bits)) => bits.min(options.max_window_bits),
        Some(Window::Any) => return None,
        None => options.max_window_bits,
    };
    if !(MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&server_window) {
        return None;
    }
    let client_hint = match offered.client_window {
        Some(Window::Bits(bits)) => bits,
        Some(Window::Any) | None => MAX_WINDOW_BITS,
    };
    let client_window = match options.request_max_window_bits {
        Some(_) if offered.client_window.is_none() => return None,
        Some(requested) => client_hint.min(requested.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS)),
        None => client_hint,
    };
    let agreed = Deflate {
        server_no_context_takeover: true,
        client_no_context_takeover: offered.client_no_context || options.request_no_context_takeover,
        server_max_window_bits: server_window,
        client_max_window_bits: client_window,
    };
    let answer = Parameters {
        server_no_context: true,
        client_no_context: agreed.client_no_context_takeover,
        server_window: (offered.server_window.is_some() || server_window < MAX_WINDOW_BITS)
            .then_some(Window::Bits(server_window)),
        client_window: options.request_max_window_bits.map(|_| Window::Bits(client_window)),
    };
    Some((agreed, answer.to_field()))
}

/// What a client offers. The default asks the server to start each message from scratch, so that the connection needs
/// no inflater of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateOffer {
    /// Ask the server to compress each message from scratch.
    pub server_no_context_takeover: bool,
    /// Ask the server for a window of at most 8 to 15 bits.
    pub server_max_window_bits: Option<u8>,
}

impl Default for DeflateOffer {
    fn default() -> Self {
        Self { server_no_context_takeover: true, server_max_window_bits: None }
    }
}

impl DeflateOffer {
    /// The value of `Sec-WebSocket-Extensions` in the request.
    pub fn to_field(self) -> String {
        let parameters = Parameters {
            server_no_context: self.server_no_context_takeover,
            // It is what we do in any case, and the server may save memory when it knows.
            client_no_context: true,
            server_window: self
                .server_max_window_bits
                .map(|bits| Window::Bits(bits.clamp(8, MAX_WINDOW_BITS))),
            client_window: Some(Window::Any),
        };
        parameters.to_field()
    }

    /// What the server's answer means; `None` if it is no answer to this offer.
    pub fn agree(self, answer: &str) -> Option<Deflate> {
        let answer = Parameters::parse(answer)?;
        let window = |window: Option<Window>| match window {
            Some(Window::Bits(bits)) => Some(bits),
            Some(Window::Any) => None,
            None => Some(MAX_WINDOW_BITS),
        };
        let agreed = Deflate {
            server_no_context_takeover: answer.server_no_context,
            client_no_context_takeover: answer.client_no_context,
            server_max_window_bits: window(answer.server_window)?,
            client_max_window_bits: window(answer.client_window)?,
        };
        let asked_window =
            self.server_max_window_bits.map_or(MAX_WINDOW_BITS, |bits| bits.clamp(8, MAX_WINDOW_BITS));
        let keeps_context = self.server_no_context_takeover && !agreed.server_no_context_takeover;
        (!keeps_context && agreed.server_max_window_bits <= asked_window).then_some(agreed)
    }
}

/// The parameters of an offer or an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context: bool,
    client_no_context: bool,
    server_window: Option<Window>,
    client_window: Option<Window>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// The parameter came without a value, which means 15 at most.
    Any,
    Bits(u8),
}

impl Parameters {
    /// Reads one element of the field; `None` if it is another extension, or has a parameter that is unknown, repeated
    /// or without meaning.
    fn parse(element: &str) -> Option<Self> {
        let mut parts = split_unquoted(element, ';');
        if !parts.next()?.eq_ignore_ascii_case(NAME) {
            return None;
        }
        let mut parsed = Self::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start())?)),
                None => (part, None),
            };
            match name.to_ascii_lowercase().as_str() {
                SERVER_NO_CONTEXT => set_flag(&mut parsed.server_no_context, value)?,
                CLIENT_NO_CONTEXT => set_flag(&mut parsed.client_no_context, value)?,
                SERVER_WINDOW => set_window(&mut parsed.server_window, value)?,
                CLIENT_WINDOW => set_window(&mut parsed.client_window, value)?,
                _ => return None,
            }
        }
        Some(parsed)
    }

    fn to_field(self) -> String {
        let mut field = NAME.to_owned();
        for (name, is_set) in
            [(SERVER_NO_CONTEXT, self.server_no_context), (CLIENT_NO_CONTEXT, self.client_no_context)]
        {
            if is_set {
                // Writing to a String can't fail, here and below.
                let _ = write!(field, "; {name}");
            }
        }
        for (name, window) in [(SERVER_WINDOW, self.server_window), (CLIENT_WINDOW, self.client_window)] {
            let _ = match window {
                Some(Window::Any) => write!(field, "; {name}"),
                Some(Window::Bits(bits)) => write!(field, "; {name}={bits}"),
                None => Ok(()),
            };
        }
        field
    }
}

fn set_flag(flag: &mut bool, value: Option<&str>) -> Option<()> {
    let is_new = !*flag && value.is_none();
    *flag = true;
    is_new.then_some(())
}

fn set_window(window: &mut Option<Window>, value: Option<&str>) -> Option<()> {
    let read = match value {
        None => Window::Any,
        Some(value) => Window::Bits(parse_bits(value)?),
    };
    window.replace(read).is_none().then_some(())
}

/// 8 to 15, without leading zeros or signs.
fn parse_bits(value: &str) -> Option<u8> {
    let bits = value.parse::<u8>().ok().filter(|bits| (8..=MAX_WINDOW_BITS).contains(bits))?;
    (bits.to_string() == value).then_some(bits)
}

/// A token, or the content of a quoted string without escapes (none of our values needs any).
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|content| !content.contains(['"', '\\'])),
        None => Some(value),
    }
}

/// The parts between separators that don't stand in a quoted string, trimmed.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let was_escaped = escaped;
        escaped = quoted && c == '\\' && !was_escaped;
        if c == '"' && !was_escaped {
            quoted = !quoted;
        }
        c == separator && !quoted
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(offer: &str, options: CompressionOptions) -> Option<String> {
        negotiate([offer].into_iter(), &options).map(|(_, field)| field)
    }

    fn by_default(offer: &str) -> Option<String> {
        answer(offer, CompressionOptions::default())
    }

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    // WSK-12
    #[test]
    fn what_browsers_offer_is_taken() {
        assert_eq!(by_default("permessage-deflate").as_deref(), Some(PLAIN));
        assert_eq!(by_default("permessage-deflate; client_max_window_bits").as_deref(), Some(PLAIN));
        assert_eq!(by_default("Permessage-Deflate;Client_Max_Window_Bits=\"12\"").as_deref(), Some(PLAIN));
        assert_eq!(by_default(""), None);
        assert_eq!(by_default("x-webkit-deflate-frame"), None);
    }

    #[test]
    fn a_window_for_the_server_is_kept_to() {
        for bits in 9..=15 {
            let offer = format!("permessage-deflate; server_max_window_bits={bits}");
            let (agreed, field) = negotiate([offer.as_str()].into_iter(), &CompressionOptions::default())
                .expect("it can be met");
            assert_eq!(agreed.server_max_window_bits, bits);
            assert_eq!(field, format!("{PLAIN}; server_max_window_bits={bits}"));
        }
        let small = CompressionOptions { max_window_bits: 10, ..Default::default() };
        let expected = format!("{PLAIN}; server_max_window_bits=10");
        assert_eq!(answer("permessage-deflate", small), Some(expected.clone()));
        assert_eq!(answer("permessage-deflate; server_max_window_bits=12", small), Some(expected));
    }

    #[test]
    fn the_first_offer_that_can_be_met_is_taken() {
        let offers = "permessage-deflate; server_max_window_bits=8, x-other; a=\"1,2\", permessage-deflate; unknown, \
                      permessage-deflate; server_max_window_bits=11, permessage-deflate";
        assert_eq!(by_default(offers), Some(format!("{PLAIN}; server_max_window_bits=11")));
        let fields = ["x-other", "permessage-deflate"];
        assert!(negotiate(fields.into_iter(), &CompressionOptions::default()).is_some());
    }

    #[test]
    fn offers_without_meaning_are_declined() {
        for parameters in [
            "server_max_window_bits",
            "server_max_window_bits=8",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=010",
            "server_max_window_bits=+10",
            "server_max_window_bits=\"10",
            "server_max_window_bits=",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=99",
            "client_max_window_bits; client_max_window_bits",
            "server_no_context_takeover=1",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "unknown",
            "",
        ] {
            assert_eq!(by_default(&format!("permessage-deflate; {parameters}")), None, "{parameters}");
        }
    }

    #[test]
    fn a_request_for_the_clients_window_needs_a_client_that_can() {
        let options = CompressionOptions { request_max_window_bits: Some(10), ..Default::default() };
        assert_eq!(answer("permessage-deflate", options), None);
        let with = |bits| Some(format!("{PLAIN}; client_max_window_bits={bits}"));
        assert_eq!(answer("permessage-deflate; client_max_window_bits", options), with(10));
        assert_eq!(answer("permessage-deflate; client_max_window_bits=9", options), with(9));
        assert_eq!(answer("permessage-deflate; client_max_window_bits=12", options), with(10));
    }

    #[test]
    fn a_client_may_keep_its_context_only_if_it_is_let() {
        let options = CompressionOptions { request_no_context_takeover: false, ..Default::default() };
        let (agreed, field) = negotiate(["permessage-deflate"].into_iter(), &options).expect("it can be met");
        assert!(!agreed.client_no_context_takeover);
        assert_eq!(field, "permessage-deflate; server_no_context_takeover");
        assert!(matches!(agreed.inflation(Role::Server), Inflation::Kept(_)));
        assert!(matches!(agreed.inflation(Role::Client), Inflation::PerMessage));
        assert_eq!(answer("permessage-deflate; client_no_context_takeover", options).as_deref(), Some(PLAIN));
    }

    #[test]
    fn a_client_checks_that_the_answer_fits_its_offer() {
        let offer = DeflateOffer { server_no_context_takeover: true, server_max_window_bits: Some(12) };
        assert_eq!(
            offer.to_field(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; \
             client_max_window_bits"
        );
        let agree = |parameters: &str| {
            offer.agree(&format!("permessage-deflate; server_no_context_takeover{parameters}"))
        };
        assert!(agree("; server_max_window_bits=12").is_some());
        assert!(agree("; server_max_window_bits=9; client_max_window_bits=9").is_some());
        assert_eq!(agree(""), None, "the window was not confirmed");
        assert_eq!(agree("; server_max_window_bits=13"), None);
        assert_eq!(agree("; server_max_window_bits=12; client_max_window_bits"), None);
        assert_eq!(offer.agree("permessage-deflate; server_max_window_bits=12"), None, "the context is kept");
        assert_eq!(DeflateOffer::default().agree("x-other"), None);
    }

    #[test]
    fn server_and_client_understand_each_other() {
        for server_no_context_takeover in [false, true] {
            for server_max_window_bits in [None, Some(9), Some(15)] {
                let offer = DeflateOffer { server_no_context_takeover, server_max_window_bits };
                for request_max_window_bits in [None, Some(9), Some(15)] {
                    let options = CompressionOptions { request_max_window_bits, ..Default::default() };
                    let (agreed, field) =
                        negotiate([offer.to_field().as_str()].into_iter(), &options).expect("it can be met");
                    assert_eq!(offer.agree(&field), Some(agreed));
                }
            }
        }
    }
}
