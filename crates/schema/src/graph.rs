//! Which schemas a value meets at once.
//!
//! Keywords such as `anyOf`, and references, apply further schemas to the value that is already at hand. This must come
//! to an end: a schema that comes back to itself this way says nothing. And it must come to an end soon: a schema that
//! refers twice to one that refers twice to one, and so on, is short and never done. Both are told here, before the
//! schema library compiles anything. Recursion into the value, over `properties` or `items`, is bounded by the value.

use crate::error::Invalid;
use crate::limits;
use crate::path::Path;
use crate::walk::Role;

/// All schemas of a declaration, each with those that it applies.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
}

/// The number of a schema in the graph.
pub(crate) type Id = usize;

struct Node {
    place: Path,
    /// The schemas directly inside.
    inside: Vec<(Role, Id)>,
    /// Where its `$ref` leads.
    reference: Option<Id>,
}

/// What a schema applies to one value, itself included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weight {
    schemas: u64,
    in_a_row: u32,
}

impl Graph {
    pub(crate) fn add(&mut self, place: Path) -> Id {
        self.nodes.push(Node { place, inside: Vec::new(), reference: None });
        self.nodes.len() - 1
    }

    pub(crate) fn add_inside(&mut self, id: Id, role: Role, inner: Id) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.inside.push((role, inner));
        }
    }

    pub(crate) fn refer(&mut self, id: Id, target: Id) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.reference = Some(target);
        }
    }

    /// # Errors
    /// A schema comes back to itself, or applies more schemas to one value than allowed.
    pub(crate) fn bound(&self) -> Result<(), Invalid> {
        let mut weights: Vec<Option<Weight>> = vec![None; self.len()];
        // Those go first that apply nothing, then those that apply only what is done.
        let mut waiting: Vec<usize> = (0..self.len()).map(|id| self.applied(id).count()).collect();
        let mut ready: Vec<Id> = (0..self.len()).filter(|id| waiting.get(*id) == Some(&0)).collect();
        let appliers = self.appliers();
        while let Some(id) = ready.pop() {
            let weight = self.weight(id, &weights)?;
            if let Some(slot) = weights.get_mut(id) {
                *slot = Some(weight);
            }
            for applier in appliers.get(id).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(*applier) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(*applier);
                    }
                }
            }
        }
        match weights.iter().position(Option::is_none) {
            Some(endless) => Err(self.cycle(endless, &weights)),
            None => Ok(()),
        }
    }

    /// The weight of a schema, those of all that it applies being known.
    fn weight(&self, id: Id, weights: &[Option<Weight>]) -> Result<Weight, Invalid> {
        let applied = self.applied(id).filter_map(|id| weights.get(id).copied().flatten());
        let weight = applied.fold(Weight { schemas: 1, in_a_row: 1 }, |weight, applied| Weight {
            schemas: weight.schemas.saturating_add(applied.schemas),
            in_a_row: weight.in_a_row.max(applied.in_a_row.saturating_add(1)),
        });
        if weight.schemas > limits::SCHEMAS_AT_ONCE || weight.in_a_row > limits::SCHEMAS_IN_A_ROW {
            let text = "applies too many schemas to one value, by references and alternatives together";
            return Err(Invalid::new(self.place(id), text));
        }
        Ok(weight)
    }

    /// A schema on a cycle. `id` leads to it, as all do that are left without weight.
    fn cycle(&self, mut id: Id, weights: &[Option<Weight>]) -> Invalid {
        let mut seen = vec![false; self.len()];
        while seen.get(id) == Some(&false) {
            if let Some(seen) = seen.get_mut(id) {
                *seen = true;
            }
            id = self.applied(id).find(|next| weights.get(*next) == Some(&None)).unwrap_or(id);
        }
        Invalid::new(self.place(id), "comes back to itself without going into the value")
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn place(&self, id: Id) -> Path {
        self.nodes.get(id).map(|node| node.place.clone()).unwrap_or_default()
    }

    pub(crate) fn inside(&self, id: Id) -> impl Iterator<Item = (Role, Id)> + use<'_> {
        self.nodes.get(id).into_iter().flat_map(|node| node.inside.iter().copied())
    }

    pub(crate) fn reference(&self, id: Id) -> Option<Id> {
        self.nodes.get(id)?.reference
    }

    /// Whether it has `unevaluatedProperties` or `unevaluatedItems`.
    pub(crate) fn is_unevaluated(&self, id: Id) -> bool {
        self.inside(id).any(|(role, _)| role == Role::Unevaluated)
    }

    /// What it applies to the same value.
    fn applied(&self, id: Id) -> impl Iterator<Item = Id> + use<'_> {
        let inside = self.inside(id).filter(|(role, _)| *role == Role::Applied);
        inside.map(|(_, id)| id).chain(self.reference(id))
    }

    /// For each, who applies it, as often as it does.
    fn appliers(&self) -> Vec<Vec<Id>> {
        let mut appliers = vec![Vec::new(); self.len()];
        for id in 0..self.len() {
            for applied in self.applied(id) {
                if let Some(list) = appliers.get_mut(applied) {
                    list.push(id);
                }
            }
        }
        appliers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: usize, applies: &[(Id, Id)]) -> Graph {
        let mut graph = Graph::default();
        for at in 0..nodes {
            graph.add(Path::default().key("args").index(at));
        }
        for (from, to) in applies {
            graph.add_inside(*from, Role::Applied, *to);
        }
        graph
    }

    #[test]
    fn what_comes_back_is_found_on_its_cycle() {
        let error = graph(4, &[(0, 1), (1, 2), (2, 1), (1, 3)]).bound().unwrap_err();
        assert_eq!(error.to_string(), "args[1]: comes back to itself without going into the value");
        let mut own = graph(1, &[]);
        own.refer(0, 0);
        assert!(own.bound().is_err());
        assert!(graph(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]).bound().is_ok());
    }

    #[test]
    fn what_doubles_too_often_is_refused() {
        // A schema that applies the next one twice, and so on.
        let doubling = |levels: usize| {
            let applies: Vec<_> = (0..levels).flat_map(|at| [(at, at + 1), (at, at + 1)]).collect();
            graph(levels + 1, &applies).bound()
        };
        assert!(doubling(12).is_ok());
        let error = doubling(40).unwrap_err();
        assert!(error.to_string().starts_with("args[27]: applies too many schemas"), "{error}");
    }

    #[test]
    fn a_long_row_is_refused() {
        let row = |len: usize| graph(len, &(1..len).map(|at| (at - 1, at)).collect::<Vec<_>>()).bound();
        assert!(row(300).is_ok());
        assert!(row(301).is_err());
    }
}
