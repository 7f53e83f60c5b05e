"""Testaments of Autobahn|Python applications: what is published when a session has ended."""

import asyncio

import pytest
from autobahn.wamp import message, role
from autobahn.wamp.types import SubscribeOptions
from clients import Clients, Events, error_of, settled

ADD, FLUSH = "wamp.session.add_testament", "wamp.session.flush_testaments"
KILL = "wamp.session.kill"
ON_LEAVE = "wamp.session.on_leave"
INVALID_ARGUMENT = "wamp.error.invalid_argument"
INVALID_URI = "wamp.error.invalid_uri"

WITH_DETAILS = SubscribeOptions(details=True)


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "meta")


async def end(clients, client, how):
    """Ends a session in one of the ways there are."""
    if how == "goodbye":
        client.leave()
    elif how == "loss":
        await clients.cut(client)
    else:
        killer = await clients.join()
        await killer.call(KILL, client.session_id)
    await asyncio.wait_for(asyncio.shield(client.disconnected), 5)


# TST-01 TST-02 TST-03 TST-04
@pytest.mark.parametrize("how", ["goodbye", "loss", "kill"])
async def test_testaments_of_both_scopes_are_published(clients, uri, how):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri)
    assert await client.call(ADD, uri, [1], {"scope": "none"}) is None
    assert await client.call(ADD, uri, [2], {}, None, "destroyed") is None
    assert await client.call(ADD, topic=uri, args=[3], kwargs={"a": [None]}, publish_options={}, scope="detached") is None
    assert await client.call(ADD, uri, [4, "ü"], {}, scope="detached") is None
    await settled(client, uri)
    await settled(heir, uri)
    assert events.pending() == 0
    await end(clients, client, how)
    published = [(await events.next())[:2] for _ in range(4)]
    assert published == [([3], {"a": [None]}), ([4, "ü"], {}), ([1], {"scope": "none"}), ([2], {})]
    await settled(heir, uri)
    assert events.pending() == 0


# TST-01
async def test_a_testament_may_be_without_payload(clients, uri):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri)
    await client.call(ADD, uri)
    await client.call(ADD, uri, None, {"only": "keywords"})
    client.leave()
    assert [(await events.next())[:2] for _ in range(2)] == [([], {}), ([], {"only": "keywords"})]


# TST-05
@pytest.mark.parametrize(
    ("flush", "left"),
    [({}, "detached"), ({"scope": "destroyed"}, "detached"), ({"scope": "detached"}, "destroyed")],
    ids=["default", "destroyed", "detached"],
)
async def test_the_testaments_of_one_scope_are_flushed(clients, uri, flush, left):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri)
    for scope in ("destroyed", "detached"):
        await client.call(ADD, uri, [scope], {}, scope=scope)
    assert await client.call(FLUSH, **flush) is None
    assert await client.call(FLUSH, *flush.values()) is None
    await client.call(ADD, uri, ["after"], {})
    client.leave()
    assert [await events.args() for _ in range(2)] == [[left], ["after"]]
    await settled(heir, uri)
    assert events.pending() == 0


# TST-02
async def test_testaments_are_a_sessions_own(clients, uri):
    heir, client, other = await clients.join_many(3)
    events = Events()
    await heir.subscribe(events, uri)
    await client.call(ADD, uri, ["mine"], {})
    await other.call(FLUSH)
    other.leave()
    await asyncio.wait_for(other.disconnected, 5)
    await settled(heir, uri)
    assert events.pending() == 0
    client.leave()
    assert await events.args() == ["mine"]


# TST-06
async def test_the_receivers_are_chosen_as_with_publish(clients, uri):
    one, two, client = await clients.join_many(3)
    admin = await clients.join(role="admin")
    inboxes = [Events(), Events(), Events()]
    for heir, events in zip((one, two, admin), inboxes):
        await heir.subscribe(events, uri)
    for name, options in (
        ("exclude", {"exclude": [one.session_id]}),
        ("eligible", {"eligible": [one.session_id, admin.session_id]}),
        ("exclude_authrole", {"exclude_authrole": ["anonymous"]}),
        ("eligible_authrole", {"eligible_authrole": ["anonymous"]}),
        ("exclude_authid", {"exclude_authid": [two.details.authid]}),
        ("eligible_authid", {"eligible_authid": [two.details.authid]}),
        ("acknowledge", {"acknowledge": True}),
    ):
        await client.call(ADD, uri, [name], {}, publish_options=options)
    await clients.cut(client)
    for events, expected in zip(
        inboxes,
        (
            ["eligible", "eligible_authrole", "exclude_authid", "acknowledge"],
            ["exclude", "eligible_authrole", "eligible_authid", "acknowledge"],
            ["exclude", "eligible", "exclude_authrole", "exclude_authid", "acknowledge"],
        ),
    ):
        assert [(await events.args())[0] for _ in expected] == expected
        assert events.pending() == 0


