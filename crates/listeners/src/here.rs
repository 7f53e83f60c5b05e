//! Which process, and which of its threads, is this end of a transport.

use std::path::Path;
use std::{fs, process};

use router::{Address, ChannelType, TransportDetails};

/// A transport that this thread has made, and of which nothing more is known.
pub fn transport_here(channel_type: ChannelType, peer: impl Into<Address>) -> TransportDetails {
    TransportDetails {
        own_pid: process::id(),
        own_tid: thread_id(),
        ..TransportDetails::new(channel_type, peer)
    }
}

thread_local! {
    static THREAD_ID: u32 = read_thread_id().unwrap_or(0);
}

/// The number that the system gave this thread; 0 where it doesn't tell.
fn thread_id() -> u32 {
    // A thread that ends may have lost it already.
    THREAD_ID.try_with(|id| *id).unwrap_or(0)
}

/// What the link `/proc/thread-self` ends with: `<pid>/task/<tid>`. There is one on Linux.
fn read_thread_id() -> Option<u32> {
    let link = fs::read_link("/proc/thread-self").ok()?;
    Path::file_name(&link)?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_number_of_its_own() {
        let of_this_thread = || transport_here(ChannelType::Memory, "x");
        let here = of_this_thread();
        assert_eq!(here.own_pid, process::id());
        assert_eq!(here.own_tid, of_this_thread().own_tid);
        let there = std::thread::spawn(move || of_this_thread().own_tid).join().expect("it ends well");
        assert!(here.own_tid != there || here.own_tid == 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_number_is_that_of_a_thread_of_this_process() {
        let id = transport_here(ChannelType::Memory, "x").own_tid;
        assert!(Path::new("/proc/self/task").join(id.to_string()).is_dir());
    }
}
