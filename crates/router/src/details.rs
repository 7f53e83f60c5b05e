//! Session details (to be merged).
use crate::peer::Peer;
use wamp::value::Dict;
pub(crate) fn session_details(realm: &str, peer: &Peer, _show_secrets: bool) -> Dict {
    let mut dict = Dict::new();
    dict.insert("realm", realm);
    dict.insert("session", peer.id.value());
    dict.insert("authid", &*peer.identity.authid);
    dict.insert("authrole", &*peer.identity.authrole);
    dict.insert("authmethod", &*peer.identity.authmethod);
    dict.insert("authprovider", &*peer.identity.authprovider);
    dict
}