# TST-06 RET-01
async def test_a_testament_may_be_retained(clients, uri):
    heir, client = await clients.join_many(2)
    await client.call(ADD, uri, ["kept"], {}, publish_options={"retain": True})
    await end(clients, client, "kill")
    events = Events()
    await heir.subscribe(events, uri, options=SubscribeOptions(get_retained=True, details=True))
    args, _, details = await events.next()
    assert (args, details.retained) == (["kept"], True)


# TST-06 TST-13
@pytest.mark.parametrize("how", ["goodbye", "loss", "kill"])
async def test_who_left_is_disclosed_if_it_asked_for_that(clients, uri, how):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri, options=WITH_DETAILS)
    session = client.session_id
    await client.call(ADD, uri, [], {}, {"disclose_me": True})
    await client.call(ADD, uri, [], {})
    await end(clients, client, how)
    disclosed, hidden = [(await events.next())[2] for _ in range(2)]
    assert (disclosed.publisher, disclosed.publisher_authid) == (session, client.details.authid)
    assert disclosed.publisher_authrole == "anonymous"
    assert hidden.publisher is None


# TST-11
async def test_testaments_come_before_the_session_is_said_to_have_left(clients, uri):
    heir = await clients.join_alone()
    events = Events()
    await heir.subscribe(events, uri, options=WITH_DETAILS)
    await heir.subscribe(events, ON_LEAVE, options=WITH_DETAILS)
    for how in ("goodbye", "loss", "kill"):
        client = await clients.join()
        session = client.session_id
        await client.call(ADD, uri, ["testament"], {})
        await end(clients, client, how)
        assert await events.args() == ["testament"]
        assert (await events.args())[0] == session


# TST-08
async def test_a_testament_is_a_publication_that_the_session_may_make(clients, uri):
    guest, heir = await clients.join(role="guest"), await clients.join()
    events = Events()
    secret = uri.replace("com.example.", "com.example.secret.")
    for topic in (secret, f"{uri}.open"):
        await heir.subscribe(events, topic)
    for topic in (secret, "org.elsewhere"):
        assert await error_of(guest.call(ADD, topic, ["forged"], {})) == "wamp.error.not_authorized"
    await guest.call(ADD, f"{uri}.open", ["allowed"], {})
    await clients.cut(guest)
    assert await events.args() == ["allowed"]
    assert events.pending() == 0


# TST-09
async def test_what_is_no_testament_is_refused(clients, uri):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri)
    for topic in ("a..b", "", "a b", "wamp.session.on_leave", "wamp.mine"):
        assert await error_of(client.call(ADD, topic, [], {})) == INVALID_URI
    for wrong in (
        {"scope": "forever"},
        {"scope": 1},
        {"publish_options": []},
        {"publish_options": {"exclude": "everybody"}},
        {"args": {}},
        {"kwargs": []},
        {"unknown": 1},
    ):
        assert await error_of(client.call(ADD, topic=uri, **wrong)) == INVALID_ARGUMENT, wrong
    assert await error_of(client.call(ADD)) == INVALID_ARGUMENT
    assert await error_of(client.call(FLUSH, "forever")) == INVALID_ARGUMENT
    assert await error_of(client.call(FLUSH, "detached", 1)) == INVALID_ARGUMENT
    await clients.cut(client)
    await settled(heir, uri)
    assert events.pending() == 0


# TST-10
async def test_there_is_an_end_to_what_a_session_leaves_behind(clients, uri):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri)
    accepted = 0
    while accepted <= 1000:
        try:
            await client.call(ADD, uri, [accepted], {}, scope=("detached", "destroyed")[accepted % 2])
        except Exception as error:
            assert error.error == "wamp.error.unavailable"
            break
        accepted += 1
    assert accepted == 100
    large = await clients.join()
    assert await error_of(large.call(ADD, uri, ["x" * (1 << 20)], {})) == "wamp.error.unavailable"
    # Who flushes has room again.
    await client.call(FLUSH, "detached")
    await client.call(ADD, uri, ["last"], {})
    await clients.cut(client)
    assert [await events.args() for _ in range(51)] == [[number] for number in range(1, 100, 2)] + [["last"]]


# TST-02
async def test_testaments_are_published_when_the_router_ends_a_session_for_its_faults(clients, uri):
    heir, client = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, uri)
    await client.call(ADD, uri, ["aborted"], {})
    # A second HELLO is no message that a session may send.
    client._transport.send(message.Hello("meta", {"caller": role.RoleCallerFeatures()}))
    assert await events.args() == ["aborted"]
