"""Calls as messages: who is asked, told, interrupted and answered, and who isn't."""

import time

import pytest
from peer import (
    CALL,
    CANCEL,
    ERROR,
    GOODBYE,
    INTERRUPT,
    INVOCATION,
    REGISTER,
    REGISTERED,
    RESULT,
    UNREGISTER,
    UNREGISTERED,
    YIELD,
    roles_without,
)

CANCELED = "wamp.error.canceled"
UNAVAILABLE = "wamp.error.unavailable"
INVALID_ARGUMENT = "wamp.error.invalid_argument"


class Running:
    """A call on its way: its callee was asked and hasn't answered."""

    def __init__(self, peers, uri, *, callee_without=(), payload=(), **options):
        self.callee = peers.join(roles=roles_without(*callee_without))
        self.caller = peers.join()
        self.callee.register(uri)
        self.request = self.caller.call(uri, *payload, **options)
        _, self.invocation, _, self.details, *_ = self.callee.expect(INVOCATION)

    def cancel(self, **options):
        self.caller.send(CANCEL, self.request, options)

    def answer(self, *payload, **options):
        self.callee.send(YIELD, self.invocation, options, *payload)

    def fail(self, uri):
        self.callee.send(ERROR, INVOCATION, self.invocation, {}, uri)

    def expect_canceled(self):
        self.caller.expect_error(CALL, self.request, CANCELED)

    def expect_interrupt(self) -> dict:
        return self.callee.expect(INTERRUPT, self.invocation)[2]

    def expect_quiet(self):
        """Nothing is left to be said to either side, and both are alive."""
        self.callee.expect_silence()
        self.caller.expect_silence()


# DLR-04 ERR-04
def test_a_session_gives_up_only_what_it_holds(peers, uri):
    owner, other = peers.join_many(2)
    registration = owner.register(uri)
    for wrong in (registration, 4711):
        request = other.request(UNREGISTER, wrong)
        other.expect_error(UNREGISTER, request, "wamp.error.no_such_registration")
    other.call(uri)
    owner.expect(INVOCATION)


# DLR-11 CAN-13
@pytest.mark.parametrize("end", ["goodbye", "reset"])
def test_a_caller_that_leaves_interrupts_its_callee(peers, uri, end):
    running = Running(peers, uri)
    if end == "goodbye":
        running.caller.send(GOODBYE, {}, "wamp.close.close_realm")
    else:
        running.caller.link.socket.reset()
    assert running.expect_interrupt()["mode"] == "killnowait"
    running.answer()
    running.callee.expect_silence()


# DLR-12 DLR-20
def test_a_callee_that_cannot_be_interrupted_isnt(peers, uri):
    running = Running(peers, uri, callee_without=["callee.call_canceling"])
    running.caller.send(GOODBYE, {}, "wamp.close.close_realm")
    running.caller.expect(GOODBYE)
    running.answer()
    running.callee.expect_silence()


# DLR-13 CAN-15
@pytest.mark.parametrize("killed", [False, True])
def test_a_callee_that_leaves_ends_its_calls(peers, uri, killed):
    running = Running(peers, uri)
    if killed:
        running.cancel(mode="kill")
        running.expect_interrupt()
    running.callee.link.socket.reset()
    running.expect_canceled()
    running.caller.expect_silence()


# CAN-02 CAN-05 PVI-08
def test_skip_answers_the_caller_and_leaves_the_callee_alone(peers, uri):
    running = Running(peers, uri)
    running.cancel(mode="skip")
    running.expect_canceled()
    running.callee.expect_silence()
    running.answer(["too late"])
    running.expect_quiet()


# CAN-03
@pytest.mark.parametrize("answer", ["error", "result"])
def test_kill_waits_for_what_the_callee_says(peers, uri, answer):
    running = Running(peers, uri)
    running.cancel(mode="kill")
    assert running.expect_interrupt()["mode"] == "kill"
    running.caller.expect_silence()
    if answer == "error":
        running.fail(CANCELED)
        running.expect_canceled()
    else:
        running.answer(["finished after all"])
        assert running.caller.expect(RESULT, running.request)[3] == ["finished after all"]
    running.expect_quiet()


