//! The WAMP router without I/O: realms, sessions, broker and dealer.
