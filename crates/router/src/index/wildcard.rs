//! A tree of patterns by their components, in which an empty component stands for any and runs without branches are one
//! node.
//!
//! ```text
//!   "" ─┬─ a ─┬─ b ".c" *         a.b.c
//!       │     └─ any ".c.d" *     a..c.d
//!       └─ any "" *               (one component)
//! ```
//!
//! In here a text is cut so that what is left of it is empty or begins with the dot before its next component; a whole
//! one is made to look like that by a dot at its beginning.
//!
//! *Invariant*: a node other than the root has a value, or two branches or more; so there are less than two nodes for
//! each pattern, however long it is. Most have no branches, and are small for it.

use std::collections::HashMap;

/// See the module.
#[derive(Debug)]
pub(super) struct WildcardTree<V> {
    root: Node<V>,
}

#[derive(Debug)]
struct Node<V> {
    /// The components between the one by which the parent knows this node and its own branches.
    run: Box<str>,
    value: Option<V>,
    /// `None` where there would be none in it.
    branches: Option<Box<Branches<V>>>,
}

#[derive(Debug)]
struct Branches<V> {
    literals: HashMap<Box<str>, Node<V>>,
    any: Option<Node<V>>,
}

impl<V> Default for WildcardTree<V> {
    fn default() -> Self {
        WildcardTree { root: Node::new("") }
    }
}

impl<V> WildcardTree<V> {
    pub(super) fn find(&self, pattern: &str) -> Option<&V> {
        let dotted = dotted(pattern);
        let (mut node, mut rest) = (&self.root, &*dotted);
        while let Some((component, behind)) = next(rest) {
            node = node.child(component)?;
            rest = node.behind_run(behind)?;
        }
        node.value.as_ref()
    }

    pub(super) fn insert(&mut self, pattern: &str, value: V) {
        let dotted = dotted(pattern);
        let (mut node, mut rest) = (&mut self.root, &*dotted);
        while let Some((component, behind)) = next(rest) {
            let child = node.branches.get_or_insert_default().child_or_new(component, behind);
            let common = common(&child.run, behind);
            child.split(common);
            (node, rest) = (child, behind.get(common..).unwrap_or_default());
        }
        node.value = Some(value);
    }

    /// No recursion: a pattern may be as long as a peer likes.
    pub(super) fn remove(&mut self, pattern: &str) {
        let dotted = dotted(pattern);
        let Some(steps) = self.steps(&dotted) else { return };
        let Some((last, above)) = steps.split_last() else { return };
        let mut parent = &mut self.root;
        for component in above {
            let Some(child) = parent.child_mut(component) else { return };
            parent = child;
        }
        let Some(child) = parent.child_mut(last) else { return };
        child.value = None;
        if child.branches.is_none() {
            parent.detach(last);
        } else {
            child.join();
        }
        if !above.is_empty() {
            parent.join();
        }
    }

    /// The components by which the nodes on the way to `dotted` are known.
    fn steps<'p>(&self, dotted: &'p str) -> Option<Vec<&'p str>> {
        let (mut node, mut rest) = (&self.root, dotted);
        let mut steps = Vec::new();
        while let Some((component, behind)) = next(rest) {
            node = node.child(component)?;
            rest = node.behind_run(behind)?;
            steps.push(component);
        }
        Some(steps)
    }

    /// Calls `each` for all patterns that match `uri`; returns how many nodes it looked at.
    pub(super) fn matching<'v>(&'v self, uri: &str, mut each: impl FnMut(&'v V)) -> usize {
        self.walk(uri, |value| {
            each(value);
            false
        })
    }

    /// The pattern with the longest run of literal components from the left, at each wildcard anew.
    pub(super) fn best(&self, uri: &str) -> Option<&V> {
        let mut best = None;
        self.walk(uri, |value| {
            best = Some(value);
            true
        });
        best
    }

    /// Visits matches depth first, literals before wildcards, until `visit` says it is enough; returns how many nodes it
    /// looked at. No recursion: what is left to look at waits on a heap stack.
    fn walk<'v>(&'v self, uri: &str, mut visit: impl FnMut(&'v V) -> bool) -> usize {
        let dotted = dotted(uri);
        let mut waiting: Vec<(&Node<V>, &str)> = vec![(&self.root, &dotted)];
        let mut nodes = 0;
        while let Some((node, rest)) = waiting.pop() {
            nodes += 1;
            let Some(rest) = node.pass_run(rest) else { continue };
            let Some((component, behind)) = next(rest) else {
                if node.value.as_ref().is_some_and(&mut visit) {
                    break;
                }
                continue;
            };
            let Some(branches) = &node.branches else { continue };
            if let Some(any) = &branches.any {
                waiting.push((any, behind));
            }
            if let Some(literal) = branches.literals.get(component) {
                waiting.push((literal, behind));
            }
        }
        nodes
    }
}

