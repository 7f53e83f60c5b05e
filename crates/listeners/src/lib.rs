//! Sockets for the Cloverleaf router: TCP, Unix, TLS, one port for every transport.
