//! `wamp.schema.*` and `wamp.reflection.*`: what topics, procedures and errors are declared to be.
//!
//! A declaration is a JSON object with JSON Schemas in it; `schema` says what is in one. Where a role's permission says
//! `validate`, payloads are checked against the declaration of their topic or procedure, if there is one.
//!
//! Spec: advanced profile, "Interface Reflection" (REF-01 to REF-05). `// Spec gap:` it is a sketch; the procedures
//! behave as Crossbar.io's `schema_define` and `schema_describe` are documented.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use schema::{Declaration, Kind, Part};
use wamp::uri::UriCheck;
use wamp::{Payload, Value, error_uri};

use super::arguments::invalid;
use super::{MetaApi, MetaEvent, MetaEvents, MetaTopic};
use crate::config::{Limits, RealmConfig};
use crate::lock::{read, write};
use crate::rejection::Rejection;
use crate::router::ConfigError;
use crate::store::{Restored, Store};
use crate::worker::Turn;

/// So many bytes of a payload take about as long to check as an event to deliver.
const CHECKED_BYTES: usize = 64;

/// The declarations of a realm.
#[derive(Debug)]
pub struct Schemas {
    declarations: RwLock<Declarations>,
    store: Arc<dyn Store>,
    /// How many there may be, and their bytes together.
    declarations_max: usize,
    all_bytes_max: usize,
    /// Bytes of one.
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Declarations {
    by_uri: BTreeMap<Arc<str>, Declared>,
    /// Of all together.
    bytes: usize,
}

#[derive(Debug)]
struct Declared {
    declaration: Arc<Declaration>,
    /// What it counts against the bounds: its length as JSON.
    bytes: usize,
}

impl Schemas {
    /// What the store had, and over it what the configuration says.
    pub(crate) fn new(
        config: &RealmConfig,
        limits: &Limits,
        store: Arc<dyn Store>,
        restored: &Restored,
    ) -> Result<Self, ConfigError> {
        let mut declarations = Declarations::default();
        for (uri, bytes) in &restored.schemas {
            match Declaration::from_json(bytes) {
                Ok(declaration) => {
                    declarations.insert(uri.as_str().into(), Arc::new(declaration), bytes.len());
                }
                Err(error) => {
                    tracing::warn!(realm = config.name, uri, %error, "a declaration in the store is left out");
                }
            }
        }
        for source in &config.schemas {
            let catalog = schema::parse_catalog(&source.text).map_err(|error| ConfigError::Schema {
                realm: config.name.clone(),
                name: source.name.clone(),
                error: error.to_string(),
            })?;
            for (uri, declaration) in catalog {
                let bytes = declaration.to_json().len();
                declarations.insert(uri.into(), Arc::new(declaration), bytes);
            }
        }
        Ok(Schemas {
            declarations: RwLock::new(declarations),
            store,
            declarations_max: limits.schemas_max,
            all_bytes_max: limits.schemas_bytes_max,
            bytes_max: limits.schema_bytes_max,
        })
    }

    /// Checks a payload against the declaration of a URI, if there is one.
    ///
    /// # Errors
    /// `wamp.error.invalid_payload`, with the path of the fault.
    pub(crate) fn check(
        &self,
        uri: &str,
        part: Part,
        payload: &Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let Some(declaration) = self.find(uri) else { return Ok(()) };
        turn.spend(payload.bytes().len() / CHECKED_BYTES);
        let fault = match payload.to_values() {
            Ok((args, kwargs)) => match declaration.check(part, &args, &kwargs) {
                Ok(()) => return Ok(()),
                Err(fault) => fault.to_string(),
            },
            Err(error) => error.to_string(),
        };
        // Callers get these, and would look for the fault in what they sent.
        let whose = match part {
            Part::Result => "result of ",
            Part::Progress => "progressive result of ",
            Part::Event | Part::Call | Part::Error => "",
        };
        Err(Rejection::new(error_uri::INVALID_PAYLOAD).because(format!("{whose}<{uri}>: {fault}")))
    }

    fn find(&self, uri: &str) -> Option<Arc<Declaration>> {
        read(&self.declarations).by_uri.get(uri).map(|declared| Arc::clone(&declared.declaration))
    }

    /// Puts a declaration in the place of what was there; `None` takes that away. See [`MetaApi::schema_define`].
    fn define(
        &self,
        uri: &str,
        declaration: Option<Declaration>,
        events: &MetaEvents,
    ) -> Result<Option<bool>, Rejection> {
        let key: Arc<str> = uri.into();
        // What takes long for a large one is not done under the lock, where payloads to be checked wait.
        let json = declaration.as_ref().map(Declaration::to_json);
        let mut declarations = write(&self.declarations);
        let before = declarations.by_uri.get(uri);
        match (before, declaration.zip(json)) {
            (None, None) => Ok(None),
            (Some(before), Some((declaration, _))) if *before.declaration == declaration => Ok(None),
            (Some(_), None) => {
                declarations.remove(uri);
                self.store.keep_schema(uri, None);
                let topics = &[MetaTopic::SchemaOnUndefine, MetaTopic::ReflectOnUndefine];
                events.note(topics, || MetaEvent::Undefined(key));
                Ok(Some(false))
            }
            (before, Some((declaration, json))) => {
                let (is_new, freed) = (before.is_none(), before.map_or(0, |before| before.bytes));
                if is_new && declarations.by_uri.len() >= self.declarations_max {
                    return Err(Rejection::limit("declarations of this realm", self.declarations_max));
                }
                // What the configuration brought may be more; even then one may be made smaller.
                if json.len() > freed && declarations.bytes - freed + json.len() > self.all_bytes_max {
                    return Err(Rejection::limit("bytes of declarations of this realm", self.all_bytes_max));
                }
                let declaration = Arc::new(declaration);
                declarations.insert(Arc::clone(&key), Arc::clone(&declaration), json.len());
                self.store.keep_schema(uri, Some(json));
                let topics = &[MetaTopic::SchemaOnDefine, MetaTopic::ReflectOnDefine];
                events.note(topics, || MetaEvent::Defined(key, declaration, is_new));
                Ok(Some(is_new))
            }
        }
    }

