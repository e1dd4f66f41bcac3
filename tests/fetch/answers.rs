//! Answers of all kinds: redirects, refusals, silence, nonsense.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use berry_image::{
    base::{fetch::FetchError, source},
    error::{Classified as _, Kind},
    profile::BaseReference,
};

use crate::{
    place::{Place, digest, image, is, packed},
    support::{
        program::{folder, shell},
        server::{self, Server, Step, head, nobody},
    },
};

#[test]
fn a_wrong_digest_names_both_and_keeps_nothing() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let server = Server::of(&bytes);
    let error = place.fails(&server.url("/x?token=canary"), [1; 32]);
    assert_eq!((error.kind(), error.kind().exit_code()), (Kind::Verification, 3));
    let found: String = digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(error.to_string().contains(&found) && error.to_string().contains(&"01".repeat(32)), "{error}");
    assert!(!error.to_string().contains("canary"));
    assert_eq!((place.files("partials").len(), server.requests().len()), (0, 1));
}

#[test]
fn redirects_are_followed() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let cuts = AtomicUsize::new(0);
    let mirror = Server::new(move |request, _| match cuts.fetch_add(1, Ordering::SeqCst) {
        0 => server::whole(&content, 500_000),
        _ => server::file(&content, request),
    });
    let target = mirror.url("/deep/x.gz?signature=canary");
    let server = Server::new(move |request, _| match request.target.as_str() {
        "/a/b?x" => server::redirect("../c"),
        "/c" => server::redirect(&target),
        other => panic!("{other}"),
    });
    let got = place.get(&server.url("/a/b?x"), digest(&bytes)).unwrap();
    is(&place, &got, &image());
    assert_eq!(got.name, "b", "it keeps the name that the profile gives it");
    // Each try begins at the beginning: the mirror may be another one then.
    assert_eq!((server.requests().len(), mirror.starts()), (4, vec![None, Some(500_000)]));
    assert!(place.said("500000 of") && !place.said("canary"));
}

#[test]
fn redirects_come_to_an_end() {
    let place = Place::new();
    let server = Server::new(|request, _| server::redirect(if request.target == "/a" { "/b?canary" } else { "/a" }));
    let error = place.fails(&server.url("/a"), [1; 32]);
    let (a, b) = (server.url("/a"), server.url("/b"));
    assert_eq!(error.to_string(), format!("`{a}` is redirected in a circle: `{a}` → `{b}` → `{a}`"));
    assert_eq!(server.requests().len(), 2);
    let server = Server::new(|request, _| server::redirect(&format!("{}a", request.target)));
    assert!(matches!(place.fails(&server.url("/a"), [1; 32]), FetchError::TooManyRedirects { limit: 10, .. }));
    assert_eq!(server.requests().len(), 11);
    for location in ["ftp://example.org/x", "file:///etc/passwd", "https://user:canary@example.org/", "http://", ""] {
        let server = Server::new(move |_, _| server::redirect(location));
        let error = place.fails(&server.url("/x"), [1; 32]);
        assert!(matches!(error, FetchError::Redirect { .. } | FetchError::Circle { .. }), "{location}: {error:?}");
        assert!(!format!("{error}{error:?}").contains("canary"));
    }
    let server = Server::new(|_, _| vec![head(302, &[("Content-Length", "0")])]);
    assert!(place.fails(&server.url("/x"), [1; 32]).to_string().contains("it names none"));
}

#[test]
fn a_slow_download_is_allowed_and_a_trickle_is_not() {
    let (place, bytes) = (Place::new(), packed(&image()[..16 << 10]));
    let drip = |size, every| {
        let content = bytes.clone();
        let head = head(200, &[("Content-Length", &content.len().to_string()), ("ETag", "\"one\"")]);
        Server::new(move |_, _| vec![head.clone(), Step::Drip(content.clone(), size, Duration::from_millis(every))])
    };
    let begun = Instant::now();
    is(&place, &place.get(&drip(600, 100).url("/x"), digest(&bytes)).unwrap(), &image()[..16 << 10]);
    assert!(begun.elapsed() > Duration::from_secs(2), "longer than the time in which it may not be slow");
    let place = Place::new();
    let slow = drip(100, 100);
    let error = place.fails(&slow.url("/x"), digest(&bytes));
    assert!(matches!(&error, FetchError::GaveUp { tries: 4, last } if matches!(**last, FetchError::Slow { .. })), "{error:?}");
    assert_eq!(slow.requests().len(), 4);
    assert!(place.kept().is_some_and(|kept| kept > 500), "what came is kept");
}

#[test]
fn a_trickle_is_gone_on_with_over_another_connection() {
    let (place, bytes) = (Place::new(), packed(&image()[..16 << 10]));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => {
            let head = head(200, &[("Content-Length", &content.len().to_string())]);
            vec![head, Step::Drip(content.clone(), 100, Duration::from_millis(100))]
        }
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image()[..16 << 10]);
    assert!(server.starts().len() == 2 && server.starts()[1].is_some(), "{:?}", server.starts());
    assert!(place.said("which is too slow"));
}

