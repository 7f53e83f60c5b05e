//! Event history: what was published below a topic or pattern, whether or not anybody listened.
//!
//! A history belongs to one subscription of the router's own, which is there from the start and stays (HIS-16): what the
//! broker forwards under it is appended, once. An event that was published to some sessions by their ids is not kept,
//! since those ids mean nothing later (HIS-15); restrictions by authid and authrole are kept with it (HIS-14).
//!
//! Spec: advanced profile, "Event History".

mod event;
mod memory;

pub(crate) use event::Published;
pub use event::{BadRecord, EventPublisher, RecordHead, StoredEvent};
pub use memory::Memory;
