//! REGISTER and UNREGISTER (DLR).

use testkit::{Net, json};

use crate::{CALL, NO_SUCH_PROCEDURE, REGISTER, UNREGISTER, net_of, pair};

const ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";

// DLR-01
#[test]
fn a_register_is_answered() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    net.send(callee, json!([64, 1, {}, "com.p"]));
    net.expect(callee, json!([65, 1, "_"]));
    net.send(callee, json!([64, 2, {}, "com..p"]));
    net.refused(callee, REGISTER, 2, "wamp.error.invalid_uri");
}

// DLR-02, SHR-02, ERR-03
#[test]
fn a_procedure_has_one_registration() {
    let (mut net, other, callee) = pair();
    for client in [callee, other] {
        let request = net.request(client);
        net.send(client, json!([64, request, {}, "com.p"]));
        net.refused(client, REGISTER, request, ALREADY_EXISTS);
    }
}

// DLR-03
#[test]
fn what_was_unregistered_cannot_be_called() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "com.p");
    net.call(caller, "com.p", "routes are remembered");
    net.invoked(callee);
    net.unregister(callee, registration);
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
    net.nothing(callee);
}

// DLR-04, ERR-04
#[test]
fn only_its_holder_may_unregister() {
    let mut net = Net::open();
    let (other, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "com.p");
    for id in [registration, 12345] {
        let request = net.request(other);
        net.send(other, json!([66, request, id]));
        net.refused(other, UNREGISTER, request, NO_SUCH_REGISTRATION);
    }
    net.call(other, "com.p", "?");
    net.invoked(callee);
}

// DLR-04
#[test]
fn a_registration_ends_once() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    let registration = net.register(callee, "com.p");
    net.unregister(callee, registration);
    let request = net.request(callee);
    net.send(callee, json!([66, request, registration]));
    net.refused(callee, UNREGISTER, request, NO_SUCH_REGISTRATION);
}

// DLR-16, SES-16
#[test]
fn registrations_end_with_their_session() {
    let (mut net, caller, callee) = pair();
    net.disconnect(callee);
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
    net.register(caller, "com.p");
}

// IDS-03
#[test]
fn registration_ids_are_not_used_twice() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    let mut ids: Vec<u64> = (0..500).map(|n| net.register(callee, &format!("com.p{n}"))).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 500);
    assert!(ids.iter().all(|id| (1..=1 << 53).contains(id)));
}

// URI-05, URI-12
#[test]
fn reserved_procedures_cannot_be_taken() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.send(callee, json!([64, 1, {}, "wamp.my.own"]));
    net.refused(callee, REGISTER, 1, "wamp.error.invalid_uri");
    net.send(callee, json!([64, 2, {"match": "prefix"}, ""]));
    net.expect(callee, json!([65, 2, "_"]));
    let request = net.call(caller, "wamp.no.such", "?");
    net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
    net.call(caller, "wampfoo", "?");
    net.invoked(callee);
}

// REV-04, REV-05, REV-07
#[test]
fn a_revoked_callee_is_told_if_it_can_be() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let plain = crate::join_with(&mut net, &[]);
    for (client, procedure) in [(callee, "com.p"), (plain, "com.q")] {
        let registration = net.register(client, procedure);
        let session = net.session_id(client);
        let revoked = net.elsewhere(|router, turn| {
            let id = wamp::RegistrationId::new(registration).expect("an id");
            let realm = router.realm("realm1").expect("a realm");
            realm.remove_callee(id, session, Some("com.reason"), turn)
        });
        assert!(revoked);
        if client == callee {
            let details = json!({"registration": registration, "reason": "com.reason"});
            net.expect(client, json!([67, 0, details]));
        }
        net.nothing(client);
        let request = net.call(caller, procedure, "?");
        net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
        let request = net.request(client);
        net.send(client, json!([66, request, registration]));
        net.refused(client, UNREGISTER, request, NO_SUCH_REGISTRATION);
    }
}

// SHR-13
#[test]
fn force_reregister_takes_the_place_of_the_present_callee() {
    let mut net = Net::open();
    let (caller, old, new) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let registration = net.register(old, "com.p");
    let running = net.call(caller, "com.p", "1");
    net.register_with(new, json!({"force_reregister": true}), "com.p");
    let invocation = net.invoked(old);
    net.expect(old, json!([67, 0, {"registration": registration, "reason": "_"}]));
    let next = net.call(caller, "com.p", "2");
    let other = net.invoked(new);
    net.answer(new, other, "new");
    net.expect(caller, json!([50, next, {}, ["new"]]));
    net.answer(old, invocation, "old");
    net.expect(caller, json!([50, running, {}, ["old"]]));
    net.disconnect(old);
    net.call(caller, "com.p", "3");
    net.invoked(new);
}

// SHR-13
#[test]
fn a_force_reregister_that_fails_leaves_the_present_callee() {
    let mut net = net_of(|_| (), |limits| limits.registrations_max = 1);
    let (caller, old, new) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    net.register(old, "com.p");
    net.register(new, "com.q");
    let request = net.request(new);
    net.send(new, json!([64, request, {"force_reregister": true}, "com.p"]));
    net.refused(new, REGISTER, request, crate::UNAVAILABLE);
    net.nothing(old);
    net.call(caller, "com.p", "?");
    net.invoked(old);
}
