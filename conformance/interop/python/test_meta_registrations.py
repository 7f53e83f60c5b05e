"""`wamp.registration.*`: what Autobahn|Python applications see of who answers what.

A keyword argument `procedure` can not be given with this client, which has a use of its own for it; the wire suite has it.
"""

import datetime

import pytest
from autobahn.wamp.types import RegisterOptions, SubscribeOptions
from clients import Clients, Events, error_of

API = "wamp.registration"
LIST, LOOKUP, MATCH, GET = f"{API}.list", f"{API}.lookup", f"{API}.match", f"{API}.get"
NO_SUCH_REGISTRATION = "wamp.error.no_such_registration"
NOTHING = {"exact": [], "prefix": [], "wildcard": []}


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "meta")


async def register(client, procedure, **options):
    """A registration of a procedure that says who answered; its id."""
    registration = await client.register(
        lambda *_: client.session_id, procedure, options=RegisterOptions(**options) if options else None
    )
    return registration.id


async def three(callee, uri):
    """A registration of each match policy that `uri.a.b` falls under."""
    return {
        "exact": await register(callee, f"{uri}.a.b"),
        "prefix": await register(callee, f"{uri}.", match="prefix"),
        "wildcard": await register(callee, f"{uri}..b", match="wildcard"),
    }


# MRG-05
async def test_registrations_are_listed_by_how_they_match(clients, uri):
    client = await clients.join_alone()
    assert await client.call(LIST) == NOTHING
    callee = await clients.join()
    ids = await three(callee, uri)
    expected = {policy: [number] for policy, number in ids.items()}
    assert await client.call(LIST) == expected
    for none in (0, None):
        assert await client.call(LIST, none) == expected
    assert await client.call(LIST, callee.session_id) == expected
    assert await client.call(LIST, session_id=callee.session_id) == expected
    assert await client.call(LIST, session=client.session_id) == NOTHING
    assert await error_of(client.call(LIST, 1)) == "wamp.error.no_such_session"


# MRG-05
async def test_what_is_the_routers_own_is_only_in_the_list_of_its_session(clients):
    client, callee = await clients.join_many(2)
    number = await register(callee, f"crossbar.of{callee.session_id}")
    assert number not in (await client.call(LIST))["exact"]
    assert (await client.call(LIST, callee.session_id))["exact"] == [number]


# MRG-06 MRG-13
async def test_a_registration_is_looked_up_by_what_was_registered(clients, uri):
    client, callee = await clients.join_many(2)
    ids = await three(callee, uri)
    assert await client.call(LOOKUP, f"{uri}.a.b") == ids["exact"]
    assert await client.call(LOOKUP, f"{uri}.a.b", {}) == ids["exact"]
    assert await client.call(LOOKUP, f"{uri}.a.b", {"match": "exact"}) == ids["exact"]
    assert await client.call(LOOKUP, f"{uri}.", {"match": "prefix"}) == ids["prefix"]
    assert await client.call(LOOKUP, uri=f"{uri}..b", match="wildcard") == ids["wildcard"]
    assert await client.call(LOOKUP, uri=f"{uri}.a.b") == ids["exact"]
    for absent, match in ((f"{uri}.a.b", "prefix"), (f"{uri}.", "exact"), (f"{uri}.", "wildcard"), (f"{uri}.a", "exact")):
        assert await client.call(LOOKUP, absent, {"match": match}) is None


# MRG-07 MRG-13
async def test_the_registration_that_would_be_called_is_found(clients, uri):
    client, callee = await clients.join_many(2)
    ids = await three(callee, uri)
    longer = await register(callee, f"{uri}.a", match="prefix")
    assert await client.call(MATCH, f"{uri}.a.b") == ids["exact"]
    assert await client.call(MATCH, f"{uri}.a.x") == longer
    assert await client.call(MATCH, uri=f"{uri}.x.b") == ids["prefix"]
    assert await client.call(MATCH, f"{uri}") is None


# MRG-07
async def test_a_wildcard_is_found_where_no_prefix_is(clients, uri):
    client, callee = await clients.join_many(2)
    wildcard = await register(callee, f"{uri}..b", match="wildcard")
    assert await client.call(MATCH, f"{uri}.a.b") == wildcard
    assert await client.call(MATCH, f"{uri}.a.c") is None


# MRG-08 MRG-11
async def test_a_registration_is_described(clients, uri):
    client, callee = await clients.join_many(2)
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(milliseconds=1)
    for match in ("exact", "prefix", "wildcard"):
        for invoke in ("single", "roundrobin", "random", "first", "last"):
            number = await register(callee, f"{uri}.{invoke}", match=match, invoke=invoke)
            details = await client.call(GET, number)
            created = datetime.datetime.fromisoformat(details.pop("created"))
            assert before <= created <= datetime.datetime.now(datetime.UTC)
            assert details == {"id": number, "uri": f"{uri}.{invoke}", "match": match, "invoke": invoke}


# MRG-08 MRG-11
async def test_what_was_not_asked_for_is_described_too(clients, uri):
    client = await clients.join()
    number = await register(client, uri)
    details = await client.call(GET, registration_id=number)
    assert (details["match"], details["invoke"]) == ("exact", "single")
    assert await client.call(GET, registration=number) == details


