//! How the subscriptions come about: many sessions subscribe, each many times before it waits for an answer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wamp::message::{Message, Subscribe, SubscribeOptions};
use wamp::{RequestId, Serializer, SubscriptionId};

use super::size::{Kind, Subscriptions};
use super::topics::Topics;
use crate::load::Figures;
use crate::opening::Opening;
use crate::usage::Usage;

/// SUBSCRIBEs under way: as many as socket buffers surely hold, so that neither side waits for the other to read.
const BATCH: usize = 256;

/// Subscribes all sessions and notes what that took.
pub(super) fn subscribe_all(
    holders: &mut [Opening],
    serializer: Serializer,
    topics: &Topics,
    (size, pid): (Subscriptions, Option<u32>),
    figures: &mut Figures,
) -> Result<Vec<SubscriptionId>> {
    let look = || pid.map(Usage::settled).transpose();
    let mut subscriptions = vec![None; size.distinct()];
    let before = look()?;
    let (mut after_first, mut elapsed) = (None, Duration::ZERO);
    for (holder, session) in holders.iter_mut().enumerate() {
        let numbers = size.of_holder(holder);
        let begin = Instant::now();
        let found = subscribe(session, serializer, topics, &numbers)?;
        elapsed += begin.elapsed();
        for (number, subscription) in numbers.into_iter().zip(found) {
            let place = subscriptions.get_mut(number).context("it is one of them")?;
            let known = *place.get_or_insert(subscription);
            ensure!(known == subscription, "two subscriptions to the same topic");
        }
        if size.kind == Kind::Shared && holder == 0 {
            after_first = look()?;
        }
    }
    let seconds = elapsed.as_secs_f64();
    let after = look()?;
    figures.insert("subscribed_per_second", size.count as f64 / seconds.max(f64::MIN_POSITIVE));
    if let Some((before, after)) = before.zip(after) {
        figures.extend(costs(size, [before, after_first.unwrap_or(after), after]));
    }
    subscriptions.into_iter().map(|found| found.context("each was subscribed to")).collect()
}

/// What a subscription costs; `first` is when each topic has a subscriber.
fn costs(size: Subscriptions, [before, first, after]: [Usage; 3]) -> Figures {
    let (distinct, all) = (size.distinct() as f64, (size.distinct() * size.holders()) as f64);
    let mut figures =
        Figures::from([("rss_bytes_per_subscription", first.grown_since(&before) / distinct.max(1.0))]);
    let made = if size.kind == Kind::Shared { all } else { distinct };
    let micros = after.cpu_since(&before).as_secs_f64() * 1e6;
    figures.insert("subscribe_cpu_us", micros / made.max(1.0));
    if size.kind == Kind::Shared {
        let further = after.grown_since(&first) / (all - distinct).max(1.0);
        figures.insert("rss_bytes_per_further_subscriber", further);
    }
    figures
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Subscriptions {
        Subscriptions::read(&mut text.split_whitespace()).unwrap()
    }

    #[test]
    fn costs_are_per_subscription_and_per_further_subscriber() {
        let usage = |millis, rss_kib| Usage { cpu: Duration::from_millis(millis), rss_kib, rss_peak_kib: 0 };
        let looks = [usage(0, 0), usage(10, 400), usage(40, 2300)];
        let figures = costs(size("1000 shared"), looks);
        assert_eq!(figures["rss_bytes_per_subscription"], 400.0 * 1024.0 / 50.0);
        assert_eq!(figures["rss_bytes_per_further_subscriber"], 2.0 * 1024.0);
        assert_eq!(figures["subscribe_cpu_us"], 40.0);
        let figures = costs(size("1000 exact"), [looks[0], looks[1], looks[1]]);
        assert_eq!(figures["rss_bytes_per_subscription"], 409.6);
        assert_eq!(figures["subscribe_cpu_us"], 10.0);
    }
}
