//! The framings of WAMP as data: RawSocket and WebSocket codecs without I/O.
