//! Sessions without sockets: who they are, what they subscribe to and register, and how many of each that makes.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use listeners::{clock, in_turn, transport_here};
use router::authenticate::Preset;
use router::{ChannelType, Flow, Format, Identity, Link, Output, Router, Turn};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use transport::Framing;
use wamp::message::{Hello, HelloDetails, Message, Register, RegisterOptions, Subscribe, SubscribeOptions};
use wamp::role::ClientRoles;
use wamp::{MatchPolicy, RequestId, Serializer};

use super::REALM;
use crate::usage::Usage;

/// The authrole of the crowd; those who measure are anonymous.
pub(super) const ROLE: &str = "crowd";
/// What all of the crowd subscribe to.
pub(super) const SHARED: &str = "com.example.all";
/// How many sessions share a topic of a group.
const GROUP: usize = 100;
/// Of a session's subscriptions, so many are not to a topic of its own: to [`SHARED`], a group's, a prefix and a wildcard.
const SPECIAL: usize = 4;

const FORMAT: Format = Format { serializer: Serializer::MsgPack, framing: Framing::None };

/// How many there are.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Size {
    /// Sessions without a socket.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) sessions: usize,
    /// Subscriptions of each: one that all share, one that a hundred share, a prefix, a wildcard, and topics of its own.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(SPECIAL as i64 + 1..=1000))]
    pub(crate) subscriptions_per_session: u32,
    /// Registrations, of as many sessions: eight of ten exact, a prefix, a wildcard.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) registrations: usize,
    /// Sessions that are there to be killed.
    #[arg(long, default_value_t = 20)]
    pub(crate) victims: usize,
    /// Subscriptions of each of those: half exact, a quarter prefixes, a quarter wildcards.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) subscriptions_per_victim: usize,
}

/// Ids of a kind, by how they match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) exact: usize,
    pub(super) prefix: usize,
    pub(super) wildcard: usize,
}

/// Resident memory of the process at each step, in KiB, with as many sessions and so on as [`Size`] says; and how long
/// the crowd made the router's tables grow at once.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) empty: u64,
    pub(super) with_sessions: u64,
    pub(super) with_subscriptions: u64,
    pub(super) with_registrations: u64,
    /// The longest time in which one SUBSCRIBE of the crowd was handled, in microseconds of the processor: exact, prefix,
    /// wildcard.
    pub(super) longest_subscribe_us: [u64; 3],
}

impl Size {
    /// The same as arguments of a command.
    pub(super) fn arguments(&self) -> Vec<String> {
        let pair = |name: &str, value: usize| [format!("--{name}"), value.to_string()];
        [
            pair("sessions", self.sessions),
            pair("subscriptions-per-session", self.subscriptions_per_session as usize),
            pair("registrations", self.registrations),
            pair("victims", self.victims),
            pair("subscriptions-per-victim", self.subscriptions_per_victim),
        ]
        .concat()
    }

    /// Memberships in subscriptions, the victims' left out.
    pub(super) fn memberships(&self) -> usize {
        self.sessions * self.subscriptions_per_session as usize
    }

    /// Subscriptions, with those of so many victims.
    pub(super) fn subscriptions(&self, victims: usize) -> Counts {
        let own = self.subscriptions_per_session as usize - SPECIAL;
        let shared = if self.sessions > 0 { 1 + self.sessions.div_ceil(GROUP) } else { 0 };
        let of_victim = |kinds: &[usize]| {
            let fits = |index: &usize| kinds.contains(&(index % 4));
            victims * (0..self.subscriptions_per_victim).filter(fits).count()
        };
        Counts {
            exact: shared + self.sessions * own + of_victim(&[0, 1]),
            prefix: self.sessions + of_victim(&[2]),
            wildcard: self.sessions + of_victim(&[3]),
        }
    }

    /// Registrations, without the router's own.
    pub(super) fn registrations(&self) -> Counts {
        let of = |policy| (0..self.registrations).filter(|number| procedure(*number).1 == policy).count();
        Counts {
            exact: of(MatchPolicy::Exact),
            prefix: of(MatchPolicy::Prefix),
            wildcard: of(MatchPolicy::Wildcard),
        }
    }
}

