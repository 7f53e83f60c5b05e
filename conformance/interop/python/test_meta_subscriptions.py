"""`wamp.subscription.*`: what Autobahn|Python applications see of who listens to what."""

import datetime

import pytest
from autobahn.wamp.types import SubscribeOptions
from clients import Clients, Events, error_of, settled

API = "wamp.subscription"
LIST, LOOKUP, MATCH, GET = f"{API}.list", f"{API}.lookup", f"{API}.match", f"{API}.get"
NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription"
NOTHING = {"exact": [], "prefix": [], "wildcard": []}


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "meta")


async def subscribe(client, topic, match=None):
    """The id of a subscription."""
    options = SubscribeOptions(match=match) if match else None
    return (await client.subscribe(Events(), topic, options=options)).id


async def three(subscriber, uri):
    """A subscription of each match policy that `uri.a.b` falls under."""
    return {
        "wildcard": await subscribe(subscriber, f"{uri}..b", "wildcard"),
        "prefix": await subscribe(subscriber, f"{uri}.", "prefix"),
        "exact": await subscribe(subscriber, f"{uri}.a.b"),
    }


# MSB-05
async def test_subscriptions_are_listed_by_how_they_match(clients, uri):
    client = await clients.join_alone()
    assert await client.call(LIST) == NOTHING
    subscriber = await clients.join()
    ids = await three(subscriber, uri)
    expected = {policy: [number] for policy, number in ids.items()}
    assert await client.call(LIST) == expected
    for none in (0, None):
        assert await client.call(LIST, none) == expected
    assert await client.call(LIST, subscriber.session_id) == expected
    assert await client.call(LIST, session_id=subscriber.session_id) == expected
    assert await client.call(LIST, session=client.session_id) == NOTHING
    assert await error_of(client.call(LIST, 1)) == "wamp.error.no_such_session"


# MSB-05 MSB-12
async def test_what_is_the_routers_own_is_only_in_the_list_of_its_session(clients):
    client, subscriber = await clients.join_many(2)
    numbers = [await subscribe(subscriber, topic) for topic in ("wamp.session.on_join", "crossbar.topic")]
    everything = await client.call(LIST)
    assert not set(numbers) & set(everything["exact"])
    assert sorted((await client.call(LIST, subscriber.session_id))["exact"]) == sorted(numbers)


# MSB-06
async def test_a_subscription_is_looked_up_by_what_was_subscribed_to(clients, uri):
    client, subscriber = await clients.join_many(2)
    ids = await three(subscriber, uri)
    assert await client.call(LOOKUP, f"{uri}.a.b") == ids["exact"]
    assert await client.call(LOOKUP, f"{uri}.a.b", {}) == ids["exact"]
    assert await client.call(LOOKUP, f"{uri}.", {"match": "prefix"}) == ids["prefix"]
    assert await client.call(LOOKUP, topic=f"{uri}..b", match="wildcard") == ids["wildcard"]
    assert await client.call(LOOKUP, uri=f"{uri}.a.b", match="exact") == ids["exact"]
    for absent, match in ((f"{uri}.a.b", "prefix"), (f"{uri}.", "exact"), (f"{uri}.", "wildcard"), (f"{uri}.a", "exact")):
        assert await client.call(LOOKUP, absent, {"match": match}) is None


# MSB-07
async def test_all_subscriptions_that_would_get_an_event_are_found(clients, uri):
    client, subscriber = await clients.join_many(2)
    ids = await three(subscriber, uri)
    longer = await subscribe(subscriber, f"{uri}.a", "prefix")
    found = [ids["exact"], ids["prefix"], longer, ids["wildcard"]]
    assert await client.call(MATCH, f"{uri}.a.b") == found
    assert await client.call(MATCH, topic=f"{uri}.x.b") == [ids["prefix"], ids["wildcard"]]
    assert await client.call(MATCH, uri=f"{uri}.x") == [ids["prefix"]]
    assert await client.call(MATCH, uri) is None


