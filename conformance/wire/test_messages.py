"""The shape of messages: types, counts, options, and what a peer may say at all."""

import re

import pytest
from peer import (
    CALL,
    CANCEL,
    ERROR,
    EVENT,
    GOODBYE,
    INVOCATION,
    PUBLISH,
    PUBLISHED,
    REGISTER,
    REGISTERED,
    RESULT,
    SUBSCRIBE,
    SUBSCRIBED,
    UNREGISTER,
    UNSUBSCRIBE,
    YIELD,
)


# MSG-01 PVI-01 PVI-03
@pytest.mark.parametrize("message", [[], {}, ["x"], [1.5], [None], [[32]], "text", 32, None], ids=repr)
def test_a_message_starts_with_its_type(peers, message):
    peer = peers.join()
    peer.link.send(peer.encode(message))
    peer.expect_abort()


# MSG-02
@pytest.mark.parametrize(
    "message",
    [
        [SUBSCRIBE, "1", {}, "a.b"],
        [SUBSCRIBE, 1, [], "a.b"],
        [SUBSCRIBE, 1, {}, 5],
        [SUBSCRIBE, 1, None, "a.b"],
        [CALL, 1, {}, "a.b", {}],
        [CALL, 1, {}, "a.b", [], []],
        [PUBLISH, 1, {}, "a.b", "args"],
        [REGISTER, 1, {}, ["a.b"]],
        [UNSUBSCRIBE, 1, "2"],
        [CANCEL, 1, []],
        [YIELD, "1", {}],
        [GOODBYE, [], "a.b"],
    ],
    ids=repr,
)
def test_an_element_of_a_wrong_type_is_a_violation(peers, message):
    peer = peers.join()
    peer.send(*message)
    peer.expect_abort()


# MSG-03
@pytest.mark.parametrize(
    "message",
    [
        [SUBSCRIBE, 1, {}],
        [SUBSCRIBE, 1, {}, "a.b", 4],
        [UNSUBSCRIBE, 1],
        [UNSUBSCRIBE, 1, 2, 3],
        [PUBLISH, 1, {}],
        [PUBLISH, 1, {}, "a.b", [], {}, 7],
        [CALL, 1, {}],
        [CALL, 1, {}, "a.b", [], {}, 7],
        [REGISTER, 1, {}],
        [UNREGISTER, 1],
        [CANCEL, 1],
        [YIELD, 1],
        [ERROR, INVOCATION, 1, {}],
        [GOODBYE, {}],
    ],
    ids=repr,
)
def test_a_wrong_count_of_elements_is_a_violation(peers, message):
    peer = peers.join()
    peer.send(*message)
    peer.expect_abort()


# MSG-04
def test_unknown_options_are_ignored(peers, uri):
    peer = peers.join(foo_bar={"deep": [1, {"a": None}]})
    strange = {"foo_bar": 1, "another_one": {"a": [1, 2, {"b": None}]}}
    subscription = peer.subscribe(uri, **strange)
    registration = peer.register(uri, **strange)
    peer.publish(uri, **strange)
    request = peer.call(uri, **strange)
    _, invocation, *_ = peer.expect(INVOCATION)
    peer.send(YIELD, invocation, strange)
    peer.expect(RESULT, request)
    request = peer.request(UNSUBSCRIBE, subscription)
    peer.expect(35, request)
    request = peer.request(UNREGISTER, registration)
    peer.expect(67, request)


# MSG-05
def test_the_routers_own_names_follow_the_grammar(peers, uri):
    peer, other = peers.join_many(2)
    peer.subscribe(uri, match="prefix")
    peer.register(uri, match="prefix")
    other.publish(f"{uri}.a", disclose_me=True)
    other.call(f"{uri}.a", disclose_me=True)
    messages = [peer.expect(EVENT), peer.expect(INVOCATION)]
    names = [name for message in messages for name in message[3]] + list(peer.details)
    for role in peer.details["roles"].values():
        names += role.get("features", {})
    assert names
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9_]{2,}|_[a-z0-9_]{3,}", name), name


# MSG-06
def test_an_integer_is_no_boolean(peers, uri):
    peer = peers.join()
    request = peer.request(PUBLISH, {"acknowledge": 1}, uri)
    # Refused or ignored, but never taken for `true`.
    peer.send(CALL, peer.next_request(), {}, uri)
    message = peer.receive()
    assert message[0] != PUBLISHED
    if message[1] == PUBLISH:
        assert message[2] == request and message[4] == "wamp.error.invalid_argument"
    else:
        assert message[1] == CALL


# MSG-07 BRK-15
def test_absent_arguments_stay_absent(peers, uri):
    peer, other = peers.join_many(2)
    peer.subscribe(uri)
    peer.register(uri)
    other.publish(uri)
    assert len(peer.expect(EVENT)) == 4
    other.publish(uri, [], {"a": 1})
    assert peer.expect(EVENT)[4:] == [[], {"a": 1}]
    request = other.call(uri)
    invocation = peer.expect(INVOCATION)
    assert len(invocation) == 4
    peer.send(YIELD, invocation[1], {})
    assert len(other.expect(RESULT, request)) == 3


# MSG-08
def test_empty_arguments_are_accepted(peers, uri):
    peer, other = peers.join_many(2)
    peer.subscribe(uri)
    peer.register(uri)
    other.publish(uri, [], {})
    assert peer.expect(EVENT)[4:] in ([], [[]], [[], {}])
    request = other.call(uri, [], {})
    _, invocation, *_ = peer.expect(INVOCATION)
    peer.send(YIELD, invocation, {}, [], {})
    other.expect(RESULT, request)


