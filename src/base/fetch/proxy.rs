//! Through which proxy an address is reached, by the variables that curl and others read.
//!
//! `https_proxy` is for `https` addresses, `http_proxy` for `http`, `all_proxy` for what has none of its own; `no_proxy` lists hosts,
//! domains (with all below them), addresses and networks that are reached directly, or `*`. Each also in capitals, which come second.

use std::net::IpAddr;

use ureq::{Proxy, ProxyProtocol};

use super::{Address, FetchError};
use crate::secret::Secret;

/// The proxy settings of the environment; they may hold passwords.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Variable>,
    https: Option<Variable>,
    except: Vec<String>,
}

#[derive(Clone, Debug)]
struct Variable {
    name: String,
    value: Secret<String>,
}

/// The way to a server.
#[derive(Clone)]
pub(super) enum Route {
    /// Straight.
    Direct,
    /// Through a proxy that is asked for a tunnel (`CONNECT`), in which the connection is as without it.
    Tunnel(Proxy),
    /// Through a proxy that is handed the request: what `http` addresses need, as most proxies tunnel to port 443 only.
    Forward(Proxy),
}

impl Proxies {
    /// Reads the variables.
    #[must_use]
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            let both = names.iter().flat_map(|name| [(*name).to_owned(), name.to_ascii_uppercase()]);
            both.filter_map(|name| Some((variable(&name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())?, name)))
                .map(|(value, name)| Variable { name, value: Secret::new(value) })
                .next()
        };
        let except = first(&["no_proxy"]).map(|list| list.value.expose().split([',', ' ']).map(str::to_owned).collect());
        Self { http: first(&["http_proxy", "all_proxy"]), https: first(&["https_proxy", "all_proxy"]), except: except.unwrap_or_default() }
    }

    /// The way to `address`.
    pub(super) fn route(&self, address: &Address) -> Result<Route, FetchError> {
        let Some(Variable { name, value }) = (if address.is_secure() { &self.https } else { &self.http }) else {
            return Ok(Route::Direct);
        };
        if self.except.iter().any(|rule| matches(rule, address)) {
            return Ok(Route::Direct);
        }
        let bad = |reason: &str| FetchError::Proxy { variable: name.clone(), reason: reason.to_owned() };
        let proxy = Proxy::new(value.expose()).map_err(|_| bad("is no address of a proxy: http://HOST:PORT"))?;
        match proxy.protocol() {
            ProxyProtocol::Http if !address.is_secure() => Ok(Route::Forward(proxy)),
            ProxyProtocol::Http | ProxyProtocol::Https => Ok(Route::Tunnel(proxy)),
            _ => Err(bad("names a SOCKS proxy, which is not supported; an HTTP proxy is")),
        }
    }
}

/// Whether an entry of `no_proxy` covers an address.
fn matches(rule: &str, address: &Address) -> bool {
    let rule = rule.trim().to_ascii_lowercase();
    if rule.is_empty() || rule == "*" {
        return rule == "*";
    }
    let host = address.host().trim_end_matches('.').to_ascii_lowercase();
    if let Ok(ip) = host.parse::<IpAddr>() {
        return is_in_network(&rule, ip) || strip_port(&rule, address.port()).is_some_and(|rule| rule.parse() == Ok(ip));
    }
    let Some(rule) = strip_port(&rule, address.port()) else { return false };
    let domain = rule.trim_start_matches("*.").trim_matches('.');
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) && !domain.is_empty()
}

