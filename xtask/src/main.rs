//! Every task of the project: `cargo xtask`.
fn main() {}