    fn all(&self) -> Vec<(Arc<str>, Arc<Declaration>)> {
        let declarations = read(&self.declarations);
        let all = declarations.by_uri.iter();
        all.map(|(uri, declared)| (Arc::clone(uri), Arc::clone(&declared.declaration))).collect()
    }
}

impl Declarations {
    fn insert(&mut self, uri: Arc<str>, declaration: Arc<Declaration>, bytes: usize) {
        self.remove(&uri);
        self.bytes += bytes;
        self.by_uri.insert(uri, Declared { declaration, bytes });
    }

    fn remove(&mut self, uri: &str) {
        if let Some(gone) = self.by_uri.remove(uri) {
            self.bytes -= gone.bytes;
        }
    }
}

impl MetaApi {
    /// `wamp.schema.define`: declares what a topic, procedure or error is; `None` takes the declaration away.
    ///
    /// Returns `None` if nothing was changed by that, `Some(true)` if there is one now where there was none, and
    /// `Some(false)` if the one that was there was changed or taken away.
    ///
    /// # Errors
    /// `wamp.error.invalid_uri`; `wamp.error.invalid_argument`, with the place in the declaration;
    /// `wamp.error.unavailable`, for more than a realm may have
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use testkit::IntoValue;
    ///
    /// let declaration = json!({"type": "topic", "args": {"maxItems": 1}}).into_value();
    /// let (uri, given) = ("com.example.topic", Some(declaration.clone()));
    /// assert_eq!(net.elsewhere(|_, turn| api.schema_define(uri, given.clone(), turn))?, Some(true));
    /// assert_eq!(net.elsewhere(|_, turn| api.schema_define(uri, given, turn))?, None, "it is the same");
    /// assert_eq!(api.schema_describe("com.example.topic"), Some(declaration));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn schema_define(
        &self,
        uri: &str,
        declaration: Option<Value>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<bool>, Rejection> {
        if uri.len() > self.realm.limits.uri_bytes_max || !UriCheck::Loose.is_valid(uri) {
            return Err(Rejection::invalid_uri(uri, "a fully qualified URI"));
        }
        if wamp::uri::is_reserved(uri) && !self.sees_all() {
            return Err(Rejection::invalid_uri(uri, "free to use: URIs that begin with wamp. are reserved"));
        }
        let declaration = declaration.map(|document| self.declaration(document)).transpose()?;
        let defined = self.realm.schemas.define(uri, declaration, &self.realm.events)?;
        self.realm.publish_events(turn);
        Ok(defined)
    }

    fn declaration(&self, document: Value) -> Result<Declaration, Rejection> {
        let max = self.realm.schemas.bytes_max;
        if document.to_vec(wamp::Serializer::Json).len() > max {
            return Err(Rejection::limit("bytes of a declaration", max));
        }
        Declaration::new(document).map_err(|error| invalid(format!("schema: {error}")))
    }

    /// `wamp.schema.describe` of one URI: its declaration.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// assert_eq!(api.schema_describe("com.example.topic"), None);
    /// ```
    pub fn schema_describe(&self, uri: &str) -> Option<Value> {
        self.realm.schemas.find(uri).map(|declaration| declaration.document().clone())
    }

    /// `wamp.schema.describe` of everything: all URIs with their declarations, by the order of the URIs.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// assert!(api.schema_describe_all().is_empty());
    /// ```
    pub fn schema_describe_all(&self) -> Vec<(String, Value)> {
        let described = |(uri, declaration): (Arc<str>, Arc<Declaration>)| {
            (uri.to_string(), declaration.document().clone())
        };
        self.realm.schemas.all().into_iter().map(described).collect()
    }

    /// `wamp.reflection.topic.list`, `.procedure.list` and `.error.list`: the URIs declared as that, in order.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use cloverleaf_router::meta::Kind;
    ///
    /// assert!(api.reflection_list(Kind::Topic).is_empty());
    /// ```
    pub fn reflection_list(&self, kind: Kind) -> Vec<String> {
        let all = self.realm.schemas.all();
        let of_kind = all.iter().filter(|(_, declaration)| declaration.kind() == kind);
        of_kind.map(|(uri, _)| uri.to_string()).collect()
    }

    /// `wamp.reflection.topic.describe` and so on: the declaration of a URI, if it is declared as that.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use cloverleaf_router::meta::Kind;
    ///
    /// assert_eq!(api.reflection_describe(Kind::Error, "com.example.topic"), None);
    /// ```
    pub fn reflection_describe(&self, kind: Kind, uri: &str) -> Option<Value> {
        let found = self.realm.schemas.find(uri).filter(|declaration| declaration.kind() == kind);
        found.map(|declaration| declaration.document().clone())
    }
}
