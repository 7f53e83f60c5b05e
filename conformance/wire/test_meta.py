"""The meta API as messages: what is in them, and what isn't."""

import struct

import pytest
from peer import (
    CALL,
    ERROR,
    EVENT,
    GOODBYE,
    INVOCATION,
    LINKS,
    REGISTER,
    REGISTERED,
    RESULT,
    UNREGISTERED,
    UNSUBSCRIBED,
    YIELD,
    roles_without,
)

NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"
INVALID_ARGUMENT = "wamp.error.invalid_argument"

BY_MATCH = {"exact": [], "prefix": [], "wildcard": []}


# FEA-05 MSB-13 TST-07 HIS-01 REF-03
def test_welcome_says_that_there_is_a_meta_api(meta_peers):
    def announced(realm):
        roles = meta_peers.join(realm=realm).details["roles"]
        broker, dealer = roles["broker"], roles["dealer"]
        # Reflection is announced beside the features.
        assert broker.get("reflection") is dealer.get("reflection") is (None if realm == "silent" else True)
        of_meta_api = ("_meta_api", "event_history")
        return [sorted(name for name in role["features"] if name.endswith(of_meta_api)) for role in (broker, dealer)]

    broker = ["session_meta_api", "subscription_meta_api"]
    dealer = ["registration_meta_api", "session_meta_api", "testament_meta_api"]
    assert announced("meta") == [broker, dealer]
    assert announced("history") == [["event_history", *broker], dealer]
    assert announced("silent") == [[], []]


# MSE-05 MRG-05 MRG-06 MSB-07 DLR-21
def test_a_result_holds_one_value_or_nothing(meta_peers, uri):
    peer = meta_peers.join_alone()
    for procedure, args, result in (
        ("wamp.session.count", [], [1]),
        ("wamp.session.list", [], [[peer.session_id]]),
        ("wamp.session.list", [[]], [[]]),
        ("wamp.session.kill_by_authid", ["nobody"], [[]]),
        ("wamp.session.kill_by_authrole", ["nobody"], [0]),
        ("wamp.session.kill_all", [], [0]),
        ("wamp.registration.list", [], [BY_MATCH]),
        ("wamp.registration.lookup", [uri], [None]),
        ("wamp.registration.match", [uri], [None]),
        ("wamp.subscription.list", [], [BY_MATCH]),
        ("wamp.subscription.lookup", [uri], [None]),
        ("wamp.subscription.match", [uri], [None]),
        ("wamp.schema.define", [uri, None], [None]),
        ("wamp.schema.describe", [uri], [None]),
        ("wamp.schema.describe", [], [{}]),
        ("wamp.reflection.topic.list", [], [[]]),
        ("wamp.reflection.topic.describe", [uri], [None]),
    ):
        request = peer.call(procedure, args)
        assert peer.receive() == [RESULT, request, {}, result], procedure
    victim = meta_peers.join()
    for procedure, args in (
        ("wamp.session.kill", [victim.session_id]),
        ("wamp.session.modify_details", [peer.session_id, {}]),
        ("wamp.session.add_testament", [uri]),
        ("wamp.session.flush_testaments", []),
    ):
        request = peer.call(procedure, args)
        assert peer.receive() == [RESULT, request, {}], procedure


# MSE-07 MSE-09 MSE-14 ERR-19 ERR-21
def test_an_error_holds_a_sentence(meta_peers):
    peer = meta_peers.join()
    for procedure, args, uri in (
        ("wamp.session.get", [1], "wamp.error.no_such_session"),
        ("wamp.session.kill", [peer.session_id], "wamp.error.no_such_session"),
        ("wamp.session.kill_all", [""], "wamp.error.invalid_uri"),
        ("wamp.session.get", ["x"], INVALID_ARGUMENT),
        ("wamp.registration.get", [1], "wamp.error.no_such_registration"),
        ("wamp.subscription.get", [1], "wamp.error.no_such_subscription"),
        ("wamp.session.add_testament", ["wamp.mine"], "wamp.error.invalid_uri"),
    ):
        request = peer.call(procedure, args)
        message = peer.receive()
        assert message[:5] == [ERROR, CALL, request, {}, uri], message
        (sentence,) = message[5]
        assert isinstance(sentence, str) and sentence and len(message) == 6


