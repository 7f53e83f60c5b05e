"""PubSub of an Autobahn|Python application: patterns, acknowledgement, filters."""

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import PublishOptions, SubscribeOptions
from clients import Events, settled

ACKNOWLEDGE = PublishOptions(acknowledge=True)
WITH_DETAILS = SubscribeOptions(details=True)


# BRK-01 BRK-09 PBS-08
async def test_an_event_arrives_with_its_arguments(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, uri, options=WITH_DETAILS)
    publication = await publisher.publish(uri, 1, "two", three=[3], options=ACKNOWLEDGE)
    args, kwargs, details = await events.next()
    assert (args, kwargs) == ([1, "two"], {"three": [3]})
    assert details.publication == publication.id
    assert details.publisher is None and details.publisher_authid is None


# BRK-07 BRK-15
async def test_an_event_without_arguments_has_none(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, uri)
    publisher.publish(uri)
    publisher.publish(uri, only="keywords")
    assert (await events.next())[:2] == ([], {})
    assert (await events.next())[:2] == ([], {"only": "keywords"})


# BRK-08 BRK-13 IDS-02
async def test_acknowledged_publications_have_ids_of_their_own(clients, uri):
    publisher = await clients.join()
    publications = [await publisher.publish(uri, options=ACKNOWLEDGE) for _ in range(50)]
    ids = [publication.id for publication in publications]
    assert len(set(ids)) == 50
    assert all(1 <= number <= 2**53 for number in ids)
    assert ids != sorted(ids), "global ids are random, not counted"


# BRK-03 BRK-09 BRK-10
async def test_all_subscribers_get_the_same_publication(clients, uri):
    *subscribers, publisher = await clients.join_many(5)
    inboxes = [Events() for _ in subscribers]
    for subscriber, events in zip(subscribers, inboxes):
        await subscriber.subscribe(events, uri, options=WITH_DETAILS)
    publication = await publisher.publish(uri, "to all", options=ACKNOWLEDGE)
    for events in inboxes:
        args, _, details = await events.next()
        assert args == ["to all"]
        assert details.publication == publication.id


