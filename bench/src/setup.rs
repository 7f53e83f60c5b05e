//! A router's program, started with what a case needs of it.
//!
//! Most cases need nothing: the program listens on a port of its own choice, on which it speaks everything, and has one
//! realm in which anybody may do everything. Whatever else is needed stands in a config file, which lies in a directory
//! of its own as long as the program runs.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::process::Server;
use crate::tls::Certificate;

const CONFIG: &str = "node.json";
const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";

/// What a case needs of a router beyond what it does without being told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// TLS on its port, and nothing else there.
    pub(crate) tls: bool,
    /// WebSocket with compression.
    pub(crate) deflate: bool,
    /// UBJSON of draft 12 on RawSocket, where `ubjson` is BJData if nothing is said.
    pub(crate) ubjson: bool,
}

/// A router that runs. It ends when this is dropped, and its files with it.
#[derive(Debug)]
pub(crate) struct Router {
    // Dropped in this order: files go when nobody uses them any more.
    server: Server,
    _directory: Option<Directory>,
}

impl Router {
    /// Starts the program at `path`.
    pub(crate) fn start(path: &OsStr, realm: &str, needs: Needs) -> Result<Self> {
        let (arguments, directory) = arguments(realm, needs)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Ok(Self { server: Server::start(path, &arguments)?, _directory: directory })
    }

    /// Its process, and where it listens.
    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }
}

/// What the program is told, and the directory that has to be there for it.
fn arguments(realm: &str, needs: Needs) -> Result<(Vec<String>, Option<Directory>)> {
    if needs == Needs::default() {
        let arguments = ["--listen", "127.0.0.1:0", "--realm", realm].map(str::to_owned);
        return Ok((arguments.to_vec(), None));
    }
    let directory = Directory::new()?;
    if needs.tls {
        let Certificate { certificate, key } = Certificate::new()?;
        directory.write(CERTIFICATE, &certificate)?;
        directory.write(KEY, &key)?;
    }
    let file = directory.write(CONFIG, &config(realm, needs).to_string())?;
    let file = file.to_str().context("the directory for temporary files has an odd name")?;
    Ok((vec!["--config".to_owned(), file.to_owned()], Some(directory)))
}

/// One port for every transport, one realm for everybody.
fn config(realm: &str, needs: Needs) -> Value {
    let mut endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 0});
    if needs.tls {
        endpoint["tls"] = json!({"key": KEY, "certificate": CERTIFICATE});
    }
    let ubjson = if needs.ubjson { "ubjson-draft12" } else { "ubjson" };
    let compression = if needs.deflate { json!({"deflate": {}}) } else { json!(false) };
    json!({
        "realms": [{"name": realm, "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{
            "type": "universal",
            "endpoint": endpoint,
            "rawsocket": {"serializers": ["json", "msgpack", "cbor", ubjson]},
            "websocket": {"ws": {"options": {"compression": compression}}},
        }],
    })
}

/// A directory for temporary files, removed when this is dropped.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cloverleaf-bench-{}-{number}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.0.join(name);
        fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))?;
        Ok(file)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What can't be removed is in the directory for temporary files, where it is to be expected.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_without_needs_has_no_files() {
        let (arguments, directory) = arguments("realm7", Needs::default()).unwrap();
        assert_eq!(arguments, ["--listen", "127.0.0.1:0", "--realm", "realm7"]);
        assert!(directory.is_none());
    }

    #[test]
    fn files_are_there_as_long_as_their_directory() {
        let (arguments, directory) = arguments("realm7", Needs { tls: true, ..Needs::default() }).unwrap();
        let file = PathBuf::from(&arguments[1]);
        let config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((arguments[0].as_str(), &config["realms"][0]["name"]), ("--config", &json!("realm7")));
        for name in [CERTIFICATE, KEY] {
            assert!(fs::read_to_string(file.with_file_name(name)).unwrap().starts_with("-----BEGIN"));
        }
        drop(directory);
        assert!(!file.parent().unwrap().exists());
    }

    #[test]
    fn a_config_says_what_is_needed_and_nothing_else() {
        let config = |needs| config("realm1", needs)["transports"][0].clone();
        let plain = config(Needs { ubjson: true, ..Needs::default() });
        assert_eq!(plain["endpoint"].get("tls"), None);
        assert_eq!(plain["rawsocket"]["serializers"][3], "ubjson-draft12");
        assert_eq!(plain["websocket"]["ws"]["options"]["compression"], false);
        let secure = config(Needs { tls: true, deflate: true, ..Needs::default() });
        assert_eq!(secure["endpoint"]["tls"]["key"], KEY);
        assert_eq!(secure["rawsocket"]["serializers"][3], "ubjson");
        assert_eq!(secure["websocket"]["ws"]["options"]["compression"], json!({"deflate": {}}));
    }
}
