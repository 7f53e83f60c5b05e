//! Sessions that join, stay a while and leave, and do nothing else: what a router needs for each that is just there.
//!
//! Each says who it is in about a hundred bytes that no other says (the `authextra` of an anonymous session, which a
//! router keeps and tells others, beside the authid that it makes up). They come [`WAVE`] at a time: all of a wave say
//! HELLO before the first one waits for WELCOME, as after an outage, but more orderly.
//!
//! Memory is compared to that of the same process after a first [`FIRST`] sessions have come and gone, which pay for
//! threads and tables that are made once. It is read when it has not changed for 100 ms ([`Usage::settled`]); so is the
//! processor time, which then has everything in it from the first TCP accept to what is tidied up after WELCOME.

use std::fmt;
use std::str::SplitWhitespace;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wamp::message::{Goodbye, Message};
use wamp::{Value, error_uri};

use super::{Figures, Outcome, Plan};
use crate::case::{Case, SESSIONS_MAX};
use crate::join::{Part, enter, expect, knock};
use crate::opening::Opening;
use crate::target::{Speaks, Target};
use crate::usage::Usage;

/// So many sessions join at once.
const WAVE: usize = 32;
/// So many come and go before memory is looked at first, if as many are measured at all.
const FIRST: usize = 100;

/// How many sessions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowd {
    pub(crate) sessions: usize,
}

impl Crowd {
    /// Reads what follows `idle`.
    pub(crate) fn read(words: &mut SplitWhitespace<'_>) -> Result<Self> {
        let sessions = words.next().context("expected the number of sessions")?.parse()?;
        ensure!((1..=SESSIONS_MAX).contains(&sessions), "there are 1 to {SESSIONS_MAX} sessions");
        Ok(Self { sessions })
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "idle {}", self.sessions)
    }
}

/// Lets the crowd join, stay for the measured time, and leave. What is counted are the joins, and `cpu` is theirs.
pub(crate) fn measure(
    target: &Target,
    case: &Case,
    crowd: Crowd,
    plan: Plan,
    pid: Option<u32>,
) -> Result<Outcome> {
    let look = || pid.map(Usage::settled).transpose();
    let meeting = Meeting { target, case };
    meeting.part(meeting.gather(FIRST.min(crowd.sessions))?)?;
    let before = look()?;
    let (generator, begin) = (Usage::of_self()?, Instant::now());
    let sessions = meeting.gather(crowd.sessions)?;
    let elapsed = begin.elapsed();
    let generator_cpu = Usage::of_self()?.cpu_since(&generator);
    let joined = look()?;
    thread::sleep(plan.measured);
    let stayed = pid.map(Usage::of).transpose()?;
    // Whoever was sent anything meanwhile, or cut off, doesn't get GOODBYE next.
    meeting.part(sessions)?;
    let left = look()?;
    let looks = before.zip(joined).zip(stayed.zip(left));
    let figures = looks.map(|((before, joined), (stayed, left))| {
        figures(crowd.sessions, [before, joined, stayed, left], (elapsed, plan.measured))
    });
    Ok(Outcome {
        elapsed,
        completed: crowd.sessions as u64,
        target: before.zip(joined).map(|(before, joined)| Usage { cpu: joined.cpu_since(&before), ..joined }),
        generator_cpu,
        latency: None,
        figures: figures.unwrap_or_default(),
    })
}

/// `joining` is how long it took until all were in, `staying` how long they stayed.
fn figures(
    sessions: usize,
    [before, joined, stayed, left]: [Usage; 4],
    (joining, staying): (Duration, Duration),
) -> Figures {
    let each = |whole: f64| whole / sessions as f64;
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    Figures::from([
        ("rss_bytes_per_session", each(joined.grown_since(&before))),
        ("rss_bytes_kept_per_session", each(left.grown_since(&before))),
        ("join_cpu_ms", each(millis(joined.cpu_since(&before)))),
        ("leave_cpu_ms", each(millis(left.cpu_since(&stayed)))),
        ("joins_per_second", sessions as f64 / joining.as_secs_f64().max(f64::MIN_POSITIVE)),
        (
            "idle_cpu_ms_per_second",
            millis(stayed.cpu_since(&joined)) / staying.as_secs_f64().max(f64::MIN_POSITIVE),
        ),
    ])
}

/// Where sessions come together.
struct Meeting<'a> {
    target: &'a Target,
    case: &'a Case,
}

impl Meeting<'_> {
    fn gather(&self, count: usize) -> Result<Vec<Opening>> {
        let Meeting { target, case } = self;
        let mut sessions = Vec::with_capacity(count);
        while sessions.len() < count {
            let begin = sessions.len();
            for number in begin..count.min(begin + WAVE) {
                // At the relay, sources are those who cost nothing as long as they say nothing.
                let session = knock(target, case.wire, Part::Publisher, Some(identity(number)));
                sessions.push(session.with_context(|| format!("session {number}"))?);
            }
            for session in sessions.iter_mut().skip(begin) {
                enter(session, target, case.wire.serializer)?;
            }
        }
        Ok(sessions)
    }

    /// Says goodbye to all and waits until each was answered.
    fn part(&self, mut sessions: Vec<Opening>) -> Result<()> {
        if self.target.speaks == Speaks::Relay {
            return Ok(());
        }
        let serializer = self.case.wire.serializer;
        let goodbye = Goodbye { message: None, reason: error_uri::CLOSE_REALM.into() };
        for session in &mut sessions {
            session.send(|out| goodbye.encode(serializer, out)).context("an idle session was cut off")?;
        }
        for session in &mut sessions {
            expect(session, serializer, |message| matches!(message, Message::Goodbye(_)))?;
        }
        Ok(())
    }
}

/// Who a session is: with an authid of 29 letters, as ours are made, these are a hundred bytes.
fn identity(number: usize) -> Value {
    let name = format!("device {number:057}");
    Value::Map([("serial".to_owned(), Value::Str(name))].into_iter().collect())
}

#[cfg(test)]
mod tests {
    use wamp::{Serializer, value::Dict};

    use super::*;

    #[test]
    fn an_identity_has_a_hundred_bytes_with_its_authid() {
        let Value::Map(identity) = identity(77) else { panic!("it is a dictionary") };
        let mut bytes = Vec::new();
        wamp::Payload::from_values(Serializer::Json, &[Value::Map(identity)], &Dict::new(), &mut bytes);
        let quotes_and_braces = r#"{"":""}"#.len();
        let identity = bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).count() - quotes_and_braces;
        assert!((95..=105).contains(&(identity + 29)), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn figures_are_per_session() {
        let usage = |millis, rss_kib| Usage { cpu: Duration::from_millis(millis), rss_kib, rss_peak_kib: 0 };
        let looks = [usage(100, 1000), usage(200, 3000), usage(230, 3000), usage(270, 1100)];
        let figures = figures(1000, looks, (Duration::from_millis(500), Duration::from_secs(3)));
        assert_eq!(figures["rss_bytes_per_session"], 2048.0);
        assert_eq!(figures["rss_bytes_kept_per_session"], 102.4);
        assert_eq!(figures["join_cpu_ms"], 0.1);
        assert_eq!(figures["leave_cpu_ms"], 0.04);
        assert_eq!(figures["joins_per_second"], 2000.0);
        assert_eq!(figures["idle_cpu_ms_per_second"], 10.0);
    }
}
