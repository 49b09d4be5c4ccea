//! A connection on which the control plane asks a node or a Sentinel: requests in one pipeline, their
//! replies as trees, everything within a time limit.
//!
//! It is used for small questions and is thrown away at the first doubt; it never sends a write.

use core::net::SocketAddr;
use core::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::base::Secret;
use crate::resp::{Value, command};
use crate::topology::NodeFailure;

/// The longest reply that is taken in; a Sentinel of a thousand replicas tells some 700 KiB.
const REPLY_MAX: usize = 4 << 20;
/// Read at a time.
const CHUNK: usize = 16 << 10;

/// Why a question got no answer: what is told to the loop, and the peer's words for the log.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", failure.label())]
pub(super) struct AskError {
    pub(super) failure: NodeFailure,
    pub(super) detail: String,
}

impl AskError {
    fn new(failure: NodeFailure, detail: impl ToString) -> AskError {
        AskError { failure, detail: detail.to_string() }
    }
}

/// What to log in with.
#[derive(Clone, Debug, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

pub(super) struct Connection {
    stream: TcpStream,
    /// Bytes that were read and belong to no reply yet.
    unread: Vec<u8>,
}

impl Connection {
    /// Connects and logs in.
    pub(super) async fn open(
        socket: SocketAddr,
        login: &Login,
        connect: Duration,
        answer: Duration,
    ) -> Result<Connection, AskError> {
        let stream = timeout(connect, TcpStream::connect(socket))
            .await
            .map_err(|_| AskError::new(NodeFailure::Connect, "no answer to the connect"))?
            .map_err(|e| AskError::new(NodeFailure::Connect, e))?;
        stream.set_nodelay(true).map_err(|e| AskError::new(NodeFailure::Connect, e))?;
        let mut connection = Connection { stream, unread: Vec::new() };
        connection.log_in(login, answer).await?;
        Ok(connection)
    }

    async fn log_in(&mut self, login: &Login, answer: Duration) -> Result<(), AskError> {
        let Some(password) = &login.password else { return Ok(()) };
        let mut request = Vec::new();
        match &login.username {
            Some(user) => command(&mut request, &["AUTH", user, password.expose()]),
            None => command(&mut request, &["AUTH", password.expose()]),
        }
        match self.ask(&request, 1, answer).await?.first() {
            // A node that still loads may answer so; the probe will hear it again.
            Some(Value::Error(text)) if text.starts_with("LOADING") => {
                Err(AskError::new(NodeFailure::Loading, text))
            }
            Some(Value::Error(text)) => Err(AskError::new(NodeFailure::Refused, text)),
            _ => Ok(()),
        }
    }

    /// Sends requests that were written already and waits for their `count` replies.
    pub(super) async fn ask(
        &mut self,
        requests: &[u8],
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Value>, AskError> {
        let exchange = async {
            self.send(requests).await?;
            let mut replies = Vec::with_capacity(count);
            while replies.len() < count {
                replies.push(self.receive().await?);
            }
            Ok(replies)
        };
        timeout(limit, exchange).await.unwrap_or_else(|_| {
            Err(AskError::new(NodeFailure::Silent, format!("no answer within {limit:?}")))
        })
    }

    /// Sends without waiting for an answer.
    pub(super) async fn send(&mut self, requests: &[u8]) -> Result<(), AskError> {
        self.stream.write_all(requests).await.map_err(|e| AskError::new(NodeFailure::Lost, e))
    }

    /// The next reply. May be given up at any moment without losing a byte.
    pub(super) async fn receive(&mut self) -> Result<Value, AskError> {
        loop {
            let parsed = Value::parse(&self.unread).map_err(|e| AskError::new(NodeFailure::Protocol, e))?;
            if let Some((value, len)) = parsed {
                self.unread.drain(..len);
                return Ok(value);
            }
            if self.unread.len() > REPLY_MAX {
                return Err(AskError::new(NodeFailure::Protocol, "a reply without end"));
            }
            self.unread.reserve(CHUNK);
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) => return Err(AskError::new(NodeFailure::Lost, "closed by the peer")),
                Ok(_) => {}
                Err(e) => return Err(AskError::new(NodeFailure::Lost, e)),
            }
        }
    }
}
