//! Whole sessions against a scripted router, over memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloverleaf_client::link::memory;
use cloverleaf_client::wamp::message::{CancelMode, InvocationPolicy};
use cloverleaf_client::wamp::{Serializer, SessionId};
use cloverleaf_client::{
    ApplicationError, Arguments, CloseReason, EndReason, Invocation, Overflow, Ppt, Session,
};
use support::{Memory, WELCOME, joined, joined_by};
use tokio::sync::{mpsc, oneshot};

const SUBSCRIBED: &str = "[33,1,10]";
const REGISTERED: &str = "[65,1,10]";

/// Does two things at once.
async fn both<A, B>(one: impl Future<Output = A>, two: impl Future<Output = B>) -> (A, B) {
    tokio::join!(one, two)
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn a_call_has_arguments_and_a_result_of_the_programs_types() {
        let (session, mut router) = joined().await;
        let call = session.call("a.b").arg(1).args(["x", "y"]).kwarg("k", true).disclose_me();
        let call = call.timeout(Duration::from_micros(1500));
        let (result, ()) = both(call.into_future(), async {
            router.expect(r#"[48,1,{"timeout":2,"disclose_me":true},"a.b",[1,"x","y"],{"k":true}]"#).await;
            router.send(r#"[50,1,{},[[1,2],"text"],{"n":null}]"#).await;
        })
        .await;
        let result = result.unwrap();
        assert_eq!(result.arg::<Vec<u8>>(0), Ok(vec![1, 2]));
        assert_eq!(result.arg::<String>(1), Ok("text".to_owned()));
        assert_eq!(result.kwarg::<Option<u8>>("n"), Ok(None));
    }

    #[tokio::test]
    async fn an_error_has_uri_and_arguments() {
        let (session, mut router) = joined().await;
        let (result, ()) = both(session.call("a.b").into_future(), async {
            router.receive().await;
            router.send(r#"[8,48,1,{},"my.error",["why"],{"n":1}]"#).await;
        })
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.uri(), Some("my.error"));
        let application = error.as_application().unwrap();
        assert_eq!((application.arg(0), application.kwarg("n")), (Ok("why".to_owned()), Ok(1)));
        assert_eq!(error.to_string(), r#"my.error: why {"n":1}"#);
    }

    /// PCR-06: in order, and the final one last.
    #[tokio::test]
    async fn progressive_results_are_read_one_by_one() {
        let (session, mut router) = joined().await;
        let mut call = session.call("a.b").progressive().await.unwrap();
        router.expect(r#"[48,1,{"receive_progress":true},"a.b"]"#).await;
        for message in [r#"[50,1,{"progress":true},[1]]"#, r#"[50,1,{"progress":true},[2]]"#, "[50,1,{},[3]]"]
        {
            router.send(message).await;
        }
        let mut results = Vec::new();
        while let Some(result) = call.next().await {
            let result = result.unwrap();
            results.push((result.arg::<u8>(0).unwrap(), result.is_progress()));
        }
        assert_eq!(results, [(1, true), (2, true), (3, false)]);
    }

    /// PCI-18: parts and results need not pair up.
    #[tokio::test]
    async fn an_open_call_sends_parts_and_reads_results() {
        let (session, mut router) = joined().await;
        let (mut parts, mut call) = session.call("a.b").arg(1).open().await.unwrap();
        router.expect(r#"[48,1,{"receive_progress":true,"progress":true},"a.b",[1]]"#).await;
        router.send(r#"[50,1,{"progress":true},["early"]]"#).await;
        assert!(call.next().await.unwrap().unwrap().is_progress());
        parts.send(2).await.unwrap();
        parts.finish(3).await.unwrap();
        router.expect(r#"[48,1,{"progress":true},"a.b",[2]]"#).await;
        router.expect(r#"[48,1,{},"a.b",[3]]"#).await;
        router.send("[50,1,{},[6]]").await;
        assert_eq!(call.await.unwrap().arg(0), Ok(6));
    }

    /// CAN-04: whoever doesn't wait any more doesn't want the callee to go on.
    #[tokio::test]
    async fn dropping_a_call_cancels_it() {
        let (session, mut router) = joined().await;
        let call = tokio::spawn(session.call("a.b").into_future());
        router.expect(r#"[48,1,{},"a.b"]"#).await;
        call.abort();
        router.expect(r#"[49,1,{"mode":"killnowait"}]"#).await;
    }

    #[tokio::test]
    async fn a_call_that_is_answered_is_not_canceled() {
        let (session, mut router) = joined().await;
        let (result, ()) = both(session.call("a.b").into_future(), async {
            router.receive().await;
            router.send("[50,1,{}]").await;
        })
        .await;
        result.unwrap();
        session.publish("next").await.unwrap();
        router.expect(r#"[16,2,{},"next"]"#).await;
    }

    /// CAN-03: with `kill` the callee's answer counts.
    #[tokio::test]
    async fn canceling_gives_the_routers_answer() {
        let (session, mut router) = joined().await;
        let call = session.call("a.b").start().await.unwrap();
        call.cancel(CancelMode::Kill).await.unwrap();
        router.receive().await;
        router.expect(r#"[49,1,{"mode":"kill"}]"#).await;
        router.send(r#"[50,1,{},["done already"]]"#).await;
        assert_eq!(call.await.unwrap().arg(0), Ok("done already".to_owned()));
    }

    /// TMO-03: where the router has no timeouts, they are kept here.
    #[tokio::test(start_paused = true)]
    async fn without_timeouts_in_the_router_they_are_kept_here() {
        let (session, mut router) =
            joined_by(r#"[2,1,{"roles":{"dealer":{"features":{"call_canceling":true}}}}]"#).await;
        let started = tokio::time::Instant::now();
        let error = session.call("a.b").timeout(Duration::from_millis(300)).await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(started.elapsed().as_millis() / 10, 30);
        router.expect(r#"[48,1,{"timeout":300},"a.b"]"#).await;
        router.expect(r#"[49,1,{"mode":"killnowait"}]"#).await;
    }

    /// PPT-09: the attributes go with the payload.
    #[tokio::test]
    async fn opaque_payloads_carry_their_attributes() {
        let (session, mut router) = joined().await;
        let ppt = Ppt::new("x_mine").serializer("cbor").cipher("c").key_id("k");
        let call = session.call("a.b").arg(&b"\x01"[..]).ppt(ppt);
        let attributes =
            r#"{"ppt_scheme":"x_mine","ppt_serializer":"cbor","ppt_cipher":"c","ppt_keyid":"k"}"#;
        let (result, ()) = both(call.into_future(), async {
            router.expect(&format!(r#"[48,1,{attributes},"a.b",["\u0000AQ=="]]"#)).await;
            router.send(&format!(r#"[50,1,{attributes},["\u0000Ag=="]]"#)).await;
        })
        .await;
        let result = result.unwrap();
        assert_eq!(result.args()[0].as_bytes(), Some(&[2][..]));
        assert_eq!(result.arguments().passthru().ppt_scheme(), Some("x_mine"));
    }
}

mod events {
    use super::*;

    #[tokio::test]
    async fn publications_say_who_may_receive_them() {
        let (session, mut router) = joined().await;
        let id = |id| SessionId::new(id).unwrap();
        let publish = session.publish("a.b").arg(1).exclude_me(false).disclose_me().retain();
        let publish = publish.exclude([id(7)]).exclude_authid(["x"]).exclude_authrole(["r"]);
        publish
            .eligible([id(8)])
            .eligible_authid(["y"])
            .eligible_authrole(Vec::<String>::new())
            .await
            .unwrap();
        router
            .expect(concat!(
                r#"[16,1,{"exclude_me":false,"disclose_me":true,"retain":true,"exclude":[7],"exclude_authid":["x"],"#,
                r#""exclude_authrole":["r"],"eligible":[8],"eligible_authid":["y"],"eligible_authrole":[]},"a.b",[1]]"#
            ))
            .await;
    }

    #[tokio::test]
    async fn an_acknowledged_publication_has_an_id_or_an_error() {
        let (session, mut router) = joined().await;
        let (published, ()) = both(session.publish("a.b").acknowledge().into_future(), async {
            router.expect(r#"[16,1,{"acknowledge":true},"a.b"]"#).await;
            router.send("[17,1,99]").await;
        })
        .await;
        assert_eq!(published.unwrap().value(), 99);
        let (refused, ()) = both(session.publish("wamp.x").acknowledge().into_future(), async {
            router.receive().await;
            router.send(r#"[8,16,2,{},"wamp.error.invalid_uri"]"#).await;
        })
        .await;
        assert_eq!(refused.unwrap_err().uri(), Some("wamp.error.invalid_uri"));
    }

    #[tokio::test]
    async fn a_subscription_is_read_until_it_is_dropped() {
        let (session, mut router) = joined().await;
        let (subscription, ()) = both(session.subscribe("a.").prefix().get_retained().into_future(), async {
            router.expect(r#"[32,1,{"match":"prefix","get_retained":true},"a."]"#).await;
            router.send(SUBSCRIBED).await;
        })
        .await;
        let mut subscription = subscription.unwrap();
        router
            .send(r#"[36,10,5,{"topic":"a.b","publisher":3,"publisher_authid":"joe","trustlevel":2},["x"]]"#)
            .await;
        let event = subscription.next().await.unwrap();
        assert_eq!((event.topic(), event.arg(0)), ("a.b", Ok("x".to_owned())));
        assert_eq!((event.publisher_authid(), event.trustlevel()), (Some("joe"), Some(2)));
        assert_eq!((event.publication().value(), event.publisher().map(SessionId::value)), (5, Some(3)));
        drop(subscription);
        router.expect("[34,2,10]").await;
    }

    #[tokio::test]
    async fn a_slow_reader_sees_the_latest_events() {
        let (session, mut router) = joined().await;
        let subscribe = session.subscribe("a.b").queue_limit(2).overflow(Overflow::DropOldest);
        let (subscription, ()) = both(subscribe.into_future(), async {
            router.receive().await;
            router.send(SUBSCRIBED).await;
            for number in 1..=5 {
                router.send(&format!("[36,10,{number},{{}},[{number}]]")).await;
            }
            router.send(r#"[35,0,{"subscription":10,"reason":"my.reason"}]"#).await;
        })
        .await;
        let mut subscription = subscription.unwrap();
        while subscription.end_reason().is_none() {
            tokio::task::yield_now().await;
        }
        let mut numbers = Vec::new();
        while let Some(event) = subscription.next().await {
            numbers.push(event.arg::<u8>(0).unwrap());
        }
        assert_eq!((numbers, subscription.missed()), (vec![4, 5], 3));
        assert_eq!(subscription.end_reason(), Some(EndReason::Revoked(Some("my.reason".to_owned()))));
    }

    #[tokio::test]
    async fn handlers_get_events_one_after_the_other_even_if_nobody_holds_them() {
        let (session, mut router) = joined().await;
        let (sender, mut numbers) = mpsc::unbounded_channel();
        let on_event = session.subscribe("a.b").on_event(move |event| {
            let sender = sender.clone();
            async move {
                tokio::task::yield_now().await;
                sender.send(event.arg::<u8>(0).unwrap()).unwrap();
            }
        });
        let (handler, ()) = both(on_event, async {
            router.receive().await;
            router.send(SUBSCRIBED).await;
        })
        .await;
        drop(handler.unwrap());
        for number in [1, 2, 3] {
            router.send(&format!("[36,10,{number},{{}},[{number}]]")).await;
        }
        for number in [1, 2, 3] {
            assert_eq!(numbers.recv().await, Some(number));
        }
    }

    #[tokio::test]
    async fn unsubscribing_waits_for_the_router() {
        let (session, mut router) = joined().await;
        let (subscription, ()) = both(session.subscribe("a.b").into_future(), async {
            router.receive().await;
            router.send(SUBSCRIBED).await;
        })
        .await;
        let (left, ()) = both(subscription.unwrap().unsubscribe(), async {
            router.expect("[34,2,10]").await;
            router.send("[35,2]").await;
        })
        .await;
        left.unwrap();
    }

    #[tokio::test]
    async fn a_subscription_that_nobody_waits_for_is_taken_back() {
        let (session, mut router) = joined().await;
        let subscribing = tokio::spawn(session.subscribe("a.b").into_future());
        router.expect(r#"[32,1,{},"a.b"]"#).await;
        subscribing.abort();
        assert!(subscribing.await.is_err());
        router.send(SUBSCRIBED).await;
        router.expect("[34,2,10]").await;
    }
}

mod procedures {
    use super::*;

    async fn register<F, Fut, R>(session: &Session, router: &mut Memory, handler: F)
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ApplicationError>> + Send + 'static,
        R: Into<Arguments>,
    {
        let (registration, ()) = both(session.register("a.b").handler(handler), async {
            router.expect(r#"[64,1,{},"a.b"]"#).await;
            router.send(REGISTERED).await;
        })
        .await;
        registration.unwrap();
    }

    #[tokio::test]
    async fn registrations_have_options_and_an_end() {
        let (session, mut router) = joined().await;
        let register =
            session.register("a..c").wildcard().invoke(InvocationPolicy::RoundRobin).concurrency(4);
        let register = register.force_reregister().disclose_caller().forward_timeout();
        let (registration, ()) = both(register.handler(|_| async { Ok(()) }), async {
            router
                .expect(concat!(
                    r#"[64,1,{"match":"wildcard","invoke":"roundrobin","concurrency":4,"force_reregister":true,"#,
                    r#""disclose_caller":true,"forward_timeout":true},"a..c"]"#
                ))
                .await;
            router.send(REGISTERED).await;
        })
        .await;
        let registration = registration.unwrap();
        assert_eq!((registration.id().value(), registration.end_reason()), (10, None));
        router.send(r#"[67,0,{"registration":10}]"#).await;
        assert_eq!(registration.ended().await, EndReason::Revoked(None));
    }

    #[tokio::test]
    async fn handlers_answer_with_values_or_errors() {
        let (session, mut router) = joined().await;
        register(&session, &mut router, |call| async move {
            match call.arg::<i64>(0)? {
                0 => Err(ApplicationError::new("my.error").with(call.caller_authid().unwrap_or("nobody"))),
                number => Ok(number * 2),
            }
        })
        .await;
        router.send(r#"[68,1,10,{"caller":5,"caller_authid":"joe"},[21]]"#).await;
        router.expect("[70,1,{},[42]]").await;
        router.send(r#"[68,2,10,{"caller_authid":"joe"},[0]]"#).await;
        router.expect(r#"[8,68,2,{},"my.error",["joe"]]"#).await;
        router.send("[68,3,10,{}]").await;
        router.expect(r#"[8,68,3,{},"wamp.error.invalid_argument",["there is no argument 0"]]"#).await;
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_with_an_error() {
        let (session, mut router) = joined().await;
        register(&session, &mut router, |call| async move {
            assert!(call.args().is_empty(), "this handler takes no arguments");
            Ok(())
        })
        .await;
        router.send("[68,1,10,{},[1]]").await;
        router.expect(r#"[8,68,1,{},"wamp.error.runtime_error",["the procedure broke"]]"#).await;
        router.send("[68,2,10,{}]").await;
        router.expect("[70,2,{}]").await;
    }

    /// PCR-02; PCR-08: nothing for those who didn't ask.
    #[tokio::test]
    async fn progress_goes_to_callers_that_want_it() {
        let (session, mut router) = joined().await;
        register(&session, &mut router, |call| async move {
            for number in [1, 2] {
                call.progress(number).await.map_err(|_| ApplicationError::new("interrupted"))?;
            }
            Ok("end")
        })
        .await;
        router.send(r#"[68,1,10,{"receive_progress":true}]"#).await;
        for message in
            [r#"[70,1,{"progress":true},[1]]"#, r#"[70,1,{"progress":true},[2]]"#, r#"[70,1,{},["end"]]"#]
        {
            router.expect(message).await;
        }
        router.send("[68,2,10,{}]").await;
        router.expect(r#"[70,2,{},["end"]]"#).await;
    }

    /// PCI-01, PCI-07: parts until the last.
    #[tokio::test]
    async fn a_handler_reads_the_parts_of_a_call() {
        let (session, mut router) = joined().await;
        register(&session, &mut router, |mut call| async move {
            let mut sum = call.arg::<i64>(0)?;
            while let Some(part) = call.next_part().await {
                sum += part.arg::<i64>(0)?;
            }
            Ok(sum)
        })
        .await;
        for message in [
            r#"[68,1,10,{"progress":true},[1]]"#,
            r#"[68,1,10,{"progress":true},[2]]"#,
            "[68,1,10,{},[3]]",
            "[68,2,10,{},[7]]",
        ] {
            router.send(message).await;
        }
        let mut answers = [router.receive().await.unwrap(), router.receive().await.unwrap()];
        answers.sort();
        assert_eq!(answers, ["[70,1,{},[6]]", "[70,2,{},[7]]"]);
    }

    /// CAN-03: the callee answers an INTERRUPT.
    #[tokio::test]
    async fn an_interrupted_handler_is_dropped() {
        let (session, mut router) = joined().await;
        let dropped = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&dropped);
        register(&session, &mut router, move |_| {
            let counter = Arc::clone(&counter);
            async move {
                let _guard = Counted(counter);
                std::future::pending::<()>().await;
                Ok(())
            }
        })
        .await;
        router.send("[68,1,10,{}]").await;
        router.send(r#"[69,1,{"mode":"kill"}]"#).await;
        router.expect(r#"[8,68,1,{},"wamp.error.canceled"]"#).await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_handler_can_see_to_interrupts_itself() {
        let (session, mut router) = joined().await;
        let register = session.register("a.b").observe_interrupts();
        let handler = register.handler(|call| async move {
            let interruption = call.interrupted().await;
            assert!(call.is_interrupted() && call.progress(1).await.is_err());
            Ok(format!("{:?} {:?}", interruption.mode, interruption.reason))
        });
        let (registration, ()) = both(handler, async {
            router.receive().await;
            router.send(REGISTERED).await;
        })
        .await;
        registration.unwrap();
        router.send("[68,1,10,{}]").await;
        router.send(r#"[69,1,{"mode":"kill","reason":"wamp.error.timeout"}]"#).await;
        router.expect(r#"[70,1,{},["Some(Kill) Some(\"wamp.error.timeout\")"]]"#).await;
    }

    /// TMO-06: a timeout that the router leaves to the callee.
    #[tokio::test(start_paused = true)]
    async fn a_forwarded_timeout_is_kept() {
        let (session, mut router) = joined().await;
        register(&session, &mut router, |_| std::future::pending::<Result<(), _>>()).await;
        router.send(r#"[68,1,10,{"timeout":500}]"#).await;
        router.expect(r#"[8,68,1,{},"wamp.error.timeout"]"#).await;
    }

    #[tokio::test]
    async fn calls_are_handled_concurrently() {
        let (session, mut router) = joined().await;
        let (release, released) = oneshot::channel::<()>();
        let waiting = std::sync::Mutex::new(Some(released));
        register(&session, &mut router, move |_| {
            let released = waiting.lock().unwrap().take();
            async move {
                if let Some(released) = released {
                    released.await.unwrap();
                    return Ok("first");
                }
                Ok("second")
            }
        })
        .await;
        router.send("[68,1,10,{}]").await;
        router.send("[68,2,10,{}]").await;
        router.expect(r#"[70,2,{},["second"]]"#).await;
        release.send(()).unwrap();
        router.expect(r#"[70,1,{},["first"]]"#).await;
    }

    #[tokio::test]
    async fn a_registration_that_nobody_waits_for_is_taken_back() {
        let (session, mut router) = joined().await;
        let registering = tokio::spawn(session.register("a.b").handler(|_| async { Ok(()) }));
        router.expect(r#"[64,1,{},"a.b"]"#).await;
        registering.abort();
        assert!(registering.await.is_err());
        router.send(REGISTERED).await;
        router.expect("[66,2,10]").await;
    }
}

mod life {
    use super::*;

    #[test]
    fn handles_can_be_sent_and_shared_between_threads() {
        fn assert_shareable<T: Send + Sync + 'static>() {}
        assert_shareable::<Session>();
        assert_shareable::<Invocation>();
        assert_shareable::<cloverleaf_client::PendingCall>();
        assert_shareable::<cloverleaf_client::Subscription>();
        assert_shareable::<cloverleaf_client::Registration>();
        assert_shareable::<cloverleaf_client::RequestError>();
        assert_shareable::<cloverleaf_client::ConnectError>();
    }

    #[tokio::test]
    async fn what_was_asked_for_is_sent_before_goodbye() {
        let (session, mut router) = joined().await;
        assert_eq!(session.id().value(), 1);
        assert!(session.is_open());
        for _ in 0..3 {
            session.publish("a.b").await.unwrap();
        }
        let (reason, ()) = both(session.leave(), async {
            for id in 1..=3 {
                router.expect(&format!(r#"[16,{id},{{}},"a.b"]"#)).await;
            }
            router.expect_goodbye().await;
        })
        .await;
        assert_eq!(reason, CloseReason::Left);
        assert_eq!(router.receive().await, None);
        assert!(!session.is_open());
        assert!(session.publish("a.b").await.unwrap_err().is_closed());
        assert!(session.call("a.b").await.unwrap_err().is_closed());
        assert!(session.subscribe("a.b").await.unwrap_err().is_closed());
        assert!(session.register("a.b").handler(|_| async { Ok(()) }).await.unwrap_err().is_closed());
        assert_eq!(session.leave().await, CloseReason::Left);
    }

    #[tokio::test]
    async fn the_last_handle_says_goodbye() {
        let (session, mut router) = joined().await;
        let (handler, ()) = both(session.subscribe("a.b").on_event(|_| async {}), async {
            router.receive().await;
            router.send(SUBSCRIBED).await;
        })
        .await;
        let other = session.clone();
        drop((session, other));
        session_is_kept_by(&handler.unwrap());
        router.expect_goodbye().await;
        assert_eq!(router.receive().await, None);
    }

    /// Lets a handle live until here.
    fn session_is_kept_by<T>(_handle: &T) {}

    #[tokio::test(start_paused = true)]
    async fn a_router_that_does_not_answer_goodbye_is_left_all_the_same() {
        let (session, _router) = joined().await;
        assert_eq!(session.leave().await, CloseReason::Left);
    }

    /// SES-12, SES-19: GOODBYE of the router.
    #[tokio::test]
    async fn a_goodbye_of_the_router_ends_the_session() {
        let (session, mut router) = joined().await;
        let mut call = session.call("a.b").start().await.unwrap();
        router.receive().await;
        router.send(r#"[6,{"message":"bye"},"wamp.close.killed"]"#).await;
        router.expect(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        let reason = session.closed().await;
        assert_eq!(reason.uri(), Some("wamp.close.killed"));
        assert_eq!(reason.to_string(), "the router said goodbye: wamp.close.killed (bye)");
        assert!(call.next().await.unwrap().unwrap_err().is_closed());
        assert_eq!(call.next().await, None);
    }

    #[tokio::test]
    async fn a_router_that_breaks_the_protocol_is_told_and_left() {
        let (session, mut router) = joined().await;
        router.send("[36,1]").await;
        let abort = router.receive().await.unwrap();
        assert!(abort.starts_with("[3,") && abort.contains("wamp.error.protocol_violation"), "{abort}");
        assert!(matches!(session.closed().await, CloseReason::Violation(_)));
    }

    #[tokio::test]
    async fn a_link_that_ends_ends_the_session() {
        let (session, router) = joined().await;
        drop(router);
        assert!(matches!(session.closed().await, CloseReason::NetworkLost(_)));
    }

    #[tokio::test]
    async fn a_refused_session_says_why() {
        let (ours, theirs) = memory::pair(Serializer::Json);
        let mut router = Memory::new(theirs);
        let (error, ()) = both(Session::over(ours, "realm1").connect(), async {
            router.receive().await;
            router.send(r#"[3,{"message":"no such thing"},"wamp.error.no_such_realm"]"#).await;
        })
        .await;
        let error = error.unwrap_err();
        assert!(error.is_refused());
        assert_eq!(error.uri(), Some("wamp.error.no_such_realm"));
        assert!(error.to_string().contains("no such thing"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_router_that_says_nothing_is_not_waited_for_for_ever() {
        let (ours, _theirs) = memory::pair(Serializer::Json);
        let connecting = Session::over(ours, "realm1").open_timeout(Duration::from_secs(3)).connect();
        assert!(connecting.await.unwrap_err().is_timeout());
    }

    /// The queue of commands and the bytes on their way are bounded: whoever is too fast waits.
    #[tokio::test(start_paused = true)]
    async fn a_router_that_does_not_read_makes_publishers_wait() {
        let (ours, theirs) = memory::pair(Serializer::Json);
        let mut router = Memory::new(theirs);
        let (session, ()) =
            both(Session::over(ours, "realm1").queue_limit(4).connect(), router.welcome(WELCOME)).await;
        let session = session.unwrap();
        let payload = "x".repeat(64 * 1024);
        let publish = || session.publish("a.b").arg(payload.as_str()).send();
        let mut accepted = 0;
        while tokio::time::timeout(Duration::from_secs(1), publish()).await.is_ok() {
            accepted += 1;
            assert!(accepted < 100, "6.4 MB were taken in");
        }
        for _ in 0..accepted {
            router.receive().await;
        }
        tokio::time::timeout(Duration::from_secs(1), publish()).await.unwrap().unwrap();
    }
}
