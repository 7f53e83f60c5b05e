"""Peers of one test, that are closed when it is over."""

from peer import Peer, connect


class Peers:
    """Makes peers over one link, in one realm."""

    def __init__(self, port: int, transport: str, serializer: str, realm: str = "realm1"):
        self.port = port
        self.realm = realm
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
        """A session."""
        return self.connect().join(**{"realm": self.realm, **details})

    def join_many(self, count: int) -> list[Peer]:
        """Several sessions."""
        return [self.join() for _ in range(count)]

    def join_alone(self) -> Peer:
        """A session in a realm of `node.Node` that the sessions of earlier tests have left."""
        peer = self.join()
        while peer.result("wamp.session.count") != [1]:
            pass
        return peer

    def close(self):
        for peer in self._open:
            peer.close()
