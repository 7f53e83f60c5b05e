//! The load generator and the floor relay.
fn main() {}
