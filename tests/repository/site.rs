//! A web server with archives, which lies where it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::{
    archive::Files,
    support::server::{self, Reply, Request, Server},
};

/// What is answered instead of a file; it is given the path and how often this one was asked for before.
pub(super) type Twist = Arc<dyn Fn(&str, usize) -> Option<Reply> + Send + Sync>;

#[derive(Default)]
struct State {
    files: Files,
    twist: Option<Twist>,
    asked: HashMap<String, usize>,
}

/// The server. Archives are below `/debian`.
pub(super) struct Site {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Site {
    pub(super) fn new(files: Files) -> Self {
        let state = Arc::new(Mutex::new(State { files, ..State::default() }));
        let shared = Arc::clone(&state);
        let server = Server::new(move |request, _| answer(&shared, request));
        Self { server, state }
    }

    /// Offers other files from now on.
    pub(super) fn offer(&self, files: Files, twist: Option<Twist>) {
        *self.state.lock().unwrap() = State { files, twist, asked: HashMap::new() };
    }

    /// The address of the archive.
    pub(super) fn uri(&self) -> String {
        self.server.url("/debian")
    }

    /// What was asked for, below the address of the archive.
    pub(super) fn asked(&self) -> Vec<String> {
        self.server.requests().iter().map(|request| path(request).to_owned()).collect()
    }
}

/// The path below the address of the archive, for requests to a proxy, too.
fn path(request: &Request) -> &str {
    request.target.split_once("/debian/").map_or("", |(_, path)| path)
}

fn answer(state: &Mutex<State>, request: &Request) -> Reply {
    let path = path(request);
    let (twist, number, file) = {
        let mut state = state.lock().unwrap();
        let number = state.asked.entry(path.to_owned()).or_default();
        *number += 1;
        let number = *number - 1;
        (state.twist.clone(), number, state.files.get(path).cloned())
    };
    let reply = twist.and_then(|twist| twist(path, number));
    reply.unwrap_or_else(|| file.map_or_else(|| server::status(404), |bytes| server::file(&bytes, request)))
}
