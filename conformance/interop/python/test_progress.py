"""Progressive results, canceling and timeouts of an Autobahn|Python application."""

import asyncio

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, RegisterOptions
from clients import settled

WITH_DETAILS = RegisterOptions(details=True)


# PCR-01 PCR-02 PCR-03 PCR-04 PCR-06 ORD-06
async def test_progressive_results_come_in_order_and_before_the_final_one(clients, uri):
    callee, caller = await clients.join_many(2)

    async def count(to, details):
        for number in range(to):
            details.progress(number, text="so far")
        details.progress()
        return "done"

    await callee.register(count, uri, options=WITH_DETAILS)
    received = []
    options = CallOptions(on_progress=lambda *args, **kwargs: received.append((args, kwargs)))
    assert await caller.call(uri, 100, options=options) == "done"
    assert received == [((number,), {"text": "so far"}) for number in range(100)] + [((), {})]


# PCR-02
async def test_a_progressive_result_is_not_held_back(clients, uri):
    callee, caller = await clients.join_many(2)
    go_on = asyncio.Event()

    async def two_steps(details):
        details.progress("half")
        await go_on.wait()
        return "whole"

    await callee.register(two_steps, uri, options=WITH_DETAILS)
    # Were the first result held back until the second, nothing would let the callee go on.
    options = CallOptions(on_progress=lambda _: go_on.set())
    assert await asyncio.wait_for(caller.call(uri, options=options), 5) == "whole"


# PCR-05 PCR-08
async def test_a_callee_is_not_offered_progress_that_the_caller_did_not_ask_for(clients, uri):
    callee, caller = await clients.join_many(2)
    await callee.register(lambda details: details.progress is None, uri, options=WITH_DETAILS)
    assert await caller.call(uri) is True


# PCR-03
async def test_an_error_may_end_progress(clients, uri):
    callee, caller = await clients.join_many(2)

    async def fail_half_way(details):
        details.progress("half")
        raise ApplicationError("com.example.error.half_way")

    await callee.register(fail_half_way, uri, options=WITH_DETAILS)
    received = []
    with pytest.raises(ApplicationError) as failed:
        await caller.call(uri, options=CallOptions(on_progress=received.append))
    assert failed.value.error == "com.example.error.half_way"
    assert received == ["half"]


async def _endless(clients, uri):
    """A callee that runs until it is interrupted, and a caller; two events tell what happened to it."""
    callee, caller = await clients.join_many(2)
    called, interrupted = asyncio.Event(), asyncio.Event()

    async def run():
        called.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            interrupted.set()
            raise

    await callee.register(run, uri)
    return callee, caller, called, interrupted


# CAN-04 CAN-06 CAN-11
async def test_a_cancelled_call_interrupts_its_callee(clients, uri):
    callee, caller, called, interrupted = await _endless(clients, uri)
    call = caller.call(uri)
    await asyncio.wait_for(called.wait(), 5)
    call.cancel()
    await asyncio.wait_for(interrupted.wait(), 5)
    await settled(caller, uri)
    await settled(callee, uri)
    assert callee.is_attached() and caller.is_attached()


# DLR-11 PCR-09
async def test_a_lost_caller_interrupts_its_callee(clients, uri):
    callee, caller, called, interrupted = await _endless(clients, uri)
    call = caller.call(uri)
    call.add_done_callback(lambda future: future.cancelled() or future.exception())
    await asyncio.wait_for(called.wait(), 5)
    await clients.cut(caller)
    await asyncio.wait_for(interrupted.wait(), 5)
    await settled(callee, uri)
    assert callee.is_attached()


# TMO-01 TMO-02 TMO-03 TMO-04 ERR-14
async def test_a_call_ends_after_its_timeout(clients, uri):
    callee, caller, called, interrupted = await _endless(clients, uri)
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(ApplicationError) as ended:
        # The client passes the number on as it is, and on the wire it is milliseconds.
        await caller.call(uri, options=CallOptions(timeout=200))
    took = loop.time() - started
    assert ended.value.error == "wamp.error.timeout"
    assert 0.19 <= took < 2
    await asyncio.wait_for(interrupted.wait(), 5)


# TMO-10
async def test_a_timeout_does_not_outlive_its_call(clients, uri):
    callee, caller = await clients.join_many(2)
    await callee.register(lambda: "in time", uri)
    assert await caller.call(uri, options=CallOptions(timeout=100)) == "in time"
    await asyncio.sleep(0.2)
    await settled(caller, uri)
    assert caller.is_attached()


# DLR-13 PCR-10
async def test_progress_ends_with_an_error_when_the_callee_is_lost(clients, uri):
    callee, caller = await clients.join_many(2)

    async def start(details):
        details.progress("started")
        await asyncio.sleep(60)

    await callee.register(start, uri, options=WITH_DETAILS)
    started = asyncio.Event()
    call = caller.call(uri, options=CallOptions(on_progress=lambda _: started.set()))
    await asyncio.wait_for(started.wait(), 5)
    await clients.cut(callee)
    with pytest.raises(ApplicationError) as ended:
        await asyncio.wait_for(call, 5)
    assert ended.value.error == "wamp.error.canceled"
