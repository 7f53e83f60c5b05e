"""Peers that are closed when their test is over."""

import pytest
from peer import LINKS
from peers import Peers


@pytest.fixture(params=LINKS, ids="-".join)
def peers(router, request):
    """For a test that holds on every transport and serializer."""
    peers = Peers(router.port, *request.param)
    yield peers
    peers.close()


@pytest.fixture(params=LINKS, ids="-".join)
def meta_peers(node, request):
    """The same, in a realm that this test has for itself."""
    peers = Peers(node.port, *request.param, "meta")
    yield peers
    peers.close()


@pytest.fixture
def peers_in(node):
    """Makes peers over one link in any realm of `node.Node`, and closes them all."""
    made = []

    def make(realm, transport, serializer, role="anonymous"):
        made.append(Peers(node.port_of(role), transport, serializer, realm))
        return made[-1]

    yield make
    for peers in made:
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
