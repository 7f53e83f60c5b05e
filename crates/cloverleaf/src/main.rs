//! The `cloverleaf` command: a router, and a client for people at a terminal.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
