//! Publications.

use super::*;
use wamp::message::PublishOptions;

#[test]
fn only_acknowledged_publications_are_waited_for() {
    let mut rig = Rig::open();
    let mut publish = |reply: Option<Reply<PublicationId>>| {
        let options = PublishOptions { acknowledge: reply.is_some(), ..PublishOptions::default() };
        let (topic, arguments) = ("a.b".to_owned(), Arguments::new());
        rig.protocol.handle(Command::Publish(NewPublication { topic, options, arguments, reply }));
    };
    let (reply, mut taken) = oneshot::channel();
    let (other, mut refused) = oneshot::channel();
    publish(None);
    publish(Some(reply));
    publish(Some(other));
    assert_eq!(
        rig.sent(),
        [
            r#"[16,1,{},"a.b"]"#,
            r#"[16,2,{"acknowledge":true},"a.b"]"#,
            r#"[16,3,{"acknowledge":true},"a.b"]"#
        ]
    );
    rig.receive(Published { request: request(2), publication: PublicationId::new(5).unwrap() });
    rig.error(MessageType::Publish, 3, error_uri::INVALID_URI);
    assert_eq!(taken.try_recv(), Ok(Ok(PublicationId::new(5).unwrap())));
    assert_eq!(refused.try_recv().unwrap().unwrap_err().uri(), Some(error_uri::INVALID_URI));
}
