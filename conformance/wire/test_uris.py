"""Which URIs are good for what."""

import pytest
from peer import CALL, EVENT, INVOCATION, PUBLISH, REGISTER, SUBSCRIBE, SUBSCRIBED

INVALID_URI = "wamp.error.invalid_uri"

BAD = ["a..b", "a.b.", ".a", "a#b", "a b", "", "a.\tb", ".", "a.b\u2003c", "a.\u00a0b", "a\n.b"]


# URI-01 URI-03 URI-04 URI-08 URI-13 ERR-01 ERR-21
@pytest.mark.parametrize("kind", [SUBSCRIBE, REGISTER, CALL, PUBLISH])
@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_uri_is_refused(raw_peers, kind, bad):
    peer = raw_peers.join()
    request = peer.request(kind, {"acknowledge": True} if kind == PUBLISH else {}, bad)
    peer.expect_error(kind, request, INVALID_URI)


# URI-08 BRK-07
def test_a_bad_topic_without_acknowledgement_is_not_answered(peers):
    peer = peers.join()
    peer.request(PUBLISH, {}, "a..b")
    peer.request(PUBLISH, {}, "wamp.forged")
    peer.expect_silence()


# URI-03 PBS-05
@pytest.mark.parametrize("pattern", ["{}..c", ".{}", "{}.", "..", "{}...d"])
def test_a_wildcard_may_have_empty_components_anywhere(peers, uri, pattern):
    peer = peers.join()
    pattern = pattern.format(uri)
    request = peer.request(SUBSCRIBE, {"match": "wildcard"}, pattern)
    peer.expect(SUBSCRIBED, request)


# PBS-05
@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (".b.{}", ["a.b.{}", "x.b.{}"], ["b.{}", "a.c.{}"]),
        ("{}.b.", ["{}.b.c"], ["{}.b", "{}.b.c.d"]),
        ("{}...d", ["{}.a.b.d"], ["{}.a.d", "{}.a.b.c.d"]),
    ],
)
def test_wildcards_match_wherever_they_stand(peers, pattern, good, bad):
    subscriber, publisher = peers.join_many(2)
    # One component of its own, so that no other test's topics have this shape.
    own = f"own{subscriber.session_id}"
    subscriber.subscribe(pattern.format(own), match="wildcard")
    for topic in bad + good:
        publisher.publish(topic.format(own))
    for topic in good:
        assert subscriber.expect(EVENT)[3]["topic"] == topic.format(own)
    subscriber.expect_silence()


# URI-03
@pytest.mark.parametrize("kind", [SUBSCRIBE, REGISTER])
def test_a_prefix_may_end_with_a_dot(peers, uri, kind):
    peer = peers.join()
    request = peer.request(kind, {"match": "prefix"}, f"{uri}.")
    assert peer.receive()[:2] == [kind + 1, request]


# URI-05 URI-12
@pytest.mark.parametrize("uri", ["wamp", "wamp.foo", "wamp.session.count"])
def test_reserved_uris_are_refused(peers, uri):
    peer = peers.join()
    for kind, options in ((REGISTER, {}), (PUBLISH, {"acknowledge": True}), (REGISTER, {"match": "prefix"})):
        request = peer.request(kind, options, uri)
        peer.expect_error(kind, request, INVALID_URI)


# URI-05
def test_a_name_that_only_starts_like_a_reserved_one_is_free(peers, uri):
    peer = peers.join()
    name = f"wampfoo.{uri}"
    peer.register(name)
    peer.publish(name)
    peer.call(name)
    peer.expect(INVOCATION)


# URI-06
def test_reserved_topics_may_be_subscribed(peers):
    peer = peers.join()
    peer.subscribe("wamp.session.on_join")
    peer.subscribe("wamp.", match="prefix")


# URI-12
def test_a_pattern_does_not_catch_reserved_calls(peers):
    thief, caller = peers.join_many(2)
    # Some of these may be refused, but none may be given a call below `wamp.`.
    for options, pattern in (
        ({"match": "prefix"}, ""),
        ({"match": "prefix"}, "wam"),
        ({"match": "wildcard"}, ".session.thief"),
        ({"match": "wildcard"}, ".."),
    ):
        thief.request(REGISTER, options, pattern)
        answer = thief.receive()
        assert answer[0] in (65, 8)
        if answer[0] == 8:
            continue
        request = caller.call("wamp.session.thief")
        caller.expect_error(CALL, request, "wamp.error.no_such_procedure")
        thief.request(66, answer[2])
        thief.expect(67)


# URI-09
@pytest.mark.parametrize("realm", ["a b", "", "a..b", "a#"])
def test_a_bad_realm_is_refused(peers, realm):
    peer = peers.connect()
    peer.send(1, realm, {"roles": {"caller": {}}})
    message = peer.expect(3)
    assert message[2] in (INVALID_URI, "wamp.error.no_such_realm")
    peer.expect_closed()


# URI-10
def test_any_script_may_be_used(peers, uri):
    peer = peers.join()
    name = f"{uri}.müller.日本.\U0001f340-X+"
    peer.subscribe(name)
    peer.register(name)
    peer.publish(name)


# URI-11
def test_an_endless_uri_is_refused(peers):
    peer = peers.join()
    request = peer.request(SUBSCRIBE, {}, "a." * 50_000 + "a")
    peer.expect_error(SUBSCRIBE, request, INVALID_URI)


# URI-07
def test_a_topic_and_a_procedure_of_one_name_do_not_collide(peers, uri):
    peer, other = peers.join_many(2)
    peer.subscribe(uri)
    peer.register(uri)
    other.publish(uri, ["event"])
    other.call(uri, ["call"])
    assert peer.expect(EVENT)[4] == ["event"]
    assert peer.expect(INVOCATION)[4] == ["call"]
