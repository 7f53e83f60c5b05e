//! The Cloverleaf WAMP router.
