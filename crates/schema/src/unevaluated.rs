//! What `unevaluatedProperties` and `unevaluatedItems` cost.
//!
//! To know what is left over, the schema library follows all that applies to the value, through references and into
//! further `unevaluated...` keywords, and compiles what it meets anew each time. Some schemas of a few lines would keep it
//! busy for years. So its way is walked here first, by numbers alone and with a bound. The walk is a little longer than the
//! library's, which remembers some of what it met: it takes the library about 20 nanoseconds a step at most.

use crate::error::Invalid;
use crate::graph::{Graph, Id};
use crate::limits;
use crate::walk::Role;

/// How deep the way may nest, as it is walked by recursion, here and by the library. Following takes it more stack than
/// compiling does.
const DEPTH: usize = 500;
const FOLLOWING: usize = 5;

/// # Errors
/// The way is longer than allowed.
pub(crate) fn bound(graph: &Graph) -> Result<(), Invalid> {
    let mut way = Way {
        graph,
        steps: limits::UNEVALUATED_STEPS,
        compiling: vec![false; graph.len()],
        following: vec![false; graph.len()],
    };
    for id in (0..graph.len()).filter(|id| graph.is_unevaluated(*id)) {
        if way.follow(id, 0).is_none() {
            let text = "`unevaluatedProperties` and `unevaluatedItems` go through too many schemas here";
            return Err(Invalid::new(graph.place(id), text));
        }
    }
    Ok(())
}

struct Way<'g> {
    graph: &'g Graph,
    steps: usize,
    /// What is being compiled, or followed, and isn't again before it is done.
    compiling: Vec<bool>,
    following: Vec<bool>,
}

impl Way<'_> {
    /// Follows what applies to the value that a schema is applied to. `None` if it is too much.
    fn follow(&mut self, id: Id, depth: usize) -> Option<()> {
        if enter(&mut self.following, id) {
            self.step(depth)?;
            for (role, other) in self.graph.inside(id) {
                match role {
                    Role::Applied => {
                        self.compile(other, depth + 1)?;
                        self.follow(other, depth + FOLLOWING)?;
                    }
                    Role::Unevaluated => self.compile(other, depth + 1)?,
                    Role::Inner | Role::Kept => {}
                }
            }
            if let Some(target) = self.graph.reference(id) {
                self.follow(target, depth + FOLLOWING)?;
            }
            leave(&mut self.following, id);
        }
        Some(())
    }

    fn compile(&mut self, id: Id, depth: usize) -> Option<()> {
        if enter(&mut self.compiling, id) {
            self.step(depth)?;
            for (role, other) in self.graph.inside(id) {
                if role != Role::Kept {
                    self.compile(other, depth + 1)?;
                }
            }
            if let Some(target) = self.graph.reference(id) {
                self.compile(target, depth + 1)?;
            }
            if self.graph.is_unevaluated(id) {
                self.follow(id, depth + FOLLOWING)?;
            }
            leave(&mut self.compiling, id);
        }
        Some(())
    }

    fn step(&mut self, depth: usize) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        (depth < DEPTH).then_some(())
    }
}

fn enter(on_way: &mut [bool], id: Id) -> bool {
    on_way.get_mut(id).is_some_and(|on_way| !std::mem::replace(on_way, true))
}

fn leave(on_way: &mut [bool], id: Id) {
    if let Some(on_way) = on_way.get_mut(id) {
        *on_way = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;

    /// Schemas in a row, each applying the next one and having something `unevaluated`, to which the last belongs.
    fn row(levels: usize, times: usize) -> Graph {
        let mut graph = Graph::default();
        for _ in 0..=levels {
            graph.add(Path::default().key("args"));
        }
        for at in 1..levels {
            (0..times).for_each(|_| graph.add_inside(at - 1, Role::Applied, at));
            graph.add_inside(at, Role::Unevaluated, levels);
        }
        graph
    }

    #[test]
    fn a_short_row_is_walked_to_its_end() {
        assert!(bound(&row(10, 1)).is_ok());
        assert!(bound(&row(5, 2)).is_ok());
    }

    #[test]
    fn a_row_that_doubles_is_refused() {
        assert!(bound(&row(30, 2)).is_err());
    }

    #[test]
    fn a_way_that_comes_back_ends() {
        let mut graph = row(5, 1);
        graph.refer(4, 0);
        graph.add_inside(5, Role::Inner, 0);
        assert!(bound(&graph).is_ok());
    }
}
