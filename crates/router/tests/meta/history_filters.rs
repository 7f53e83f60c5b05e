//! `wamp.subscription.get_events`: which of the events, in which order, and how many.
//!
//! Spec: advanced profile, "Event History".

use std::time::Duration;

use cloverleaf_router::Timestamp;
use cloverleaf_router::config::HistoryConfig;
use testkit::{Client, Net, json};
use wamp::MatchPolicy::{Exact, Prefix};

use crate::history::{GET, events, keeping, subscription, texts};
use crate::{INVALID_ARGUMENT, at, config, realm};

/// Ten events, "0" to "9", a second apart, by two publishers in turn, below two topics of a pattern.
struct Scene {
    net: Net,
    client: Client,
    id: u64,
    publications: Vec<u64>,
    timestamps: Vec<String>,
}

fn scene() -> Scene {
    let mut net = keeping(&[("a.", Prefix)]);
    let client = net.join("realm1");
    let publishers = [net.client().worker(1).join("realm1"), net.client().worker(2).join("realm1")];
    let id = subscription(&mut net, client, "a.", "prefix");
    let mut publications = Vec::new();
    for number in 0..10 {
        let topic = if number % 3 == 0 { "a.third" } else { "a.other" };
        publications.push(net.publish_acknowledged(publishers[number % 2], topic, &number.to_string()));
        net.advance(Duration::from_secs(1));
    }
    let result = net.result(client, GET, json!([id]), json!({}));
    let timestamps = events(&result)
        .iter()
        .map(|event| at(event, "timestamp").as_str().expect("a text").to_owned())
        .collect();
    Scene { net, client, id, publications, timestamps }
}

/// The events of a scene that these filters let through, as one text.
#[track_caller]
fn found(scene: &mut Scene, filters: testkit::Json) -> String {
    texts(&mut scene.net, scene.client, scene.id, filters).concat()
}

/// HIS-04
#[test]
fn events_come_in_the_order_of_their_occurrence_or_in_reverse() {
    let mut scene = scene();
    assert_eq!(found(&mut scene, json!({})), "0123456789");
    assert_eq!(found(&mut scene, json!({"reverse": false})), "0123456789");
    assert_eq!(found(&mut scene, json!({"reverse": null})), "0123456789");
    assert_eq!(found(&mut scene, json!({"reverse": true})), "9876543210");
}

/// HIS-05
#[test]
fn a_limit_keeps_the_first_of_the_order_asked_for() {
    let mut scene = scene();
    for (limit, forwards, backwards) in [
        (json!(1), "0", "9"),
        (json!(2), "01", "98"),
        (json!(10), "0123456789", "9876543210"),
        (json!(1000), "0123456789", "9876543210"),
        (json!(1u64 << 53), "0123456789", "9876543210"),
        (json!(u64::MAX), "0123456789", "9876543210"),
        (json!(null), "0123456789", "9876543210"),
        (json!(3.0), "012", "987"),
    ] {
        assert_eq!(found(&mut scene, json!({"limit": limit})), forwards);
        assert_eq!(found(&mut scene, json!({"limit": limit, "reverse": true})), backwards);
        let (net, client, id) = (&mut scene.net, scene.client, scene.id);
        let by_place = net.result(client, GET, json!([id, limit]), json!({}));
        assert_eq!(events(&by_place).len(), forwards.len());
        assert_eq!(by_place.len(), 4, "the caller's own limit is no news to it");
    }
}

