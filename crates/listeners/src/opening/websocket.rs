//! Opening a WebSocket, or finding out that an HTTP request asks for something else.

use std::sync::Arc;

use router::{Format, HttpDetails, HttpHeaders, TransportDetails};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::warn;
use transport::http::{HttpError, MAX_HEAD, Request, response};
use transport::websocket::{AcceptOptions, Accepted, Decoder, Options, Role, accept};

use super::{Context, Greeting, Opening, Refused};
use crate::WebSocketConfig;
use crate::connection::Wire;

pub(super) async fn greet<S>(opening: &mut Opening<S>) -> Result<Greeting, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let context = Arc::clone(&opening.context);
    if context.config.websocket.is_none() && context.handler.is_none() {
        return Err(Refused::Silently("HTTP is not spoken here"));
    }
    let request = head(opening).await?;
    if opening.admitted.is_turned_away() {
        return Err(answered(503, "There are too many connections."));
    }
    if let (Some(config), true) = (&context.config.websocket, is_for_websocket(&request, &context)) {
        return upgrade(opening, &request, config).await;
    }
    match &context.handler {
        Some(handler) if !asks_for_websocket(&request) => Ok(Greeting::Request(request, Arc::clone(handler))),
        _ => Err(answered(404, "There is nothing here.")),
    }
}

/// Reads until the head of a request is there.
async fn head<S>(opening: &mut Opening<S>) -> Result<Request, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Methods are capital letters. What begins otherwise wouldn't understand an answer in HTTP (RAW-02).
    if !opening.received.first().is_some_and(|first| first.is_ascii_uppercase() || b"\r\n".contains(first)) {
        return Err(Refused::Silently("its first byte is that of no protocol spoken here"));
    }
    let mut looked_at = 0;
    loop {
        let fresh = opening.received.get(looked_at..).unwrap_or_default();
        // A head that comes in byte by byte isn't parsed again for each.
        if fresh.contains(&b'\n') || opening.received.len() >= MAX_HEAD {
            let parsed = Request::parse(&opening.received)
                .map_err(|error: HttpError| answered(error.status(), &format!("{error}.")))?;
            if let Some((request, size)) = parsed {
                opening.received.drain(..size);
                return Ok(request);
            }
        }
        looked_at = opening.received.len();
        opening.receive().await?;
    }
}

fn asks_for_websocket(request: &Request) -> bool {
    request.list("upgrade").any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Whether it is for the WebSocket side to answer: an upgrade at one of its paths, or any request there if there is
/// nobody else.
fn is_for_websocket(request: &Request, context: &Context) -> bool {
    let Some(config) = &context.config.websocket else { return false };
    let is_here = config.paths.contains(&request.path);
    is_here && (asks_for_websocket(request) || context.handler.is_none())
}

async fn upgrade<S>(
    opening: &mut Opening<S>,
    request: &Request,
    config: &WebSocketConfig,
) -> Result<Greeting, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let options = AcceptOptions {
        protocols: &config.subprotocols,
        require_subprotocol: config.require_subprotocol,
        allowed_origins: &config.allowed_origins,
        allow_null_origin: config.allow_null_origin,
        compression: config.compression,
        server_header: config.server_header.as_deref(),
        extra_headers: &[],
    };
    let accepted = accept(request, &options).map_err(|refusal| {
        if refusal.status == 403 {
            warn!(peer = %opening.peer, origin = request.header("origin"), "WebSocket refused: {}", refusal.reason);
        }
        Refused::Answered(refusal.to_string(), refusal.response)
    })?;
    opening.send(&accepted.response).await?;
    let router = &opening.context.router;
    let max_message = config.message_bytes_max.unwrap_or(router.limits().message_bytes_max);
    let decoder = Decoder::new(Options {
        role: Role::Server,
        expect_text: Some(accepted.protocol.is_text()),
        max_message,
        deflate: accepted.deflate,
    });
    let format = Format { serializer: accepted.protocol.serializer, framing: accepted.framing() };
    let http = Some(Box::new(details(request, &accepted, config)));
    let transport = TransportDetails { http, ..opening.transport.clone() };
    let link = opening.context.link(format, usize::MAX, transport);
    Ok(Greeting::Session(Wire { decoder: transport::Decoder::WebSocket(decoder) }, link))
}

fn details(request: &Request, accepted: &Accepted, config: &WebSocketConfig) -> HttpDetails {
    let received = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    HttpDetails {
        headers_received: HttpHeaders::new(received),
        headers_sent: HttpHeaders::new(config.server_header.iter().map(|server| ("server", server.as_str()))),
        websocket_protocol: accepted.is_named.then(|| accepted.protocol.name()),
        deflate: accepted.deflate,
        cookie_id: None,
    }
}

fn answered(status: u16, reason: &str) -> Refused {
    Refused::Answered(reason.to_owned(), response(status, &[], &format!("{reason}\n")))
}
