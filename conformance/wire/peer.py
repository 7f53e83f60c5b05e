"""A WAMP peer that says exactly what a test wants said, and nothing of its own accord."""

import copy
import json

import bjdata
import cbor2
import msgpack
from links import TIMEOUT_S, Closed, RawSocketLink, WebSocketLink

HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, ERROR = 1, 2, 3, 4, 5, 6, 8
PUBLISH, PUBLISHED = 16, 17
SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, UNSUBSCRIBED, EVENT = 32, 33, 34, 35, 36
CALL, CANCEL, RESULT = 48, 49, 50
REGISTER, REGISTERED, UNREGISTER, UNREGISTERED, INVOCATION, INTERRUPT, YIELD = 64, 65, 66, 67, 68, 69, 70

VIOLATION = "wamp.error.protocol_violation"

CODECS = {
    "json": (lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), json.loads),
    "msgpack": (msgpack.packb, lambda octets: msgpack.unpackb(octets, strict_map_key=False)),
    "cbor": (cbor2.dumps, cbor2.loads),
    "ubjson": (bjdata.dumpb, bjdata.loadb),
}

# Transport and serializer of each run of a test that isn't about one of them.
LINKS = [
    ("websocket", "json"),
    ("websocket", "msgpack"),
    ("websocket", "cbor"),
    ("rawsocket", "json"),
    ("rawsocket", "msgpack"),
    ("rawsocket", "cbor"),
]

# A client that can do everything.
ROLES = {
    "publisher": {
        "features": {
            "publisher_identification": True,
            "subscriber_blackwhite_listing": True,
            "publisher_exclusion": True,
            "payload_passthru_mode": True,
        }
    },
    "subscriber": {
        "features": {
            "publisher_identification": True,
            "pattern_based_subscription": True,
            "subscription_revocation": True,
            "payload_passthru_mode": True,
        }
    },
    "caller": {
        "features": {
            "caller_identification": True,
            "call_timeout": True,
            "call_canceling": True,
            "progressive_call_results": True,
            "progressive_call_invocations": True,
            "payload_passthru_mode": True,
        }
    },
    "callee": {
        "features": {
            "caller_identification": True,
            "call_timeout": True,
            "call_canceling": True,
            "call_reroute": True,
            "progressive_call_results": True,
            "progressive_call_invocations": True,
            "pattern_based_registration": True,
            "shared_registration": True,
            "registration_revocation": True,
            "payload_passthru_mode": True,
        }
    },
}


def roles_without(*features: str) -> dict:
    """All roles, with `role.feature` taken back for each argument."""
    roles = copy.deepcopy(ROLES)
    for feature in features:
        role, name = feature.split(".")
        del roles[role]["features"][name]
    return roles


class Peer:
    """A connection, its codec, and a counter of request ids."""

    def __init__(self, link, serializer: str):
        self.link = link
        self.encode, self.decode = CODECS[serializer]
        self.session_id = None
        self.details = None
        self._requests = 0

    def send(self, *message):
        """Sends one message, whatever it is."""
        self.link.send(self.encode(list(message)))

    def receive(self, timeout_s: float = TIMEOUT_S) -> list:
        """The next message."""
        return self.decode(self.link.receive(timeout_s))

    def expect(self, *start) -> list:
        """The next message, which must start with these elements."""
        message = self.receive()
        assert message[: len(start)] == list(start), f"expected {list(start)}, received {message}"
        return message

    def join(self, realm: str = "realm1", roles: dict | None = None, **details):
        """HELLO and WELCOME."""
        self.send(HELLO, realm, {"roles": ROLES if roles is None else roles, **details})
        _, self.session_id, self.details = self.expect(WELCOME)
        return self

    def next_request(self) -> int:
        """A fresh request id."""
        self._requests += 1
        return self._requests

    def request(self, kind: int, *rest) -> int:
        """Sends a message with a fresh request id, and returns the id."""
        request = self.next_request()
        self.send(kind, request, *rest)
        return request

    def subscribe(self, topic: str, /, **options) -> int:
        """SUBSCRIBE and SUBSCRIBED; the subscription id."""
        request = self.request(SUBSCRIBE, options, topic)
        return self.expect(SUBSCRIBED, request)[2]

    def register(self, procedure: str, /, **options) -> int:
        """REGISTER and REGISTERED; the registration id."""
        request = self.request(REGISTER, options, procedure)
        return self.expect(REGISTERED, request)[2]

    def publish(self, topic: str, /, *payload, **options) -> int:
        """Acknowledged PUBLISH and PUBLISHED; the publication id."""
        request = self.request(PUBLISH, {"acknowledge": True, **options}, topic, *payload)
        return self.expect(PUBLISHED, request)[2]

    def call(self, procedure: str, /, *payload, **options) -> int:
        """CALL; the request id."""
        return self.request(CALL, options, procedure, *payload)

    def result(self, procedure: str, /, *payload, **options) -> list:
        """CALL and RESULT; the positional results."""
        request = self.call(procedure, *payload, **options)
        message = self.expect(RESULT, request, {})
        return message[3] if len(message) > 3 else []

    def expect_error(self, kind: int, request: int, uri: str) -> list:
        """An ERROR for that request; its details are always there."""
        message = self.expect(ERROR, kind, request)
        assert isinstance(message[3], dict), message
        assert message[4] == uri, message
        return message

    def expect_silence(self):
        """Nothing is on its way: the answer to a call that only the router answers comes next."""
        request = self.call("com.example.nobody.has.this")
        self.expect_error(CALL, request, "wamp.error.no_such_procedure")

    def expect_abort(self, uri: str = VIOLATION) -> list:
        """ABORT with this reason, and then the end of the connection."""
        message = self.expect(ABORT)
        assert isinstance(message[1], dict) and message[2] == uri, message
        self.expect_closed()
        return message

    def expect_closed(self) -> Closed:
        """The end of the connection, without another WAMP message."""
        try:
            message = self.receive()
        except Closed as closed:
            return closed
        raise AssertionError(f"expected the end, received {message}")

    def close(self):
        self.link.socket.close()


def connect(port: int, transport: str, serializer: str, **options) -> Peer:
    """Opens a connection without a session."""
    if transport == "rawsocket":
        return Peer(RawSocketLink(port, serializer, **options), serializer)
    return Peer(WebSocketLink(port, f"wamp.2.{serializer}", **options), serializer)
