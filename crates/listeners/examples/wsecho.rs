//! A WebSocket server that sends back what it gets: `wsecho 127.0.0.1:9001`.
//!
//! It is what WebSocket conformance suites run against: the frame codec of the router, permessage-deflate with all its
//! parameters included, without the router. It takes text and binary messages, and any subprotocol or none.

use std::env;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use transport::websocket::{
    self, AcceptOptions, CompressionOptions, Decoder, Deflate, Options, Request, Role, accept,
};
use transport::{FrameError, Framing, Step};

/// Suites send messages of up to 16 MiB.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                // A peer that is gone is nothing to speak of here.
                let _ = serve(stream).await;
            });
        }
    })
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::new();
    let Some(deflate) = open(&mut stream, &mut input).await? else { return Ok(()) };
    let options = Options { role: Role::Server, expect_text: None, max_message: MESSAGE_BYTES_MAX, deflate };
    let mut decoder = Decoder::new(options);
    let mut output = Vec::new();
    let mut needed = 0;
    loop {
        while input.len() < needed.max(1) {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
        let (consumed, progress) = answer(&mut decoder, deflate, &mut input, &mut output);
        input.drain(..consumed);
        stream.write_all(&output).await?;
        output.clear();
        match progress {
            Progress::Needs(bytes) => needed = bytes,
            Progress::Closed => {
                stream.shutdown().await?;
                while stream.read_buf(&mut input).await? > 0 {
                    input.clear();
                }
                return Ok(());
            }
        }
    }
}

/// The opening handshake; `None` if it was refused.
async fn open(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<Option<Option<Deflate>>> {
    let options = AcceptOptions {
        protocols: &[],
        require_subprotocol: false,
        allowed_origins: &["*".to_owned()],
        allow_null_origin: true,
        // Clients that keep their context are the harder case.
        compression: Some(CompressionOptions {
            request_no_context_takeover: false,
            ..CompressionOptions::default()
        }),
        server_header: None,
        extra_headers: &[],
    };
    loop {
        if stream.read_buf(input).await? == 0 {
            return Ok(None);
        }
        let Some((request, size)) = Request::parse(input).map_err(io::Error::other)? else { continue };
        input.drain(..size);
        return match accept(&request, &options) {
            Ok(accepted) => {
                stream.write_all(&accepted.response).await?;
                Ok(Some(accepted.deflate))
            }
            Err(refusal) => {
                stream.write_all(&refusal.response).await?;
                Ok(None)
            }
        };
    }
}

enum Progress {
    /// So many bytes must be there to go on.
    Needs(usize),
    /// A close frame was sent.
    Closed,
}

/// Answers all whole frames in `input`, and says how many bytes they took.
fn answer(
    decoder: &mut Decoder,
    deflate: Option<Deflate>,
    input: &mut [u8],
    output: &mut Vec<u8>,
) -> (usize, Progress) {
    let mut consumed = 0;
    loop {
        let step = match decoder.decode(&mut input[consumed..]) {
            Ok(step) => step,
            Err(error) => {
                close(error, output);
                return (consumed, Progress::Closed);
            }
        };
        consumed += step.consumed();
        match step {
            Step::Incomplete { needed } => return (consumed, Progress::Needs(needed)),
            Step::Message { text, payload, .. } => framing(text, deflate).frame_bytes(output, payload),
            Step::Ping { payload, .. } => websocket::write_pong(output, payload),
            Step::Close { code, .. } => {
                websocket::write_close(output, code, "");
                return (consumed, Progress::Closed);
            }
            Step::Consumed { .. } | Step::Pong { .. } => {}
        }
    }
}

fn framing(text: bool, deflate: Option<Deflate>) -> Framing {
    match deflate {
        Some(deflate) => Framing::Deflate { text, window_bits: deflate.server_max_window_bits },
        None => Framing::WebSocket { text },
    }
}

fn close(error: FrameError, output: &mut Vec<u8>) {
    websocket::write_close(output, Some(error.close_code()), &error.to_string());
}
