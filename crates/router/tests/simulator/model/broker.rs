//! Subscriptions, publications, retained events.

use wamp::value::Dict;
use wamp::{MatchPolicy, Value};

use super::{Act, Model, flag, list, options, with_args};
use crate::step::Publishing;

#[derive(Debug)]
pub(super) struct Subscription {
    uri: &'static str,
    policy: MatchPolicy,
    members: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Retained {
    topic: &'static str,
    publication: usize,
    publisher: usize,
    options: Publishing,
    args: Vec<Value>,
}

impl Subscription {
    fn name(&self) -> Value {
        format!("$s.{} {}", self.policy, self.uri).into()
    }
}

impl Model {
    pub(super) fn subscribe(
        &mut self,
        client: usize,
        uri: &'static str,
        policy: MatchPolicy,
        get_retained: bool,
    ) -> Act {
        let request = self.request(client);
        let found = self.subscriptions.iter().position(|one| one.uri == uri && one.policy == policy);
        let index = found.unwrap_or_else(|| {
            self.subscriptions.push(Subscription { uri, policy, members: Vec::new() });
            self.subscriptions.len() - 1
        });
        let subscription = &mut self.subscriptions[index];
        if !subscription.members.contains(&client) {
            subscription.members.push(client);
        }
        let name = subscription.name();
        self.send(client, list([33u64.into(), request.into(), name]));
        self.rank += 1;
        if get_retained {
            let mut topics: Vec<&str> = self.retained.iter().map(|event| event.topic).collect();
            topics.sort_unstable();
            topics.dedup();
            for topic in topics.into_iter().filter(|topic| policy.matches(uri, topic)) {
                let newest = self.retained.iter().rposition(|event| {
                    event.topic == topic && self.admits(&event.options, event.publisher, client)
                });
                if let Some(newest) = newest {
                    let event = &self.retained[newest];
                    let message = self.event(
                        index,
                        event.publication,
                        (event.topic, event.publisher),
                        &event.options,
                        &event.args,
                        true,
                    );
                    self.send_alike(client, message);
                }
            }
        }
        let options = options([("match", Some(policy.name().into())), ("get_retained", flag(get_retained))]);
        Act::Send(client, list([32u64.into(), request.into(), options, uri.into()]))
    }

    /// Also of a subscription that the client doesn't hold; or, where nobody ever subscribed to anything, of none.
    pub(super) fn unsubscribe(&mut self, client: usize, index: usize) -> Act {
        let request = self.request(client);
        let mut name = Value::from(1u64);
        let mut held = false;
        if let Some(subscription) = self.subscriptions.get_mut(index) {
            name = subscription.name();
            held = subscription.members.contains(&client);
            subscription.members.retain(|member| *member != client);
        }
        if held {
            self.send(client, list([35u64.into(), request.into()]));
        } else {
            self.refuse(client, 34, request, "wamp.error.no_such_subscription");
        }
        Act::Send(client, list([34u64.into(), request.into(), name]))
    }

    pub(super) fn publish(
        &mut self,
        client: usize,
        topic: &'static str,
        publishing: &Publishing,
        args: &[Value],
    ) -> Act {
        let request = self.request(client);
        self.publications += 1;
        let publication = self.publications;
        self.rank += 1;
        for index in 0..self.subscriptions.len() {
            let subscription = &self.subscriptions[index];
            if !subscription.policy.matches(subscription.uri, topic) {
                continue;
            }
            for member in subscription.members.clone() {
                if self.admits(publishing, client, member) {
                    let message = self.event(index, publication, (topic, client), publishing, args, false);
                    self.send_alike(member, message);
                }
            }
        }
        if publishing.acknowledge {
            self.send(client, list([17u64.into(), request.into(), format!("$p.{publication}").into()]));
        }
        if publishing.retain {
            self.retain(topic, publication, client, publishing, args);
        }
        let mut sent = Dict::new();
        for (key, set) in [
            ("acknowledge", publishing.acknowledge),
            ("disclose_me", publishing.disclose_me),
            ("retain", publishing.retain),
        ] {
            if set {
                sent.insert(key, true);
            }
        }
        if let Some(exclude_me) = publishing.exclude_me {
            sent.insert("exclude_me", exclude_me);
        }
        for (key, members) in &publishing.lists {
            sent.insert(*key, Value::List(members.clone()));
        }
        Act::Send(client, with_args([16u64.into(), request.into(), Value::Map(sent), topic.into()], args))
    }

    /// A later event for everybody replaces all; an empty one leaves nothing.
    fn retain(
        &mut self,
        topic: &'static str,
        publication: usize,
        publisher: usize,
        options: &Publishing,
        args: &[Value],
    ) {
        let restricted = !options.lists.is_empty();
        if !restricted {
            self.retained.retain(|event| event.topic != topic);
        }
        if restricted || !args.is_empty() {
            let (options, args) = (options.clone(), args.to_vec());
            self.retained.push(Retained { topic, publication, publisher, options, args });
        }
    }

    /// All conditions hold (BWL-07).
    fn admits(&self, options: &Publishing, publisher: usize, receiver: usize) -> bool {
        if options.exclude_me != Some(false) && publisher == receiver {
            return false;
        }
        let session = &self.sessions[receiver];
        options.lists.iter().all(|(list, members)| {
            let value = match list.rsplit('_').next() {
                Some("authid") => session.authid.into(),
                Some("authrole") => session.authrole.into(),
                _ => Value::from(session.id),
            };
            members.contains(&value) == list.starts_with("eligible")
        })
    }

    fn event(
        &self,
        subscription: usize,
        publication: usize,
        (topic, publisher): (&str, usize),
        publishing: &Publishing,
        args: &[Value],
        retained: bool,
    ) -> Value {
        let subscription = &self.subscriptions[subscription];
        let mut details = Dict::new();
        if subscription.policy != MatchPolicy::Exact {
            details.insert("topic", topic);
        }
        if publishing.disclose_me {
            self.disclose(&mut details, "publisher", publisher);
        }
        if retained {
            details.insert("retained", true);
        }
        let publication = format!("$p.{publication}").into();
        with_args([36u64.into(), subscription.name(), publication, Value::Map(details)], args)
    }

    pub(super) fn broker_left(&mut self, client: usize) {
        for subscription in &mut self.subscriptions {
            subscription.members.retain(|member| *member != client);
        }
    }
}
