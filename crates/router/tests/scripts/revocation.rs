//! Subscriptions and registrations that the router ends on its own account.
//!
//! Spec: advanced profile, "Subscription Revocation", "Registration Revocation".

use testkit::{Client, Net, json};
use wamp::{RegistrationId, SubscriptionId};

fn remove_subscriber(net: &mut Net, client: Client, subscription: u64, reason: Option<&str>) -> bool {
    let (id, session) = (SubscriptionId::new(subscription).expect("an id"), net.session_id(client));
    let realm = net.realm("realm1");
    net.elsewhere(|_, turn| realm.remove_subscriber(id, session, reason, turn))
}

fn remove_callee(net: &mut Net, client: Client, registration: u64, reason: Option<&str>) -> bool {
    let (id, session) = (RegistrationId::new(registration).expect("an id"), net.session_id(client));
    let realm = net.realm("realm1");
    net.elsewhere(|_, turn| realm.remove_callee(id, session, reason, turn))
}

/// REV-01
#[test]
fn a_subscriber_is_told_that_its_subscription_was_revoked() {
    let mut net = Net::open();
    let (publisher, one, two) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(one, "a.b");
    net.subscribe(two, "a.b");
    assert!(remove_subscriber(&mut net, one, subscription, Some("com.example.enough")));
    net.expect(one, json!([35, 0, {"subscription": subscription, "reason": "com.example.enough"}]));
    net.publish(publisher, "a.b", "x");
    net.nothing(one);
    assert_eq!(net.receive(two).len(), 1);
}

/// REV-01
#[test]
fn a_revocation_needs_no_reason() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let (subscription, registration) = (net.subscribe(client, "a.b"), net.register(client, "a.b"));
    assert!(remove_subscriber(&mut net, client, subscription, None));
    net.expect(client, json!([35, 0, {"subscription": subscription}]));
    assert!(remove_callee(&mut net, client, registration, None));
    net.expect(client, json!([67, 0, {"registration": registration}]));
}

/// REV-02, REV-05
#[test]
fn who_knows_no_revocation_is_not_told() {
    let mut net = Net::open();
    let client = net.client().roles(json!({"subscriber": {}, "callee": {}})).join("realm1");
    let other = net.join("realm1");
    let (subscription, registration) = (net.subscribe(client, "a.b"), net.register(client, "a.b"));
    assert!(remove_subscriber(&mut net, client, subscription, None));
    assert!(remove_callee(&mut net, client, registration, None));
    net.publish(other, "a.b", "x");
    let request = net.call(other, "a.b", "x");
    net.refused(other, 48, request, "wamp.error.no_such_procedure");
    net.nothing(client);
}

/// REV-04
#[test]
fn a_callee_is_told_that_its_registration_was_revoked() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "a.b");
    assert!(remove_callee(&mut net, callee, registration, Some("com.example.enough")));
    net.expect(callee, json!([67, 0, {"registration": registration, "reason": "com.example.enough"}]));
    let request = net.call(caller, "a.b", "x");
    net.refused(caller, 48, request, "wamp.error.no_such_procedure");
    net.nothing(callee);
    net.register(callee, "a.b");
}

/// REV-06
#[test]
fn what_a_session_has_no_part_in_cannot_be_revoked() {
    let mut net = Net::open();
    let (owner, other) = (net.join("realm1"), net.join("realm1"));
    let (subscription, registration) = (net.subscribe(owner, "a.b"), net.register(owner, "a.b"));
    assert!(!remove_subscriber(&mut net, other, subscription, None));
    assert!(!remove_callee(&mut net, other, registration, None));
    assert!(remove_subscriber(&mut net, owner, subscription, None));
    assert!(!remove_subscriber(&mut net, owner, subscription, None), "it is over");
    net.nothing(other);
}

/// REV-07
#[test]
fn leaving_what_was_revoked_is_an_error_like_any_other() {
    let mut net = Net::open();
    let client = net.client().roles(json!({"subscriber": {}, "callee": {}})).join("realm1");
    let (subscription, registration) = (net.subscribe(client, "a.b"), net.register(client, "a.b"));
    remove_subscriber(&mut net, client, subscription, None);
    remove_callee(&mut net, client, registration, None);
    net.send(client, json!([34, 3, subscription]));
    net.refused(client, 34, 3, "wamp.error.no_such_subscription");
    net.send(client, json!([66, 4, registration]));
    net.refused(client, 66, 4, "wamp.error.no_such_registration");
}

/// REV-08
#[test]
fn a_call_under_way_outlives_its_registration() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "a.b");
    let request = net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    remove_callee(&mut net, callee, registration, None);
    net.answer(callee, invocation, "y");
    net.expect(caller, json!([50, request, {}, ["y"]]));
}

/// REV-01, BRK-02: who was put out may come back.
#[test]
fn a_revoked_subscriber_may_subscribe_again() {
    let mut net = Net::open();
    let (publisher, client) = (net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(client, "a.b");
    remove_subscriber(&mut net, client, subscription, None);
    net.take(client);
    assert_eq!(net.subscribe(client, "a.b"), subscription);
    net.publish(publisher, "a.b", "x");
    assert_eq!(net.receive(client).len(), 1);
}