# MSG-09
@pytest.mark.parametrize("kind", [0, 7, 9, 15, 18, 37, 51, 71, 99, 255])
def test_an_unknown_core_message_is_a_violation(peers, kind):
    peer = peers.join()
    peer.send(kind, {})
    peer.expect_abort()


# MSG-10
@pytest.mark.parametrize("kind", [256, 300, 1023, 1024, 2**31, -1])
def test_an_unknown_extension_message_is_a_violation(peers, kind):
    peer = peers.join()
    peer.send(kind, {})
    peer.expect_abort()


# MSG-11 PVI-04
@pytest.mark.parametrize(
    "message",
    [
        [2, 1, {}],
        [4, "ticket", {}],
        [17, 1, 1],
        [33, 1, 1],
        [35, 1],
        [36, 1, 1, {}],
        [50, 1, {}],
        [65, 1, 1],
        [67, 1],
        [68, 1, 1, {}],
        [69, 1, {}],
    ],
    ids=lambda message: str(message[0]),
)
def test_what_only_a_router_says_is_a_violation(peers, message):
    peer = peers.join()
    peer.send(*message)
    peer.expect_abort()


# MSG-12 PVI-06
@pytest.mark.parametrize("kind", [CALL, SUBSCRIBE, PUBLISH, REGISTER, 1, 999])
def test_a_client_reports_errors_of_invocations_only(peers, kind):
    peer = peers.join()
    peer.send(ERROR, kind, 1, {}, "a.b")
    peer.expect_abort()


# MSG-13 TRL-02 CTL-02 CID-08 DLR-21
def test_a_clients_own_options_do_not_reach_others(peers, uri):
    peer, other = peers.join_many(2)
    peer.subscribe(uri)
    peer.register(uri)
    mine = {"x_my": 1, "_mine": 2, "trustlevel": 9, "publisher": 1, "caller": 1, "topic": "z.z", "procedure": "z.z"}
    other.publish(uri, **mine)
    assert peer.expect(EVENT)[3] == {}
    request = other.call(uri, **mine)
    _, invocation, _, details = peer.expect(INVOCATION)
    assert details == {}
    peer.send(YIELD, invocation, {"foo_x": 1, "x_my": 1})
    assert other.expect(RESULT, request)[2] == {}


# SHD-02
def test_options_of_a_feature_that_is_not_announced_are_ignored(peers, uri):
    callee, caller = peers.join_many(2)
    assert "sharded_registration" not in callee.details["roles"]["dealer"]["features"]
    callee.register(uri)
    caller.call(uri, runmode="partition")
    callee.expect(INVOCATION)


# IDS-05 BRK-01 DLR-01
def test_answers_repeat_the_id_of_their_request(peers, uri):
    peer = peers.join()
    peer.send(SUBSCRIBE, 1, {}, uri)
    peer.send(REGISTER, 2, {}, uri)
    peer.send(PUBLISH, 3, {"acknowledge": True}, uri)
    peer.send(CALL, 4, {}, f"{uri}.nobody")
    assert [peer.receive()[:2] for _ in range(3)] == [[SUBSCRIBED, 1], [REGISTERED, 2], [PUBLISHED, 3]]
    peer.expect(ERROR, CALL, 4)


# IDS-10
@pytest.mark.parametrize("request_id", [0, -1, 2**53 + 1, 1.5, "1", None, True], ids=repr)
def test_a_request_id_out_of_range_is_a_violation(peers, request_id):
    peer = peers.join()
    peer.send(SUBSCRIBE, request_id, {}, "a.b")
    peer.expect_abort()


# IDS-07 IDS-08
def test_cancel_takes_no_id_of_its_own(peers, uri):
    peer = peers.join()
    peer.register(uri)
    request = peer.call(uri)
    peer.expect(INVOCATION)
    peer.send(CANCEL, request, {"mode": "skip"})
    peer.expect_error(CALL, request, "wamp.error.canceled")
    peer.publish(uri)


# IDS-01 IDS-04
def test_invocation_ids_count_from_one_in_each_session(peers, uri):
    one, two, caller = peers.join_many(3)
    one.register(f"{uri}.one")
    two.register(f"{uri}.two")
    for number in range(1, 6):
        caller.call(f"{uri}.one")
        assert one.expect(INVOCATION)[1] == number
        caller.call(f"{uri}.two")
        assert two.expect(INVOCATION)[1] == number


# IDS-01 IDS-02
def test_publication_ids_are_random_over_the_whole_range(raw_peers, uri):
    peer = raw_peers.join()
    for _ in range(2000):
        peer.request(PUBLISH, {"acknowledge": True}, uri)
    ids = [peer.expect(PUBLISHED)[2] for _ in range(2000)]
    assert len(set(ids)) == 2000 and all(1 <= number <= 2**53 for number in ids)
    # 64 bins of 31 on average: a uniform draw leaves these bounds less often than once in a million runs.
    bins = [0] * 64
    for number in ids:
        bins[(number - 1) >> 47] += 1
    assert min(bins) > 3 and max(bins) < 75


# IDS-01 IDS-03
def test_subscription_and_registration_ids_are_in_range_and_apart(peers, uri):
    peer = peers.join()
    subscriptions = [peer.subscribe(f"{uri}.{number}") for number in range(50)]
    registrations = [peer.register(f"{uri}.{number}") for number in range(50)]
    for ids in (subscriptions, registrations):
        assert len(set(ids)) == 50 and all(1 <= number <= 2**53 for number in ids)
