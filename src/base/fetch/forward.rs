//! Requests for `http` addresses through a proxy: the proxy is given the whole address (RFC 9112 §3.2.2, "absolute-form").
//!
//! The library asks every proxy for a tunnel, and the usual proxy grants one to port 443 only. So for these requests it is made to
//! connect to the proxy's address instead of the server's, and the first line is rewritten on its way out.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ureq::{
    Agent, Error, Proxy,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport},
    },
};

/// The method of every request here, with the blank behind it.
const GET: &[u8] = b"GET ";

/// An agent whose requests go to this proxy.
pub(super) fn agent(config: Config, proxy: &Proxy) -> Agent {
    Agent::with_parts(config, TcpConnector::default().chain(Rewriting), ToProxy(proxy.uri().clone()))
}

/// The value of `Proxy-Authorization` if the proxy wants a login (RFC 7617).
pub(super) fn authorization(proxy: &Proxy) -> Option<String> {
    let (user, password) = (proxy.username(), proxy.password());
    if user.is_none() && password.is_none() {
        return None;
    }
    let login = format!("{}:{}", user.unwrap_or_default(), password.unwrap_or_default());
    Some(format!("Basic {}", BASE64_STANDARD.encode(login)))
}

/// Resolves the proxy, whatever is asked for.
#[derive(Debug)]
struct ToProxy(Uri);

impl Resolver for ToProxy {
    fn resolve(&self, _uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        DefaultResolver::default().resolve(&self.0, config, timeout)
    }
}

#[derive(Debug)]
struct Rewriting;

impl<In: Transport> Connector<In> for Rewriting {
    type Out = Rewriter<In>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let server = details.uri.authority().map(|authority| format!("http://{authority}")).unwrap_or_default();
        Ok(chained.map(|inner| Rewriter { inner, server, is_begun: false }))
    }
}

/// Puts `http://SERVER` in front of the path of the first line; everything else passes as it is.
#[derive(Debug)]
struct Rewriter<T> {
    inner: T,
    server: String,
    is_begun: bool,
}

impl<T: Transport> Transport for Rewriter<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.is_begun || amount == 0 {
            return self.inner.transmit_output(amount, timeout);
        }
        self.is_begun = true;
        let longer = insert(self.inner.buffers().output(), amount, self.server.as_bytes());
        let longer = longer.ok_or_else(|| Error::Other("the address is too long for a request to a proxy".into()))?;
        self.inner.transmit_output(longer, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

/// Moves what follows `GET ` in the first `amount` bytes, and puts `server` there; the new amount, `None` if there is no room.
fn insert(output: &mut [u8], amount: usize, server: &[u8]) -> Option<usize> {
    let longer = amount.checked_add(server.len())?;
    if !output.starts_with(GET) || amount < GET.len() || longer > output.len() {
        return None;
    }
    output.copy_within(GET.len()..amount, GET.len() + server.len());
    output.get_mut(GET.len()..GET.len() + server.len())?.copy_from_slice(server);
    Some(longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_stands_before_the_path() {
        let mut output = [0; 40];
        let line = b"GET /x HTTP/1.1\r\n";
        output[..line.len()].copy_from_slice(line);
        let longer = insert(&mut output, line.len(), b"http://h:1").unwrap();
        assert_eq!(&output[..longer], b"GET http://h:1/x HTTP/1.1\r\n");
        assert_eq!(insert(&mut output, longer, &[b'x'; 20]), None);
        assert_eq!(insert(&mut [b'P'; 40], 20, b"http://h:1"), None);
    }

    #[test]
    fn a_login_is_sent_as_rfc_7617_says() {
        let proxy = |text| Proxy::new(text).unwrap();
        assert_eq!(authorization(&proxy("http://Aladdin:open%20sesame@p.example")).as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(authorization(&proxy("http://p.example")), None);
    }
}
