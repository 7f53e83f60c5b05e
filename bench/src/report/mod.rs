//! What runs came to, for programs (a [`Record`] per run) and for people (a [`table()`] of medians).

mod record;
mod table;

pub(crate) use record::Record;
pub(crate) use table::table;
