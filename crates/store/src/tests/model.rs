//! The store on the disk and the one in the router's memory hold the same, whatever is done to them.

use std::ops::Bound;
use std::time::Duration;

use proptest::prelude::*;
use router::Timestamp;
use router::config::HistoryConfig;
use router::store::{EventRange, Memory, Store};
use wamp::MatchPolicy;

use super::disk::TestDisk;
use super::{event_of, manual, publication, read};

#[derive(Debug, Clone)]
enum Step {
    Append { history: usize, events: u64, micros: u64, payload_bytes: usize },
    Flush,
    Reopen,
    Read(RangeOf),
}

/// A range by publications (how many appends ago) and times, for both stores.
#[derive(Debug, Clone)]
struct RangeOf {
    history: usize,
    publications: [Bound<u64>; 2],
    times: [Bound<u64>; 2],
    reverse: bool,
}

fn bound(values: std::ops::Range<u64>) -> impl Strategy<Value = Bound<u64>> {
    prop_oneof![
        3 => Just(Bound::Unbounded),
        1 => values.clone().prop_map(Bound::Included),
        1 => values.prop_map(Bound::Excluded),
    ]
}

fn range() -> impl Strategy<Value = RangeOf> {
    let bounds = (bound(0..60), bound(0..60), bound(0..120), bound(0..120));
    (0usize..4, bounds, any::<bool>()).prop_map(|(history, bounds, reverse)| RangeOf {
        history,
        publications: [bounds.0, bounds.1],
        times: [bounds.2, bounds.3],
        reverse,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..4, 1u64..12, 0u64..4, 0usize..100).prop_map(|(history, events, micros, payload_bytes)| {
            Step::Append { history, events, micros, payload_bytes }
        }),
        2 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        6 => range().prop_map(Step::Read),
    ]
}

fn histories() -> [HistoryConfig; 4] {
    let history = |uri, match_policy, events_max, bytes_max, age_micros| HistoryConfig {
        uri: String::from(uri),
        match_policy,
        events_max,
        bytes_max,
        age_max: Option::map(age_micros, Duration::from_micros),
    };
    [
        history("com.example", MatchPolicy::Exact, u64::MAX, u64::MAX, None),
        history("com.example", MatchPolicy::Prefix, 7, u64::MAX, None),
        history("com..example", MatchPolicy::Wildcard, 1000, 2000, None),
        history("com.aged", MatchPolicy::Exact, 1000, u64::MAX, Some(9)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn disk_and_memory_hold_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let histories = histories();
        let disk = TestDisk::new();
        let memory = Memory::new(&histories);
        let mut store = Some(disk.open(&manual(), &histories));
        let (mut next, mut now) = (1, 0);
        let mut is_flushed = true;
        for step in steps {
            let redb = store.as_ref().unwrap();
            match step {
                Step::Append { history, events, micros, payload_bytes } => {
                    for _ in 0..events {
                        now += micros;
                        let event = event_of(next, now, payload_bytes);
                        redb.append(history, event.clone());
                        memory.append(history, event);
                        next += 1;
                    }
                    is_flushed = false;
                }
                Step::Flush => {
                    redb.flush().unwrap();
                    is_flushed = true;
                }
                Step::Reopen => {
                    drop(store.take());
                    store = Some(disk.open(&manual(), &histories));
                    is_flushed = true;
                }
                Step::Read(wanted) => {
                    // Bounds on bytes and age take hold of what is on the disk when something is written.
                    if wanted.history >= 2 && !is_flushed {
                        redb.flush().unwrap();
                        is_flushed = true;
                    }
                    let ago = |back: u64| publication(u64::max(1, u64::saturating_sub(next, back)));
                    let before = |back: u64| Timestamp(u64::saturating_sub(now, back));
                    let [publication_from, publication_to] = wanted.publications.map(|bound| bound.map(ago));
                    let [time_from, time_to] = wanted.times.map(|bound| bound.map(before));
                    let reverse = wanted.reverse;
                    let range = EventRange { time_from, time_to, publication_from, publication_to, reverse };
                    let expected = read(&memory, wanted.history, &range);
                    prop_assert_eq!(read(redb, wanted.history, &range), expected, "{:?}", range);
                }
            }
        }
    }
}
