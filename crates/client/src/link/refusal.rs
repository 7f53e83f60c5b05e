//! What a router says when it refuses to open a WebSocket: the body of its response, as far as it is a sentence for
//! people. Nothing depends on it, so it is neither waited for long nor read to its end.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// How much of a response is read.
const RESPONSE_MAX: usize = 4 * 1024;
/// How many characters of it are shown.
const SHOWN_MAX: usize = 200;
/// How long the rest of a response is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The beginning of the body of a response whose head is in `input`, in one line; `None` if it has no plain text.
pub(super) async fn body(socket: &mut (impl AsyncRead + Unpin), mut input: BytesMut) -> Option<String> {
    let head_size = input.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(input.get(..head_size)?).to_ascii_lowercase();
    let field = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(key, _)| *key == name).map(|(_, value)| value.trim()).next()
    };
    if !field("content-type")?.starts_with("text/plain") {
        return None;
    }
    let body_size = field("content-length").and_then(|size| size.parse().ok()).unwrap_or(RESPONSE_MAX);
    let size = head_size.saturating_add(body_size).min(RESPONSE_MAX);
    let rest = async { while input.len() < size && matches!(socket.read_buf(&mut input).await, Ok(1..)) {} };
    // What has come until then will do.
    let _ = timeout(PATIENCE, rest).await;
    let body = input.get(head_size..size.min(input.len()))?;
    line(&String::from_utf8_lossy(body))
}

/// A text as one line of bounded length.
fn line(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut shown: String = words.chars().take(SHOWN_MAX).collect();
    if shown.len() < words.len() {
        shown.push_str("...");
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(first: &str, mut rest: &[u8]) -> Option<String> {
        body(&mut rest, BytesMut::from(first)).await
    }

    #[tokio::test]
    async fn the_body_is_shown_in_one_line_of_bounded_length() {
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n";
        let cut = format!("{head}Content-Length: 15\r\n\r\nNot ");
        assert_eq!(shown(&cut, b"like\n this.and more").await.as_deref(), Some("Not like this."));
        let endless = shown(&format!("{head}\r\n"), "x".repeat(1 << 20).as_bytes()).await;
        assert_eq!(endless, Some(format!("{}...", "x".repeat(200))));
        assert_eq!(shown(&format!("{head}\r\n"), b"\x1b\x07 \r\n").await, None);
    }

    #[tokio::test]
    async fn pages_are_not_shown() {
        let head = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n";
        assert_eq!(shown(head, b"<html>").await, None);
        assert_eq!(shown("HTTP/1.1 404 Not Found\r\n\r\n", b"text").await, None);
    }
}
