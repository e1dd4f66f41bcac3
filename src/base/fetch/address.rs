//! Web addresses: checked, joined, and shown without what may be secret.

use std::{fmt, sync::Arc};

use ureq::http::Uri;

/// No more of a path is shown, in characters.
const MAX_SHOWN: usize = 160;

/// An `http` or `https` address with a host and without user name and password.
///
/// `Display` shows scheme, host, port and path. The query is left out: signed addresses carry their secret there.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Uri>);

/// Why a text is no [`Address`]; the text itself may hold a secret and is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not of the form of an absolute address (RFC 3986).
    #[error("it is not of the form https://HOST/PATH; other characters than those of RFC 3986 are written as %XX")]
    Form,
    /// Another scheme.
    #[error("it is neither http nor https")]
    Scheme,
    /// A user name or password stands in it.
    #[error("it has a user name or password in it")]
    Login,
}

impl Address {
    /// Reads an absolute address; a fragment is dropped.
    ///
    /// # Errors
    /// When it is not of the right form, of another scheme, or has a login.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| BadAddress::Form)?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err(BadAddress::Scheme),
            None => return Err(BadAddress::Form),
        }
        let authority = uri.authority().ok_or(BadAddress::Form)?;
        if authority.as_str().contains('@') {
            return Err(BadAddress::Login);
        }
        // `host:` and `host:70000` pass the grammar of the library.
        let has_port = authority.as_str().rsplit(']').next().unwrap_or_default().contains(':');
        if authority.host().is_empty() || has_port && authority.port_u16().is_none() {
            return Err(BadAddress::Form);
        }
        Ok(Self(Arc::new(uri)))
    }

    /// Where a `Location` header leads from here (RFC 3986 §5.2).
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn join(&self, location: &str) -> Result<Self, BadAddress> {
        let location = location.split('#').next().unwrap_or_default();
        if has_scheme(location) {
            return Self::parse(location);
        }
        let scheme = self.0.scheme_str().unwrap_or("https");
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let (path, query) = match location.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (location, None),
        };
        let (path, query) = match path {
            "" => (self.0.path().to_owned(), query.or(self.0.query())),
            path if path.starts_with('/') => (without_dots(path), query),
            path => {
                let folder = self.0.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                (without_dots(&format!("{folder}/{path}")), query)
            }
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self::parse(&format!("{scheme}://{}{path}{query}", self.0.authority().map_or("", |authority| authority.as_str())))
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Host name or address; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Port, also where it is implied.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_secure() { 443 } else { 80 })
    }

    /// The last part of its path, for messages; the host where there is none.
    #[must_use]
    pub fn file_name(&self) -> String {
        let name = self.0.path().rsplit('/').find(|part| !part.is_empty()).unwrap_or_else(|| self.host());
        harmless(name)
    }

    /// All of it, with what `Display` leaves out.
    pub(super) fn identity(&self) -> String {
        self.0.to_string()
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", self.0.scheme_str().unwrap_or_default(), harmless(self.0.path()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

fn has_scheme(text: &str) -> bool {
    let scheme = text.split([':', '/', '?']).next().unwrap_or_default();
    text.get(scheme.len()..).is_some_and(|rest| rest.starts_with(':'))
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986 §5.2.4, of a path that begins with `/`.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for part in path.split('/').skip(1) {
        is_folder = matches!(part, "." | "..");
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let end = if is_folder && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

/// Nothing that could steer a terminal, and not too much of it.
fn harmless(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn shows_no_query() {
        let shown = address("https://images.example.org:8443/a/b.img.xz?token=canary#frag");
        assert_eq!(shown.to_string(), "https://images.example.org:8443/a/b.img.xz");
        assert_eq!(format!("{shown:?}"), "Address(https://images.example.org:8443/a/b.img.xz)");
        assert_eq!((shown.file_name().as_str(), shown.host(), shown.port()), ("b.img.xz", "images.example.org", 8443));
        assert_eq!(address("http://[::1]/").port(), 80);
        assert_eq!((address("https://[::1]/").host(), address("https://h/").file_name().as_str()), ("::1", "h"));
    }

    #[test]
    fn refuses_what_cannot_be_fetched() {
        for (text, error) in [
            ("ftp://example.org/x", BadAddress::Scheme),
            ("https://me:canary@example.org/x", BadAddress::Login),
            ("https:///x", BadAddress::Form),
            ("https://example.org:99999/x", BadAddress::Form),
            ("https://exa mple.org/", BadAddress::Form),
            ("/x", BadAddress::Form),
            ("example.org", BadAddress::Form),
            ("", BadAddress::Form),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn joins_as_rfc_3986_says() {
        let base = address("https://a.example/b/c/d?q");
        for (location, expected) in [
            ("g", "https://a.example/b/c/g"),
            ("./g/.", "https://a.example/b/c/g/"),
            ("/g?y", "https://a.example/g?y"),
            ("?y", "https://a.example/b/c/d?y"),
            ("../../../g", "https://a.example/g"),
            ("..", "https://a.example/b/"),
            ("//h.example/g", "https://h.example/g"),
            ("http://h.example/g#f", "http://h.example/g"),
        ] {
            assert_eq!(base.join(location).map(|address| address.0.to_string()).as_deref(), Ok(expected), "{location}");
        }
        assert_eq!(base.join("file:///etc/passwd"), Err(BadAddress::Form));
        assert_eq!(base.join("ftp://h.example/"), Err(BadAddress::Scheme));
        assert_eq!(base.join("https://u:canary@h.example/"), Err(BadAddress::Login));
    }
}
