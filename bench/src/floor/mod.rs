//! The floor: a relay that does no routing, as a measure of what the machine can do.
//!
//! It speaks the transports, since every router must, but looks into no message. A connection says in one word what it
//! is, and from then on whole frames go
//! - from each source to all sinks, as one stream of bytes that is written to every one of them ([`Log`]);
//! - from each caller to the callees in turn, and each callee's answers back to whom it owes them, in order; a taker is
//!   a callee that answers nothing.
//!
//! It takes connections with TLS on them too, and then decrypts from each and encrypts for each. Where compression was
//! agreed it inflates what comes and compresses what goes, once for all sinks: frames could be passed on as they are, but
//! no router can do that, for an EVENT is another message than the PUBLISH. So what is compared is routing alone.
//!
//! One thread, one poll, one write per receiver and turn. It trusts its clients, which are the load generator's: it
//! blocks while one of them opens, and doesn't read from sources as long as a sink is far behind.

mod log;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener as Blocking};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConfig;
use transport::Framing;

use crate::connection::{Connection, Peer, Scratch};
use crate::opening::Opening;
use crate::tls;
use log::Log;

/// A connection whose messages go to all sinks.
pub(crate) const SOURCE: &[u8] = b"source";
/// A connection that receives the messages of all sources.
pub(crate) const SINK: &[u8] = b"sink";
/// A connection whose messages go to the callees in turn.
pub(crate) const CALLER: &[u8] = b"caller";
/// A connection that receives the messages of callers and sends one back for each.
pub(crate) const CALLEE: &[u8] = b"callee";
/// The same as a callee, but it sends nothing back.
pub(crate) const TAKER: &[u8] = b"taker";

/// What the relay answers to a role.
pub(crate) const READY: &[u8] = b"ready";
const LISTENER: Token = Token(usize::MAX);

/// How often a source is read from before the sinks get what came.
const READS_MAX: usize = 16;

/// The relay.
pub(crate) struct Floor {
    poll: Poll,
    listener: TcpListener,
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    /// A member's place is its token. Boxed and optional, so that one can be taken out while it talks to the others.
    members: Vec<Option<Box<Member>>>,
    /// Places of members that are gone.
    free: Vec<usize>,
    sinks: Vec<usize>,
    callers: usize,
    callees: Vec<usize>,
    /// Members other than sinks that have something to write.
    touched: Vec<usize>,
    log: Log,
    /// What all sinks have of it.
    slowest: u64,
    /// Sources that have more to say: they were kept waiting, or said a lot.
    held: Vec<usize>,
    framing: Option<Framing>,
}

struct Member {
    connection: Connection,
    role: Role,
}

enum Role {
    Source,
    /// Has everything of the log up to `position`; a full socket is tried again when it says so.
    Sink {
        position: u64,
        is_full: bool,
    },
    /// Sends to this callee next.
    Caller {
        turn: usize,
    },
    /// Owes answers to these callers.
    Callee {
        owed: VecDeque<usize>,
    },
    Taker,
}

