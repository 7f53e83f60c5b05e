"""`wamp.session.*`: what Autobahn|Python applications see of each other's sessions, and how they end them."""

import asyncio

import pytest
from autobahn.wamp.types import SubscribeOptions
from clients import Clients, Events, Refused, error_of

COUNT, LIST, GET = "wamp.session.count", "wamp.session.list", "wamp.session.get"
KILL = "wamp.session.kill"
ON_JOIN, ON_LEAVE = "wamp.session.on_join", "wamp.session.on_leave"

NO_SUCH_SESSION = "wamp.error.no_such_session"
INVALID_ARGUMENT = "wamp.error.invalid_argument"

WITH_DETAILS = SubscribeOptions(details=True)


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "meta")


async def left(client):
    """With which reason and message the router ended a session."""
    details = await asyncio.wait_for(asyncio.shield(client.left), 5)
    return details.reason, details.message


# MSE-05 MSE-15
async def test_sessions_are_counted(clients):
    client = await clients.join_alone()
    await clients.join()
    await clients.join(role="admin")
    assert await client.call(COUNT) == 3
    assert await client.call(COUNT, None) == 3
    assert await client.call(COUNT, ["anonymous"]) == 2
    assert await client.call(COUNT, filter_authroles=["admin"]) == 1
    assert await client.call(COUNT, ["admin", "anonymous", "nobody"]) == 3
    for nobody in ([], ["nobody"], ["trusted"]):
        assert await client.call(COUNT, nobody) == 0


# MSE-06 MSE-15
async def test_sessions_are_listed(clients):
    client = await clients.join_alone()
    other = await clients.join()
    admin = await clients.join(role="admin")
    everybody = sorted([client.session_id, other.session_id, admin.session_id])
    assert sorted(await client.call(LIST)) == everybody
    assert sorted(await client.call(LIST, ["anonymous", "admin"])) == everybody
    assert await client.call(LIST, filter_authroles=["admin"]) == [admin.session_id]
    for nobody in ([], ["nobody"], ["trusted"]):
        assert await client.call(LIST, nobody) == []


# MSE-07 MSE-16
async def test_a_session_is_described(clients):
    client, other = await clients.join_many(2)
    details = await client.call(GET, other.session_id)
    assert details["session"] == other.session_id
    assert details["realm"] == "meta"
    assert details["authid"] == other.details.authid
    assert (details["authrole"], details["authmethod"]) == ("anonymous", "anonymous")
    assert details["authprovider"] == other.details.authprovider
    serializer, _, batched = clients.link.serializer.partition(".")
    assert details["serializer"] == serializer
    transport = details["transport"]
    assert transport["channel_framing"] == clients.link.transport
    assert transport["channel_serializer"] == serializer
    assert transport["websocket_protocol"] == f"wamp.2.{clients.link.serializer}"
    assert transport["peer"].startswith("tcp4:127.0.0.1:")
    assert transport["is_secure"] is False
    if clients.link.transport == "websocket":
        extensions = [extension["extension"] for extension in transport["websocket_extensions_in_use"]]
        assert extensions == (["permessage-deflate"] if clients.link.deflate else [])
        assert transport["http_headers_received"]["upgrade"].lower() == "websocket"
    assert await client.call(GET, session_id=other.session_id) == details
    assert await client.call(GET, session=other.session_id) == details


# MSE-07
async def test_a_session_that_is_gone_is_not_described(clients):
    client, other = await clients.join_many(2)
    other.leave()
    await left(other)
    assert await error_of(client.call(GET, other.session_id)) == NO_SUCH_SESSION


# MSE-08 MSE-18 ERR-09
async def test_a_killed_session_is_told_why(clients):
    client, *victims = await clients.join_many(4)
    ids = [victim.session_id for victim in victims]
    reason, message = "com.example.maintenance", "Back in 5 minutes – really"
    assert await client.call(KILL, ids[0], reason, message) is None
    assert await client.call(KILL, session_id=ids[1], reason=reason, message=message) is None
    assert await client.call(KILL, session=ids[2], message=message) is None
    for session in ids:
        assert await error_of(client.call(GET, session)) == NO_SUCH_SESSION
    assert await left(victims[0]) == (reason, message)
    assert await left(victims[1]) == (reason, message)
    assert await left(victims[2]) == ("wamp.close.killed", message)