/// HIS-06
#[test]
fn times_bound_what_is_found() {
    let mut scene = scene();
    let time = |number: usize| scene.timestamps[number].clone();
    let (third, sixth) = (time(3), time(6));
    for (filters, expected) in [
        (json!({"from_time": third}), "3456789"),
        (json!({"after_time": third}), "456789"),
        (json!({"before_time": third}), "012"),
        (json!({"until_time": third}), "0123"),
        (json!({"from_time": third, "until_time": sixth}), "3456"),
        (json!({"after_time": third, "before_time": sixth}), "45"),
        (json!({"from_time": third, "until_time": third}), "3"),
        (json!({"after_time": third, "until_time": third}), ""),
        (json!({"from_time": sixth, "until_time": third}), ""),
        // Where two bounds of one side are given, the closer one counts.
        (json!({"from_time": third, "after_time": sixth}), "789"),
        (json!({"from_time": sixth, "after_time": third}), "6789"),
        (json!({"from_time": third, "after_time": third}), "456789"),
        (json!({"until_time": third, "before_time": sixth}), "0123"),
        (json!({"until_time": sixth, "before_time": third}), "012"),
        (json!({"until_time": third, "before_time": third}), "012"),
        // The same moment elsewhere; moments between events, and far from all of them.
        (json!({"from_time": "2026-01-04T13:00:03+01:00"}), "3456789"),
        (json!({"from_time": "2026-01-04t12:00:03.000z"}), "3456789"),
        (json!({"from_time": "2026-01-04T12:00:02.000001Z"}), "3456789"),
        (json!({"before_time": "2026-01-04T12:00:02.999999Z"}), "012"),
        (json!({"from_time": "1960-01-01T00:00:00Z"}), "0123456789"),
        (json!({"until_time": "1960-01-01T00:00:00Z"}), ""),
        (json!({"from_time": "9999-01-01T00:00:00Z"}), ""),
    ] {
        assert_eq!(found(&mut scene, filters.clone()), expected, "{filters}");
        let mut reverse = filters;
        reverse["reverse"] = json!(true);
        assert_eq!(found(&mut scene, reverse), expected.chars().rev().collect::<String>());
    }
}

/// HIS-07
#[test]
fn publications_bound_what_is_found() {
    let mut scene = scene();
    let [third, sixth] = [scene.publications[3], scene.publications[6]];
    for (filters, expected) in [
        (json!({"from_publication": third}), "3456789"),
        (json!({"after_publication": third}), "456789"),
        (json!({"before_publication": third}), "012"),
        (json!({"until_publication": third}), "0123"),
        (json!({"from_publication": third, "until_publication": sixth}), "3456"),
        (json!({"after_publication": third, "before_publication": sixth}), "45"),
        (json!({"from_publication": third, "until_publication": third}), "3"),
        (json!({"after_publication": third, "before_publication": third}), ""),
        (json!({"from_publication": sixth, "until_publication": third}), ""),
        (json!({"after_publication": scene.publications[9]}), ""),
        (json!({"before_publication": scene.publications[0]}), ""),
    ] {
        assert_eq!(found(&mut scene, filters.clone()), expected, "{filters}");
        let mut reverse = filters;
        reverse["reverse"] = json!(true);
        assert_eq!(found(&mut scene, reverse), expected.chars().rev().collect::<String>());
    }
}

/// HIS-05, HIS-07
#[test]
fn all_can_be_read_page_by_page_in_either_direction() {
    let mut scene = scene();
    for (reverse, bound, expected) in
        [(false, "after_publication", "0123456789"), (true, "before_publication", "9876543210")]
    {
        let (mut pages, mut last) = (Vec::new(), None);
        loop {
            let mut filters = json!({"limit": 3, "reverse": reverse});
            if let Some(last) = last {
                filters[bound] = json!(last);
            }
            let (net, client, id) = (&mut scene.net, scene.client, scene.id);
            let page = events(&net.result(client, GET, json!([id]), filters.clone()));
            let Some(end) = page.last() else { break };
            last = at(end, "publication").as_u64();
            pages.push(found(&mut scene, filters));
        }
        assert_eq!(pages.concat(), expected);
        assert_eq!(pages.len(), 4);
    }
}

/// HIS-08
#[test]
fn a_topic_picks_from_a_pattern() {
    let mut scene = scene();
    assert_eq!(found(&mut scene, json!({"topic": "a.third"})), "0369");
    assert_eq!(found(&mut scene, json!({"topic": "a.other"})), "124578");
    for nothing in ["a.", "a.thir", "a.third.x", "", "b"] {
        assert_eq!(found(&mut scene, json!({"topic": nothing})), "");
    }
}

/// HIS-09
#[test]
fn filters_hold_together() {
    let mut scene = scene();
    let (second, eighth) = (scene.timestamps[2].clone(), scene.timestamps[8].clone());
    let [second_publication, eighth_publication] = [scene.publications[2], scene.publications[8]];
    for (filters, expected) in [
        (json!({"topic": "a.third", "limit": 2}), "03"),
        (json!({"topic": "a.third", "limit": 2, "reverse": true}), "96"),
        (json!({"topic": "a.third", "from_time": second, "until_time": eighth}), "36"),
        (json!({"topic": "a.other", "after_publication": second_publication, "before_time": eighth}), "457"),
        (
            json!({"from_time": second, "until_publication": eighth_publication, "reverse": true, "limit": 3}),
            "876",
        ),
        (json!({"after_time": second, "from_publication": second_publication}), "3456789"),
        (json!({"before_time": second, "from_publication": second_publication}), ""),
        (json!({"topic": "a.third", "before_publication": second_publication, "after_time": second}), ""),
    ] {
        assert_eq!(found(&mut scene, filters.clone()), expected, "{filters}");
    }
}

