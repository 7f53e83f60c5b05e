//! The state of the model, and what each step does to it.

use crate::steps::{CalleeScript, CallerScript, Mode, Purpose, Rule, Rules, Scenario, Step, Waiting};

/// Everything that two tasks could see of each other, and what invariants need to remember.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    rules: Rules,
    interruptible: bool,
    progressive: bool,
    limited: bool,
    caller: Caller,
    callees: Vec<Callee>,
    queue: Queue,
    /// Stacks of steps: the last one is next.
    tasks: Vec<Vec<Step>>,
    violation: Option<&'static str>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Caller {
    entry: Option<Entry>,
    closed: bool,
    finals: u8,
    /// Some result or continuation went past the router.
    progressed: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Entry {
    assigned: Option<usize>,
    /// How often the call was handed back.
    attempt: u8,
    /// By whom, as bits.
    tried: u8,
    killing: bool,
    progressed: bool,
    open: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Callee {
    closed: bool,
    dismissed: bool,
    invocation: Option<Invocation>,
    /// Calls of others that it works at.
    others: u8,
    in_flight: u8,
    interrupts: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Invocation {
    abandoned: bool,
    /// How many parts of the call have come.
    parts: u8,
    whole: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Queue {
    waiting: Vec<Waiting>,
    locked: bool,
    closed: bool,
}

impl Queue {
    /// As seen without its lock: the length that is seen is the one before whoever holds the lock changed it.
    fn looks_empty(&self) -> bool {
        self.waiting.is_empty() && !self.locked
    }
}

impl World {
    pub(crate) fn new(scenario: &Scenario, rules: Rules) -> World {
        let mut callees = vec![Callee::default(); scenario.callees.len()];
        let mut tasks = vec![caller_steps(scenario)];
        tasks.extend(scenario.callees.iter().enumerate().map(|(index, script)| callee_steps(index, *script)));
        if scenario.limited {
            callees[0].others = 1;
            callees[0].in_flight = 1;
            tasks.push(vec![Step::OtherCall]);
            let answers = [Step::AwaitOther, Step::YieldOther, Step::AwaitOther, Step::YieldOther];
            tasks.push(answers.into_iter().rev().collect());
        }
        World {
            rules,
            interruptible: scenario.interruptible,
            progressive: scenario.progressive,
            limited: scenario.limited,
            caller: Caller::default(),
            callees,
            queue: Queue::default(),
            tasks,
            violation: None,
        }
    }

    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn violation(&self) -> Option<&'static str> {
        self.violation
    }

    pub(crate) fn interrupts_max(&self) -> u8 {
        self.callees.iter().map(|callee| callee.interrupts).max().unwrap_or(0)
    }

    /// Takes the next step of a task; `None` if it has none, or has to wait.
    pub(crate) fn advance(&mut self, task: usize) -> Option<Step> {
        let step = *self.tasks[task].last()?;
        if !self.is_enabled(step) {
            return None;
        }
        self.tasks[task].pop();
        let follow = self.take(step);
        self.tasks[task].extend(follow.into_iter().rev());
        Some(step)
    }

    fn is_enabled(&self, step: Step) -> bool {
        match step {
            Step::AwaitInvocation(callee) => self.callees[callee].invocation.is_some(),
            Step::AwaitWhole(callee) => self.callees[callee].invocation.as_ref().is_some_and(|it| it.whole),
            Step::AwaitOther => self.callees.iter().any(|callee| callee.others > 0),
            Step::Enqueue(_) | Step::CloseQueue | Step::Drain | Step::Forget => !self.queue.locked,
            _ => true,
        }
    }

    /// What a step does; the steps that follow it in its task.
    fn take(&mut self, step: Step) -> Vec<Step> {
        match step {
            Step::Insert => self.insert(),
            Step::Offer { purpose, attempt, tried, callee, busy } => {
                self.offer(purpose, attempt, tried, callee, busy)
            }
            Step::Record { callee, attempt } => self.record(callee, attempt),
            Step::Continue { number, last } => self.continue_call(number, last),
            Step::Forward { callee, number, last } => self.forward(callee, number, last),
            Step::Cancel(mode) => self.cancel(mode),
            Step::Interrupt { callee, mode } => self.interrupt(callee, mode),
            Step::CallerLeaves => {
                self.caller.closed = true;
                let entry = self.caller.entry.take();
                entry.map_or(Vec::new(), |entry| let_go(&entry, Mode::KillNoWait))
            }
            Step::Answer => self.answer(),
            Step::AwaitInvocation(_) | Step::AwaitWhole(_) | Step::AwaitOther => Vec::new(),
            Step::Yield(callee) => self.end_invocation(callee, Step::Answer),
            Step::HandBack(callee) => self.end_invocation(callee, Step::Judge(callee)),
            Step::Progress(callee) => match &self.callees[callee].invocation {
                Some(invocation) if !invocation.abandoned => vec![Step::ForwardProgress],
                _ => Vec::new(),
            },
            Step::ForwardProgress => self.forward_progress(),
            Step::Judge(callee) => {
                let past = self.caller.entry.as_ref().is_none_or(|entry| self.is_past_reroute(entry));
                vec![if self.progressive || past { Step::Answer } else { Step::Reroute(callee) }]
            }
            Step::Reroute(callee) => self.reroute(callee),
            Step::Close(callee) => {
                self.callees[callee].closed = true;
                Vec::new()
            }
            Step::LeaveRoster(callee) => {
                self.callees[callee].dismissed = true;
                let is_last = self.callees.iter().all(|callee| callee.dismissed);
                let closes = is_last && self.rules.holds(Rule::QueueIsClosed);
                if closes { vec![Step::CloseQueue] } else { Vec::new() }
            }
            Step::TakeInvocations(callee) => self.take_invocations(callee),
            Step::OtherCall => self.other_call(),
            Step::YieldOther => {
                if let Some(callee) = self.callees.iter_mut().find(|callee| callee.others > 0) {
                    callee.others -= 1;
                    callee.in_flight -= 1;
                }
                vec![Step::Drain]
            }
            Step::Enqueue(waiting) => self.enqueue(waiting),
            Step::Drain => {
                if self.queue.waiting.is_empty() {
                    return Vec::new();
                }
                self.queue.locked = true;
                vec![Step::LookAtFront]
            }
            Step::LookAtFront => self.look_at_front(),
            Step::Pop => {
                self.queue.waiting.remove(0);
                vec![Step::LookAtFront]
            }
            Step::PopParts { callee } => self.pop_parts(callee),
            Step::Unlock => {
                self.queue.locked = false;
                Vec::new()
            }
            Step::Forget => {
                self.queue.waiting.retain(|waiting| *waiting == Waiting::Other);
                Vec::new()
            }
            Step::CloseQueue => {
                self.queue.closed = true;
                let waiting = std::mem::take(&mut self.queue.waiting);
                if waiting.iter().any(|waiting| *waiting != Waiting::Other) {
                    vec![Step::Answer]
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn insert(&mut self) -> Vec<Step> {
        self.caller.entry = Some(Entry { open: self.progressive, ..Entry::default() });
        if self.queue.looks_empty() {
            vec![Step::Offer { purpose: Purpose::Call, attempt: 0, tried: 0, callee: 0, busy: false }]
        } else {
            vec![Step::Enqueue(self.first_part())]
        }
    }

    fn first_part(&self) -> Waiting {
        Waiting::Part { number: 0, last: !self.progressive }
    }

    fn offer(&mut self, purpose: Purpose, attempt: u8, tried: u8, callee: usize, busy: bool) -> Vec<Step> {
        if callee == self.callees.len() {
            return match purpose {
                Purpose::Call if busy => vec![Step::Enqueue(self.first_part())],
                Purpose::Queue if busy => vec![Step::Unlock],
                Purpose::Queue => vec![Step::Answer, Step::Pop],
                Purpose::Call | Purpose::Reroute => vec![Step::Answer],
            };
        }
        let is_busy = self.is_busy(callee);
        let next = |busy| vec![Step::Offer { purpose, attempt, tried, callee: callee + 1, busy }];
        if tried & (1 << callee) != 0 {
            return next(busy);
        }
        let gone = self.callees[callee].closed || self.callees[callee].dismissed;
        if gone && self.rules.holds(Rule::ClosedIsSeen) {
            return next(busy);
        }
        if is_busy {
            return next(true);
        }
        if attempt > 0 && self.caller.progressed {
            self.violation = Some("a call was re-routed after it had progressed");
        }
        let invoked = &mut self.callees[callee];
        invoked.invocation = Some(Invocation { abandoned: false, parts: 1, whole: !self.progressive });
        invoked.in_flight += 1;
        let record = Step::Record { callee, attempt };
        if purpose == Purpose::Queue { vec![record, Step::PopParts { callee }] } else { vec![record] }
    }

    fn is_busy(&self, callee: usize) -> bool {
        self.limited && self.callees[callee].in_flight > 0
    }

    fn record(&mut self, callee: usize, attempt: u8) -> Vec<Step> {
        let mode = match &mut self.caller.entry {
            None => Mode::KillNoWait,
            Some(entry) => {
                let counts = if !self.rules.holds(Rule::LateRecordIsIgnored) {
                    true
                } else if self.rules.holds(Rule::RecordOfThePresentAttemptCounts) {
                    entry.attempt == attempt
                } else {
                    entry.assigned.is_none()
                };
                if counts {
                    entry.assigned = Some(callee);
                }
                if !entry.killing {
                    return Vec::new();
                }
                Mode::Kill
            }
        };
        if mode == Mode::Kill && !self.interruptible {
            return vec![Step::Answer, Step::Interrupt { callee, mode: Mode::Skip }];
        }
        if self.rules.holds(Rule::RecordTellsWhatHappenedMeanwhile) {
            vec![Step::Interrupt { callee, mode }]
        } else {
            Vec::new()
        }
    }

    fn continue_call(&mut self, number: u8, last: bool) -> Vec<Step> {
        let Some(entry) = &mut self.caller.entry else { return Vec::new() };
        if !entry.open {
            return Vec::new();
        }
        entry.open = !last;
        entry.progressed = true;
        let passes = self.queue.looks_empty() || !self.rules.holds(Rule::ContinuationsMindTheQueue);
        match entry.assigned {
            Some(callee) if passes => vec![Step::Forward { callee, number, last }],
            _ => vec![Step::Enqueue(Waiting::Part { number, last })],
        }
    }

    fn forward(&mut self, callee: usize, number: u8, last: bool) -> Vec<Step> {
        if let Some(invocation) = &mut self.callees[callee].invocation
            && !invocation.abandoned
        {
            if invocation.parts != number {
                self.violation = Some("a continuation overtook another");
            }
            invocation.parts = number + 1;
            invocation.whole = last;
            self.caller.progressed = true;
        }
        Vec::new()
    }

    fn cancel(&mut self, mode: Mode) -> Vec<Step> {
        let Some(entry) = &mut self.caller.entry else { return Vec::new() };
        let interruptible = entry.assigned.is_none() || self.interruptible;
        if mode == Mode::Kill && interruptible && (entry.assigned.is_some() || entry.attempt > 0) {
            let again = std::mem::replace(&mut entry.killing, true);
            return match entry.assigned {
                Some(callee) if !again => vec![Step::Interrupt { callee, mode }],
                _ => Vec::new(),
            };
        }
        // A callee that can't be told is left to work for nobody.
        let mode = if mode == Mode::Kill { Mode::Skip } else { mode };
        let follow = let_go(entry, mode);
        self.answer();
        follow
    }

    fn interrupt(&mut self, callee: usize, mode: Mode) -> Vec<Step> {
        let callee = &mut self.callees[callee];
        match &mut callee.invocation {
            None if self.rules.holds(Rule::InterruptFindsItsInvocation) => return Vec::new(),
            None => {}
            Some(invocation) if mode != Mode::Kill => {
                if invocation.abandoned {
                    return Vec::new();
                }
                invocation.abandoned = self.rules.holds(Rule::CancelAbandons);
            }
            Some(_) => {}
        }
        if mode != Mode::Skip && self.interruptible {
            callee.interrupts += 1;
            if callee.invocation.is_none() {
                self.violation = Some("an INTERRUPT for no invocation");
            }
        }
        Vec::new()
    }

    fn answer(&mut self) -> Vec<Step> {
        let removed = self.caller.entry.take().is_some();
        if (removed || !self.rules.holds(Rule::OnlyTheRemoverAnswers)) && !self.caller.closed {
            self.caller.finals += 1;
            if self.caller.finals > 1 {
                self.violation = Some("a second final answer");
            }
        }
        Vec::new()
    }

    fn end_invocation(&mut self, callee: usize, then: Step) -> Vec<Step> {
        let callee = &mut self.callees[callee];
        let Some(invocation) = callee.invocation.take() else { return Vec::new() };
        if self.rules.holds(Rule::AnswersAreCounted) {
            callee.in_flight -= 1;
        }
        if invocation.abandoned { vec![Step::Drain] } else { vec![then, Step::Drain] }
    }

    fn forward_progress(&mut self) -> Vec<Step> {
        match &mut self.caller.entry {
            Some(entry) => entry.progressed = true,
            None if self.rules.holds(Rule::ProgressFindsItsEntry) => return Vec::new(),
            None => {}
        }
        self.caller.progressed = true;
        if self.caller.finals > 0 {
            self.violation = Some("a progressive result after the final answer");
        }
        Vec::new()
    }

    fn is_past_reroute(&self, entry: &Entry) -> bool {
        entry.killing || (entry.progressed && self.rules.holds(Rule::ProgressForbidsReroute))
    }

    fn reroute(&mut self, callee: usize) -> Vec<Step> {
        let Some(mut entry) = self.caller.entry.take() else { return Vec::new() };
        entry.assigned = None;
        let ends = self.callees.len() == 1 || self.is_past_reroute(&entry);
        if !ends {
            entry.attempt += 1;
            entry.tried |= 1 << callee;
        }
        let (attempt, tried) = (entry.attempt, entry.tried);
        self.caller.entry = Some(entry);
        if ends {
            return vec![Step::Answer];
        }
        vec![Step::Offer { purpose: Purpose::Reroute, attempt, tried, callee: 0, busy: false }]
    }

    fn take_invocations(&mut self, callee: usize) -> Vec<Step> {
        let callee = &mut self.callees[callee];
        callee.others = 0;
        callee.in_flight = 0;
        match callee.invocation.take() {
            Some(invocation) if !invocation.abandoned && self.rules.holds(Rule::LeavingEndsItsCalls) => {
                vec![Step::Answer]
            }
            _ => Vec::new(),
        }
    }

    fn other_call(&mut self) -> Vec<Step> {
        if self.queue.looks_empty() && self.serves_other() != Some(false) {
            return Vec::new();
        }
        vec![Step::Enqueue(Waiting::Other)]
    }

    /// Gives the call of somebody else to a callee: whether one took it, or `None` if all are gone.
    fn serves_other(&mut self) -> Option<bool> {
        let mut found = None;
        for callee in self.callees.iter_mut().filter(|callee| !callee.closed && !callee.dismissed) {
            if callee.in_flight == 0 {
                callee.others += 1;
                callee.in_flight += 1;
                return Some(true);
            }
            found = Some(false);
        }
        found
    }

    fn enqueue(&mut self, waiting: Waiting) -> Vec<Step> {
        if self.queue.closed {
            return if waiting == Waiting::Other { Vec::new() } else { vec![Step::Answer] };
        }
        // A call that waits gets its callee under this lock, so that this is the last word on it.
        let assigned = self.caller.entry.as_ref().and_then(|entry| entry.assigned);
        if let (Waiting::Part { number: number @ 1.., last }, Some(callee)) = (waiting, assigned)
            && self.rules.holds(Rule::ContinuationsMindTheQueue)
        {
            self.queue.locked = true;
            return vec![Step::Forward { callee, number, last }, Step::Unlock];
        }
        self.queue.waiting.push(waiting);
        if self.rules.holds(Rule::EnqueueingDrains) { vec![Step::Drain] } else { Vec::new() }
    }

    fn look_at_front(&mut self) -> Vec<Step> {
        let Some(front) = self.queue.waiting.first().copied() else { return vec![Step::Unlock] };
        let Waiting::Part { number, last } = front else {
            return vec![if self.serves_other() == Some(false) { Step::Unlock } else { Step::Pop }];
        };
        match &self.caller.entry {
            None => vec![Step::Pop],
            Some(entry) => match entry.assigned {
                Some(callee) => vec![Step::Forward { callee, number, last }, Step::Pop],
                None => {
                    vec![Step::Offer {
                        purpose: Purpose::Queue,
                        attempt: 0,
                        tried: 0,
                        callee: 0,
                        busy: false,
                    }]
                }
            },
        }
    }

    fn pop_parts(&mut self, callee: usize) -> Vec<Step> {
        if !self.rules.holds(Rule::ContinuationsLeaveWithTheirCall) {
            return vec![Step::Pop];
        }
        let Some(at) = self.queue.waiting.iter().position(|waiting| *waiting != Waiting::Other) else {
            return vec![Step::LookAtFront];
        };
        match self.queue.waiting.remove(at) {
            Waiting::Part { number: number @ 1.., last } => {
                vec![Step::Forward { callee, number, last }, Step::PopParts { callee }]
            }
            _ => vec![Step::PopParts { callee }],
        }
    }

    /// What is wrong in a state in which no task can take a step.
    pub(crate) fn wrong_at_the_end(&self) -> Option<String> {
        let stuck =
            self.tasks.iter().filter_map(|steps| steps.last()).find(|step| {
                !matches!(step, Step::AwaitInvocation(_) | Step::AwaitWhole(_) | Step::AwaitOther)
            });
        if let Some(step) = stuck {
            return Some(format!("{step:?} waits for ever"));
        }
        let entry = self.caller.entry.as_ref();
        for (index, callee) in self.callees.iter().enumerate().filter(|(_, callee)| !callee.closed) {
            let Some(invocation) = callee.invocation.as_ref().filter(|invocation| !invocation.abandoned)
            else {
                continue;
            };
            let Some(entry) = entry.filter(|entry| entry.assigned == Some(index)) else {
                return Some(format!("callee {index} works for nobody, and was not told"));
            };
            if entry.killing && callee.interrupts == 0 {
                return Some(format!("callee {index} was not told that the call is killed"));
            }
            if !entry.open && !invocation.whole {
                return Some("a part of the call was lost".to_owned());
            }
        }
        if let Some(entry) = entry {
            let works = |index: usize| {
                let callee = &self.callees[index];
                !callee.closed && callee.invocation.as_ref().is_some_and(|invocation| !invocation.abandoned)
            };
            let waits = self.queue.waiting.iter().any(|waiting| *waiting != Waiting::Other);
            let has_callee = entry.assigned.is_some_and(works);
            if !has_callee && !waits {
                return Some("the call waits for ever: nobody works at it".to_owned());
            }
        }
        let is_free = |callee: &Callee| !callee.closed && callee.in_flight == 0;
        if !self.queue.waiting.is_empty() && self.callees.iter().any(is_free) {
            return Some("a call waits for a callee that is free".to_owned());
        }
        self.clone().wrong_after_late_answers()
    }

    /// All callees answer all that they still work at: then nothing may be left.
    fn wrong_after_late_answers(mut self) -> Option<String> {
        self.tasks.clear();
        loop {
            let working =
                self.callees.iter().position(|callee| callee.invocation.is_some() && !callee.closed);
            let step = match working {
                Some(callee) => Step::Yield(callee),
                None if self.callees.iter().any(|callee| callee.others > 0) => Step::YieldOther,
                None => break,
            };
            self.tasks.push(vec![step]);
            while self.advance(0).is_some() {}
            self.tasks.clear();
            if let Some(violation) = self.violation {
                return Some(violation.to_owned());
            }
        }
        let busy = self.callees.iter().any(|callee| !callee.closed && callee.in_flight > 0);
        if busy || !self.queue.waiting.is_empty() {
            return Some("a callee counts as busy, or a call waits, when all is answered".to_owned());
        }
        let wanted = if self.caller.closed { 0..=1 } else { 1..=1 };
        if self.caller.entry.is_some() || !wanted.contains(&self.caller.finals) {
            return Some(format!("{} final answers", self.caller.finals));
        }
        None
    }
}

fn let_go(entry: &Entry, mode: Mode) -> Vec<Step> {
    match entry.assigned {
        Some(callee) => vec![Step::Interrupt { callee, mode }],
        None => vec![Step::Forget],
    }
}

fn caller_steps(scenario: &Scenario) -> Vec<Step> {
    let mut number = 0;
    let mut part = |last| {
        number += 1;
        Step::Continue { number, last }
    };
    let mut steps = vec![Step::Insert];
    steps.extend(scenario.caller.iter().map(|script| match script {
        CallerScript::Cancel(mode) => Step::Cancel(*mode),
        CallerScript::Leaves => Step::CallerLeaves,
        CallerScript::Continues => part(false),
        CallerScript::Completes => part(true),
    }));
    steps.reverse();
    steps
}

fn callee_steps(callee: usize, script: CalleeScript) -> Vec<Step> {
    let wait = Step::AwaitInvocation(callee);
    let mut steps = match script {
        CalleeScript::Silent => Vec::new(),
        CalleeScript::Answers => vec![wait, Step::Yield(callee)],
        CalleeScript::AnswersWhole => vec![Step::AwaitWhole(callee), Step::Yield(callee)],
        CalleeScript::Streams => vec![wait, Step::Progress(callee), Step::Yield(callee)],
        CalleeScript::Unavailable => vec![wait, Step::HandBack(callee)],
        CalleeScript::StreamsThenUnavailable => {
            vec![wait, Step::Progress(callee), Step::HandBack(callee)]
        }
        CalleeScript::Leaves => {
            vec![Step::Close(callee), Step::LeaveRoster(callee), Step::TakeInvocations(callee)]
        }
    };
    steps.reverse();
    steps
}