# MSE-08
async def test_a_killed_session_is_told_no_more_than_was_said(clients):
    client, *victims = await clients.join_many(3)
    await client.call(KILL, victims[0].session_id)
    await client.call(KILL, victims[1].session_id, None, None)
    for victim in victims:
        assert await left(victim) == ("wamp.close.killed", None)


# MSE-09 ERR-19
async def test_nobody_kills_itself_or_nobody(clients):
    client, other = await clients.join_many(2)
    other.leave()
    await left(other)
    for session in (client.session_id, other.session_id, 1):
        assert await error_of(client.call(KILL, session)) == NO_SUCH_SESSION
    assert (await client.call(GET, client.session_id))["session"] == client.session_id


# MSE-10
@pytest.mark.parametrize("reason", ["a b", "", "a..b", "a#b", ".a"])
async def test_nobody_is_killed_for_a_reason_that_is_no_uri(clients, reason):
    client, victim = await clients.join_many(2)
    for procedure, *whom in (
        (KILL, victim.session_id),
        (f"{KILL}_by_authid", victim.details.authid),
        (f"{KILL}_by_authrole", "anonymous"),
        (f"{KILL}_all",),
    ):
        assert await error_of(client.call(procedure, *whom, reason=reason)) == "wamp.error.invalid_uri"
        assert await error_of(client.call(procedure, *whom, reason)) == "wamp.error.invalid_uri"
    assert (await client.call(GET, victim.session_id))["session"] == victim.session_id


# MSE-11
async def test_sessions_are_killed_by_authid(clients):
    client, one, two, stays = await clients.join_many(4)
    procedure = f"{KILL}_by_authid"
    assert await client.call(procedure, one.details.authid, "com.example.reason", "message") == [one.session_id]
    assert await client.call(procedure, authid=two.details.authid, reason="com.example.other") == [two.session_id]
    assert await left(one) == ("com.example.reason", "message")
    assert await left(two) == ("com.example.other", None)
    assert await client.call(procedure, "nobody") == []
    assert await client.call(procedure, client.details.authid) == []
    for session in (client, stays):
        assert (await client.call(GET, session.session_id))["session"] == session.session_id


# MSE-12
async def test_sessions_are_killed_by_authrole(clients):
    client = await clients.join_alone()
    one, two = await clients.join_many(2)
    admin = await clients.join(role="admin")
    procedure = f"{KILL}_by_authrole"
    assert await client.call(procedure, "admin", "com.example.reason", "message") == 1
    assert await left(admin) == ("com.example.reason", "message")
    for nobody in ("nobody", "trusted", "admin"):
        assert await client.call(procedure, nobody) == 0
    assert await client.call(procedure, authrole="anonymous", message="out") == 2
    for victim in (one, two):
        assert await left(victim) == ("wamp.close.killed", "out")
    assert await client.call(LIST) == [client.session_id]


# MSE-13 TST-12
async def test_all_are_killed_in_silence(clients, uri):
    client = await clients.join_alone()
    others = [await clients.join(), await clients.join(), await clients.join(role="admin")]
    events = Events()
    for topic in (ON_LEAVE, uri):
        await client.subscribe(events, topic)
    for other in others:
        await other.call("wamp.session.add_testament", uri, ["gone"], {})
    assert await client.call(f"{KILL}_all", "com.example.reason", "message") == 3
    for other in others:
        assert await left(other) == ("com.example.reason", "message")
        await asyncio.wait_for(other.disconnected, 5)
    assert await client.call(f"{KILL}_all", reason="com.example.reason") == 0
    # What comes first is what the next session leaves behind.
    last = await clients.join()
    session = last.session_id
    last.leave()
    assert (await events.args())[0] == session
    assert events.pending() == 0


