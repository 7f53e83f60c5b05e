//! A file that can be read though it can't be written.
//!
//! To open a database that was not closed, redb has to put it right first, which is a few writes. On a disk that takes
//! none they are kept in memory here, on top of the file, so that at least what is there can be read.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Bound;
use std::sync::Mutex;

use redb::{BackendError, StorageBackend};

use crate::lock::lock;

/// See the module. Its locks are shared ones: others may look at the file as well, but not write it.
#[derive(Debug)]
pub(crate) struct View {
    below: Box<dyn StorageBackend>,
    above: Mutex<Above>,
}

/// What would have been written.
#[derive(Debug)]
struct Above {
    length: u64,
    /// How much of the file still counts: what was cut off doesn't come back.
    length_below: u64,
    pages: HashMap<u64, Box<[u8]>>,
}

const PAGE: u64 = 4096;

impl View {
    pub(crate) fn new(below: Box<dyn StorageBackend>) -> Result<Self> {
        let length = below.len()?;
        let above = Above { length, length_below: length, pages: HashMap::new() };
        Ok(View { below, above: Mutex::new(above) })
    }

    /// Reads what is in the file, and zeros behind it.
    fn read_below(&self, above: &Above, offset: u64, out: &mut [u8]) -> Result<()> {
        let there = usize::try_from(above.length_below.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (from_file, behind) = out.split_at_mut(there.min(out.len()));
        behind.fill(0);
        if from_file.is_empty() { Ok(()) } else { self.below.read(offset, from_file) }
    }
}

/// A part of a read or write that lies within one page.
struct Piece {
    page: u64,
    within: std::ops::Range<usize>,
    of_data: std::ops::Range<usize>,
}

fn pieces(offset: u64, length: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let at = offset + done as u64;
        // Less than a page, so it fits.
        let begin = (at % PAGE) as usize;
        let taken = (PAGE as usize - begin).min(length - done);
        let piece = Piece { page: at / PAGE, within: begin..begin + taken, of_data: done..done + taken };
        done += taken;
        Some(piece)
    })
}

impl StorageBackend for View {
    fn len(&self) -> Result<u64> {
        Ok(lock(&self.above).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let above = lock(&self.above);
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > above.length) {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        self.read_below(&above, offset, out)?;
        if above.pages.is_empty() {
            return Ok(());
        }
        for piece in pieces(offset, out.len()) {
            if let Some(page) = above.pages.get(&piece.page) {
                out[piece.of_data].copy_from_slice(&page[piece.within]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        let mut above = lock(&self.above);
        if length < above.length {
            let last = length / PAGE;
            above.pages.retain(|page, _| *page <= last);
            if let Some(page) = above.pages.get_mut(&last) {
                page[(length % PAGE) as usize..].fill(0);
            }
        }
        above.length = length;
        above.length_below = above.length_below.min(length);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut above = lock(&self.above);
        for piece in pieces(offset, data.len()) {
            if !above.pages.contains_key(&piece.page) {
                let mut page = vec![0; PAGE as usize];
                self.read_below(&above, piece.page * PAGE, &mut page)?;
                above.pages.insert(piece.page, page.into());
            }
            if let Some(page) = above.pages.get_mut(&piece.page) {
                page[piece.within].copy_from_slice(&data[piece.of_data]);
            }
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.below.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> std::result::Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.below.unlock_range(start, end)
    }

    fn query_lock_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> std::result::Result<bool, BackendError> {
        self.below.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(usize, Vec<u8>),
        Resize(usize),
        Read(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0usize..20_000, prop::collection::vec(1u8.., 1..9000))
                .prop_map(|(at, data)| Step::Write(at, data)),
            (0usize..30_000).prop_map(Step::Resize),
            (0usize..20_000, 0usize..20_000).prop_map(|(at, length)| Step::Read(at, length)),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_as_if_it_were_written(steps in prop::collection::vec(step(), 1..30)) {
            let mut model = vec![7u8; 10_000];
            let below = InMemoryBackend::new();
            below.set_len(10_000).unwrap();
            below.write(0, &model).unwrap();
            let view = View::new(Box::new(below)).unwrap();
            for step in steps {
                match step {
                    Step::Write(at, mut data) => {
                        let at = at.min(model.len());
                        data.truncate(model.len() - at);
                        view.write(at as u64, &data).unwrap();
                        model[at..at + data.len()].copy_from_slice(&data);
                    }
                    Step::Resize(length) => {
                        view.set_len(length as u64).unwrap();
                        model.resize(length, 0);
                    }
                    Step::Read(at, length) => {
                        let mut out = vec![1; length];
                        let read = view.read(at as u64, &mut out);
                        match model.get(at..at + length) {
                            Some(expected) => prop_assert_eq!(&out, expected),
                            None => prop_assert!(read.is_err()),
                        }
                    }
                }
                prop_assert_eq!(view.len().unwrap(), model.len() as u64);
            }
            let mut below = vec![0; 10_000];
            view.below.read(0, &mut below).unwrap();
            prop_assert!(below.iter().all(|byte| *byte == 7), "nothing was written");
        }
    }
}
