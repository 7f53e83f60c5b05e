"""Event history and declared payloads as messages, and what of them is left after a restart."""

import pytest
from node import ANSWER_LIMIT, MIXED_LIMIT, ConfiguredRouter, transport
from peer import CALL, ERROR, EVENT, INVOCATION, PUBLISH, RESULT, YIELD
from peers import Peers

GET_EVENTS = "wamp.subscription.get_events"
LOOKUP = "wamp.subscription.lookup"
INVALID_PAYLOAD = "wamp.error.invalid_payload"
PROCEDURE = "com.example.typed.procedure"


# HIS-02 HIS-03 HIS-12
def test_the_events_of_a_history_are_the_results(peers_in, topic):
    peers = peers_in("history", "rawsocket", "json")
    peer = peers.join()
    (subscription,) = peer.result("wamp.subscription.lookup", [topic])
    request = peer.call("wamp.subscription.get_events", [subscription])
    assert peer.receive() in ([RESULT, request, {}], [RESULT, request, {}, []])
    ids = [peer.publish(topic), peer.publish(topic, [1]), peer.publish(topic, [], {"a": 2})]
    request = peer.call("wamp.subscription.get_events", [subscription])
    message = peer.expect(RESULT, request, {})
    assert len(message) == 4
    for event in message[3]:
        assert event.pop("timestamp").endswith("Z")
    common = {"subscription": subscription, "details": {}}
    assert message[3] == [
        {**common, "publication": ids[0]},
        {**common, "publication": ids[1], "args": [1]},
        {**common, "publication": ids[2], "args": [], "kwargs": {"a": 2}},
    ]


# HIS-05 HIS-21
def test_an_answer_that_the_router_cut_off_says_so(peers_in):
    peer = peers_in("history", "websocket", "cbor").join()
    mixed = "com.example.mixed."
    (subscription,) = peer.result(LOOKUP, [mixed], {"match": "prefix"})
    for number in range(MIXED_LIMIT):
        peer.publish(f"{mixed}open", [number])
    for args, kwargs in (([], {}), ([ANSWER_LIMIT + 1], {}), ([], {"limit": 2**53})):
        request = peer.call(GET_EVENTS, [subscription, *args], kwargs)
        message = peer.expect(RESULT, request, {})
        assert len(message[3]) == ANSWER_LIMIT and message[4:] == [{"is_limit_reached": True}]
    # Where it is the caller who said how many, there is nothing to say.
    request = peer.call(GET_EVENTS, [subscription, ANSWER_LIMIT])
    message = peer.expect(RESULT, request, {})
    assert len(message) == 4 and len(message[3]) == ANSWER_LIMIT
    read, where = [], {}
    while page := peer.result(GET_EVENTS, [subscription, 7], where):
        read += [event["args"][0] for event in page]
        where = {"after_publication": page[-1]["publication"]}
    assert read == list(range(MIXED_LIMIT))


# HIS-22
def test_a_publisher_that_was_disclosed_is_told(peers_in, topic):
    peers = peers_in("history", "rawsocket", "msgpack")
    publisher, reader = peers.join_many(2)
    live = reader.subscribe(topic)
    (subscription,) = reader.result(LOOKUP, [topic])
    assert subscription == live
    publisher.publish(topic, ["open"], disclose_me=True, exclude_authrole=["nobody"])
    publisher.publish(topic, ["hidden"])
    received = [reader.expect(EVENT), reader.expect(EVENT)]
    stored = reader.result(GET_EVENTS, [subscription])
    for event, message in zip(stored, received):
        assert [event["subscription"], event["publication"], event["details"], event["args"]] == message[1:]
    assert stored[0]["details"] == {
        "publisher": publisher.session_id,
        "publisher_authid": publisher.details["authid"],
        "publisher_authrole": "anonymous",
    }
    assert stored[1]["details"] == {}


