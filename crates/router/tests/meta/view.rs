//! What a watcher knows of a realm from events alone.

use std::collections::{BTreeMap, BTreeSet};

use cloverleaf_router::Realm;
use testkit::Received;
use wamp::{SessionId, Value};

/// What one watcher knows, from events alone.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Open sessions.
    here: BTreeSet<u64>,
    /// Sessions that have left.
    pub(crate) gone: BTreeSet<u64>,
    /// By `subscription` or `registration` and id: who takes part.
    holders: BTreeMap<(String, u64), BTreeSet<u64>>,
    /// Those that were left by their last one, and wait for `on_delete`.
    emptied: BTreeSet<(String, u64)>,
    /// The testaments that came, by whose they are.
    pub(crate) testaments: BTreeSet<u64>,
}

impl View {
    /// Takes in an event, which must be possible now.
    pub(crate) fn take(&mut self, event: &Received) {
        assert_eq!(event.code(), 36, "{event}");
        let topic = event.detail(3, "topic").and_then(Value::as_str).expect("a topic");
        let args = event.at(4).as_list().expect("arguments");
        let number = |at: usize| args[at].as_u64().unwrap_or_else(|| panic!("no id at {at} in {event}"));
        let member = |dict: &Value, key: &str| dict.as_dict().and_then(|dict| dict.get(key)?.as_u64());
        if topic == "a.will" {
            assert!(!self.gone.contains(&number(0)), "its session has left already: {event}");
            assert!(self.testaments.insert(number(0)), "twice: {event}");
            return;
        }
        let mut words = topic.split('.').skip(1);
        let (kind, what) = (words.next().expect("a kind"), words.next().expect("what happened"));
        match (kind, what) {
            ("session", "on_join") => {
                let session = member(&args[0], "session").expect("an id");
                assert!(self.here.insert(session) && !self.gone.contains(&session), "{event}");
            }
            ("session", "on_leave") => {
                let session = number(0);
                assert!(self.here.remove(&session), "it wasn't there: {event}");
                assert!(self.gone.insert(session), "it left twice: {event}");
                let held = self.holders.iter().find(|(_, holders)| holders.contains(&session));
                assert_eq!(held, None, "it left before what it held: {event}");
            }
            (_, "on_create") => {
                let id = member(&args[1], "id").expect("an id");
                let is_new = self.holders.insert((kind.to_owned(), id), BTreeSet::new()).is_none();
                assert!(is_new && self.here.contains(&number(0)), "{event}");
            }
            _ => self.take_part(kind, what, number(0), number(1), event),
        }
    }

    fn take_part(&mut self, kind: &str, what: &str, session: u64, id: u64, event: &Received) {
        let key = (kind.to_owned(), id);
        let holders = self.holders.get_mut(&key).unwrap_or_else(|| panic!("it isn't there: {event}"));
        match what {
            "on_subscribe" | "on_register" => {
                assert!(!self.emptied.contains(&key), "it is to be deleted: {event}");
                assert!(self.here.contains(&session), "{event}");
                assert!(holders.insert(session), "twice: {event}");
            }
            "on_unsubscribe" | "on_unregister" => {
                assert!(holders.remove(&session), "it had no part: {event}");
                if holders.is_empty() {
                    self.emptied.insert(key);
                }
            }
            "on_delete" => {
                assert!(holders.is_empty() && self.emptied.remove(&key), "{event}");
                self.holders.remove(&key);
            }
            _ => panic!("{event}"),
        }
    }

    /// It is as the realm itself says, but for the watcher, who isn't told of itself.
    pub(crate) fn assert_true(&self, realm: &Realm, watcher: u64) {
        let api = realm.meta_api();
        assert!(self.emptied.is_empty(), "{:?}", self.emptied);
        let open: BTreeSet<u64> = realm.sessions().iter().map(|peer| peer.id().value()).collect();
        let mut seen = self.here.clone();
        seen.insert(watcher);
        assert_eq!(seen, open);
        let holders = |sessions: Vec<SessionId>| -> BTreeSet<u64> {
            sessions.into_iter().map(SessionId::value).collect()
        };
        let mut truth = BTreeMap::new();
        for id in api.subscription_list(None).expect("a list").exact {
            let key = ("subscription".to_owned(), id.value());
            truth.insert(key, holders(api.subscription_list_subscribers(id).expect("it is there")));
        }
        for id in api.registration_list(None).expect("a list").exact {
            if !api.registration_get(id).expect("it is there").uri.starts_with("wamp.") {
                let key = ("registration".to_owned(), id.value());
                truth.insert(key, holders(api.registration_list_callees(id).expect("it is there")));
            }
        }
        // The watcher's own subscriptions are patterns, or to what is the router's own.
        assert_eq!(self.holders, truth);
    }
}
