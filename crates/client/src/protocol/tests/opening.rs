//! From HELLO to WELCOME.

use super::*;

struct Ticket;

impl Authenticator for Ticket {
    fn methods(&self) -> Vec<String> {
        vec!["ticket".to_owned()]
    }

    fn answer(&mut self, challenge: &crate::Challenge<'_>) -> Result<Signature, AuthError> {
        match challenge.method {
            "ticket" => Ok(Signature::new("secret")),
            other => Err(AuthError::new(format!("{other} was not offered"))),
        }
    }

    fn welcome(&mut self, details: &WelcomeDetails<'_>) -> Result<(), AuthError> {
        if details.authid.as_deref() == Some("impostor") {
            Err(AuthError::new("not our router"))
        } else {
            Ok(())
        }
    }
}

fn challenge(method: &str) -> Challenge<'_> {
    Challenge { authmethod: method.into(), extra: Dict::new() }
}

/// SES-03: all four roles; no authmethods without an authenticator.
#[test]
fn hello_names_realm_roles_and_who_we_are() {
    let mut rig = Rig::new(None);
    rig.protocol.begin(Serializer::Json, usize::MAX);
    let sent = rig.sent();
    let Ok(Message::Hello(Hello { realm, details })) = Message::decode(Serializer::Json, sent[0].as_bytes())
    else {
        panic!("{sent:?}");
    };
    assert_eq!((realm.as_deref(), details.authid.as_deref()), (Some("realm1"), Some("joe")));
    assert_eq!((details.roles, details.authmethods), (ClientRoles::complete(), None));
    assert!(!rig.protocol.is_open());
}

#[test]
fn welcome_opens_the_session() {
    let rig = Rig::open();
    assert!(rig.protocol.is_open());
    assert_eq!(rig.protocol.welcomed().map(|welcomed| welcomed.id.value()), Some(1));
}

/// AUT-01, AUT-11: CHALLENGE and AUTHENTICATE, as often as the router likes.
#[test]
fn challenges_are_answered_by_the_authenticator() {
    let mut rig = Rig::new(Some(Box::new(Ticket)));
    rig.begin(usize::MAX);
    rig.receive(challenge("ticket"));
    rig.receive(challenge("ticket"));
    assert_eq!(rig.sent(), [r#"[5,"secret",{}]"#, r#"[5,"secret",{}]"#]);
    rig.welcome(1, Features::NONE);
    assert!(rig.protocol.is_open());
}

#[test]
fn a_challenge_that_can_not_be_answered_aborts() {
    for authenticator in [None, Some(Box::new(Ticket) as Box<dyn Authenticator>)] {
        let mut rig = Rig::new(authenticator);
        rig.begin(usize::MAX);
        rig.receive(challenge("wampcra"));
        assert_eq!(rig.sent_types(), [MessageType::Abort]);
        assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Unauthenticated(_))));
    }
}

#[test]
fn a_router_that_can_not_prove_itself_is_left() {
    let mut rig = Rig::new(Some(Box::new(Ticket)));
    rig.begin(usize::MAX);
    let details = WelcomeDetails { authid: Some("impostor".into()), ..WelcomeDetails::default() };
    rig.receive(Welcome { session: SessionId::from_bits(1), details });
    assert_eq!(rig.sent_types(), [MessageType::Abort]);
    assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Unauthenticated(_))));
}

/// SES-14: ABORT is never answered; SES-15: it may have arguments.
#[test]
fn abort_tells_why() {
    let mut rig = Rig::new(None);
    rig.begin(usize::MAX);
    rig.protocol.receive(br#"[3,{"message":"no"},"wamp.error.no_such_realm",["realm1"]]"#);
    let Some(reason @ CloseReason::Aborted { error, message }) = rig.protocol.close_reason() else {
        panic!()
    };
    assert_eq!((error.arg::<String>(0), message.as_deref()), (Ok("realm1".to_owned()), Some("no")));
    assert_eq!(reason.uri(), Some(error_uri::NO_SUCH_REALM));
    assert_eq!(rig.sent(), [""; 0]);
}

#[test]
fn anything_but_the_opening_before_welcome_is_a_violation() {
    let mut rig = Rig::new(None);
    rig.begin(usize::MAX);
    rig.event(1);
    assert_eq!(rig.sent_types(), [MessageType::Abort]);
    assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Violation(_))));
}