# CAN-04 CAN-13
def test_killnowait_does_both_at_once(peers, uri):
    running = Running(peers, uri)
    running.cancel(mode="killnowait")
    running.expect_canceled()
    assert running.expect_interrupt() == {"mode": "killnowait", "reason": CANCELED}
    running.fail(CANCELED)
    running.expect_quiet()


# CAN-11
def test_the_default_mode_is_killnowait(peers, uri):
    running = Running(peers, uri)
    running.cancel()
    running.expect_canceled()
    assert running.expect_interrupt()["mode"] == "killnowait"


# CAN-07
@pytest.mark.parametrize("mode", ["skip", "kill", "killnowait"])
def test_a_callee_without_canceling_is_skipped(peers, uri, mode):
    running = Running(peers, uri, callee_without=["callee.call_canceling"])
    running.cancel(mode=mode)
    running.expect_canceled()
    running.answer(["too late"])
    running.expect_quiet()


# CAN-08
def test_canceling_nothing_is_ignored(peers, uri):
    running = Running(peers, uri)
    running.answer()
    running.caller.expect(RESULT, running.request)
    running.cancel(mode="kill")
    running.caller.send(CANCEL, 4711, {"mode": "killnowait"})
    running.expect_quiet()


# CAN-06 CAN-09
def test_nobody_cancels_anothers_call(peers, uri):
    running = Running(peers, uri)
    other = peers.join()
    other.send(CANCEL, running.request, {"mode": "killnowait"})
    other.expect_silence()
    running.answer(["mine"])
    assert running.caller.expect(RESULT, running.request)[3] == ["mine"]


# CAN-10
def test_canceling_again_may_only_escalate(peers, uri):
    running = Running(peers, uri)
    running.cancel(mode="kill")
    running.cancel(mode="kill")
    running.expect_interrupt()
    running.callee.expect_silence()
    running.cancel(mode="killnowait")
    running.expect_canceled()
    running.answer()
    running.caller.expect_silence()


# CAN-12
def test_an_unknown_mode_changes_nothing_for_the_call(peers, uri):
    running = Running(peers, uri)
    running.cancel(mode="x")
    request = running.caller.call(f"{uri}.nobody")
    message = running.caller.receive()
    if message[2] == running.request:
        assert message[4] == INVALID_ARGUMENT
        message = running.caller.receive()
    assert message[:3] == [ERROR, CALL, request]
    running.callee.expect_silence()


# TMO-01 TMO-03 TMO-04 TMO-05 CAN-13 ERR-14
def test_a_timeout_answers_the_caller_and_interrupts_the_callee(peers, uri):
    started = time.monotonic()
    running = Running(peers, uri, timeout=200)
    assert "timeout" not in running.details
    running.caller.expect_error(CALL, running.request, "wamp.error.timeout")
    assert 0.19 <= time.monotonic() - started < 1
    assert running.expect_interrupt() == {"mode": "killnowait", "reason": "wamp.error.timeout"}
    running.answer(["too late"])
    running.expect_quiet()


# TMO-01 TMO-11
def test_a_timeout_of_zero_is_none(peers, uri):
    running = Running(peers, uri, timeout=0)
    running.expect_quiet()
    running.answer()
    running.caller.expect(RESULT, running.request)


# TMO-06
def test_a_callee_that_asked_for_it_keeps_the_time_itself(peers, uri):
    callee, caller = peers.join_many(2)
    callee.register(uri, forward_timeout=True)
    request = caller.call(uri, timeout=100)
    _, invocation, _, details = callee.expect(INVOCATION)
    assert details["timeout"] == 100
    with pytest.raises(TimeoutError):
        caller.receive(0.3)
    callee.send(YIELD, invocation, {})
    caller.expect(RESULT, request)


# TMO-07
def test_a_callee_that_did_not_ask_is_not_told(peers, uri):
    assert "timeout" not in Running(peers, uri, timeout=60_000).details


# TMO-09
def test_a_callees_own_timeout_passes(peers, uri):
    running = Running(peers, uri)
    running.fail("wamp.error.timeout")
    running.caller.expect_error(CALL, running.request, "wamp.error.timeout")


# TMO-14
@pytest.mark.parametrize("timeout", [-1, 1.5, "100", True])
def test_a_timeout_is_a_natural_number(peers, uri, timeout):
    peer = peers.join()
    peer.register(uri)
    request = peer.call(uri, timeout=timeout)
    peer.expect_error(CALL, request, INVALID_ARGUMENT)
    peer.expect_silence()


