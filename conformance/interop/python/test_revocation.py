"""Subscriptions and registrations that are taken from an Autobahn|Python application by another."""

import asyncio

import pytest
from autobahn.wamp import message
from autobahn.wamp.types import PublishOptions, SubscribeOptions
from clients import Clients, Events, error_of, refused, settled

REMOVE_CALLEE = "wamp.registration.remove_callee"
REMOVE_SUBSCRIBER = "wamp.subscription.remove_subscriber"
NO_SUCH_SESSION = "wamp.error.no_such_session"
NO_SUCH_REGISTRATION = "wamp.error.no_such_registration"
NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription"

ACKNOWLEDGE = PublishOptions(acknowledge=True)


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "meta")


def revocations(client):
    """Where the client's revocations go from now on.

    This client announces that it understands them. In truth it only logs one of a registration, and takes one of a
    subscription for a violation that ends the connection; here it is spared both.
    """
    queue = asyncio.Queue()
    handle = client.onMessage

    def on_message(received):
        if isinstance(received, message.Unregistered | message.Unsubscribed) and received.request == 0:
            queue.put_nowait(received)
        else:
            handle(received)

    client.onMessage = on_message
    return queue


async def following(queue):
    return await asyncio.wait_for(queue.get(), 5)


async def watch(client, api):
    events = Events()
    options = SubscribeOptions(match="prefix", details=True)
    await client.subscribe(events, f"wamp.{api}.on_", options=options)
    return events


async def told(events):
    args, _, details = await events.next()
    return details.topic.rpartition(".")[2], args


# REV-04 REV-05 REV-06
@pytest.mark.parametrize("reason", [None, "com.example.overloaded"])
async def test_a_registration_is_revoked(clients, uri, reason):
    admin, callee, caller = await clients.join_many(3)
    revoked = revocations(callee)
    registration = await callee.register(lambda: "here", uri)
    assert await caller.call(uri) == "here"
    events = await watch(caller, "registration")
    reasons = [reason] if reason else []
    assert await admin.call(REMOVE_CALLEE, registration.id, callee.session_id, *reasons) is None
    answer = await following(revoked)
    assert (type(answer), answer.registration, answer.reason) == (message.Unregistered, registration.id, reason)
    assert await error_of(caller.call(uri)) == "wamp.error.no_such_procedure"
    assert await told(events) == ("on_unregister", [callee.session_id, registration.id])
    assert await told(events) == ("on_delete", [callee.session_id, registration.id])
    # The session goes on, and may register again.
    await callee.register(lambda: "again", f"{uri}.again")
    assert await caller.call(f"{uri}.again") == "again"


# REV-01 REV-03 REV-06
@pytest.mark.parametrize("reason", [None, "com.example.overloaded"])
async def test_a_subscription_is_revoked(clients, uri, reason):
    admin, subscriber, stays = await clients.join_many(3)
    revoked = revocations(subscriber)
    inbox, other = Events(), Events()
    subscription = await subscriber.subscribe(inbox, uri)
    await stays.subscribe(other, uri)
    events = await watch(stays, "subscription")
    by_name = {"reason": reason} if reason else {}
    assert await admin.call(REMOVE_SUBSCRIBER, subscription.id, subscriber.session_id, **by_name) is None
    answer = await following(revoked)
    assert (type(answer), answer.subscription, answer.reason) == (message.Unsubscribed, subscription.id, reason)
    await admin.publish(uri, "after", options=ACKNOWLEDGE)
    assert await other.args() == ["after"]
    await settled(subscriber, uri)
    assert inbox.pending() == 0
    assert await told(events) == ("on_unsubscribe", [subscriber.session_id, subscription.id])
    assert events.pending() == 0


# REV-01
async def test_this_client_leaves_when_its_subscription_is_revoked(clients, uri):
    admin, subscriber = await clients.join_many(2)
    subscription = await subscriber.subscribe(Events(), uri)
    await admin.call(REMOVE_SUBSCRIBER, subscription.id, subscriber.session_id)
    await asyncio.wait_for(asyncio.shield(subscriber.disconnected), 5)
    assert await admin.call("wamp.subscription.lookup", uri) is None


