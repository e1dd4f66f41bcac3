//! The fixture of a flavour, and nodes built of it by the program under test.

use std::{fs, path::Path};

use crate::{
    support::{
        image::Image,
        pi_os::{self, Flavour, release::Release},
        program::{berry, ok, profile_in, tool},
    },
    view::{LateView, View},
};

/// A name that is hard to write down: quotes, a backslash, a comment sign, a semicolon and a letter beyond ASCII.
pub(super) const SSID: &str = "Käte's \"Berry\" #1; \\n";
/// The same for its passphrase.
pub(super) const PASSPHRASE: &str = " a \"b\" \\s #c; 'd' = ";
/// SHA-512, which every release knows.
pub(super) const SHA512: &str =
    "$6$berryberryberry1$0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ./0123456789abcdefghijkl";
/// yescrypt, which libxcrypt of bullseye was the first to know.
pub(super) const YESCRYPT: &str = "$y$j9T$berryberryberryberry1.$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// What the profile asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Cable,
    Wireless,
}

/// The stock image.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) flavour: &'static Flavour,
    pub(super) image: Image,
    pub(super) view: LateView,
}

impl Base {
    pub(super) fn make(folder: &Path, flavour: &'static Flavour) -> Self {
        let image = Image::open(&pi_os::make(folder, "base", flavour));
        let view = View::later(&image);
        Self { flavour, image, view }
    }

    /// A password that its release knows how to check.
    pub(super) fn hash(&self) -> &'static str {
        if self.flavour.release >= Release::Bullseye { YESCRYPT } else { SHA512 }
    }
}

/// A node and what it should be.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) wanted: Wanted,
    pub(super) image: Image,
    pub(super) view: LateView,
    /// The node's part of the ledger.
    pub(super) identity: serde_json::Value,
    /// The build's time, in seconds since 1970.
    pub(super) epoch: i64,
    /// What the user's password must be stored as.
    pub(super) hash: &'static str,
    /// A folder for the checks' own files.
    pub(super) folder: std::path::PathBuf,
}

impl Node {
    pub(super) fn build(folder: &Path, base: &Base, wanted: Wanted) -> Self {
        let folder = folder.join(format!("{wanted:?}"));
        fs::create_dir(&folder).unwrap();
        let hash = base.hash();
        let profile = profile(&folder, hash, wanted);
        ok(berry()
            .arg("build")
            .arg(&profile)
            .arg("--base")
            .arg(&base.image.path)
            .args(["--node", "cluster01", "--output"])
            .arg(folder.join("images")));
        Self::open(&folder, "cluster01", wanted, hash)
    }

    /// The node `name` that was built in `folder`, whose other files are the checks'.
    pub(super) fn open(folder: &Path, name: &str, wanted: Wanted, hash: &'static str) -> Self {
        let image = Image::open(&folder.join(format!("images/{name}.img")));
        let ledger: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.join("cluster01.ledger")).unwrap()).unwrap();
        let view = View::later(&image);
        let identity = ledger["nodes"][name].clone();
        Self { wanted, image, view, identity, epoch: ledger["epoch"].as_i64().unwrap(), hash, folder: folder.to_owned() }
    }

    /// A text of the node's part of the ledger.
    pub(super) fn ledger(&self, key: &str) -> &str {
        self.identity[key].as_str().unwrap_or_else(|| panic!("the ledger has no {key}"))
    }

    pub(super) fn is_wireless(&self) -> bool {
        self.wanted == Wanted::Wireless
    }

    /// The interface that the profile means.
    pub(super) fn interface(&self) -> &'static str {
        if self.is_wireless() { "wlan0" } else { "eth0" }
    }
}

/// The example's profile with a user of another name who has a password, a locale that the image has ready or not, and a keyboard.
pub(super) fn profile(folder: &Path, hash: &str, wanted: Wanted) -> std::path::PathBuf {
    let profile = profile_in(folder, "cluster01.yaml");
    let secret = |name: &str, text: &str| {
        fs::write(folder.join(name), format!("{text}\n")).unwrap();
        ok(tool("chmod").arg("600").arg(folder.join(name)));
    };
    secret("password.hash", hash);
    let mut text = fs::read_to_string(&profile).unwrap();
    let mut put = |from: &str, to: String| {
        assert!(text.contains(from), "no `{from}` in the example:\n{text}");
        text = text.replacen(from, &to, 1);
    };
    put("  name: pi\n", "  name: berry\n  password: !file password.hash\n".to_owned());
    let locale = if wanted == Wanted::Wireless { "de_DE.UTF-8" } else { "en_GB.UTF-8" };
    put("time_zone: Europe/Berlin\n", format!("time_zone: Europe/Berlin\nlocale: {locale}\nkeyboard: de\nntp: time.example.org\n"));
    if wanted == Wanted::Wireless {
        secret("wifi.passphrase", PASSPHRASE);
        let ssid = SSID.replace('\'', "''");
        put(
            "  gateway: 192.168.2.1\n",
            format!("  gateway: 192.168.2.1\n  wifi:\n    ssid: '{ssid}'\n    passphrase: !file wifi.passphrase\n    country: DE\n"),
        );
    }
    if wanted == Wanted::Wireless {
        text.push_str("\nssh:\n  password_login: true\n");
    }
    fs::write(&profile, text).unwrap();
    profile
}