fn dotted(text: &str) -> String {
    format!(".{text}")
}

/// The next component, and what is behind it.
fn next(rest: &str) -> Option<(&str, &str)> {
    let text = rest.strip_prefix('.')?;
    Some(text.split_at(text.find('.').unwrap_or(text.len())))
}

/// The length of the components that `a` and `b` begin with alike.
fn common(mut a: &str, mut b: &str) -> usize {
    let length = a.len();
    while let (Some((one, behind_a)), Some((other, behind_b))) = (next(a), next(b))
        && one == other
    {
        (a, b) = (behind_a, behind_b);
    }
    length - a.len()
}

impl<V> Node<V> {
    fn new(run: &str) -> Self {
        Node { run: run.into(), value: None, branches: None }
    }

    fn child(&self, component: &str) -> Option<&Node<V>> {
        let branches = self.branches.as_ref()?;
        if component.is_empty() { branches.any.as_ref() } else { branches.literals.get(component) }
    }

    fn child_mut(&mut self, component: &str) -> Option<&mut Node<V>> {
        let branches = self.branches.as_mut()?;
        if component.is_empty() { branches.any.as_mut() } else { branches.literals.get_mut(component) }
    }

    /// What is left of a pattern behind the run, if it has the same.
    fn behind_run<'p>(&self, rest: &'p str) -> Option<&'p str> {
        rest.strip_prefix(&*self.run).filter(|behind| behind.is_empty() || behind.starts_with('.'))
    }

    /// What is left of a URI behind the run, if it matches.
    fn pass_run<'u>(&self, mut rest: &'u str) -> Option<&'u str> {
        let mut run = &*self.run;
        while let Some((wanted, run_behind)) = next(run) {
            let (found, behind) = next(rest)?;
            if !wanted.is_empty() && wanted != found {
                return None;
            }
            (run, rest) = (run_behind, behind);
        }
        Some(rest)
    }

    /// Makes what is in the run behind its first `at` bytes a node of its own.
    fn split(&mut self, at: usize) {
        let run = std::mem::take(&mut self.run);
        let (head, tail) = run.split_at(at);
        self.run = head.into();
        let Some((component, behind)) = next(tail) else { return };
        let mut below = Node::new(behind);
        below.value = self.value.take();
        below.branches = self.branches.take();
        self.branches.get_or_insert_default().insert(component, below);
    }

    /// Becomes one with its only child, if it has no value and no other.
    fn join(&mut self) {
        if self.value.is_some() {
            return;
        }
        let Some((component, mut only)) = self.branches.as_mut().and_then(|branches| branches.take_only())
        else {
            return;
        };
        self.run = [&*self.run, ".", &*component, &*only.run].concat().into();
        self.value = only.value.take();
        self.branches = only.branches.take();
    }

    fn detach(&mut self, component: &str) {
        let Some(branches) = &mut self.branches else { return };
        branches.remove(component);
        if branches.len() == 0 {
            self.branches = None;
        }
    }
}

impl<V> Default for Branches<V> {
    fn default() -> Self {
        Branches { literals: HashMap::new(), any: None }
    }
}

impl<V> Branches<V> {
    fn len(&self) -> usize {
        self.literals.len() + usize::from(self.any.is_some())
    }

    fn child_or_new(&mut self, component: &str, run: &str) -> &mut Node<V> {
        if component.is_empty() {
            return self.any.get_or_insert_with(|| Node::new(run));
        }
        self.literals.entry(component.into()).or_insert_with(|| Node::new(run))
    }

