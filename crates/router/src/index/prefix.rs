//! A tree of strings by their bytes, in which runs without branches are one node.
//!
//! ```text
//!   "" ── "com." ─┬─ "app" * ── "le" *          com.app, com.apple
//!                 └─ "bar" *                    com.bar
//! ```
//!
//! Prefixes match by character, not by component, so the tree is over bytes; since patterns and URIs are both UTF-8, no
//! pattern can end inside a character of a URI that it matches.

/// See the module.
#[derive(Debug)]
pub(super) struct PrefixTree<V> {
    root: Node<V>,
}

#[derive(Debug)]
struct Node<V> {
    label: Box<[u8]>,
    value: Option<V>,
    /// Sorted by the first byte of their labels, which differ and are never empty.
    children: Vec<Node<V>>,
}

impl<V> Default for PrefixTree<V> {
    fn default() -> Self {
        PrefixTree { root: Node { label: Box::default(), value: None, children: Vec::new() } }
    }
}

impl<V> PrefixTree<V> {
    pub(super) fn find(&self, prefix: &str) -> Option<&V> {
        let mut node = &self.root;
        let mut rest = prefix.as_bytes();
        while !rest.is_empty() {
            node = node.child(rest)?;
            rest = rest.strip_prefix(&*node.label)?;
        }
        node.value.as_ref()
    }

    pub(super) fn insert(&mut self, prefix: &str, value: V) {
        let mut node = &mut self.root;
        let mut rest = prefix.as_bytes();
        while !rest.is_empty() {
            let Ok(at) = node.position(rest) else {
                let at = node.children.partition_point(|child| child.label[0] < rest[0]);
                let leaf = Node { label: rest.into(), value: None, children: Vec::new() };
                node.children.insert(at, leaf);
                node = &mut node.children[at];
                break;
            };
            node = &mut node.children[at];
            let common = node.label.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if common < node.label.len() {
                node.split(common);
            }
            rest = &rest[common..];
        }
        node.value = Some(value);
    }

    pub(super) fn remove(&mut self, prefix: &str) {
        self.root.remove(prefix.as_bytes());
    }

    /// Calls `each` for all prefixes of `uri`, short ones first; returns how many nodes it looked at.
    pub(super) fn matching<'v>(&'v self, uri: &str, mut each: impl FnMut(&'v V)) -> usize {
        let mut node = &self.root;
        let mut rest = uri.as_bytes();
        let mut nodes = 1;
        loop {
            if let Some(value) = &node.value {
                each(value);
            }
            let Some(child) = node.child(rest) else { return nodes };
            nodes += 1;
            let Some(behind) = rest.strip_prefix(&*child.label) else { return nodes };
            (node, rest) = (child, behind);
        }
    }
}

impl<V> Node<V> {
    fn position(&self, rest: &[u8]) -> Result<usize, usize> {
        let Some(first) = rest.first() else { return Err(0) };
        self.children.binary_search_by_key(first, |child| child.label.first().copied().unwrap_or(0))
    }

    fn child(&self, rest: &[u8]) -> Option<&Node<V>> {
        self.children.get(self.position(rest).ok()?)
    }

    /// Makes the first `at` bytes of the label a node of their own, above the rest.
    fn split(&mut self, at: usize) {
        let (head, tail) = self.label.split_at(at);
        let (head, tail) = (head.into(), tail.into());
        let below =
            Node { label: tail, value: self.value.take(), children: std::mem::take(&mut self.children) };
        self.label = head;
        self.children = vec![below];
    }

    /// Removes what stands at `rest` below this node. Depth is bounded by the length of a URI in branches.
    fn remove(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.value = None;
            return;
        }
        let Ok(at) = self.position(rest) else { return };
        let child = &mut self.children[at];
        let Some(behind) = rest.strip_prefix(&*child.label) else { return };
        child.remove(behind);
        if child.value.is_some() {
            return;
        }
        match child.children.len() {
            0 => {
                self.children.remove(at);
            }
            1 => child.merge(),
            _ => {}
        }
    }

    /// Joins a node without a value with its only child.
    fn merge(&mut self) {
        let Some(only) = self.children.pop() else { return };
        self.label = [&*self.label, &*only.label].concat().into();
        self.value = only.value;
        self.children = only.children;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_joins_what_inserting_split() {
        let mut tree = PrefixTree::default();
        for prefix in ["com.app", "com.bar", "com.apple", ""] {
            tree.insert(prefix, prefix);
        }
        let mut found = Vec::new();
        tree.matching("com.apple.pie", |prefix| found.push(*prefix));
        assert_eq!(found, ["", "com.app", "com.apple"]);
        for prefix in ["com.app", "com.bar", ""] {
            tree.remove(prefix);
        }
        assert_eq!(tree.root.children.len(), 1);
        assert_eq!(&*tree.root.children[0].label, b"com.apple");
        assert_eq!(tree.find("com.apple"), Some(&"com.apple"));
        assert_eq!(tree.find("com.app"), None);
    }
}