/// `host:port` → `host` if the port is the right one; what has no port is left as it is.
fn strip_port(rule: &str, port: u16) -> Option<&str> {
    if rule.parse::<IpAddr>().is_ok() {
        return Some(rule);
    }
    let (host, wanted) = match rule.rsplit_once(':') {
        Some((host, wanted)) if !wanted.ends_with(']') => (host, Some(wanted)),
        _ => (rule, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    wanted.is_none_or(|wanted| wanted.parse() == Ok(port)).then_some(host)
}

/// `192.168.0.0/16`, `fd00::/8`.
fn is_in_network(rule: &str, ip: IpAddr) -> bool {
    let Some((network, bits)) = rule.split_once('/') else { return false };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let widen = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let ((network, width), (ip, same)) = (widen(network), widen(ip));
    // A shift by all bits leaves nothing to compare.
    width == same && bits <= width && (network ^ ip).checked_shr(128 - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Classified as _, Kind};

    fn proxies(pairs: &'static [(&str, &str)]) -> Proxies {
        Proxies::from_environment(&|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn way(proxies: &Proxies, address: &str) -> String {
        match proxies.route(&Address::parse(address).unwrap()).unwrap() {
            Route::Direct => "direct".to_owned(),
            Route::Tunnel(proxy) => format!("tunnel {}:{}", proxy.host(), proxy.port()),
            Route::Forward(proxy) => format!("forward {}:{}", proxy.host(), proxy.port()),
        }
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let set = proxies(&[("https_proxy", "http://s.example:1"), ("HTTP_PROXY", "p.example:2"), ("ALL_PROXY", "a.example:3")]);
        assert_eq!(way(&set, "https://x.example/"), "tunnel s.example:1");
        assert_eq!(way(&set, "http://x.example/"), "forward p.example:2");
        let set = proxies(&[("all_proxy", "https://u:p@a.example"), ("HTTPS_PROXY", ""), ("NO_PROXY", "near.example")]);
        assert_eq!(way(&set, "http://x.example/"), "tunnel a.example:443");
        assert_eq!(way(&set, "https://x.example/"), "tunnel a.example:443");
        assert_eq!(way(&set, "https://near.example/"), "direct");
        assert_eq!(way(&proxies(&[]), "https://x.example/"), "direct");
        assert_eq!(way(&proxies(&[("http_proxy", "low.example:1"), ("HTTP_PROXY", "up.example:2")]), "http://x/"), "forward low.example:1");
    }

    #[test]
    fn a_bad_proxy_is_named_by_its_variable_alone() {
        for value in ["http://user:canary@", "socks5://user:canary@s.example:1080", "gopher://user:canary@x"] {
            let variable = |name: &str| (name == "HTTPS_PROXY").then(|| value.to_owned());
            let set = Proxies::from_environment(&variable);
            let Err(error) = set.route(&Address::parse("https://x.example/").unwrap()) else { panic!("{value} is no proxy") };
            assert_eq!(error.kind(), Kind::Usage);
            let said = format!("{error} {error:?} {set:?}");
            assert!(said.contains("HTTPS_PROXY") && !said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn no_proxy_covers_hosts_domains_and_networks() {
        let covers = |rule, address| matches(rule, &Address::parse(address).unwrap());
        for (rule, address, expected) in [
            ("example.org", "https://example.org/", true),
            ("example.org", "https://EXAMPLE.org:8080/", true),
            ("example.org", "https://a.example.org/", true),
            (".example.org", "https://a.example.org/", true),
            ("*.example.org", "https://a.example.org/", true),
            ("example.org", "https://badexample.org/", false),
            ("example.org:8080", "https://example.org:8080/", true),
            ("example.org:8080", "https://example.org/", false),
            ("*", "http://[::1]/", true),
            ("", "https://example.org/", false),
            (".", "https://example.org/", false),
            ("127.0.0.1", "http://127.0.0.1:99/", true),
            ("127.0.0.1:98", "http://127.0.0.1:99/", false),
            ("::1", "http://[::1]:99/", true),
            ("[::1]:99", "http://[::1]:99/", true),
            ("10.0.0.0/8", "http://10.200.3.4/", true),
            ("10.0.0.0/8", "http://11.200.3.4/", false),
            ("0.0.0.0/0", "http://11.200.3.4/", true),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd00::/8", "http://10.1.1.1/", false),
            ("10.0.0.0/99", "http://10.1.1.1/", false),
        ] {
            assert_eq!(covers(rule, address), expected, "{rule} {address}");
        }
    }
}
