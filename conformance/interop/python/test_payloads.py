"""Payloads that cross from one serializer to another, and big ones, between Autobahn|Python clients."""

import asyncio
import os

import pytest
from autobahn.wamp.types import CallResult, PublishOptions
from clients import Clients, Events, Link

SERIALIZERS = ["json", "msgpack", "cbor", "ubjson"]

VALUES = {
    "null": None,
    "booleans": [True, False],
    "small integers": [0, 1, -1, 23, 24, 127, 128, -128, -129, 255, 256, 65535, 65536],
    "large integers": [2**31, -(2**31), 2**32, 2**53, -(2**53), 2**53 - 1],
    "floats": [0.5, -1.25, 3.141592653589793, 1e-7, 1.7976931348623157e308],
    "text": "Grüße, 世界, \U0001f340, \u0001 \" \\ / \n\t",
    "empty": ["", [], {}],
    "nested": {"a": [{"b": {"c": [1, [2, [3, {"d": None}]]]}}], "é": {"": 0}},
    "octets": bytes(range(256)),
    "no octets": b"",
    "octets within": {"key": [b"\x00\x01", {"deep": b"\xff\xfe"}]},
    "long text": "x" * 70_000,
    "many items": list(range(5000)),
}


@pytest.fixture
def clients(router):
    """Sessions whose links the test chooses."""
    return Clients(router, Link("rawsocket", "msgpack"))


# SER-01 SER-03 SER-04 SER-05 SER-07 PPT-12
@pytest.mark.parametrize("there", SERIALIZERS)
@pytest.mark.parametrize("here", SERIALIZERS)
@pytest.mark.parametrize("transport", ["websocket", "rawsocket"])
async def test_values_survive_the_way_there_and_back(clients, uri, transport, here, there):
    callee = await clients.join(link=Link(transport, there))
    caller = await clients.join(link=Link(transport, here))
    seen = {}

    def echo(name, value, **kwargs):
        seen[name] = value
        return CallResult(value, **kwargs)

    await callee.register(echo, uri)
    for name, value in VALUES.items():
        result = await caller.call(uri, name, value, again=value)
        assert seen[name] == value, f"{name} at the callee"
        assert type(seen[name]) is type(value), f"{name} at the callee"
        assert list(result.results) == [value], f"{name} at the caller"
        assert result.kwresults == {"again": value}, f"{name} at the caller"


# SER-01 SER-02 ROB-06
async def test_one_event_reaches_receivers_of_every_serializer(clients, uri):
    inboxes = {}
    for transport in ("websocket", "rawsocket"):
        for serializer in SERIALIZERS:
            link = Link(transport, serializer)
            subscriber = await clients.join(link=link)
            inboxes[str(link)] = Events()
            await subscriber.subscribe(inboxes[str(link)], uri)
    publisher = await clients.join(link=Link("websocket", "cbor"))
    for value in VALUES.values():
        await publisher.publish(uri, value, keyword=value, options=PublishOptions(acknowledge=True))
    for name, events in inboxes.items():
        for value in VALUES.values():
            args, kwargs, _ = await events.next()
            assert args == [value], name
            assert kwargs == {"keyword": value}, name


# SER-07
@pytest.mark.parametrize(("here", "there"), [("msgpack", "cbor"), ("cbor", "msgpack"), ("msgpack", "msgpack"), ("cbor", "cbor")])
async def test_integers_of_64_bits_are_exact_between_binary_serializers(clients, uri, here, there):
    callee = await clients.join(link=Link("rawsocket", there))
    caller = await clients.join(link=Link("rawsocket", here))
    seen = []
    await callee.register(lambda value: (seen.append(value), value)[1], uri)
    numbers = [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**53) - 1, -(2**63)]
    for number in numbers:
        assert await caller.call(uri, number) == number
    assert seen == numbers


# WSK-11 RAW-12 SER-04
@pytest.mark.parametrize("there", SERIALIZERS)
@pytest.mark.parametrize("here", ["json", "msgpack"])
@pytest.mark.parametrize("transport", ["websocket", "rawsocket"])
async def test_a_mebibyte_goes_through(clients, uri, transport, here, there):
    callee = await clients.join(link=Link(transport, there))
    caller = await clients.join(link=Link(transport, here))
    await callee.register(lambda octets, text: [octets, text], uri)
    octets, text = os.urandom(1 << 20), "ü" * (1 << 20)
    assert await asyncio.wait_for(caller.call(uri, octets, text), 20) == [octets, text]


# WSK-12
async def test_compression_carries_what_compresses_and_what_does_not(clients, uri):
    link = Link("websocket", "msgpack", deflate=True)
    callee, caller = await clients.join(link=link), await clients.join(link=link)
    plain = await clients.join(link=Link("websocket", "msgpack"))
    await callee.register(lambda value: value, uri)
    for value in ("a" * 65536, os.urandom(65536), "", "b"):
        assert await caller.call(uri, value) == value
        assert await plain.call(uri, value) == value
