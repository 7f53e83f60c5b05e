"""`wamp.subscription.get_events`: what an Autobahn|Python application finds that was not there when it happened."""

import datetime

import pytest
from autobahn.wamp.types import CallResult, PublishOptions, SubscribeOptions
from clients import Clients, Events, error_of
from node import HISTORY_LIMIT

GET_EVENTS = "wamp.subscription.get_events"
LOOKUP, MATCH = "wamp.subscription.lookup", "wamp.subscription.match"
INVALID_ARGUMENT = "wamp.error.invalid_argument"


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "history")


async def get_events(client, subscription, *args, **filters):
    """The events of a history; this client hands over a single result, and none, as something else than a list."""
    result = await client.call(GET_EVENTS, subscription, *args, **filters)
    if isinstance(result, CallResult):
        assert not result.kwresults
        return list(result.results)
    return [] if result is None else [result]


def numbers(events):
    """The first argument of each event."""
    return [event["args"][0] for event in events]


async def publish(client, topic, *args, **options):
    """The id of an acknowledged publication."""
    publication = await client.publish(topic, *args, options=PublishOptions(acknowledge=True, **options))
    return publication.id


async def publish_many(client, topic, count):
    return [await publish(client, topic, number) for number in range(count)]


# HIS-01 HIS-02 HIS-03 HIS-04 HIS-12
async def test_a_history_holds_what_was_published(clients, topic):
    publisher, late = await clients.join_many(2)
    assert late.router_roles["broker"].event_history
    subscription = await late.call(LOOKUP, topic)
    assert await get_events(late, subscription) == []
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(milliseconds=1)
    options = PublishOptions(acknowledge=True)
    first = await publisher.publish(topic, 1, "two", three=[3], options=options)
    second = await publisher.publish(topic, options=options)
    third = await publisher.publish(topic, only="keywords", options=options)
    events = await get_events(late, subscription)
    times = [datetime.datetime.fromisoformat(event.pop("timestamp")) for event in events]
    assert before <= times[0] and times == sorted(times) and times[2] <= datetime.datetime.now(datetime.UTC)
    assert [event["publication"] for event in events] == [first.id, second.id, third.id]
    assert {event["subscription"] for event in events} == {subscription}
    assert [event["details"] for event in events] == [{}, {}, {}]
    assert [event.get("args") or [] for event in events] == [[1, "two"], [], []]
    assert [event.get("kwargs") or {} for event in events] == [{"three": [3]}, {}, {"only": "keywords"}]


# HIS-02 HIS-05
async def test_arguments_may_have_names(clients, topic):
    client = await clients.join()
    subscription = await client.call(LOOKUP, topic)
    await publish_many(client, topic, 3)
    for name in ("subscription_id", "subscription"):
        result = await client.call(GET_EVENTS, **{name: subscription, "limit": 2})
        assert numbers(result.results) == [0, 1]


# HIS-04 HIS-05
async def test_a_history_is_read_from_either_end(clients, topic):
    one, two = await clients.join_many(2)
    subscription = await one.call(LOOKUP, topic)
    for number in range(10):
        await publish((one, two)[number % 2], topic, number)
    everything = list(range(10))
    assert numbers(await get_events(one, subscription)) == everything
    assert numbers(await get_events(two, subscription, reverse=False)) == everything
    assert numbers(await get_events(one, subscription, reverse=True)) == everything[::-1]
    assert numbers(await get_events(one, subscription, 2)) == [0, 1]
    assert numbers(await get_events(one, subscription, limit=3, reverse=True)) == [9, 8, 7]
    assert numbers(await get_events(one, subscription, 1000)) == everything


# HIS-06 HIS-09
async def test_a_history_is_cut_by_time(clients, topic):
    client = await clients.join()
    subscription = await client.call(LOOKUP, topic)
    await publish_many(client, topic, 6)
    times = [event["timestamp"] for event in await get_events(client, subscription)]
    assert len(set(times)) == 6, "events this far apart have times of their own"
    for bounds, expected in (
        ({"from_time": times[4]}, [4, 5]),
        ({"after_time": times[4]}, [5]),
        ({"before_time": times[2]}, [0, 1]),
        ({"until_time": times[2]}, [0, 1, 2]),
        ({"from_time": times[1], "before_time": times[3]}, [1, 2]),
        ({"from_time": times[1], "after_time": times[3]}, [4, 5]),
        ({"until_time": times[4], "before_time": times[3]}, [0, 1, 2]),
        ({"after_time": times[5]}, []),
        ({"from_time": "2000-01-01T00:00:00Z", "until_time": times[0]}, [0]),
        ({"until_time": "2000-01-01T01:00:00+01:00"}, []),
        ({"from_time": times[1], "reverse": True, "limit": 2}, [5, 4]),
    ):
        assert numbers(await get_events(client, subscription, **bounds)) == expected, bounds


