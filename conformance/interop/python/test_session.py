"""Joining, leaving and losing a session, as an Autobahn|Python application sees it."""

import asyncio

import pytest
from autobahn.wamp.exception import ApplicationError
from clients import Events, Link, Refused, settled


# SES-02 SES-23 FEA-06
async def test_a_session_joins_and_is_told_who_it_is(clients):
    client = await clients.join()
    assert 1 <= client.session_id <= 2**53
    assert client.details.realm == "realm1"
    assert client.details.authrole == "anonymous"
    assert client.details.authmethod == "anonymous"
    assert client.details.authid


# SES-24 IDS-12
async def test_two_anonymous_sessions_are_different_people(clients):
    one, two = await clients.join_many(2)
    assert one.session_id != two.session_id
    assert one.details.authid != two.details.authid


# SES-06 ERR-12
async def test_an_unknown_realm_is_refused(clients):
    with pytest.raises(Refused, match=r"^wamp\.error\.no_such_realm$"):
        await clients.join(realm="no.such.realm")


# SES-10 ERR-09
async def test_leaving_is_answered(clients):
    client = await clients.join()
    client.leave()
    details = await asyncio.wait_for(client.left, 5)
    assert details.reason == "wamp.close.goodbye_and_out"
    await asyncio.wait_for(client.disconnected, 5)


# FEA-01 FEA-03 FEA-04 RET-13 CAN-14
async def test_the_features_that_applications_rely_on_are_announced(clients):
    client = await clients.join()
    broker, dealer = client.router_roles["broker"], client.router_roles["dealer"]
    for feature in (
        "publisher_identification",
        "pattern_based_subscription",
        "publisher_exclusion",
        "subscriber_blackwhite_listing",
        "event_retention",
        "subscription_revocation",
    ):
        assert getattr(broker, feature) is True, feature
    for feature in (
        "caller_identification",
        "call_timeout",
        "call_canceling",
        "progressive_call_results",
        "pattern_based_registration",
        "shared_registration",
        "registration_revocation",
    ):
        assert getattr(dealer, feature) is True, feature


# SES-16 DLR-16
async def test_a_lost_callee_is_unregistered(clients, uri):
    callee, caller = await clients.join_many(2)
    await callee.register(lambda: "here", uri)
    assert await caller.call(uri) == "here"
    await clients.cut(callee)
    with pytest.raises(ApplicationError) as refused:
        while True:
            await asyncio.wait_for(caller.call(uri), 5)
            await asyncio.sleep(0.01)
    assert refused.value.error in ("wamp.error.no_such_procedure", "wamp.error.canceled")


# SES-16 BRK-14
async def test_a_lost_subscriber_does_not_disturb_the_others(clients, uri):
    lost, stays, publisher = await clients.join_many(3)
    events = Events()
    await lost.subscribe(Events(), uri)
    await stays.subscribe(events, uri)
    await clients.cut(lost)
    for number in range(20):
        publisher.publish(uri, number)
    assert [await events.args() for _ in range(20)] == [[number] for number in range(20)]
    await settled(stays, uri)
    assert events.pending() == 0


# WSK-01 WSK-02 RAW-03 SER-16
async def test_every_pair_of_links_meets_in_one_realm(clients, uri):
    here = await clients.join()
    there = await clients.join(link=Link("rawsocket", "msgpack"))
    await there.register(lambda text: text.upper(), uri)
    assert await here.call(uri, "hello") == "HELLO"
