//! The head of an HTTP/1.1 request: enough to open a WebSocket, and to tell which other service is asked for.
//!
//! It reads no bodies and knows no routes; percent-encoding in paths is left as it is.

use std::fmt::Write;

/// The longest head of a request or a response that is read, in bytes.
pub const MAX_HEAD: usize = 16 * 1024;
/// The most header fields that are read.
pub const MAX_HEADERS: usize = 100;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, as it was sent: `GET`.
    pub method: String,
    /// The path, without the query and, if the target was a whole URL, without scheme and authority.
    pub path: String,
    /// What follows the `?`, if there is one.
    pub query: Option<String>,
    /// The minor version: 1 of HTTP/1.1.
    pub minor_version: u8,
    /// The header fields in their order, names in lower case, values without white space around them.
    pub headers: Vec<(String, String)>,
}

/// Why a request can't be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// It isn't HTTP/1.x.
    #[error("this is no HTTP/1.1 request")]
    Malformed,
    /// The head is longer than [`MAX_HEAD`] or has more than [`MAX_HEADERS`] fields.
    #[error("the head of the request is too large")]
    TooLarge,
}

impl HttpError {
    /// The status code to answer with.
    pub const fn status(self) -> u16 {
        match self {
            HttpError::Malformed => 400,
            HttpError::TooLarge => 431,
        }
    }
}

impl From<httparse::Error> for HttpError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => HttpError::TooLarge,
            _ => HttpError::Malformed,
        }
    }
}

impl Request {
    /// Reads the head of a request at the front of `input`; `None` if it isn't all there yet, otherwise also how many
    /// bytes it took.
    ///
    /// # Errors
    /// A head that isn't HTTP/1.x or exceeds the bounds, as soon as that is known.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, HttpError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut fields);
        let size = match request.parse(head(input))? {
            httparse::Status::Complete(size) => size,
            httparse::Status::Partial if input.len() >= MAX_HEAD => return Err(HttpError::TooLarge),
            httparse::Status::Partial => return Ok(None),
        };
        let (Some(method), Some(target), Some(minor_version)) =
            (request.method, request.path, request.version)
        else {
            return Err(HttpError::Malformed);
        };
        let target = origin_form(target);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let headers = owned(request.headers);
        let parsed = Self { method: method.to_owned(), path: path.to_owned(), query, minor_version, headers };
        Ok(Some((parsed, size)))
    }

    /// The value of the first field of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The values of all fields of this name, which is given in lower case.
    pub fn header_all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        all(&self.headers, name)
    }

    /// The elements of the comma-separated lists in all fields of this name, which is given in lower case.
    pub fn list<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        list(&self.headers, name)
    }
}

/// Makes the bytes of a whole response with a text as its body, after which the connection is closed.
///
/// Control characters in header fields are replaced by spaces, so that no value can add a field of its own.
pub fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} {}\r\n", reason_phrase(status));
    for (name, value) in headers {
        push_header(&mut out, name, value);
    }
    push_header(&mut out, "Content-Type", "text/plain; charset=utf-8");
    push_header(&mut out, "Content-Length", &body.len().to_string());
    push_header(&mut out, "Connection", "close");
    out.push_str("\r\n");
    out.push_str(body);
    out.into_bytes()
}

/// The phrase that goes with a status code.
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

/// Appends a header field, made harmless.
pub(crate) fn push_header(out: &mut String, name: &str, value: &str) {
    let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
    // Writing to a String can't fail.
    let _ = write!(out, "{}: {}\r\n", clean(name), clean(value));
}

/// As much of the input as may be a head.
pub(crate) fn head(input: &[u8]) -> &[u8] {
    input.get(..MAX_HEAD).unwrap_or(input)
}

pub(crate) fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let value = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    headers.iter().map(|field| (field.name.to_ascii_lowercase(), value(field.value))).collect()
}

pub(crate) fn all<'h>(headers: &'h [(String, String)], name: &'h str) -> impl Iterator<Item = &'h str> {
    headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
}

pub(crate) fn list<'h>(headers: &'h [(String, String)], name: &'h str) -> impl Iterator<Item = &'h str> {
    all(headers, name).flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// Servers have to take a whole URL as a target, too (RFC 9112, 3.2.2).
fn origin_form(target: &str) -> &str {
    let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    match target.split_once("://") {
        Some((scheme, rest)) if is_http(scheme) => {
            rest.find(['/', '?']).and_then(|start| rest.get(start..)).unwrap_or("/")
        }
        _ => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str =
        "POST /call/me?a=1&b=2 HTTP/1.1\r\nHost: example.com\r\nX-List: a, b\r\nx-list:c\r\n\r\nbody";

    fn parse(text: &str) -> Result<Option<(Request, usize)>, HttpError> {
        Request::parse(text.as_bytes())
    }

    #[test]
    fn a_request_is_taken_apart() {
        let (request, size) = parse(REQUEST).expect("it is well-formed").expect("it is complete");
        assert_eq!(size, REQUEST.len() - 4);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/call/me"));
        assert_eq!(request.query.as_deref(), Some("a=1&b=2"));
        assert_eq!(request.minor_version, 1);
        assert_eq!(request.header("host"), Some("example.com"));
        assert_eq!(request.header("none"), None);
        assert_eq!(request.list("x-list").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_partial_request_waits() {
        for len in 0..REQUEST.len() - 4 {
            assert_eq!(parse(&REQUEST[..len]), Ok(None), "{len}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse("hello there\r\n\r\n"), Err(HttpError::Malformed));
        assert_eq!(parse("GET / HTTP/2.0\r\n\r\n"), Err(HttpError::Malformed));
        assert_eq!(Request::parse(&[0x7F, 0xF1, 0, 0]), Err(HttpError::Malformed));
    }

    #[test]
    fn a_head_is_bounded() {
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_HEAD));
        assert_eq!(parse(&long), Err(HttpError::TooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(parse(&many), Err(HttpError::TooLarge));
        assert_eq!(HttpError::TooLarge.status(), 431);
    }

    #[test]
    fn a_whole_url_is_a_target_too() {
        for (target, path, query) in [
            ("http://a.b:80/c?d", "/c", Some("d")),
            ("HTTPS://a", "/", None),
            ("/c?x=http://a/", "/c", Some("x=http://a/")),
        ] {
            let (request, _) =
                parse(&format!("GET {target} HTTP/1.1\r\n\r\n")).expect("well-formed").expect("complete");
            assert_eq!((request.path.as_str(), request.query.as_deref()), (path, query));
        }
    }

    #[test]
    fn a_response_can_not_be_split_by_a_value() {
        let response = response(403, &[("Server", "a\r\nSet-Cookie: b")], "no");
        let text = String::from_utf8(response).expect("it is text");
        assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\nServer: a  Set-Cookie: b\r\n"));
        assert!(text.ends_with("Content-Length: 2\r\nConnection: close\r\n\r\nno"));
    }
}
