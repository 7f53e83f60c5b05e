"""What every suite has: the router that all tests share, and names that no other test uses."""

import itertools

import pytest
from node import HISTORIES, Node
from router import DEFAULT_ARGS, RouterProcess

_numbers = itertools.count(1)
_histories = iter(range(HISTORIES))


@pytest.fixture(scope="session")
def router():
    """One router for the whole run; a test that breaks it breaks the tests after it, which is to be noticed."""
    process = RouterProcess(*DEFAULT_ARGS)
    yield process
    _end(process)


@pytest.fixture(scope="session")
def node():
    """The router with a config file, likewise one for the whole run; `node.py` says what it has."""
    node = Node()
    yield node
    _end(node)


def _end(process):
    was_running = process.is_running()
    process.stop()
    assert was_running, "the router ended during the tests:\n" + "".join(process.log)


@pytest.fixture
def uri():
    """A URI that belongs to this test alone; what goes below it does, too."""
    return f"com.example.t{next(_numbers)}"


@pytest.fixture
def topic():
    """A topic with an event history that belongs to this test alone, in the realms that have some."""
    number = next(_histories, None)
    assert number is not None, "node.py configures too few histories for these tests"
    return f"com.example.h{number}"
