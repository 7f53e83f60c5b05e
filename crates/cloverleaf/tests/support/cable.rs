//! A cable to a server that a test can pull.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Leads connections to a server until they are cut; new ones can be made then.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ends = Arc::new(Mutex::new(Vec::new()));
        let connected = Arc::clone(&ends);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { return };
                connected
                    .lock()
                    .expect("no thread panics")
                    .extend([copy(&client, &server), copy(&server, &client)]);
            }
        });
        Cable { address, ends }
    }

    /// Ends all connections there are.
    pub(crate) fn cut(&self) {
        for end in self.ends.lock().expect("no thread panics").drain(..) {
            // It may have ended already.
            let _ = end.shutdown(Shutdown::Both);
        }
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
