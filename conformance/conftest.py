"""What every suite has: the router that all tests share, and names that no other test uses."""

import itertools

import pytest
from router import DEFAULT_ARGS, RouterProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def router():
    """One router for the whole run; a test that breaks it breaks the tests after it, which is to be noticed."""
    process = RouterProcess(*DEFAULT_ARGS)
    yield process
    was_running = process.is_running()
    process.stop()
    assert was_running, "the router ended during the tests:\n" + "".join(process.log)


@pytest.fixture
def uri():
    """A URI that belongs to this test alone; what goes below it does, too."""
    return f"com.example.t{next(_numbers)}"
