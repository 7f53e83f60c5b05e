//! What runs came to: for programs (a [`Record`] per run), for people (a [`table()`] of medians), and against what was
//! promised ([`budget`], [`budget_table`]).

pub(crate) mod budget;
mod picture;
mod record;
mod series;
mod table;
mod verdict;

pub(crate) use picture::Picture;
pub(crate) use record::{Record, print};
pub(crate) use series::Report;
pub(crate) use table::table;
pub(crate) use verdict::budget_table;
