//! The meta events that `top` lives on, as one stream.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use anyhow::{Error, Result, anyhow};
use client::{EndReason, Event, Session, Subscription};
use wamp::{Value, error_uri};

use crate::cli::meta::{Entry, Kind, SessionDetails};
use crate::cli::top::state::Happening;

/// How many events of a topic wait to be looked at. If more come all is listed again.
const QUEUE_LIMIT: usize = 4096;

/// How an event of a topic is read.
type Read = fn(&Event) -> Option<Happening>;

/// The topics, in the order in which what they tell of happens: nothing is left that wasn't joined before.
const TOPICS: [(&str, Read); 10] = [
    ("wamp.session.on_join", |event| joined(event).map(Happening::Joined)),
    ("wamp.subscription.on_create", |event| created(event, Kind::Subscription)),
    ("wamp.registration.on_create", |event| created(event, Kind::Registration)),
    ("wamp.subscription.on_subscribe", |event| {
        id(event, 1).map(|id| Happening::Entered(Kind::Subscription, id))
    }),
    ("wamp.registration.on_register", |event| {
        id(event, 1).map(|id| Happening::Entered(Kind::Registration, id))
    }),
    ("wamp.subscription.on_unsubscribe", |event| {
        id(event, 1).map(|id| Happening::Exited(Kind::Subscription, id))
    }),
    ("wamp.registration.on_unregister", |event| {
        id(event, 1).map(|id| Happening::Exited(Kind::Registration, id))
    }),
    ("wamp.subscription.on_delete", |event| {
        id(event, 1).map(|id| Happening::Deleted(Kind::Subscription, id))
    }),
    ("wamp.registration.on_delete", |event| {
        id(event, 1).map(|id| Happening::Deleted(Kind::Registration, id))
    }),
    ("wamp.session.on_leave", |event| id(event, 0).map(Happening::Left)),
];

fn joined(event: &Event) -> Option<SessionDetails> {
    event.args().first()?.as_dict().map(|dict| SessionDetails { dict: dict.clone() })
}

fn created(event: &Event, kind: Kind) -> Option<Happening> {
    Some(Happening::Created(kind, Entry::read(event.args().get(1)?)?))
}

fn id(event: &Event, place: usize) -> Option<u64> {
    event.args().get(place).and_then(Value::as_u64)
}

/// Subscriptions to all of them.
#[derive(Debug)]
pub(crate) struct Topics {
    subscriptions: Vec<(&'static str, Read, Subscription)>,
    missed: u64,
}

impl Topics {
    pub(crate) async fn subscribe(session: &Session) -> Result<Self> {
        let mut subscriptions = Vec::with_capacity(TOPICS.len());
        for (topic, read) in TOPICS {
            let subscription = session.subscribe(topic).queue_limit(QUEUE_LIMIT).await;
            let subscription = subscription.map_err(|error| match error.uri() {
                Some(error_uri::NOT_AUTHORIZED) => {
                    anyhow!("{error}; to stay current takes the permission to subscribe to {topic}")
                }
                _ => anyhow!("{topic}: {error}"),
            })?;
            subscriptions.push((topic, read, subscription));
        }
        Ok(Topics { subscriptions, missed: 0 })
    }

    /// What has happened meanwhile, at least one thing. Dropping the future loses nothing.
    ///
    /// # Errors
    /// A subscription is over.
    pub(crate) async fn next(&mut self) -> Result<Vec<Happening>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// What has happened meanwhile, if anything has.
    ///
    /// # Errors
    /// A subscription is over.
    pub(crate) fn waiting(&mut self) -> Result<Vec<Happening>> {
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(happened) => happened,
            Poll::Pending => Ok(Vec::new()),
        }
    }

    /// Whether events were dropped since this was asked the last time.
    pub(crate) fn have_missed(&mut self) -> bool {
        let missed = self.subscriptions.iter().map(|(_, _, subscription)| subscription.missed()).sum();
        std::mem::replace(&mut self.missed, missed) != missed
    }

