"""Where the meta API answers as Crossbar.io does, in a realm that says `compat: crossbar`."""

import asyncio
import datetime
import time

import pytest
from autobahn.wamp.types import PublishOptions
from clients import Clients, Events, error_of

GET_EVENTS = "wamp.subscription.get_events"
KILL = "wamp.session.kill"


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "crossbar")


# MSE-12 MSE-13
async def test_whoever_is_killed_is_listed(clients):
    client = await clients.join_alone()
    victims = [await clients.join(role="admin") for _ in range(2)]
    ids = sorted(victim.session_id for victim in victims)
    assert sorted(await client.call(f"{KILL}_by_authrole", "admin")) == ids
    for victim in victims:
        await asyncio.wait_for(victim.disconnected, 5)
    last = await clients.join()
    assert await client.call(f"{KILL}_all") == [last.session_id]
    assert await client.call(f"{KILL}_by_authid", "nobody") == []


# TST-05
async def test_flushed_testaments_are_counted(clients, uri):
    client = await clients.join()
    for scope in ("destroyed", "detached", "destroyed"):
        await client.call("wamp.session.add_testament", uri, [], {}, scope=scope)
    flush = "wamp.session.flush_testaments"
    assert await client.call(flush) == 2
    assert await client.call(flush, scope="detached") == 1
    assert await client.call(flush) == 0


# HIS-02 HIS-05
async def test_a_history_is_a_list_and_the_newest_event_comes_first(clients, topic):
    publisher, reader = await clients.join_many(2)
    subscription = await reader.call("wamp.subscription.lookup", topic)
    assert await reader.call(GET_EVENTS, subscription) == []
    before = time.time_ns() - 1_000_000
    options = PublishOptions(acknowledge=True)
    ids = [(await publisher.publish(topic, number, a=number, options=options)).id for number in range(12)]
    events = await reader.call(GET_EVENTS, subscription)
    assert [event["publication"] for event in events] == ids[:1:-1]
    assert [event["args"] for event in events] == [[number] for number in range(11, 1, -1)]
    assert events[0]["kwargs"] == {"a": 11}
    assert (events[0]["realm"], events[0]["topic"]) == ("crossbar", topic)
    assert before <= events[0]["time_ns"] <= time.time_ns()
    seconds = datetime.datetime.fromisoformat(events[0]["timestamp"]).timestamp()
    assert abs(seconds - events[0]["time_ns"] / 1e9) < 0.001
    assert events[0]["session_id"] is None and events[0]["authid"] is None and events[0]["authrole"] is None
    assert len(await reader.call(GET_EVENTS, subscription, 12)) == 12
    oldest = await reader.call(GET_EVENTS, subscription, limit=2, reverse=False)
    assert [event["publication"] for event in oldest] == ids[:2]


# HIS-11 HIS-19
async def test_errors_are_the_same(clients, uri):
    client = await clients.join()
    subscription = await client.subscribe(Events(), uri)
    assert await error_of(client.call(GET_EVENTS, subscription.id)) == "wamp.error.history_unavailable"
    assert await error_of(client.call(GET_EVENTS, 1)) == "wamp.error.no_such_subscription"
    assert await error_of(client.call(GET_EVENTS, subscription.id, "x")) == "wamp.error.invalid_argument"
