"""Routed calls of an Autobahn|Python application: results, errors, patterns, disclosure."""

import asyncio

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallResult, RegisterOptions
from clients import settled


# DLR-01 DLR-05 DLR-06 MSG-07
async def test_arguments_go_there_and_results_come_back(clients, uri):
    callee, caller = await clients.join_many(2)

    def echo(*args, **kwargs):
        return CallResult(*args, **kwargs)

    await callee.register(echo, uri)
    result = await caller.call(uri, 1, "two", [3], four={"five": 6})
    assert list(result.results) == [1, "two", [3]]
    assert result.kwresults == {"four": {"five": 6}}
    assert await caller.call(uri, "one") == "one"
    assert await caller.call(uri) is None


# DLR-08 ERR-02
async def test_a_procedure_that_nobody_has_is_an_error(clients, uri):
    caller = await clients.join()
    with pytest.raises(ApplicationError) as refused:
        await caller.call(uri)
    assert refused.value.error == "wamp.error.no_such_procedure"


# DLR-07
async def test_a_callees_error_arrives_with_everything_in_it(clients, uri):
    callee, caller = await clients.join_many(2)

    def fail():
        raise ApplicationError("com.example.error.custom", "text", 42, reason={"deep": [1, 2]})

    await callee.register(fail, uri)
    with pytest.raises(ApplicationError) as failed:
        await caller.call(uri)
    assert failed.value.error == "com.example.error.custom"
    assert failed.value.args == ("text", 42)
    assert failed.value.kwargs["reason"] == {"deep": [1, 2]}


# DLR-02 ERR-03
async def test_a_procedure_has_one_callee(clients, uri):
    first, second = await clients.join_many(2)
    await first.register(lambda: 1, uri)
    for client in (second, first):
        with pytest.raises(ApplicationError) as refused:
            await client.register(lambda: 2, uri)
        assert refused.value.error == "wamp.error.procedure_already_exists"


# DLR-03
async def test_an_unregistered_procedure_is_gone_and_may_be_registered_again(clients, uri):
    callee, other = await clients.join_many(2)
    registration = await callee.register(lambda: "first", uri)
    await registration.unregister()
    with pytest.raises(ApplicationError) as refused:
        await other.call(uri)
    assert refused.value.error == "wamp.error.no_such_procedure"
    await other.register(lambda: "second", uri)
    assert await callee.call(uri) == "second"


# DLR-10
async def test_a_session_may_call_itself(clients, uri):
    client = await clients.join()
    await client.register(lambda x: x + 1, uri)
    assert await client.call(uri, 41) == 42


# DLR-09 DLR-15 IDS-05
async def test_many_calls_may_run_and_end_in_any_order(clients, uri):
    callee, caller = await clients.join_many(2)
    gates = [asyncio.Event() for _ in range(30)]

    async def wait_for(number):
        await gates[number].wait()
        return number

    await callee.register(wait_for, uri)
    finished = []
    calls = []
    for number in range(30):
        call = caller.call(uri, number)
        call.add_done_callback(lambda future: finished.append(future.result()))
        calls.append(call)
    for number in reversed(range(30)):
        gates[number].set()
        assert await asyncio.wait_for(calls[number], 5) == number
    assert finished == list(reversed(range(30)))


# DLR-13 ERR-07
async def test_a_call_ends_when_its_callee_is_lost(clients, uri):
    callee, caller = await clients.join_many(2)
    called = asyncio.Event()

    async def never():
        called.set()
        await asyncio.sleep(60)

    await callee.register(never, uri)
    call = caller.call(uri)
    await asyncio.wait_for(called.wait(), 5)
    await clients.cut(callee)
    with pytest.raises(ApplicationError) as ended:
        await asyncio.wait_for(call, 5)
    assert ended.value.error == "wamp.error.canceled"


# DLR-14
async def test_a_callee_may_answer_after_it_unregistered(clients, uri):
    callee, caller = await clients.join_many(2)
    called, go = asyncio.Event(), asyncio.Event()

    async def slow():
        called.set()
        await go.wait()
        return "late"

    registration = await callee.register(slow, uri)
    call = caller.call(uri)
    await asyncio.wait_for(called.wait(), 5)
    await registration.unregister()
    go.set()
    assert await asyncio.wait_for(call, 5) == "late"


