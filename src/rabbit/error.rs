//! Errors of the protocol: a reply code and a reply text, worded as the real broker words them.
//!
//! Texts and codes are those of `rabbit_misc:protocol_error/3` and its callers; the name in front
//! of a text is that of `rabbit_framing_amqp_0_9_1:lookup_amqp_exception/1`.

use std::fmt;

use crate::talk::Name;

/// Why a broker closes a channel or, for the graver codes, the whole connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelError {
    /// The reply code, such as 404.
    pub code: u16,
    /// The reply text, such as `NOT_FOUND - no queue 'q' in vhost '/'`.
    pub text: Name,
}

impl ChannelError {
    fn new(code: u16, what: &str, text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError { code, text: format!("{what} - {text}").into() }
    }

    /// 320 `CONNECTION_FORCED`: the broker stops.
    pub fn forced() -> ChannelError {
        let text = format_args!("broker forced connection closure with reason 'shutdown'");
        ChannelError::new(320, "CONNECTION_FORCED", text)
    }

    /// 403 `ACCESS_REFUSED`
    pub fn access_refused(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(403, "ACCESS_REFUSED", text)
    }

    /// 404 `NOT_FOUND`
    pub fn not_found(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(404, "NOT_FOUND", text)
    }

    /// 405 `RESOURCE_LOCKED`
    pub fn resource_locked(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(405, "RESOURCE_LOCKED", text)
    }

    /// 406 `PRECONDITION_FAILED`
    pub fn precondition_failed(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(406, "PRECONDITION_FAILED", text)
    }

    /// 503 `COMMAND_INVALID`: closes the connection.
    pub fn command_invalid(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(503, "COMMAND_INVALID", text)
    }

    /// 504 `CHANNEL_ERROR`, for a method at a time when it may not come: closes the connection.
    pub fn out_of_place(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(504, "CHANNEL_ERROR", text)
    }

    /// 530 `NOT_ALLOWED`: closes the connection.
    pub fn not_allowed(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(530, "NOT_ALLOWED", text)
    }

    /// 540 `NOT_IMPLEMENTED`: closes the connection.
    pub fn not_implemented(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(540, "NOT_IMPLEMENTED", text)
    }

    /// 541 `INTERNAL_ERROR`: closes the connection.
    pub fn internal_error(text: fmt::Arguments<'_>) -> ChannelError {
        ChannelError::new(541, "INTERNAL_ERROR", text)
    }

    /// 541 from a process of the server that crashed: it closes the connection, without a reason.
    pub fn crashed() -> ChannelError {
        ChannelError { code: 541, text: "INTERNAL_ERROR".into() }
    }

    /// 404 for a queue that does not exist.
    pub fn no_queue(queue: &Name) -> ChannelError {
        ChannelError::not_found(format_args!("no queue '{queue}' in vhost '/'"))
    }

    /// 404 for an exchange that does not exist.
    pub fn no_exchange(exchange: &Name) -> ChannelError {
        ChannelError::not_found(format_args!("no exchange '{exchange}' in vhost '/'"))
    }

    /// Whether this error closes the connection and not only the channel ("hard errors" of the
    /// AMQP 0-9-1 reference, reply codes).
    pub const fn closes_connection(&self) -> bool {
        matches!(self.code, 320 | 402 | 501..=505 | 530 | 540 | 541)
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

impl std::error::Error for ChannelError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_errors_close_the_channel_and_hard_ones_the_connection() {
        for code in [311, 312, 313, 403, 404, 405, 406] {
            assert!(!ChannelError { code, text: "".into() }.closes_connection(), "{code}");
        }
        for code in [320, 402, 501, 502, 503, 504, 505, 530, 540, 541] {
            assert!(ChannelError { code, text: "".into() }.closes_connection(), "{code}");
        }
    }
}