# HIS-22
def test_crossbars_keys_name_a_publisher_that_was_disclosed(peers_in, topic):
    peers = peers_in("crossbar", "rawsocket", "cbor")
    publisher, reader = peers.join_many(2)
    publisher.publish(topic, disclose_me=True)
    publisher.publish(topic)
    (subscription,) = reader.result(LOOKUP, [topic])
    ((hidden, open_),) = reader.result(GET_EVENTS, [subscription])
    keys = ("session_id", "authid", "authrole")
    assert [open_[key] for key in keys] == [publisher.session_id, publisher.details["authid"], "anonymous"]
    assert [hidden[key] for key in keys] == [None, None, None]
    assert (open_["args"], open_["kwargs"]) == (None, None)


# HIS-14 HIS-15
def test_lists_of_sessions_keep_an_event_out_of_the_history(peers_in, topic):
    peers = peers_in("history", "rawsocket", "json")
    publisher, reader = peers.join_many(2)
    reader.subscribe(topic)
    (subscription,) = reader.result(LOOKUP, [topic])
    for options in ({"eligible": [reader.session_id]}, {"exclude": [1]}):
        publisher.publish(topic, ["live only"], **options)
        assert reader.expect(EVENT)[4] == ["live only"]
    publisher.publish(topic, ["kept"])
    assert reader.expect(EVENT)[4] == ["kept"]
    assert [event["args"] for event in reader.result(GET_EVENTS, [subscription])] == [["kept"]]


# REF-05 AZN-12
@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor", "ubjson"])
def test_a_payload_that_is_not_as_declared_is_an_error(peers_in, serializer):
    peers = peers_in("typed", "rawsocket", serializer)
    callee, caller = peers.join_many(2)
    request = caller.request(PUBLISH, {"acknowledge": True}, "com.example.typed.topic", ["text"])
    message = caller.expect(ERROR, PUBLISH, request, {}, INVALID_PAYLOAD)
    assert message[5] == ['<com.example.typed.topic>: args[0]: "text" is not of type "integer"']
    callee.register(PROCEDURE)
    request = caller.call(PROCEDURE)
    message = caller.expect(ERROR, CALL, request, {}, INVALID_PAYLOAD)
    assert len(message) == 6 and PROCEDURE in message[5][0]
    # A result that isn't as declared ends the call, and the callee hears nothing of it.
    request = caller.call(PROCEDURE, [1])
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {}, ["text"])
    message = caller.expect(ERROR, CALL, request, {}, INVALID_PAYLOAD)
    assert len(message) == 6 and PROCEDURE in message[5][0]
    callee.expect_silence()
    caller.expect_silence()


# HIS-18 HIS-16 REF-02 RET-01
def test_what_is_in_a_file_outlives_the_router(tmp_path):
    config = {
        "version": 2,
        "realms": [
            {
                "name": "realm1",
                "roles": [{"name": "anonymous", "allow-by-default": True}],
                "store": {"type": "redb", "path": "realm.redb", "event-history": [{"uri": "a.b"}]},
            }
        ],
        "transports": [transport()],
    }
    declaration = {"type": "topic", "args": {"maxItems": 1}}
    before = None
    for run in range(3):
        router = ConfiguredRouter(tmp_path, config)
        peers = Peers(router.port, "rawsocket", "json")
        try:
            peer = peers.join()
            (subscription,) = peer.result(LOOKUP, ["a.b"])
            events = peer.result(GET_EVENTS, [subscription])
            assert [event["args"] for event in events] == [[number] for number in range(10 * run)]
            assert peer.result("wamp.schema.describe", ["a.b"]) == [declaration if run else None]
            if before:
                assert subscription == before["subscription"] and events[:10] == before["events"][:10]
                peer.subscribe("a.b", get_retained=True)
                retained = peer.expect(EVENT)
                assert retained[4] == [10 * run - 1] and retained[3]["retained"] is True
            peer.result("wamp.schema.define", ["a.b", declaration])
            for number in range(10 * run, 10 * run + 10):
                peer.publish("a.b", [number], retain=True)
            before = {"subscription": subscription, "events": peer.result(GET_EVENTS, [subscription])}
        finally:
            peers.close()
            router.stop()
