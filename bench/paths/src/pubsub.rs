//! PUBLISH to EVENT.

use anyhow::{Context, Result, ensure};
use router::{Router, RouterConfig};
use wamp::message::{Message, Publish, PublishOptions, Subscribe, SubscribeOptions};
use wamp::{MatchPolicy, RequestId};

use crate::client;
use crate::end::{End, Thread};
use crate::path::{Path, Wire};

const TOPIC: &str = "com.example.topic";
/// What matches [`TOPIC`].
const PATTERNS: [(&str, MatchPolicy); 3] = [
    (TOPIC, MatchPolicy::Exact),
    ("com.example", MatchPolicy::Prefix),
    ("com..topic", MatchPolicy::Wildcard),
];

pub(crate) struct PubSub {
    thread: Thread,
    publisher: End,
    subscribers: Vec<End>,
    /// What the publisher sends, read by read. It stays until the end, so that no run frees more of it than another.
    reads: Vec<Vec<u8>>,
    next: usize,
    to: Wire,
    payload: usize,
    burst: usize,
    routed: usize,
}

impl PubSub {
    pub(crate) fn prepare(path: &Path, subscribers: usize, patterns: bool, messages: usize) -> Result<Self> {
        let router = Router::new(RouterConfig::default())?;
        let mut thread = Thread::new();
        let publisher = End::join(&router, path.from, &mut thread)?;
        let policies = if patterns { PATTERNS.len() } else { 1 };
        let subscribers = PATTERNS[..policies].iter().cycle().take(subscribers);
        let subscribers = subscribers.map(|&(topic, match_policy)| {
            let mut end = End::join(&router, path.to, &mut thread)?;
            let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
            end.take(&mut thread, Subscribe { request: RequestId::FIRST, options, topic: topic.into() })?;
            anyhow::Ok(end)
        });
        let subscribers = subscribers.collect::<Result<_>>()?;
        let (to, payload, burst) = (path.to, path.payload, path.burst);
        let reads = reads(path, messages);
        Ok(PubSub { thread, publisher, subscribers, reads, next: 0, to, payload, burst, routed: 0 })
    }

    pub(crate) fn burst(&mut self) -> Result<()> {
        let read = self.reads.get(self.next).context("all that was prepared is routed")?;
        self.next += 1;
        self.publisher.read(&mut self.thread, read)?;
        for subscriber in &mut self.subscribers {
            subscriber.wake_up(&mut self.thread)?;
        }
        self.routed += self.burst;
        Ok(())
    }

    pub(crate) fn check(mut self) -> Result<()> {
        for subscriber in &mut self.subscribers {
            ensure!(subscriber.sent() >= self.routed * self.payload, "a subscriber got less than all");
            subscriber.keep();
        }
        self.burst()?;
        for subscriber in &mut self.subscribers {
            client::check(
                self.to,
                &mut subscriber.kept(),
                self.burst,
                self.payload,
                |message| match message {
                    Message::Event(event) => Some(event.payload),
                    _ => None,
                },
            )?;
        }
        Ok(())
    }
}

fn reads(path: &Path, messages: usize) -> Vec<Vec<u8>> {
    let serializer = path.from.serializer;
    let elements = client::elements(serializer, path.payload);
    let mut request = RequestId::FIRST;
    let mut read = || {
        let mut bytes = Vec::new();
        for _ in 0..path.burst {
            let (options, payload) = (PublishOptions::default(), client::payload(serializer, &elements));
            client::frame(path.from, Publish { request, options, topic: TOPIC.into(), payload }, &mut bytes);
            request = request.next();
        }
        bytes
    };
    (0..messages / path.burst).map(|_| read()).collect()
}
