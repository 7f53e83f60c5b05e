"""Shared registrations of Autobahn|Python callees, with every policy."""

import asyncio
import collections

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import RegisterOptions


async def _share(clients, uri, policy, count=3):
    """`count` callees that answer with their number, their registrations, and a caller."""
    *callees, caller = await clients.join_many(count + 1)
    registrations = []
    for number, callee in enumerate(callees):
        options = RegisterOptions(invoke=policy)
        registrations.append(await callee.register(lambda number=number: number, uri, options=options))
    return callees, registrations, caller


# SHR-01 SHR-04 SHR-05
async def test_roundrobin_goes_round(clients, uri):
    _, registrations, caller = await _share(clients, uri, "roundrobin")
    assert len({registration.id for registration in registrations}) == 1
    assert [await caller.call(uri) for _ in range(9)] == [0, 1, 2] * 3


# SHR-01 SHR-07
@pytest.mark.parametrize(("policy", "order"), [("first", [0, 1, 2]), ("last", [2, 1, 0])])
async def test_first_and_last_fall_over_in_order(clients, uri, policy, order):
    _, registrations, caller = await _share(clients, uri, policy)
    for number in order:
        assert [await caller.call(uri) for _ in range(3)] == [number] * 3
        await registrations[number].unregister()
    with pytest.raises(ApplicationError) as refused:
        await caller.call(uri)
    assert refused.value.error == "wamp.error.no_such_procedure"


# SHR-01 SHR-06
async def test_random_picks_everyone(clients, uri):
    _, _, caller = await _share(clients, uri, "random")
    calls = await asyncio.gather(*(caller.call(uri) for _ in range(300)))
    counts = collections.Counter(calls)
    # The chance that a fair choice leaves these bounds is below one in a million.
    assert set(counts) == {0, 1, 2} and min(counts.values()) > 55


# SHR-08
async def test_the_round_goes_on_without_a_callee_that_left(clients, uri):
    callees, _, caller = await _share(clients, uri, "roundrobin")
    assert await caller.call(uri) == 0
    await clients.cut(callees[1])
    answers = []
    while len(answers) < 4:
        try:
            answers.append(await caller.call(uri))
        except ApplicationError as error:
            # The router may not have noticed the loss yet, and then says that this callee is gone.
            assert error.error == "wamp.error.canceled"
    assert sorted(answers) == [0, 0, 2, 2]


# SHR-02 SHR-03
@pytest.mark.parametrize("other", [None, "single", "random", "first", "last"])
async def test_another_policy_is_refused(clients, uri, other):
    first, second = await clients.join_many(2)
    await first.register(lambda: 1, uri, options=RegisterOptions(invoke="roundrobin"))
    with pytest.raises(ApplicationError) as refused:
        await second.register(lambda: 2, uri, options=RegisterOptions(invoke=other))
    assert refused.value.error == "wamp.error.procedure_already_exists"


# SHR-10
async def test_the_policy_is_free_when_all_callees_left(clients, uri):
    _, registrations, caller = await _share(clients, uri, "roundrobin", count=2)
    for registration in registrations:
        await registration.unregister()
    await caller.register(lambda: "again", uri, options=RegisterOptions(invoke="last"))
    assert await caller.call(uri) == "again"


# SHR-12
async def test_concurrency_bounds_what_a_callee_is_given(clients, uri):
    callees_and_caller = await clients.join_many(3)
    *callees, caller = callees_and_caller
    running, most = collections.Counter(), collections.Counter()
    go = asyncio.Event()

    def make(number):
        async def work():
            running[number] += 1
            most[number] = max(most[number], running[number])
            await go.wait()
            running[number] -= 1
            return number

        return work

    for number, callee in enumerate(callees):
        await callee.register(make(number), uri, options=RegisterOptions(invoke="roundrobin", concurrency=1))
    calls = [caller.call(uri) for _ in range(2)]
    while sum(running.values()) < 2:
        await asyncio.sleep(0.01)
    go.set()
    assert sorted(await asyncio.gather(*calls)) == [0, 1]
    assert dict(most) == {0: 1, 1: 1}