# MRG-06 MRG-07 MSB-06
def test_keyword_arguments_that_clients_keep_for_themselves_are_taken(meta_peers, uri):
    peer = meta_peers.join()
    registration = peer.register(f"{uri}.", match="prefix")
    subscription = peer.subscribe(f"{uri}.", match="prefix")
    prefix = {"match": "prefix"}
    for procedure, kwargs, result in (
        ("wamp.registration.lookup", {"procedure": f"{uri}.", "options": prefix}, registration),
        ("wamp.registration.lookup", {"procedure": f"{uri}."}, None),
        ("wamp.registration.match", {"procedure": f"{uri}.a"}, registration),
        ("wamp.subscription.lookup", {"topic": f"{uri}.", "options": prefix}, subscription),
        ("wamp.subscription.match", {"topic": f"{uri}.a"}, [subscription]),
    ):
        assert peer.result(procedure, [], kwargs) == [result]


# MSE-01 MSE-02 MSE-04
def test_a_meta_event_is_an_event_of_the_routers_own_session(meta_peers):
    watcher = meta_peers.join_alone()
    joins = watcher.subscribe("wamp.session.on_join")
    pattern = watcher.subscribe("wamp.session.on_le", match="prefix")
    peer = meta_peers.join()
    _, subscription, publication, details, args = watcher.expect(EVENT)
    assert subscription == joins and 1 <= publication <= 2**53
    assert sorted(details) == ["publisher", "publisher_authid", "publisher_authrole"]
    assert details["publisher_authrole"] == "trusted"
    request = watcher.call("wamp.session.get", [details["publisher"]])
    watcher.expect_error(CALL, request, "wamp.error.no_such_session")
    assert [args[0]["session"], args[0]["authid"]] == [peer.session_id, peer.details["authid"]] and len(args) == 1
    peer.link.socket.reset()
    _, subscription, _, left, args = watcher.expect(EVENT)
    assert (subscription, args) == (pattern, [peer.session_id, peer.details["authid"], "anonymous"])
    assert left == {**details, "topic": "wamp.session.on_leave"}


# MRG-01 MRG-02 MRG-03 MRG-04 MSB-01 MSB-02 MSB-03 MSB-04 MSE-02 TST-11
@pytest.mark.parametrize("end", ["goodbye", "reset", "abort", "kill"])
def test_the_end_of_a_session_is_told_in_order(meta_peers, uri, end):
    watcher = meta_peers.join_alone()
    killer = meta_peers.join()
    peer = meta_peers.join()
    registrations = [peer.register(f"{uri}.{name}") for name in "ab"]
    subscriptions = [peer.subscribe(f"{uri}.{name}") for name in "cd"]
    peer.result("wamp.session.add_testament", [uri, ["testament"]])
    watcher.subscribe(uri)
    watcher.subscribe("wamp.", match="prefix")
    if end == "goodbye":
        peer.send(GOODBYE, {}, "wamp.close.close_realm")
    elif end == "reset":
        peer.link.socket.reset()
    elif end == "abort":
        peer.send(99)
    else:
        killer.result("wamp.session.kill", [peer.session_id])
    testament = watcher.expect(EVENT)
    assert testament[4] == ["testament"]
    told = [watcher.expect(EVENT) for _ in range(9)]
    told = [(event[3]["topic"].removeprefix("wamp."), event[4]) for event in told]
    session = peer.session_id
    assert told[8] == ("session.on_leave", [session, peer.details["authid"], "anonymous"])
    for ends, api, last, ids in (
        (told[:4], "registration", "on_unregister", registrations),
        (told[4:8], "subscription", "on_unsubscribe", subscriptions),
    ):
        for number in ids:
            whats = [what for what, args in ends if args == [session, number]]
            assert whats == [f"{api}.{last}", f"{api}.on_delete"]
    watcher.expect_silence()


