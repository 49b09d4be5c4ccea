//! The admin listener: routes, and the bounds of its connections.
//!
//! Only GET (and HEAD) so far, so nothing here needs a token: no secret is shown, nothing is changed.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, serve::Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, interval, sleep};

use crate::metrics::CONTENT_TYPE;

use super::Admin;
use super::health::Readiness;
use super::snapshot::Snapshot;

/// Connections at once; the next waits in the backlog. People, scrapers and probes need a handful, and
/// every descriptor here is one less for clients.
const CONNECTIONS_MAX: usize = 256;
/// A connection on which nothing moves for so long is closed: longer than scrapers' usual minute.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// How long answers under way may take once the process stops.
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// How often the workers are looked at, asked or not.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Serves until `shutdown` says true (or its sender is gone), then lets answers under way end.
pub(crate) async fn serve(listener: TcpListener, admin: Arc<Admin>, shutdown: watch::Receiver<bool>) {
    let listener = Limited { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    let server =
        axum::serve(listener, router(Arc::clone(&admin))).with_graceful_shutdown(told(shutdown.clone()));
    let finish = async {
        told(shutdown).await;
        sleep(FINISH_WITHIN).await;
    };
    tokio::select! {
        ended = server => ended.unwrap_or_else(|error| tracing::error!(%error, "the admin listener ended")),
        () = look(&admin) => {}
        () = finish => {}
    }
}

async fn told(mut shutdown: watch::Receiver<bool>) {
    // An error means that the sender is gone, and the process with it.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// Never ends: keeps `health::Liveness` informed between two questions.
async fn look(admin: &Admin) {
    let mut every = interval(LOOK_EVERY);
    loop {
        every.tick().await;
        admin.stuck_workers();
    }
}

pub(super) fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/livez", get(live))
        .route("/healthz", get(live))
        .route("/readyz", get(ready_to_serve))
        .route("/metrics", get(metrics))
        .route("/api/v1/snapshot", get(snapshot))
        .fallback(async || (StatusCode::NOT_FOUND, "Not found. / lists what there is.\n"))
        .with_state(admin)
}

async fn live(State(admin): State<Arc<Admin>>) -> Response {
    let stuck = admin.stuck_workers();
    if stuck.is_empty() {
        return "live\n".into_response();
    }
    let text = format!("not live: workers {stuck:?} do not turn\n");
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

#[derive(serde::Deserialize)]
struct ReadyQuery {
    verbose: Option<String>,
    pool: Option<String>,
}

async fn ready_to_serve(State(admin): State<Arc<Admin>>, Query(query): Query<ReadyQuery>) -> Response {
    let Some(readiness) = Readiness::of(&admin, query.pool.as_deref()) else {
        return (StatusCode::NOT_FOUND, "there is no such pool\n").into_response();
    };
    let status = if readiness.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.text(query.verbose.is_some())).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], admin.registry.exposition()).into_response()
}

async fn snapshot(State(admin): State<Arc<Admin>>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(Snapshot::of(&admin))).into_response()
}

const FRONT: &str = include_str!("front.html");
const FRONT_HEADERS: [(HeaderName, &str); 2] =
    [(header::CONTENT_SECURITY_POLICY, "default-src 'none'"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];

async fn front() -> Response {
    (FRONT_HEADERS, Html(FRONT)).into_response()
}

/// A listener that has at most `CONNECTIONS_MAX` connections open.
struct Limited {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Connection;
    type Addr = core::net::SocketAddr;

    async fn accept(&mut self) -> (Connection, Self::Addr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        // The inner one waits and goes on after an error, out of descriptors included.
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let permit = permit.expect("the semaphore is never closed");
        (Connection { stream, idle: Box::pin(sleep(IDLE_MAX)), _permit: permit }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that fails when nothing has moved on it for `IDLE_MAX`: a request that never ends, or a
/// reader that never reads.
struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Passes on what moved; while nothing does, waits for the end of patience.
    fn moved<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE_MAX);
            return poll;
        }
        ready!(self.idle.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.moved(cx, poll)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