# BRK-05 ORD-07
async def test_nothing_arrives_after_unsubscribing(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    subscription = await subscriber.subscribe(events, uri)
    await publisher.publish(uri, "before", options=ACKNOWLEDGE)
    assert await events.args() == ["before"]
    await subscription.unsubscribe()
    await publisher.publish(uri, "after", options=ACKNOWLEDGE)
    await settled(subscriber, uri)
    assert events.pending() == 0


# PBS-01 PBS-03 PBS-07
async def test_a_prefix_subscription_gets_what_starts_with_it(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, f"{uri}.emergency", options=SubscribeOptions(match="prefix", details=True))
    matching = ["emergency", "emergency.low", "emergency-low", "emergency.category.severe"]
    for name in [*matching, "emerge", "other"]:
        await publisher.publish(f"{uri}.{name}", name, options=ACKNOWLEDGE)
    for name in matching:
        args, _, details = await events.next()
        assert (args, details.topic) == ([name], f"{uri}.{name}")
    await settled(subscriber, uri)
    assert events.pending() == 0


# PBS-01 PBS-04 PBS-07
async def test_a_wildcard_subscription_gets_one_component_for_each_gap(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, f"{uri}..userevent", options=SubscribeOptions(match="wildcard", details=True))
    for name in ["foo.userevent", "bar.userevent", "a12.userevent", "foo.bar.userevent", "foo.userevent.bar", "foo.user"]:
        await publisher.publish(f"{uri}.{name}", name, options=ACKNOWLEDGE)
    for name in ["foo.userevent", "bar.userevent", "a12.userevent"]:
        args, _, details = await events.next()
        assert (args, details.topic) == ([name], f"{uri}.{name}")
    await settled(subscriber, uri)
    assert events.pending() == 0


# PBS-06 BRK-04 BRK-10
async def test_overlapping_subscriptions_each_deliver(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    inboxes = [Events() for _ in range(3)]
    patterns = [(f"{uri}.a.b", "exact"), (f"{uri}.a", "prefix"), (f"{uri}..b", "wildcard")]
    for (topic, match), events in zip(patterns, inboxes):
        await subscriber.subscribe(events, topic, options=SubscribeOptions(match=match, details=True))
    publication = await publisher.publish(f"{uri}.a.b", options=ACKNOWLEDGE)
    assert [(await events.next())[2].publication for events in inboxes] == [publication.id] * 3


# PEX-01 PEX-02 BRK-12
async def test_a_publisher_hears_itself_only_when_it_asks(clients, uri):
    client = await clients.join()
    events = Events()
    await client.subscribe(events, uri)
    await client.publish(uri, "default", options=ACKNOWLEDGE)
    await client.publish(uri, "excluded", options=PublishOptions(acknowledge=True, exclude_me=True))
    await client.publish(uri, "included", options=PublishOptions(acknowledge=True, exclude_me=False))
    assert await events.args() == ["included"]
    await settled(client, uri)
    assert events.pending() == 0


async def _receivers(clients, uri, make_options):
    """Publishes once to four subscribers; tells which of them got it (by number)."""
    *subscribers, publisher = await clients.join_many(5)
    inboxes = [Events() for _ in subscribers]
    for subscriber, events in zip(subscribers, inboxes):
        await subscriber.subscribe(events, uri)
    await publisher.publish(uri, options=make_options(subscribers))
    for subscriber in subscribers:
        await settled(subscriber, uri)
    return [number for number, events in enumerate(inboxes) if events.pending() == 1]


# BWL-01 BWL-09
async def test_exclude_keeps_sessions_out(clients, uri):
    def options(subscribers):
        return PublishOptions(acknowledge=True, exclude=[subscribers[0].session_id, subscribers[2].session_id, 12345])

    assert await _receivers(clients, uri, options) == [1, 3]


# BWL-04 BWL-09
async def test_eligible_lets_only_sessions_in(clients, uri):
    def options(subscribers):
        return PublishOptions(acknowledge=True, eligible=[subscribers[1].session_id, 12345])

    assert await _receivers(clients, uri, options) == [1]


# BWL-02
async def test_exclude_authid_keeps_people_out(clients, uri):
    def options(subscribers):
        return PublishOptions(acknowledge=True, exclude_authid=[subscribers[3].details.authid])

    assert await _receivers(clients, uri, options) == [0, 1, 2]


# BWL-05
async def test_eligible_authid_lets_only_people_in(clients, uri):
    def options(subscribers):
        return PublishOptions(acknowledge=True, eligible_authid=[subscribers[0].details.authid, "nobody"])

    assert await _receivers(clients, uri, options) == [0]


# BWL-03 BRK-16
async def test_exclude_authrole_keeps_a_role_out(clients, uri):
    def options(_):
        return PublishOptions(acknowledge=True, exclude_authrole=["anonymous"])

    assert await _receivers(clients, uri, options) == []


# BWL-06
async def test_eligible_authrole_lets_only_a_role_in(clients, uri):
    def options(_):
        return PublishOptions(acknowledge=True, eligible_authrole=["anonymous", "admin"])

    assert await _receivers(clients, uri, options) == [0, 1, 2, 3]


# BWL-07
async def test_all_lists_must_agree(clients, uri):
    def options(subscribers):
        ids = [subscriber.session_id for subscriber in subscribers]
        return PublishOptions(
            acknowledge=True,
            eligible=ids[:3],
            exclude=ids[:1],
            eligible_authid=[subscribers[number].details.authid for number in (0, 1, 3)],
        )

    assert await _receivers(clients, uri, options) == [1]


# URI-05 URI-08 ERR-01
async def test_the_routers_own_topics_cannot_be_forged(clients):
    client = await clients.join()
    with pytest.raises(ApplicationError) as refused:
        await client.publish("wamp.session.on_join", {"session": 1}, options=ACKNOWLEDGE)
    assert refused.value.error == "wamp.error.invalid_uri"


# ORD-01 ORD-02
async def test_events_keep_their_order_across_topics_and_patterns(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, f"{uri}.one")
    await subscriber.subscribe(events, f"{uri}.two", options=SubscribeOptions(match="prefix"))
    await subscriber.subscribe(events, f"{uri}..three", options=SubscribeOptions(match="wildcard"))
    topics = [f"{uri}.one", f"{uri}.two.x", f"{uri}.y.three"]
    for number in range(300):
        publisher.publish(topics[number % 3], number)
    assert [(await events.args())[0] for _ in range(300)] == list(range(300))


# URI-10
async def test_topics_may_be_in_any_script(clients, uri):
    subscriber, publisher = await clients.join_many(2)
    events = Events()
    topic = f"{uri}.müller.日本"
    await subscriber.subscribe(events, topic)
    await publisher.publish(topic, "ok", options=ACKNOWLEDGE)
    assert await events.args() == ["ok"]
