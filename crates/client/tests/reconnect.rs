//! Sessions whose connection is lost and made again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use cloverleaf_client::wamp::Serializer;
use cloverleaf_client::{CloseReason, EndReason, Reconnect, Session};
use support::{Peer, WELCOME};
use tokio::net::TcpListener;

const QUICK: Reconnect = Reconnect {
    initial: Duration::from_millis(1),
    max: Duration::from_millis(5),
    factor: 2.0,
    max_attempts: Some(20),
};

struct Server {
    listener: TcpListener,
    session: u64,
}

impl Server {
    async fn new() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("rs://{}", listener.local_addr().unwrap());
        (Server { listener, session: 0 }, url)
    }

    async fn accept(&mut self) -> Peer {
        let stream = Box::new(self.listener.accept().await.unwrap().0);
        Peer::rawsocket(stream, Serializer::MsgPack, 15).await.unwrap()
    }

    /// Accepts a connection and opens a session on it.
    async fn welcome(&mut self) -> Peer {
        let mut peer = self.accept().await;
        self.session += 1;
        peer.welcome(&WELCOME.replace("[2,1,", &format!("[2,{},", self.session))).await;
        peer
    }
}

async fn open(policy: Reconnect) -> (Session, Server, Peer) {
    let (mut server, url) = Server::new().await;
    let connecting = tokio::spawn(Session::builder(url, "realm1").reconnect(policy).connect());
    let peer = server.welcome().await;
    (connecting.await.unwrap().unwrap(), server, peer)
}

#[tokio::test]
async fn everything_is_made_again_and_calls_fail() {
    let (session, mut server, mut peer) = open(QUICK).await;
    let register = session.register("a.b").handler(|call| async move { Ok(call.arg::<i64>(0)? + 1) });
    let (registration, mut subscription) = {
        let (registration, ()) = tokio::join!(register, async {
            peer.expect(r#"[64,1,{},"a.b"]"#).await;
            peer.send("[65,1,10]").await;
        });
        let (subscription, ()) = tokio::join!(session.subscribe("c.d").into_future(), async {
            peer.expect(r#"[32,2,{},"c.d"]"#).await;
            peer.send("[33,2,20]").await;
        });
        (registration.unwrap(), subscription.unwrap())
    };
    let call = session.call("e.f").start().await.unwrap();
    peer.receive().await;
    let id = session.id();
    drop(peer);
    assert!(call.await.unwrap_err().is_network_lost());

    let mut peer = server.welcome().await;
    peer.expect(r#"[32,1,{},"c.d"]"#).await;
    peer.expect(r#"[64,2,{},"a.b"]"#).await;
    peer.send("[33,1,77]").await;
    peer.send("[65,2,88]").await;
    assert_eq!(session.reopened(id).await.unwrap().id.value(), 2);
    assert!(session.is_open());
    peer.send(r#"[36,77,5,{},["again"]]"#).await;
    assert_eq!(subscription.next().await.unwrap().arg(0), Ok("again".to_owned()));
    peer.send("[68,1,88,{},[41]]").await;
    peer.expect("[70,1,{},[42]]").await;
    assert_eq!((registration.end_reason(), subscription.end_reason()), (None, None));

    let (left, ()) = tokio::join!(registration.unregister(), async {
        peer.expect("[66,3,88]").await;
        peer.send("[67,3]").await;
    });
    left.unwrap();
}

#[tokio::test]
async fn requests_fail_at_once_while_there_is_no_connection() {
    let slow = Reconnect { initial: Duration::from_secs(3600), ..QUICK };
    let slow = Reconnect { max: Duration::from_secs(3600), ..slow };
    let (session, server, peer) = open(slow).await;
    drop((server, peer));
    while session.is_open() {
        tokio::task::yield_now().await;
    }
    assert!(session.call("a.b").await.unwrap_err().is_network_lost());
    assert!(session.publish("a.b").acknowledge().await.unwrap_err().is_network_lost());
    assert!(session.subscribe("a.b").await.unwrap_err().is_network_lost());
    assert!(session.register("a.b").handler(|_| async { Ok(()) }).await.unwrap_err().is_network_lost());
    assert_eq!(session.leave().await, CloseReason::Left);
}

#[tokio::test]
async fn it_gives_up_after_so_many_attempts() {
    let (session, server, mut peer) = open(Reconnect { max_attempts: Some(3), ..QUICK }).await;
    let (subscription, ()) = tokio::join!(session.subscribe("a.b").into_future(), async {
        peer.receive().await;
        peer.send("[33,1,10]").await;
    });
    let mut subscription = subscription.unwrap();
    drop((server, peer));
    let reason = session.closed().await;
    assert!(matches!(reason, CloseReason::NetworkLost(_)), "{reason}");
    assert_eq!(subscription.next().await, None);
    assert_eq!(subscription.end_reason(), Some(EndReason::Closed(reason)));
}

#[tokio::test]
async fn a_router_that_restarts_is_joined_again() {
    let (session, mut server, mut peer) = open(QUICK).await;
    let id = session.id();
    peer.send(r#"[6,{},"wamp.close.system_shutdown"]"#).await;
    peer.expect(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
    drop(peer);
    let mut peer = server.accept().await;
    peer.receive().await;
    peer.send(r#"[3,{},"wamp.close.system_shutdown"]"#).await;
    drop(peer);
    let _peer = server.welcome().await;
    assert_eq!(session.reopened(id).await.unwrap().id.value(), 2);
}

#[tokio::test]
async fn a_session_that_was_ended_on_purpose_stays_so() {
    let (session, _server, mut peer) = open(QUICK).await;
    peer.send(r#"[6,{},"wamp.close.killed"]"#).await;
    peer.expect(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
    drop(peer);
    let reason = session.closed().await;
    assert_eq!(reason.uri(), Some("wamp.close.killed"));
    assert_eq!(session.reopened(session.id()).await, Err(reason));
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (session, mut server, peer) = open(QUICK).await;
    drop(peer);
    let mut peer = server.accept().await;
    peer.receive().await;
    peer.send(r#"[3,{},"wamp.error.not_authorized"]"#).await;
    assert_eq!(session.closed().await.uri(), Some("wamp.error.not_authorized"));
}

#[tokio::test]
async fn without_a_policy_a_loss_is_the_end() {
    let (mut server, url) = Server::new().await;
    let connecting = tokio::spawn(Session::builder(url, "realm1").connect());
    let peer = server.welcome().await;
    let session = connecting.await.unwrap().unwrap();
    drop(peer);
    assert!(matches!(session.closed().await, CloseReason::NetworkLost(_)));
}

#[tokio::test]
async fn nobody_reconnects_for_a_session_without_handles() {
    let wait = Duration::from_millis(100);
    let (session, server, peer) = open(Reconnect { initial: wait, max: wait, ..QUICK }).await;
    drop(peer);
    while session.is_open() {
        tokio::task::yield_now().await;
    }
    drop(session);
    // With a handle left it would be made again within `wait`.
    assert!(tokio::time::timeout(5 * wait, server.listener.accept()).await.is_err());
}
