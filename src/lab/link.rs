//! A connection of the traffic: it is made anew after it broke, and tells what became of a request.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use crate::lab::{Client, TrafficOptions};
use crate::resp::Value;

/// Between attempts to connect.
pub(crate) const REST: Duration = Duration::from_millis(20);

/// A connection that is made anew after it broke.
pub(crate) struct Link {
    address: SocketAddr,
    password: Option<String>,
    limit: Duration,
    client: Option<Client>,
}

/// What became of one request.
pub(crate) enum Outcome {
    Reply(Value),
    /// No connection: it was not sent.
    NotSent(io::Error),
    /// Sent, and then the connection broke or the time was over.
    Broken(io::Error),
}

impl Link {
    pub(crate) fn new(options: &TrafficOptions) -> Link {
        let TrafficOptions { address, password, limit, .. } = options.clone();
        Link { address, password, limit, client: None }
    }

    fn connected(&mut self) -> io::Result<&mut Client> {
        if self.client.is_none() {
            let mut client = Client::connect(self.address, self.limit)?;
            if let Some(password) = &self.password
                && let Value::Error(text) = client.ask(&["AUTH", password])?
            {
                return Err(io::Error::other(text));
            }
            self.client = Some(client);
        }
        self.client.as_mut().ok_or(io::ErrorKind::NotConnected.into())
    }

    pub(crate) fn ask(&mut self, args: &[&str]) -> Outcome {
        let client = match self.connected() {
            Ok(client) => client,
            Err(e) => return Outcome::NotSent(e),
        };
        match client.ask(args) {
            Ok(value) => Outcome::Reply(value),
            Err(e) => {
                self.client = None;
                Outcome::Broken(e)
            }
        }
    }

    /// Reads until no reply is an error, or the time is over.
    pub(crate) fn read_back(&mut self, gets: &[Vec<String>], until: Instant) -> Option<Vec<Value>> {
        loop {
            match self.connected().and_then(|client| client.pipeline(gets)) {
                Ok(values) if !values.iter().any(Value::is_error) => return Some(values),
                Ok(_) => {}
                Err(_) => self.client = None,
            }
            if Instant::now() >= until {
                return None;
            }
            thread::sleep(REST);
        }
    }
}
