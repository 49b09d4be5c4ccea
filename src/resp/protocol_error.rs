//! What can be wrong with a request's form, in the words that Redis uses for it.

/// Why a client's bytes are no request. The client is answered, then closed: where its next request
/// would begin is not known any more.
///
/// The texts are those of Redis 7 (networking.c), but for three: `InvalidCrlf` is Valkey's (Redis skips
/// these two bytes unseen, newer Valkey refuses them and closes, which on a shared upstream would hit
/// other clients), `TooLarge` and `Http` are Ketch's own (Redis closes without a word). Where a limit of the pool is at fault rather than one of
/// Redis, its name stands behind Redis's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolError {
    TooBigMultibulkCount,
    InvalidMultibulkLength,
    /// More arguments than `max_args`, and no more than Redis takes.
    TooManyArguments {
        max_args: usize,
    },
    UnauthenticatedMultibulkLength,
    TooBigBulkCount,
    /// A `$` was due; this byte came.
    ExpectedDollar(u8),
    InvalidBulkLength,
    UnauthenticatedBulkLength,
    InvalidCrlf,
    /// An inline line longer than `max_inline`, in bytes.
    TooBigInline {
        max_inline: usize,
    },
    UnbalancedQuotes,
    /// `POST` or `Host:`. A web page can make a browser send a body of commands behind such lines.
    Http,
    /// Longer than `max_request`, in bytes.
    TooLarge {
        max_request: usize,
    },
}

/// `PROTO_INLINE_MAX_SIZE` of Redis, in bytes.
const REDIS_INLINE: usize = 64 * 1024;

impl ProtocolError {
    /// The error reply, without the leading `-` and the line end.
    pub fn text(self) -> String {
        let what = match self {
            ProtocolError::TooBigMultibulkCount => "too big mbulk count string",
            ProtocolError::InvalidMultibulkLength => "invalid multibulk length",
            ProtocolError::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            ProtocolError::TooBigBulkCount => "too big bulk count string",
            ProtocolError::InvalidBulkLength => "invalid bulk length",
            ProtocolError::UnauthenticatedBulkLength => "unauthenticated bulk length",
            ProtocolError::InvalidCrlf => "invalid CRLF in request",
            ProtocolError::TooBigInline { max_inline: REDIS_INLINE } => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::Http => "this is HTTP, which the admin address speaks",
            ProtocolError::ExpectedDollar(got) => {
                return format!("ERR Protocol error: expected '$', got '{}'", char::from(got));
            }
            ProtocolError::TooBigInline { max_inline } => {
                return format!(
                    "ERR Protocol error: too big inline request (max_inline is {max_inline} bytes)"
                );
            }
            ProtocolError::TooManyArguments { max_args } => {
                return format!("ERR Protocol error: invalid multibulk length (max_args is {max_args})");
            }
            ProtocolError::TooLarge { max_request } => {
                return format!("ERR request is larger than max_request ({max_request} bytes)");
            }
        };
        format!("ERR Protocol error: {what}")
    }

    /// For the metric label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            ProtocolError::TooBigMultibulkCount => "too_big_multibulk_count",
            ProtocolError::InvalidMultibulkLength => "invalid_multibulk_length",
            ProtocolError::TooManyArguments { .. } => "max_args",
            ProtocolError::UnauthenticatedMultibulkLength => "unauthenticated_multibulk_length",
            ProtocolError::TooBigBulkCount => "too_big_bulk_count",
            ProtocolError::ExpectedDollar(_) => "expected_dollar",
            ProtocolError::InvalidBulkLength => "invalid_bulk_length",
            ProtocolError::UnauthenticatedBulkLength => "unauthenticated_bulk_length",
            ProtocolError::InvalidCrlf => "invalid_crlf",
            ProtocolError::TooBigInline { .. } => "too_big_inline",
            ProtocolError::UnbalancedQuotes => "unbalanced_quotes",
            ProtocolError::Http => "http",
            ProtocolError::TooLarge { .. } => "max_request",
        }
    }
}
