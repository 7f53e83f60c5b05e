"""Batched WebSocket: several messages in one, and one as a batch of one."""

import struct

import pytest
from links import Closed, WebSocketLink
from peer import CODECS, EVENT, HELLO, PUBLISH, ROLES, SUBSCRIBE, SUBSCRIBED, WELCOME

SERIALIZERS = ["json", "msgpack", "cbor"]
SEPARATOR = b"\x1e"


class BatchedPeer:
    """Speaks one batched subprotocol."""

    def __init__(self, router, serializer):
        self.link = WebSocketLink(router.port, f"wamp.2.{serializer}.batched")
        self.encode, self.decode = CODECS[serializer]
        self.is_json = serializer == "json"

    def pack(self, *messages) -> bytes:
        encoded = [self.encode(message) for message in messages]
        if self.is_json:
            return b"".join(message + SEPARATOR for message in encoded)
        return b"".join(struct.pack("!L", len(message)) + message for message in encoded)

    def unpack(self, batch: bytes) -> list:
        if self.is_json:
            assert batch.endswith(SEPARATOR)
            return [self.decode(part) for part in batch.split(SEPARATOR)[:-1]]
        messages = []
        while batch:
            (length,) = struct.unpack("!L", batch[:4])
            assert 0 < length <= len(batch) - 4
            messages.append(self.decode(batch[4 : 4 + length]))
            batch = batch[4 + length :]
        return messages

    def receive(self, count: int) -> list:
        """That many messages, in however many batches, and how many batches those were."""
        messages, batches = [], 0
        while len(messages) < count:
            messages += self.unpack(self.link.receive())
            batches += 1
        assert len(messages) == count
        return messages, batches

    def join(self):
        self.link.send(self.pack([HELLO, "realm1", {"roles": ROLES}]))
        ((welcome,), _) = self.receive(1)
        assert welcome[0] == WELCOME
        return self


@pytest.fixture(params=SERIALIZERS)
def peer(router, request):
    peer = BatchedPeer(router, request.param)
    yield peer
    peer.link.socket.close()


# BAT-01 BAT-02 BAT-03 BAT-04
def test_a_session_opens_with_batches_of_one(router, peer):
    assert peer.link.status == 101 and peer.link.subprotocol.endswith(".batched")
    peer.join()


# BAT-06
def test_the_messages_of_a_batch_are_processed_in_order(peer, uri):
    peer.join()
    publish = [PUBLISH, 2, {"exclude_me": False}, uri, ["hello"]]
    peer.link.send(peer.pack([SUBSCRIBE, 1, {}, uri], publish))
    (subscribed, event), _ = peer.receive(2)
    assert subscribed[:2] == [SUBSCRIBED, 1]
    assert (event[0], event[1], event[4]) == (EVENT, subscribed[2], ["hello"])


# BAT-05
def test_an_empty_batch_fails_the_transport(peer):
    peer.join()
    peer.link.send(b"")
    assert_ends(peer)


# BAT-07
def test_a_truncated_batch_fails_the_transport(peer, uri):
    peer.join()
    peer.link.send(peer.pack([SUBSCRIBE, 1, {}, uri])[:-1])
    assert_ends(peer)


# BAT-07
def test_a_length_beyond_the_batch_fails_the_transport(router, uri):
    peer = BatchedPeer(router, "msgpack").join()
    peer.link.send(b"\xff\xff\xff\xff" + peer.encode([SUBSCRIBE, 1, {}, uri]))
    assert_ends(peer)


def assert_ends(peer):
    with pytest.raises(Closed):
        (message,) = peer.unpack(peer.link.receive())
        assert message[2] == "wamp.error.protocol_violation"
        peer.link.receive()


# BAT-08
def test_a_burst_of_events_leaves_in_fewer_messages(router, peer, uri):
    peer.join()
    peer.link.send(peer.pack([SUBSCRIBE, 1, {}, uri]))
    peer.receive(1)
    publisher = BatchedPeer(router, "json").join()
    publisher.link.send(publisher.pack(*([PUBLISH, number, {}, uri, [number]] for number in range(1, 1001))))
    events, batches = peer.receive(1000)
    assert [event[4] for event in events] == [[number] for number in range(1, 1001)]
    assert batches < 1000
    publisher.link.socket.close()
