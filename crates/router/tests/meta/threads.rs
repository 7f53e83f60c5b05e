//! Sessions that really race: they come, subscribe, register, are killed by others, and a watcher is told.
//!
//! What the watcher is told must be possible at every moment, and in the end the truth, whatever ended a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloverleaf_router::{Limits, Router, RouterConfig};
use testkit::{Json, Received, json};

use crate::racer::Racer;
use crate::view::View;

fn router() -> Arc<Router> {
    // Nobody is cut off for being slow: the watcher would miss what it is there for.
    let limits = Limits { outbox_bytes_soft: 1 << 30, ..Limits::default() };
    Router::new(RouterConfig { limits, ..RouterConfig::default() }).expect("a configuration that can be")
}

/// What a crowd of two threads did.
#[derive(Debug, Default)]
struct Deeds {
    /// All sessions there were.
    sessions: Vec<u64>,
    /// How often somebody was killed or removed by another.
    attacks: usize,
}

/// Has two threads act while a third watches; then looks at what that one saw.
fn watched(act: fn(&Arc<Router>, u8, u64) -> Deeds) -> (View, Deeds) {
    let router = router();
    let mut watcher = Racer::join(&router, 1);
    for (topic, policy) in [("wamp.", "prefix"), ("a.will", "prefix")] {
        watcher.request(32, &[json!({"match": policy}), json!(topic)]);
    }
    let (own, done) = (watcher.id, AtomicBool::new(false));
    let mut view = View::default();
    let deeds = thread::scope(|scope| {
        let crowd = [2, 3].map(|seed| {
            let router = &router;
            scope.spawn(move || act(router, seed, own))
        });
        let (view, watcher, done) = (&mut view, &mut watcher, &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                watch(watcher, view);
            }
        });
        let _stop = Stop(done);
        let mut all = Deeds::default();
        for deeds in crowd.map(|thread| thread.join().expect("a thread of the crowd")) {
            all.sessions.extend(deeds.sessions);
            all.attacks += deeds.attacks;
        }
        all
    });
    watch(&mut watcher, &mut view);
    view.assert_true(&router.realm("realm1").expect("it is there"), own);
    (view, deeds)
}

fn watch(watcher: &mut Racer, view: &mut View) {
    watcher.run().iter().for_each(|event| view.take(event));
    thread::yield_now();
}

/// Stops the watcher, after a failure too.
struct Stop<'d>(&'d AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const ROUNDS: usize = 800;
const TOPICS: [&str; 3] = ["a.one", "a.two", "a.three"];

/// One that comes, leaves a will, subscribes, registers, kills somebody, and leaves in one way or another, again and again.
fn killer(router: &Arc<Router>, seed: u8, watcher: u64) -> Deeds {
    let realm = router.realm("realm1").expect("it is there");
    let mut deeds = Deeds::default();
    let mut racer = Racer::join(router, seed);
    for round in 0..ROUNDS {
        deeds.sessions.push(racer.id);
        let own = racer.id;
        racer.request(48, &[json!({}), json!("wamp.session.add_testament"), json!(["a.will", [own]])]);
        for topic in &TOPICS[..=round % 3] {
            racer.request(32, &[json!({}), json!(topic)]);
            racer.request(64, &[json!({"invoke": "roundrobin"}), json!(topic)]);
        }
        let others = realm.sessions();
        let mut others = others.iter().map(|peer| peer.id().value());
        if let Some(victim) = others.find(|id| ![own, watcher].contains(id)) {
            deeds.attacks += usize::from(call(&mut racer, "wamp.session.kill", json!([victim])));
        }
        match round % 4 {
            0 => racer.disconnect(),
            1 => racer.misbehave(),
            _ => racer.leave(),
        }
        racer.join_again(router);
    }
    deeds.sessions.push(racer.id);
    deeds
}

/// Whether a call had a result.
fn call(racer: &mut Racer, procedure: &str, args: Json) -> bool {
    let is_result = |message: &Received| message.code() == 50;
    racer.request(48, &[json!({}), json!(procedure), args]).iter().any(is_result)
}

/// MSE-02, MSE-18, MRG-01, MRG-02, MRG-03, MRG-04, MSB-01, MSB-02, MSB-03, MSB-04, TST-02, TST-11
#[test]
fn a_watcher_knows_the_truth_though_all_kill_each_other() {
    let (view, deeds) = watched(killer);
    assert!(deeds.attacks > 0, "the threads met");
    let left = deeds.sessions.iter().filter(|session| view.gone.contains(session)).count();
    assert_eq!(left, view.gone.len());
    assert!(
        (2 * ROUNDS..=2 * ROUNDS + 2).contains(&left),
        "all but the last two, if nobody killed these: {left}"
    );
    // Some were killed before they could add theirs.
    assert!(view.testaments.len() <= left && view.testaments.len() > left / 2, "{}", view.testaments.len());
}

/// One that subscribes and registers again and again, while others take it out of that.
fn remover(router: &Arc<Router>, seed: u8, watcher: u64) -> Deeds {
    let realm = router.realm("realm1").expect("it is there");
    let mut racer = Racer::join(router, seed);
    let mut deeds = Deeds { sessions: vec![racer.id], attacks: 0 };
    let own = racer.id;
    for round in 0..ROUNDS {
        racer.request(32, &[json!({}), json!("a.one")]);
        racer.request(64, &[json!({"invoke": "roundrobin"}), json!("a.one")]);
        let others = realm.sessions();
        let Some(victim) =
            others.iter().map(|peer| peer.id().value()).find(|id| ![own, watcher].contains(id))
        else {
            continue;
        };
        for (kind, procedure) in [
            ("subscription", "wamp.subscription.remove_subscriber"),
            ("registration", "wamp.registration.remove_callee"),
        ] {
            let lookup = format!("wamp.{kind}.lookup");
            let found = racer.request(48, &[json!({}), json!(lookup), json!(["a.one"])]);
            let id = found.iter().find(|message| message.code() == 50);
            let id = id.and_then(|result| result.at(3).as_list()?.first()?.as_u64());
            if let Some(id) = id.filter(|_| round % 2 == usize::from(seed) % 2) {
                deeds.attacks += usize::from(call(&mut racer, procedure, json!([id, victim])));
            }
        }
    }
    deeds
}

/// REV-03, REV-05, MRG-02, MRG-03, MSB-02, MSB-03: who comes again while being put out is in, or out, but not both.
#[test]
fn a_watcher_knows_the_truth_though_all_remove_each_other() {
    let (view, deeds) = watched(remover);
    assert!(deeds.attacks > 0, "the threads met");
    assert!(view.gone.is_empty());
}