# PCR-01
@pytest.mark.parametrize(
    ("lacking", "told"),
    [([], True), (["progressive_call_results"], False), (["call_canceling"], False)],
    ids=["both", "no progress", "no canceling"],
)
def test_progress_is_asked_of_callees_that_can_be_stopped(peers, uri, lacking, told):
    running = Running(peers, uri, callee_without=[f"callee.{name}" for name in lacking], receive_progress=True)
    assert running.details.get("receive_progress", False) is told


# PCR-02 PCR-03 PCR-04 PCR-07
def test_progress_is_passed_on_until_the_final_result(peers, uri):
    running = Running(peers, uri, receive_progress=True)
    for payload in ([], [["a", 1]], [[], {"k": 2}]):
        running.answer(*payload, progress=True)
        assert running.caller.expect(RESULT, running.request)[2:] == [{"progress": True}, *payload]
    running.answer(["done"])
    result = running.caller.expect(RESULT, running.request)
    assert not result[2].get("progress") and result[3] == ["done"]
    running.answer(["more"], progress=True)
    running.expect_quiet()


# PCR-08
def test_progress_that_nobody_asked_for_is_dropped(peers, uri):
    running = Running(peers, uri)
    running.answer(["half"], progress=True)
    running.answer(["whole"])
    result = running.caller.expect(RESULT, running.request)
    assert (result[2], result[3]) == ({}, ["whole"])


# PCR-11
def test_a_timeout_counts_from_result_to_result(peers, uri):
    running = Running(peers, uri, receive_progress=True, timeout=400)
    for number in range(5):
        time.sleep(0.2)
        running.answer([number], progress=True)
        assert running.caller.expect(RESULT, running.request)[3] == [number]
    running.caller.expect_error(CALL, running.request, "wamp.error.timeout")


# PCI-01 PCI-02 PCI-07 PCI-18 IDS-09
def test_a_call_may_come_in_pieces(peers, uri):
    callee, caller = peers.join_many(2)
    callee.register(uri)
    request = caller.next_request()
    invocations = []
    for number in range(4):
        caller.send(CALL, request, {"progress": number < 3, "receive_progress": True}, uri, [number])
        invocation = callee.expect(INVOCATION)
        invocations.append(invocation[1])
        assert invocation[3].get("progress", False) is (number < 3)
        assert invocation[4] == [number]
        callee.send(YIELD, invocation[1], {"progress": number < 3}, [number])
        assert caller.expect(RESULT, request)[3] == [number]
    assert len(set(invocations)) == 1
    caller.publish(uri)


# PCI-03 PVI-14
def test_a_piecewise_call_that_was_not_announced_is_a_violation(peers, uri):
    peer = peers.join(roles=roles_without("caller.progressive_call_invocations"))
    peer.call(uri, progress=True)
    peer.expect_abort()


# PCI-05 ERR-18
@pytest.mark.parametrize("lacking", ["progressive_call_invocations", "call_canceling"])
def test_a_callee_that_cannot_take_pieces_is_not_asked(peers, uri, lacking):
    callee, caller = peers.join(roles=roles_without(f"callee.{lacking}")), peers.join()
    callee.register(uri)
    request = caller.call(uri, progress=True)
    caller.expect_error(CALL, request, "wamp.error.feature_not_supported")
    callee.expect_silence()


# PCI-08
def test_all_pieces_go_to_one_callee(peers, uri):
    one, two, caller = peers.join_many(3)
    for callee in (one, two):
        callee.register(uri, invoke="roundrobin")
    request = caller.next_request()
    for number in range(5):
        caller.send(CALL, request, {"progress": number < 4}, uri, [number])
    assert [one.expect(INVOCATION)[4] for _ in range(5)] == [[number] for number in range(5)]
    two.expect_silence()


# PCI-11
def test_a_piece_for_a_call_that_is_over_is_discarded(peers, uri):
    running = Running(peers, uri, progress=True)
    running.fail("com.example.enough")
    running.caller.expect_error(CALL, running.request, "com.example.enough")
    running.caller.send(CALL, running.request, {"progress": True}, uri, ["more"])
    running.caller.send(CALL, running.request, {}, uri, ["last"])
    running.expect_quiet()