/// HIS-19
#[test]
fn wrong_filters_are_refused() {
    let Scene { mut net, client, id, publications, .. } = scene();
    for filters in [
        json!({"limit": -1}),
        json!({"limit": 0}),
        json!({"limit": 1.5}),
        json!({"limit": "1"}),
        json!({"reverse": "true"}),
        json!({"reverse": 1}),
        json!({"from_time": "x"}),
        json!({"after_time": ""}),
        json!({"before_time": "2026-01-04"}),
        json!({"until_time": "2026-01-04T12:00:00"}),
        json!({"until_time": 1_767_528_000}),
        json!({"from_publication": 0}),
        json!({"after_publication": "x"}),
        json!({"before_publication": -1}),
        json!({"until_publication": (1u64 << 53) + 1}),
        json!({"topic": 1}),
        json!({"topic": ["a.b"]}),
        json!({"from": "2026-01-04T12:00:00Z"}),
        // Which of two publications is the closer one only their order tells.
        json!({"from_publication": publications[1], "after_publication": publications[2]}),
        json!({"until_publication": publications[1], "before_publication": publications[2]}),
        // One that isn't there bounds nothing.
        json!({"from_publication": 1}),
        json!({"after_publication": 1}),
        json!({"before_publication": 1}),
        json!({"until_publication": 1}),
    ] {
        let said = net.error(client, GET, json!([id]), filters.clone(), INVALID_ARGUMENT);
        assert!(!said.is_empty(), "{filters}");
    }
    net.error(client, GET, json!([id, 1, 2]), json!({}), INVALID_ARGUMENT);
    net.error(client, GET, json!([id, 1]), json!({"limit": 1}), INVALID_ARGUMENT);
}

/// HIS-20
#[test]
fn a_clock_that_stands_or_runs_back_changes_no_order() {
    let mut net = keeping(&[("a.b", Exact)]);
    let client = net.join("realm1");
    let id = subscription(&mut net, client, "a.b", "exact");
    let noon: Timestamp = "2026-01-04T12:00:00Z".parse().expect("a timestamp");
    for (text, seconds) in [("0", 10), ("1", 10), ("2", 5), ("3", 0), ("4", 10), ("5", 20), ("6", 7)] {
        net.clock().set(Timestamp(noon.0 + seconds * 1_000_000));
        net.publish(client, "a.b", text);
    }
    let result = net.result(client, GET, json!([id]), json!({}));
    let times: Vec<String> = events(&result)
        .iter()
        .map(|event| at(event, "timestamp").as_str().unwrap()[17..19].to_owned())
        .collect();
    assert_eq!(times, ["10", "10", "10", "10", "10", "20", "20"]);
    let mut all = |filters| texts(&mut net, client, id, filters).concat();
    assert_eq!(all(json!({})), "0123456");
    assert_eq!(all(json!({"reverse": true})), "6543210");
    assert_eq!(all(json!({"from_time": "2026-01-04T12:00:10Z", "limit": 3})), "012");
    assert_eq!(all(json!({"until_time": "2026-01-04T12:00:10Z", "reverse": true})), "43210");
    assert_eq!(all(json!({"before_time": "2026-01-04T12:00:10Z"})), "");
    assert_eq!(all(json!({"after_time": "2026-01-04T12:00:10Z"})), "56");
}

/// HIS-20, HIS-07: pages don't overlap where all events have one time.
#[test]
fn publications_tell_apart_what_times_do_not() {
    let mut net = keeping(&[("a.b", Exact)]);
    let client = net.join("realm1");
    let id = subscription(&mut net, client, "a.b", "exact");
    let publications: Vec<u64> =
        (0..5).map(|number| net.publish_acknowledged(client, "a.b", &number.to_string())).collect();
    let after = json!({"after_publication": publications[1], "from_time": "2026-01-04T12:00:00Z"});
    assert_eq!(texts(&mut net, client, id, after), ["2", "3", "4"]);
}

