"""What meta procedures say to an Autobahn|Python application that gives them the wrong arguments."""

import pytest
from autobahn.wamp.types import CallOptions
from clients import Clients, refused

INVALID_ARGUMENT = "wamp.error.invalid_argument"

SESSION, REGISTRATION, SUBSCRIPTION = "wamp.session", "wamp.registration", "wamp.subscription"

# Procedures, and arguments by position that each of them is to refuse. What is in all of these is refused by all.
NO_IDS = ["x", -1, 0, 1.5, True, [], {}, 2**53 + 1]
NO_TEXTS = [1, True, [], {}]
WRONG = {
    f"{SESSION}.count": ["anonymous", 1, {}, [1], [None]],
    f"{SESSION}.list": ["anonymous", 1, {}, [1], [None]],
    f"{SESSION}.get": [None, *NO_IDS],
    f"{SESSION}.kill": [None, *NO_IDS],
    f"{SESSION}.kill_by_authid": [None, *NO_TEXTS],
    f"{SESSION}.kill_by_authrole": [None, *NO_TEXTS],
    f"{SESSION}.kill_all": NO_TEXTS,
    f"{SESSION}.modify_details": [None, *NO_IDS],
    f"{REGISTRATION}.list": ["x", -1, 1.5, [], {}],
    f"{REGISTRATION}.lookup": [None, *NO_TEXTS],
    f"{REGISTRATION}.match": [None, *NO_TEXTS],
    f"{REGISTRATION}.get": [None, *NO_IDS],
    f"{REGISTRATION}.list_callees": [None, *NO_IDS],
    f"{REGISTRATION}.count_callees": [None, *NO_IDS],
    f"{SUBSCRIPTION}.list": ["x", -1, 1.5, [], {}],
    f"{SUBSCRIPTION}.lookup": [None, *NO_TEXTS],
    f"{SUBSCRIPTION}.match": [None, *NO_TEXTS],
    f"{SUBSCRIPTION}.get": [None, *NO_IDS],
    f"{SUBSCRIPTION}.list_subscribers": [None, *NO_IDS],
    f"{SUBSCRIPTION}.count_subscribers": [None, *NO_IDS],
}

# Those that can do without any argument.
NEEDS_NOTHING = {f"{SESSION}.count", f"{SESSION}.list", f"{SESSION}.kill_all", f"{REGISTRATION}.list", f"{SUBSCRIPTION}.list"}

# One that each takes, and something more that it doesn't.
TOO_MANY = {
    f"{SESSION}.count": [None, 1],
    f"{SESSION}.list": [None, 1],
    f"{SESSION}.get": [1, 1],
    f"{SESSION}.kill": [1, None, None, 1],
    f"{SESSION}.kill_by_authid": ["x", None, None, 1],
    f"{SESSION}.kill_by_authrole": ["x", None, None, 1],
    f"{SESSION}.kill_all": [None, None, 1],
    f"{SESSION}.modify_details": [1, {}, 1],
    f"{REGISTRATION}.list": [None, 1],
    f"{REGISTRATION}.lookup": ["a.b", None, 1],
    f"{REGISTRATION}.match": ["a.b", 1],
    f"{REGISTRATION}.get": [1, 1],
    f"{REGISTRATION}.list_callees": [1, 1],
    f"{REGISTRATION}.count_callees": [1, 1],
    f"{SUBSCRIPTION}.list": [None, 1],
    f"{SUBSCRIPTION}.lookup": ["a.b", None, 1],
    f"{SUBSCRIPTION}.match": ["a.b", 1],
    f"{SUBSCRIPTION}.get": [1, 1],
    f"{SUBSCRIPTION}.list_subscribers": [1, 1],
    f"{SUBSCRIPTION}.count_subscribers": [1, 1],
}


@pytest.fixture
def clients(node, link):
    return Clients(node, link, "meta")


async def said(call):
    """The sentence that an argument is refused with."""
    error = await refused(call)
    assert error.error == INVALID_ARGUMENT, error
    (sentence,) = error.args
    return sentence