# MSE-01 MSE-04
async def test_a_session_that_joins_is_announced(clients):
    watcher = await clients.join_alone()
    events = Events()
    await watcher.subscribe(events, ON_JOIN, options=WITH_DETAILS)
    for role in ("anonymous", "admin"):
        newcomer = await clients.join(role=role)
        (details,), kwargs, event = await events.next()
        assert details == await watcher.call(GET, newcomer.session_id)
        assert (details["session"], details["authrole"], kwargs) == (newcomer.session_id, role, {})
        # The router's own session is disclosed as the publisher, and otherwise not to be seen.
        assert event.publisher_authrole == "trusted"
        assert await error_of(watcher.call(GET, event.publisher)) == NO_SUCH_SESSION
    assert events.pending() == 0


# MSE-04
async def test_who_was_refused_is_not_announced(clients):
    watcher = await clients.join_alone()
    events = Events()
    await watcher.subscribe(events, ON_JOIN)
    await watcher.subscribe(events, ON_LEAVE)
    with pytest.raises(Refused):
        await clients.join(realm="no.such.realm")
    newcomer = await clients.join()
    assert (await events.args())[0]["session"] == newcomer.session_id
    assert events.pending() == 0


# MSE-02 SES-16
@pytest.mark.parametrize("end", ["goodbye", "loss", "kill"])
async def test_a_session_that_leaves_is_announced_once(clients, end):
    watcher = await clients.join_alone()
    events = Events()
    await watcher.subscribe(events, ON_LEAVE)
    expected = []
    for role in ("admin", "anonymous"):
        client = await clients.join(role=role)
        expected.append([client.session_id, client.details.authid, role])
        if end == "goodbye":
            client.leave()
            await left(client)
        elif end == "loss":
            await clients.cut(client)
        else:
            await watcher.call(KILL, client.session_id)
        assert await events.args() == expected[-1]
    assert events.pending() == 0


# MSE-03
async def test_what_happens_in_a_realm_stays_there(clients):
    watcher = await clients.join_alone()
    events = Events()
    await watcher.subscribe(events, "wamp.", options=SubscribeOptions(match="prefix"))
    elsewhere = await clients.join(realm="other")
    await elsewhere.subscribe(Events(), "com.example.elsewhere")
    for procedure in (GET, KILL):
        assert await error_of(watcher.call(procedure, elsewhere.session_id)) == NO_SUCH_SESSION
    assert await watcher.call(COUNT) == 1
    elsewhere.leave()
    await left(elsewhere)
    here = await clients.join()
    assert (await events.args())[0]["session"] == here.session_id
    assert events.pending() == 0


# MSE-17
async def test_details_are_added_and_taken_away(clients):
    client, other = await clients.join_many(2)
    procedure = "wamp.session.modify_details"
    before = await client.call(GET, other.session_id)
    assert await client.call(procedure, other.session_id, {"x_room": "kitchen", "x_tags": [1, {"a": None}]}) is None
    assert await client.call(procedure, session_id=other.session_id, details={"x_room": "hall"}) is None
    expected = {**before, "x_room": "hall", "x_tags": [1, {"a": None}]}
    assert await client.call(GET, other.session_id) == expected
    await other.call(procedure, other.session_id, {"x_room": None, "x_tags": None, "x_never": None})
    assert await client.call(GET, other.session_id) == before


# MSE-17
async def test_what_the_router_knows_is_not_modified(clients):
    client, other = await clients.join_many(2)
    procedure = "wamp.session.modify_details"
    before = await client.call(GET, other.session_id)
    for key in ("session", "realm", "authid", "authrole", "authmethod", "authprovider", "transport"):
        changes = {key: "forged", "x_new": 1}
        assert await error_of(client.call(procedure, other.session_id, changes)) == INVALID_ARGUMENT
    assert await error_of(client.call(procedure, 1, {})) == NO_SUCH_SESSION
    assert await client.call(GET, other.session_id) == before


# AZN-10
async def test_who_may_not_call_or_watch_is_refused(clients):
    guest, victim = await clients.join(role="guest"), await clients.join()
    for procedure, *whom in ((KILL, victim.session_id), (f"{KILL}_all",), ("wamp.schema.define", "a.b", None)):
        assert await error_of(guest.call(procedure, *whom)) == "wamp.error.not_authorized"
    assert await error_of(guest.subscribe(Events(), "wamp.registration.on_create")) == "wamp.error.not_authorized"
    assert (await guest.call(GET, victim.session_id))["session"] == victim.session_id