/// HIS-16, ROB-01: the oldest give their place to the newest, by number, by size and by age.
#[test]
fn a_history_is_bounded() {
    let bounded = |change: fn(&mut HistoryConfig)| {
        let mut net = realm(|realm| {
            let mut history = HistoryConfig::new("a.b", Exact);
            change(&mut history);
            realm.history.push(history);
        });
        let client = net.join("realm1");
        let id = subscription(&mut net, client, "a.b", "exact");
        let publications: Vec<u64> = (0..10)
            .map(|number| {
                net.advance(Duration::from_secs(1));
                net.publish_acknowledged(client, "a.b", &number.to_string())
            })
            .collect();
        (net, client, id, publications)
    };
    let (mut net, client, id, publications) = bounded(|history| history.events_max = 3);
    assert_eq!(texts(&mut net, client, id, json!({})), ["7", "8", "9"]);
    let gone = json!({"from_publication": publications[6]});
    net.error(client, GET, json!([id]), gone, INVALID_ARGUMENT);
    let there = json!({"from_publication": publications[8]});
    assert_eq!(texts(&mut net, client, id, there), ["8", "9"]);

    let (mut net, client, id, _) = bounded(|history| history.bytes_max = 1000);
    let kept = texts(&mut net, client, id, json!({}));
    assert!((2..10).contains(&kept.len()), "{kept:?}");
    assert_eq!(kept.last().map(String::as_str), Some("9"));
    net.publish(client, "a.b", &"x".repeat(2000));
    assert_eq!(texts(&mut net, client, id, json!({})), [""; 0], "one that is too large for it isn't kept");

    let (mut net, client, id, _) = bounded(|history| history.age_max = Some(Duration::from_secs(4)));
    assert_eq!(texts(&mut net, client, id, json!({})), ["5", "6", "7", "8", "9"]);
    net.advance(Duration::from_secs(2));
    assert_eq!(
        texts(&mut net, client, id, json!({})),
        ["7", "8", "9"],
        "nothing came since, but time passed"
    );
    assert_eq!(texts(&mut net, client, id, json!({"from_time": "1970-01-01T00:00:00Z"})), ["7", "8", "9"]);
    net.advance(Duration::from_secs(60));
    assert_eq!(texts(&mut net, client, id, json!({})), [""; 0]);
}

/// HIS-21: where the router cuts, it says so, and the rest can be asked for.
#[test]
fn an_answer_is_bounded_and_says_so() {
    let mut net = config(|config| {
        config.limits.history_events_max = 4;
        config.realms[0].history.push(HistoryConfig::new("a.b", Exact));
    });
    let client = net.join("realm1");
    let id = subscription(&mut net, client, "a.b", "exact");
    for number in 0..4 {
        net.publish(client, "a.b", &number.to_string());
    }
    let all = net.result(client, GET, json!([id]), json!({}));
    assert_eq!((events(&all).len(), all.len()), (4, 4), "that is all there is");
    net.publish(client, "a.b", "4");
    for (filters, expected, is_cut) in [
        (json!({}), "0123", true),
        (json!({"reverse": true}), "4321", true),
        (json!({"limit": 4}), "0123", false),
        (json!({"limit": 5}), "0123", true),
        (json!({"limit": 3}), "012", false),
    ] {
        let result = net.result(client, GET, json!([id]), filters.clone());
        assert_eq!(events(&result).len(), expected.len());
        let said = (result.len() > 4).then(|| result.detail(4, "is_limit_reached").cloned());
        assert_eq!(said, is_cut.then_some(Some(true.into())), "{filters}");
        assert_eq!(texts(&mut net, client, id, filters).concat(), expected);
    }
}

/// HIS-21, ROB-01: large events are cut off by their size.
#[test]
fn an_answer_is_bounded_in_bytes() {
    let mut net = keeping(&[("a.b", Exact)]);
    let client = net.join("realm1");
    let id = subscription(&mut net, client, "a.b", "exact");
    let large = "x".repeat(1 << 20);
    for _ in 0..12 {
        net.publish(client, "a.b", &large);
    }
    let result = net.result(client, GET, json!([id]), json!({}));
    assert!(events(&result).len() < 12);
    assert_eq!(result.detail(4, "is_limit_reached"), Some(&true.into()));
    let rest = net.result(client, GET, json!([id]), json!({"reverse": true, "limit": 4}));
    assert_eq!((events(&rest).len(), rest.len()), (4, 4));
}