# PCI-13
def test_repeating_the_id_of_a_plain_call_is_a_violation(peers, uri):
    running = Running(peers, uri)
    running.caller.send(CALL, running.request, {}, uri)
    running.caller.expect_abort()


# PCI-16 PCI-17
def test_the_first_piece_decides_the_options(peers, uri):
    callee, caller = peers.join_many(2)
    callee.register(uri)
    request = caller.call(uri, progress=True, disclose_me=True)
    assert callee.expect(INVOCATION)[3]["caller"] == caller.session_id
    late = {"progress": True, "receive_progress": True, "timeout": 50, "ppt_scheme": "x_my"}
    caller.send(CALL, request, late, uri)
    details = callee.expect(INVOCATION)[3]
    assert details["caller"] == caller.session_id and details["progress"] is True
    assert not {"receive_progress", "timeout", "ppt_scheme"} & set(details)
    time.sleep(0.15)
    caller.expect_silence()


# PCI-09 PCI-19
def test_a_piecewise_call_may_be_cancelled(peers, uri):
    running = Running(peers, uri, progress=True)
    running.cancel(mode="killnowait")
    running.expect_canceled()
    running.expect_interrupt()
    running.caller.send(CALL, running.request, {"progress": True}, uri, ["more"])
    running.expect_quiet()


# PCI-10
def test_a_piecewise_call_ends_when_its_callee_is_lost(peers, uri):
    running = Running(peers, uri, progress=True)
    running.callee.link.socket.reset()
    running.expect_canceled()


# RER-01 RER-03 ERR-17
@pytest.mark.parametrize(("policy", "order"), [("roundrobin", [0, 1, 2]), ("first", [0, 1, 2]), ("last", [2, 1, 0])])
def test_an_unavailable_callee_passes_the_call_on(peers, uri, policy, order):
    *callees, caller = peers.join_many(4)
    for callee in callees:
        callee.register(uri, invoke=policy)
    request = caller.call(uri, ["work"])
    for number in order[:2]:
        invocation = callees[number].expect(INVOCATION)
        assert invocation[4] == ["work"]
        callees[number].send(ERROR, INVOCATION, invocation[1], {}, UNAVAILABLE)
    _, invocation, *_ = callees[order[2]].expect(INVOCATION)
    callees[order[2]].send(YIELD, invocation, {}, ["done"])
    assert caller.expect(RESULT, request)[3] == ["done"]


# RER-02 RER-04 ERR-17
@pytest.mark.parametrize(("policy", "count"), [("single", 1), ("roundrobin", 3), ("random", 3)])
def test_when_all_are_unavailable_the_caller_is_told(peers, uri, policy, count):
    *callees, caller = peers.join_many(count + 1)
    for callee in callees:
        callee.register(uri, invoke=policy)
    request = caller.call(uri)
    waiting = list(callees)
    while waiting:
        # Whose turn it is shows in who has been asked.
        for callee in list(waiting):
            try:
                message = callee.receive(0.2)
            except TimeoutError:
                continue
            callee.send(ERROR, INVOCATION, message[1], {}, UNAVAILABLE)
            waiting.remove(callee)
    caller.expect_error(CALL, request, "wamp.error.no_available_callee")
    for peer in (*callees, caller):
        peer.expect_silence()


# RER-05
def test_unavailable_passes_from_a_callee_that_does_not_reroute(peers, uri):
    running = Running(peers, uri, callee_without=["callee.call_reroute"])
    running.fail(UNAVAILABLE)
    running.caller.expect_error(CALL, running.request, UNAVAILABLE)


# CID-01 CID-02 CID-06
def test_a_caller_is_disclosed_when_it_asks(peers, uri):
    running = Running(peers, uri, disclose_me=True)
    assert running.details == {
        "caller": running.caller.session_id,
        "caller_authid": running.caller.details["authid"],
        "caller_authrole": "anonymous",
    }
    assert Running(peers, f"{uri}.b").details == {}


# CID-04
def test_a_callee_may_ask_to_know_its_callers(peers, uri):
    callee, caller = peers.join_many(2)
    callee.register(uri, disclose_caller=True)
    caller.call(uri)
    assert callee.expect(INVOCATION)[3]["caller"] == caller.session_id