# MSE-14 ERR-06
@pytest.mark.parametrize("procedure", WRONG)
async def test_an_argument_of_the_wrong_kind_is_refused(clients, procedure):
    client = await clients.join()
    for wrong in WRONG[procedure]:
        assert "expected" in await said(client.call(procedure, wrong)) or wrong is None
    if procedure not in NEEDS_NOTHING:
        assert "missing" in await said(client.call(procedure))
    assert "too many" in await said(client.call(procedure, *TOO_MANY[procedure]))
    assert "sesion_id" in await said(client.call(procedure, *TOO_MANY[procedure][:-1], sesion_id=1))


# MSE-14
@pytest.mark.parametrize(
    ("procedure", "args", "kwargs"),
    [
        (f"{SESSION}.count", [["admin"]], {"filter_authroles": ["admin"]}),
        (f"{SESSION}.get", [1], {"session_id": 1}),
        (f"{SESSION}.get", [], {"session_id": 1, "session": 1}),
        (f"{SESSION}.kill", [1, "a.b"], {"reason": "a.b"}),
        (f"{SUBSCRIPTION}.lookup", ["a.b"], {"topic": "a.b"}),
        (f"{SUBSCRIPTION}.get", [1], {"subscription": 1}),
    ],
    ids=str,
)
async def test_an_argument_is_given_once(clients, procedure, args, kwargs):
    client = await clients.join()
    assert "given twice" in await said(client.call(procedure, *args, **kwargs))


# MSE-14
@pytest.mark.parametrize("procedure", ["kill", "kill_by_authid", "kill_by_authrole", "kill_all"])
async def test_a_farewell_of_the_wrong_kind_kills_nobody(clients, procedure):
    client, victim = await clients.join_many(2)
    whom = {"kill": [victim.session_id], "kill_by_authid": [victim.details.authid], "kill_by_authrole": ["anonymous"]}
    for wrong in ({"reason": 1}, {"reason": ["a.b"]}, {"message": 1}, {"message": {}}):
        assert "expected" in await said(client.call(f"{SESSION}.{procedure}", *whom.get(procedure, []), **wrong))
    assert (await client.call(f"{SESSION}.get", victim.session_id))["session"] == victim.session_id


# MSE-14 MRG-06 MSB-06
@pytest.mark.parametrize("api", [REGISTRATION, SUBSCRIPTION])
async def test_a_match_policy_that_there_is_not_is_refused(clients, api):
    client = await clients.join()
    for wrong in ({"match": "fuzzy"}, {"match": 1}, {"match": ""}, "prefix", []):
        assert "expected" in await said(client.call(f"{api}.lookup", "a.b", wrong))
    assert "fuzzy" in await said(client.call(f"{api}.lookup", "a.b", match="fuzzy"))


# MSE-14 MSE-17
async def test_details_that_are_none_are_refused(clients):
    client = await clients.join()
    for wrong in ([], "x", 1):
        assert "expected" in await said(client.call(f"{SESSION}.modify_details", client.session_id, wrong))
    assert "missing" in await said(client.call(f"{SESSION}.modify_details", client.session_id))


# REF-06 ERR-02
@pytest.mark.parametrize(
    "procedure",
    ["wamp", "wamp.session", "wamp.session.no_such", "wamp.session.count.more", "wamp.interface.list", "wamp.foo"],
)
async def test_what_is_not_implemented_is_no_procedure(clients, procedure):
    client = await clients.join()
    error = await refused(client.call(procedure, 1, a=2))
    assert error.error == "wamp.error.no_such_procedure"


async def test_options_of_a_call_do_no_harm(clients):
    client = await clients.join()
    seen = []
    for options in (
        CallOptions(timeout=60),
        CallOptions(on_progress=seen.append),
        CallOptions(details=True),
    ):
        result = await client.call(f"{SESSION}.count", ["anonymous"], options=options)
        count = result.results[0] if options.details else result
        assert count >= 1
    assert seen == []
