//! A link inside the process: for tests, and for peers that need no socket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wamp::Serializer;

use super::{Link, LinkError};

/// While so many bytes wait at the other end, nothing more is sent there.
const PIPE_BYTES_MAX: usize = 1 << 20;

/// Two links, each the other's other end. Dropping one closes both.
pub fn pair(serializer: Serializer) -> (MemoryLink, MemoryLink) {
    let (there, back) = (Pipe::default(), Pipe::default());
    let end = |outgoing: &Pipe, incoming: &Pipe| MemoryLink {
        serializer,
        queue: VecDeque::new(),
        queued: 0,
        outgoing: outgoing.clone(),
        incoming: incoming.clone(),
    };
    (end(&there, &back), end(&back, &there))
}

/// One end of a [`pair`].
#[derive(Debug)]
pub struct MemoryLink {
    serializer: Serializer,
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    outgoing: Pipe,
    incoming: Pipe,
}

/// Messages in one direction.
#[derive(Debug, Clone, Default)]
struct Pipe(Arc<Mutex<Flow>>);

#[derive(Debug, Default)]
struct Flow {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, Flow> {
        // No code of others runs under this lock, so a poisoned one holds sound data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut flow = self.lock();
        flow.is_closed = true;
        let wakers = [flow.reader.take(), flow.writer.take()];
        drop(flow);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Link for MemoryLink {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn send(&mut self, message: &[u8]) {
        self.queued += message.len();
        self.queue.push_back(message.to_owned());
    }

    fn queued(&self) -> usize {
        self.queued
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let mut flow = self.outgoing.lock();
        if flow.is_closed {
            let is_done = self.queue.is_empty();
            return Poll::Ready(if is_done { Ok(()) } else { Err(LinkError::new("the other end is gone")) });
        }
        while let Some(message) = self.queue.pop_front_if(|_| flow.bytes < PIPE_BYTES_MAX) {
            self.queued -= message.len();
            flow.bytes += message.len();
            flow.messages.push_back(message);
        }
        let is_flushed = self.queue.is_empty();
        flow.writer = (!is_flushed).then(|| cx.waker().clone());
        let reader = if flow.messages.is_empty() { None } else { flow.reader.take() };
        drop(flow);
        if let Some(reader) = reader {
            reader.wake();
        }
        if is_flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), LinkError>>> {
        let mut flow = self.incoming.lock();
        let messages = std::mem::take(&mut flow.messages);
        flow.bytes = 0;
        if messages.is_empty() {
            if flow.is_closed {
                return Poll::Ready(None);
            }
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let writer = flow.writer.take();
        drop(flow);
        if let Some(writer) = writer {
            writer.wake();
        }
        for message in &messages {
            deliver(message);
        }
        Poll::Ready(Some(Ok(())))
    }

    fn poll_close(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.outgoing.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        self.outgoing.close();
        self.incoming.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(link: &mut MemoryLink) -> Option<Vec<Vec<u8>>> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut messages = Vec::new();
        match link.poll_receive(&mut cx, &mut |message| messages.push(message.to_owned())) {
            Poll::Ready(None) => None,
            Poll::Ready(Some(Ok(()))) | Poll::Pending => Some(messages),
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
        }
    }

    #[test]
    fn messages_arrive_in_order_and_then_the_end() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut one, mut two) = pair(Serializer::Json);
        one.send(b"[1]");
        one.send(b"[2]");
        assert_eq!(receive(&mut two), Some(vec![]));
        assert!(one.poll_flush(&mut cx).is_ready());
        drop(one);
        assert_eq!(receive(&mut two), Some(vec![b"[1]".to_vec(), b"[2]".to_vec()]));
        assert_eq!(receive(&mut two), None);
        two.send(b"[3]");
        assert!(matches!(two.poll_flush(&mut cx), Poll::Ready(Err(_))));
    }

    #[test]
    fn a_full_pipe_waits_for_its_reader() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut one, mut two) = pair(Serializer::Json);
        for _ in 0..3 {
            one.send(&vec![0; PIPE_BYTES_MAX]);
        }
        assert!(one.poll_flush(&mut cx).is_pending());
        assert_eq!(one.queued(), 2 * PIPE_BYTES_MAX);
        assert_eq!(receive(&mut two).map(|messages| messages.len()), Some(1));
        assert!(one.poll_flush(&mut cx).is_pending());
        assert_eq!(receive(&mut two).map(|messages| messages.len()), Some(1));
        assert!(one.poll_flush(&mut cx).is_ready());
    }
}