# PBR-07
@pytest.mark.parametrize(
    ("called", "number"),
    [
        ("a1.b2.c3.d4.e55", 0),
        ("a1.b2.c3.d98.e74", 1),
        ("a1.b2.c3.d4325", 2),
        ("a1.b2.c55.d4.e5", 3),
        ("a1.b2.c33.d4.e5", 4),
        ("a1.b2.c88.d4.e5.f6.g7", 5),
    ],
)
def test_the_specifications_examples_of_precedence(raw_peers, uri, called, number):
    callee, caller = raw_peers.join_many(2)
    exact_and_prefixes = [("a1.b2.c3.d4.e55", "exact"), ("a1.b2.c3", "prefix"), ("a1.b2.c3.d4", "prefix")]
    wildcards = [("a1.b2..d4.e5", "wildcard"), ("a1.b2.c33..e5", "wildcard"), ("a1.b2..d4.e5..g7", "wildcard")]
    # The examples are one list in the text, but there "a1.b2.c3", a prefix of the string as it is, would win over
    # the fifth. They hold where the wildcards are among themselves.
    ids = {}
    for index, (procedure, match) in enumerate(exact_and_prefixes + wildcards):
        if number < 3 or match == "wildcard":
            ids[index] = callee.register(f"{uri}.{procedure}", match=match)
    caller.call(f"{uri}.{called}")
    assert callee.expect(INVOCATION)[2] == ids[number]


# PBR-08
def test_no_match_is_no_procedure(raw_peers, uri):
    callee, caller = raw_peers.join_many(2)
    callee.register(f"{uri}.a..c", match="wildcard")
    request = caller.call(f"{uri}.a2.b.c")
    caller.expect_error(CALL, request, "wamp.error.no_such_procedure")


# SHR-09
def test_registering_a_shared_procedure_twice_makes_one_callee(peers, uri):
    callee, caller = peers.join_many(2)
    registration = callee.register(uri, invoke="roundrobin")
    assert callee.register(uri, invoke="roundrobin") == registration
    request = callee.request(UNREGISTER, registration)
    callee.expect(UNREGISTERED, request)
    request = caller.call(uri)
    caller.expect_error(CALL, request, "wamp.error.no_such_procedure")


# SHR-11 ERR-06
@pytest.mark.parametrize("options", [{"invoke": "x"}, {"invoke": 5}, {"match": "x"}], ids=repr)
def test_an_unknown_policy_is_refused(peers, uri, options):
    peer = peers.join()
    request = peer.request(REGISTER, options, uri)
    peer.expect_error(REGISTER, request, INVALID_ARGUMENT)


# SHR-13 REV-04
def test_force_reregister_tells_the_one_it_replaces(peers, uri):
    old, new, caller = peers.join_many(3)
    registration = old.register(uri)
    new.register(uri, force_reregister=True)
    revoked = old.expect(UNREGISTERED, 0)
    assert revoked[2]["registration"] == registration
    caller.call(uri)
    new.expect(INVOCATION)


# REV-05
def test_a_replaced_callee_that_does_not_know_revocation_is_not_told(peers, uri):
    old, new, caller = peers.join(roles=roles_without("callee.registration_revocation")), peers.join(), peers.join()
    old.register(uri)
    new.register(uri, force_reregister=True)
    caller.call(uri)
    new.expect(INVOCATION)
    old.expect_silence()


# REV-08
def test_a_running_invocation_survives_a_revocation(peers, uri):
    running = Running(peers, uri)
    peers.join().register(uri, force_reregister=True)
    running.callee.expect(UNREGISTERED, 0)
    running.answer(["late"])
    assert running.caller.expect(RESULT, running.request)[3] == ["late"]


# PPT-02 PVI-14
def test_passthru_of_a_caller_that_did_not_announce_it_is_a_violation(peers, uri):
    peer = peers.join(roles=roles_without("caller.payload_passthru_mode"))
    peer.call(uri, ["x"], ppt_scheme="x_my")
    peer.expect_abort()