/// What a session subscribes to: its subscription of this number.
fn topic(session: usize, number: usize) -> (String, MatchPolicy) {
    match number {
        0 => (SHARED.to_owned(), MatchPolicy::Exact),
        1 => (format!("com.example.group.{}", session / GROUP), MatchPolicy::Exact),
        2 => (format!("com.example.device.{session}."), MatchPolicy::Prefix),
        3 if session.is_multiple_of(2) => (format!("com.example.device.{session}."), MatchPolicy::Wildcard),
        3 => (format!("com.example..{session}.s4"), MatchPolicy::Wildcard),
        _ => (format!("com.example.device.{session}.s{number}"), MatchPolicy::Exact),
    }
}

/// A topic that a session of the crowd receives three times: as itself, by its prefix and by its wildcard.
pub(super) fn topic_matched_thrice(session: usize) -> String {
    topic(session, SPECIAL).0
}

fn topic_of_victim(victim: usize, number: usize) -> (String, MatchPolicy) {
    match number % 4 {
        2 => (format!("com.example.victim.{victim}.p{number}."), MatchPolicy::Prefix),
        3 => (format!("com.example.victim.{victim}..w{number}"), MatchPolicy::Wildcard),
        _ => (format!("com.example.victim.{victim}.t{number}"), MatchPolicy::Exact),
    }
}

/// The registration of a number.
pub(super) fn procedure(number: usize) -> (String, MatchPolicy) {
    match number % 10 {
        8 => (format!("com.example.service.{number}."), MatchPolicy::Prefix),
        9 => (format!("com.example.method..v{number}"), MatchPolicy::Wildcard),
        _ => (format!("com.example.method.{number}"), MatchPolicy::Exact),
    }
}

/// Sessions that are open as long as this is there.
pub(super) struct Crowd {
    /// Nobody polls them: their mailboxes are empty, and who is killed has nothing to say.
    _members: Vec<Member>,
    pub(super) victims: Vec<u64>,
    pub(super) memory: Memory,
}

impl Crowd {
    /// Lets all of them come, on this thread.
    pub(super) fn gather(router: &Arc<Router>, size: &Size) -> Result<Self> {
        let resident = || Usage::of_self().map(|usage| usage.rss_kib);
        let mut memory = Memory { empty: resident()?, ..Memory::default() };
        let member = |number| Member::join(router, number);
        let mut members = (0..size.sessions).map(member).collect::<Result<Vec<_>>>()?;
        memory.with_sessions = resident()?;
        for (session, member) in members.iter_mut().enumerate() {
            let topics = (0..size.subscriptions_per_session as usize).map(|number| topic(session, number));
            let longest = member.subscribe(topics)?;
            for (known, longest) in memory.longest_subscribe_us.iter_mut().zip(longest) {
                *known = longest.max(*known);
            }
        }
        memory.with_subscriptions = resident()?;
        for number in 0..size.registrations {
            let count = members.len();
            let member = members.get_mut(number % count.max(1)).context("who registers needs a session")?;
            member.register(procedure(number))?;
        }
        memory.with_registrations = resident()?;
        let mut victims = Vec::new();
        for victim in 0..size.victims {
            let mut member = Member::join(router, size.sessions + victim)?;
            member.subscribe(
                (0..size.subscriptions_per_victim).map(|number| topic_of_victim(victim, number)),
            )?;
            victims.push(member.link.session_id().context("it has joined")?.value());
            members.push(member);
        }
        Ok(Crowd { _members: members, victims, memory })
    }
}

/// One session.
struct Member {
    link: Link,
    request: RequestId,
}

