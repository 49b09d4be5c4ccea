//! `HOST:PORT` as people write it: an IPv4 address, a name, or an IPv6 address in brackets.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

/// A host (name or literal, without brackets) and a port. Resolving names is the control plane's work.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    #[error("no port: write \"HOST:PORT\"")]
    NoPort,
    #[error("no host: write \"HOST:PORT\", for example \"127.0.0.1:6380\"")]
    NoHost,
    #[error("'{0}' is not a port (1 to 65535)")]
    BadPort(String),
    #[error("an IPv6 address needs brackets: write \"[::1]:6380\"")]
    Brackets,
}

impl Address {
    pub fn new(host: impl Into<String>, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    /// The address itself where the host is a literal; `None` where it is a name.
    pub fn literal(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, self.port))
    }

    /// True for 127.0.0.0/8, ::1 and the name `localhost`.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.literal().is_some_and(|a| a.ip().is_loopback())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(AddressError::Brackets)?;
                (host, port.strip_prefix(':').ok_or(AddressError::NoPort)?)
            }
            None => {
                let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
                if host.contains(':') {
                    return Err(AddressError::Brackets);
                }
                (host, port)
            }
        };
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        match port.parse::<u16>() {
            Ok(number) if number > 0 => Ok(Address::new(host, number)),
            _ => Err(AddressError::BadPort(port.to_owned())),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(a: SocketAddr) -> Address {
        Address::new(a.ip().to_string(), a.port())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["127.0.0.1:6379", "redis.internal:6380", "[::1]:6379"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert!("localhost:1".parse::<Address>().unwrap().is_loopback());
        assert!(!"10.0.0.1:1".parse::<Address>().unwrap().is_loopback());
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, error) in [
            ("127.0.0.1", AddressError::NoPort),
            (":6379", AddressError::NoHost),
            ("h:0", AddressError::BadPort("0".into())),
            ("h:70000", AddressError::BadPort("70000".into())),
            ("::1:6379", AddressError::Brackets),
            ("[::1]", AddressError::NoPort),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
