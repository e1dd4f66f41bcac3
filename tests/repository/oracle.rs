//! The simulator itself, judged by apt: what it makes is an archive, and its attacks are attacks.

use std::{fs, path::Path, process::Command};

use crate::{
    archive::{Archive, Files, Packing, Signing},
    bench::KEY,
    kit::MALLORY,
    site::Site,
    support::program::{folder, ok, output, tool},
};

/// apt in a folder of its own, with one source.
fn apt(folder: &Path, program: &str) -> Command {
    let option = |name: &str, path: &str| format!("{name}={}", folder.join(path).display());
    let mut options = vec![
        option("Dir::Etc::sourcelist", "sources.list"),
        option("Dir::State", "state"),
        option("Dir::State::status", "status"),
        option("Dir::Cache", "cache"),
    ];
    options.extend(
        [
            "Dir::Etc::sourceparts=/dev/null",
            "Dir::Etc::preferences=/dev/null",
            "Dir::Etc::preferencesparts=/dev/null",
            "Dir::Etc::trusted=/dev/null",
            "Dir::Etc::trustedparts=/dev/null",
            "APT::Sandbox::User=",
            "APT::Architecture=arm64",
            "APT::Architectures=arm64",
            "Acquire::Languages=none",
            "Acquire::Retries=0",
            // As apt does by itself; containers may be set up otherwise.
            "Acquire::Check-Date=true",
            "Acquire::Check-Valid-Until=true",
            "Acquire::http::Proxy=DIRECT",
            "APT::Update::Error-Mode=any",
        ]
        .map(str::to_owned),
    );
    let mut command = tool(program);
    command.args(options.iter().flat_map(|option| ["-o", option])).current_dir(folder);
    command
}

/// What `apt-get update` says of an archive, if it refuses it, and `apt-get download alpha`.
fn by_apt(files: Files) -> Result<(), String> {
    let (folder, site) = (folder(), Site::new(files));
    let path = folder.path();
    for name in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(path.join(name)).unwrap();
    }
    fs::write(path.join("status"), "").unwrap();
    fs::write(path.join("key.asc"), KEY.as_bytes()).unwrap();
    let source = format!("deb [signed-by={}] {} bookworm main\n", path.join("key.asc").display(), site.uri());
    fs::write(path.join("sources.list"), source).unwrap();
    for arguments in [&["update"][..], &["download", "alpha"]] {
        let result = output(apt(path, "apt-get").args(arguments));
        if !result.status.success() {
            return Err(String::from_utf8_lossy(&result.stderr).into_owned());
        }
    }
    let deb = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|end| end == "deb"));
    ok(tool("dpkg-deb").arg("--contents").arg(deb.expect("it was downloaded")));
    Ok(())
}

#[test]
fn apt_takes_what_is_good() {
    let good = Archive::new();
    let forms = [
        ("by hash", good.clone()),
        ("by name", Archive { by_hash: false, ..good.clone() }),
        ("beside", Archive { signing: Signing::Beside, ..good.clone() }),
        ("gzip", Archive { packings: vec![Packing::Gzip], ..good.clone() }),
        ("plain", Archive { packings: vec![Packing::Plain], listed: vec![], ..good.clone() }),
        ("yesterday", Archive::of_yesterday()),
    ];
    for (name, archive) in forms {
        by_apt(archive.files()).unwrap_or_else(|said| panic!("{name}: {said}"));
    }
}

#[test]
fn apt_refuses_what_is_not() {
    let good = Archive::new();
    let path = good.path(&Archive::index_path(Packing::Xz));
    let by_name = Archive { by_hash: false, packings: vec![Packing::Xz], ..good.clone() };
    let mut index = by_name.files();
    index.get_mut(&path).unwrap().push(b'x');
    let mut deb = good.files();
    deb.get_mut(&good.packages[0].path()).unwrap()[200] ^= 1;
    let cases = [
        ("wrong key", Archive { owner: &MALLORY, ..good.clone() }.files(), "NO_PUBKEY"),
        ("changed", good.with_message(|text| text.replacen("Label: Test", "Label: Best", 1)), "BADSIG"),
        ("unsigned", good.with_message(|_| good.release(&good.indices())), "not signed"),
        ("expired", Archive { valid_until: Some(-3600), ..good.clone() }.files(), "expired"),
        ("index", index, "unexpected size"),
        ("package", deb, "Hash Sum mismatch"),
    ];
    for (name, files, words) in cases {
        let said = by_apt(files).expect_err(name);
        assert!(said.contains(words), "{name}: {said}");
    }
}

#[test]
fn gpgv_takes_the_signatures() {
    let place = folder();
    let good = Archive::new();
    let key = crate::kit::ALICE.certificate(&crate::kit::Certificate::default());
    fs::write(place.path().join("key.gpg"), key).unwrap();
    let beside = Archive { signing: Signing::Beside, ..good.clone() };
    for (path, content) in good.files().into_iter().chain(beside.files()).filter(|(path, _)| path.contains("Release")) {
        fs::write(place.path().join(Path::new(&path).file_name().unwrap()), content).unwrap();
    }
    for files in [&["InRelease"][..], &["Release.gpg", "Release"]] {
        ok(tool("gpgv").current_dir(place.path()).args(["--homedir", ".", "--keyring", "./key.gpg"]).args(files));
    }
}