# MRG-02 MSB-02
def test_what_comes_to_be_is_told_in_order(meta_peers, uri):
    watcher, peer = meta_peers.join_many(2)
    watcher.subscribe("wamp.registration.", match="prefix")
    watcher.subscribe("wamp.subscription.", match="prefix")
    registration = peer.register(uri)
    subscription = peer.subscribe(uri)
    told = [watcher.expect(EVENT) for _ in range(4)]
    assert [event[3]["topic"] for event in told] == [
        "wamp.registration.on_create",
        "wamp.registration.on_register",
        "wamp.subscription.on_create",
        "wamp.subscription.on_subscribe",
    ]
    created = told[0][4][1].pop("created")
    assert told[0][4] == [
        peer.session_id,
        {"id": registration, "uri": uri, "match": "exact", "invoke": "single"},
    ]
    assert created.endswith("Z") and "T" in created
    assert told[1][4] == [peer.session_id, registration]
    told[2][4][1].pop("created")
    assert told[2][4] == [peer.session_id, {"id": subscription, "uri": uri, "match": "exact"}]
    assert told[3][4] == [peer.session_id, subscription]


# REV-01 REV-02 REV-04 REV-05
@pytest.mark.parametrize("reason", [None, "com.example.overloaded"])
def test_a_revocation_is_told_to_those_who_understand_it(meta_peers, uri, reason):
    admin, peer = meta_peers.join_many(2)
    deaf = meta_peers.join(roles=roles_without("subscriber.subscription_revocation", "callee.registration_revocation"))
    more = {"reason": reason} if reason else {}
    for client in (peer, deaf):
        subscription = client.subscribe(uri)
        registration = client.register(uri)
        assert admin.result("wamp.subscription.remove_subscriber", [subscription, client.session_id], more) == []
        assert admin.result("wamp.registration.remove_callee", [registration, client.session_id], more) == []
        if client is peer:
            assert client.receive() == [UNSUBSCRIBED, 0, {"subscription": subscription, **more}]
            assert client.receive() == [UNREGISTERED, 0, {"registration": registration, **more}]
        admin.publish(uri, ["nobody gets this"])
        request = admin.call(uri)
        admin.expect_error(CALL, request, NO_SUCH_PROCEDURE)
        client.expect_silence()


# REF-06 URI-06
@pytest.mark.parametrize(
    "procedure",
    ["wamp", "wamp.", "wamp.session", "wamp.session.counts", "wamp.interface.list", "wamp.subscription.on_create"],
)
def test_what_is_not_there_is_no_procedure(meta_peers, procedure):
    peer = meta_peers.join()
    request = peer.call(procedure, [1])
    expected = "wamp.error.invalid_uri" if procedure.endswith(".") else NO_SUCH_PROCEDURE
    peer.expect_error(CALL, request, expected)


# URI-12
def test_a_pattern_does_not_come_between_a_caller_and_the_meta_api(meta_peers, uri):
    thief, caller = meta_peers.join_many(2)
    for match, pattern in (("prefix", ""), ("prefix", "w"), ("wildcard", "..count"), ("wildcard", ".session.count")):
        request = thief.request(REGISTER, {"match": match}, pattern)
        answer = thief.receive()
        assert answer[0] in (REGISTERED, ERROR) and request in answer
    assert caller.result("wamp.session.count", [["nobody"]]) == [0]
    for procedure in ("wamp.session.none", "wamp.x.count"):
        request = caller.call(procedure)
        caller.expect_error(CALL, request, NO_SUCH_PROCEDURE)
    # It is asked for all but that.
    caller.call(uri)
    assert thief.expect(INVOCATION)[3]["procedure"] == uri


# ERR-18
def test_a_meta_procedure_takes_one_readable_call(meta_peers):
    peer = meta_peers.join()
    for options in ({"progress": True}, {"ppt_scheme": "x_custom"}):
        request = peer.call("wamp.session.count", [["nobody"]], **options)
        peer.expect_error(CALL, request, "wamp.error.feature_not_supported")
    for options in ({"receive_progress": True}, {"disclose_me": True}, {"timeout": 60_000}, {"x_own": 1}):
        request = peer.call("wamp.session.count", [["nobody"]], **options)
        assert peer.receive() == [RESULT, request, {}, [0]]