# MSB-08
async def test_a_subscription_is_described(clients, uri):
    client, subscriber = await clients.join_many(2)
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(milliseconds=1)
    for match in ("exact", "prefix", "wildcard"):
        number = await subscribe(subscriber, uri, match)
        details = await client.call(GET, number)
        assert await client.call(GET, subscription_id=number) == details
        assert await client.call(GET, subscription=number) == details
        created = datetime.datetime.fromisoformat(details.pop("created"))
        assert before <= created <= datetime.datetime.now(datetime.UTC)
        assert details == {"id": number, "uri": uri, "match": match}


# MSB-09 MSB-10
async def test_subscribers_are_listed_and_counted(clients, uri):
    client, *subscribers = await clients.join_many(4)
    (number,) = {await subscribe(subscriber, uri) for subscriber in subscribers}
    ids = [subscriber.session_id for subscriber in subscribers]
    assert sorted(await client.call(f"{API}.list_subscribers", number)) == sorted(ids)
    assert sorted(await client.call(f"{API}.list_subscribers", subscription_id=number)) == sorted(ids)
    assert await client.call(f"{API}.count_subscribers", number) == 3
    assert await client.call(f"{API}.count_subscribers", subscription_id=number) == 3
    await client.call("wamp.session.kill", ids[1])
    assert sorted(await client.call(f"{API}.list_subscribers", number)) == sorted([ids[0], ids[2]])
    assert await client.call(f"{API}.count_subscribers", subscription=number) == 2


# MSB-08 MSB-09 MSB-10 MSE-18
@pytest.mark.parametrize("procedure", ["get", "list_subscribers", "count_subscribers"])
async def test_a_subscription_that_is_gone_is_unknown(clients, uri, procedure):
    client, subscriber = await clients.join_many(2)
    number = await subscribe(subscriber, uri)
    await client.call("wamp.session.kill", subscriber.session_id)
    for unknown in (number, 1):
        assert await error_of(client.call(f"{API}.{procedure}", unknown)) == NO_SUCH_SUBSCRIPTION
    assert await client.call(LOOKUP, uri) is None
    assert await client.call(MATCH, uri) is None


# MSB-08 MSB-09 MSB-10
@pytest.mark.parametrize("procedure", ["get", "list_subscribers", "count_subscribers"])
@pytest.mark.parametrize("own", ["wamp.session.on_join", "crossbar.topic"])
async def test_what_is_the_routers_own_is_not_described(clients, procedure, own):
    client = await clients.join()
    number = await subscribe(client, own)
    assert await error_of(client.call(f"{API}.{procedure}", number)) == "wamp.error.not_authorized"
    assert await client.call(LOOKUP, own) is None
    assert await client.call(MATCH, own) is None


async def watch(client):
    """What happens to subscriptions, as pairs of what and arguments."""
    events = Events()
    options = SubscribeOptions(match="prefix", details=True)
    await client.subscribe(events, f"{API}.on_", options=options)

    async def following():
        args, kwargs, details = await events.next()
        assert kwargs == {}
        return details.topic.removeprefix(f"{API}.on_"), args

    return following, events


# MSB-01 MSB-02 MSB-03 MSB-04
async def test_the_life_of_a_subscription_is_told_in_order(clients, uri):
    watcher, one, two = await clients.join_many(3)
    following, events = await watch(watcher)
    first = await one.subscribe(Events(), uri)
    number = first.id
    what, (session, details) = await following()
    assert (what, session) == ("create", one.session_id)
    assert details == await watcher.call(GET, number)
    assert sorted(details) == ["created", "id", "match", "uri"]
    # A second handler of the same session is no second subscriber.
    await one.subscribe(Events(), uri)
    second = await two.subscribe(Events(), uri)
    await second.unsubscribe()
    one.leave()
    for expected in (
        ("subscribe", [one.session_id, number]),
        ("subscribe", [two.session_id, number]),
        ("unsubscribe", [two.session_id, number]),
        ("unsubscribe", [one.session_id, number]),
        ("delete", [one.session_id, number]),
    ):
        assert await following() == expected
    assert events.pending() == 0


