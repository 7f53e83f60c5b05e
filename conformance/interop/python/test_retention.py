"""Retained events of an Autobahn|Python application."""

from autobahn.wamp.types import PublishOptions, SubscribeOptions
from clients import Events, settled

GET_RETAINED = SubscribeOptions(get_retained=True, details=True)


def retain(**more):
    return PublishOptions(acknowledge=True, retain=True, **more)


# RET-01 RET-05 RET-08
async def test_a_late_subscriber_gets_the_retained_event(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    await publisher.publish(uri, "old", options=retain())
    await publisher.publish(uri, "newer", 1, two=2, options=retain())
    events = Events()
    await subscriber.subscribe(events, uri, options=GET_RETAINED)
    args, kwargs, details = await events.next()
    assert (args, kwargs, details.retained) == (["newer", 1], {"two": 2}, True)
    await settled(subscriber, uri)
    assert events.pending() == 0


# RET-05
async def test_live_events_are_not_marked(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, uri, options=GET_RETAINED)
    await publisher.publish(uri, "live", options=retain())
    args, _, details = await events.next()
    assert args == ["live"] and not details.retained


# RET-02 RET-03
async def test_an_event_that_is_not_retained_does_not_replace_one_that_is(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    await publisher.publish(uri, "kept", options=retain())
    await publisher.publish(uri, "passing", options=PublishOptions(acknowledge=True))
    events = Events()
    await subscriber.subscribe(events, uri, options=GET_RETAINED)
    assert await events.args() == ["kept"]


# RET-04
async def test_who_does_not_ask_gets_none(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    await publisher.publish(uri, "kept", options=retain())
    events = Events()
    await subscriber.subscribe(events, uri)
    await settled(subscriber, uri)
    assert events.pending() == 0


# RET-06
async def test_filters_hold_for_retained_events(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    await publisher.publish(uri, "secret", options=retain(eligible_authrole=["admin"]))
    await publisher.publish(f"{uri}.b", "not for you", options=retain(exclude=[subscriber.session_id]))
    events = Events()
    await subscriber.subscribe(events, uri, options=GET_RETAINED)
    await subscriber.subscribe(events, f"{uri}.b", options=GET_RETAINED)
    await settled(subscriber, uri)
    assert events.pending() == 0


# RET-10
async def test_a_pattern_gets_one_event_for_each_topic(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    for name in ("a", "b", "c"):
        await publisher.publish(f"{uri}.{name}", name, options=retain())
    events = Events()
    options = SubscribeOptions(match="prefix", get_retained=True, details=True)
    await subscriber.subscribe(events, f"{uri}.", options=options)
    received = [await events.next() for _ in range(3)]
    assert sorted((args[0], details.topic, details.retained) for args, _, details in received) == [
        (name, f"{uri}.{name}", True) for name in ("a", "b", "c")
    ]


# RET-12
async def test_the_retained_event_is_the_same_publication(clients, uri):
    publisher, subscriber = await clients.join_many(2)
    publication = await publisher.publish(uri, "kept", options=retain())
    events = Events()
    await subscriber.subscribe(events, uri, options=GET_RETAINED)
    assert (await events.next())[2].publication == publication.id


# RET-09
async def test_the_publisher_does_not_get_its_own_retained_event(clients, uri):
    client = await clients.join()
    await client.publish(uri, "mine", options=retain())
    await client.publish(f"{uri}.b", "mine too", options=retain(exclude_me=False))
    events = Events()
    await client.subscribe(events, uri, options=GET_RETAINED)
    await client.subscribe(events, f"{uri}.b", options=GET_RETAINED)
    assert await events.args() == ["mine too"]
    await settled(client, uri)
    assert events.pending() == 0
