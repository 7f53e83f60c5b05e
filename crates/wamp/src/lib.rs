//! WAMP v2 as data: messages, URIs, ids and serializers, without I/O.
