"""Declarations of topics, procedures and errors, and what they keep from an Autobahn|Python application."""

import asyncio

import pytest
from autobahn.wamp.exception import ApplicationError, SerializationError
from autobahn.wamp.types import CallOptions, CallResult, PublishOptions, RegisterOptions, SubscribeOptions
from clients import Clients, Events, error_of, refused, settled
from node import DECLARATIONS

DEFINE, DESCRIBE = "wamp.schema.define", "wamp.schema.describe"
INVALID_ARGUMENT = "wamp.error.invalid_argument"

ACKNOWLEDGE = PublishOptions(acknowledge=True)
ADD_TESTAMENT = "wamp.session.add_testament"
TOPIC, PROCEDURE = "com.example.typed.topic", "com.example.typed.procedure"

DECLARATION = {"type": "topic", "title": "A point", "args": {"items": {"type": "number"}}, "x_owner": ["a", None, 1.5]}


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "typed")


async def said(answer, uri, part=""):
    """The fault that a payload, or that part of a call, is refused for.

    This client turns `wamp.error.invalid_payload`, and nothing else that the router says, into an exception of its own.
    """
    with pytest.raises(SerializationError) as error:
        await asyncio.wait_for(answer, 5)
    name, _, fault = error.value.args[0].partition(": ")
    assert name == f"{part}<{uri}>"
    return fault


async def define(client, uri, declaration):
    return await client.call(DEFINE, uri, declaration)


# REF-02
@pytest.mark.parametrize("name", ["wamp.schema", "wamp.reflect"])
async def test_a_declaration_comes_changes_and_goes(clients, uri, name):
    client, watcher = await clients.join_many(2)
    events = Events()
    options = SubscribeOptions(match="prefix", details=True)
    await watcher.subscribe(events, f"{name}.on_", options=options)
    changed = {**DECLARATION, "title": "Two points"}
    assert await client.call(f"{name}.describe", uri) is None
    for declaration, result, expected in (
        (DECLARATION, True, ("on_define", [uri, DECLARATION, True])),
        (DECLARATION, None, None),
        (changed, False, ("on_define", [uri, changed, False])),
        (None, False, ("on_undefine", [uri])),
        (None, None, None),
        (changed, True, ("on_define", [uri, changed, True])),
        (None, False, ("on_undefine", [uri])),
    ):
        assert await client.call(f"{name}.define", uri, declaration) is result
        assert await client.call(f"{name}.describe", uri) == declaration
        if expected:
            args, kwargs, details = await events.next()
            assert (details.topic, args, kwargs) == (f"{name}.{expected[0]}", expected[1], {})
    assert events.pending() == 0


# REF-02
async def test_arguments_may_have_names(clients, uri):
    client = await clients.join()
    assert await client.call(DEFINE, uri=uri, schema=DECLARATION) is True
    assert await client.call(DESCRIBE, uri=uri) == DECLARATION
    assert await client.call("wamp.reflect.describe", uri) == DECLARATION
    assert await client.call("wamp.reflect.define", uri=uri, schema=None) is False
    assert await client.call(DESCRIBE, uri) is None


# REF-01 REF-02
async def test_everything_that_is_declared_is_described(clients, uri):
    client = await clients.join()
    kinds = {"topic": DECLARATION, "procedure": {"type": "procedure"}, "error": {"type": "error"}}
    for kind, declaration in kinds.items():
        await define(client, f"{uri}.{kind}", declaration)
    everything = await client.call(DESCRIBE)
    assert everything == DECLARATIONS | {f"{uri}.{kind}": declaration for kind, declaration in kinds.items()}
    assert await client.call(DESCRIBE, None) == everything
    for kind, declaration in kinds.items():
        reflection = f"wamp.reflection.{kind}"
        assert await client.call(f"{reflection}.list") == [f"{uri}.{kind}", f"com.example.typed.{kind}"]
        assert await client.call(f"{reflection}.describe", f"{uri}.{kind}") == declaration
        assert await client.call(f"{reflection}.describe", uri=f"com.example.typed.{kind}") is not None
        for other in kinds.keys() - {kind}:
            assert await client.call(f"{reflection}.describe", f"{uri}.{other}") is None
    for kind in kinds:
        assert await define(client, f"{uri}.{kind}", None) is False
    assert await client.call(DESCRIBE) == DECLARATIONS


# REF-02
async def test_what_is_no_declaration_is_refused(clients, uri):
    client = await clients.join()
    for wrong in (
        {},
        [],
        "topic",
        {"type": "thing"},
        {"type": "topic", "args": {"type": "no such type"}},
        {"type": "topic", "args": {"$ref": "https://example.com/schema"}},
        {"type": "topic", "result": {}},
        {"type": "topic", "unknown": 1},
        {"type": "topic", "kwargs": {"pattern": "("}},
    ):
        assert await error_of(client.call(DEFINE, uri, wrong)) == INVALID_ARGUMENT, wrong
    for arguments in ([], [uri], [1, DECLARATION], [uri, DECLARATION, 1]):
        assert await error_of(client.call(DEFINE, *arguments)) == INVALID_ARGUMENT, arguments
    for wrong in ("a..b", "", "wamp.session.count"):
        assert await error_of(client.call(DEFINE, wrong, DECLARATION)) == "wamp.error.invalid_uri"
    assert await error_of(client.call(DESCRIBE, 1)) == INVALID_ARGUMENT
    for kind in ("topic", "procedure", "error"):
        assert await error_of(client.call(f"wamp.reflection.{kind}.describe")) == INVALID_ARGUMENT
        assert await error_of(client.call(f"wamp.reflection.{kind}.list", 1)) == INVALID_ARGUMENT
    assert await client.call(DESCRIBE, uri) is None


