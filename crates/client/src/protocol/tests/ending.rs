//! How sessions end.

use super::*;

/// SES-10: GOODBYE is answered.
#[test]
fn leaving_waits_for_the_answer() {
    let mut rig = Rig::open();
    rig.protocol.handle(Command::Leave);
    assert_eq!(rig.sent(), [r#"[6,{},"wamp.close.close_realm"]"#]);
    assert!(rig.protocol.is_leaving());
    rig.receive(Goodbye { message: None, reason: error_uri::GOODBYE_AND_OUT.into() });
    assert_eq!(rig.protocol.close_reason(), Some(&CloseReason::Left));
    assert_eq!(rig.sent(), [""; 0]);
}

#[test]
fn answers_still_count_while_leaving_and_new_requests_do_not() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions::default());
    rig.protocol.handle(Command::Leave);
    let mut refused = rig.call(CallOptions::default());
    assert_eq!(refused.outcome.try_recv(), Ok(Err(RequestError::closed())));
    rig.result(1, false, 5);
    assert!(call.outcome.try_recv().unwrap().is_ok());
}

/// SES-12, SES-18: a GOODBYE of the router is answered once.
#[test]
fn a_goodbye_of_the_router_is_answered_and_told() {
    let mut rig = Rig::open();
    rig.receive(Goodbye { message: Some("bye".into()), reason: error_uri::SYSTEM_SHUTDOWN.into() });
    assert_eq!(rig.sent(), [r#"[6,{},"wamp.close.goodbye_and_out"]"#]);
    let reason = rig.protocol.close_reason().cloned().unwrap();
    assert_eq!(reason.uri(), Some(error_uri::SYSTEM_SHUTDOWN));
    assert!(reason.is_temporary());
    rig.receive(Goodbye { message: None, reason: error_uri::GOODBYE_AND_OUT.into() });
    assert_eq!(rig.sent(), [""; 0]);
}

#[test]
fn the_end_fails_what_waits_and_ends_what_lasts() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions::default());
    let mut reading = rig.subscribe("a.b");
    let mut answering = rig.register("c.d");
    rig.subscribed(2, 20);
    rig.registered(3, 30);
    assert!(reading.answer.try_recv().unwrap().is_ok() && answering.answer.try_recv().unwrap().is_ok());
    rig.protocol.lost("cable");
    let reason = rig.protocol.close_reason().cloned().unwrap();
    rig.protocol.closed(reason.clone());
    assert_eq!(call.outcome.try_recv(), Ok(Err(RequestError::closed())));
    assert_eq!(reading.events.end_reason(), Some(EndReason::Closed(reason.clone())));
    assert_eq!(*answering.ended.borrow(), Some(EndReason::Closed(reason)));
}

#[test]
fn what_a_router_must_not_send_is_a_violation() {
    for message in [&b"[2,9,{\"roles\":{}}]"[..], b"[48,1,{},\"a.b\"]", b"[36,1]", b"[999]", b"nonsense", b""]
    {
        let mut rig = Rig::open();
        rig.protocol.receive(message);
        let sent = rig.sent();
        assert!(sent[0].contains(error_uri::PROTOCOL_VIOLATION), "{sent:?}");
        assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Violation(_))));
        rig.protocol.receive(message);
        assert_eq!(rig.sent(), [""; 0]);
    }
}

#[test]
fn answers_that_nobody_waits_for_are_ignored() {
    let mut rig = Rig::open();
    rig.result(9, false, 1);
    rig.event(9);
    rig.subscribed(9, 9);
    rig.registered(9, 9);
    rig.receive(Published { request: request(9), publication: PublicationId::from_bits(1) });
    rig.receive(Unsubscribed::Reply(request(9)));
    rig.receive(Unregistered::Reply(request(9)));
    rig.receive(Interrupt { request: request(9), mode: None, reason: None });
    for message in MessageType::ALL {
        rig.error(*message, 9, "a.b");
    }
    assert!(rig.protocol.is_open());
    assert_eq!(rig.sent(), [""; 0]);
}