# MSB-03 MSB-04 SES-16
@pytest.mark.parametrize("end", ["goodbye", "loss", "kill"])
async def test_each_subscription_of_a_session_that_leaves_is_told(clients, uri, end):
    watcher, stays, subscriber = await clients.join_many(3)
    alone = list((await three(subscriber, uri)).values())
    shared = [await subscribe(client, f"{uri}.shared") for client in (subscriber, stays)][0]
    following, events = await watch(watcher)
    if end == "goodbye":
        subscriber.leave()
    elif end == "loss":
        await clients.cut(subscriber)
    else:
        await watcher.call("wamp.session.kill", subscriber.session_id)
    told = [await following() for _ in range(7)]
    for number in alone:
        ends = [what for what, args in told if args == [subscriber.session_id, number]]
        assert ends == ["unsubscribe", "delete"]
    assert ("unsubscribe", [subscriber.session_id, shared]) in told
    assert events.pending() == 0
    assert await watcher.call(f"{API}.list_subscribers", shared) == [stays.session_id]


# MSB-12
async def test_those_who_watch_do_not_watch_themselves(clients, uri):
    watcher, other = await clients.join_many(2)
    _, events = await watch(watcher)
    subscription = await other.subscribe(Events(), f"{API}.on_create")
    await other.subscribe(Events(), "wamp.", options=SubscribeOptions(match="prefix"))
    await subscription.unsubscribe()
    await settled(other, uri)
    await settled(watcher, uri)
    assert events.pending() == 0


# MSB-11
async def test_subscriptions_of_another_realm_are_not_told(clients, uri):
    watcher, here = await clients.join_many(2)
    elsewhere = await clients.join(realm="other")
    following, events = await watch(watcher)
    there = await subscribe(elsewhere, f"{uri}.there")
    number = await subscribe(here, f"{uri}.here")
    assert [await following() for _ in range(2)][1] == ("subscribe", [here.session_id, number])
    assert events.pending() == 0
    assert await error_of(watcher.call(GET, there)) == NO_SUCH_SUBSCRIPTION


# PBS-10
@pytest.mark.parametrize(("pattern", "match"), [("wamp.", "prefix"), ("wamp..on_join", "wildcard")])
async def test_patterns_reach_the_meta_events(clients, pattern, match):
    watcher = await clients.join_alone()
    events = Events()
    await watcher.subscribe(events, pattern, options=SubscribeOptions(match=match, details=True))
    newcomer = await clients.join()
    (details,), _, event = await events.next()
    assert (event.topic, details["session"]) == ("wamp.session.on_join", newcomer.session_id)


# PBS-10
async def test_who_listens_to_more_than_the_meta_events_hears_itself_once(clients):
    watcher = await clients.join_alone()
    events = Events()
    options = SubscribeOptions(match="prefix", details=True)
    subscription = await watcher.subscribe(events, "wam", options=options)
    newcomer = await clients.join()
    told = [await events.next() for _ in range(3)]
    assert [details.topic.removeprefix("wamp.") for _, _, details in told] == [
        "subscription.on_create",
        "subscription.on_subscribe",
        "session.on_join",
    ]
    assert told[1][0] == [watcher.session_id, subscription.id]
    assert told[2][0][0]["session"] == newcomer.session_id
    assert events.pending() == 0


# FEA-05 MSB-13 TST-07
async def test_the_meta_api_is_announced_where_it_is(clients):
    client = await clients.join()
    broker, dealer = client.router_roles["broker"], client.router_roles["dealer"]
    assert broker.session_meta_api and broker.subscription_meta_api
    assert dealer.session_meta_api and dealer.registration_meta_api and dealer.testament_meta_api
    without = await clients.join(realm="silent")
    broker, dealer = without.router_roles["broker"], without.router_roles["dealer"]
    assert not (broker.session_meta_api or broker.subscription_meta_api)
    assert not (dealer.session_meta_api or dealer.registration_meta_api or dealer.testament_meta_api)


async def test_where_there_is_no_meta_api_nothing_is_told(clients, uri):
    watcher = await clients.join(realm="silent")
    events = Events()
    await watcher.subscribe(events, "wamp.", options=SubscribeOptions(match="prefix"))
    other = await clients.join(realm="silent")
    await other.subscribe(Events(), uri)
    await other.register(lambda: 1, uri)
    for procedure in ("wamp.session.count", LIST, "wamp.schema.describe", "wamp.session.add_testament"):
        assert (await error_of(watcher.call(procedure))) == "wamp.error.no_such_procedure"
    await clients.cut(other)
    await settled(watcher, uri)
    assert events.pending() == 0
