//! What came before is gone on with, if it can be.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use berry_image::{
    base::{
        cache::{Cache, Limits},
        fetch::{FetchError, Network, Policy},
    },
    error::{Classified as _, Kind},
};

use crate::{
    place::{Place, digest, image, is, packed},
    support::{
        self, Mount, is_root,
        server::{self, Server, Step, head},
    },
};

#[test]
fn what_was_cut_is_resumed() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => server::whole(&content, 1_000_000),
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(1_000_000)]);
    assert_eq!(server.requests()[1].header("if-range"), None);
    assert!(place.said("the connection ended after 1000000 of") && place.said("(1 of 3)"), "{:?}", place.notes.0);
}

#[test]
fn a_part_is_kept_for_the_next_run() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => server::whole(&content, 1_000_000),
        1..4 => server::status(503),
        _ => server::file(&content, request),
    });
    let error = place.fails(&server.url("/x"), digest(&bytes));
    assert!(
        matches!(&error, FetchError::GaveUp { tries: 4, last } if matches!(**last, FetchError::Status { status: 503, .. })),
        "{error:?}"
    );
    assert_eq!((error.kind(), place.kept()), (Kind::Io, Some(1_000_000)));
    // Under another address it would be another file.
    assert!(place.cache.inventory().unwrap()[0].origin.as_ref().unwrap().ends_with("/x"));
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts().last(), Some(&Some(1_000_000)));
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |_, before| server::whole(&content, if before == 0 { 1_000_000 } else { content.len() }));
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(1_000_000)]);
    assert!(place.said("begins again from the start"));
}

#[test]
fn a_file_that_changed_meanwhile_is_taken_whole() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => {
            let other = vec![7; content.len()];
            vec![head(200, &[("Content-Length", &other.len().to_string()), ("ETag", "\"old\"")]), Step::Send(other[..500_000].to_vec())]
        }
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    // Only the digest tells, and then all is fetched anew.
    assert_eq!(server.starts(), [None, Some(500_000), None]);
}

#[test]
fn mirrors_with_tags_of_their_own_give_one_file() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| {
        let tag = if before % 2 == 0 { "\"a\"" } else { "\"b\"" };
        let start = request.start().filter(|_| request.header("if-range").is_none_or(|wanted| wanted == tag)).unwrap_or(0);
        let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
        let len = (content.len() - start).to_string();
        let status = if start == 0 { 200 } else { 206 };
        let end = content.len().min(start + 400_000);
        vec![head(status, &[("Content-Range", &range), ("Content-Length", &len), ("ETag", tag)]), Step::Send(content[start..end].to_vec())]
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts().len(), bytes.len().div_ceil(400_000), "nothing is fetched twice");
}

#[test]
fn a_page_in_the_place_of_the_rest_costs_nothing() {
    let page = b"<html>this mirror is being looked after</html>";
    for headers in [vec![("Content-Length", page.len().to_string())], vec![]] {
        let (place, bytes) = (Place::new(), packed(&image()));
        let content = bytes.clone();
        let server = Server::new(move |request, before| match before {
            0 => server::whole(&content, 500_000),
            // Some say it with a success.
            1..6 => {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                vec![head(200, &headers), Step::Send(page.to_vec())]
            }
            _ => server::file(&content, request),
        });
        let error = place.fails(&server.url("/x"), digest(&bytes));
        assert!(
            matches!(&error, FetchError::GaveUp { last, .. } if matches!(**last, FetchError::AnotherLength { received: 500_000, .. })),
            "{error:?}"
        );
        assert!(place.said("the 500000 bytes that are there are kept") && error.hint().unwrap().contains("cache rm"));
        assert_eq!((error.kind(), place.kept()), (Kind::Io, Some(500_000)));
        is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
        assert_eq!(server.starts().last(), Some(&Some(500_000)));
    }
}

