"""Sessions that are killed: what ends at once, what is still said, and when the connection goes."""

import pytest
from peer import (
    CALL,
    CANCEL,
    ERROR,
    EVENT,
    GOODBYE,
    INTERRUPT,
    INVOCATION,
    PUBLISH,
    REGISTER,
    RESULT,
    SUBSCRIBE,
    YIELD,
)

KILL = "wamp.session.kill"
KILLED = "wamp.close.killed"
CANCELED = "wamp.error.canceled"


def kill(killer, victim, *more):
    assert killer.result(KILL, [victim.session_id, *more]) == []


def hear(killer, request, events):
    """The RESULT of a kill, and so many events that it made; another thread may tell of them, a moment later."""
    messages = [killer.receive() for _ in range(events + 1)]
    (result,) = [message for message in messages if message[0] == RESULT]
    assert result[1] == request
    told = [message for message in messages if message[0] == EVENT]
    assert len(told) == events, messages
    return result, told


def say_goodbye(victim):
    """Answers GOODBYE, and has the same connection welcome another session: so nothing else was sent to the first."""
    victim.send(GOODBYE, {}, "wamp.close.goodbye_and_out")
    victim.join("meta")


# MSE-08 SES-12
@pytest.mark.parametrize(
    ("said", "goodbye"),
    [
        ([], [GOODBYE, {}, KILLED]),
        ([None, None], [GOODBYE, {}, KILLED]),
        ([None, ""], [GOODBYE, {"message": ""}, KILLED]),
        (["com.example.reason"], [GOODBYE, {}, "com.example.reason"]),
        (["com.example.reason", "Grüße"], [GOODBYE, {"message": "Grüße"}, "com.example.reason"]),
    ],
    ids=["nothing", "nulls", "empty", "reason", "both"],
)
def test_goodbye_says_what_was_given(meta_peers, said, goodbye):
    killer, victim = meta_peers.join_many(2)
    kill(killer, victim, *said)
    assert victim.receive() == goodbye
    say_goodbye(victim)


# MSE-08 MSE-18 SES-12
def test_who_does_not_answer_goodbye_is_disconnected_all_the_same(meta_peers):
    killer, victim = meta_peers.join_many(2)
    kill(killer, victim)
    victim.expect(GOODBYE)
    victim.expect_closed()
    killer.expect_silence()


# MSE-18 MSE-02
def test_a_killed_session_is_gone_before_its_connection_is(meta_peers, uri):
    killer = meta_peers.join_alone()
    victim = meta_peers.join()
    events = killer.subscribe("wamp.session.on_leave")
    subscription, registration = victim.subscribe(f"{uri}.topic"), victim.register(f"{uri}.procedure")
    request = killer.call(KILL, [victim.session_id])
    _, (told,) = hear(killer, request, 1)
    assert told[1] == events and told[4] == [victim.session_id, victim.details["authid"], "anonymous"]
    assert killer.result("wamp.session.list") == [[killer.session_id]]
    assert killer.result("wamp.subscription.list", [], {})[0]["exact"] == []
    for procedure, number, error in (
        ("wamp.session.get", victim.session_id, "session"),
        (KILL, victim.session_id, "session"),
        ("wamp.subscription.get", subscription, "subscription"),
        ("wamp.registration.get", registration, "registration"),
    ):
        request = killer.call(procedure, [number])
        killer.expect_error(CALL, request, f"wamp.error.no_such_{error}")
    request = killer.call(f"{uri}.procedure")
    killer.expect_error(CALL, request, "wamp.error.no_such_procedure")
    killer.publish(f"{uri}.topic", ["nobody"])
    # Its connection is still there, and nothing has come over it but the one message.
    victim.expect(GOODBYE)
    say_goodbye(victim)
    killer.expect_silence()


# MSE-18 SES-11 SES-13
def test_what_a_killed_session_still_says_counts_for_nothing(meta_peers, uri):
    killer, victim, witness = meta_peers.join_many(3)
    witness.subscribe(uri)
    witness.register(f"{uri}.procedure")
    kill(killer, victim)
    victim.request(PUBLISH, {"acknowledge": True}, uri, ["forged"])
    victim.request(SUBSCRIBE, {}, uri)
    victim.request(REGISTER, {}, f"{uri}.mine")
    victim.request(CALL, {}, f"{uri}.procedure")
    victim.request(CALL, {}, KILL, [witness.session_id])
    victim.expect(GOODBYE)
    say_goodbye(victim)
    witness.expect_silence()
    request = killer.call(f"{uri}.mine")
    killer.expect_error(CALL, request, "wamp.error.no_such_procedure")


# DLR-11 DLR-13 MSE-18
def test_the_calls_of_a_killed_session_end(meta_peers, uri):
    killer, victim, callee, caller = meta_peers.join_many(4)
    callee.register(f"{uri}.callee")
    victim.register(f"{uri}.victim")
    victim.call(f"{uri}.callee")
    _, invocation, *_ = callee.expect(INVOCATION)
    request = caller.call(f"{uri}.victim")
    _, asked, *_ = victim.expect(INVOCATION)
    kill(killer, victim)
    caller.expect_error(CALL, request, CANCELED)
    assert callee.expect(INTERRUPT, invocation)[2]["mode"] == "killnowait"
    callee.send(YIELD, invocation, {}, ["too late"])
    victim.send(YIELD, asked, {}, ["too late"])
    victim.expect(GOODBYE)
    say_goodbye(victim)
    for peer in (callee, caller):
        peer.expect_silence()