    fn insert(&mut self, component: &str, node: Node<V>) {
        if component.is_empty() {
            self.any = Some(node);
        } else {
            self.literals.insert(component.into(), node);
        }
    }

    /// Takes the only node, if there is just one, with its component.
    fn take_only(&mut self) -> Option<(Box<str>, Node<V>)> {
        if self.len() != 1 {
            return None;
        }
        let any = self.any.take().map(|any| (Box::default(), any));
        any.or_else(|| std::mem::take(&mut self.literals).into_iter().next())
    }

    fn remove(&mut self, component: &str) {
        if component.is_empty() {
            self.any = None;
            return;
        }
        self.literals.remove(component);
        if self.literals.len() < self.literals.capacity() / 8 {
            self.literals.shrink_to_fit();
        }
    }

    /// All nodes, which are taken out.
    fn drain(&mut self) -> impl Iterator<Item = Node<V>> {
        self.literals.drain().map(|(_, node)| node).chain(self.any.take())
    }
}

/// Nodes are dropped level by level: patterns of thousands of components must not recurse that deep.
impl<V> Drop for Node<V> {
    fn drop(&mut self) {
        // Most have none below them: those allocate nothing here.
        let mut waiting: Vec<Box<Branches<V>>> = self.branches.take().into_iter().collect();
        while let Some(mut branches) = waiting.pop() {
            waiting.extend(branches.drain().filter_map(|mut node| node.branches.take()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All nodes below the root; each but the root has a use.
    fn nodes<V>(tree: &WildcardTree<V>) -> usize {
        let mut waiting = vec![&tree.root];
        let mut count = 0;
        while let Some(node) = waiting.pop() {
            let branches = node.branches.as_ref().map_or(0, |branches| branches.len());
            assert!(std::ptr::eq(node, &raw const tree.root) || node.value.is_some() || branches > 1);
            assert!(node.branches.is_none() || branches > 0);
            waiting.extend(
                node.branches.iter().flat_map(|branches| branches.literals.values().chain(&branches.any)),
            );
            count += 1;
        }
        count - 1
    }

    #[test]
    fn removing_joins_what_inserting_split() {
        let mut tree = WildcardTree::default();
        for pattern in ["a..c", "a..c.d", "a.b.", "a..c"] {
            tree.insert(pattern, pattern);
        }
        assert_eq!(nodes(&tree), 4);
        for (pattern, left) in [("x.y", 4), ("a.", 4), ("a..c", 3), ("a.b.", 1)] {
            tree.remove(pattern);
            assert_eq!(nodes(&tree), left, "{pattern}");
        }
        assert_eq!(tree.find("a..c.d"), Some(&"a..c.d"));
        tree.remove("a..c.d");
        assert_eq!(nodes(&tree), 0);
    }

    #[test]
    fn a_node_without_branches_is_small() {
        assert_eq!(size_of::<Node<Box<()>>>(), 32);
    }

    // ROB-01
    #[test]
    fn a_pattern_takes_one_or_two_nodes_however_long_it_is() {
        let mut tree = WildcardTree::default();
        for number in 0..100 {
            tree.insert(&format!("x{number}{}", ".".repeat(4000)), number);
        }
        assert_eq!(nodes(&tree), 100);
        tree.insert(&format!("x7{}end", ".".repeat(2000)), 0);
        assert_eq!(nodes(&tree), 102);
    }

    #[test]
    fn very_long_patterns_need_no_stack() {
        let depth = 100_000;
        let mut root = Node::new("");
        for level in 0..depth {
            let mut above = Node::new("");
            above.value = Some(level);
            above.branches.get_or_insert_default().any = Some(root);
            root = above;
        }
        let mut tree = WildcardTree { root };
        let pattern = ".".repeat(depth - 2);
        assert_eq!(tree.best(&pattern), Some(&0));
        tree.remove(&pattern);
        assert_eq!((tree.best(&pattern), tree.best(&pattern[1..])), (None, Some(&1)));
        tree.insert(&pattern, 2);
        assert_eq!(tree.find(&pattern), Some(&2));
    }
}