#[test]
fn an_answer_shorter_than_what_is_there_costs_nothing() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        // No length is known.
        0 => vec![head(200, &[("Transfer-Encoding", "chunked")]), Step::Send([b"7a120\r\n", &content[..500_000], b"\r\n"].concat())],
        1 => vec![head(200, &[("Content-Length", "9")]), Step::Send(b"<html>...".to_vec())],
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(500_000), Some(500_000)]);
}

#[test]
fn parts_of_two_files_are_found_out() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    // No validator: only the digest can tell.
    let server = Server::new(move |request, before| match before {
        0 => vec![head(200, &[("Content-Length", &content.len().to_string())]), Step::Send(vec![7; 500_000])],
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(500_000), None]);
    assert_eq!(server.requests()[1].header("if-range"), None);
    assert!(place.said("wrong SHA-256: starting over"));
}

#[test]
fn another_part_than_the_missing_one_is_not_taken() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => server::whole(&content, 500_000),
        1 => vec![head(206, &[("Content-Range", "bytes 0-9/10"), ("Content-Length", "10")]), Step::Send(vec![7; 10])],
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(500_000), None]);
    // A part that nobody asked for is an error.
    let bytes = bytes.clone();
    let server = Server::new(move |_, _| {
        let range = format!("bytes 5-{}/{}", bytes.len() - 1, bytes.len());
        vec![head(206, &[("Content-Range", &range)]), Step::Send(bytes[5..].to_vec())]
    });
    let (place, wanted) = (Place::new(), [1; 32]);
    assert!(matches!(place.fails(&server.url("/x"), wanted), FetchError::Protocol { .. }));
    assert_eq!(place.kept(), None);
}

#[test]
fn a_range_beyond_the_end_begins_anew() {
    let (place, bytes) = (Place::new(), packed(&image()));
    // More than there is in the end.
    let longer = [&bytes[..], &[0; 1000]].concat();
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => vec![head(200, &[("Content-Length", &(longer.len() + 5).to_string())]), Step::Send(vec![7; longer.len()])],
        _ => server::file(&content, request),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(bytes.len() + 1000), None]);
    assert!(place.said("has no more of the file"));
}

#[test]
fn a_length_that_is_too_large_does_no_harm() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server =
        Server::new(move |_, _| vec![head(200, &[("Content-Length", &(content.len() + 77).to_string())]), Step::Send(content.clone())]);
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.requests().len(), 1, "what is all there is not asked for again");
}

#[test]
fn a_length_that_is_too_small_is_found_by_the_digest() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server =
        Server::new(move |_, _| vec![head(200, &[("Content-Length", &(content.len() - 77).to_string())]), Step::Send(content.clone())]);
    let error = place.fails(&server.url("/x"), digest(&bytes));
    assert!(matches!(error, FetchError::Digest { .. }), "{error:?}");
    assert_eq!((place.kept(), server.requests().len()), (None, 1));
}

#[test]
fn a_wrong_file_in_two_parts_is_fetched_once_more_and_no_more() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => server::whole(&content, 500_000),
        _ => server::file(&content, request),
    });
    assert!(matches!(place.fails(&server.url("/x"), [1; 32]), FetchError::Digest { .. }));
    assert_eq!((server.starts(), place.kept()), (vec![None, Some(500_000), None], None));
}

#[test]
fn chunks_are_read_and_cut_ones_resumed() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let chunks = |bytes: &[u8]| -> Vec<u8> {
        bytes.chunks(70_000).flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()).collect()
    };
    let server = Server::new(move |request, before| match before {
        0 => vec![head(200, &[("Transfer-Encoding", "chunked"), ("ETag", "\"one\"")]), Step::Send(chunks(&content[..700_000]))],
        1 => server::status(500),
        2 if request.start().is_some() => vec![
            head(
                206,
                &[
                    ("Transfer-Encoding", "chunked"),
                    ("Content-Range", &format!("bytes {}-{}/*", request.start().unwrap(), content.len() - 1)),
                ],
            ),
            Step::Send([chunks(&content[request.start().unwrap()..]), b"0\r\n\r\n".to_vec()].concat()),
        ],
        _ => panic!("{request:?}"),
    });
    is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
    assert_eq!(server.starts(), [None, Some(700_000), Some(700_000)]);
}

