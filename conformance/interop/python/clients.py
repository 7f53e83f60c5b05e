"""Autobahn|Python sessions as an application would make them, over any transport and serializer it has."""

import asyncio
import dataclasses

import txaio

txaio.use_asyncio()

from autobahn.asyncio.rawsocket import WampRawSocketClientFactory  # noqa: E402
from autobahn.asyncio.wamp import ApplicationSession  # noqa: E402
from autobahn.asyncio.websocket import WampWebSocketClientFactory  # noqa: E402
from autobahn.websocket.compress import (  # noqa: E402
    PerMessageDeflateOffer,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from autobahn.wamp.exception import ApplicationError  # noqa: E402
from autobahn.wamp.serializer import create_transport_serializer  # noqa: E402
from autobahn.wamp.types import ComponentConfig  # noqa: E402

JOIN_TIMEOUT_S = 10


@dataclasses.dataclass(frozen=True)
class Link:
    """A transport and a serializer."""

    transport: str
    serializer: str
    deflate: bool = False

    def __str__(self):
        return f"{self.transport}-{self.serializer}" + ("-deflate" if self.deflate else "")


# JSON's batched form is left out: this client separates its batches with octet 18 (it reads the specification's 1E
# as octal 30), so that it understands only itself. The wire suite covers that form.
LINKS = [
    Link("websocket", "json"),
    Link("websocket", "msgpack"),
    Link("websocket", "cbor"),
    Link("websocket", "ubjson"),
    Link("websocket", "json", deflate=True),
    Link("websocket", "cbor.batched"),
    Link("rawsocket", "json"),
    Link("rawsocket", "msgpack"),
    Link("rawsocket", "cbor"),
    Link("rawsocket", "ubjson"),
]


class Refused(Exception):
    """The router didn't let the session join; `args[0]` is the reason."""


class Client(ApplicationSession):
    """A session that tells by futures what happened to it."""

    def __init__(self, realm: str):
        super().__init__(ComponentConfig(realm, {}))
        loop = asyncio.get_running_loop()
        self.joined = loop.create_future()
        self.left = loop.create_future()
        self.disconnected = loop.create_future()
        self.errors = []

    def onWelcome(self, welcome):
        self.router_roles = welcome.roles

    def onJoin(self, details):
        self.details = details
        self.joined.set_result(details)

    def onLeave(self, details):
        if not self.joined.done():
            self.joined.set_exception(Refused(details.reason))
        if not self.left.done():
            self.left.set_result(details)
        self.disconnect()

    def onDisconnect(self):
        if not self.joined.done():
            self.joined.set_exception(ConnectionError("closed before the session was open"))
        if not self.disconnected.done():
            self.disconnected.set_result(None)

    def onUserError(self, fail, msg):
        self.errors.append(msg)

    @property
    def session_id(self) -> int:
        return self.details.session


class Events:
    """A subscriber's memory: every event with its details, and a way to wait for them."""

    def __init__(self):
        self._queue = asyncio.Queue()

    def __call__(self, *args, details=None, **kwargs):
        self._queue.put_nowait((list(args), kwargs, details))

    async def next(self):
        """The next event: its arguments, keyword arguments and details."""
        return await asyncio.wait_for(self._queue.get(), 5)

    async def args(self):
        """The arguments of the next event."""
        return (await self.next())[0]

    def pending(self) -> int:
        """How many events came that nobody asked for yet."""
        return self._queue.qsize()


class Clients:
    """Makes sessions, and closes them all. Those of `node.Node` may have an authrole of their choice."""

    def __init__(self, router, link: Link, realm: str = "realm1"):
        self._router = router
        self._link = link
        self._realm = realm
        self._open = []

    @property
    def link(self) -> Link:
        """How its sessions reach the router."""
        return self._link

    async def join(self, realm: str | None = None, link: Link | None = None, role: str | None = None) -> Client:
        """Connects and joins; fails with `Refused` if the router says no."""
        realm, link = realm or self._realm, link or self._link
        port = self._router.port_of(role) if role else self._router.port
        loop = asyncio.get_running_loop()
        txaio.config.loop = loop
        client = Client(realm)
        factory = self._websocket(client, link) if link.transport == "websocket" else self._rawsocket(client, link)
        factory.loop = loop
        transport, _ = await loop.create_connection(factory, "127.0.0.1", port)
        self._open.append((client, transport))
        await asyncio.wait_for(asyncio.shield(client.joined), JOIN_TIMEOUT_S)
        return client

    async def join_many(self, count: int) -> list[Client]:
        """Several sessions, in order."""
        return [await self.join() for _ in range(count)]

    async def join_alone(self, role: str | None = None) -> Client:
        """A session in a realm that the sessions of earlier tests have left."""
        client = await self.join(role=role)
        while await client.call("wamp.session.count") != 1:
            await asyncio.sleep(0.005)
        return client

    async def cut(self, client: Client):
        """Ends the client's connection without a word, as a lost network would."""
        for known, transport in self._open:
            if known is client:
                transport.abort()
        await asyncio.wait_for(asyncio.shield(client.disconnected), 5)

    async def close(self):
        """Closes every connection that is still open."""
        for client, transport in self._open:
            if not client.disconnected.done():
                transport.abort()
            # A refused session whose refusal the test has seen isn't reported a second time.
            if client.joined.done() and not client.joined.cancelled():
                client.joined.exception()
        await asyncio.sleep(0)

    def _websocket(self, client, link):
        serializer = create_transport_serializer(link.serializer)
        factory = WampWebSocketClientFactory(lambda: client, url=self._router.url, serializers=[serializer])
        if link.deflate:
            factory.setProtocolOptions(
                perMessageCompressionOffers=[PerMessageDeflateOffer()],
                perMessageCompressionAccept=lambda response: PerMessageDeflateResponseAccept(response)
                if isinstance(response, PerMessageDeflateResponse)
                else None,
            )
        return factory

    @staticmethod
    def _rawsocket(client, link):
        return WampRawSocketClientFactory(lambda: client, serializer=create_transport_serializer(link.serializer))


async def refused(answer) -> ApplicationError:
    """The error that a call, or whatever is awaited, is answered with."""
    try:
        result = await asyncio.wait_for(answer, 5)
    except ApplicationError as error:
        return error
    raise AssertionError(f"it was answered with {result!r}")


async def error_of(answer) -> str:
    """The URI of that error, which has a sentence for people with it."""
    error = await refused(answer)
    assert len(error.args) == 1 and isinstance(error.args[0], str) and error.args[0], error
    return error.error


async def settled(client: Client, uri: str):
    """Returns when the router has worked off everything that came before, and its answers have arrived.

    The call of a procedure that nobody has is answered by the router itself, behind all that it sent before.
    """
    try:
        await client.call(f"{uri}.nobody_has_this")
    except ApplicationError as error:
        assert error.error == "wamp.error.no_such_procedure", error
    else:
        raise AssertionError("a procedure that nobody registered was answered")
