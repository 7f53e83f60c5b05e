//! A model of the call protocol: the step table of the dealer's module doc, in all interleavings.
//!
//! Each critical section of the table is one atomic step; tasks are stacks of steps; the search visits every state that
//! any order of their steps can reach. What is modelled: one call of one caller to a registration with one or two
//! callees, re-routing, cancellation in every mode, sessions that leave, continuations of a progressive call, and the
//! queue of a registration with `concurrency`, contended by the call of somebody else.
//!
//! What must hold: exactly one final answer, or none if the caller left, and nothing after it; no INTERRUPT but for an
//! invocation that was sent and is not answered; continuations in order; no invocation that works at a call nobody
//! waits for without being told; concurrency counts that return to zero; no call that waits for ever.
//!
//! A model that finds nothing may just be blind. So each rule of the protocol is taken out once, and then there must be
//! violations.

mod search;
mod steps;
mod world;

use search::{explore, explore_all};
use steps::{CalleeScript, CallerScript, Mode, Rule, Rules, Scenario};

/// All scenarios with two callees and no bound on concurrency.
fn shared() -> Vec<Scenario> {
    use CalleeScript::{Answers, Leaves, Silent, Streams, StreamsThenUnavailable, Unavailable};
    let mut scenarios = Vec::new();
    for first in [Answers, Streams, Unavailable, StreamsThenUnavailable, Silent, Leaves] {
        for second in [Answers, Unavailable, Silent, Leaves] {
            for caller in CallerScript::PLAIN {
                for interruptible in [true, false] {
                    scenarios.push(Scenario {
                        caller: caller.to_vec(),
                        callees: vec![first, second],
                        interruptible,
                        ..Scenario::default()
                    });
                }
            }
        }
    }
    scenarios
}

/// All scenarios of a progressive call, to one callee.
fn progressive() -> Vec<Scenario> {
    use CalleeScript::{Answers, AnswersWhole, Leaves, Silent, Unavailable};
    let mut scenarios = Vec::new();
    for callee in [Answers, AnswersWhole, Unavailable, Silent, Leaves] {
        for caller in CallerScript::PROGRESSIVE {
            for limited in [false, true] {
                scenarios.push(Scenario {
                    caller: caller.to_vec(),
                    callees: vec![callee],
                    progressive: true,
                    limited,
                    ..Scenario::default()
                });
            }
        }
    }
    scenarios
}

/// All scenarios in which the callee takes one call at a time, is busy at first, and somebody else calls it too.
fn queued() -> Vec<Scenario> {
    use CalleeScript::{Answers, Leaves, Silent, Unavailable};
    let mut scenarios = Vec::new();
    for callees in
        [vec![Answers], vec![Silent], vec![Leaves], vec![Unavailable, Answers], vec![Leaves, Leaves]]
    {
        for caller in CallerScript::PLAIN {
            scenarios.push(Scenario {
                caller: caller.to_vec(),
                callees: callees.clone(),
                limited: true,
                ..Scenario::default()
            });
        }
    }
    scenarios
}

fn everything() -> Vec<Scenario> {
    [shared(), progressive(), queued()].concat()
}

// DLR-15, ROB-09, ROB-10, CAN-03, CAN-15, RER-01
#[test]
fn every_call_has_exactly_one_final_answer_in_every_interleaving() {
    let (states, violations) = explore_all(&everything(), Rules::ALL);
    assert!(violations.is_empty(), "{} violations, the first: {}", violations.len(), violations[0]);
    assert!(states > 100_000, "only {states} states: the scenarios do not interleave");
}

fn is_missed(rule: Rule) {
    let (_, violations) = explore_all(&everything(), Rules::without(rule));
    assert!(!violations.is_empty(), "without {rule:?} the model still finds nothing wrong");
}

#[test]
fn without_the_one_rule_there_are_two_answers() {
    is_missed(Rule::OnlyTheRemoverAnswers);
}

#[test]
fn a_progressive_result_that_needs_no_entry_follows_the_final_one() {
    is_missed(Rule::ProgressFindsItsEntry);
}

#[test]
fn a_late_record_that_overwrites_a_re_route_hides_the_present_callee() {
    is_missed(Rule::LateRecordIsIgnored);
}

/// To look whether somebody is recorded is not enough: the CALL's own record may come between a re-route's INVOCATION
/// and its record, and then the re-route's is the one that counts.
#[test]
fn a_record_that_yields_to_any_other_hides_the_present_callee() {
    is_missed(Rule::RecordOfThePresentAttemptCounts);
}

#[test]
fn a_callee_that_is_not_told_of_an_ended_call_works_for_nobody() {
    is_missed(Rule::RecordTellsWhatHappenedMeanwhile);
}

#[test]
fn an_invocation_that_is_not_abandoned_works_for_nobody() {
    is_missed(Rule::CancelAbandons);
}

#[test]
fn an_interrupt_that_needs_no_invocation_follows_the_answer() {
    is_missed(Rule::InterruptFindsItsInvocation);
}

#[test]
fn a_call_to_a_callee_that_closed_never_ends() {
    is_missed(Rule::ClosedIsSeen);
}

#[test]
fn calls_of_a_callee_that_leaves_without_ending_them_never_end() {
    is_missed(Rule::LeavingEndsItsCalls);
}

#[test]
fn a_call_re_routed_after_a_result_mixes_two_callees() {
    is_missed(Rule::ProgressForbidsReroute);
}

#[test]
fn an_answer_that_is_not_counted_leaves_its_callee_busy() {
    is_missed(Rule::AnswersAreCounted);
}

#[test]
fn a_queue_that_is_not_looked_at_again_forgets_a_call() {
    is_missed(Rule::EnqueueingDrains);
}

#[test]
fn a_queue_that_is_not_closed_forgets_its_calls() {
    is_missed(Rule::QueueIsClosed);
}

/// Behind the call of somebody else, which waits for this one to end, which waits for the continuation.
#[test]
fn a_continuation_that_waits_its_turn_waits_for_ever() {
    is_missed(Rule::ContinuationsLeaveWithTheirCall);
}

#[test]
fn a_continuation_that_passes_the_queue_by_overtakes() {
    is_missed(Rule::ContinuationsMindTheQueue);
}

#[test]
fn a_second_cancel_escalates_and_the_first_stays_single() {
    let scenario = Scenario {
        caller: vec![CallerScript::Cancel(Mode::Kill), CallerScript::Cancel(Mode::KillNoWait)],
        callees: vec![CalleeScript::Silent, CalleeScript::Silent],
        ..Scenario::default()
    };
    let outcome = explore(&scenario, Rules::ALL);
    assert_eq!(outcome.violations, Vec::<String>::new());
    assert_eq!(outcome.interrupts_max, 2, "one for kill, one for killnowait");
}
