//! What an error of the HTTP library means: whether to try again, and in which words.

use std::{error::Error as _, io};

use ureq::Error;

use super::{Address, FetchError};

/// A failed try.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another try may help.
    Passing(FetchError),
    /// None will.
    Final(FetchError),
}

impl<E: Into<FetchError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

/// Tells what happened on the way to `address`. Nothing of the library is quoted that could hold an address.
pub(super) fn explain(address: &Address, error: Error) -> Trouble {
    let address = address.clone();
    let connection = |address, reason: String| Trouble::Passing(FetchError::Connection { address, reason });
    match error {
        Error::Io(error) => match tls(&error) {
            Some(error) => explain_tls(address, error),
            None => connection(address, io_reason(&error)),
        },
        Error::Rustls(error) => explain_tls(address, &error),
        Error::Tls(reason) => Trouble::Final(FetchError::Tls { address, reason: reason.to_owned() }),
        Error::Timeout(ureq::Timeout::Resolve) => connection(address, "looking up the name of the host took too long".to_owned()),
        Error::Timeout(ureq::Timeout::Connect) => connection(address, "connecting took too long".to_owned()),
        Error::Timeout(_) => connection(address, "the server took too long".to_owned()),
        Error::HostNotFound => connection(address, "no such host".to_owned()),
        Error::ConnectionFailed => connection(address, "no connection".to_owned()),
        Error::ConnectProxyFailed(reason) => {
            // `proxy server responded 403/…`: what a proxy refuses it refuses again.
            let status = reason.split_whitespace().last().and_then(|word| word.split('/').next()?.parse::<u16>().ok());
            match status {
                Some(407) => Trouble::Final(FetchError::Status { address, status: 407 }),
                Some(status @ 400..=499) => Trouble::Final(refused_by_proxy(address, status)),
                Some(status) => Trouble::Passing(refused_by_proxy(address, status)),
                None => connection(address, "the proxy did not answer".to_owned()),
            }
        }
        Error::LargeResponseHeader(..) => protocol(address, "the headers are too long"),
        Error::Protocol(error) => protocol(address, &error.to_string()),
        Error::Other(error) => protocol(address, &error.to_string()),
        _ => protocol(address, "it cannot be read"),
    }
}

fn refused_by_proxy(address: Address, status: u16) -> FetchError {
    FetchError::Connection { address, reason: format!("the proxy makes no connection: it answered {status}") }
}

fn protocol(address: Address, reason: &str) -> Trouble {
    Trouble::Final(FetchError::Protocol { address, reason: reason.to_owned() })
}

fn explain_tls(address: Address, error: &rustls::Error) -> Trouble {
    let reason = error.to_string();
    match error {
        // Bytes that changed on their way.
        rustls::Error::DecryptError => Trouble::Passing(FetchError::Connection { address, reason }),
        _ => Trouble::Final(FetchError::Tls { address, reason }),
    }
}

/// The error of the TLS library inside one of reading or writing.
fn tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The innermost reason is the system's own.
fn io_reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "the server ended the connection too early".to_owned();
    }
    let mut reason = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        reason = error.to_string();
        inner = error.source();
    }
    reason
}
