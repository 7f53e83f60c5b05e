//! Calls, from the caller.

use super::*;

/// IDS-04, IDS-06: requests of all kinds share one sequence.
#[test]
fn request_ids_are_one_sequence() {
    let mut rig = Rig::open();
    let _call = rig.call(CallOptions::default());
    let _reading = rig.subscribe("a.b");
    let _other = rig.call(CallOptions::default());
    assert_eq!(rig.sent(), [r#"[48,1,{},"a.b",[1]]"#, r#"[32,2,{},"a.b"]"#, r#"[48,3,{},"a.b",[1]]"#]);
}

#[test]
fn a_call_gets_its_own_answer() {
    let mut rig = Rig::open();
    let mut one = rig.call(CallOptions::default());
    let mut two = rig.call(CallOptions::default());
    rig.error(MessageType::Call, 2, "my.error");
    rig.result(1, false, 5);
    assert_eq!(one.outcome.try_recv().unwrap().unwrap().arg(0), Ok(5));
    assert_eq!(two.outcome.try_recv().unwrap().unwrap_err().uri(), Some("my.error"));
}

/// PCR-03, PCR-06: progressive results in order, then the final one.
#[test]
fn progressive_results_come_before_the_final_one() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions { receive_progress: true, ..CallOptions::default() });
    rig.result(1, true, 1);
    rig.result(1, true, 2);
    rig.result(1, false, 3);
    let progress: Vec<i64> =
        std::iter::from_fn(|| call.results.try_recv().ok()).map(|result| result.arg(0).unwrap()).collect();
    assert_eq!(progress, [1, 2]);
    let last = call.outcome.try_recv().unwrap().unwrap();
    assert_eq!((last.arg(0), last.is_progress()), (Ok(3), false));
}

#[test]
fn progressive_results_that_nobody_reads_end_the_call() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions { receive_progress: true, ..CallOptions::default() });
    rig.sent();
    for value in 1..=3 {
        rig.result(1, true, value);
    }
    assert_eq!(rig.sent(), [r#"[49,1,{"mode":"killnowait"}]"#]);
    assert_eq!(call.outcome.try_recv(), Ok(Err(RequestError::overflow())));
    rig.result(1, true, 4);
    rig.error(MessageType::Call, 1, error_uri::CANCELED);
    assert_eq!(rig.sent(), [""; 0]);
}

/// CAN-01: CANCEL names the call and the mode; the router has the last word.
#[test]
fn canceling_waits_for_the_router() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions::default());
    rig.sent();
    for mode in [CancelMode::Kill, CancelMode::Skip] {
        rig.protocol.handle(Command::Cancel { key: call.key, mode });
    }
    assert_eq!(rig.sent(), [r#"[49,1,{"mode":"kill"}]"#, r#"[49,1,{"mode":"skip"}]"#]);
    assert!(call.outcome.try_recv().is_err());
    rig.error(MessageType::Call, 1, error_uri::CANCELED);
    assert!(call.outcome.try_recv().unwrap().unwrap_err().is_canceled());
    rig.protocol.handle(Command::Cancel { key: call.key, mode: CancelMode::Kill });
    assert_eq!(rig.sent(), [""; 0]);
}

/// FEA-07: a router without `call_canceling` is sent no CANCEL.
#[test]
fn without_the_feature_canceling_stays_here() {
    let mut rig = Rig::open_with(Features::NONE);
    let mut call = rig.call(CallOptions::default());
    rig.sent();
    rig.protocol.handle(Command::Cancel { key: call.key, mode: CancelMode::Kill });
    assert_eq!(rig.sent(), [""; 0]);
    assert!(call.outcome.try_recv().unwrap().unwrap_err().is_canceled());
    rig.result(1, false, 1);
    assert!(rig.protocol.is_open());
}

#[test]
fn a_call_that_was_given_up_before_it_was_sent_is_not_sent() {
    let mut rig = Rig::open();
    let (outcome, waiting) = oneshot::channel();
    drop(waiting);
    let (key, options) = (CallKey::next(), CallOptions::default());
    let (procedure, arguments) = ("a.b".to_owned(), Arguments::new());
    rig.protocol.handle(Command::Call(NewCall {
        key,
        procedure,
        options,
        arguments,
        progress: None,
        outcome,
    }));
    assert_eq!(rig.sent(), [""; 0]);
}

/// PCI-02, PCI-07, PCI-16: the parts have one id, and only the first has options.
#[test]
fn parts_of_a_call_share_its_id() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions { progress: true, timeout: Some(9), ..CallOptions::default() });
    for (number, last) in [(2, false), (3, true), (4, true)] {
        let part = Command::CallPart { key: call.key, arguments: Arguments::from(number), last };
        rig.protocol.handle(part);
    }
    assert_eq!(
        rig.sent(),
        [
            r#"[48,1,{"progress":true,"timeout":9},"a.b",[1]]"#,
            r#"[48,1,{"progress":true},"a.b",[2]]"#,
            r#"[48,1,{},"a.b",[3]]"#
        ]
    );
    rig.result(1, false, 1);
    assert!(call.outcome.try_recv().unwrap().is_ok());
}

/// PCI-11: parts of a call that is over go nowhere.
#[test]
fn parts_after_the_answer_are_not_sent() {
    let mut rig = Rig::open();
    let call = rig.call(CallOptions { progress: true, ..CallOptions::default() });
    rig.error(MessageType::Call, 1, "my.error");
    rig.sent();
    rig.protocol.handle(Command::CallPart { key: call.key, arguments: Arguments::new(), last: true });
    assert_eq!(rig.sent(), [""; 0]);
}

/// RAW-17, the client's side: nothing longer than the router receives.
#[test]
fn a_call_that_is_too_long_fails_and_leaves_no_gap() {
    let mut rig = Rig::new(None);
    rig.begin(2000);
    rig.welcome(1, Features::NONE);
    let (outcome, mut waiting) = oneshot::channel();
    let (key, options, procedure) = (CallKey::next(), CallOptions::default(), "a.b".to_owned());
    let arguments = Arguments::from("x".repeat(2000));
    rig.protocol.handle(Command::Call(NewCall {
        key,
        procedure,
        options,
        arguments,
        progress: None,
        outcome,
    }));
    assert!(waiting.try_recv().unwrap().unwrap_err().is_too_long());
    let _next = rig.call(CallOptions::default());
    assert_eq!(rig.sent(), [r#"[48,1,{},"a.b",[1]]"#]);
}

#[test]
fn a_lost_connection_fails_calls_and_the_next_begins_anew() {
    let mut rig = Rig::open();
    let mut call = rig.call(CallOptions::default());
    rig.protocol.lost("cable");
    rig.protocol.disconnected();
    assert_eq!(call.outcome.try_recv(), Ok(Err(RequestError::network_lost())));
    let mut refused = rig.call(CallOptions::default());
    assert_eq!(refused.outcome.try_recv(), Ok(Err(RequestError::network_lost())));
    rig.sent();
    rig.begin(usize::MAX);
    rig.welcome(2, Features::NONE);
    let mut again = rig.call(CallOptions::default());
    assert_eq!(rig.sent(), [r#"[48,1,{},"a.b",[1]]"#]);
    rig.result(1, false, 1);
    assert!(again.outcome.try_recv().unwrap().is_ok());
}
