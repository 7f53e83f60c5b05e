//! From the meta API to updates: lists at the start, meta events from then on.
//!
//! The events of one topic come in order, those of different topics don't. So what they say about a record's sessions is
//! shown at once and looked at again soon after, of a bounded number of records at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use client::Session;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::cli::meta::{Kind, Meta, MetaError, each};
use crate::cli::top::state::{Happening, Listing, ROWS_MAX, Rows, Update};
use crate::cli::top::topics::Topics;

/// How often records are looked at again, and how many at a time.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const LOOKS_AT_ONCE: usize = 32;

/// How often sessions are counted: not all of them leave with an event.
const COUNT_INTERVAL: Duration = Duration::from_secs(2);

/// If more records than this wait to be looked at, listing all is less work.
const LOOKS_MAX: usize = 1024;

/// Lists are not asked for more often than this.
const LIST_INTERVAL: Duration = Duration::from_secs(10);

/// Where updates come from.
pub(crate) struct Feed {
    meta: Meta,
    session: Session,
    topics: Topics,
    updates: mpsc::Sender<Update>,
    wishes: mpsc::Receiver<Wish>,
    /// Records to look at again.
    touched: BTreeSet<(Kind, u64)>,
    list_at: Option<Instant>,
    listed_at: Instant,
}

/// What is to be told although nothing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The sessions at a record.
    Members(Kind, u64),
    /// All there is.
    List,
}

/// Lists all there is, as far as there is room for it.
pub(crate) async fn list(meta: &Meta) -> Result<Listing, MetaError> {
    let ids = meta.session_ids(&[]).await?;
    let (shown, hidden) = newest(&ids);
    let ask = |id| {
        let meta = meta.clone();
        async move { meta.session_if_there(id).await }
    };
    let sessions = Rows::new(each(shown, ask).await?.into_iter().flatten().collect(), hidden);
    let [subscriptions, registrations] = [Kind::Subscription, Kind::Registration].map(|kind| async move {
        let ids = meta.entry_ids(kind, None).await?;
        let (shown, hidden) = newest(&ids);
        Ok::<_, MetaError>(Rows::new(meta.describe_all(kind, shown).await?, hidden))
    });
    Ok(Listing { sessions, subscriptions: subscriptions.await?, registrations: registrations.await? })
}

/// The last ids, and how many there are before them.
fn newest(ids: &[u64]) -> (&[u64], u64) {
    let hidden = ids.len().saturating_sub(ROWS_MAX);
    (&ids[hidden..], hidden as u64)
}

impl Feed {
    /// Subscribes to what happens, and lists what there is.
    pub(crate) async fn open(
        session: &Session,
        updates: mpsc::Sender<Update>,
        wishes: mpsc::Receiver<Wish>,
    ) -> Result<(Self, Listing)> {
        let meta = Meta::new(session.clone());
        // In this order, so that nothing falls between the two.
        let topics = Topics::subscribe(session).await?;
        let listing = list(&meta).await?;
        let feed = Feed {
            meta,
            session: session.clone(),
            topics,
            updates,
            wishes,
            touched: BTreeSet::new(),
            list_at: None,
            listed_at: Instant::now(),
        };
        Ok((feed, listing))
    }

    /// Passes on what happens, until nobody listens any more.
    ///
    /// # Errors
    /// The session is over, or something that was allowed before isn't any more.
    pub(crate) async fn run(mut self) -> Result<()> {
        let (mut looks, mut counts) = (interval(LOOK_INTERVAL), interval(COUNT_INTERVAL));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut id = self.session.id();
        let session = self.session.clone();
        loop {
            let list_at = self.list_at;
            let done = tokio::select! {
                happened = self.topics.next() => self.tell(happened?).await,
                _ = looks.tick() => self.look().await,
                _ = counts.tick() => self.count().await,
                Some(wish) = self.wishes.recv() => self.grant(wish).await,
                reopened = session.reopened(id) => match reopened {
                    Ok(welcomed) => {
                        id = welcomed.id;
                        self.list_at = Some(Instant::now());
                        Ok(())
                    }
                    Err(reason) => bail!("the session is over: {reason}"),
                },
                () = sleep_until(list_at.unwrap_or_else(Instant::now)), if list_at.is_some() => self.list().await,
            };
            match done {
                // It is made again, and all is listed then.
                Err(Problem::Meta(error)) if error.is_network_lost() => {}
                Err(Problem::Meta(error)) => return Err(error.into()),
                Err(Problem::Over(error)) => return Err(error),
                Err(Problem::NobodyListens) => return Ok(()),
                Ok(()) => {}
            }
        }
    }