    /// Each topic has a queue of its own, so the order among them is lost. Queues are emptied from the last topic to the
    /// first, and told from the first to the last: when a session's end is told, its beginning was, since that was in its
    /// queue when the other queue was emptied.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Happening>>> {
        let mut batches = Vec::with_capacity(self.subscriptions.len());
        for (topic, read, subscription) in self.subscriptions.iter_mut().rev() {
            let mut batch = Vec::new();
            loop {
                match subscription.poll_next(cx) {
                    Poll::Ready(Some(event)) => batch.extend(read(&event)),
                    Poll::Ready(None) => {
                        return Poll::Ready(Err(over(topic, subscription.end_reason())));
                    }
                    Poll::Pending => break,
                }
            }
            batches.push(batch);
        }
        let happened: Vec<Happening> = batches.into_iter().rev().flatten().collect();
        if happened.is_empty() { Poll::Pending } else { Poll::Ready(Ok(happened)) }
    }
}

/// Why nothing more comes. Where the session is over that says it all.
fn over(topic: &str, reason: Option<EndReason>) -> Error {
    match reason {
        Some(EndReason::Closed(reason)) => anyhow!("the session is over: {reason}"),
        Some(reason) => anyhow!("the subscription to {topic} is over: {reason}"),
        None => anyhow!("the subscription to {topic} is over"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cloverleaf::{Config, Node, WorkerConfig};
    use router::config::{RealmConfig, RouterConfig};
    use wamp::value::Dict;

    use super::*;

    async fn node() -> Node {
        let realms = vec![RealmConfig::open("realm1")];
        let worker = WorkerConfig {
            router: RouterConfig { realms, ..RouterConfig::default() },
            ..WorkerConfig::default()
        };
        Node::start(Config { node_id: None, workers: vec![worker] }).await.unwrap()
    }

    /// Takes what happens until there are so many.
    async fn take(topics: &mut Topics, count: usize) -> Vec<Happening> {
        let mut all = Vec::new();
        while all.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(30), topics.next()).await;
            all.extend(next.expect("in time").unwrap());
        }
        all
    }

    #[tokio::test]
    async fn nothing_ends_before_it_has_begun() {
        let node = node().await;
        let (router, session) =
            (node.session("realm1").await.unwrap(), node.session("realm1").await.unwrap());
        let mut topics = Topics::subscribe(&session).await.unwrap();
        let record = Dict::from([("id", 21.into()), ("uri", "a.b".into())]);
        let details = Dict::from([("session", 7.into())]);
        let tell = |topic: &str, args: Vec<Value>| router.publish(topic).args(args).acknowledge();
        tell("wamp.session.on_join", vec![details.clone().into()]).await.unwrap();
        tell("wamp.subscription.on_create", vec![7.into(), record.clone().into()]).await.unwrap();
        for topic in ["on_subscribe", "on_unsubscribe", "on_delete"] {
            tell(&format!("wamp.subscription.{topic}"), vec![7.into(), 21.into()]).await.unwrap();
        }
        // What isn't understood is passed over.
        tell("wamp.subscription.on_delete", vec!["x".into()]).await.unwrap();
        tell("wamp.session.on_leave", vec![7.into(), "a".into(), "b".into()]).await.unwrap();
        let expected = [
            Happening::Joined(SessionDetails { dict: details }),
            Happening::Created(Kind::Subscription, Entry { dict: record }),
            Happening::Entered(Kind::Subscription, 21),
            Happening::Exited(Kind::Subscription, 21),
            Happening::Deleted(Kind::Subscription, 21),
            Happening::Left(7),
        ];
        assert_eq!(take(&mut topics, expected.len()).await, expected);
        node.stop().await;
        assert!(topics.next().await.unwrap_err().to_string().starts_with("the session is over: "));
    }

    #[tokio::test]
    async fn events_that_there_was_no_room_for_are_noticed() {
        let node = node().await;
        let (router, session) =
            (node.session("realm1").await.unwrap(), node.session("realm1").await.unwrap());
        let mut topics = Topics::subscribe(&session).await.unwrap();
        assert!(!topics.have_missed());
        let count = QUEUE_LIMIT as u64 + 50;
        for id in 1..=count {
            router.publish("wamp.session.on_leave").arg(id).acknowledge().await.unwrap();
        }
        // Events of one session come in order, so this one is behind all others.
        let (_, _, leaves) = topics.subscriptions.last().unwrap();
        while leaves.missed() < 50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(take(&mut topics, QUEUE_LIMIT).await.last(), Some(&Happening::Left(count)));
        assert!(topics.have_missed());
        assert!(!topics.have_missed());
        node.stop().await;
    }
}
