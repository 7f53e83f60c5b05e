//! A cable to a server that a test can pull.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Leads connections to a server until it is pulled; new ones fail until it is plugged in again.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_pulled: bool,
    ends: Vec<TcpStream>,
}

impl Cable {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().expect("no thread panics");
                if state.is_pulled {
                    continue;
                }
                let Ok(server) = TcpStream::connect(server) else { return };
                state.ends.extend([copy(&client, &server), copy(&server, &client)]);
            }
        });
        Cable { address, state }
    }

    /// Ends all connections there are.
    pub(crate) fn pull(&self) {
        let mut state = self.state.lock().expect("no thread panics");
        state.is_pulled = true;
        for end in state.ends.drain(..) {
            // It may have ended already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn plug_in(&self) {
        self.state.lock().expect("no thread panics").is_pulled = false;
    }
}

/// Copies in one direction, in a thread of its own; gives the end that is read.
fn copy(from: &TcpStream, to: &TcpStream) -> TcpStream {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
    let (mut source, mut sink) = (clone(from), clone(to));
    thread::spawn(move || {
        // However it ends, the other side learns of it.
        let _ = io::copy(&mut source, &mut sink);
        let _ = sink.shutdown(Shutdown::Both);
    });
    clone(from)
}
