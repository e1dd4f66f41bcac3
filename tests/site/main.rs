//! The site of a node, as an image has it, with a real Apache and a real mount: pages while the volume is mounted, 503 while it is not,
//! and never a file that lies below it. Namespaces and mounts need root.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod baked;
mod http;
mod place;
#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use baked::Baked;
use http::{Answer, get, send};
use place::{DEEP, MARKER, PAGE, Place, SECRET, long};

static BAKED: LazyLock<Baked> = LazyLock::new(|| Baked::make(support::program::folder().path()));

/// Longer than the kernel remembers what a volume has said of a file, which is a second.
const FORGOTTEN: Duration = Duration::from_millis(1300);
const UNAVAILABLE: &str = "Storage is not mounted on this node; try again shortly.";

const PAGES: [&str; 8] = ["/", "/index.html", "/folder/page.html", "/folder/", "/secret.html", "/private.html", "/none.html", "/healthz"];
const HIDDEN: [&str; 5] = ["/.cluster-volume", "/.git/config", "/.git/", "/folder/.hidden", "/.forbidden"];

/// As [`get`], where there must be an answer.
fn ask(place: &Place, path: &str) -> Answer {
    seen(get(place.port, path).unwrap())
}

/// What is true of every answer.
fn seen(answer: Answer) -> Answer {
    assert!(!answer.body.contains(SECRET), "{answer:?}");
    assert_eq!(answer.header("server"), Some("Apache"), "{answer:?}");
    answer
}

fn is_unavailable(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("retry-after") == Some("30") && answer.body.trim_end() == UNAVAILABLE
}

/// Other ways to ask for a page.
fn asked_otherwise(place: &Place, path: &str) -> Vec<Answer> {
    let port = place.port;
    let get = format!("GET {path} HTTP/1.1");
    let old = format!("GET {path} HTTP/1.0");
    let host = format!("Host: 127.0.0.1:{port}");
    let ways: [&[&str]; 4] = [
        &[&get, "Host: somewhere.example.net", "Connection: close"],
        // As a balancer looks after a node.
        &[&old, &host],
        &[&old],
        &[&get, "Host: www.example.org", "Connection: close", "X-Forwarded-For: 203.0.113.9"],
    ];
    ways.iter().map(|lines| seen(send(port, lines).unwrap())).collect()
}

fn head(place: &Place, path: &str) -> Answer {
    let answer = seen(send(place.port, &[&format!("HEAD {path} HTTP/1.1"), "Host: www.example.org", "Connection: close"]).unwrap());
    assert_eq!(answer.body, "");
    answer
}

/// The volume is there.
fn is_served(place: &Place) {
    let long = long();
    for (path, text) in [("/", PAGE), ("/index.html", PAGE), ("/folder/page.html", DEEP), ("/long.txt", &long), ("/healthz", MARKER)] {
        let mut answers = asked_otherwise(place, path);
        answers.push(ask(place, path));
        for answer in &answers {
            assert_eq!((answer.status, answer.body.as_str(), answer.header("retry-after")), (200, text, None), "{path}: {answer:?}");
        }
        let head = head(place, path);
        assert_eq!((head.status, head.header("content-length")), (200, Some(text.len().to_string().as_str())), "{path}");
    }
    let health = ask(place, "/healthz");
    assert_eq!((health.header("cache-control"), health.header("content-type")), (Some("no-store"), Some("text/plain")));
    assert_eq!(ask(place, "/").header("cache-control"), None);
    for path in ["/secret.html", "/none.html"].iter().chain(&HIDDEN) {
        assert_eq!((ask(place, path).status, head(place, path).status), (404, 404), "{path}");
    }
    // There are no listings, and a page that nobody may read is no reason to take the node for unavailable.
    let folder = ask(place, "/folder/");
    assert!(folder.status == 404 && !folder.body.contains("page.html"), "{folder:?}");
    let private = ask(place, "/private.html");
    assert_eq!((private.status, private.header("retry-after")), (403, None));
}

/// The volume is not there, and all know it. Before the kernel does, what needs no more than a name is answered as if it were there:
/// what is hidden, and where a folder is.
fn is_not_served(place: &Place) {
    is_not_served_at(place, &PAGES);
    is_not_served_at(place, &HIDDEN);
    is_not_served_at(place, &["/folder"]);
}