# REF-05 AZN-12
async def test_an_event_that_is_not_as_declared_is_not_published(clients):
    publisher, subscriber = await clients.join_many(2)
    events = Events()
    await subscriber.subscribe(events, TOPIC)
    for args, kwargs in (([], {}), (["x"], {}), ([1, 2], {}), ([1], {"unit": "kg"}), ([1], {"more": 1})):
        fault = await said(publisher.publish(TOPIC, *args, **kwargs, options=ACKNOWLEDGE), TOPIC)
        assert fault.startswith("kwargs" if kwargs else "args")
        publisher.publish(TOPIC, *args, **kwargs)
    for args, kwargs in (([1], {}), ([-2], {"unit": "m"})):
        await publisher.publish(TOPIC, *args, **kwargs, options=ACKNOWLEDGE)
        assert (await events.next())[:2] == (args, kwargs)
    assert events.pending() == 0


# REF-05 AZN-12
async def test_a_call_that_is_not_as_declared_does_not_reach_the_callee(clients):
    callee, caller = await clients.join_many(2)
    asked = []

    def add(*numbers, **more):
        asked.append(numbers)
        return sum(numbers)

    await callee.register(add, PROCEDURE)
    for args in ([], ["1"], [1, None]):
        assert (await said(caller.call(PROCEDURE, *args), PROCEDURE)).startswith("args")
    assert await caller.call(PROCEDURE, 1, 2.5, anything="goes") == 3.5
    assert asked == [(1, 2.5)]


# REF-05 AZN-12
@pytest.mark.parametrize("wrong", ["text", None, CallResult(), CallResult("1", 2)], ids=repr)
async def test_a_result_that_is_not_as_declared_is_an_error(clients, wrong):
    callee, caller = await clients.join_many(2)
    results = [wrong, 7]
    await callee.register(lambda _: results.pop(0), PROCEDURE)
    assert (await said(caller.call(PROCEDURE, 1), PROCEDURE, "result of ")).startswith("args")
    assert await caller.call(PROCEDURE, 1) == 7


# REF-05
async def test_a_progressive_result_is_checked_as_one(clients):
    callee, caller = await clients.join_many(2)
    steps = ["one", "two"]

    def work(_, details):
        for step in steps:
            details.progress(step)
        return 3

    await callee.register(work, PROCEDURE, options=RegisterOptions(details=True))
    seen = []
    assert await caller.call(PROCEDURE, 1, options=CallOptions(on_progress=seen.append)) == 3
    assert seen == steps
    steps.append(4)
    call = caller.call(PROCEDURE, 1, options=CallOptions(on_progress=seen.append))
    assert (await said(call, PROCEDURE, "progressive result of ")).startswith("args[0]: 4 ")
    await settled(callee, PROCEDURE)


# REF-05
async def test_an_error_of_the_callee_passes(clients):
    callee, caller = await clients.join_many(2)

    def fail(_):
        raise ApplicationError("com.example.typed.error", "text")

    await callee.register(fail, PROCEDURE)
    assert (await refused(caller.call(PROCEDURE, 1))).error == "com.example.typed.error"


# REF-05
async def test_what_is_not_declared_passes(clients, uri):
    callee, caller = await clients.join_many(2)
    events = Events()
    await callee.subscribe(events, uri)
    await callee.register(lambda *args: args[0], uri)
    await caller.publish(uri, {"any": "thing"}, options=ACKNOWLEDGE)
    assert await events.args() == [{"any": "thing"}]
    assert await caller.call(uri, "text") == "text"
    # Declared while the router runs, it counts at once.
    await define(caller, uri, {"type": "topic", "args": {"items": {"type": "integer"}}})
    assert (await said(caller.publish(uri, "text", options=ACKNOWLEDGE), uri)).startswith("args[0]")
    await define(caller, uri, None)
    await caller.publish(uri, "text", options=ACKNOWLEDGE)
    assert await events.args() == ["text"]


# TST-08 REF-05
async def test_a_testament_is_checked_as_well(clients):
    client, heir = await clients.join_many(2)
    events = Events()
    await heir.subscribe(events, TOPIC)
    assert await said(client.call(ADD_TESTAMENT, TOPIC, ["text"], {}), TOPIC)
    await client.call(ADD_TESTAMENT, TOPIC, [1], {})
    client.leave()
    assert await events.args() == [1]
    assert events.pending() == 0
