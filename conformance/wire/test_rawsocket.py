"""RawSocket, octet by octet."""

import os
import socket

import msgpack
import pytest
from links import RawSocketLink, Socket, WebSocketLink
from peer import (
    CALL,
    CODECS,
    ERROR,
    EVENT,
    HELLO,
    INVOCATION,
    PUBLISH,
    PUBLISHED,
    RESULT,
    ROLES,
    VIOLATION,
    WELCOME,
    YIELD,
    Peer,
)


def handshake(router, octets: bytes) -> Socket:
    opened = Socket(router.port)
    opened.write(octets)
    return opened


# RAW-01 RAW-03 RAW-04 RAW-11
@pytest.mark.parametrize("serializer", [1, 2, 3, 4])
def test_the_handshake_is_answered_in_kind(router, serializer):
    opened = handshake(router, bytes([0x7F, 0xF0 | serializer, 0, 0]))
    magic, limit_and_serializer, *reserved = opened.read(4)
    assert magic == 0x7F
    assert limit_and_serializer & 0x0F == serializer
    assert limit_and_serializer >> 4 == 15, "the default limit is 16 MiB"
    assert reserved == [0, 0]
    opened.close()


# RAW-02
def test_another_first_octet_fails_the_connection(router):
    assert handshake(router, bytes([0x00, 0xF1, 0, 0])).expect_end() == b""


# RAW-05 RAW-10
def test_serializer_zero_is_refused(router):
    reply = handshake(router, bytes([0x7F, 0xF0, 0, 0])).expect_end()
    assert reply == b"" or (reply[0] == 0x7F and reply[1] & 0x0F == 0 and reply[1] >> 4 != 0)


# RAW-06 RAW-10
@pytest.mark.parametrize("serializer", [6, 9, 15])
def test_an_unknown_serializer_is_error_1(router, serializer):
    assert handshake(router, bytes([0x7F, 0xF0 | serializer, 0, 0])).expect_end() == b"\x7f\x10\x00\x00"


# RAW-08 RAW-10
@pytest.mark.parametrize("reserved", [(0, 1), (1, 0), (0xFF, 0xFF)])
def test_reserved_octets_are_error_3(router, reserved):
    assert handshake(router, bytes([0x7F, 0xF1, *reserved])).expect_end() == b"\x7f\x30\x00\x00"


# RAW-12 RAW-14
def test_a_frame_has_a_prefix_with_its_length(raw_peers):
    peer = raw_peers.connect()
    peer.send(HELLO, "realm1", {"roles": ROLES})
    prefix, payload = peer.link.receive_frame()
    assert prefix[0] == 0
    assert int.from_bytes(prefix[1:], "big") == len(payload)
    assert peer.decode(payload)[0] == WELCOME


# RAW-14
@pytest.mark.parametrize("bit", [0x10, 0x20, 0x40, 0x80])
def test_a_reserved_prefix_bit_fails_the_connection(raw_peers, bit):
    peer = raw_peers.join()
    peer.link.socket.write(bytes([bit, 0, 0, 2]) + b"[]")
    ends_in_violation(peer)


# RAW-15
@pytest.mark.parametrize("kind", [3, 4, 5, 6, 7])
def test_a_reserved_frame_type_fails_the_connection(raw_peers, kind):
    peer = raw_peers.join()
    peer.link.send_frame(kind, b"[]")
    ends_in_violation(peer)


def ends_in_violation(peer):
    """A framing that can't be trusted any more ends the connection, with or without a word."""
    left = peer.link.socket.expect_end()
    if left:
        assert peer.decode(left[4:])[2] == VIOLATION


# RAW-16
@pytest.mark.parametrize("length", [0, 1, 125, 10_000])
def test_a_ping_is_answered_with_its_payload(raw_peers, length):
    peer = raw_peers.join()
    payload = os.urandom(length)
    peer.link.send_frame(1, payload)
    prefix, answer = peer.link.receive_frame()
    assert prefix[0] == 2
    assert answer == payload


# RAW-16
def test_pings_are_answered_in_order(raw_peers):
    peer = raw_peers.join()
    link = peer.link
    link.socket.write(link.prefix(1, 3) + b"one" + link.prefix(1, 3) + b"two")
    assert [link.receive_frame() for _ in range(2)] == [(link.prefix(2, 3), b"one"), (link.prefix(2, 3), b"two")]
    peer.expect_silence()


# RAW-16
def test_a_ping_is_answered_before_there_is_a_session(raw_peers):
    peer = raw_peers.connect()
    peer.link.send_frame(1, b"early")
    assert peer.link.receive_frame()[1] == b"early"
    peer.join()


# RAW-13
def test_a_message_of_exactly_2_to_the_24_has_the_x_bit(router):
    subscriber = Peer(RawSocketLink(router.port, "msgpack"), "msgpack").join()
    publisher = Peer(RawSocketLink(router.port, "msgpack"), "msgpack").join()
    topic = "x13"
    subscriber.subscribe(topic)
    # What an EVENT needs beside its octets isn't known beforehand, and varies with the publication id.
    filling = (1 << 24) - 64
    for _ in range(8):
        publisher.publish(topic, [bytes(filling)])
        prefix, event = subscriber.link.receive_frame(30)
        if len(event) == 1 << 24:
            break
        assert prefix == RawSocketLink.prefix(0, len(event))
        filling += (1 << 24) - len(event)
    assert prefix == b"\x08\x00\x00\x00"
    assert subscriber.decode(event)[4] == [bytes(filling)]
    subscriber.close()
    publisher.close()


