"""Peers that are closed when their test is over."""

import pytest
from peer import LINKS, Peer, connect


class Peers:
    """Makes peers over one link."""

    def __init__(self, port: int, transport: str, serializer: str):
        self.port = port
        self.transport = transport
        self.serializer = serializer
        self._open = []

    def connect(self, **options) -> Peer:
        """A connection without a session."""
        peer = connect(self.port, self.transport, self.serializer, **options)
        self._open.append(peer)
        return peer

    def over(self, transport: str, serializer: str, **options) -> Peer:
        """A connection over another link."""
        peer = connect(self.port, transport, serializer, **options)
        self._open.append(peer)
        return peer

    def join(self, **details) -> Peer:
        """A session in `realm1`."""
        return self.connect().join(**details)

    def join_many(self, count: int) -> list[Peer]:
        """Several sessions."""
        return [self.join() for _ in range(count)]

    def close(self):
        for peer in self._open:
            peer.close()


@pytest.fixture(params=LINKS, ids="-".join)
def peers(router, request):
    """For a test that holds on every transport and serializer."""
    peers = Peers(router.port, *request.param)
    yield peers
    peers.close()


@pytest.fixture
def raw_peers(router):
    """For a test of RawSocket itself."""
    peers = Peers(router.port, "rawsocket", "json")
    yield peers
    peers.close()


@pytest.fixture
def web_peers(router):
    """For a test of WebSocket itself."""
    peers = Peers(router.port, "websocket", "json")
    yield peers
    peers.close()
