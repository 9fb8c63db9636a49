//! TLS and passwords, from a file in the format of Prometheus's exporter-toolkit (`web.yml`). A file that changed is read
//! anew, and so are the certificates that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::rules::SettingsError;
use crate::yaml;

/// The time from one look at the files to the next.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebFile {
    tls_server_config: Option<TlsSettings>,
    #[serde(default)]
    http_server_config: HttpSettings,
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSettings {
    cert_file: PathBuf,
    key_file: PathBuf,
    #[serde(default)]
    client_auth_type: ClientAuth,
    client_ca_file: Option<PathBuf>,
    #[serde(default)]
    min_version: Option<TlsVersion>,
    #[serde(default)]
    max_version: Option<TlsVersion>,
}

/// The toolkit's kinds that check what a client shows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum ClientAuth {
    #[default]
    NoClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum TlsVersion {
    TLS12,
    TLS13,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpSettings {
    /// Understood, and without effect: HTTP/1.1 is spoken.
    #[serde(default, rename = "http2")]
    _http2: Option<bool>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// The settings of a connection.
#[derive(Default)]
pub(crate) struct Web {
    pub tls: Option<Arc<ServerConfig>>,
    /// Names and bcrypt hashes; none for all who come.
    pub users: BTreeMap<String, String>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The files that it was read from.
    files: Vec<PathBuf>,
}

impl Web {
    fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        let read = text.and_then(|text| Self::parse(&text, path));
        read.map_err(|reason| SettingsError(format!("'{}': {reason}", path.display())))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, String> {
        let file: WebFile = yaml::settings(text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = vec![path.to_owned()];
        let tls = match file.tls_server_config {
            Some(mut tls) => {
                for own in
                    [Some(&mut tls.cert_file), Some(&mut tls.key_file), tls.client_ca_file.as_mut()]
                {
                    let Some(own) = own else { continue };
                    *own = folder.join(&own);
                    files.push(own.clone());
                }
                Some(Arc::new(server_config(&tls)?))
            }
            None => None,
        };
        let header = |(name, value): (String, String)| {
            let pair = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(value).ok());
            pair.ok_or_else(|| format!("the header '{name}' cannot be sent"))
        };
        let headers = file.http_server_config.headers.into_iter().map(header);
        for (user, hash) in &file.basic_auth_users {
            if bcrypt::verify("", hash).is_err() {
                return Err(format!(
                    "the password of '{user}' is no bcrypt hash (htpasswd -nBC 10 '' makes one)"
                ));
            }
        }
        let headers = headers.collect::<Result<_, _>>()?;
        Ok(Self { tls, users: file.basic_auth_users, headers, files })
    }
}

fn server_config(tls: &TlsSettings) -> Result<ServerConfig, String> {
    let cannot = |path: &Path, error: &dyn std::fmt::Display| {
        format!("'{}' cannot be read: {error}", path.display())
    };
    let certificates = |path: &Path| {
        let all =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        all.map_err(|error| cannot(path, &error))
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .map_err(|error| cannot(&tls.key_file, &error))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let least = tls.min_version.unwrap_or(TlsVersion::TLS12);
    let most = tls.max_version.unwrap_or(TlsVersion::TLS13);
    let all: [(TlsVersion, &'static SupportedProtocolVersion); 2] =
        [(TlsVersion::TLS12, &TLS12), (TlsVersion::TLS13, &TLS13)];
    let versions: Vec<_> = all
        .into_iter()
        .filter(|(one, _)| (least..=most).contains(one))
        .map(|(_, one)| one)
        .collect();
    let wrong = |error: &dyn std::fmt::Display| format!("TLS cannot be served: {error}");
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| wrong(&error))?;
    let builder = match (tls.client_auth_type, &tls.client_ca_file) {
        (ClientAuth::NoClientCert, None) => builder.with_no_client_auth(),
        (ClientAuth::NoClientCert, Some(_)) => {
            return Err("client_ca_file needs a client_auth_type that verifies".to_owned());
        }
        (_, None) => return Err("client_auth_type needs client_ca_file".to_owned()),
        (kind, Some(path)) => {
            let mut roots = RootCertStore::empty();
            for one in certificates(path)? {
                roots.add(one).map_err(|error| cannot(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match kind {
                ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(&error))?)
        }
    };
    let chain = certificates(&tls.cert_file)?;
    builder.with_single_cert(chain, key).map_err(|error| wrong(&error))
}

/// The state of a file: what changes when it is written or replaced.
type Stamp = Option<(SystemTime, u64)>;

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let status = fs::metadata(path).ok()?;
        Some((status.modified().ok()?, status.len()))
    };
    files.iter().map(stamp).collect()
}

/// The settings of the server, as they are now.
pub(crate) struct WebSettings {
    path: Option<PathBuf>,
    now: Mutex<Now>,
    log: fn(&str),
}

struct Now {
    web: Arc<Web>,
    stamps: Vec<Stamp>,
    looked: Instant,
}

impl WebSettings {
    /// Reads the file; without one, all are served without TLS.
    pub(crate) fn open(path: Option<&Path>, log: fn(&str)) -> Result<Self, SettingsError> {
        let web = path.map(Web::read).transpose()?.unwrap_or_default();
        let now = Now { stamps: stamps(&web.files), web: Arc::new(web), looked: Instant::now() };
        Ok(Self { path: path.map(Path::to_owned), now: Mutex::new(now), log })
    }

    /// The settings of a connection that comes now. Files that cannot be read leave those that there are, and are told.
    pub(crate) fn current(&self) -> Arc<Web> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = self.path.as_ref().filter(|_| now.looked.elapsed() >= LOOK) {
            now.looked = Instant::now();
            let found = stamps(&now.web.files);
            if found != now.stamps {
                now.stamps = found;
                match Web::read(path) {
                    Ok(web) => {
                        now.stamps = stamps(&web.files);
                        now.web = Arc::new(web);
                    }
                    Err(error) => (self.log)(&format!("{error}; the last settings stay")),
                }
            }
        }
        now.web.clone()
    }
}