# REV-04
async def test_this_client_goes_on_when_its_registration_is_revoked(clients, uri):
    admin, callee = await clients.join_many(2)
    registration = await callee.register(lambda: 1, uri)
    await admin.call(REMOVE_CALLEE, registration.id, callee.session_id)
    await settled(callee, uri)
    assert not callee.disconnected.done()


# REV-06
async def test_parts_of_others_are_left_alone(clients, uri):
    admin, one, two = await clients.join_many(3)
    inbox = Events()
    for client in (one, two):
        revocations(client)
    subscription = await one.subscribe(Events(), uri)
    await two.subscribe(inbox, uri)
    await admin.call(
        REMOVE_SUBSCRIBER, subscription_id=subscription.id, subscriber_id=one.session_id, reason="com.example.one"
    )
    assert await admin.call("wamp.subscription.list_subscribers", subscription.id) == [two.session_id]
    await admin.publish(uri, "for two", options=ACKNOWLEDGE)
    assert await inbox.args() == ["for two"]
    registration = await one.register(lambda: "one", uri)
    await two.register(lambda: "two", f"{uri}.two")
    await admin.call(REMOVE_CALLEE, registration_id=registration.id, callee_id=one.session_id)
    assert await admin.call(f"{uri}.two") == "two"


# REV-07
async def test_who_gives_up_what_was_revoked_is_told_so(clients, uri):
    admin, client = await clients.join_many(2)
    revocations(client)
    registration = await client.register(lambda: 1, uri)
    subscription = await client.subscribe(Events(), uri)
    await admin.call(REMOVE_CALLEE, registration.id, client.session_id)
    await admin.call(REMOVE_SUBSCRIBER, subscription.id, client.session_id)
    for given_up, expected in (
        (registration.unregister(), NO_SUCH_REGISTRATION),
        (subscription.unsubscribe(), NO_SUCH_SUBSCRIPTION),
    ):
        assert (await refused(given_up)).error == expected


# REV-08
async def test_a_running_invocation_is_still_answered(clients, uri):
    admin, callee, caller = await clients.join_many(3)
    revoked = revocations(callee)
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow():
        asked.set()
        await go.wait()
        return "late"

    registration = await callee.register(slow, uri)
    call = caller.call(uri)
    await asyncio.wait_for(asked.wait(), 5)
    await admin.call(REMOVE_CALLEE, registration.id, callee.session_id)
    await following(revoked)
    go.set()
    assert await asyncio.wait_for(call, 5) == "late"


# REV-06 ERR-04 ERR-05
async def test_what_can_not_be_revoked_is_said(clients, uri):
    admin, client, other = await clients.join_many(3)
    registration = await client.register(lambda: 1, uri)
    subscription = await client.subscribe(Events(), uri)
    own = await client.subscribe(Events(), "wamp.session.on_join")
    foreign = await client.register(lambda: 1, f"crossbar.of{client.session_id}")
    for procedure, number, protected, unknown in (
        (REMOVE_CALLEE, registration.id, foreign.id, NO_SUCH_REGISTRATION),
        (REMOVE_SUBSCRIBER, subscription.id, own.id, NO_SUCH_SUBSCRIPTION),
    ):
        for arguments, expected in (
            ([1, client.session_id], unknown),
            ([number, other.session_id], unknown),
            ([number, 1], NO_SUCH_SESSION),
            ([number, client.session_id, "not a uri"], "wamp.error.invalid_uri"),
            ([protected, client.session_id], "wamp.error.not_authorized"),
            ([number], "wamp.error.invalid_argument"),
            ([number, client.session_id, 1], "wamp.error.invalid_argument"),
        ):
            assert await error_of(admin.call(procedure, *arguments)) == expected, arguments
    assert await admin.call(uri) == 1
    assert await admin.call("wamp.subscription.list_subscribers", subscription.id) == [client.session_id]
