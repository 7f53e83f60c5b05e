"""PubSub that a client library would not let one try: raw options, exact messages."""

import pytest
from peer import (
    ERROR,
    EVENT,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    UNSUBSCRIBED,
    roles_without,
)

INVALID_ARGUMENT = "wamp.error.invalid_argument"


# BRK-02 BRK-11
def test_subscribing_twice_is_subscribing_once(peers, uri):
    subscriber, publisher = peers.join_many(2)
    assert subscriber.subscribe(uri) == subscriber.subscribe(uri)
    publication = publisher.publish(uri, [1])
    event = subscriber.expect(EVENT)
    assert event[2] == publication
    subscriber.expect_silence()


# BRK-03 BRK-04
def test_subscription_ids_belong_to_topic_and_policy(peers, uri):
    one, two = peers.join_many(2)
    exact, prefix, wildcard = (one.subscribe(uri, match=match) for match in ("exact", "prefix", "wildcard"))
    assert len({exact, prefix, wildcard}) == 3
    assert (two.subscribe(uri), two.subscribe(uri, match="prefix")) == (exact, prefix)


# BRK-05 ORD-07
def test_unsubscribed_is_a_barrier(peers, uri):
    subscriber, publisher = peers.join_many(2)
    subscription = subscriber.subscribe(uri)
    for number in range(100):
        publisher.request(PUBLISH, {}, uri, [number])
    request = subscriber.request(UNSUBSCRIBE, subscription)
    for number in range(100):
        publisher.request(PUBLISH, {}, uri, [number])
    while (message := subscriber.receive())[0] == EVENT:
        pass
    assert message == [UNSUBSCRIBED, request]
    publisher.publish(uri)
    subscriber.expect_silence()


# BRK-06 ERR-05
def test_a_session_gives_up_only_what_it_holds(peers, uri):
    owner, other = peers.join_many(2)
    subscription = owner.subscribe(uri)
    for wrong in (subscription, 4711):
        request = other.request(UNSUBSCRIBE, wrong)
        other.expect_error(UNSUBSCRIBE, request, "wamp.error.no_such_subscription")
    other.publish(uri, ["still there"])
    owner.expect(EVENT, subscription)
    request = owner.request(UNSUBSCRIBE, subscription)
    owner.expect(UNSUBSCRIBED, request)
    request = owner.request(UNSUBSCRIBE, subscription)
    owner.expect_error(UNSUBSCRIBE, request, "wamp.error.no_such_subscription")


# BRK-16 BWL-08
@pytest.mark.parametrize("name", ["eligible", "eligible_authid", "eligible_authrole"])
def test_an_empty_list_of_the_eligible_is_for_nobody(peers, uri, name):
    subscriber, publisher = peers.join_many(2)
    subscriber.subscribe(uri)
    publisher.publish(uri, **{name: []})
    subscriber.expect_silence()


# BWL-10
@pytest.mark.parametrize(
    "options",
    [{"exclude": ["x"]}, {"exclude": 5}, {"eligible": {"a": 1}}, {"eligible_authid": [1]}, {"exclude_authrole": "admin"}],
    ids=repr,
)
def test_a_list_of_a_wrong_type_is_refused(peers, uri, options):
    peer = peers.join()
    request = peer.request(PUBLISH, {"acknowledge": True, **options}, uri)
    peer.expect_error(PUBLISH, request, INVALID_ARGUMENT)
    peer.request(PUBLISH, options, uri)
    peer.expect_silence()


# BWL-11
def test_a_long_list_does_not_stall_the_router(raw_peers, uri):
    subscriber, publisher = raw_peers.join_many(2)
    subscriber.subscribe(uri)
    nobody = list(range(1, 20_001))
    publisher.publish(uri, ["out"], exclude=[*nobody, subscriber.session_id])
    publisher.publish(uri, ["in"], eligible=[*nobody, subscriber.session_id])
    assert subscriber.expect(EVENT)[4] == ["in"]


# PBS-02 ERR-06
@pytest.mark.parametrize("match", ["regex", "", 5])
def test_an_unknown_match_policy_is_refused(peers, uri, match):
    peer = peers.join()
    request = peer.request(SUBSCRIBE, {"match": match}, uri)
    peer.expect_error(SUBSCRIBE, request, INVALID_ARGUMENT)


