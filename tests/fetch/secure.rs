//! TLS: whom to trust is the system's matter, and `https` does not lead to `http`.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::{
    place::{image, packed},
    program::{Bench, base},
    support::{
        program::fails,
        server::{self, Server},
    },
};

/// A certificate authority that only those know who are told.
struct Authority {
    file: PathBuf,
    config: Arc<rustls::ServerConfig>,
}

impl Authority {
    fn new(bench: &Bench) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let file = bench.folder.path().join("ca.pem");
        fs::write(&file, own.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key.into()).unwrap();
        Self { file, config: Arc::new(config) }
    }
}

#[test]
fn a_private_authority_is_trusted_where_the_system_knows_it() {
    let (bench, bytes) = (Bench::new(), packed(&image()));
    let authority = Authority::new(&bench);
    let content = bytes.clone();
    let server = Server::secure(Arc::clone(&authority.config), move |request, before| match before {
        0 => server::whole(&content, 500_000),
        _ => server::file(&content, request),
    });
    let base = base(&server, &bytes);
    let said = fails(1, &mut bench.plan(&base));
    assert!(said.contains("no secure connection") && said.contains("SSL_CERT_FILE") && !said.contains("canary"), "{said}");
    assert!(bench.images().is_empty() && server.requests().is_empty());
    fails(4, bench.plan(&base).env("SSL_CERT_FILE", &authority.file));
    assert_eq!(server.starts(), [None, Some(500_000)]);
    assert_eq!(bench.images().len(), 1);
}

#[test]
fn a_proxy_only_tunnels() {
    let (bench, bytes) = (Bench::new(), packed(&image()));
    let authority = Authority::new(&bench);
    let content = bytes.clone();
    let server = Server::secure(Arc::clone(&authority.config), move |request, _| server::file(&content, request));
    let proxy = Server::proxy();
    let mut command = bench.plan(&base(&server, &bytes));
    let said =
        fails(4, command.env("SSL_CERT_FILE", &authority.file).env("HTTPS_PROXY", format!("http://user:canary@{}", proxy.address())));
    assert!(!said.contains("canary"), "{said}");
    let tunnels: Vec<_> = proxy.requests().iter().map(|request| (request.method.clone(), request.target.clone())).collect();
    assert_eq!(tunnels, [("CONNECT".to_owned(), server.address().to_string())]);
    assert_eq!((server.requests().len(), bench.images().len()), (1, 1));
    // One that grants no tunnel is not asked again.
    let refusing = Server::new(|_, _| server::status(403));
    let bench = Bench::new();
    let mut command = bench.plan(&base(&server, &bytes));
    let said = fails(1, command.env("SSL_CERT_FILE", &authority.file).env("HTTPS_PROXY", refusing.url("")));
    assert!(said.contains("the proxy makes no connection: it answered 403"), "{said}");
    assert_eq!(refusing.requests().len(), 1);
}

#[test]
fn https_does_not_lead_to_http() {
    let (bench, bytes) = (Bench::new(), packed(&image()));
    let authority = Authority::new(&bench);
    let plain = Server::of(&bytes);
    let target = plain.url("/x?canary");
    let server = Server::secure(Arc::clone(&authority.config), move |_, _| server::redirect(&target));
    let said = fails(4, bench.plan(&base(&server, &bytes)).env("SSL_CERT_FILE", &authority.file));
    assert!(said.contains("from https to http, which is refused") && !said.contains("canary"), "{said}");
    assert!(plain.requests().is_empty() && bench.images().is_empty());
    // The other way is fine.
    let content = bytes.clone();
    let secure = Server::secure(Arc::clone(&authority.config), move |request, _| server::file(&content, request));
    let target = secure.url("/x");
    let server = Server::new(move |_, _| server::redirect(&target));
    fails(4, bench.plan(&base(&server, &bytes)).env("SSL_CERT_FILE", &authority.file));
    assert_eq!(bench.images().len(), 1);
}
