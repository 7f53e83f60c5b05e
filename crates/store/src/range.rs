//! Which numbers a range is about.
//!
//! Times are searched by halving, since they never decrease; publications are looked up. Both look in the buffer first
//! and then on the disk.

use std::ops::Bound;

use router::Timestamp;
use router::store::{EventRange, StoreError, StoredEvent};
use wamp::PublicationId;

use crate::error::Fault;
use crate::lock::lock;
use crate::read::{Disk, Reader};
use crate::tables::PUBLICATIONS;

impl Reader<'_> {
    /// The numbers of the events in a range: from the first on, up to but without the second.
    pub(crate) fn numbers_in(&self, range: &EventRange) -> Result<(u64, u64), StoreError> {
        let end = self.snapshot().map_or(0, |snapshot| snapshot.end);
        let from_publication = match range.publication_from {
            Bound::Included(publication) => self.number(publication)?,
            Bound::Excluded(publication) => self.number(publication)? + 1,
            Bound::Unbounded => 0,
        };
        let to_publication = match range.publication_to {
            Bound::Included(publication) => self.number(publication)? + 1,
            Bound::Excluded(publication) => self.number(publication)?,
            Bound::Unbounded => end,
        };
        let from_time = match range.time_from {
            Bound::Included(time) => self.first_not(&|other| other < time)?,
            Bound::Excluded(time) => self.first_not(&|other| other <= time)?,
            Bound::Unbounded => 0,
        };
        let to_time = match range.time_to {
            Bound::Included(time) => self.first_not(&|other| other <= time)?,
            Bound::Excluded(time) => self.first_not(&|other| other < time)?,
            Bound::Unbounded => end,
        };
        Ok((from_publication.max(from_time), to_publication.min(to_time).min(end)))
    }

    /// The number of an event that counts.
    fn number(&self, publication: PublicationId) -> Result<u64, StoreError> {
        let none = StoreError::NoSuchPublication(publication);
        let (waiting, snapshot) = {
            let buffer = lock(&self.shared.buffer);
            let waiting = buffer.waiting(self.history).and_then(|run| run.number_of(publication));
            (waiting, buffer.snapshot(self.history))
        };
        let Some(snapshot) = snapshot else { return Err(none) };
        let buffered = waiting.or_else(|| snapshot.batch()?.number_of(publication));
        let number = match buffered {
            Some(number) => Some(number),
            None if snapshot.counts_from >= snapshot.disk_end => None,
            None => self.disk(&snapshot, |disk| disk.number(publication))?,
        };
        number.filter(|number| *number >= snapshot.counts_from).ok_or(none)
    }

    /// The number of the first event that counts and whose time isn't `early`; what comes next, if all are.
    fn first_not(&self, early: &dyn Fn(Timestamp) -> bool) -> Result<u64, StoreError> {
        let (waiting, snapshot) = {
            let buffer = lock(&self.shared.buffer);
            let waiting = buffer.waiting(self.history).and_then(|run| run.first_not(early));
            (waiting, buffer.snapshot(self.history))
        };
        let Some(snapshot) = snapshot else { return Ok(0) };
        let buffered = waiting.or_else(|| snapshot.batch()?.first_not(early));
        match buffered {
            Some(number) => Ok(number),
            None if snapshot.counts_from >= snapshot.disk_end => Ok(snapshot.counts_from),
            None => {
                self.disk(&snapshot, |disk| disk.first_not(snapshot.counts_from, snapshot.disk_end, early))
            }
        }
    }
}

impl Disk {
    fn number(&self, publication: PublicationId) -> Result<Option<u64>, Fault> {
        let publications = self.tx.open_table(PUBLICATIONS)?;
        for key in self.row.index_keys(publication) {
            let number = publications.get(key)?.map(|number| number.value());
            // One that is left of an event that was trimmed doesn't count.
            if let Some(number) = number.filter(|number| *number >= self.row.first) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// The first number in `from..to` whose time isn't early, `to` if there is none.
    fn first_not(&self, from: u64, to: u64, early: &dyn Fn(Timestamp) -> bool) -> Result<u64, Fault> {
        let (mut from, mut to) = (from.max(self.row.first), to.min(self.row.end));
        while from < to {
            let middle = from + (to - from) / 2;
            if early(self.timestamp(middle)?) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok(from)
    }

    fn timestamp(&self, number: u64) -> Result<Timestamp, Fault> {
        let missing = || Fault::damaged(format_args!("event {number} of history {} is missing", self.row.id));
        let record = self.events.get((self.row.id, number))?.ok_or_else(missing)?;
        let head = StoredEvent::head(record.value()).map_err(Fault::damaged)?;
        Ok(head.timestamp)
    }
}
