//! TLS: certificates from PEM files, client certificates, and new files without a restart.
//!
//! A reload swaps the whole configuration of the acceptor. Connections that exist keep theirs; new ones start from
//! scratch, since session tickets are keyed anew, so that nobody resumes past a certificate that was replaced.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use router::{PeerCertificate, TlsDetails};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ProtocolVersion, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::{TlsError, certificate};

/// TLS 1.2 and 1.3 on a listener, with `http/1.1` as application protocol for clients that ask for one (TLS-05).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the server's certificate, its issuers after it.
    pub certificate: PathBuf,
    /// PEM files with further issuers.
    pub chain_certificates: Vec<PathBuf>,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// Whether clients show certificates.
    pub client_certificates: ClientCertificates,
}

impl TlsConfig {
    /// TLS with a certificate and its key, and without client certificates.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        TlsConfig {
            certificate: certificate.into(),
            chain_certificates: Vec::new(),
            key: key.into(),
            client_certificates: ClientCertificates::No,
        }
    }

    /// Reads the files, and sees whether they go together.
    ///
    /// # Errors
    /// Files that no listener could use.
    pub fn check(&self) -> Result<(), TlsError> {
        server_config(self).map(drop)
    }
}

/// Whether clients show certificates, and whose (TLS-02).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They aren't asked.
    No,
    /// They are asked; one that is shown has to be issued by these authorities.
    Optional {
        /// PEM files with the authorities' certificates.
        authorities: Vec<PathBuf>,
    },
    /// There is no connection without one.
    Required {
        /// PEM files with the authorities' certificates.
        authorities: Vec<PathBuf>,
    },
}

/// Reads the files of a TLS listener again (TLS-04).
#[derive(Clone)]
pub struct TlsReload {
    state: Arc<TlsState>,
}

impl TlsReload {
    /// Has new connections use what the files hold now.
    ///
    /// # Errors
    /// Files that can't be used; then everything stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = server_config(&self.state.files)?;
        *self.state.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl fmt::Debug for TlsReload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsReload").field(&self.state.files).finish()
    }
}

/// The TLS side of a listener.
#[derive(Clone)]
pub(crate) struct Tls {
    state: Arc<TlsState>,
}

struct TlsState {
    files: TlsConfig,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub(crate) fn load(files: &TlsConfig) -> Result<Self, TlsError> {
        let current = RwLock::new(server_config(files)?);
        Ok(Tls { state: Arc::new(TlsState { files: files.clone(), current }) })
    }

    /// What new connections are accepted with at this moment.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.state.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    pub(crate) fn reload_handle(&self) -> TlsReload {
        TlsReload { state: Arc::clone(&self.state) }
    }
}

/// What session details say about a connection.
pub(crate) fn details(connection: &ServerConnection) -> TlsDetails {
    let protocol = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1_2",
        _ => TLS_1_3,
    };
    let cipher = connection.negotiated_cipher_suite();
    TlsDetails {
        protocol,
        cipher: cipher.and_then(|suite| suite.suite().as_str()).unwrap_or_default(),
        alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into()),
        server_name: connection.server_name().map(Into::into),
        channel_binding: if protocol == TLS_1_3 { channel_binding(connection) } else { None },
        peer_certificate: peer_certificate(connection).map(Box::new),
    }
}

const TLS_1_3: &str = "TLSv1_3";

/// `tls-exporter` (RFC 9266). Under TLS 1.2 it would only bind to this very connection if both ends use the extended
/// master secret, and whether they do isn't told: there it isn't asked for.
fn channel_binding(connection: &ServerConnection) -> Option<[u8; 32]> {
    connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
}

/// The client's own certificate.
fn peer_certificate(connection: &ServerConnection) -> Option<PeerCertificate> {
    let der = connection.peer_certificates()?.first()?;
    Some(PeerCertificate { details: certificate::details(der, SystemTime::now()), der: der.as_ref().into() })
}

/// The one place that chooses who does the cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server_config(files: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let refused = |error: rustls::Error| TlsError::Refused(error.to_string());
    let mut chain = certificates(&files.certificate)?;
    for path in &files.chain_certificates {
        chain.extend(certificates(path)?);
    }
    let key = private_key(&files.key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(refused)?;
    let builder = match client_verifier(&files.client_certificates)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Refused(format!(
            "the key in {} is not that of the certificate in {}",
            files.key.display(),
            files.certificate.display()
        )),
        error => unusable(&files.key, &error),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(refused)?;
    Ok(Arc::new(config))
}

fn client_verifier(clients: &ClientCertificates) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let (authorities, required) = match clients {
        ClientCertificates::No => return Ok(None),
        ClientCertificates::Optional { authorities } => (authorities, false),
        ClientCertificates::Required { authorities } => (authorities, true),
    };
    let mut roots = RootCertStore::empty();
    for path in authorities {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, &error))?;
        }
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|error| TlsError::Refused(error.to_string()))?;
    Ok(Some(verifier))
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(path, &error));
    let found = found?;
    if found.is_empty() {
        let has_key = PrivateKeyDer::from_pem_file(path).is_ok();
        let instead = if has_key { ", but a private key" } else { "" };
        return Err(unusable(path, &format_args!("there is no certificate in it{instead}")));
    }
    Ok(found)
}

/// The private key in a file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let instead = if certificates(path).is_ok() { ", but a certificate" } else { "" };
            unusable(path, &format_args!("there is no private key in it{instead}"))
        }
        error => unusable(path, &error),
    })
}

fn unusable(path: &Path, reason: &dyn fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_string() }
}