# MRG-09
def test_callees_are_listed_in_the_order_in_which_they_are_asked(meta_peers, uri):
    caller, *callees = meta_peers.join_many(4)
    registration = [callee.register(uri, invoke="roundrobin") for callee in callees][0]
    (listed,) = caller.result("wamp.registration.list_callees", [registration])
    assert listed == [callee.session_id for callee in callees]
    for session in listed:
        request = caller.call(uri)
        callee = next(callee for callee in callees if callee.session_id == session)
        _, invocation, *_ = callee.expect(INVOCATION)
        callee.send(YIELD, invocation, {}, [session])
        assert caller.expect(RESULT, request)[3] == [session]


# MSE-16
def test_the_details_of_a_session_keep_its_secrets(peers_in):
    peers = peers_in("meta", "websocket", "json")
    secrets = ("c00kie-value", "t0ken-value", "pr0xy-value")
    headers = (
        f"Cookie: session={secrets[0]}\r\nAuthorization: Bearer {secrets[1]}\r\n"
        f"Proxy-Authorization: Basic {secrets[2]}\r\nX-Plain: visible-value\r\n"
    )
    watcher = peers.join()
    watcher.subscribe("wamp.session.on_join")
    peer = peers.connect(headers=headers).join("meta")
    event = watcher.expect(EVENT)
    (details,) = watcher.result("wamp.session.get", [peer.session_id])
    assert event[4] == [details]
    shown = repr(details)
    assert "visible-value" in shown
    for secret in secrets:
        assert secret not in shown


# IDS-01
@pytest.mark.parametrize(("transport", "serializer"), [*LINKS, ("rawsocket", "ubjson")])
def test_ids_are_integers_in_every_serialization(peers_in, transport, serializer):
    peer = peers_in("meta", transport, serializer).join()
    session = peer.session_id
    encoded = {
        "json": str(session).encode(),
        "msgpack": b"\xcf" + session.to_bytes(8, "big"),
        "cbor": b"\x1b" + session.to_bytes(8, "big"),
        "ubjson": b"M" + session.to_bytes(8, "little"),
    }[serializer]
    for procedure, args in (("wamp.session.get", [session]), ("wamp.session.list", [["anonymous"]])):
        request = peer.call(procedure, args)
        octets = peer.link.receive()
        assert peer.decode(octets)[:3] == [RESULT, request, {}]
        # Ids are random: one below 2^32, which would be written shorter, comes once in a million sessions.
        assert session < 2**32 or encoded in octets


# MSE-07
@pytest.mark.parametrize(
    ("serializer", "float64"), [("json", None), ("msgpack", b"\xcb"), ("cbor", b"\xfb"), ("ubjson", b"D")]
)
def test_an_id_may_come_as_a_float(peers_in, serializer, float64):
    peers = peers_in("meta", "rawsocket", serializer)
    peer = peers.join()
    if float64 is None:
        for text in (f"{peer.session_id}.0", f"{peer.session_id}e0"):
            request = peer.next_request()
            peer.link.send(f'[48,{request},{{}},"wamp.session.get",[{text}]]'.encode())
            assert peer.expect(RESULT, request)[3][0]["session"] == peer.session_id
        return
    request = peer.next_request()
    octets = peer.encode([CALL, request, {}, "wamp.session.get", [float(peer.session_id)]])
    order = "<d" if serializer == "ubjson" else ">d"
    assert float64 + struct.pack(order, peer.session_id) in octets
    peer.link.send(octets)
    assert peer.expect(RESULT, request)[3][0]["session"] == peer.session_id


# MSE-17
def test_there_is_an_end_to_what_is_added_to_the_details_of_a_session(meta_peers):
    peer = meta_peers.join()
    (before,) = peer.result("wamp.session.get", [peer.session_id])
    for changes in ({"x_large": "x" * (1 << 17)}, {f"x_{number}": "x" * 60 for number in range(2000)}):
        request = peer.call("wamp.session.modify_details", [peer.session_id, changes])
        peer.expect_error(CALL, request, "wamp.error.unavailable")
    assert peer.result("wamp.session.get", [peer.session_id]) == [before]
