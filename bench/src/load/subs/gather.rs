//! How the subscriptions come about: many sessions subscribe, each many times before it waits for an answer.

use anyhow::{Context, Result, bail, ensure};
use wamp::message::{Message, Subscribe, SubscribeOptions};
use wamp::{RequestId, Serializer, SubscriptionId};

use super::topics::Topics;
use crate::opening::Opening;

/// SUBSCRIBEs under way: as many as socket buffers surely hold, so that neither side waits for the other to read.
const BATCH: usize = 256;

/// Subscribes one session to what has these numbers, and answers the subscriptions in their order.
pub(super) fn subscribe(
    session: &mut Opening,
    serializer: Serializer,
    topics: &Topics,
    numbers: &[usize],
) -> Result<Vec<SubscriptionId>> {
    let mut subscriptions = Vec::with_capacity(numbers.len());
    let mut request = RequestId::FIRST;
    for batch in numbers.chunks(BATCH) {
        let first = request;
        session.send_all(batch, |number, out| {
            let topic = topics.subscribed(*number).into();
            let options = SubscribeOptions { match_policy: topics.policy(), ..SubscribeOptions::default() };
            Subscribe { request, options, topic }.encode(serializer, out);
            request = request.next();
        })?;
        subscriptions.extend(answers(session, serializer, first, batch.len())?);
    }
    Ok(subscriptions)
}

/// The subscriptions of consecutive requests, whose answers may come in any order.
fn answers(
    session: &mut Opening,
    serializer: Serializer,
    first: RequestId,
    count: usize,
) -> Result<Vec<SubscriptionId>> {
    let mut found = vec![None; count];
    for _ in 0..count {
        let bytes = session.receive().context("no answer to SUBSCRIBE")?;
        let (request, subscription) = match Message::decode(serializer, &bytes)? {
            Message::Subscribed(subscribed) => (subscribed.request, subscribed.subscription),
            message => bail!("the router answered {message:?}"),
        };
        let place = request.value().checked_sub(first.value()).and_then(|place| usize::try_from(place).ok());
        let place = place.and_then(|place| found.get_mut(place));
        let place = place.with_context(|| format!("SUBSCRIBED for request {request}, which is not open"))?;
        ensure!(place.replace(subscription).is_none(), "request {request} was answered twice");
    }
    found.into_iter().map(|subscription| subscription.context("as many answers as requests")).collect()
}
