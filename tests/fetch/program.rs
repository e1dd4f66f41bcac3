//! Downloads through the built program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    place::{digest, image, packed},
    support::{
        program::{berry, fails, folder, ok, output, profile_in, tool},
        server::{self, Server, Step, nobody},
    },
};

const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/// A profile and a cache of a test's own.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    profile: PathBuf,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = folder();
        let profile = profile_in(folder.path(), "cluster01.yaml");
        Self { folder, profile }
    }

    /// The program without the proxies of this machine.
    pub(super) fn berry(&self) -> Command {
        let mut command = berry();
        for name in PROXIES {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.env("BERRY_IMAGE_CACHE", self.folder.path().join("cache"));
        command
    }

    /// `plan` of the profile with this base.
    pub(super) fn plan(&self, base: &str) -> Command {
        let mut command = self.berry();
        command.arg("plan").arg(&self.profile).arg("--base").arg(base);
        command
    }

    /// Keys of the images in the cache.
    pub(super) fn images(&self) -> Vec<String> {
        let listed: serde_json::Value = serde_json::from_str(&ok(self.berry().args(["cache", "ls", "--json"]))).unwrap();
        let entries = listed["entries"].as_array().unwrap().iter();
        entries.filter(|entry| entry["content"] == "image").map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A base that is got, but no system stands in it: `plan` ends with 4 and the download is in the cache.
pub(super) fn base(server: &Server, bytes: &[u8]) -> String {
    format!("{}#sha256={}", server.url("/images/x.img.gz?token=canary"), hex(bytes))
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// Waits until `path` has something in it.
fn grows(path: &Path) -> bool {
    let parts = || fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if parts().any(|metadata| metadata.len() > 100_000) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_base_by_address_is_as_good_as_by_name() {
    let bench = Bench::new();
    // The shared base, made before or now, as its publisher would pack it.
    let from_debian: serde_json::Value = serde_json::from_str(&ok(berry().args(["plan", "--json"]).arg(&bench.profile))).unwrap();
    let listed: serde_json::Value = serde_json::from_str(&ok(berry().args(["cache", "ls", "--json"]))).unwrap();
    let entries = listed["entries"].as_array().unwrap().iter();
    let entry = entries.filter(|entry| entry["content"] == "image" && entry["key"].as_str().unwrap().starts_with("debian-bookworm"));
    let newest = entry.max_by_key(|entry| entry["last_used"].as_str().unwrap().to_owned()).expect("the base was used right now");
    let image = Path::new(listed["path"].as_str().unwrap()).join("images").join(format!("{}.img", newest["key"].as_str().unwrap()));
    let pack = bench.folder.path().join("base.img.zst");
    ok(tool("zstd").args(["-q", "-1", "-T0"]).arg(&image).arg("-o").arg(&pack));
    let bytes = fs::read(&pack).unwrap();
    fs::remove_file(&pack).unwrap();
    let sum = hex(&bytes);
    let server = Server::new(move |request, before| match before {
        0 => server::whole(&bytes, bytes.len() / 3),
        _ => server::file(&bytes, request),
    });
    let base = format!("{}#sha256={sum}", server.url("/debian.img.zst"));
    let result = output(bench.plan(&base).arg("--json"));
    let said = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{said}");
    assert!(said.contains("downloading debian.img.zst") && said.contains("trying again in"), "{said}");
    let mut from_address: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!(from_address["base"]["name"], "debian.img.zst");
    from_address["base"]["name"] = from_debian["base"]["name"].clone();
    assert_eq!(from_address["base"], from_debian["base"]);
    assert_eq!(from_address["partitions"], from_debian["partitions"]);
    assert_eq!(server.starts().len(), 2);
    // Again, and without the network.
    ok(bench.plan(&base).arg("--offline"));
    ok(bench.berry().arg("check").arg(&bench.profile).arg("--base").arg(&base));
    assert_eq!(server.starts().len(), 2);
}

#[test]
fn ctrl_c_is_obeyed_at_once_and_the_next_run_goes_on() {
    let (bench, bytes) = (Bench::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |request, before| match before {
        0 => [server::whole(&content, 700_000), vec![Step::Pause(Duration::from_secs(20))]].concat(),
        _ => server::file(&content, request),
    });
    let base = base(&server, &bytes);
    let mut child = bench.plan(&base).stderr(Stdio::piped()).spawn().unwrap();
    let said = server::lines(child.stderr.take().unwrap());
    assert!(grows(&bench.folder.path().join("cache/partials")));
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let begun = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let said: Vec<_> = said.iter().collect();
    assert!(said.iter().any(|line| line.contains("goes on where it stopped")), "{said:?}");
    let listed = ok(bench.berry().args(["cache", "ls"]));
    assert!(listed.contains("download, 684 KiB of"), "{listed}");
    fails(4, &mut bench.plan(&base));
    assert_eq!(server.starts(), [None, Some(700_000)]);
    assert_eq!(bench.images(), [format!("file-{}", hex(&bytes))]);
}

#[test]
fn ctrl_c_is_obeyed_during_a_pause() {
    let bench = Bench::new();
    let server = Server::new(|_, _| vec![server::head(503, &[("Retry-After", "60"), ("Content-Length", "0")])]);
    let mut child = bench.plan(&base(&server, b"")).stderr(Stdio::piped()).spawn().unwrap();
    let said = server::lines(child.stderr.take().unwrap());
    assert!(said.iter().any(|line| line.contains("trying again in 60.0 s (1 of 5)")));
    interrupt(&child);
    let begun = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn two_processes_download_once() {
    let (bench, bytes) = (Bench::new(), packed(&image()));
    let content = bytes.clone();
    let server = Server::new(move |_, _| {
        let pieces = Step::Drip(content.clone(), content.len() / 10, Duration::from_millis(100));
        vec![server::head(200, &[("Content-Length", &content.len().to_string())]), pieces]
    });
    let base = base(&server, &bytes);
    let children = [(); 2].map(|()| bench.plan(&base).stderr(Stdio::piped()).spawn().unwrap());
    let said = children.map(|child| {
        let result = child.wait_with_output().unwrap();
        assert_eq!(result.status.code(), Some(4));
        String::from_utf8(result.stderr).unwrap()
    });
    assert_eq!(server.requests().len(), 1);
    assert_eq!(said.iter().filter(|said| said.contains("waiting for another berry-image")).count(), 1, "{said:?}");
    assert_eq!(bench.images().len(), 1);
}

#[test]
fn offline_says_what_is_missing() {
    let (bench, bytes) = (Bench::new(), packed(&image()));
    let server = Server::of(&bytes);
    let base = base(&server, &bytes);
    let said = fails(2, bench.plan(&base).arg("--offline"));
    assert!(said.contains(&format!("`{}` is not in the cache", server.url("/images/x.img.gz"))), "{said}");
    assert!(said.contains("without --offline") && !said.contains("canary"), "{said}");
    // `check` takes no minutes.
    let checked = ok(bench.berry().arg("check").arg(&bench.profile).arg("--base").arg(&base));
    assert!(checked.contains("not checked, as the base is not at hand yet"), "{checked}");
    assert_eq!(server.requests().len(), 0);
    // By path first: the address names the same file.
    let file = bench.folder.path().join("x.img.gz");
    fs::write(&file, &bytes).unwrap();
    fails(4, &mut bench.plan(file.to_str().unwrap()));
    let said = fails(4, bench.plan(&base).arg("--offline"));
    assert!(!said.contains("not in the cache") && server.requests().is_empty(), "{said}");
}

#[test]
fn an_address_needs_its_digest() {
    let bench = Bench::new();
    let said = fails(2, &mut bench.plan("https://images.example.org/x.img.xz?token=canary"));
    assert!(said.contains("needs its digest") && said.contains("sha256sum") && !said.contains("canary"), "{said}");
    let profile = bench.folder.path().join("cluster01.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("base: debian:bookworm"));
    fs::write(&profile, text.replace("base: debian:bookworm", "base: https://images.example.org/x.img.xz")).unwrap();
    let said = fails(2, bench.berry().arg("check").arg(&profile));
    assert!(said.contains("needs its digest"), "{said}");
    // With it, the profile is as good as the argument.
    let bytes = packed(&image());
    let server = Server::of(&bytes);
    fs::write(&profile, text.replace("base: debian:bookworm", &format!("base: {}", base(&server, &bytes)))).unwrap();
    fails(4, bench.berry().arg("plan").arg(&profile));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    let bytes = packed(&image());
    for (variables, is_used) in [
        (&[("http_proxy", "http://user:canary@PROXY")][..], true),
        (&[("HTTP_PROXY", "PROXY")], true),
        (&[("ALL_PROXY", "http://PROXY/")], true),
        (&[("https_proxy", "http://PROXY")], false),
        (&[("HTTP_PROXY", "http://PROXY"), ("NO_PROXY", "example.org,127.0.0.0/8")], false),
        (&[("HTTP_PROXY", "http://PROXY"), ("no_proxy", "*")], false),
    ] {
        let (bench, server, proxy) = (Bench::new(), Server::of(&bytes), Server::proxy());
        let mut command = bench.plan(&base(&server, &bytes));
        for (name, value) in variables {
            command.env(name, value.replace("PROXY", &proxy.address().to_string()));
        }
        let said = fails(4, &mut command);
        assert!(!said.contains("canary"), "{said}");
        assert_eq!((server.requests().len(), proxy.requests().len()), (1, usize::from(is_used)), "{variables:?}");
        assert_eq!(bench.images().len(), 1);
        if let Some(request) = proxy.requests().first() {
            assert_eq!((request.method.as_str(), request.target.clone()), ("GET", server.url("/images/x.img.gz?token=canary")));
            let login = request.header("proxy-authorization");
            // user:canary
            assert_eq!(login, variables[0].1.contains('@').then_some("Basic dXNlcjpjYW5hcnk="));
        }
        assert_eq!(server.requests()[0].header("proxy-authorization"), None);
    }
}

#[test]
fn no_secret_is_said_when_it_fails() {
    let bench = Bench::new();
    let answers: [fn() -> server::Reply; 5] = [
        || server::status(404),
        || server::redirect("https://user:canary@example.org/?canary"),
        || server::redirect("/images/x.img.gz?canary=2&token=canary"),
        || vec![Step::Send(b"HTTP/1.1 200 canary\r\nContent-Length: canary\r\n\r\n".to_vec())],
        || server::whole(b"<html>", 6),
    ];
    for reply in answers {
        let server = Server::new(move |_, _| reply());
        let result = output(&mut bench.plan(&base(&server, b"other")));
        let said = String::from_utf8_lossy(&result.stderr) + String::from_utf8_lossy(&result.stdout);
        assert!(!result.status.success() && said.contains("127.0.0.1") && !said.contains("canary"), "{said}");
    }
    for (value, code) in [(format!("http://user:canary@{}", nobody()), 1), ("socks5://user:canary@localhost:1".to_owned(), 2)] {
        let server = Server::of(b"x");
        // Interrupted at the first pause: the tries after it say nothing new.
        let mut child = bench.plan(&base(&server, b"x")).env("HTTP_PROXY", value).stderr(Stdio::piped()).spawn().unwrap();
        let lines = server::lines(child.stderr.take().unwrap());
        let mut said = Vec::new();
        while let Ok(line) = lines.recv() {
            let is_pause = line.contains("trying again");
            said.push(line);
            if is_pause {
                interrupt(&child);
            }
        }
        let code = if code == 1 { 130 } else { code };
        assert_eq!(child.wait().unwrap().code(), Some(code), "{said:?}");
        assert!(said.len() > 1 && !said.iter().any(|line| line.contains("canary")), "{said:?}");
    }
    assert!(bench.images().is_empty());
    // Nor written down.
    let searched = output(tool("grep").args(["-rl", "canary"]).arg(bench.folder.path().join("cache")));
    assert_eq!((searched.status.code(), searched.stdout.len()), (Some(1), 0));
}
