//! Subscriptions: which handle gets which events, over all connections that the session makes.
//!
//! A router has one subscription per topic and match policy and session, whatever the number of handles here. Each
//! handle sends its own SUBSCRIBE (it may want retained events, or not be allowed to subscribe any more), and
//! UNSUBSCRIBE is sent when the last handle of a subscription is gone and no SUBSCRIBE for the same topic is under way,
//! which that UNSUBSCRIBE would undo.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wamp::message::{self, EventDetails, SubscribeOptions};
use wamp::{MatchPolicy, RequestId, SubscriptionId};

use super::command::{NewSubscription, Reply, SubscriptionKey};
use super::owned;
use super::wire::Wire;
use crate::arguments::Arguments;
use crate::error::{ApplicationError, CloseReason, EndReason, RequestError};
use crate::event::{Event, EventSender, Pushed};

#[derive(Default)]
pub(super) struct Subscriber {
    /// In the order in which they were made, which is the one in which they are made again.
    handles: BTreeMap<SubscriptionKey, Handle>,
    subscriptions: HashMap<SubscriptionId, Subscription>,
    subscribing: HashMap<RequestId, SubscriptionKey>,
    unsubscribing: HashMap<RequestId, Option<Reply<()>>>,
}

struct Handle {
    topic: Arc<str>,
    options: SubscribeOptions<'static>,
    events: EventSender,
    /// Until the first answer.
    reply: Option<Reply<SubscriptionId>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no connection, or no answer yet.
    Pending,
    Active(SubscriptionId),
    /// Nobody wants it any more, but its SUBSCRIBE is not answered yet.
    Abandoned,
}

struct Subscription {
    topic: Arc<str>,
    match_policy: MatchPolicy,
    members: Vec<(SubscriptionKey, EventSender)>,
}

impl Subscriber {
    /// Makes all subscriptions again, on a new connection.
    pub(super) fn connected(&mut self, wire: &mut Wire) {
        let keys: Vec<_> = self.handles.keys().copied().collect();
        for key in keys {
            self.send_subscribe(key, wire);
        }
    }

    /// Forgets what the lost connection knew. Handles that were answered before stay, to be made again.
    pub(super) fn disconnected(&mut self, error: &RequestError) {
        self.subscriptions.clear();
        self.subscribing.clear();
        for (_, reply) in self.unsubscribing.drain() {
            // The subscription went with the connection.
            drop(reply.map(|reply| reply.send(Ok(()))));
        }
        self.handles.retain(|_, handle| {
            if let Some(reply) = handle.reply.take() {
                drop(reply.send(Err(error.clone())));
                return false;
            }
            let wanted = handle.state != State::Abandoned;
            handle.state = State::Pending;
            wanted
        });
    }

    /// Ends all subscriptions.
    pub(super) fn closed(&mut self, reason: &CloseReason) {
        for handle in std::mem::take(&mut self.handles).into_values() {
            handle.events.end(EndReason::Closed(reason.clone()));
        }
    }

    pub(super) fn subscribe(&mut self, new: NewSubscription, wire: &mut Wire) {
        let NewSubscription { key, topic, options, events, reply } = new;
        if reply.is_closed() {
            return;
        }
        self.handles
            .insert(key, Handle { topic, options, events, reply: Some(reply), state: State::Pending });
        self.send_subscribe(key, wire);
    }

    /// Takes a handle out. `wire` is `None` where there is no connection to unsubscribe on.
    pub(super) fn unsubscribe(
        &mut self,
        key: SubscriptionKey,
        reply: Option<Reply<()>>,
        wire: Option<&mut Wire>,
    ) {
        let state = self.handles.get(&key).map(|handle| handle.state);
        match (state, wire) {
            (Some(State::Pending), Some(_)) => {
                if let Some(handle) = self.handles.get_mut(&key) {
                    handle.state = State::Abandoned;
                    handle.events.end(EndReason::Ended);
                }
            }
            (Some(State::Active(id)), Some(wire)) => {
                self.remove(key);
                self.prune(id, reply, wire);
                return;
            }
            (Some(_), None) => self.remove(key),
            (Some(State::Abandoned) | None, _) => {}
        }
        drop(reply.map(|reply| reply.send(Ok(()))));
    }

    pub(super) fn subscribed(&mut self, request: RequestId, id: SubscriptionId, wire: &mut Wire) {
        let Some(key) = self.subscribing.remove(&request) else { return };
        let Some(handle) = self.handles.get_mut(&key) else { return };
        let subscription = self.subscriptions.entry(id).or_insert_with(|| Subscription {
            topic: Arc::clone(&handle.topic),
            match_policy: handle.options.match_policy,
            members: Vec::new(),
        });
        let unwanted = match handle.reply.take() {
            Some(reply) => reply.send(Ok(id)).is_err(),
            None => false,
        };
        if unwanted || handle.state == State::Abandoned {
            self.handles.remove(&key);
            self.prune(id, None, wire);
            return;
        }
        handle.state = State::Active(id);
        subscription.members.push((key, handle.events.clone()));
    }

