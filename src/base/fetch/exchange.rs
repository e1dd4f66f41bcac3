//! One request and its answer, in a thread of their own, so that whoever waits for them can stop waiting.
//!
//! The library can end what it reads or writes, but not a look-up of a name or a connection in the making. Those are left behind and
//! end by their own time limits; the thread holds nothing but the socket.

use std::{
    io::Read as _,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use ureq::{
    Agent, Error,
    config::Config,
    http::{Request, header},
    tls::{RootCerts, TlsConfig},
};

use super::{Address, FetchError, forward, policy::Policy, proxy::Route, response::Head};

/// Bytes of one piece.
const PIECE: usize = 128 << 10;
/// Pieces that may wait to be written.
const PIECES: usize = 8;
/// Headers of a response, in bytes.
const MAX_HEADERS: usize = 64 << 10;

/// What comes, in this order: a head, pieces, an end; or a failure.
#[derive(Debug)]
pub(super) enum Event {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Failed(Error),
}

/// A request that runs; dropping it ends it.
#[derive(Debug)]
pub(super) struct Exchange {
    events: Receiver<Event>,
    agent: Agent,
}

impl Exchange {
    /// Sends a request for the file, or for what follows its first `resume` bytes; a redirect is an answer like any other.
    pub(super) fn begin(address: &Address, resume: Option<u64>, route: &Route, policy: &Policy) -> Result<Self, FetchError> {
        let invalid = |reason: &str| FetchError::Protocol { address: address.clone(), reason: reason.to_owned() };
        let mut request = Request::get(address.uri().clone());
        // Without `If-Range`: mirrors behind one address give one file many tags, and the digest tells in the end what belongs together.
        if let Some(position) = resume {
            request = request.header(header::RANGE, format!("bytes={position}-"));
        }
        let agent = match route {
            Route::Direct => Agent::new_with_config(config(policy).proxy(None).build()),
            Route::Tunnel(proxy) => Agent::new_with_config(config(policy).proxy(Some(proxy.clone())).build()),
            Route::Forward(proxy) => {
                if let Some(login) = forward::authorization(proxy) {
                    request = request.header(header::PROXY_AUTHORIZATION, login);
                }
                forward::agent(config(policy).proxy(None).build(), proxy)
            }
        };
        let request = request.body(()).map_err(|_| invalid("the request cannot be made"))?;
        let (sender, events) = mpsc::sync_channel(PIECES);
        let working = agent.clone();
        let thread = thread::Builder::new().name("download".to_owned());
        thread.spawn(move || run(&working, request, &sender)).map_err(FetchError::Start)?;
        Ok(Self { events, agent })
    }

    /// What came, if anything came in this time.
    pub(super) fn next(&self, wait: Duration) -> Option<Event> {
        match self.events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            // The thread says how it ends, unless the library panicked.
            Err(RecvTimeoutError::Disconnected) => Some(Event::Failed(Error::Other("the HTTP library gave up".into()))),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.agent.clone().shutdown();
    }
}

fn config(policy: &Policy) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    Config::builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        // Redirects are followed by `redirect`, which names circles and refuses to leave https.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("berry-image/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .max_response_header_size(MAX_HEADERS)
        .max_idle_connections(0)
        .timeout_resolve(Some(policy.connect))
        .timeout_connect(Some(policy.connect))
        .timeout_per_read(Some(policy.stall))
        .timeout_per_write(Some(policy.stall))
}

fn run(agent: &Agent, request: Request<()>, events: &SyncSender<Event>) {
    // Who no longer listens needs no answer.
    let _ = events.send(exchange(agent, request, events).map_or_else(Event::Failed, |()| Event::End));
}

fn exchange(agent: &Agent, request: Request<()>, events: &SyncSender<Event>) -> Result<(), Error> {
    let (parts, body) = agent.run(request)?.into_parts();
    let mut reader = body.into_reader();
    if events.send(Event::Head(Head { status: parts.status.as_u16(), headers: parts.headers })).is_err() {
        return Ok(());
    }
    loop {
        let mut piece = vec![0; PIECE];
        let count = reader.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        piece.truncate(count);
        if events.send(Event::Piece(piece)).is_err() {
            return Ok(());
        }
    }
}
