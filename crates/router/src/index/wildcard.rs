//! A tree of patterns by their components, in which an empty component stands for any.

use std::collections::HashMap;

/// See the module.
#[derive(Debug)]
pub(super) struct WildcardTree<V> {
    root: Node<V>,
}

#[derive(Debug)]
struct Node<V> {
    literals: HashMap<Box<str>, Node<V>>,
    any: Option<Box<Node<V>>>,
    value: Option<V>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Node { literals: HashMap::new(), any: None, value: None }
    }
}

impl<V> Default for WildcardTree<V> {
    fn default() -> Self {
        WildcardTree { root: Node::default() }
    }
}

impl<V> WildcardTree<V> {
    pub(super) fn find(&self, pattern: &str) -> Option<&V> {
        let node = pattern.split('.').try_fold(&self.root, |node, component| {
            if component.is_empty() { node.any.as_deref() } else { node.literals.get(component) }
        });
        node?.value.as_ref()
    }

    pub(super) fn insert(&mut self, pattern: &str, value: V) {
        let mut node = &mut self.root;
        for component in pattern.split('.') {
            node = if component.is_empty() {
                node.any.get_or_insert_default()
            } else {
                node.literals.entry(component.into()).or_default()
            };
        }
        node.value = Some(value);
    }

    pub(super) fn remove(&mut self, pattern: &str) {
        // From the leaf up, as long as a node is left without any use: find out first where that begins, so that
        // neither walk recurses over a pattern that a peer made long.
        let components: Vec<&str> = pattern.split('.').collect();
        let mut node = Some(&self.root);
        let mut keep = 0;
        for (depth, component) in components.iter().enumerate() {
            let Some(at) = node else { return };
            if depth > 0 && (at.value.is_some() || at.branches() > 1) {
                keep = depth;
            }
            node = at.step(component);
        }
        let Some(leaf) = node else { return };
        let cut = leaf.branches() == 0;
        let mut node = &mut self.root;
        let steps = if cut { keep } else { components.len() };
        for component in &components[..steps] {
            let Some(next) = node.step_mut(component) else { return };
            node = next;
        }
        match components.get(steps) {
            None => node.value = None,
            Some(&"") => node.any = None,
            Some(component) => {
                node.literals.remove(*component);
            }
        }
    }

    /// Calls `each` for all patterns that match `uri`.
    pub(super) fn matching<'v>(&'v self, uri: &str, mut each: impl FnMut(&'v V)) {
        self.walk(uri, |value| {
            each(value);
            false
        });
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

    /// Visits matches depth first, literals before wildcards, until `visit` says it is enough. No recursion: what is
    /// left to look at waits on a heap stack.
    fn walk<'v>(&'v self, uri: &str, mut visit: impl FnMut(&'v V) -> bool) {
        let mut waiting: Vec<(&Node<V>, Option<&str>)> = vec![(&self.root, Some(uri))];
        while let Some((node, rest)) = waiting.pop() {
            let Some(rest) = rest else {
                if node.value.as_ref().is_some_and(&mut visit) {
                    return;
                }
                continue;
            };
            let (component, behind) = match rest.split_once('.') {
                Some((component, behind)) => (component, Some(behind)),
                None => (rest, None),
            };
            if let Some(any) = &node.any {
                waiting.push((any, behind));
            }
            if let Some(literal) = node.literals.get(component) {
                waiting.push((literal, behind));
            }
        }
    }
}

impl<V> Node<V> {
    fn branches(&self) -> usize {
        self.literals.len() + usize::from(self.any.is_some())
    }

    fn step(&self, component: &str) -> Option<&Node<V>> {
        if component.is_empty() { self.any.as_deref() } else { self.literals.get(component) }
    }

    fn step_mut(&mut self, component: &str) -> Option<&mut Node<V>> {
        if component.is_empty() { self.any.as_deref_mut() } else { self.literals.get_mut(component) }
    }
}

/// Nodes are dropped level by level: a pattern of thousands of components must not recurse that deep.
impl<V> Drop for Node<V> {
    fn drop(&mut self) {
        let mut waiting: Vec<Node<V>> = self.literals.drain().map(|(_, node)| node).collect();
        waiting.extend(self.any.take().map(|node| *node));
        while let Some(mut node) = waiting.pop() {
            waiting.extend(node.literals.drain().map(|(_, node)| node));
            waiting.extend(node.any.take().map(|node| *node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_leaves_no_empty_branches() {
        let mut tree = WildcardTree::default();
        for pattern in ["a..c", "a..c.d", "a.b."] {
            tree.insert(pattern, pattern);
        }
        for pattern in ["a..c", "a..c.d", "a.b.", "x.y"] {
            tree.remove(pattern);
        }
        assert_eq!(tree.root.branches(), 0);
    }

    #[test]
    fn very_long_patterns_need_no_stack() {
        let pattern = ".".repeat(200_000);
        let mut tree = WildcardTree::default();
        tree.insert(&pattern, 1);
        assert_eq!(tree.best(&pattern), Some(&1));
        tree.remove(&pattern);
        tree.insert(&pattern, 2);
    }
}