    pub(super) fn subscribe_failed(&mut self, request: RequestId, error: ApplicationError, wire: &mut Wire) {
        if let Some(key) = self.subscribing.remove(&request) {
            self.refuse(key, error.into(), wire);
        }
    }

    pub(super) fn unsubscribed(&mut self, request: RequestId, outcome: Result<(), ApplicationError>) {
        if let Some(Some(reply)) = self.unsubscribing.remove(&request) {
            drop(reply.send(outcome.map_err(RequestError::from)));
        }
    }

    /// Spec: advanced profile, "Subscription Revocation" (REV-01).
    pub(super) fn revoked(&mut self, id: SubscriptionId, reason: Option<&str>) {
        let Some(subscription) = self.subscriptions.remove(&id) else { return };
        for (key, events) in subscription.members {
            self.handles.remove(&key);
            events.end(EndReason::Revoked(reason.map(str::to_owned)));
        }
    }

    pub(super) fn event(&mut self, event: message::Event<'_>, wire: &mut Wire) {
        let message::Event { subscription: id, publication, details, payload } = event;
        // What was published before the router read our UNSUBSCRIBE still comes.
        let Some(subscription) = self.subscriptions.get(&id) else { return };
        let topic = details.topic.map_or_else(|| Arc::clone(&subscription.topic), |topic| Arc::from(&*topic));
        let arguments = Arguments::received(&payload, details.passthru);
        let details = EventDetails {
            publisher: details.publisher,
            publisher_authid: owned(details.publisher_authid),
            publisher_authrole: owned(details.publisher_authrole),
            topic: None,
            retained: details.retained,
            trustlevel: details.trustlevel,
            passthru: message::Passthru::NONE,
        };
        let event = Event { subscription: id, publication, topic, details, arguments };
        let Some(((last, events), others)) = subscription.members.split_last() else { return };
        let mut ended = Vec::new();
        for (key, events) in others {
            if events.push(event.clone()) == Pushed::Ended {
                ended.push(*key);
            }
        }
        if events.push(event) == Pushed::Ended {
            ended.push(*last);
        }
        for key in ended {
            self.unsubscribe(key, None, Some(wire));
        }
    }

    fn send_subscribe(&mut self, key: SubscriptionKey, wire: &mut Wire) {
        let Some(handle) = self.handles.get(&key) else { return };
        let sent = wire.request(|request, serializer, out| {
            let (options, topic) = (handle.options.clone(), Cow::Borrowed(&*handle.topic));
            message::Subscribe { request, options, topic }.encode(serializer, out);
        });
        match sent {
            Ok(request) => drop(self.subscribing.insert(request, key)),
            Err(error) => self.refuse(key, error, wire),
        }
    }

    /// A subscription that was not made, or not made again.
    fn refuse(&mut self, key: SubscriptionKey, error: RequestError, wire: &mut Wire) {
        let Some(handle) = self.handles.remove(&key) else { return };
        match handle.reply {
            Some(reply) => drop(reply.send(Err(error))),
            None => handle.events.end(EndReason::Refused(error)),
        }
        // It may have kept an UNSUBSCRIBE back.
        let same = |subscription: &Subscription| {
            subscription.topic == handle.topic && subscription.match_policy == handle.options.match_policy
        };
        let id = self.subscriptions.iter().find(|(_, subscription)| same(subscription)).map(|(id, _)| *id);
        if let Some(id) = id {
            self.prune(id, None, wire);
        }
    }

    /// Takes an active handle out of its subscription.
    fn remove(&mut self, key: SubscriptionKey) {
        let Some(handle) = self.handles.remove(&key) else { return };
        handle.events.end(EndReason::Ended);
        let State::Active(id) = handle.state else { return };
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.members.retain(|(member, _)| *member != key);
        }
    }

    /// Unsubscribes if nobody here needs the subscription any more.
    fn prune(&mut self, id: SubscriptionId, reply: Option<Reply<()>>, wire: &mut Wire) {
        let is_needed = self.subscriptions.get(&id).is_none_or(|subscription| {
            !subscription.members.is_empty()
                || self.subscribing.values().any(|key| {
                    self.handles.get(key).is_some_and(|handle| {
                        handle.topic == subscription.topic
                            && handle.options.match_policy == subscription.match_policy
                    })
                })
        });
        let sent = if is_needed {
            Ok(None)
        } else {
            self.subscriptions.remove(&id);
            wire.request(|request, serializer, out| {
                message::Unsubscribe { request, subscription: id }.encode(serializer, out);
            })
            .map(Some)
        };
        match (sent, reply) {
            (Ok(Some(request)), reply) => drop(self.unsubscribing.insert(request, reply)),
            (Ok(None), Some(reply)) => drop(reply.send(Ok(()))),
            (Err(error), Some(reply)) => drop(reply.send(Err(error))),
            (_, None) => {}
        }
    }
}
