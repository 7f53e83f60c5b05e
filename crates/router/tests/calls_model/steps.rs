//! What can be scripted, the steps it is made of, and the rules that can be taken out.

/// How a call is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Skip,
    Kill,
    /// A timeout takes the same steps.
    KillNoWait,
}

/// What the caller does after its CALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CallerScript {
    Cancel(Mode),
    Leaves,
    /// One more part of a progressive call.
    Continues,
    /// The last part of it.
    Completes,
}

impl CallerScript {
    /// What callers of plain calls do.
    pub(crate) const PLAIN: &'static [&'static [CallerScript]] = &[
        &[],
        &[CallerScript::Cancel(Mode::Skip)],
        &[CallerScript::Cancel(Mode::Kill)],
        &[CallerScript::Cancel(Mode::KillNoWait)],
        &[CallerScript::Cancel(Mode::Kill), CallerScript::Cancel(Mode::KillNoWait)],
        &[CallerScript::Cancel(Mode::Kill), CallerScript::Leaves],
        &[CallerScript::Leaves],
    ];
    /// What callers of progressive calls do.
    pub(crate) const PROGRESSIVE: &'static [&'static [CallerScript]] = &[
        &[CallerScript::Completes],
        &[CallerScript::Continues, CallerScript::Completes],
        &[CallerScript::Continues, CallerScript::Cancel(Mode::KillNoWait), CallerScript::Completes],
        &[CallerScript::Continues, CallerScript::Cancel(Mode::Kill)],
        &[CallerScript::Continues, CallerScript::Leaves],
    ];
}

/// What a callee does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CalleeScript {
    /// Nothing, until all else is done.
    Silent,
    /// Answers the first INVOCATION.
    Answers,
    /// Answers when it has all parts of a progressive call.
    AnswersWhole,
    /// One progressive result, then the final one.
    Streams,
    /// Hands the call back.
    Unavailable,
    /// Hands the call back after a progressive result.
    StreamsThenUnavailable,
    /// Its session ends, at any time.
    Leaves,
}

/// What is explored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) caller: Vec<CallerScript>,
    pub(crate) callees: Vec<CalleeScript>,
    /// The callees announced `call_canceling`.
    pub(crate) interruptible: bool,
    /// The CALL is the first of several.
    pub(crate) progressive: bool,
    /// Callees take one call at a time; the first one is busy, and somebody else calls too.
    pub(crate) limited: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            caller: Vec::new(),
            callees: Vec::new(),
            interruptible: true,
            progressive: false,
            limited: false,
        }
    }
}

/// A rule of the protocol that can be taken out, to see whether the model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    OnlyTheRemoverAnswers,
    ProgressFindsItsEntry,
    LateRecordIsIgnored,
    RecordOfThePresentAttemptCounts,
    RecordTellsWhatHappenedMeanwhile,
    CancelAbandons,
    InterruptFindsItsInvocation,
    ClosedIsSeen,
    LeavingEndsItsCalls,
    ProgressForbidsReroute,
    AnswersAreCounted,
    EnqueueingDrains,
    QueueIsClosed,
    ContinuationsLeaveWithTheirCall,
    ContinuationsMindTheQueue,
}

/// The rules that hold: all but at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rules(Option<Rule>);

impl Rules {
    pub(crate) const ALL: Rules = Rules(None);

    pub(crate) fn without(rule: Rule) -> Self {
        Rules(Some(rule))
    }

    pub(crate) fn holds(self, rule: Rule) -> bool {
        self.0 != Some(rule)
    }

    pub(crate) fn is_broken(self) -> bool {
        self.0.is_some()
    }
}

/// For whom a callee is looked for, which decides what happens if all are busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    Call,
    Reroute,
    Queue,
}

/// What waits in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Waiting {
    /// The modelled call: its parts by number, the first being 0.
    Part { number: u8, last: bool },
    /// The call of somebody else.
    Other,
}

/// One critical section, or a wait for something to have happened. `A` is the caller's mailbox, `B` a callee's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A: the call gets its entry.
    Insert,
    /// B: the callee gets the INVOCATION, or the next one is tried.
    Offer { purpose: Purpose, attempt: u8, tried: u8, callee: usize, busy: bool },
    /// A: the entry learns who works at it.
    Record { callee: usize, attempt: u8 },
    /// A: one more part of a progressive call.
    Continue { number: u8, last: bool },
    /// B: it goes to the callee.
    Forward { callee: usize, number: u8, last: bool },
    /// A: CANCEL.
    Cancel(Mode),
    /// B: the callee is told.
    Interrupt { callee: usize, mode: Mode },
    /// A: the caller closes, and its calls are taken.
    CallerLeaves,
    /// A: removes the entry and answers.
    Answer,
    /// Until there is an INVOCATION.
    AwaitInvocation(usize),
    /// Until all parts of a progressive call are there.
    AwaitWhole(usize),
    /// B: a final YIELD.
    Yield(usize),
    /// B: a YIELD with progress.
    Progress(usize),
    /// A: it goes to the caller.
    ForwardProgress,
    /// B: ERROR `wamp.error.unavailable`.
    HandBack(usize),
    /// A: is the call past re-routing?
    Judge(usize),
    /// A: no callee for now.
    Reroute(usize),
    /// B: nothing is accepted any more.
    Close(usize),
    /// Off the list of callees.
    LeaveRoster(usize),
    /// B: all it works at is taken.
    TakeInvocations(usize),
    /// Somebody else calls.
    OtherCall,
    /// Until the first callee works for somebody else.
    AwaitOther,
    /// B: and it answers that.
    YieldOther,
    /// The queue's own lock: joins it.
    Enqueue(Waiting),
    /// The queue's own lock, taken and kept.
    Drain,
    /// A: what is in front?
    LookAtFront,
    /// The front leaves.
    Pop,
    /// The parts of a call that got a callee leave with it.
    PopParts { callee: usize },
    /// The lock is given back.
    Unlock,
    /// The queue's own lock: out of it.
    Forget,
    /// The queue's own lock: nobody is left to answer.
    CloseQueue,
}
