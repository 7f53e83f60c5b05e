//! Whether a file makes sense as a whole: what no single setting of it can tell.
//!
//! What can't work is a problem, at the later of the places that don't go together; what works but is hardly meant is
//! noted. Nothing outside the file is looked at.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::config::endpoint::EndpointSection;
use crate::config::error::Problem;
use crate::config::file::FileSection;
use crate::config::item::{Data, Item};
use crate::config::realm::RealmSection;
use crate::config::setting::{Bytes, Place};
use crate::config::store::StoreSection;
use crate::config::transport::TransportSection;

/// The longest message that RawSocket has a length for.
const RAWSOCKET_BYTES_MAX: usize = 16 << 20;

/// Realms, and the transports that lead to them.
struct Scope<'f> {
    at: Place,
    item: &'f Item,
    realms: &'f [RealmSection],
    transports: &'f [TransportSection],
}

/// Judges a file that was read from `item`; gives what is to be noted.
pub(crate) fn judge(file: &FileSection, item: &Item) -> Result<Vec<String>, Problem> {
    let scopes = scopes(file, item);
    check_addresses(&scopes)?;
    check_stores(&scopes)?;
    let mut notes = Vec::new();
    for scope in &scopes {
        scope.note_roles(&mut notes);
        scope.note_histories(&mut notes);
    }
    note_message_size(file, item, &scopes, &mut notes);
    Ok(notes)
}

fn scopes<'f>(file: &'f FileSection, item: &'f Item) -> Vec<Scope<'f>> {
    let Some(workers) = &file.workers else {
        return vec![Scope {
            at: Place::root(),
            item,
            realms: file.realms.as_deref().unwrap_or_default(),
            transports: file.transports.as_deref().unwrap_or_default(),
        }];
    };
    let Some((at, items)) = list(&Place::root(), item, "workers") else { return Vec::new() };
    let numbered = workers.iter().zip(items).enumerate();
    let enabled = numbered.filter(|(_, (worker, _))| !worker.0.options.disabled.0);
    enabled
        .map(|(index, (worker, item))| Scope {
            at: at.index(index, item.line),
            item,
            realms: &worker.0.realms,
            transports: &worker.0.transports,
        })
        .collect()
}

/// The elements of the list at a key, with its place.
fn list<'i>(at: &Place, item: &'i Item, key: &str) -> Option<(Place, &'i [Item])> {
    let entry = item.entry(key)?;
    let Data::List(items) = &entry.item.data else { return None };
    Some((at.key(key, entry.line), items))
}

impl Scope<'_> {
    /// The elements of a list of this scope, each with its place.
    fn placed<'s, T>(&'s self, key: &str, values: &'s [T]) -> Vec<(Place, &'s T)> {
        let Some((at, items)) = list(&self.at, self.item, key) else { return Vec::new() };
        let numbered = values.iter().zip(items).enumerate();
        numbered.map(|(index, (value, item))| (at.index(index, item.line), value)).collect()
    }

    fn note_roles(&self, notes: &mut Vec<String>) {
        for (at, _) in self.placed("realms", self.realms).iter().filter(|(_, realm)| realm.roles.is_empty()) {
            notes.push(note(at, "it has no roles: nobody may do anything there"));
        }
        let mut roles = self.realms.iter().flat_map(|realm| &realm.roles).peekable();
        if roles.peek().is_none() {
            return;
        }
        let known: Vec<&str> = roles.map(|role| role.name.as_str()).collect();
        for (at, transport) in self.placed("transports", self.transports) {
            let role = transport.role();
            if !known.contains(&role) {
                let text = format!(
                    "its clients get the role {role:?}, which no realm has: they may do nothing; there are: {}",
                    known.join(", ")
                );
                notes.push(note(&at, &text));
            }
        }
    }

    fn note_histories(&self, notes: &mut Vec<String>) {
        for (at, realm) in self.placed("realms", self.realms) {
            let keeps_history = realm.store.as_ref().is_some_and(|store| !store.histories().is_empty());
            if keeps_history && !realm.options.enable_meta_api {
                notes.push(note(&at, "no client can read its event history: `enable_meta_api` is false"));
            }
        }
    }
}

fn note(at: &Place, text: &str) -> String {
    format!("line {}: {}: {text}", at.line, at.path)
}

/// No two transports can listen on one address.
fn check_addresses(scopes: &[Scope<'_>]) -> Result<(), Problem> {
    let mut taken: Vec<(Place, &TransportSection)> = Vec::new();
    for scope in scopes {
        for (at, transport) in scope.placed("transports", scope.transports) {
            let endpoint = transport.endpoint();
            let other = taken.iter().find(|(_, other)| collide(other.endpoint(), endpoint));
            if let Some((other, _)) = other {
                let text = format!("{} is taken already, by {}", endpoint.describe(), other.path);
                return Err(at.key("endpoint", at.line).problem(text));
            }
            taken.push((at, transport));
        }
    }
    Ok(())
}

/// No two realms can keep what they keep in one file.
fn check_stores(scopes: &[Scope<'_>]) -> Result<(), Problem> {
    let mut taken: Vec<(Place, PathBuf)> = Vec::new();
    for scope in scopes {
        for (at, realm) in scope.placed("realms", scope.realms) {
            let Some(file) = realm.store.as_ref().and_then(StoreSection::file) else { continue };
            // Joined, `./a` and `a` are alike.
            let file = Path::new("/").join(file);
            if let Some((other, _)) = taken.iter().find(|(_, other)| *other == file) {
                let text = format!("the store of {} is in the same file", other.path);
                return Err(at.key("store", at.line).key("path", at.line).problem(text));
            }
            taken.push((at, file));
        }
    }
    Ok(())
}

fn collide(one: &EndpointSection, other: &EndpointSection) -> bool {
    match (one, other) {
        (EndpointSection::Unix(one), EndpointSection::Unix(other)) => one.path == other.path,
        (EndpointSection::Tcp(one), EndpointSection::Tcp(other)) => {
            let are_shared = one.shared && other.shared;
            one.port.0 != 0 && one.port == other.port && !are_shared && overlap(one.ip(), other.ip())
        }
        _ => false,
    }
}

/// Whether there are connections that both addresses would get. Of different versions of IP, the system's settings
/// decide.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one == other || (one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified()))
}

/// RawSocket can't have a limit above its own.
fn note_message_size(file: &FileSection, item: &Item, scopes: &[Scope<'_>], notes: &mut Vec<String>) {
    let Bytes(limit) = file.limits.message_bytes_max;
    let mut transports = scopes.iter().flat_map(|scope| scope.transports);
    let Some(limits) = item.entry("limits").filter(|_| limit > RAWSOCKET_BYTES_MAX) else { return };
    let Some(entry) = limits.item.entry("message_bytes_max") else { return };
    if transports.any(TransportSection::speaks_rawsocket) {
        let at = Place::root().key("limits", limits.line).key("message_bytes_max", entry.item.line);
        notes.push(note(&at, "RawSocket has no messages beyond 16 MiB: there it is 16 MiB"));
    }
}
