"""The life of a session, from HELLO to the end of its transport."""

import time

import pytest
from links import Closed
from peer import (
    ABORT,
    AUTHENTICATE,
    CALL,
    ERROR,
    EVENT,
    GOODBYE,
    HELLO,
    INVOCATION,
    PUBLISH,
    REGISTER,
    ROLES,
    SUBSCRIBE,
    SUBSCRIBED,
    WELCOME,
    YIELD,
    roles_without,
)
from router import DEFAULT_ARGS, RouterProcess


# SES-01 SES-17 PVI-05 PVI-11
@pytest.mark.parametrize(
    "message",
    [
        [SUBSCRIBE, 1, {}, "a.b"],
        [PUBLISH, 1, {}, "a.b"],
        [CALL, 1, {}, "a.b"],
        [REGISTER, 1, {}, "a.b"],
        [GOODBYE, {}, "wamp.close.close_realm"],
        [AUTHENTICATE, "", {}],
        [ERROR, 68, 1, {}, "a.b"],
        [17, 1, 1],
        [33, 1, 1],
        [50, 1, {}],
        [68, 1, 1, {}],
    ],
    ids=lambda message: str(message[0]),
)
def test_anything_before_hello_is_a_violation(peers, message):
    peer = peers.connect()
    peer.send(*message)
    peer.expect_abort()


# SES-03
@pytest.mark.parametrize("details", [{}, {"roles": {}}, {"roles": {"x": {}}}, {"roles": {"broker": {}}}, {"roles": []}], ids=repr)
def test_hello_names_a_client_role(peers, details):
    peer = peers.connect()
    peer.send(HELLO, "realm1", details)
    peer.expect_abort()


# SES-04 FEA-01 FEA-03 FEA-04 PPT-01 PCI-06 RER-05 CAN-14 RET-13
def test_welcome_announces_roles_and_features(peers):
    roles = peers.join().details["roles"]
    broker, dealer = roles["broker"]["features"], roles["dealer"]["features"]
    for name in (
        "publisher_identification",
        "pattern_based_subscription",
        "publisher_exclusion",
        "subscriber_blackwhite_listing",
        "subscription_revocation",
        "event_retention",
        "payload_passthru_mode",
    ):
        assert broker[name] is True, name
    for name in (
        "progressive_call_results",
        "progressive_call_invocations",
        "call_timeout",
        "call_canceling",
        "call_reroute",
        "caller_identification",
        "pattern_based_registration",
        "shared_registration",
        "registration_revocation",
        "payload_passthru_mode",
    ):
        assert dealer[name] is True, name
    for features in (broker, dealer):
        assert all(type(value) is bool for value in features.values())


# SES-05
def test_welcome_says_which_software_answers(peers):
    assert "agent" not in peers.join().details or isinstance(peers.join().details["agent"], str)


# SES-06 ERR-12
def test_an_unknown_realm_is_refused(peers):
    peer = peers.connect()
    peer.send(HELLO, "nope", {"roles": ROLES})
    peer.expect_abort("wamp.error.no_such_realm")


# SES-09 PVI-01 PVI-03 PVI-04
def test_a_second_hello_is_a_violation(peers):
    peer = peers.join()
    peer.send(HELLO, "realm1", {"roles": ROLES})
    peer.expect_abort()


# SES-10 ERR-09
@pytest.mark.parametrize("reason", ["wamp.close.close_realm", "wamp.close.normal", "com.example.anything"])
def test_goodbye_is_answered(peers, reason):
    peer = peers.join()
    peer.send(GOODBYE, {"message": "bye"}, reason)
    assert peer.expect(GOODBYE) == [GOODBYE, {}, "wamp.close.goodbye_and_out"]


# SES-11
def test_nothing_follows_goodbye(peers, uri):
    peer, publisher = peers.join_many(2)
    peer.subscribe(uri)
    for number in range(50):
        publisher.request(PUBLISH, {}, uri, [number])
    peer.send(GOODBYE, {}, "wamp.close.close_realm")
    for number in range(50):
        publisher.request(PUBLISH, {}, uri, [number])
    while (message := peer.receive())[0] == EVENT:
        pass
    assert message[0] == GOODBYE
    publisher.publish(uri)
    peer.link.socket.raw.settimeout(0.3)
    with pytest.raises((Closed, TimeoutError)):
        peer.receive(0.3)


# SES-14 SES-15
@pytest.mark.parametrize("rest", [[], [["why"]], [["why"], {"more": 1}]], ids=len)
def test_abort_is_not_answered(peers, rest):
    peer = peers.join()
    peer.send(ABORT, {}, "com.example.error", *rest)
    peer.expect_closed()


# SES-16 DLR-16 DLR-13
@pytest.mark.parametrize("end", ["reset", "close", "goodbye", "abort"])
def test_what_a_session_held_is_gone_with_it(peers, uri, end):
    callee, caller = peers.join_many(2)
    callee.register(uri)
    if end == "goodbye":
        callee.send(GOODBYE, {}, "wamp.close.close_realm")
        callee.expect(GOODBYE)
    elif end == "abort":
        callee.send(ABORT, {}, "com.example.error")
        callee.expect_closed()
    else:
        getattr(callee.link.socket, end)()
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        request = caller.call(uri)
        error = caller.expect(ERROR, CALL, request)[4]
        if error == "wamp.error.no_such_procedure":
            break
        assert error == "wamp.error.canceled"
    assert error == "wamp.error.no_such_procedure"
    caller.register(uri)


# SES-23
def test_welcome_states_who_the_session_is(peers):
    details = peers.join().details
    assert details["authrole"] == "anonymous" and details["authmethod"] == "anonymous"
    assert isinstance(details["authid"], str) and isinstance(details["authprovider"], str)