impl Member {
    fn join(router: &Arc<Router>, number: usize) -> Result<Self> {
        let transport = transport_here(ChannelType::Memory, format!("process:{}", std::process::id()));
        let identity = Identity {
            authid: format!("crowd-{number}").into(),
            authrole: ROLE.into(),
            authmethod: "preset".into(),
            authprovider: "static".into(),
            authextra: None,
        };
        let link = Link::new(router, FORMAT, usize::MAX, transport, clock::now());
        let link = link.with_authenticator(Arc::new(Preset(identity)));
        let mut member = Member { link, request: RequestId::FIRST };
        let details = HelloDetails { roles: ClientRoles::complete(), ..HelloDetails::default() };
        let hello = Hello { realm: Some(REALM.into()), details };
        in_turn(|turn| member.send(hello, turn))?;
        member.drain();
        ensure!(member.link.session_id().is_some(), "a session of the crowd was not let in");
        Ok(member)
    }

    /// Subscribes to all of them; how long the router was at the one of each policy that took longest.
    fn subscribe(&mut self, topics: impl Iterator<Item = (String, MatchPolicy)>) -> Result<[u64; 3]> {
        let longest = in_turn(|turn| {
            let mut longest = [0; 3];
            for (topic, match_policy) in topics {
                let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
                let request = self.next_request();
                let began = processor_micros();
                self.send(Subscribe { request, options, topic: topic.into() }, turn)?;
                let took = processor_micros() - began;
                for (longest, policy) in longest.iter_mut().zip(MatchPolicy::ALL) {
                    *longest = if policy == match_policy { took.max(*longest) } else { *longest };
                }
            }
            anyhow::Ok(longest)
        })?;
        self.drain();
        Ok(longest)
    }

    fn register(&mut self, (procedure, match_policy): (String, MatchPolicy)) -> Result<()> {
        let options = RegisterOptions { match_policy, ..RegisterOptions::default() };
        let request = self.next_request();
        in_turn(|turn| self.send(Register { request, options, procedure: procedure.into() }, turn))?;
        self.drain();
        Ok(())
    }

    fn next_request(&mut self) -> RequestId {
        let request = self.request;
        self.request = request.next();
        request
    }

    fn send<'m>(&mut self, message: impl Into<Message<'m>>, turn: &mut Turn<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        message.into().encode(FORMAT.serializer, &mut bytes);
        match self.link.receive(&bytes, turn) {
            Flow::Continue => Ok(()),
            flow => anyhow::bail!("a session of the crowd was told {flow:?}"),
        }
    }

    /// Takes what was answered as a socket would; whether it was as it should shows in the counts later.
    fn drain(&mut self) {
        let mut output = Output::new();
        while self.link.take_output(&mut output) {
            let bytes = output.len();
            output.advance(bytes);
            self.link.sent(bytes);
        }
    }
}

/// The processor time of this thread, in microseconds: other work on the machine doesn't count.
fn processor_micros() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_counts_are_those_of_what_is_subscribed_to() {
        let size = Size {
            sessions: 250,
            subscriptions_per_session: 7,
            registrations: 37,
            victims: 3,
            subscriptions_per_victim: 10,
        };
        let of_sessions = (0..250).flat_map(|session| (0..7).map(move |number| topic(session, number)));
        let of_victims = (0..3).flat_map(|victim| (0..10).map(move |number| topic_of_victim(victim, number)));
        let all: BTreeSet<(String, MatchPolicy)> = of_sessions.chain(of_victims).collect();
        let count = |policy| all.iter().filter(|(_, found)| *found == policy).count();
        let expected = Counts {
            exact: count(MatchPolicy::Exact),
            prefix: count(MatchPolicy::Prefix),
            wildcard: count(MatchPolicy::Wildcard),
        };
        assert_eq!(size.subscriptions(3), expected);
        assert_eq!(size.memberships(), 1750);
        assert_eq!(size.registrations(), Counts { exact: 31, prefix: 3, wildcard: 3 });
    }

    #[test]
    fn some_topics_are_matched_by_three_subscriptions() {
        for session in [6, 7] {
            let probe = topic_matched_thrice(session);
            let matching = (0..10)
                .map(|number| topic(session, number))
                .filter(|(uri, policy)| policy.matches(uri, &probe));
            assert_eq!(matching.count(), 3, "{probe}");
        }
    }
}
