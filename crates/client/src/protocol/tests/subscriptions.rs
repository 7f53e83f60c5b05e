//! Subscriptions and their events.

use super::*;

/// BRK-11: a session has one subscription per topic; its handles share it.
#[test]
fn handles_of_one_topic_share_its_events_and_the_last_unsubscribes() {
    let mut rig = Rig::open();
    let (mut one, mut two) = (rig.subscribe("a.b"), rig.subscribe("a.b"));
    rig.subscribed(1, 10);
    rig.subscribed(2, 10);
    rig.sent();
    rig.event(10);
    assert_eq!((one.count(), two.count()), (1, 1));
    let mut left = rig.unsubscribe(one.key);
    assert_eq!(left.try_recv(), Ok(Ok(())));
    assert_eq!(rig.sent(), [""; 0]);
    rig.event(10);
    assert_eq!((one.count(), two.count()), (0, 1));
    let mut left = rig.unsubscribe(two.key);
    assert_eq!(rig.sent(), ["[34,3,10]"]);
    rig.event(10);
    assert_eq!(two.count(), 0);
    rig.receive(Unsubscribed::Reply(request(3)));
    assert_eq!(left.try_recv(), Ok(Ok(())));
}

#[test]
fn events_name_the_topic_that_was_subscribed_to_or_published_to() {
    let mut rig = Rig::open();
    let mut reading = rig.subscribe("a.b");
    rig.subscribed(1, 10);
    rig.event(10);
    rig.receive(Event {
        subscription: SubscriptionId::new(10).unwrap(),
        publication: PublicationId::from_bits(1),
        details: EventDetails { topic: Some("a.b.c".into()), retained: true, ..EventDetails::default() },
        payload: Payload::EMPTY,
    });
    let mut cx = Context::from_waker(Waker::noop());
    let mut next = || match reading.events.poll_next(&mut cx) {
        Poll::Ready(Some(event)) => (event.topic().to_owned(), event.is_retained()),
        other => panic!("{other:?}"),
    };
    assert_eq!([next(), next()], [("a.b".to_owned(), false), ("a.b.c".to_owned(), true)]);
}

#[test]
fn the_last_handle_does_not_undo_a_subscription_under_way() {
    let mut rig = Rig::open();
    let one = rig.subscribe("a.b");
    rig.subscribed(1, 10);
    let mut two = rig.subscribe("a.b");
    rig.sent();
    let mut left = rig.unsubscribe(one.key);
    assert_eq!(left.try_recv(), Ok(Ok(())));
    assert_eq!(rig.sent(), [""; 0]);
    rig.subscribed(2, 10);
    rig.event(10);
    assert_eq!(two.count(), 1);
}

#[test]
fn an_unsubscribe_kept_back_is_sent_when_the_other_subscription_fails() {
    let mut rig = Rig::open();
    let one = rig.subscribe("a.b");
    rig.subscribed(1, 10);
    let mut two = rig.subscribe("a.b");
    rig.unsubscribe(one.key);
    rig.sent();
    rig.error(MessageType::Subscribe, 2, error_uri::NOT_AUTHORIZED);
    assert_eq!(two.answer.try_recv().unwrap().unwrap_err().uri(), Some(error_uri::NOT_AUTHORIZED));
    assert_eq!(rig.sent(), ["[34,3,10]"]);
}

#[test]
fn a_subscription_given_up_while_it_was_made_is_undone() {
    let mut rig = Rig::open();
    let reading = rig.subscribe("a.b");
    drop(reading.answer);
    rig.sent();
    rig.subscribed(1, 10);
    assert_eq!(rig.sent(), ["[34,2,10]"]);

    let reading = rig.subscribe("c.d");
    rig.protocol.handle(Command::Unsubscribe { key: reading.key, reply: None });
    rig.sent();
    rig.subscribed(3, 11);
    assert_eq!(rig.sent(), ["[34,4,11]"]);
}

/// REV-01: UNSUBSCRIBED without a request.
#[test]
fn a_revocation_ends_the_subscription_with_its_reason() {
    let mut rig = Rig::open();
    let reading = rig.subscribe("a.b");
    rig.subscribed(1, 10);
    rig.sent();
    let subscription = SubscriptionId::new(10).unwrap();
    rig.receive(Unsubscribed::Revoked { subscription, reason: Some("my.reason".into()) });
    assert_eq!(reading.events.end_reason(), Some(EndReason::Revoked(Some("my.reason".to_owned()))));
    let mut left = rig.unsubscribe(reading.key);
    assert_eq!(left.try_recv(), Ok(Ok(())));
    assert_eq!(rig.sent(), [""; 0]);
}

/// REV-07: an UNSUBSCRIBE that crosses a revocation fails.
#[test]
fn a_failed_unsubscribe_is_told() {
    let mut rig = Rig::open();
    let reading = rig.subscribe("a.b");
    rig.subscribed(1, 10);
    let mut left = rig.unsubscribe(reading.key);
    rig.error(MessageType::Unsubscribe, 2, error_uri::NO_SUCH_SUBSCRIPTION);
    assert_eq!(left.try_recv().unwrap().unwrap_err().uri(), Some(error_uri::NO_SUCH_SUBSCRIPTION));
}

#[test]
fn subscriptions_are_made_again_after_a_loss() {
    let mut rig = Rig::open();
    let mut one = rig.subscribe("a.b");
    let refused = rig.subscribe("c.d");
    let gone = rig.subscribe("e.f");
    for (id, subscription) in [(1, 10), (2, 20), (3, 30)] {
        rig.subscribed(id, subscription);
    }
    let mut unanswered = rig.subscribe("g.h");
    rig.sent();
    rig.protocol.lost("cable");
    rig.protocol.disconnected();
    assert_eq!(unanswered.answer.try_recv(), Ok(Err(RequestError::network_lost())));
    assert_eq!(rig.unsubscribe(gone.key).try_recv(), Ok(Ok(())));
    rig.begin(usize::MAX);
    rig.welcome(2, Features::NONE);
    assert_eq!(rig.sent(), [r#"[32,1,{},"a.b"]"#, r#"[32,2,{},"c.d"]"#]);
    rig.subscribed(1, 77);
    rig.error(MessageType::Subscribe, 2, "my.error");
    rig.event(10);
    rig.event(77);
    assert_eq!(one.count(), 1);
    assert!(matches!(refused.events.end_reason(), Some(EndReason::Refused(_))));
}

#[test]
fn a_subscription_that_must_not_miss_events_unsubscribes_when_it_would() {
    let mut rig = Rig::open();
    let (sender, events) = event::queue(1, Overflow::End);
    let (reply, _answer) = oneshot::channel();
    let (key, topic, options) = (SubscriptionKey::next(), Arc::from("a.b"), SubscribeOptions::default());
    rig.protocol.handle(Command::Subscribe(NewSubscription { key, topic, options, events: sender, reply }));
    rig.subscribed(1, 10);
    rig.sent();
    rig.event(10);
    rig.event(10);
    assert_eq!(rig.sent(), ["[34,2,10]"]);
    assert_eq!(events.end_reason(), Some(EndReason::Overflow));
}
