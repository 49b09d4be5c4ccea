//! Every error that a local answer can be, in the words of Redis 7; one row each, with its metric
//! label. Errors of the road (no primary, unknown command, …) are worded elsewhere.

use core::fmt::{self, Display};

use super::config_cmd::Unset;

/// The client's mistake, each time; nothing was changed, and sending it again changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal<'a> {
    WrongPassword,
    /// AUTH with a password alone, and nobody has one.
    NoPassword,
    /// HELLO of a client that is not authenticated, without AUTH.
    HelloFirst,
    Protocol,
    ProtocolNotANumber,
    HelloOption(&'a [u8]),
    Syntax,
    WrongNumber(&'static str),
    NotANumber,
    /// A number, but none of 32 bits.
    NotAnInt,
    ClientName,
    ClientAttribute(&'a [u8]),
    ClientOption(&'a [u8]),
    UnknownClientType(&'a [u8]),
    UnknownClientFlags(&'a [u8]),
    NoSuchUser(&'a [u8]),
    InvalidClientId,
    ClientIdNotPositive,
    /// Not a number, and which one.
    BadNumber(&'static str),
    NotPositive(&'static str),
    NegativeTimeout,
    PauseMode,
    /// Too many arguments for this subcommand of CLIENT.
    ClientArity(&'a [u8]),
    UnblockReason,
    TooLong {
        what: &'static str,
        bytes: usize,
    },
    BadDatabase,
    NoCluster,
    /// A check that looks for a primary should fail, and say why.
    NoShardWritable,
    UnknownCommand,
    NoKeyArguments,
    WrongNumberForCommand,
    BadArgumentsForCommand,
    /// No such parameter.
    ConfigUnknown(&'a [u8]),
    ConfigUnset(&'a [u8], Unset),
    LogCount,
    /// Valkey has several command logs, and this is none of them.
    LogKind,
    /// A subcommand that there is, with too many arguments.
    SubcommandSyntax {
        name: &'a [u8],
        container: &'static str,
    },
    /// No delay of this event was recorded.
    NoSamples(&'a [u8]),
    /// No name that a Sentinel-aware client could know the pool by.
    NoSuchMaster,
}

/// A client's own words are quoted this far.
const QUOTED: usize = 128;

impl Refusal<'_> {
    /// The metric label: the code, or what distinguishes the several `ERR`.
    pub(super) fn label(self) -> &'static str {
        match self {
            Refusal::WrongPassword => "WRONGPASS",
            Refusal::HelloFirst => "NOAUTH",
            Refusal::Protocol => "NOPROTO",
            Refusal::NoShardWritable => "MASTERDOWN",
            Refusal::NoPassword => "no_password",
            Refusal::WrongNumber(_) | Refusal::SubcommandSyntax { .. } => "arity",
            Refusal::ConfigUnknown(_) | Refusal::ConfigUnset(..) => "config",
            Refusal::NoSamples(_) => "no_samples",
            Refusal::NoSuchMaster => "no_master",
            Refusal::BadDatabase => "database",
            Refusal::NoCluster => "no_cluster",
            Refusal::UnknownCommand
            | Refusal::NoKeyArguments
            | Refusal::WrongNumberForCommand
            | Refusal::BadArgumentsForCommand => "getkeys",
            Refusal::ProtocolNotANumber
            | Refusal::HelloOption(_)
            | Refusal::Syntax
            | Refusal::NotANumber
            | Refusal::NotAnInt
            | Refusal::ClientName
            | Refusal::ClientAttribute(_)
            | Refusal::ClientOption(_)
            | Refusal::LogCount
            | Refusal::LogKind
            | Refusal::UnknownClientType(_)
            | Refusal::UnknownClientFlags(_)
            | Refusal::NoSuchUser(_)
            | Refusal::InvalidClientId
            | Refusal::ClientIdNotPositive
            | Refusal::BadNumber(_)
            | Refusal::NotPositive(_)
            | Refusal::NegativeTimeout
            | Refusal::PauseMode
            | Refusal::UnblockReason
            | Refusal::ClientArity(_)
            | Refusal::TooLong { .. } => "syntax",
        }
    }

    /// Appends the whole error reply.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        crate::resp::error(out, self.to_string().as_bytes());
    }
}

impl Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::WrongPassword => {
                f.write_str("WRONGPASS invalid username-password pair or user is disabled.")
            }
            Refusal::NoPassword => f.write_str(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
            ),
            Refusal::HelloFirst => f.write_str(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
                 <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
                 the same time",
            ),
            Refusal::Protocol => f.write_str("NOPROTO unsupported protocol version"),
            Refusal::ProtocolNotANumber => f.write_str("ERR Protocol version is not an integer or out of range"),
            Refusal::HelloOption(option) => write!(f, "ERR Syntax error in HELLO option '{}'", quoted(option)),
            Refusal::Syntax => f.write_str("ERR syntax error"),
            Refusal::WrongNumber(name) => write!(f, "ERR wrong number of arguments for '{name}' command"),
            Refusal::NotANumber => f.write_str("ERR value is not an integer or out of range"),
            Refusal::NotAnInt => {
                write!(f, "ERR value is out of range, value must between {} and {}", i32::MIN, i32::MAX)
            }
            Refusal::ClientName => {
                f.write_str("ERR Client names cannot contain spaces, newlines or special characters.")
            }
            Refusal::ClientAttribute(name) => {
                write!(f, "ERR {} cannot contain spaces, newlines or special characters.", quoted(name))
            }
            Refusal::ClientOption(option) => write!(f, "ERR Unrecognized option '{}'", quoted(option)),
            Refusal::UnknownClientType(kind) => write!(f, "ERR Unknown client type '{}'", quoted(kind)),
            Refusal::UnknownClientFlags(flags) => {
                write!(f, "ERR Unknown flags found in the provided filter: {}", quoted(flags))
            }
            Refusal::NoSuchUser(user) => write!(f, "ERR No such user '{}'", quoted(user)),
            Refusal::InvalidClientId => f.write_str("ERR Invalid client ID"),
            Refusal::ClientIdNotPositive => f.write_str("ERR client-id should be greater than 0"),
            Refusal::BadNumber(what) => write!(f, "ERR {what} is not an integer or out of range"),
            Refusal::NotPositive(what) => write!(f, "ERR {what} should be greater than 0"),
            Refusal::NegativeTimeout => f.write_str("ERR timeout is negative"),
            Refusal::ClientArity(name) => write!(
                f,
                "ERR unknown subcommand or wrong number of arguments for '{}'. Try CLIENT HELP.",
                quoted(name)
            ),
            Refusal::PauseMode => f.write_str("ERR CLIENT PAUSE mode must be WRITE or ALL"),
            Refusal::UnblockReason => f.write_str("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
            Refusal::TooLong { what, bytes } => write!(f, "ERR {what} cannot be longer than {bytes} bytes"),
            Refusal::BadDatabase => f.write_str("ERR DB index is out of range"),
            Refusal::NoCluster => f.write_str("ERR This instance has cluster support disabled"),
            Refusal::NoShardWritable => f.write_str("MASTERDOWN no shard of this pool has a primary that takes writes"),
            Refusal::UnknownCommand => f.write_str("ERR Invalid command specified"),
            Refusal::NoKeyArguments => f.write_str("ERR The command has no key arguments"),
            Refusal::WrongNumberForCommand => {
                f.write_str("ERR Invalid number of arguments specified for command")
            }
            Refusal::BadArgumentsForCommand => f.write_str("ERR Invalid arguments specified for command"),
            Refusal::ConfigUnknown(name) => {
                write!(f, "ERR Unknown option or number of arguments for CONFIG SET - '{}'", quoted(name))
            }
            Refusal::ConfigUnset(name, why) => {
                write!(f, "ERR CONFIG SET failed (possibly related to argument '{}') - {why}", quoted(name))
            }
            Refusal::LogCount => f.write_str("ERR count should be greater than or equal to -1"),
            Refusal::LogKind => {
                f.write_str("ERR type should be one of the following: slow, large-request, large-reply")
            }
            Refusal::SubcommandSyntax { name, container } => write!(
                f,
                "ERR unknown subcommand or wrong number of arguments for '{}'. Try {container} HELP.",
                quoted(name)
            ),
            Refusal::NoSamples(event) => write!(f, "ERR No samples available for event '{}'", quoted(event)),
            Refusal::NoSuchMaster => f.write_str("ERR No such master with that name"),
        }
    }
}

fn quoted(words: &[u8]) -> impl Display {
    String::from_utf8_lossy(&words[..words.len().min(QUOTED)]).into_owned()
}