# PBR-01 PBR-02 PBR-09
async def test_a_prefix_registration_is_told_what_was_called(clients, uri):
    callee, caller = await clients.join_many(2)
    options = RegisterOptions(match="prefix", details=True)
    await callee.register(lambda details: details.procedure, f"{uri}.pre", options=options)
    for name in ("pre", "pre.fix", "prefix"):
        assert await caller.call(f"{uri}.{name}") == f"{uri}.{name}"
    with pytest.raises(ApplicationError):
        await caller.call(f"{uri}.pr")


# PBR-01 PBR-02 PBR-09
async def test_a_wildcard_registration_is_told_what_was_called(clients, uri):
    callee, caller = await clients.join_many(2)
    options = RegisterOptions(match="wildcard", details=True)
    await callee.register(lambda details: details.procedure, f"{uri}..do", options=options)
    assert await caller.call(f"{uri}.this.do") == f"{uri}.this.do"
    for name in ("this.that.do", "do", "this.do.not"):
        with pytest.raises(ApplicationError) as refused:
            await caller.call(f"{uri}.{name}")
        assert refused.value.error == "wamp.error.no_such_procedure"


# PBR-03 PBR-04 PBR-05 PBR-06 PBR-08 PBR-11 PBR-12
async def test_the_best_registration_is_called(clients, uri):
    callee, caller = await clients.join_many(2)
    registrations = {}
    for name, procedure, match in (
        ("exact", "a.b.c", "exact"),
        ("long", "a.b", "prefix"),
        ("short", "a", "prefix"),
        ("wildcard", "a..c", "wildcard"),
    ):
        procedure = f"{uri}.{procedure}"
        registrations[name] = await callee.register(
            lambda name=name: name, procedure, options=RegisterOptions(match=match)
        )
    for name in ("exact", "long", "short", "wildcard"):
        assert await caller.call(f"{uri}.a.b.c") == name
        await registrations[name].unregister()
    with pytest.raises(ApplicationError) as refused:
        await caller.call(f"{uri}.a.b.c")
    assert refused.value.error == "wamp.error.no_such_procedure"


# CID-06 PBR-10
async def test_a_caller_is_not_disclosed_unless_it_asks(clients, uri):
    callee, caller = await clients.join_many(2)
    seen = []
    await callee.register(lambda details: seen.append(details), uri, options=RegisterOptions(details=True))
    await caller.call(uri)
    assert seen[0].caller is None and seen[0].caller_authid is None and seen[0].caller_authrole is None


# SHR-13
async def test_force_reregister_replaces_the_present_callee(clients, uri):
    old, new, caller = await clients.join_many(3)
    await old.register(lambda: "old", uri)
    await new.register(lambda: "new", uri, options=RegisterOptions(force_reregister=True))
    assert await caller.call(uri) == "new"


# URI-05
async def test_the_routers_own_procedures_cannot_be_taken(clients):
    client = await clients.join()
    with pytest.raises(ApplicationError) as refused:
        await client.register(lambda: 0, "wamp.session.count")
    assert refused.value.error == "wamp.error.invalid_uri"


# URI-07
async def test_a_topic_and_a_procedure_may_share_a_name(clients, uri):
    client, other = await clients.join_many(2)
    received = asyncio.get_running_loop().create_future()
    await client.register(lambda: "called", uri)
    await client.subscribe(received.set_result, uri)
    other.publish(uri, "published")
    assert await other.call(uri) == "called"
    assert await asyncio.wait_for(received, 5) == "published"


# ORD-04 ORD-08
async def test_calls_arrive_in_the_order_they_were_made(clients, uri):
    callee, caller = await clients.join_many(2)
    arrived = []
    await callee.register(lambda number: arrived.append(number), f"{uri}.one")
    await callee.register(lambda number: arrived.append(number), f"{uri}.two")
    calls = [caller.call(f"{uri}.one" if number % 2 else f"{uri}.two", number) for number in range(200)]
    await asyncio.wait_for(asyncio.gather(*calls), 10)
    assert arrived == list(range(200))
    await settled(callee, uri)