#[test]
fn a_silent_connection_is_given_up_and_resumed() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => [server::whole(&content, 500_000), vec![Step::Pause(Duration::from_secs(5))]].concat(),
        1 => vec![Step::Pause(Duration::from_secs(5))],
        _ => server::file(&content, request),
    });
    let begun = Instant::now();
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(server.starts(), [None, Some(500_000), Some(500_000)]);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (status, words) in [(404, "there is no such file"), (403, "access is denied"), (401, "access is denied"), (410, "no such file")] {
        let place = Place::new();
        let server = Server::new(move |_, _| server::status(status));
        let error = place.fails(&server.url("/x"), [1; 32]);
        assert!(matches!(error, FetchError::Status { status: found, .. } if found == status));
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!((server.requests().len(), place.files("partials").len()), (1, 0));
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    for status in [500, 502, 503, 408, 429] {
        let (place, bytes) = (Place::new(), packed(&image()));
        let content = bytes.clone();
        let server = Server::new(move |request, before| match before {
            0 | 1 => server::status(status),
            _ => server::file(&content, request),
        });
        is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
        assert!(place.said(&format!("answered {status}")) && place.said("(2 of 3)"));
    }
}

#[test]
fn a_wish_for_a_pause_is_heard_within_reason() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => vec![head(429, &[("Retry-After", "1"), ("Content-Length", "0")])],
        _ => server::file(&content, request),
    });
    let begun = Instant::now();
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert!((1..3).contains(&begun.elapsed().as_secs()));
    let place = Place::new();
    let server = Server::new(|_, _| vec![head(503, &[("Retry-After", "3600"), ("Content-Length", "0")])]);
    let error = place.fails(&server.url("/x"), [1; 32]);
    assert!(matches!(error, FetchError::Later { .. }) && error.to_string().contains("3600 s"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn answers_that_are_no_http_are_errors() {
    for reply in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n", b"\0\0\0\0\0\0\0\0\r\n\r\n", b""] {
        let place = Place::new();
        let server = Server::new(move |_, _| vec![Step::Send(reply.to_vec())]);
        let error = place.fails(&server.url("/x"), [1; 32]);
        assert_eq!(error.kind(), Kind::Io, "{error:?}");
        assert!(server.requests().len() <= 4);
    }
    // Headers without an end.
    let place = Place::new();
    let server = Server::new(|_, _| vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Send(b"X: y\r\n".repeat(1 << 18))]);
    let error = place.fails(&server.url("/x"), [1; 32]);
    assert_eq!(error.kind(), Kind::Io, "{error:?}");
}

#[test]
fn nobody_at_the_door_is_tried_a_few_times() {
    let place = Place::new();
    let error = place.fails(&format!("http://{}/x", nobody()), [1; 32]);
    assert!(matches!(error, FetchError::GaveUp { tries: 4, .. }), "{error:?}");
    assert!(place.said("(3 of 3)") && place.said("refused"), "{:?}", place.notes.0);
}

#[test]
fn no_more_is_taken_than_an_image_can_have() {
    for announced in [true, false] {
        let place = Place::new();
        let server = Server::new(move |_, _| {
            let length = (5_u64 << 20).to_string();
            let headers: &[(&str, &str)] = if announced { &[("Content-Length", &length)] } else { &[] };
            vec![head(200, headers), Step::Send(vec![7; 5 << 20])]
        });
        assert!(matches!(place.fails(&server.url("/x"), [1; 32]), FetchError::TooLarge { .. }));
        assert_eq!((place.files("partials").len(), server.requests().len()), (0, 1));
    }
}

#[test]
fn what_is_no_image_is_not_kept() {
    for (bytes, words) in [
        (b"<html>no such mirror</html>".to_vec(), "a web page"),
        (vec![1; 4096], "nothing that is known here"),
        (packed(&[1; 4096]), "a compressed file of something"),
        (packed(&image())[..1_000_000].to_vec(), "decompressing"),
    ] {
        let place = Place::new();
        let server = Server::of(&bytes);
        let Err(error) = place.get(&server.url("/x?canary"), digest(&bytes)) else { panic!("{words}") };
        assert!(error.to_string().contains(words) && !format!("{error}{error:?}").contains("canary"), "{error}");
        assert_eq!(place.files("partials").len(), 0);
    }
}

#[test]
fn what_the_user_can_unpack_is_kept() {
    let folder = folder();
    let script = "cd \"$1\" && echo a > a && echo b > b && zip -q two.zip a b";
    shell(script, &[folder.path().as_os_str()]);
    let bytes = std::fs::read(folder.path().join("two.zip")).unwrap();
    let (place, server) = (Place::new(), Server::of(&bytes));
    let Err(error) = place.get(&server.url("/x.zip"), digest(&bytes)) else { panic!("it was taken") };
    assert_eq!((error.kind(), place.kept()), (Kind::Unsupported, Some(bytes.len() as u64)));
    assert!(error.hint().unwrap().contains("decompress it yourself") && place.said(".part`"), "{:?}", place.notes.0);
}

#[test]
fn a_download_is_kept_until_its_image_is_stored() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let server = Server::of(&bytes);
    let hex: String = digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    // A folder in the image's place: it cannot be renamed to there.
    let blocked = place.cache.root().join(format!("images/file-{hex}.img"));
    std::fs::create_dir_all(blocked.join("x")).unwrap();
    let reference = BaseReference::Url { url: server.url("/x"), sha256: digest(&bytes) };
    let get = || source::obtain_over(&place.network, &reference, &place.cache, &place.notes, &place.stop);
    assert_eq!((get().unwrap_err().kind(), place.kept()), (Kind::Io, Some(bytes.len() as u64)));
    std::fs::remove_dir_all(blocked).unwrap();
    is(&place, &get().unwrap(), &image());
    assert_eq!(server.requests().len(), 1);
}