#[test]
fn damaged_notes_beside_a_part_do_no_harm() {
    for damage in ["{", "{\"version\":1,\"origin\":\"x\",\"validator\":\"a\\r\\nEvil: 1\",\"total\":5}"] {
        let (place, bytes) = (Place::new(), packed(&image()));
        let content = bytes.clone();
        let server = Server::new(move |request, before| match before {
            0 => server::whole(&content, 500_000),
            1..4 => server::status(500),
            _ => server::file(&content, request),
        });
        place.fails(&server.url("/x"), digest(&bytes));
        let notes = place.files("partials").into_iter().find(|name| name.ends_with(".json")).unwrap();
        fs::write(Path::new(place.cache.root()).join("partials").join(notes), damage).unwrap();
        is(&place, &place.get(&server.url("/x"), digest(&bytes)).unwrap(), &image());
        let last = server.requests().pop().unwrap();
        assert_eq!((last.start(), last.header("if-range")), (Some(500_000), None));
    }
}

#[test]
fn a_full_disk_is_named_and_what_came_is_kept() {
    if !is_root() {
        return;
    }
    let (place, bytes) = (Place::new(), image());
    let disk = place.folder.path().join("disk");
    support::run("truncate", ["-s", "4M", disk.to_str().unwrap()]);
    support::run("mke2fs", ["-q", "-t", "ext4", "-O", "^has_journal", disk.to_str().unwrap()]);
    let mounted = Mount::new(&disk, &place.folder.path().join("mounted"), "rw");
    fs::write(mounted.path().join("filler"), vec![1; 1 << 20]).unwrap();
    let small = Place { cache: Cache::at(mounted.path()).unwrap(), ..Place::new() };
    let server = Server::of(&bytes);
    let error = small.fails(&server.url("/x"), digest(&bytes));
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.hint().unwrap().contains("make room"), "{error:?}");
    let kept = small.kept().unwrap();
    assert!(kept > 1 << 20 && server.requests().len() == 1, "{kept}");
    fs::remove_file(mounted.path().join("filler")).unwrap();
    drop(small.get(&server.url("/x"), digest(&bytes)).unwrap());
    assert_eq!(server.starts(), [None, Some(usize::try_from(kept).unwrap())]);
    small.cache.sweep(&Limits::default(), SystemTime::now(), false).unwrap();
}

#[test]
fn a_stop_ends_it_at_once_and_keeps_what_came() {
    let bytes = packed(&image());
    for (sent, kept) in [(Some(500_000), Some(500_000)), (None, None)] {
        let place = Place::new();
        let content = bytes.clone();
        let silence = vec![Step::Pause(Duration::from_secs(20))];
        let server = Server::new(move |_, _| [sent.map_or_else(Vec::new, |sent| server::whole(&content, sent)), silence.clone()].concat());
        let place = Place { network: Network { policy: Policy::default(), ..place.network.clone() }, ..place };
        let stop = place.stop.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            stop.request();
            Instant::now()
        });
        let error = place.fails(&server.url("/x"), digest(&bytes));
        assert!(thread.join().unwrap().elapsed() < Duration::from_millis(500));
        assert_eq!((error.kind(), place.kept()), (Kind::Interrupted, kept));
    }
}

#[test]
fn what_is_all_there_needs_no_server() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |_, before| if before == 0 { server::whole(&content, 500_000) } else { server::status(404) });
    let url = server.url("/x");
    assert!(matches!(place.fails(&url, digest(&bytes)), FetchError::Status { status: 404, .. }));
    // As after a disk that was full when it was decompressed.
    let part = place.files("partials").into_iter().find(|name| name.ends_with(".part")).unwrap();
    fs::write(place.cache.root().join("partials").join(part), &bytes).unwrap();
    is(&place, &place.get(&url, digest(&bytes)).unwrap(), &image());
    assert_eq!(server.requests().len(), 2);
}
