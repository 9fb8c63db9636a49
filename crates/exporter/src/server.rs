//! The server that metrics are scraped from: HTTP/1.1, with TLS and passwords if the settings say so.
//!
//! One thread serves all connections. They are bounded in number and in time, so that slow readers and half requests cost
//! nobody else anything; scrapes at one time share one text.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::TcpListener;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::exposition::Format;
use crate::rules::SettingsError;
use crate::web::{Web, WebSettings};

/// Connections at one time; further ones wait.
const MOST_CONNECTIONS: usize = 512;
/// The time for a TLS handshake, and for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// The time after which a connection takes no further request, and the time that it has then to end.
const LIFE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15));
/// The longest wait for the metrics of a scrape.
const PATIENCE: Duration = Duration::from_secs(30);
/// Scrapes within this time get the same text.
const SHARED: Duration = Duration::from_millis(500);
/// Passwords that were right, which are not hashed again.
const MOST_KNOWN: usize = 64;
/// bcrypt of no password: one who does not exist takes as long as one who does.
const NOBODY: &str = "$2y$10$PjQ9yvrPvIjgtqSGMCYZaOgrPwFyRqkGWNbYCBcGgvDEzEmVZzZYq";

/// Makes the text of a scrape.
pub type Scrape = dyn Fn(Format) -> String + Send + Sync;

/// The server.
pub struct Server {
    web: WebSettings,
    scrape: Arc<Scrape>,
    /// The newest text of each format, and when it was made.
    texts: [tokio::sync::Mutex<Option<(Instant, Bytes)>>; 2],
    /// One password is hashed at a time: hashing takes long, and anybody may send some.
    hashing: Semaphore,
    known: Mutex<HashSet<String>>,
}

/// The reason for which there is no server; its `Display` is one sentence.
#[derive(Debug)]
pub enum ServerError {
    /// The settings cannot be taken.
    Settings(SettingsError),
    /// The system refuses.
    System(io::Error),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::System(error) => write!(f, "it cannot serve: {error}"),
        }
    }
}

impl std::error::Error for ServerError {}

impl Server {
    /// A server with settings of a file in exporter-toolkit's format. `log` gets what goes wrong later.
    ///
    /// # Errors
    /// The settings cannot be taken.
    pub fn new(
        settings: Option<&Path>,
        scrape: Arc<Scrape>,
        log: fn(&str),
    ) -> Result<Self, ServerError> {
        Ok(Self {
            web: WebSettings::open(settings, log).map_err(ServerError::Settings)?,
            scrape,
            texts: Default::default(),
            hashing: Semaphore::new(1),
            known: Mutex::default(),
        })
    }

    /// Serves for as long as the program runs.
    ///
    /// # Errors
    /// The system refuses.
    pub fn run(self, listener: TcpListener) -> Result<Infallible, ServerError> {
        listener.set_nonblocking(true).map_err(ServerError::System)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let server = Arc::new(self);
        runtime.map_err(ServerError::System)?.block_on(async {
            let listener =
                tokio::net::TcpListener::from_std(listener).map_err(ServerError::System)?;
            let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
            loop {
                let place = room.clone().acquire_owned().await;
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let server = server.clone();
                        tokio::spawn(async move {
                            server.connection(stream).await;
                            drop(place);
                        });
                    }
                    // No descriptor is left, or the other side is gone already.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        })
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let web = self.web.current();
        match web.tls.clone() {
            Some(tls) => {
                let accepted = timeout(HEAD, TlsAcceptor::from(tls).accept(stream)).await;
                if let Ok(Ok(stream)) = accepted {
                    self.requests(stream, web).await;
                }
            }
            None => self.requests(stream, web).await,
        }
    }

    async fn requests<S>(self: Arc<Self>, stream: S, web: Arc<Web>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let (server, web) = (self.clone(), web.clone());
            async move { Ok::<_, Infallible>(server.answer(request, &web).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(32 << 10)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // An error of one connection is no other's concern.
        if timeout(LIFE.0, connection.as_mut()).await.is_err() {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LIFE.1, connection).await;
        }
    }

    async fn answer<B>(self: Arc<Self>, request: Request<B>, web: &Web) -> Response<Full<Bytes>> {
        let mut response = if self.is_allowed(request.headers(), web).await {
            self.page(&request).await
        } else {
            let mut response = text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
            let basic = HeaderValue::from_static("Basic realm=\"nfm\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, basic);
            response
        };
        for (name, value) in &web.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    async fn page<B>(self: Arc<Self>, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => {
                let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
                let format = Format::of_accept(accept.unwrap_or_default());
                match timeout(PATIENCE, self.metrics(format)).await {
                    Ok(Some(bytes)) => {
                        let mut response = Response::new(Full::new(bytes));
                        let kind = HeaderValue::from_static(format.content_type());
                        response.headers_mut().insert(CONTENT_TYPE, kind);
                        response
                    }
                    _ => text(StatusCode::SERVICE_UNAVAILABLE, "There are no metrics now\n"),
                }
            }
            "/-/healthy" => text(StatusCode::OK, "nfm-exporter is healthy\n"),
            "/" => text(StatusCode::OK, "nfm-exporter: the guests' metrics are at /metrics\n"),
            _ => text(StatusCode::NOT_FOUND, "Not found\n"),
        }
    }

    /// The text of a scrape. It is made once for all who ask at the same time, also if none of them waits any more.
    async fn metrics(self: Arc<Self>, format: Format) -> Option<Bytes> {
        let made = tokio::spawn(async move {
            let [prometheus, open_metrics] = &self.texts;
            let own = if format == Format::Prometheus { prometheus } else { open_metrics };
            let mut text = own.lock().await;
            if let Some((_, bytes)) = text.as_ref().filter(|(made, _)| made.elapsed() < SHARED) {
                return Some(bytes.clone());
            }
            let scrape = self.scrape.clone();
            let bytes =
                Bytes::from(tokio::task::spawn_blocking(move || scrape(format)).await.ok()?);
            *text = Some((Instant::now(), bytes.clone()));
            Some(bytes)
        });
        made.await.ok()?
    }

    /// True if the settings ask for no password, or the request has one that is right.
    async fn is_allowed(&self, headers: &HeaderMap, web: &Web) -> bool {
        if web.users.is_empty() {
            return true;
        }
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((user, password)) = sent.and_then(credentials) else { return false };
        let hash = web.users.get(&user);
        // With the hash: one who gets another password has to send that.
        let whole = format!("{}\n{user}\n{password}", hash.map_or("", String::as_str));
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&whole) {
            return true;
        }
        let Ok(_turn) = self.hashing.acquire().await else { return false };
        let against = hash.map_or(NOBODY, String::as_str).to_owned();
        let checked = tokio::task::spawn_blocking(move || bcrypt::verify(password, &against)).await;
        let is_right = hash.is_some() && matches!(checked, Ok(Ok(true)));
        if is_right {
            let mut known = known();
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(whole);
        }
        is_right
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The name and the password of `Authorization: Basic …`.
fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
