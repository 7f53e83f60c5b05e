//! What the tests of Cloverleaf share: vectors, seeds, scripted peers.