# MRG-09 MRG-10
async def test_callees_are_listed_and_counted(clients, uri):
    client, *callees = await clients.join_many(4)
    numbers = {await register(callee, uri, invoke="roundrobin") for callee in callees}
    assert len(numbers) == 1
    number = numbers.pop()
    ids = [callee.session_id for callee in callees]
    assert await client.call(f"{API}.list_callees", number) == ids
    assert await client.call(f"{API}.list_callees", registration_id=number) == ids
    assert await client.call(f"{API}.count_callees", number) == 3
    assert await client.call(f"{API}.count_callees", registration_id=number) == 3
    await client.call("wamp.session.kill", ids[1])
    assert await client.call(f"{API}.list_callees", number) == [ids[0], ids[2]]
    assert await client.call(f"{API}.count_callees", registration=number) == 2


# MRG-08 MRG-09 MRG-10 MSE-18
@pytest.mark.parametrize("procedure", ["get", "list_callees", "count_callees"])
async def test_a_registration_that_is_gone_is_unknown(clients, uri, procedure):
    client, callee = await clients.join_many(2)
    number = await register(callee, uri)
    await client.call("wamp.session.kill", callee.session_id)
    for unknown in (number, 1):
        assert await error_of(client.call(f"{API}.{procedure}", unknown)) == NO_SUCH_REGISTRATION
    assert await client.call(LOOKUP, uri) is None
    assert await client.call(MATCH, uri) is None


# MRG-08 MRG-09 MRG-10
@pytest.mark.parametrize("procedure", ["get", "list_callees", "count_callees"])
async def test_what_is_the_routers_own_is_not_described(clients, procedure):
    client, callee = await clients.join_many(2)
    own = f"crossbar.of{callee.session_id}"
    number = await register(callee, own)
    assert await error_of(client.call(f"{API}.{procedure}", number)) == "wamp.error.not_authorized"
    for hidden in (own, "wamp.session.count"):
        assert await client.call(LOOKUP, hidden) is None
        assert await client.call(MATCH, hidden) is None


async def watch(client):
    """What happens to registrations, as pairs of what and arguments."""
    events = Events()
    options = SubscribeOptions(match="prefix", details=True)
    await client.subscribe(events, f"{API}.on_", options=options)

    async def following():
        args, kwargs, details = await events.next()
        assert kwargs == {}
        return details.topic.removeprefix(f"{API}.on_"), args

    return following, events


# MRG-01 MRG-02 MRG-03 MRG-04
async def test_the_life_of_a_registration_is_told_in_order(clients, uri):
    watcher, one, two = await clients.join_many(3)
    following, events = await watch(watcher)
    first = await one.register(lambda: 1, uri, options=RegisterOptions(invoke="roundrobin"))
    number = first.id
    what, (session, details) = await following()
    assert (what, session) == ("create", one.session_id)
    assert details == await watcher.call(GET, number)
    assert sorted(details) == ["created", "id", "invoke", "match", "uri"]
    second = await two.register(lambda: 2, uri, options=RegisterOptions(invoke="roundrobin"))
    await first.unregister()
    await second.unregister()
    for expected in (
        ("register", [one.session_id, number]),
        ("register", [two.session_id, number]),
        ("unregister", [one.session_id, number]),
        ("unregister", [two.session_id, number]),
        ("delete", [two.session_id, number]),
    ):
        assert await following() == expected
    assert events.pending() == 0


# MRG-03 MRG-04 SES-16
@pytest.mark.parametrize("end", ["goodbye", "loss", "kill"])
async def test_each_registration_of_a_session_that_leaves_is_told(clients, uri, end):
    watcher, stays, callee = await clients.join_many(3)
    alone = [await register(callee, f"{uri}.{name}") for name in "ab"]
    shared = [await register(client, f"{uri}.shared", invoke="first") for client in (callee, stays)][0]
    following, events = await watch(watcher)
    if end == "goodbye":
        callee.leave()
    elif end == "loss":
        await clients.cut(callee)
    else:
        await watcher.call("wamp.session.kill", callee.session_id)
    told = [await following() for _ in range(5)]
    for number in alone:
        ends = [what for what, args in told if args == [callee.session_id, number]]
        assert ends == ["unregister", "delete"]
    assert ("unregister", [callee.session_id, shared]) in told
    assert events.pending() == 0
    assert await watcher.call(f"{API}.list_callees", shared) == [stays.session_id]


# MRG-01 MRG-03 MRG-04 SHR-13
async def test_a_callee_that_is_replaced_is_told(clients, uri):
    watcher, old, new = await clients.join_many(3)
    replaced = await register(old, uri)
    following, events = await watch(watcher)
    number = await register(new, uri, force_reregister=True)
    told = [await following() for _ in range(3 if number == replaced else 4)]
    whats = [what for what, _ in told]
    assert ("unregister", [old.session_id, replaced]) in told
    assert ("register", [new.session_id, number]) in told
    assert whats.index("unregister") < whats.index("register")
    assert await new.call(uri) == new.session_id


# MRG-12
async def test_nothing_is_told_of_what_is_the_routers_own(clients, uri):
    watcher, callee = await clients.join_many(2)
    following, events = await watch(watcher)
    assert await error_of(callee.register(lambda: 1, "wamp.session.mine")) == "wamp.error.invalid_uri"
    number = await register(callee, uri)
    assert [(await following())[0] for _ in range(2)] == ["create", "register"]
    assert events.pending() == 0
    assert await watcher.call(LOOKUP, uri) == number
