//! The ways in which a session ends.

use cloverleaf_router::Limits;
use testkit::{Client, Net, json};

use crate::{config, done};

/// Every way in which a session can end but for the end of its realm.
pub(crate) const ENDS: [(&str, End); 9] = [
    ("GOODBYE", |net, client| net.send(client, json!([6, {}, "wamp.close.normal"]))),
    ("ABORT", |net, client| net.send(client, json!([3, {}, "wamp.close.normal"]))),
    ("lost transport", |net, client| net.disconnect(client)),
    ("killed by the program", |net, client| assert!(net.kill(client, None, None))),
    ("killed by another session", |net, client| {
        let killer = net.client().trusted().worker(1).join("realm1");
        let session = net.session(client);
        done(net, killer, "wamp.session.kill", json!([session]), json!({}));
    }),
    ("broken framing", |net, client| net.violate(client, "a frame of no kind")),
    ("broken protocol", |net, client| net.send(client, json!([2, 1, {}]))),
    ("no message", |net, client| net.send_bytes(client, b"[")),
    ("slow consumer", |net, client| {
        net.stall(client);
        let publisher = net.client().trusted().join("realm1");
        for _ in 0..20 {
            net.publish(publisher, "a.flood", &"x".repeat(1000));
        }
    }),
];

/// Ends the session of a client, which has subscribed to `a.flood`.
pub(crate) type End = fn(&mut Net, Client);

/// A router whose clients are cut off when they leave ten kilobytes unread.
pub(crate) fn impatient() -> Net {
    config(|config| {
        config.limits = Limits { outbox_bytes_soft: 10_000, ..Limits::default() };
    })
}
