"""Runs `async` tests, each in a loop of its own, and gives them clients that are closed at the end."""

import asyncio
import inspect

import pytest
from clients import LINKS, Clients

TEST_TIMEOUT_S = 20


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(_run(pyfuncitem.obj, arguments))
    return True


async def _run(test, arguments):
    try:
        async with asyncio.timeout(TEST_TIMEOUT_S):
            await test(**arguments)
    finally:
        for argument in arguments.values():
            if isinstance(argument, Clients):
                await argument.close()


@pytest.fixture(params=LINKS, ids=str)
def link(request):
    """Each way in which this client can reach the router."""
    return request.param


@pytest.fixture
def clients(router, link):
    """Makes sessions over `link`."""
    return Clients(router, link)
