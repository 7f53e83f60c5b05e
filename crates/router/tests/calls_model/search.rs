//! The search: depth first over all states, each visited once.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::steps::{Rules, Scenario, Step};
use crate::world::World;

/// What the search of one scenario came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) states: usize,
    /// Each with the steps that led to it.
    pub(crate) violations: Vec<String>,
    /// The most INTERRUPTs that one callee got.
    pub(crate) interrupts_max: u8,
}

/// Visits every state of a scenario. After some violations it stops: one is enough to know.
pub(crate) fn explore(scenario: &Scenario, rules: Rules) -> Outcome {
    let mut outcome = Outcome::default();
    let mut seen = HashSet::default();
    let mut path = Vec::new();
    visit(&World::new(scenario, rules), scenario, &mut seen, &mut path, &mut outcome);
    outcome.states = seen.len();
    outcome
}

/// Visits every state of every scenario: how many there are, and all that is wrong.
pub(crate) fn explore_all(scenarios: &[Scenario], rules: Rules) -> (usize, Vec<String>) {
    let mut states = 0;
    let mut violations = Vec::new();
    for scenario in scenarios {
        let outcome = explore(scenario, rules);
        states += outcome.states;
        violations.extend(outcome.violations);
        if rules.is_broken() && !violations.is_empty() {
            break;
        }
    }
    (states, violations)
}

/// Which task took which step.
type Path = Vec<(usize, Step)>;

const VIOLATIONS_MAX: usize = 3;

fn visit(
    world: &World,
    scenario: &Scenario,
    seen: &mut HashSet<World, RandomState>,
    path: &mut Path,
    outcome: &mut Outcome,
) {
    if outcome.violations.len() >= VIOLATIONS_MAX || !seen.insert(world.clone()) {
        return;
    }
    outcome.interrupts_max = outcome.interrupts_max.max(world.interrupts_max());
    let mut quiet = true;
    for task in 0..world.tasks() {
        let mut next = world.clone();
        let Some(step) = next.advance(task) else { continue };
        quiet = false;
        path.push((task, step));
        match next.violation() {
            Some(what) => outcome.violations.push(told(what, scenario, path)),
            None => visit(&next, scenario, seen, path, outcome),
        }
        path.pop();
    }
    if quiet && let Some(what) = world.wrong_at_the_end() {
        outcome.violations.push(told(&what, scenario, path));
    }
}

fn told(what: &str, scenario: &Scenario, path: &[(usize, Step)]) -> String {
    let steps: Vec<String> = path.iter().map(|(task, step)| format!("  task {task}: {step:?}")).collect();
    format!("{what}\n{scenario:?}\n{}", steps.join("\n"))
}