# PBS-07 PBS-08
def test_only_events_of_patterns_name_their_topic(peers, uri):
    subscriber, publisher = peers.join_many(2)
    prefix = subscriber.subscribe(uri, match="prefix")
    exact = subscriber.subscribe(uri)
    publisher.publish(uri)
    events = {event[1]: event for event in (subscriber.expect(EVENT) for _ in range(2))}
    assert events[prefix][3] == {"topic": uri}
    assert events[exact][3] == {}
    assert events[prefix][2] == events[exact][2]


# PBS-09
def test_patterns_do_not_cancel_each_other(peers, uri):
    subscriber, publisher = peers.join_many(2)
    broad = subscriber.subscribe(uri, match="prefix")
    narrow = subscriber.subscribe(f"{uri}.a", match="prefix")
    request = subscriber.request(UNSUBSCRIBE, broad)
    subscriber.expect(UNSUBSCRIBED, request)
    publisher.publish(f"{uri}.a.b")
    publisher.publish(f"{uri}.c")
    subscriber.expect(EVENT, narrow)
    subscriber.expect_silence()


# PEX-03
def test_an_exclude_list_excludes_the_publisher_too(peers, uri):
    peer = peers.join()
    peer.subscribe(uri)
    peer.publish(uri, exclude_me=False, exclude=[peer.session_id])
    peer.expect_silence()


# PID-01 PID-02 PID-05
def test_disclosure_is_by_publication(peers, uri):
    subscriber, publisher = peers.join_many(2)
    subscriber.subscribe(uri)
    subscriber.subscribe(uri, match="prefix")
    publisher.publish(uri, disclose_me=True)
    for details in (subscriber.expect(EVENT)[3] for _ in range(2)):
        assert details["publisher"] == publisher.session_id
        assert details["publisher_authid"] == publisher.details["authid"]
        assert details["publisher_authrole"] == "anonymous"
    publisher.publish(uri)
    for details in (subscriber.expect(EVENT)[3] for _ in range(2)):
        assert not [name for name in details if name.startswith("publisher")]


# RET-06 RET-08 RET-12 RET-14
def test_retained_events_follow_subscribed_each_time(peers, uri):
    publisher, subscriber = peers.join_many(2)
    publication = publisher.publish(uri, ["kept"], retain=True, disclose_me=True)
    for _ in range(2):
        subscription = subscriber.subscribe(uri, get_retained=True)
        event = subscriber.expect(EVENT, subscription, publication)
        assert event[3]["retained"] is True and event[3]["publisher"] == publisher.session_id
        assert event[4] == ["kept"]


# RET-11
def test_an_event_without_payload_clears_the_topic(peers, uri):
    publisher, subscriber = peers.join_many(2)
    publisher.publish(uri, ["kept"], retain=True)
    publisher.publish(uri, retain=True)
    subscriber.subscribe(uri, get_retained=True)
    subscriber.expect_silence()


# PPT-08 PPT-09 PPT-13 PPT-14
def test_passthru_attributes_reach_subscribers_and_stay_with_retained_events(peers, uri):
    capable, incapable = peers.join(), peers.join(roles=roles_without("subscriber.payload_passthru_mode"))
    publisher = peers.over("rawsocket", "cbor").join()
    attributes = {"ppt_scheme": "x_my", "ppt_serializer": "cbor", "ppt_cipher": "xsalsa", "ppt_keyid": "k1"}
    for subscriber in (capable, incapable):
        subscriber.subscribe(uri)
    publisher.publish(uri, [b"\x00\x01\xff"], retain=True, **attributes)
    expected = "\u0000AAH/" if peers.serializer == "json" else b"\x00\x01\xff"
    for subscriber in (capable, incapable):
        event = subscriber.expect(EVENT)
        assert (event[3], event[4]) == (attributes, [expected])
    late = peers.join()
    late.subscribe(uri, get_retained=True)
    event = late.expect(EVENT)
    assert (event[3], event[4]) == ({**attributes, "retained": True}, [expected])