# HIS-07 HIS-09
async def test_a_history_is_cut_by_publication(clients, topic):
    client = await clients.join()
    subscription = await client.call(LOOKUP, topic)
    ids = await publish_many(client, topic, 6)
    for bounds, expected in (
        ({"from_publication": ids[4]}, [4, 5]),
        ({"after_publication": ids[4]}, [5]),
        ({"before_publication": ids[2]}, [0, 1]),
        ({"until_publication": ids[2]}, [0, 1, 2]),
        ({"from_publication": ids[1], "before_publication": ids[3]}, [1, 2]),
        ({"after_publication": ids[1], "until_publication": ids[3]}, [2, 3]),
        ({"after_publication": ids[5]}, []),
        ({"until_publication": ids[3], "reverse": True, "limit": 2}, [3, 2]),
    ):
        assert numbers(await get_events(client, subscription, **bounds)) == expected, bounds


# HIS-07 HIS-21
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_history_is_paged_through(clients, topic, reverse):
    client = await clients.join()
    subscription = await client.call(LOOKUP, topic)
    await publish_many(client, topic, 7)
    bound = "before_publication" if reverse else "after_publication"
    pages, where = [], {}
    while page := await get_events(client, subscription, limit=3, reverse=reverse, **where):
        pages.append(numbers(page))
        where = {bound: page[-1]["publication"]}
        if len(pages) == 1:
            # What is published meanwhile moves nothing.
            await publish(client, topic, 7)
    expected = [[6, 5, 4], [3, 2, 1], [0]] if reverse else [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert pages == expected


# HIS-08 HIS-10 HIS-22
async def test_each_history_holds_what_its_subscription_would_get(clients, topic):
    client = await clients.join()
    exact = await client.call(LOOKUP, topic)
    prefix = await client.call(LOOKUP, f"{topic}.", match="prefix")
    wildcard = await client.call(LOOKUP, f"{topic}..z", match="wildcard")
    for name in (topic, f"{topic}.a.z", f"{topic}.a", f"{topic}.a.b", f"{topic}.b.z"):
        await publish(client, name, name)
    got = {
        subscription: [(event["args"][0], event["details"].get("topic")) for event in await get_events(client, subscription)]
        for subscription in (exact, prefix, wildcard)
    }
    assert got[exact] == [(topic, None)]
    assert got[prefix] == [(name, name) for name in (f"{topic}.a.z", f"{topic}.a", f"{topic}.a.b", f"{topic}.b.z")]
    assert got[wildcard] == [(name, name) for name in (f"{topic}.a.z", f"{topic}.b.z")]
    for subscription in (prefix, wildcard):
        assert numbers(await get_events(client, subscription, topic=f"{topic}.b.z")) == [f"{topic}.b.z"]
        assert await get_events(client, subscription, topic=f"{topic}.c") == []
    assert await get_events(client, prefix, topic=f"{topic}.a", limit=5, reverse=True) != []


# HIS-04
async def test_the_oldest_events_go_first(clients, topic):
    client = await clients.join()
    subscription = await client.call(LOOKUP, topic)
    ids = await publish_many(client, topic, HISTORY_LIMIT + 5)
    assert numbers(await get_events(client, subscription)) == list(range(5, HISTORY_LIMIT + 5))
    assert await error_of(client.call(GET_EVENTS, subscription, from_publication=ids[0])) == INVALID_ARGUMENT


# HIS-16 HIS-17
async def test_a_history_does_not_need_a_subscriber(clients, topic):
    client, subscriber = await clients.join_many(2)
    number = await client.call(LOOKUP, topic)
    assert await client.call(MATCH, topic) == [number]
    assert (await client.call("wamp.subscription.get", number))["uri"] == topic
    assert await client.call("wamp.subscription.list_subscribers", number) == []
    watched = Events()
    await client.subscribe(watched, "wamp.subscription.on_create")
    await publish(client, topic, "before")
    subscription = await subscriber.subscribe(Events(), topic)
    assert subscription.id == number
    # It exists all the time, but who comes first and who goes last is told as of any other.
    session, details = await watched.args()
    assert (session, details["id"]) == (subscriber.session_id, number)
    await publish(client, topic, "while")
    await subscription.unsubscribe()
    await publish(client, topic, "after")
    assert await client.call(LOOKUP, topic) == number
    assert numbers(await get_events(client, number)) == ["before", "while", "after"]


# HIS-11 ERR-05
async def test_where_there_is_no_history_that_is_said(clients, uri):
    client = await clients.join()
    subscription = await client.subscribe(Events(), uri)
    assert await error_of(client.call(GET_EVENTS, subscription.id)) == "wamp.error.history_unavailable"
    assert await error_of(client.call(GET_EVENTS, 1)) == "wamp.error.no_such_subscription"
    own = await client.subscribe(Events(), "wamp.session.on_join")
    assert await error_of(client.call(GET_EVENTS, own.id)) == "wamp.error.not_authorized"


# HIS-13
async def test_who_may_not_subscribe_may_not_read(clients):
    admin, guest = await clients.join(role="admin"), await clients.join(role="guest")
    mixed = "com.example.mixed."
    published = [await publish(admin, f"{mixed}{name}", name) for name in ("open", "secret", "open")]
    subscription = await admin.call(LOOKUP, mixed, match="prefix")
    for client, expected in ((admin, ["open", "secret", "open"]), (guest, ["open", "open"])):
        events = await get_events(client, subscription, from_publication=published[0])
        assert numbers(events) == expected
    secret = await guest.call(LOOKUP, f"{mixed}secret")
    assert await error_of(guest.call(GET_EVENTS, secret)) == "wamp.error.not_authorized"
    assert numbers(await get_events(admin, secret, limit=1, reverse=True)) == ["secret"]


# HIS-14
async def test_filters_of_the_publisher_hold_for_readers(clients, topic):
    publisher, user = await clients.join_many(2)
    admin = await clients.join(role="admin")
    subscription = await user.call(LOOKUP, topic)
    await publish(publisher, topic, "all")
    await publish(publisher, topic, "admins", eligible_authrole=["admin"])
    await publish(publisher, topic, "no admins", exclude_authrole=["admin"])
    await publish(publisher, topic, "user", eligible_authid=[user.details.authid])
    await publish(publisher, topic, "not user", exclude_authid=[user.details.authid])
    assert numbers(await get_events(user, subscription)) == ["all", "no admins", "user"]
    assert numbers(await get_events(admin, subscription)) == ["all", "admins", "not user"]
    assert numbers(await get_events(user, subscription, 2)) == ["all", "no admins"]


# HIS-15
async def test_what_was_for_some_sessions_is_not_kept(clients, topic):
    publisher, reader = await clients.join_many(2)
    subscription = await reader.call(LOOKUP, topic)
    await publish(publisher, topic, "eligible", eligible=[reader.session_id])
    await publish(publisher, topic, "exclude", exclude=[publisher.session_id])
    await publish(publisher, topic, "kept")
    assert numbers(await get_events(reader, subscription)) == ["kept"]


# HIS-07
async def test_an_event_has_the_publication_id_of_the_live_one(clients, topic):
    publisher, reader = await clients.join_many(2)
    events = Events()
    await reader.subscribe(events, topic, options=SubscribeOptions(details=True))
    published = await publish(publisher, topic, 1)
    live = (await events.next())[2].publication
    (stored,) = await get_events(reader, await reader.call(LOOKUP, topic))
    assert published == live == stored["publication"]


# HIS-19
async def test_filters_that_make_no_sense_are_refused(clients, topic):
    client = await clients.join()
    subscription = await client.call(LOOKUP, topic)
    (published,) = await publish_many(client, topic, 1)
    for filters in (
        {"limit": -1},
        {"limit": 0},
        {"limit": 1.5},
        {"limit": "10"},
        {"reverse": "yes"},
        {"from_time": "yesterday"},
        {"after_time": 1700000000},
        {"until_time": "2026-13-01T00:00:00Z"},
        {"before_time": ""},
        {"from_publication": "x"},
        {"after_publication": 0},
        {"until_publication": -1},
        {"before_publication": 4711},
        {"from_publication": published, "after_publication": published},
        {"until_publication": published, "before_publication": published},
        {"topic": 1},
        {"nonsense": 1},
    ):
        assert await error_of(client.call(GET_EVENTS, subscription, **filters)) == INVALID_ARGUMENT, filters
    for arguments in ([], ["x"], [subscription, 1, 1], [0]):
        assert await error_of(client.call(GET_EVENTS, *arguments)) == INVALID_ARGUMENT, arguments
