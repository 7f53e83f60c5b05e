//! The files of realms: opened before there is a router that needs them, closed after its last session.

use std::sync::Arc;
use std::time::Duration;

use listeners::SystemClock;
use router::config::RouterConfig;
use store::{Redb, RedbOptions};
use tokio::time::{Instant, sleep};

use crate::config::{StoreConfig, WorkerConfig};
use crate::node::StartError;

/// How long sessions inside the process get to leave, and so to publish their testaments, before the files are closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// A realm, and the file in which it keeps what it keeps.
pub(super) type RealmStore = (String, Arc<Redb>);

/// Opens the files of a worker's realms.
pub(super) fn open(worker: &WorkerConfig) -> Result<Vec<RealmStore>, StartError> {
    let open = |(realm, config): (&String, &StoreConfig)| {
        let store = open_one(&worker.router, realm, config)?;
        Ok((realm.clone(), Arc::new(store)))
    };
    worker.stores.iter().map(open).collect()
}

fn open_one(router: &RouterConfig, name: &str, config: &StoreConfig) -> Result<Redb, StartError> {
    let Some(realm) = router.realms.iter().find(|realm| realm.name == name) else {
        return Err(StartError::StoreWithoutRealm { realm: name.to_owned(), path: config.path.clone() });
    };
    let options = RedbOptions {
        flush_interval: config.flush_interval,
        pending_events_max: config.pending_events_max,
        pending_bytes_max: config.pending_bytes_max,
        sync: config.sync,
        cache_bytes: config.cache_bytes,
        clock: Arc::new(SystemClock),
    };
    let opened = Redb::open(&config.path, &options, &realm.history);
    let store = opened.map_err(|source| StartError::Store {
        realm: name.to_owned(),
        path: config.path.clone(),
        source,
    })?;
    tracing::info!(
        realm = name,
        histories = realm.history.len(),
        "opened the store {}",
        config.path.display()
    );
    Ok(store)
}

/// Writes what waits and closes the files, when `sessions` says that none is left or [`FAREWELL`] is over.
pub(super) async fn close(stores: Vec<RealmStore>, sessions: impl Fn() -> usize) {
    if stores.is_empty() {
        return;
    }
    let end = Instant::now() + FAREWELL;
    while sessions() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(5)).await;
    }
    let closed = tokio::task::spawn_blocking(move || {
        for (realm, store) in stores {
            if let Err(error) = store.flush() {
                tracing::error!(realm, "the last changes of the store could not be written: {error}");
            }
            store.close();
        }
    });
    if let Err(error) = closed.await {
        tracing::error!("a store was not closed well: {error}");
    }
}