# PPT-03 PVI-14
def test_passthru_of_a_publisher_that_did_not_announce_it_is_a_violation(peers, uri):
    peer = peers.join(roles=roles_without("publisher.payload_passthru_mode"))
    peer.request(PUBLISH, {"ppt_scheme": "x_my"}, uri, ["x"])
    peer.expect_abort()


# PPT-10
def test_an_empty_scheme_is_no_passthru(peers, uri):
    subscriber = peers.join()
    publisher = peers.join(roles=roles_without("publisher.payload_passthru_mode"))
    subscriber.subscribe(uri)
    publisher.publish(uri, [1, 2], {"a": 3}, ppt_scheme="")
    assert subscriber.expect(EVENT)[4:] == [[1, 2], {"a": 3}]


# PPT-15 PPT-16
@pytest.mark.parametrize(
    ("options", "payload"),
    [
        ({"ppt_scheme": "x_my"}, [["one", "two"]]),
        ({"ppt_scheme": "x_my"}, [["one"], {"a": 1}]),
        ({"ppt_scheme": 5}, [["one"]]),
        ({"ppt_scheme": "x_my", "ppt_serializer": 5}, [["one"]]),
        ({"ppt_scheme": "x_my", "ppt_cipher": []}, [["one"]]),
        ({"ppt_scheme": "x_my", "ppt_keyid": {}}, [["one"]]),
    ],
    ids=repr,
)
def test_a_misshapen_passthru_is_refused(peers, uri, options, payload):
    peer = peers.join()
    request = peer.request(PUBLISH, {"acknowledge": True, **options}, uri, *payload)
    message = peer.receive()
    if message[0] == ERROR:
        assert message[1:3] == [PUBLISH, request] and message[4] == INVALID_ARGUMENT
    else:
        assert message[0] == 3 and message[2] == "wamp.error.protocol_violation"


# SHS-01 SHS-02
def test_a_sharded_event_goes_to_one_node_always_the_same(raw_peers, uri):
    one, two, unsharded, publisher = raw_peers.join_many(4)
    assert publisher.details["roles"]["broker"]["features"]["sharded_subscription"] is True
    one.subscribe(uri, nkey="node1")
    two.subscribe(uri, nkey="node2")
    unsharded.subscribe(uri)
    for key in range(40):
        for _ in range(2):
            publisher.publish(uri, [key], rkey=f"key{key}")
    publisher.publish(uri, ["end"])
    received = {}
    for name, peer in (("one", one), ("two", two), ("unsharded", unsharded)):
        received[name] = []
        while (argument := peer.expect(EVENT)[4][0]) != "end":
            received[name].append(argument)
    assert received["unsharded"] == [key for key in range(40) for _ in range(2)]
    for name in ("one", "two"):
        assert received[name][::2] == received[name][1::2], "both events of a key, or none"
        assert len(received[name]) >= 10
    assert sorted(received["one"] + received["two"]) == received["unsharded"]


# ORD-03
def test_subscribed_precedes_the_first_event(raw_peers, uri):
    publisher, subscriber = raw_peers.join_many(2)
    for round_number in range(50):
        topic = f"{uri}.r{round_number}"
        for number in range(20):
            publisher.request(PUBLISH, {}, topic, [number])
        subscription = subscriber.subscribe(topic)
        request = subscriber.request(UNSUBSCRIBE, subscription)
        while (message := subscriber.receive())[0] == EVENT:
            assert message[1] == subscription
        assert message == [UNSUBSCRIBED, request]


# BRK-17 BRK-18 ROB-01
def test_a_subscriber_that_stopped_reading_harms_nobody(router, raw_peers, uri):
    stuck, reader, publisher = raw_peers.join_many(3)
    stuck.subscribe(uri)
    reader.subscribe(uri)
    before = router.resident_bytes()
    for number in range(300):
        publisher.publish(uri, ["x" * 200_000])
        assert len(reader.expect(EVENT)[4][0]) == 200_000
    # 60 MB were published; what is held for the one who doesn't read is bounded by its outbox.
    assert router.resident_bytes() - before < 45 << 20
