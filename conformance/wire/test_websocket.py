"""WebSocket as the carrier of WAMP. The rules of the framing itself are the Autobahn suite's business."""

import pytest
from links import BINARY, CLOSE, PING, PONG, TEXT, Closed, WebSocketLink
from peer import ABORT, CALL, CODECS, ERROR, HELLO, ROLES, VIOLATION, WELCOME, Peer

SERIALIZERS = ["json", "msgpack", "cbor"]


# WSK-01 WSK-02 WSK-05 WSK-06
@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("path", ["/", "/ws"])
def test_each_serializer_has_its_subprotocol_and_kind_of_message(router, serializer, path):
    link = WebSocketLink(router.port, f"wamp.2.{serializer}", path)
    assert (link.status, link.subprotocol) == (101, f"wamp.2.{serializer}")
    peer = Peer(link, serializer).join()
    peer.expect_silence()
    assert set(link.received_opcodes) == {TEXT if serializer == "json" else BINARY}
    peer.close()


# WSK-03
def test_the_first_offered_protocol_that_is_known_is_chosen(router):
    assert WebSocketLink(router.port, "x.unknown, wamp.2.cbor, wamp.2.json").subprotocol == "wamp.2.cbor"
    assert WebSocketLink(router.port, "wamp.2.json, wamp.2.cbor").subprotocol == "wamp.2.json"


# WSK-04
@pytest.mark.parametrize("subprotocols", ["", "foo", "wamp.1, wamp.2"])
def test_without_a_wamp_subprotocol_the_upgrade_is_refused(router, subprotocols):
    assert WebSocketLink(router.port, subprotocols).status == 400


# WSK-05
def test_a_binary_message_does_not_go_with_json(web_peers):
    peer = web_peers.connect()
    peer.link.send_frame(BINARY, peer.encode([HELLO, "realm1", {"roles": ROLES}]))
    assert closing_code(peer) in (1002, 1003)


# WSK-06
@pytest.mark.parametrize("serializer", ["msgpack", "cbor"])
def test_a_text_message_does_not_go_with_a_binary_serializer(web_peers, serializer):
    peer = web_peers.over("websocket", serializer).join()
    peer.link.send_frame(TEXT, b"hello")
    assert closing_code(peer) in (1002, 1003)


def closing_code(peer):
    """The code with which the router closes; it may say ABORT before."""
    try:
        message = peer.receive()
        assert message[0] == ABORT and message[2] == VIOLATION, message
    except Closed as closed:
        return closed.code
    return peer.expect_closed().code


# WSK-07 WSK-08
def test_a_message_may_come_in_fragments_with_a_ping_between(web_peers, uri):
    peer = web_peers.join()
    request = peer.next_request()
    message = peer.encode([CALL, request, {}, uri])
    link = peer.link
    link.send_frame(TEXT, message[:5], last=False)
    link.send_frame(0, message[5:9], last=False)
    link.send_frame(PING, b"between")
    link.send_frame(0, message[9:])
    assert link.receive_frame() == (PONG, True, b"between")
    peer.expect(ERROR, CALL, request)
    peer.expect_silence()


# WSK-08
@pytest.mark.parametrize("payload", [b"", b"x", bytes(125)])
def test_a_ping_is_answered_with_its_payload(web_peers, payload):
    peer = web_peers.join()
    peer.link.send_frame(PING, payload)
    assert peer.link.receive_frame() == (PONG, True, payload)


# WSK-08
def test_a_close_is_answered_with_a_close(web_peers):
    peer = web_peers.join()
    peer.link.send_frame(CLOSE, (1000).to_bytes(2, "big"))
    opcode, _, payload = peer.link.receive_frame()
    assert (opcode, payload[:2]) == (CLOSE, (1000).to_bytes(2, "big"))
    assert peer.link.socket.expect_end() == b""


# WSK-09
def test_an_unmasked_frame_fails_the_connection(web_peers):
    peer = web_peers.join()
    peer.link.send_frame(TEXT, peer.encode([CALL, 1, {}, "a.b"]), masked=False)
    assert closing_code(peer) == 1002


# WSK-10
def test_bad_utf8_fails_the_connection(web_peers):
    peer = web_peers.join()
    peer.link.send_frame(TEXT, b'[48,1,{},"\xc3\x28"]')
    assert closing_code(peer) == 1007


# WSK-11
def test_a_message_beyond_the_limit_fails_the_connection_alone(web_peers):
    peer, bystander = web_peers.join_many(2)
    # The announcement is enough: the router need not wait for 17 MiB to know.
    peer.link.socket.write(bytes([0x80 | TEXT, 0x80 | 127]) + (17 << 20).to_bytes(8, "big") + bytes(4))
    assert closing_code(peer) == 1009
    bystander.expect_silence()


# WSK-12
def test_a_client_without_compression_gets_none(router):
    link = WebSocketLink(router.port, "wamp.2.json")
    assert "sec-websocket-extensions" not in link.headers
    link.socket.close()


# WSK-12
def test_a_client_that_offers_compression_gets_it(router):
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    link = WebSocketLink(router.port, "wamp.2.json", headers=offer)
    assert link.headers["sec-websocket-extensions"].startswith("permessage-deflate")
    # A message that isn't compressed is still one.
    Peer(link, "json").send(HELLO, "realm1", {"roles": ROLES})
    assert link.receive_frame()[0] == TEXT
    link.socket.close()


# WSK-15
def test_a_connection_carries_another_session_after_goodbye_or_ends(peers):
    peer = peers.join()
    first = peer.session_id
    peer.send(6, {}, "wamp.close.close_realm")
    peer.expect(6)
    try:
        peer.send(HELLO, "realm1", {"roles": ROLES})
        _, second, _ = peer.expect(WELCOME)
    except Closed:
        return
    assert second != first


# WSK-04
def test_a_plain_request_is_no_session(router):
    encode, _ = CODECS["json"]
    link = WebSocketLink(router.port, "", headers="")
    assert link.status == 400
    try:
        link.send(encode([HELLO, "realm1", {"roles": ROLES}]))
    except Closed:
        return
    assert b"roles" not in link.socket.expect_end()