impl Floor {
    /// Listens on a loopback address.
    pub(crate) fn listen(address: SocketAddr) -> Result<Self> {
        let listener = Blocking::bind(address).with_context(|| format!("can't listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            address,
            tls: tls::server_config()?,
            members: Vec::new(),
            free: Vec::new(),
            sinks: Vec::new(),
            callers: 0,
            callees: Vec::new(),
            touched: Vec::new(),
            log: Log::new(),
            slowest: 0,
            held: Vec::new(),
            framing: None,
        })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Relays until an error of its own.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut scratch = Scratch::new();
        loop {
            let is_waiting = self.held.is_empty() || self.log.is_far(self.slowest);
            let nap = if is_waiting { None } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, nap) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(place) => self.turn_of(place, event.is_writable(), &mut scratch),
                }
            }
            for place in std::mem::take(&mut self.held) {
                self.turn_of(place, false, &mut scratch);
            }
            self.write();
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => std::net::TcpStream::from(stream),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("can't accept connections"),
            };
            stream.set_nonblocking(false)?;
            // A client that doesn't know what it wants just isn't taken; the generator notices the closed connection.
            let _ = Opening::accept(stream, &self.tls).and_then(|opening| self.admit(opening));
        }
    }

    fn admit(&mut self, mut opening: Opening) -> Result<()> {
        let framing = opening.framing();
        ensure!(self.is_empty() || self.framing == framing, "all connections must be framed alike");
        let word = opening.receive()?;
        let role = match word.as_slice() {
            word if word == SOURCE => Role::Source,
            word if word == SINK => Role::Sink { position: self.log.end(), is_full: false },
            word if word == CALLER => Role::Caller { turn: self.callers },
            word if word == CALLEE => Role::Callee { owed: VecDeque::new() },
            word if word == TAKER => Role::Taker,
            _ => bail!("not a role"),
        };
        opening.send(|out| out.extend_from_slice(READY))?;
        let mut connection = opening.into_connection()?;
        let place = self.free.pop().unwrap_or(self.members.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut connection.stream, Token(place), interest)?;
        self.framing = framing;
        match role {
            Role::Source => {}
            Role::Sink { .. } => self.sinks.push(place),
            Role::Caller { .. } => self.callers += 1,
            Role::Callee { .. } | Role::Taker => self.callees.push(place),
        }
        let member = Some(Box::new(Member { connection, role }));
        match self.members.get_mut(place) {
            Some(free) => *free = member,
            None => self.members.push(member),
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.members.iter().all(Option::is_none)
    }

    /// Takes in what a member has sent.
    fn turn_of(&mut self, place: usize, is_writable: bool, scratch: &mut Scratch) {
        let Some(mut member) = self.members.get_mut(place).and_then(Option::take) else { return };
        if is_writable {
            match &mut member.role {
                Role::Sink { is_full, .. } => *is_full = false,
                Role::Source | Role::Caller { .. } | Role::Callee { .. } | Role::Taker => {
                    self.touched.push(place);
                }
            }
        }
        let Member { connection, role } = &mut *member;
        let received = match role {
            Role::Source if self.log.is_far(self.slowest) => {
                self.hold(place);
                Ok(Peer::Open)
            }
            Role::Source => {
                let framing = self.framing.unwrap_or(Framing::RawSocket);
                let received = connection.receive_some(scratch, READS_MAX, |message, _| {
                    self.log.append(framing, message);
                    Ok(())
                });
                if connection.has_more {
                    self.hold(place);
                }
                received
            }
            Role::Sink { .. } | Role::Taker => {
                connection.receive(scratch, |_, _| bail!("who only receives has nothing to say"))
            }
            Role::Caller { turn } => connection.receive(scratch, |message, _| {
                self.pass_call(place, *turn, message)?;
                *turn += 1;
                Ok(())
            }),
            Role::Callee { owed } => connection.receive(scratch, |message, _| {
                let caller = owed.pop_front().context("an answer to nothing")?;
                self.pass(caller, message);
                Ok(())
            }),
        };
        match received {
            Ok(Peer::Open) => {
                if let Some(seat) = self.members.get_mut(place) {
                    *seat = Some(member);
                }
            }
            Ok(Peer::Closed) | Err(_) => self.forget(place, &member.role),
        }
    }

    /// Goes on with a source later, without an event.
    fn hold(&mut self, place: usize) {
        if !self.held.contains(&place) {
            self.held.push(place);
        }
    }

    fn pass_call(&mut self, caller: usize, turn: usize, message: &[u8]) -> Result<()> {
        ensure!(!self.callees.is_empty(), "there is nobody to call");
        let callee = self.callees.get(turn % self.callees.len()).context("there is a callee")?;
        let callee = *callee;
        self.pass(callee, message);
        if let Some(Some(member)) = self.members.get_mut(callee)
            && let Role::Callee { owed } = &mut member.role
        {
            owed.push_back(caller);
        }
        Ok(())
    }

    fn pass(&mut self, to: usize, message: &[u8]) {
        let Some(Some(member)) = self.members.get_mut(to) else { return };
        if member.connection.outbox.is_empty() {
            self.touched.push(to);
        }
        member.connection.outbox.copy(message);
    }

    /// Writes to everybody who has something to get.
    fn write(&mut self) {
        let mut lost = Vec::new();
        for place in self.touched.drain(..) {
            if let Some(Some(member)) = self.members.get_mut(place)
                && member.connection.flush().is_err()
            {
                lost.push(place);
            }
        }
        let mut slowest = self.log.end();
        for place in &self.sinks {
            let Some(Some(member)) = self.members.get_mut(*place) else { continue };
            let Role::Sink { position, is_full } = &mut member.role else { continue };
            if !*is_full {
                match member.connection.write_now(self.log.from(*position)) {
                    Ok((taken, then_full)) => {
                        *is_full = then_full;
                        *position += taken as u64;
                    }
                    Err(_) => lost.push(*place),
                }
            }
            slowest = slowest.min(*position);
        }
        self.slowest = slowest;
        self.log.forget_before(slowest);
        for place in lost {
            if let Some(member) = self.members.get_mut(place).and_then(Option::take) {
                self.forget(place, &member.role);
            }
        }
    }

    /// Strikes a member that is gone off the lists.
    fn forget(&mut self, place: usize, role: &Role) {
        self.free.push(place);
        match role {
            Role::Source => {}
            Role::Sink { .. } => self.sinks.retain(|sink| *sink != place),
            Role::Caller { .. } => self.callers = self.callers.saturating_sub(1),
            Role::Callee { .. } | Role::Taker => self.callees.retain(|callee| *callee != place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Wire;

    fn start() -> SocketAddr {
        let floor = Floor::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = floor.address();
        std::thread::spawn(move || floor.run());
        address
    }

    fn join(address: SocketAddr, wire: Wire, role: &[u8]) -> Opening {
        let mut member = Opening::connect(address, "/", wire).unwrap();
        member.send(|out| out.extend_from_slice(role)).unwrap();
        assert_eq!(member.receive().unwrap(), READY);
        member
    }

    fn send(from: &mut Opening, message: &str) {
        from.send(|out| out.extend_from_slice(message.as_bytes())).unwrap();
    }

    fn receive(at: &mut Opening) -> String {
        String::from_utf8(at.receive().unwrap()).unwrap()
    }

    #[test]
    fn sources_reach_all_sinks() {
        for wire in Wire::all() {
            let address = start();
            let mut sinks = [join(address, wire, SINK), join(address, wire, SINK)];
            let mut sources = [join(address, wire, SOURCE), join(address, wire, SOURCE)];
            let long = "long".repeat(1000);
            for round in ["1", "2", &long] {
                for source in &mut sources {
                    send(source, round);
                    for sink in &mut sinks {
                        assert_eq!(receive(sink), round);
                    }
                }
            }
        }
    }

    #[test]
    fn a_long_stream_comes_whole_to_a_sink_that_reads_late() {
        let (address, wire) = (start(), Wire::RAWSOCKET_MSGPACK);
        let mut sink = join(address, wire, SINK);
        let mut source = join(address, wire, SOURCE);
        let (tell, told) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            for number in 0..60 {
                source.send(|out| out.extend(std::iter::repeat_n(number, 1 << 20))).unwrap();
                tell.send(number).unwrap();
            }
        });
        // So much the relay takes before it keeps the source waiting.
        assert!(told.iter().any(|number| number == 15));
        for number in 0..60 {
            let message = sink.receive().unwrap();
            assert_eq!((message.len(), message.first()), (1 << 20, Some(&number)));
        }
        writer.join().unwrap();
    }

    #[test]
    fn calls_go_round_the_callees_and_answers_back() {
        for wire in [Wire::RAWSOCKET_MSGPACK, Wire::WEBSOCKET_JSON] {
            let address = start();
            let mut callees = [join(address, wire, CALLEE), join(address, wire, CALLEE)];
            let mut callers = [join(address, wire, CALLER), join(address, wire, CALLER)];
            // The first caller begins with the first callee, the second with the second.
            for (caller, callee) in [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)] {
                let text = format!("{caller}{callee}");
                send(&mut callers[caller], &text);
                assert_eq!(receive(&mut callees[callee]), text);
                send(&mut callees[callee], "done");
                assert_eq!(receive(&mut callers[caller]), "done");
            }
        }
    }

    #[test]
    fn calls_go_round_the_takers_too() {
        let address = start();
        let wire = Wire::RAWSOCKET_MSGPACK;
        let mut takers = [join(address, wire, TAKER), join(address, wire, TAKER)];
        let mut caller = join(address, wire, CALLER);
        for (taker, text) in [(0, "a"), (1, "b"), (0, "c")] {
            send(&mut caller, text);
            assert_eq!(receive(&mut takers[taker]), text);
        }
    }

    #[test]
    fn who_has_no_role_or_another_framing_is_not_taken() {
        let address = start();
        let _sink = join(address, Wire::RAWSOCKET_MSGPACK, SINK);
        let mut stranger = Opening::connect(address, "/", Wire::RAWSOCKET_MSGPACK).unwrap();
        send(&mut stranger, "spy");
        assert!(stranger.receive().is_err());
        let mut other = Opening::connect(address, "/", Wire::WEBSOCKET_JSON).unwrap();
        send(&mut other, "sink");
        assert!(other.receive().is_err());
    }
}
