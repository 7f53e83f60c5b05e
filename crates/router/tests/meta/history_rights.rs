//! Who may read a history, where an authorizer decides.
//!
//! Spec: advanced profile, "Event History", "Security Aspects".

use std::sync::Arc;

use cloverleaf_router::config::{HistoryConfig, RoleConfig};
use cloverleaf_router::decision::Action;
use testkit::decide::Undecided;
use testkit::{Client, Net, Received, json};
use wamp::MatchPolicy::{Exact, Prefix};

use crate::history::{GET, events};
use crate::{NOT_AUTHORIZED, realm};

/// A session of a role without any rules, whose authorizer takes its time, and an open one.
fn asking() -> (Net, Client, Client, Arc<Undecided>) {
    let mut net = realm(|realm| {
        realm.history = vec![HistoryConfig::new("a.b", Exact), HistoryConfig::new("a.", Prefix)];
        let permissions = Vec::new();
        realm.roles.push(RoleConfig { name: "asking".to_owned(), permissions, allow_by_default: false });
    });
    let undecided = Undecided::new();
    let authorizer = Arc::<Undecided>::clone(&undecided);
    assert!(net.realm("realm1").set_authorizer("asking", authorizer));
    let asking = net.client().identity("alice", "asking").join("realm1");
    let open = net.join("realm1");
    (net, asking, open, undecided)
}

/// What a read of the history comes to, the authorizer having allowed the call, and having said so of the subscription.
fn read(net: &mut Net, client: Client, undecided: &Undecided, what: (u64, &str), allow: bool) -> Received {
    let (id, uri) = what;
    let request = net.request(client);
    net.send(client, json!([48, request, {}, GET, [id]]));
    undecided.answer(true);
    net.settle();
    let (question, ticket) = undecided.take();
    assert_eq!((question.action, &*question.uri), (Action::Subscribe, uri));
    assert_eq!(question.match_policy, if uri.ends_with('.') { Prefix } else { Exact });
    let decision = cloverleaf_router::decision::Decision { allow, ..Default::default() };
    ticket.resolve(cloverleaf_router::decision::Outcome::Authorized(Some(decision)));
    net.settle();
    net.take(client)
}

/// HIS-13, AZN-07
#[test]
fn an_authorizer_decides_about_the_call_and_about_the_subscription() {
    let (mut net, asking, open, undecided) = asking();
    for topic in ["a.b", "a.c"] {
        net.publish(open, topic, "x");
    }
    for (uri, policy, count) in [("a.b", "exact", 1), ("a.", "prefix", 2)] {
        let id = crate::history::subscription(&mut net, open, uri, policy);
        let denied = read(&mut net, asking, &undecided, (id, uri), false);
        assert_eq!(denied.text(4), NOT_AUTHORIZED);
        let allowed = read(&mut net, asking, &undecided, (id, uri), true);
        assert_eq!(events(&allowed).len(), count, "{allowed}");
    }
    assert_eq!(undecided.waiting(), 0);
}

/// AZN-05, AZN-07: what an authorizer lets a session subscribe to it receives; there are no rules to keep it from that.
#[test]
fn an_authorizer_decides_about_all_of_a_pattern() {
    let (mut net, asking, open, undecided) = asking();
    let request = net.request(asking);
    net.send(asking, json!([32, request, {"match": "prefix"}, "a."]));
    undecided.answer(true);
    net.settle();
    net.expect(asking, json!([33, request, "_"]));
    net.publish(open, "a.b", "x");
    net.expect(asking, json!([36, "_", "_", {"topic": "a.b"}, ["x"]]));
}
