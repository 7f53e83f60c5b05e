//! Scripts of callers, callees and the dealer between them: messages in, messages out.
//!
//! One claim a test, with the checks it stands for. Sessions leave, time passes and threads differ by name only; what
//! happens when they really race is for the model of the call protocol and for the stress test.

mod calls;
mod cancel;
mod disclosure;
mod limits;
mod order;
mod passthru;
mod patterns;
mod progress;
mod queue;
mod registrations;
mod reroute;
mod shared;
mod streams;
mod timeout;

use cloverleaf_router::{Limits, RealmConfig, RouterConfig};
use testkit::{Client, IntoValue, Net, json};
use wamp::Value;
use wamp::value::Dict;

const CANCELED: &str = "wamp.error.canceled";
const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
const UNAVAILABLE: &str = "wamp.error.unavailable";

const CALL: u64 = 48;
const REGISTER: u64 = 64;
const UNREGISTER: u64 = 66;

/// `HELLO.Details.roles` with all four roles, and of the features only these.
fn only(features: &[&str]) -> Value {
    let features: Dict = features.iter().map(|name| ((*name).to_owned(), Value::from(true))).collect();
    let role = Value::Map(Dict::from([("features", Value::Map(features))]));
    let roles = ["publisher", "subscriber", "caller", "callee"];
    Value::Map(roles.into_iter().map(|name| (name.to_owned(), role.clone())).collect())
}

/// A client with only these features.
fn join_with(net: &mut Net, features: &[&str]) -> Client {
    net.client().roles(only(features)).join("realm1")
}

/// A caller, and a callee of `com.p`, both with all features.
fn pair() -> (Net, Client, Client) {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "com.p");
    (net, caller, callee)
}

/// The same, with a callee that has only these features.
fn pair_with_callee(features: &[&str]) -> (Net, Client, Client) {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callee = join_with(&mut net, features);
    net.register(callee, "com.p");
    (net, caller, callee)
}

/// A router with an open `realm1`, configured further.
fn net_of(realm: impl FnOnce(&mut RealmConfig), limits: impl FnOnce(&mut Limits)) -> Net {
    let mut config = RouterConfig::default();
    realm(&mut config.realms[0]);
    limits(&mut config.limits);
    Net::new(config)
}

/// Several callees of `com.p` with the same options.
fn callees<const N: usize>(net: &mut Net, options: impl IntoValue) -> [Client; N] {
    let options = options.into_value();
    std::array::from_fn(|_| {
        let callee = net.join("realm1");
        net.register_with(callee, options.clone(), "com.p");
        callee
    })
}

/// Calls `com.p` and answers for whichever of the callees is invoked: its index.
#[track_caller]
fn serve(net: &mut Net, caller: Client, callees: &[Client]) -> usize {
    let request = net.call(caller, "com.p", "?");
    let mut served = None;
    for (index, callee) in callees.iter().enumerate() {
        for invocation in net.receive(*callee) {
            assert_eq!((invocation.code(), served), (68, None), "one callee is asked, once");
            net.answer(*callee, invocation.id(1), "!");
            served = Some(index);
        }
    }
    net.expect(caller, json!([50, request, {}, ["!"]]));
    served.expect("somebody was asked")
}