# PPT-04
def test_passthru_of_a_callee_that_did_not_announce_it_is_a_violation(peers, uri):
    callee, caller = peers.join(roles=roles_without("callee.payload_passthru_mode")), peers.join()
    callee.register(uri)
    request = caller.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {"ppt_scheme": "x_my"}, ["x"])
    callee.expect_abort()
    caller.expect(ERROR, CALL, request)


# PPT-06 ERR-18
def test_a_callee_without_passthru_is_not_asked(peers, uri):
    callee, caller = peers.join(roles=roles_without("callee.payload_passthru_mode")), peers.join()
    callee.register(uri)
    request = caller.call(uri, ["x"], ppt_scheme="x_my")
    caller.expect_error(CALL, request, "wamp.error.feature_not_supported")
    callee.expect_silence()


# PPT-07 ERR-18
def test_a_caller_without_passthru_gets_an_error_and_so_does_the_callee(peers, uri):
    callee, caller = peers.join(), peers.join(roles=roles_without("caller.payload_passthru_mode"))
    callee.register(uri)
    request = caller.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {"ppt_scheme": "x_my"}, ["x"])
    callee.expect_error(YIELD, invocation, "wamp.error.feature_not_supported")
    caller.expect_error(CALL, request, "wamp.error.feature_not_supported")


# PPT-09 PPT-11 PPT-12 PPT-13 PPT-14
def test_passthru_attributes_go_both_ways_of_a_call(peers, uri):
    callee, caller = peers.join(), peers.over("rawsocket", "msgpack").join()
    callee.register(uri)
    there = {"ppt_scheme": "x_my", "ppt_serializer": "cbor", "ppt_cipher": "c", "ppt_keyid": "k"}
    octets = bytes(range(256)) * 40
    request = caller.call(uri, [octets], receive_progress=True, **there)
    _, invocation, _, details, args = callee.expect(INVOCATION)
    assert {name: details[name] for name in there} == there
    back = {**there, "ppt_keyid": "other"}
    callee.send(YIELD, invocation, {"progress": True, **back}, args)
    _, _, details, args = caller.expect(RESULT, request)
    assert details == {"progress": True, **back} and args == [octets]
    callee.send(ERROR, INVOCATION, invocation, back, "com.example.error", args if peers.serializer != "json" else ["\u0000AA=="])
    error = caller.expect(ERROR, CALL, request)
    assert {name: error[3][name] for name in back} == back
    assert error[5] == ([octets] if peers.serializer != "json" else [b"\x00"])


# ORD-05
def test_registered_precedes_the_first_invocation(raw_peers, uri):
    callee, caller = raw_peers.join_many(2)
    for _ in range(50):
        for _ in range(5):
            caller.call(uri)
        request = callee.request(REGISTER, {}, uri)
        _, _, registration = callee.expect(REGISTERED, request)
        for _ in range(5):
            caller.call(uri)
        request = callee.request(UNREGISTER, registration)
        while (message := callee.receive())[0] == INVOCATION:
            callee.send(YIELD, message[1], {})
        assert message == [UNREGISTERED, request]
        for _ in range(10):
            assert caller.receive()[0] in (RESULT, ERROR)


# DLR-18
def test_a_slow_caller_does_not_block_the_callees_others(raw_peers, uri):
    callee, slow, quick = raw_peers.join_many(3)
    callee.register(uri)
    # More results than any socket buffer takes, for a caller that reads none of them.
    for _ in range(100):
        slow.call(uri)
        _, invocation, *_ = callee.expect(INVOCATION)
        callee.send(YIELD, invocation, {}, ["x" * 100_000])
    started = time.monotonic()
    request = quick.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {})
    quick.expect(RESULT, request)
    assert time.monotonic() - started < 1


# ROB-09 ROB-10
def test_every_call_ends_when_its_callee_dies(raw_peers, uri):
    caller = raw_peers.join()
    for _ in range(20):
        callee = raw_peers.join()
        callee.register(uri)
        requests = {caller.call(uri) for _ in range(20)}
        callee.expect(INVOCATION)
        callee.link.socket.reset()
        while requests:
            message = caller.expect(ERROR, CALL)
            assert message[4] in (CANCELED, "wamp.error.no_such_procedure")
            requests.remove(message[2])
        # The next round may register only when the router has noticed.
        while True:
            request = caller.call(uri)
            if caller.expect(ERROR, CALL, request)[4] == "wamp.error.no_such_procedure":
                break
