//! A web server and a proxy of the tests' own, which misbehave as they are told.

use std::{
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that is asked for, if not all are.
    pub fn start(&self) -> Option<usize> {
        let range = self.header("range")?;
        Some(range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().expect("a number"))
    }

    fn read(stream: &mut dyn Read) -> Option<Self> {
        // Byte by byte: what follows the head of a CONNECT is not ours.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("a head of text");
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        assert_eq!(words.next(), Some("HTTP/1.1"));
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Some(Self { method, target, headers: headers.collect() })
    }
}

/// What is done with a connection.
#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// These bytes in pieces of this size, with a pause before each.
    Drip(Vec<u8>, usize, Duration),
}

/// An answer, step by step; then the connection is closed.
pub type Reply = Vec<Step>;

/// The head of an answer.
pub fn head(status: u16, headers: &[(&str, &str)]) -> Step {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Step::Send(format!("HTTP/1.1 {status} Test\r\n{lines}Connection: close\r\n\r\n").into_bytes())
}

/// An answer without a body.
pub fn status(status: u16) -> Reply {
    vec![head(status, &[("Content-Length", "0")])]
}

/// A redirect.
pub fn redirect(location: &str) -> Reply {
    vec![head(302, &[("Location", location), ("Content-Length", "0")])]
}

/// A whole file, as far as `sent` bytes of it.
pub fn whole(bytes: &[u8], sent: usize) -> Reply {
    vec![head(200, &[("Content-Length", &bytes.len().to_string()), ("ETag", "\"one\"")]), Step::Send(bytes[..sent].to_vec())]
}

/// What an honest server answers: the part that is asked for if the file is still the same, else all.
pub fn file(bytes: &[u8], request: &Request) -> Reply {
    let is_same = request.header("if-range").is_none_or(|tag| tag == "\"one\"");
    match request.start().filter(|_| is_same) {
        Some(start) if start >= bytes.len() => {
            vec![head(416, &[("Content-Range", &format!("bytes */{}", bytes.len())), ("Content-Length", "0")])]
        }
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            let len = (bytes.len() - start).to_string();
            vec![
                head(206, &[("Content-Range", &range), ("Content-Length", &len), ("ETag", "\"one\"")]),
                Step::Send(bytes[start..].to_vec()),
            ]
        }
        None => whole(bytes, bytes.len()),
    }
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;
type Handler = dyn Fn(TcpStream) + Send + Sync;

/// A server on this machine; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_ended: Arc<AtomicBool>,
    scheme: &'static str,
}

impl Server {
    /// Answers each request by `script`, which is also told how many came before.
    pub fn new(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&requests));
        Self::listen("http", requests, move |mut stream| answer(&mut stream, &*script, &log))
    }

    /// As [`Server::new`], over TLS with this certificate.
    pub fn secure(config: Arc<rustls::ServerConfig>, script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&requests));
        Self::listen("https", requests, move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("the certificate is good");
            let mut stream = rustls::StreamOwned::new(connection, stream);
            answer(&mut stream, &*script, &log);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }

    /// Serves one file, honestly.
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self::new(move |request, _| file(&bytes, request))
    }

    /// A proxy for `http` addresses and for tunnels.
    pub fn proxy() -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        Self::listen("http", requests, move |mut stream| {
            if let Some(request) = Request::read(&mut stream) {
                log.lock().unwrap().push(request.clone());
                // Whoever breaks off here has its reasons.
                let _ = pass_on(&request, stream);
            }
        })
    }

    fn listen(scheme: &'static str, requests: Arc<Mutex<Vec<Request>>>, handler: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let is_ended = Arc::new(AtomicBool::new(false));
        let (ended, handler): (_, Arc<Handler>) = (Arc::clone(&is_ended), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, handler) = (stream.expect("a connection"), Arc::clone(&handler));
                thread::spawn(move || handler(stream));
            }
        });
        Self { address, requests, is_ended, scheme }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// From which byte on each request wanted the file.
    pub fn starts(&self) -> Vec<Option<usize>> {
        self.requests().iter().map(Request::start).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer<S: Read + Write>(stream: &mut S, script: &Script, log: &Mutex<Vec<Request>>) {
    let Some(request) = Request::read(stream) else { return };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    for step in script(&request, before) {
        // The other side may have had enough.
        if perform(&step, stream).is_err() {
            return;
        }
    }
}

fn perform(step: &Step, stream: &mut dyn Write) -> io::Result<()> {
    match step {
        Step::Send(bytes) => stream.write_all(bytes)?,
        Step::Pause(pause) => thread::sleep(*pause),
        Step::Drip(bytes, size, pause) => {
            for piece in bytes.chunks(*size) {
                thread::sleep(*pause);
                stream.write_all(piece)?;
                stream.flush()?;
            }
        }
    }
    stream.flush()
}

fn pass_on(request: &Request, mut client: TcpStream) -> io::Result<()> {
    if request.method == "CONNECT" {
        let mut server = TcpStream::connect(&request.target)?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        let up = thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
        let _ = up.join();
        return Ok(());
    }
    let rest = request.target.strip_prefix("http://").expect("a proxy is given the whole address");
    let (host, path) = rest.split_once('/').expect("with a path");
    let mut server = TcpStream::connect(host)?;
    let headers = request.headers.iter().filter(|(name, _)| !name.starts_with("proxy-"));
    let lines: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(server, "{} /{path} HTTP/1.1\r\n{lines}\r\n", request.method)?;
    io::copy(&mut server, &mut client).map(drop)
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free")
}

/// The lines of a stream, as they come.
pub fn lines(stream: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}
