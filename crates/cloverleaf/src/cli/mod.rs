//! The command line: what there is to say, and who does it.

mod arguments;
mod call;
mod check;
mod entries;
mod history;
mod logging;
mod meta;
mod output;
mod publish;
mod register;
mod schemas;
mod session;
mod sessions;
mod signals;
mod start;
mod subscribe;
mod table;
mod top;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A WAMP router in one program, with a client for the terminal.
///
/// Without a command it starts a router.
#[derive(Debug, Parser)]
#[command(name = "cloverleaf", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    start: start::Start,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a router (the same as no command).
    Start(start::Start),
    /// Check a config file, without starting anything.
    Check(check::Check),
    /// Call a procedure and print its result as a line of JSON.
    Call(call::Call),
    /// Publish an event.
    Publish(publish::Publish),
    /// Subscribe to a topic and print each event as a line of JSON.
    Subscribe(subscribe::Subscribe),
    /// Register a procedure, answering calls with their own arguments or by a shell command.
    Register(register::Register),
    /// See who is connected, and end sessions.
    Session(sessions::Sessions),
    /// See what is subscribed to, and by whom.
    Subscription(entries::Subscriptions),
    /// See what is registered, and by whom.
    Registration(entries::Registrations),
    /// See and edit what is declared about procedures, topics and errors.
    Schema(schemas::Schemas),
    /// Print events that the router keeps.
    History(history::History),
    /// Watch what goes on in a realm.
    Top(top::Top),
}

/// Does what the command line says. Errors are one line on stderr and exit code 1.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => cli.start.run(),
        Some(Command::Start(start)) => start.run(),
        Some(Command::Check(check)) => check.run(),
        Some(Command::Call(call)) => call.run(),
        Some(Command::Publish(publish)) => publish.run(),
        Some(Command::Subscribe(subscribe)) => subscribe.run(),
        Some(Command::Register(register)) => register.run(),
        Some(Command::Session(sessions)) => sessions.run(),
        Some(Command::Subscription(subscriptions)) => subscriptions.run(),
        Some(Command::Registration(registrations)) => registrations.run(),
        Some(Command::Schema(schemas)) => schemas.run(),
        Some(Command::History(history)) => history.run(),
        Some(Command::Top(top)) => top.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `head` has seen enough: that is nothing to complain about.
            if !output::is_unread(&error) {
                output::complain(&error.to_string());
            }
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_the_router_need_no_command() {
        let cli = Cli::try_parse_from(["cloverleaf", "--listen", "127.0.0.1:0", "--realm", "a"]).unwrap();
        assert!(cli.command.is_none());
        assert!(Cli::try_parse_from(["cloverleaf", "start", "--listen", "127.0.0.1:0"]).is_ok());
        assert!(Cli::try_parse_from(["cloverleaf", "--config", "a", "--realm", "b"]).is_err());
    }

    #[test]
    fn negative_numbers_are_arguments() {
        let cli = Cli::try_parse_from(["cloverleaf", "call", "com.add", "-1", "2.5", "-k", "a=-3"]);
        assert!(matches!(cli.unwrap().command, Some(Command::Call(_))));
    }
}
