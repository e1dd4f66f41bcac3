//! Requests as they go over the wire, and answers as they come.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in small letters, and values.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    /// The value of a header that is there once, or nothing.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(has, _)| has == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice: {self:?}");
        value
    }
}

/// Sends the lines and reads the answer, which is for a `HEAD` without a body.
///
/// # Errors
/// When there is no answer, or it breaks off: what was promised by `Content-Length` must all be there.
pub(super) fn send(port: u16, lines: &[&str]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, String::from_utf8_lossy(&bytes).into_owned());
    let text = String::from_utf8(bytes.clone()).map_err(|_| broken())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let mut head = head.lines();
    let status = head.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(broken)?;
    let headers = head.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let answer = Answer { status, headers, body: body.to_owned() };
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    let is_head = lines.first().is_some_and(|line| line.starts_with("HEAD "));
    if length.is_some_and(|length: usize| length != body.len()) && !is_head { Err(broken()) } else { Ok(answer) }
}

/// Asks for a page, as a browser does.
pub(super) fn get(port: u16, path: &str) -> io::Result<Answer> {
    send(port, &[&format!("GET {path} HTTP/1.1"), "Host: www.example.org", "Connection: close"])
}