# RAW-13
def test_a_message_of_exactly_2_to_the_24_is_accepted(router):
    peer = Peer(RawSocketLink(router.port, "msgpack"), "msgpack").join()
    head = len(msgpack.packb([PUBLISH, 1, {"acknowledge": True}, "x13.only", [bytes(1 << 20)]])) - (1 << 20)
    message = [PUBLISH, 1, {"acknowledge": True}, "x13.only", [bytes((1 << 24) - head)]]
    assert len(msgpack.packb(message)) == 1 << 24
    peer.send(*message)
    peer.expect(PUBLISHED, 1)
    peer.close()


# RAW-13
def test_the_x_bit_with_a_length_fails_the_connection(raw_peers):
    peer = raw_peers.join()
    peer.link.socket.write(b"\x08\x00\x00\x02[]")
    ends_in_violation(peer)


# RAW-17 RAW-19
def test_an_event_beyond_the_clients_limit_is_dropped_for_it_alone(raw_peers, uri):
    small = raw_peers.connect(length_exponent=0).join()
    large, publisher = raw_peers.join_many(2)
    subscription = small.subscribe(uri)
    large.subscribe(uri)
    publisher.publish(uri, ["x" * 4096])
    publisher.publish(uri, ["short"])
    assert small.expect(EVENT, subscription)[4] == ["short"]
    assert [large.expect(EVENT)[4] for _ in range(2)] == [["x" * 4096], ["short"]]
    small.expect_silence()


# RAW-20 ERR-08
def test_a_call_beyond_the_callees_limit_is_an_error(raw_peers, uri):
    callee = raw_peers.connect(length_exponent=0).join()
    caller = raw_peers.join()
    callee.register(uri)
    request = caller.call(uri, ["x" * 4096])
    caller.expect_error(CALL, request, "wamp.error.payload_size_exceeded")
    request = caller.call(uri, ["short"])
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {}, ["fine"])
    assert caller.expect(RESULT, request)[3] == ["fine"]


# RAW-20 ERR-08
def test_a_result_beyond_the_callers_limit_is_an_error(raw_peers, uri):
    callee = raw_peers.join()
    caller = raw_peers.connect(length_exponent=0).join()
    callee.register(uri)
    request = caller.call(uri)
    _, invocation, *_ = callee.expect(INVOCATION)
    callee.send(YIELD, invocation, {}, ["x" * 4096])
    caller.expect_error(CALL, request, "wamp.error.payload_size_exceeded")
    caller.expect_silence()


# RAW-21
def test_a_hello_may_come_with_the_handshake(router):
    encode, decode = CODECS["json"]
    hello = encode([HELLO, "realm1", {"roles": ROLES}])
    opened = handshake(router, b"\x7f\xf1\x00\x00" + RawSocketLink.prefix(0, len(hello)) + hello)
    assert opened.read(4) == b"\x7f\xf1\x00\x00"
    prefix = opened.read(4)
    assert decode(opened.read(int.from_bytes(prefix[1:], "big")))[0] == WELCOME
    opened.close()


# RAW-22
def test_a_session_may_arrive_one_octet_at_a_time(router, uri):
    encode, decode = CODECS["json"]
    messages = [[HELLO, "realm1", {"roles": ROLES}], [CALL, 1, {}, uri]]
    octets = b"\x7f\xf1\x00\x00"
    for message in messages:
        encoded = encode(message)
        octets += RawSocketLink.prefix(0, len(encoded)) + encoded
    opened = Socket(router.port)
    for octet in octets:
        opened.write(bytes([octet]))
    assert opened.read(4) == b"\x7f\xf1\x00\x00"
    kinds = []
    for _ in messages:
        prefix = opened.read(4)
        kinds.append(decode(opened.read(int.from_bytes(prefix[1:], "big")))[0])
    assert kinds == [WELCOME, ERROR]
    opened.close()


# RAW-23 RAW-25
def test_one_port_serves_rawsocket_websocket_and_http(router):
    assert Peer(RawSocketLink(router.port, "cbor"), "cbor").join().session_id
    assert Peer(WebSocketLink(router.port, "wamp.2.cbor"), "cbor").join().session_id
    opened = Socket(router.port)
    opened.write(f"GET /no/such/page HTTP/1.1\r\nHost: 127.0.0.1:{router.port}\r\nConnection: close\r\n\r\n".encode())
    assert opened.read_line().startswith(b"HTTP/1.1 404 ")
    opened.close()


# RAW-26 PVI-10
def test_an_empty_frame_is_a_violation(raw_peers):
    peer = raw_peers.join()
    peer.link.send_frame(0, b"")
    peer.expect_abort()


# RAW-22
def test_half_a_handshake_harms_nobody(router, raw_peers):
    opened = handshake(router, b"\x7f\xf1")
    opened.raw.shutdown(socket.SHUT_WR)
    assert opened.expect_end() == b""
    raw_peers.join().expect_silence()