    async fn tell(&mut self, happened: Vec<Happening>) -> Result<(), Problem> {
        for happening in happened {
            match &happening {
                // A deleted one may be back, which may have been told before: ids of subscriptions are those of their URIs.
                Happening::Entered(kind, id) | Happening::Exited(kind, id) | Happening::Deleted(kind, id) => {
                    self.touched.insert((*kind, *id));
                }
                Happening::Joined(_) | Happening::Left(_) | Happening::Created(..) => {}
            }
            self.send(Update::Happened(happening)).await?;
        }
        if self.topics.have_missed() || self.touched.len() > LOOKS_MAX {
            self.touched.clear();
            self.list_at.get_or_insert(self.listed_at + LIST_INTERVAL);
        }
        Ok(())
    }

    /// Looks again at records that something happened to.
    async fn look(&mut self) -> Result<(), Problem> {
        for kind in [Kind::Subscription, Kind::Registration] {
            let touched = self.touched.iter().filter(|(of_kind, _)| *of_kind == kind);
            let ids: Vec<u64> = touched.map(|(_, id)| *id).take(LOOKS_AT_ONCE).collect();
            let ask = |id| {
                let meta = self.meta.clone();
                async move {
                    match meta.describe(kind, id).await {
                        // The router's own are not for everybody to look at.
                        Err(error) if error.is_not_authorized() => Ok(None),
                        described => Ok(Some(Update::Looked(kind, id, described?))),
                    }
                }
            };
            let updates = each(&ids, ask).await?;
            for id in ids {
                self.touched.remove(&(kind, id));
            }
            for update in updates.into_iter().flatten() {
                self.send(update).await?;
            }
        }
        Ok(())
    }

    /// Counts sessions, where that is allowed.
    async fn count(&mut self) -> Result<(), Problem> {
        match self.meta.session_count(&[]).await {
            Ok(count) => {
                // What happened before is to be known before.
                let happened = self.topics.waiting().map_err(Problem::Over)?;
                self.tell(happened).await?;
                self.send(Update::Counted(count)).await
            }
            Err(error) if error.is_network_lost() => Err(error.into()),
            Err(_) => Ok(()),
        }
    }

    async fn grant(&mut self, wish: Wish) -> Result<(), Problem> {
        let (kind, id) = match wish {
            Wish::Members(kind, id) => (kind, id),
            Wish::List => {
                self.list_at.get_or_insert_with(Instant::now);
                return Ok(());
            }
        };
        match self.meta.members(kind, id).await {
            Ok(members) => self.send(Update::Members(kind, id, members)).await,
            Err(error) if error.is_gone() || error.is_not_authorized() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists all again. What happens meanwhile waits in the queues, and is told behind it.
    async fn list(&mut self) -> Result<(), Problem> {
        self.list_at = None;
        let listing = list(&self.meta).await?;
        self.listed_at = Instant::now();
        self.send(Update::Listed(Box::new(listing))).await
    }

    async fn send(&self, update: Update) -> Result<(), Problem> {
        self.updates.send(update).await.map_err(|_| Problem::NobodyListens)
    }
}

enum Problem {
    Meta(MetaError),
    Over(anyhow::Error),
    NobodyListens,
}

impl From<MetaError> for Problem {
    fn from(error: MetaError) -> Self {
        Problem::Meta(error)
    }
}
