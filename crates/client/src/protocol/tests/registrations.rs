//! Registrations and the calls that come by them.

use super::*;

fn ready() -> (Rig, Answering) {
    let mut rig = Rig::open();
    let answering = rig.register("a.b");
    assert_eq!(rig.sent(), [r#"[64,1,{},"a.b"]"#]);
    rig.registered(1, 10);
    (rig, answering)
}

#[test]
fn an_invocation_is_answered_once() {
    let (mut rig, mut answering) = ready();
    assert!(answering.answer.try_recv().unwrap().is_ok());
    rig.invoke(1, 10, false);
    let invocation = rig.started();
    assert_eq!(invocation.procedure(), "a.b");
    rig.answer(&invocation, Answer::Progress(Arguments::from(1)));
    rig.answer(&invocation, Answer::Result(Arguments::from(2)));
    rig.answer(&invocation, Answer::Result(Arguments::from(3)));
    rig.answer(&invocation, Answer::Error(ApplicationError::new("late")));
    assert_eq!(rig.sent(), [r#"[70,1,{"progress":true},[1]]"#, "[70,1,{},[2]]"]);
}

#[test]
fn errors_carry_uri_and_arguments() {
    let (mut rig, _answering) = ready();
    rig.invoke(1, 10, false);
    let invocation = rig.started();
    let error = ApplicationError::new("my.error").with("why").with_keyword("n", 1);
    rig.answer(&invocation, Answer::Error(error));
    assert_eq!(rig.sent(), [r#"[8,68,1,{},"my.error",["why"],{"n":1}]"#]);
}

/// PCI-01, PCI-07: the parts reach the handler, and then an end.
#[test]
fn parts_of_an_invocation_go_to_its_handler() {
    let (mut rig, _answering) = ready();
    rig.invoke(1, 10, true);
    let mut invocation = rig.started();
    assert!(invocation.is_open());
    rig.invoke(1, 10, true);
    rig.invoke(1, 10, false);
    let parts = invocation.parts.as_mut().unwrap();
    assert!(parts.try_recv().is_ok() && parts.try_recv().is_ok());
    assert_eq!(parts.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    assert!(rig.protocol.take_started().is_empty());
}

#[test]
fn parts_that_nobody_takes_end_the_invocation() {
    let (mut rig, _answering) = ready();
    rig.invoke(1, 10, true);
    let invocation = rig.started();
    for _ in 0..1024 {
        rig.invoke(1, 10, true);
    }
    assert_eq!(rig.sent(), [""; 0]);
    rig.invoke(1, 10, true);
    assert_eq!(rig.sent_types(), [MessageType::Error]);
    assert!(invocation.is_interrupted());
}

/// CAN-13: INTERRUPT names mode and reason.
#[test]
fn an_interrupt_reaches_the_handler() {
    let (mut rig, _answering) = ready();
    rig.invoke(1, 10, false);
    let invocation = rig.started();
    assert!(!invocation.is_interrupted());
    let (mode, reason) = (Some(CancelMode::Kill), Some(error_uri::TIMEOUT.into()));
    rig.receive(Interrupt { request: request(1), mode, reason });
    assert!(invocation.is_interrupted());
    rig.answer(&invocation, Answer::Error(ApplicationError::new(error_uri::CANCELED)));
    assert_eq!(rig.sent(), [r#"[8,68,1,{},"wamp.error.canceled"]"#]);
}

#[test]
fn an_answer_that_is_too_long_is_an_error_instead() {
    let mut rig = Rig::new(None);
    rig.begin(2000);
    rig.welcome(1, Features::NONE);
    let _answering = rig.register("a.b");
    rig.registered(1, 10);
    rig.sent();
    for (id, long) in [
        (1, Answer::Result(Arguments::from("x".repeat(2000)))),
        (2, Answer::Progress(Arguments::from("x".repeat(2000)))),
        (3, Answer::Error(ApplicationError::with_message("my.error", "x".repeat(2000)))),
    ] {
        rig.invoke(id, 10, false);
        let invocation = rig.started();
        rig.answer(&invocation, long);
        rig.answer(&invocation, Answer::Result(Arguments::new()));
    }
    let sent = rig.sent();
    assert!(sent[0].starts_with(r#"[8,68,1,{},"wamp.error.payload_size_exceeded""#), "{sent:?}");
    assert!(sent[1].starts_with(r#"[8,68,2,{},"wamp.error.payload_size_exceeded""#), "{sent:?}");
    assert_eq!(sent[2..], [r#"[8,68,3,{},"my.error"]"#]);
}

#[test]
fn calls_that_cross_an_unregister_are_answered() {
    let (mut rig, answering) = ready();
    let mut left = rig.unregister(answering.key);
    assert_eq!(rig.sent(), ["[66,2,10]"]);
    assert_eq!(*answering.ended.borrow(), Some(EndReason::Ended));
    rig.invoke(1, 10, false);
    let invocation = rig.started();
    rig.receive(Unregistered::Reply(request(2)));
    assert_eq!(left.try_recv(), Ok(Ok(())));
    rig.answer(&invocation, Answer::Result(Arguments::new()));
    assert_eq!(rig.sent(), ["[70,1,{}]"]);
    rig.invoke(2, 10, false);
    assert!(rig.protocol.take_started().is_empty());
    assert_eq!(rig.sent(), [r#"[8,68,2,{},"wamp.error.unavailable"]"#]);
}

/// REV-04, REV-08: what runs may still be answered.
#[test]
fn a_revocation_ends_the_registration_but_not_its_calls() {
    let (mut rig, answering) = ready();
    rig.invoke(1, 10, false);
    let invocation = rig.started();
    rig.receive(Unregistered::Revoked { registration: RegistrationId::new(10).unwrap(), reason: None });
    assert_eq!(*answering.ended.borrow(), Some(EndReason::Revoked(None)));
    rig.answer(&invocation, Answer::Result(Arguments::new()));
    assert_eq!(rig.sent(), ["[70,1,{}]"]);
}

#[test]
fn a_registration_given_up_while_it_was_made_is_undone() {
    let mut rig = Rig::open();
    let answering = rig.register("a.b");
    rig.protocol.handle(Command::Unregister { key: answering.key, reply: None });
    rig.sent();
    rig.registered(1, 10);
    assert_eq!(rig.sent(), ["[66,2,10]"]);
}

#[test]
fn a_session_can_take_its_own_procedure() {
    let (mut rig, old) = ready();
    let new = rig.register("a.b");
    rig.registered(2, 10);
    assert_eq!(*old.ended.borrow(), Some(EndReason::Revoked(None)));
    assert_eq!(*new.ended.borrow(), None);
    rig.invoke(1, 10, false);
    rig.started();
}

#[test]
fn registrations_are_made_again_and_old_answers_do_not_leak() {
    let (mut rig, answering) = ready();
    rig.invoke(1, 10, false);
    let old = rig.started();
    rig.reconnect();
    assert!(old.is_interrupted());
    assert_eq!(rig.sent(), [r#"[64,1,{},"a.b"]"#]);
    rig.registered(1, 99);
    rig.invoke(1, 99, false);
    let new = rig.started();
    rig.answer(&old, Answer::Result(Arguments::from("old")));
    rig.answer(&new, Answer::Result(Arguments::from("new")));
    assert_eq!(rig.sent(), [r#"[70,1,{},["new"]]"#]);
    assert_eq!(*answering.ended.borrow(), None);
}

#[test]
fn a_registration_that_is_refused_the_second_time_ends() {
    let (mut rig, answering) = ready();
    rig.reconnect();
    rig.error(MessageType::Register, 1, error_uri::PROCEDURE_ALREADY_EXISTS);
    assert!(matches!(&*answering.ended.borrow(), Some(EndReason::Refused(_))));
}