# SES-24
def test_an_anonymous_session_cannot_choose_its_authid_or_role(peers):
    one = peers.join(authid="admin", authrole="admin")
    two = peers.join(authid="admin", authrole="admin")
    for peer in (one, two):
        assert peer.details["authrole"] == "anonymous"
    assert one.details["authid"] != two.details["authid"]


# SES-25
def test_asking_for_resumption_does_no_harm(peers):
    assert peers.join(resumable=True).details.get("resumable") in (None, False)


# SES-22 SES-26
def test_requests_may_follow_hello_at_once(raw_peers, uri):
    peer = raw_peers.connect()
    octets = b""
    for message in ([HELLO, "realm1", {"roles": ROLES}], [SUBSCRIBE, 1, {}, uri]):
        encoded = peer.encode(message)
        octets += peer.link.prefix(0, len(encoded)) + encoded
    peer.link.socket.write(octets)
    peer.expect(WELCOME)
    peer.expect(SUBSCRIBED, 1)


# FEA-06
def test_unknown_features_are_ignored(peers):
    peers.join(roles={"caller": {"features": {"x_new": True, "strange": {"deep": 1}}}, "unknown_role": {}}).expect_silence()


# FEA-07 FEA-08
def test_a_role_without_features_is_spared_them(peers, uri):
    callee = peers.join(roles={"callee": {}})
    caller = peers.join()
    callee.register(uri)
    request = caller.call(uri, receive_progress=True, timeout=100)
    details = callee.expect(INVOCATION)[3]
    assert details == {}
    caller.expect_error(CALL, request, "wamp.error.timeout")
    # No INTERRUPT came: the next that it gets is the next call.
    caller.call(uri)
    callee.expect(INVOCATION)


# FEA-09
def test_the_older_spelling_of_canceling_is_understood(peers, uri):
    roles = roles_without("callee.call_canceling")
    roles["callee"]["features"]["call_cancelling"] = True
    callee, caller = peers.join(roles=roles), peers.join()
    callee.register(uri)
    request = caller.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    caller.send(49, request, {"mode": "killnowait"})
    callee.expect(69, invocation)


# SES-18 ERR-09 ROB-07
def test_shutdown_says_goodbye_to_all():
    router = RouterProcess(*DEFAULT_ARGS)
    try:
        from peer import LINKS, connect

        sessions = [connect(router.port, *link).join() for link in LINKS]
        router.terminate()
        for session in sessions:
            assert session.expect(GOODBYE)[2] == "wamp.close.system_shutdown"
            session.send(GOODBYE, {}, "wamp.close.goodbye_and_out")
        for session in sessions:
            session.expect_closed()
        assert router.wait(10) == 0
    finally:
        router.stop()


# SES-12 SES-13 ROB-07
def test_shutdown_does_not_wait_for_ever():
    router = RouterProcess(*DEFAULT_ARGS)
    try:
        from peer import connect

        session = connect(router.port, "rawsocket", "json").join()
        router.terminate()
        session.expect(GOODBYE)
        session.send(SUBSCRIBE, 1, {}, "a.b")
        session.expect_closed()
        assert router.wait(15) == 0
    finally:
        router.stop()


# PVI-02
def test_nothing_of_a_violator_is_processed_any_more(raw_peers, uri):
    violator, witness = raw_peers.join_many(2)
    witness.subscribe(uri)
    violator.register(uri)
    octets = b""
    for message in ([99], [PUBLISH, 2, {}, uri, ["too late"]]):
        encoded = violator.encode(message)
        octets += violator.link.prefix(0, len(encoded)) + encoded
    violator.link.socket.write(octets)
    violator.expect_abort()
    witness.expect_silence()
    request = witness.call(uri)
    witness.expect_error(CALL, request, "wamp.error.no_such_procedure")


# PVI-07 PVI-13
@pytest.mark.parametrize("answer", [lambda i: (YIELD, i, {}), lambda i: (ERROR, INVOCATION, i, {}, "a.b")], ids=["yield", "error"])
def test_an_answer_to_an_invocation_that_never_was_is_a_violation(peers, answer):
    peer = peers.join()
    peer.send(*answer(77))
    peer.expect_abort()


# PVI-08 PVI-13 DLR-15
@pytest.mark.parametrize("answer", [lambda i: (YIELD, i, {}), lambda i: (ERROR, INVOCATION, i, {}, "a.b")], ids=["yield", "error"])
def test_a_second_answer_is_discarded(peers, uri, answer):
    callee, caller = peers.join_many(2)
    callee.register(uri)
    request = caller.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {}, ["first"])
    callee.send(*answer(invocation))
    assert caller.expect(50, request)[3] == ["first"]
    callee.expect_silence()
    caller.expect_silence()


# PVI-09
def test_nobody_answers_for_another(peers, uri):
    callee, thief, caller = peers.join_many(3)
    callee.register(uri)
    request = caller.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    thief.send(YIELD, invocation, {}, ["stolen"])
    thief.expect_abort()
    callee.send(YIELD, invocation, {}, ["mine"])
    assert caller.expect(50, request)[3] == ["mine"]


# PVI-12 ROB-04
def test_violators_harm_nobody_else(raw_peers, uri):
    callee, caller = raw_peers.join_many(2)
    callee.register(uri)
    for number in range(200):
        violator = raw_peers.join()
        violator.subscribe(uri)
        violator.link.send((b"nonsense", b"[99]", b"[1,2]", b"[" * 5000)[number % 4])
        request = caller.call(uri, [number])
        _, invocation, *_ = callee.expect(INVOCATION)
        callee.send(YIELD, invocation, {}, [number])
        assert caller.expect(50, request)[3] == [number]
        violator.expect_abort()
        violator.close()