fn is_not_served_at(place: &Place, paths: &[&str]) {
    for path in paths {
        let mut answers = asked_otherwise(place, path);
        answers.push(ask(place, path));
        for answer in answers {
            assert!(is_unavailable(&answer), "{path}: {answer:?}");
        }
        let head = head(place, path);
        assert_eq!((head.status, head.header("retry-after")), (503, Some("30")), "{path}");
    }
}

#[test]
fn pages_are_those_of_the_volume_and_without_it_there_are_none() {
    if !support::is_root() {
        return;
    }
    let mut place = Place::new(&BAKED);
    let below = place.order("look");
    assert!(below.contains("secret.html\n") && below.contains("'www/new': Operation not permitted"), "{below}");
    is_not_served(&place);
    assert_eq!(place.complaints(), [""; 0], "the log of a node that waits for its volume does not grow");

    place.order("mount");
    is_served(&place);
    place.order("kill");
    is_not_served_at(&place, &PAGES);
    thread::sleep(FORGOTTEN);
    let before = place.complaints().len();
    is_not_served(&place);
    assert_eq!(place.complaints().len(), before, "nor that of one whose volume has died");
    place.order("unmount");
    is_not_served(&place);

    place.order("mount");
    is_served(&place);
    place.order("unmount");
    is_not_served(&place);
    place.order("mount");
    is_served(&place);

    let log = place.log("access.log");
    for line in ["\"GET / HTTP/1.1\" 503 ", "\"GET / HTTP/1.1\" 200 ", "\"HEAD /secret.html HTTP/1.1\" 404 "] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains("healthz"), "{log}");
}

/// Times of mounting, dying and unmounting while it is asked for.
const ROUNDS: usize = 4;
/// Answers after each of these.
const ANSWERS: usize = 100;

#[test]
fn whoever_asks_while_the_volume_comes_or_goes_gets_all_of_a_page_or_503() {
    if !support::is_root() {
        return;
    }
    let long = long();
    let pages = [("/", PAGE), ("/folder/page.html", DEEP), ("/long.txt", &long), ("/healthz", MARKER)];
    let mut place = Place::new(&BAKED);
    let port = place.port;
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let ask = |(path, text): (&str, &str)| {
        let mut counts = BTreeMap::new();
        while !is_over.load(Ordering::Relaxed) {
            let what = match get(port, path) {
                Ok(answer) if answer.status == 200 && answer.body == text => "served".to_owned(),
                Ok(answer) if is_unavailable(&answer) => "unavailable".to_owned(),
                Ok(Answer { status, body, .. }) => format!("{path}: {status} {}", body.chars().take(200).collect::<String>()),
                // The volume has died after the first part of the page was sent: whoever asked is told that it is not all.
                Err(_) => "broken off".to_owned(),
            };
            *counts.entry(what).or_insert(0) += 1;
            answered.fetch_add(1, Ordering::Relaxed);
            // The mount wants some of the processor, too.
            thread::sleep(Duration::from_millis(1));
        }
        counts
    };
    let wait = || {
        let (until, end) = (answered.load(Ordering::Relaxed) + ANSWERS, Instant::now() + Duration::from_secs(30));
        while answered.load(Ordering::Relaxed) < until {
            assert!(Instant::now() < end, "nothing is answered any more");
            thread::sleep(Duration::from_millis(5));
        }
    };
    let counts = thread::scope(|scope| {
        let threads = pages.map(|page| scope.spawn(move || ask(page)));
        // An assertion that fails in here must end the threads, too.
        let moved = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..ROUNDS {
                for order in ["mount", "kill", "unmount", "mount", "unmount"] {
                    place.order(order);
                    wait();
                }
            }
        }));
        is_over.store(true, Ordering::Relaxed);
        let mut counts = BTreeMap::new();
        for (what, count) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            *counts.entry(what).or_insert(0) += count;
        }
        moved.map(|()| counts).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    println!("{counts:?}; 403 made 503: {}", place.complaints().iter().filter(|line| line.contains("Cannot open file")).count());
    let mut counts = counts;
    let mut take = |what: &str| counts.remove(what).unwrap_or(0);
    let (served, unavailable, broken) = (take("served"), take("unavailable"), take("broken off"));
    assert!(served >= ROUNDS * ANSWERS && unavailable >= ROUNDS * ANSWERS, "{served} {unavailable}");
    assert!(broken <= ROUNDS * pages.len(), "{broken}");
    assert_eq!(counts, BTreeMap::new());
}