# MSE-08
def test_what_was_on_its_way_arrives_before_goodbye(meta_peers, uri):
    killer, victim = meta_peers.join_many(2)
    victim.subscribe(uri)
    for number in range(20):
        killer.publish(uri, [number])
    kill(killer, victim)
    assert [victim.expect(EVENT)[4] for _ in range(20)] == [[number] for number in range(20)]
    victim.expect(GOODBYE)


# MSE-11 MSE-12 MSE-13
@pytest.mark.parametrize("how", ["authid", "authrole", "all"])
def test_whoever_is_killed_with_others_is_told_the_same(meta_peers, how):
    killer = meta_peers.join_alone()
    victims = meta_peers.join_many(3)
    if how == "authid":
        for victim in victims:
            result = killer.result(f"{KILL}_by_authid", [victim.details["authid"], "a.b", "message"])
            assert result == [[victim.session_id]]
    elif how == "authrole":
        assert killer.result(f"{KILL}_by_authrole", ["anonymous", "a.b", "message"]) == [3]
    else:
        assert killer.result(f"{KILL}_all", ["a.b", "message"]) == [3]
    for victim in victims:
        assert victim.receive() == [GOODBYE, {"message": "message"}, "a.b"]
        say_goodbye(victim)
    killer.expect_silence()


# MSE-13
def test_only_the_sessions_of_killed_ones_are_not_told_of(meta_peers, uri):
    killer = meta_peers.join_alone()
    victim = meta_peers.join()
    registration, subscription = victim.register(uri), victim.subscribe(uri)
    killer.subscribe("wamp.", match="prefix")
    request = killer.call(f"{KILL}_all")
    result, told = hear(killer, request, 4)
    assert [(event[3]["topic"], event[4]) for event in told] == [
        ("wamp.registration.on_unregister", [victim.session_id, registration]),
        ("wamp.registration.on_delete", [victim.session_id, registration]),
        ("wamp.subscription.on_unsubscribe", [victim.session_id, subscription]),
        ("wamp.subscription.on_delete", [victim.session_id, subscription]),
    ]
    assert result[2:] == [{}, [1]]
    killer.expect_silence()


# MSE-09 MSE-18
def test_two_who_kill_each_other(meta_peers):
    for _ in range(10):
        one, two = meta_peers.join_many(2)
        for killer, victim in ((one, two), (two, one)):
            killer.call(KILL, [victim.session_id])
        # Both may have been killed in the end, but not one after it was dead.
        answers = sorted(peer.receive()[0] for peer in (one, two))
        assert answers in ([GOODBYE, RESULT], [GOODBYE, GOODBYE])


# MSE-09
def test_a_session_that_says_goodbye_can_not_be_killed(meta_peers):
    killer, victim = meta_peers.join_many(2)
    victim.send(GOODBYE, {}, "wamp.close.close_realm")
    victim.expect(GOODBYE, {}, "wamp.close.goodbye_and_out")
    request = killer.call(KILL, [victim.session_id])
    killer.expect_error(CALL, request, "wamp.error.no_such_session")


# CAN-08
@pytest.mark.parametrize("mode", ["skip", "kill", "killnowait"])
@pytest.mark.parametrize("procedure", ["wamp.session.count", "wamp.session.list", "wamp.schema.describe"])
def test_a_meta_call_that_is_canceled_is_answered_once(meta_peers, procedure, mode):
    peer = meta_peers.join()
    for _ in range(20):
        request = peer.call(procedure)
        peer.send(CANCEL, request, {"mode": mode})
        answer = peer.receive()
        if answer[0] == ERROR:
            assert answer[1:3] == [CALL, request] and answer[4] == CANCELED
        else:
            assert answer[:3] == [RESULT, request, {}]
    peer.expect_silence()
    # Procedures that are answered elsewhere are answered in turn; what was given up there isn't answered later.
    assert peer.result("wamp.session.list", [[]]) == [[]]
    peer.expect_silence()


# TMO-03
def test_a_meta_call_that_is_timed_out_is_answered_once(meta_peers):
    peer = meta_peers.join()
    for number in range(20):
        request = peer.call("wamp.session.list", timeout=1 + number % 3)
        answer = peer.receive()
        if answer[0] == ERROR:
            assert answer[1:3] == [CALL, request] and answer[4] == "wamp.error.timeout"
        else:
            assert answer[:3] == [RESULT, request, {}]
    assert peer.result("wamp.session.list", [[]], timeout=60_000) == [[]]
    peer.expect_silence()


# SES-16
def test_a_caller_that_leaves_with_meta_calls_running_harms_nobody(meta_peers):
    witness = meta_peers.join_alone()
    peer = meta_peers.join()
    for _ in range(50):
        peer.call("wamp.session.list")
    peer.link.socket.reset()
    while witness.result("wamp.session.count") != [1]:
        pass
    witness.expect_silence()


# IDS-05
def test_many_meta_calls_are_all_answered(meta_peers):
    peer = meta_peers.join()
    procedures = ("wamp.session.count", "wamp.session.list", "wamp.registration.list", "wamp.subscription.list")
    requests = {peer.call(procedures[number % 4]): number % 4 for number in range(100)}
    while requests:
        _, request, _, (result,) = peer.expect(RESULT)
        assert isinstance(result, (int, list, dict, dict)[requests.pop(request)])
    peer.expect_silence()
