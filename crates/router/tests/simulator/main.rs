//! Random scripts against a router and against the simplest model of one, step by step.
//!
//! A seed picks who is there, in which serializers, and what they do: subscribe, publish, register, call, answer,
//! cancel, leave, let time pass. The model ([`model`]) says what each of them receives after each step; the router must
//! send exactly that, in an order that the guarantees allow. A failure tells its seed and the script so far.
//!
//! - `CLOVERLEAF_SEED=17` runs the script of one seed only;
//! - `CLOVERLEAF_SCRIPTS=100000` runs more of them than usual.
//!
//! [`stress`] does without a model, but with threads.

mod check;
mod model;
mod random;
mod run;
mod step;
mod stress;

/// How many scripts are run when nobody says how many.
const SCRIPTS: u64 = 2500;
/// How many steps each has.
const STEPS: usize = 80;

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

// BRK-03, BRK-09, BRK-10, BRK-12, PBS-06, BWL-07, RET-03, RET-06, DLR-05, DLR-06, DLR-13, DLR-15, PBR-03, SHR-05, SHR-07,
// SHR-12, PCR-02, PCI-02, TMO-03, CAN-01, RER-01, ORD-01, ORD-04, ORD-06, IDS-04, SER-01
#[test]
fn the_router_does_what_the_model_says() {
    let (first, count) = match from_environment("CLOVERLEAF_SEED") {
        Some(seed) => (seed, 1),
        None => (1, from_environment("CLOVERLEAF_SCRIPTS").unwrap_or(SCRIPTS)),
    };
    let mut received = 0;
    for seed in first..first + count {
        received += run::script(seed, STEPS);
    }
    assert!(received > 10 * count, "{received} messages in {count} scripts: next to nothing happens");
}

/// The model sees: a router that does anything else is found out.
#[test]
fn a_message_too_many_or_too_few_or_changed_is_found() {
    use testkit::{IntoValue, json};
    let mut names = check::Names::default();
    let value = |value: testkit::Json| value.into_value();
    let expected = [value(json!([33, 1, "$s.a"])), value(json!([36, "$s.a", "$p.1", {}, ["x"]]))];
    let ranked = [(1, &expected[0]), (2, &expected[1])];
    let right = [value(json!([33, 1, 7])), value(json!([36, 7, 8, {}, ["x"]]))];
    assert_eq!(names.clone().compare(&ranked, &right), Ok(()));
    for wrong in [
        vec![right[0].clone()],
        vec![right[0].clone(), right[1].clone(), right[1].clone()],
        vec![right[1].clone(), right[0].clone()],
        vec![right[0].clone(), value(json!([36, 9, 8, {}, ["x"]]))],
        vec![right[0].clone(), value(json!([36, 7, 8, {}, ["y"]]))],
        vec![right[0].clone(), value(json!([36, 7, 8, {"topic": "t"}, ["x"]]))],
    ] {
        assert!(names.clone().compare(&ranked, &wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(names.compare(&ranked, &right), Ok(()));
    assert_eq!(names.resolve(&value(json!([34, 2, "$s.a"]))), value(json!([34, 2, 7])));
}
