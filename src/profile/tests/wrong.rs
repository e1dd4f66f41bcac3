//! Every mistake there is, with its code and its exact place.

use std::path::Path;

use super::support::{Variables, check, places};
use crate::{
    error::{Classified, Kind},
    profile::{Code, load, parse},
};

/// Stands in the texts below right before what is wrong.
const MARK: char = '‸';

/// Takes the marks out of a text: what is left, and line and column of each.
pub(super) fn marks(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut clean, mut places, mut line, mut column) = (String::new(), Vec::new(), 1, 1);
    for c in text.chars() {
        match c {
            MARK => places.push((line, column)),
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
        if c != MARK {
            clean.push(c);
        }
    }
    (clean, places)
}

/// A whole profile with this top-level text added.
fn top(text: &str) -> String {
    format!(
        "base: debian:bookworm\nnetwork:\n  subnet: 192.168.2.0/24\n  gateway: 192.168.2.1\nnodes: [{{name: a, address: 192.168.2.5}}]\n{text}\n"
    )
}

/// A whole profile with these nodes.
fn nodes(text: &str) -> String {
    format!("base: debian:bookworm\nnetwork: {{subnet: 192.168.2.0/24, gateway: 192.168.2.1}}\nnodes:\n{text}\n")
}

/// A whole profile with this network.
fn network(text: &str) -> String {
    format!("base: debian:bookworm\nnodes: [{{name: a, address: 192.168.2.5}}]\nnetwork:\n{text}\n")
}

/// A whole profile with this base.
fn base(text: &str) -> String {
    format!("network: {{subnet: 192.168.2.0/24, gateway: 192.168.2.1}}\nnodes: [{{name: a, address: 192.168.2.5}}]\nbase: {text}\n")
}

/// Each text has exactly the problems that are marked, all of that code.
fn table() -> Vec<(&'static str, String)> {
    let zeros = "0".repeat(64);
    vec![
        // Grammar
        ("empty", format!("{MARK}")),
        ("empty", format!("{MARK}# nothing\n")),
        ("empty", format!("{MARK}--- ~\n")),
        ("syntax", "base: [a\nnodes‸: b\n".into()),
        ("syntax", "base: ‸a\n\tnodes: b\n".into()),
        ("syntax", top("locale: ‸*nobody")),
        ("syntax", top("‸---\na: b")),
        ("syntax", "‸%YAML 1.2\n---\nbase: a\n".into()),
        ("too-complex", format!("a: {}‸[{}", "[".repeat(23), "]".repeat(24))),
        ("wrong-type", "- ‸base\n".into()),
        ("wrong-type", "‸base\n".into()),
        ("wrong-type", top("? [‸a]\n: b")),
        // Shape
        ("unknown-key", top("‸tiem_zone: UTC")),
        ("unknown-key", top("brick: {‸path: /export}")),
        ("unknown-key", top("user:\n  ‸shell: /bin/sh\n  ‸groups: []")),
        ("unknown-key", nodes("  - {name: a, address: 192.168.2.5, ‸ip: 1}")),
        ("unknown-key", nodes("  - {name: pi%d, count: 2, first_address: 192.168.2.5, ‸mac: 1}")),
        ("unknown-key", top("‸<<: {}")),
        ("duplicate-key", top("‸base: debian:bookworm")),
        ("duplicate-key", top("user: {name: a, ‸name: b}")),
        ("missing-key", "‸network: {subnet: 10.0.0.0/8, gateway: 10.0.0.1}\nnodes: [{name: a, address: 10.0.0.2}]\n".into()),
        ("missing-key", "‸base: debian:bookworm\nnetwork: {subnet: 10.0.0.0/8, gateway: 10.0.0.1}\n".into()),
        ("missing-key", "‸base: debian:bookworm\nnodes: [{name: a, address: 10.0.0.2}]\n".into()),
        ("missing-key", "base: debian:bookworm\n‸network: {gateway: 10.0.0.1}\nnodes: [{name: a, address: 10.0.0.2}]\n".into()),
        ("version", top("version: ‸2\nanything: else")),
        ("version", top("version: ‸0")),
        ("wrong-type", top("version: ‸one")),
        ("wrong-type", top("version: ‸-1")),
        ("wrong-type", top("cluster: ‸123")),
        ("wrong-type", top("cluster: ‸true")),
        ("wrong-type", top("locale: [‸C.UTF-8]")),
        ("wrong-type", top("time_zone: ‸~")),
        ("wrong-type", top("brick: ‸/export")),
        ("wrong-type", top("ssh: {password_login: ‸yes}")),
        ("wrong-type", top("ssh: {password_login: ‸\"true\"}")),
        ("wrong-type", "base: debian:bookworm\nnetwork: {subnet: 10.0.0.0/8}\nnodes: {‸name: a}\n".into()),
        ("wrong-type", nodes("  - {name: a, address: 192.168.2.5}\n  - ‸cluster02")),
        ("wrong-type", nodes("  - {name: ‸123, address: 192.168.2.5}")),
        ("wrong-type", top("cluster: ‸!env NAME")),
        ("tag", top("cluster: ‸!include x")),
        ("tag", top("cluster: ‸!!int 7")),
        // Cluster, base
        ("cluster-name", top("cluster: ‸../x")),
        ("cluster-name", top("cluster: ‸\"\"")),
        ("base", base("‸debian:Bookworm")),
        ("base", base("‸ubuntu:noble")),
        ("base", base("‸ftp://example.org/a.img")),
        ("base", base("‸https://example.org/a.img")),
        ("base", base("‸https://example.org/a.img#sha256=abc")),
        ("base", base(&format!("‸https://example.org/a.img#sha512={zeros}"))),
        ("base", base(&format!("‸https://me:word@example.org/a.img#sha256={zeros}"))),
        ("base", base(&format!("‸a.img#sha256={}g", &zeros[1..]))),
        ("base", base(&format!("‸a.img #sha256={zeros}"))),
        ("base", base("‸\"\"")),
        ("base", base("‸~/a.img")),
        // Sizes
        ("size", top("card_size: ‸16")),
        ("size", top("card_size: ‸16G\nroot_size: ‸4 gib")),
        ("size", top("brick: {size: ‸Rest}")),
        ("size", top("brick: {size: ‸all of it}")),
        ("does-not-fit", top("root_size: ‸16 GB")),
        ("does-not-fit", top("card_size: ‸4 GiB")),
        ("does-not-fit", top("card_size: ‸3 TiB")),
        ("does-not-fit", top("brick: {size: ‸12 GiB}")),
        ("does-not-fit", top("brick: {size: ‸1 MiB}")),
        // Brick
        ("mount-point", top("brick: {mount: ‸export}")),
        ("mount-point", top("brick: {mount: ‸/}")),
        ("mount-point", top("brick: {mount: ‸/usr/share/x}")),
        ("mount-point", top("brick: {mount: ‸/var}")),
        ("mount-point", top("brick: {mount: ‸/home/brick}")),
        ("mount-point", top("brick: {mount: ‸/var/tmp}")),
        ("mount-point", top("brick: {mount: ‸/a/../b}")),
        ("mount-point", top("brick: {mount: ‸/export/}")),
        ("mount-point", top("brick: {mount: ‸\"/a b\"}")),
        ("label", top("brick: {label: ‸seventeen-letters}")),
        ("label", top("brick: {label: ‸\"\"}")),
        ("label", top("brick: {label: ‸a/b}")),
        // System
        ("time-zone", top("time_zone: ‸../../etc/passwd")),
        ("time-zone", top("time_zone: ‸Europe/")),
        ("locale", top("locale: ‸de_DE")),
        ("locale", top("locale: ‸german")),
        ("locale", top("locale: ‸de_DE.ISO-8859-1")),
        ("keyboard", top("keyboard: ‸DE")),
        ("keyboard", top("keyboard: {layout: de, variant: ‸$(reboot)}")),
        ("dns-name", top("ntp: ‸a_b.example.org")),
        ("dns-name", top("ntp: [0.pool.ntp.org, ‸1.2.3.256]")),
        ("address", top("ntp: ‸0.0.0.0")),
        // User
        ("user-name", top("user: {name: ‸root}")),
        ("user-name", top("user: {name: ‸Pi}")),
        ("user-name", top("user: {name: ‸1st}")),
        ("user-name", top("user: {name: ‸\"\"}")),
        ("password", top("user: {password: ‸raspberry}")),
        ("password", top("user: {password: ‸12345678}")),
        ("password", top("user: {password: ‸ab01FAX.bQRSU}")),
        ("password", top("user: {password: ‸$1$abcdefgh$irWbblnpmw.5z7wgBnprh0}")),
        ("password", top("user: {password: ‸$6$abc$def}")),
        ("password", top("user: {password: ‸\"!\"}")),
        ("reference", top("user: {password: ‸!env NOT_SET}")),
        ("reference", top("user: {password: ‸!env 1=2}")),
        ("reference", top("user: {password: ‸!file not-there}")),
        ("reference", top("user: {password: ‸!file}")),
        ("ssh-key", top("user: {keys: ‸ssh-ed25519 AAAA}")),
        ("ssh-key", top("user:\n  keys:\n    - ‸~/.ssh/id_ed25519.pub\n    - ‸ssh-dss AAAAB3NzaC1kc3MAAACB x")),
        (
            "private-key",
            top("user:\n  keys:\n    - |\n      ‸-----BEGIN OPENSSH PRIVATE KEY-----\n      b3Bl\n      -----END OPENSSH PRIVATE KEY-----"),
        ),
        ("sudo", top("user: {sudo: ‸false}")),
        ("sudo", top("user: {sudo: ‸always}")),
        ("password-needed", top("user: {sudo: ‸password}")),
        ("password-needed", top("ssh: {password_login: ‸true}")),
        // Network
        ("subnet", network("  subnet: ‸192.168.2.0")),
        ("subnet", network("  subnet: ‸192.168.2.0/255.255.255.0")),
        ("subnet", network("  subnet: ‸192.168.2.0/31")),
        ("subnet", network("  subnet: ‸192.168.2.5/24")),
        ("subnet", network("  subnet: ‸fd00::/64")),
        ("subnet", network("  subnet: ‸127.0.0.0/8")),
        ("address", network("  subnet: 192.168.2.0/24\n  gateway: ‸192.168.2")),
        ("address", network("  subnet: 192.168.2.0/24\n  gateway: ‸192.168.2.1/24")),
        ("outside-subnet", network("  subnet: 192.168.2.0/24\n  gateway: ‸192.168.3.1")),
        ("reserved-address", network("  subnet: 192.168.2.0/24\n  gateway: ‸192.168.2.255")),
        ("address", network("  subnet: 192.168.2.0/24\n  dns: [‸dns.example.org, 9.9.9.9, ‸127.0.0.1]")),
        ("missing-key", network("  subnet: 192.168.2.0/24\n  ‸wifi: {ssid: a}")),
        ("missing-key", network("  subnet: 192.168.2.0/24\n  ‸wifi: {country: DE}")),
        ("ssid", network("  subnet: 192.168.2.0/24\n  wifi: {country: DE, ssid: ‸123456789-123456789-123456789-123}")),
        ("wrong-type", network("  subnet: 192.168.2.0/24\n  wifi: {country: DE, ssid: ‸12345678}")),
        ("country", network("  subnet: 192.168.2.0/24\n  wifi: {country: ‸UK, ssid: a}")),
        ("country", network("  subnet: 192.168.2.0/24\n  wifi: {country: ‸de, ssid: a}")),
        ("literal-secret", network("  subnet: 192.168.2.0/24\n  wifi: {country: DE, ssid: a, passphrase: ‸correct horse}")),
        // Nodes
        ("node-count", "base: debian:bookworm\nnetwork: {subnet: 10.0.0.0/8, gateway: 10.0.0.1}\n‸nodes: []\n".into()),
        ("missing-key", nodes("  - ‸address: 192.168.2.5")),
        ("missing-key", nodes("  - ‸name: a")),
        ("missing-key", nodes("  - ‸name: a\n    dhcp: true")),
        ("missing-key", nodes("  - ‸name: a\n    remote: true")),
        ("missing-key", nodes("  - {name: a, remote: true, public: a.example.org, address: ‸10.0.0.1}")),
        ("missing-key", nodes("  - {name: a, remote: true, public: a.example.org, dhcp: ‸false}")),
        ("misplaced-key", nodes("  - {name: a, address: 192.168.2.5, ‸public: a.example.org}")),
        ("misplaced-key", nodes("  - {name: a, address: 192.168.2.5, ‸network: {subnet: 10.0.0.0/8}}")),
        ("node-name", nodes("  - {name: ‸Cluster01, address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸cluster_01, address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸a.example.org, address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸-a, address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸käse, address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸localhost, address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸\"123\", address: 192.168.2.5}")),
        ("node-name", nodes(&format!("  - {{name: ‸{}, address: 192.168.2.5}}", "a".repeat(64)))),
        ("duplicate-name", nodes("  - {name: a, address: 192.168.2.5}\n  - {name: ‸a, address: 192.168.2.6}")),
        ("duplicate-address", nodes("  - {name: a, address: 192.168.2.5}\n  - {name: b, address: ‸192.168.2.5}")),
        (
            "duplicate-mac",
            nodes(
                "  - {name: a, address: 192.168.2.5, mac: 'b8:27:eb:00:00:0a'}\n  - {name: b, address: 192.168.2.6, mac: ‸B8-27-EB-00-00-0A}",
            ),
        ),
        ("mac", nodes("  - {name: a, address: 192.168.2.5, mac: ‸'b8:27:eb:00:00'}")),
        ("mac", nodes("  - {name: a, address: 192.168.2.5, mac: ‸'01:00:5e:00:00:01'}")),
        ("address", nodes("  - {name: a, address: ‸192.168.2.05}")),
        ("address", nodes("  - {name: a, address: ‸cluster01}")),
        ("outside-subnet", nodes("  - {name: a, address: ‸192.168.3.5}")),
        ("reserved-address", nodes("  - {name: a, address: ‸192.168.2.0}")),
        ("reserved-address", nodes("  - {name: a, address: ‸192.168.2.255}")),
        ("reserved-address", nodes("  - {name: a, address: ‸192.168.2.1}")),
        ("outside-subnet", nodes("  - {name: a, remote: true, public: 8.8.8.8, address: ‸10.1.0.5, network: {subnet: 10.0.0.0/16}}")),
        ("dns-name", nodes("  - {name: a, remote: true, public: ‸https://a.example.org}")),
        ("dns-name", nodes("  - {name: a, remote: true, public: ‸elsewhere}")),
        ("duplicate-name", nodes("  - {name: a, remote: true, public: ‸b}\n  - {name: b, address: 192.168.2.5}")),
        ("duplicate-name", nodes("  - {name: a, remote: true, public: x.org}\n  - {name: b, remote: true, public: ‸X.org}")),
        ("duplicate-address", nodes("  - {name: a, address: 192.168.2.5}\n  - {name: b, remote: true, public: ‸192.168.2.5}")),
        ("address", nodes("  - {name: a, remote: true, public: ‸127.0.0.1}")),
        // Patterns
        ("pattern", nodes("  - {name: ‸pi%d, address: 192.168.2.5}")),
        ("pattern", nodes("  - {name: ‸pi, count: 2, first_address: 192.168.2.5}")),
        ("pattern", nodes("  - {name: ‸pi%d%d, count: 2, first_address: 192.168.2.5}")),
        ("pattern", nodes("  - {name: ‸pi%09d, count: 2, first_address: 192.168.2.5}")),
        ("missing-key", nodes("  - {‸name: pi%d, count: 2}")),
        ("node-count", nodes("  - {name: pi%d, count: ‸0, first_address: 192.168.2.5}")),
        ("node-count", nodes("  - {name: pi%d, count: ‸100000, first_address: 192.168.2.5}")),
        ("pattern", nodes("  - {name: pi%d, count: 2, start: ‸1000000, first_address: 192.168.2.5}")),
        ("node-name", nodes("  - {name: ‸Pi%d, count: 40, first_address: 192.168.2.5}")),
        ("reserved-address", nodes("  - {name: pi%d, count: 40, first_address: ‸192.168.2.230}")),
        ("reserved-address", nodes("  - {name: pi%d, count: 2, first_address: ‸192.168.2.1}")),
        ("outside-subnet", nodes("  - {name: pi%d, count: 2, first_address: ‸192.168.3.1}")),
        ("duplicate-name", nodes("  - {name: pi3, address: 192.168.2.100}\n  - {name: ‸pi%d, count: 4, first_address: 192.168.2.5}")),
        ("duplicate-address", nodes("  - {name: pi%d, count: 4, first_address: 192.168.2.5}\n  - {name: a, address: ‸192.168.2.8}")),
    ]
}

#[test]
fn every_mistake_is_placed() {
    let table = table();
    assert!(table.len() >= 60);
    let mut failures = String::new();
    for (code, marked) in table {
        let (text, marks) = marks(&marked);
        assert!(!marks.is_empty(), "{marked}");
        let Err(errors) = check(&text) else { panic!("accepted:\n{text}") };
        let expected: Vec<_> = marks.into_iter().map(|(line, column)| (code, line, column)).collect();
        if places(&errors) != expected {
            failures.push_str(&format!("{expected:?}\n{}", errors.report().render(false, 120)));
        }
        assert_eq!(errors.kind(), Kind::Usage);
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_mistake_has_a_way_out() {
    for (code, marked) in table() {
        let Err(errors) = check(&marks(&marked).0) else { panic!("accepted:\n{marked}") };
        for problem in errors.report().problems() {
            assert!(!problem.message.ends_with('.') && !problem.message.is_empty(), "{}", problem.message);
            // Where the message itself says what is expected.
            let plain = ["wrong-type", "too-complex", "node-count", "address"].contains(&code);
            assert!(problem.hint.is_some() || plain, "{code}: {}", problem.message);
        }
    }
}

/// The texts of a report are what a user lives with, so a few of them are pinned.
#[test]
fn messages_help() {
    for (text, message, hint) in [
        (top("nods: []"), "there is no key `nods` here", Some("did you mean `nodes`?")),
        (
            top("root_size: 4G"),
            "`4G` is no size: it has the unit `G`, which some read as decimal and some as binary",
            Some("write `4 GB` or `4 GiB`"),
        ),
        (nodes("  - {name: Cluster01, address: 192.168.2.5}"), "`Cluster01` is no host name: it has capitals", Some("write `cluster01`")),
        (nodes("  - {name: 123, address: 192.168.2.5}"), "expected a text, got a number", Some("put it in quotes: \"123\"")),
        (
            nodes("  - {name: pi%02d, count: 40, first_address: 192.168.2.230}"),
            "192.168.2.255 is the subnet's broadcast address and not free for `pi26`",
            Some("hosts there have 192.168.2.1 to 192.168.2.254"),
        ),
        (
            network("  subnet: 192.168.2.0/255.255.255.0"),
            "`192.168.2.0/255.255.255.0` has a netmask in place of a prefix length",
            Some("write `192.168.2.0/24`"),
        ),
        (top("ssh: {password_login: yes}"), "expected `true` or `false`, got a text", Some("write `true`")),
        (top("locale: de_DE.utf8"), "`de_DE.utf8` is no name of a locale", Some("write `de_DE.UTF-8`")),
    ] {
        let errors = check(&text).expect_err(&text);
        let problem = &errors.report().problems()[0];
        assert_eq!((problem.message.as_str(), problem.hint.as_deref()), (message, hint));
    }
}

#[test]
fn both_places_of_a_duplicate_are_named() {
    let errors = check(&nodes("  - {name: a, address: 192.168.2.5}\n  - {name: b, address: 192.168.2.5}")).unwrap_err();
    let related = &errors.report().problems()[0].related;
    assert_eq!((related[0].line, related[0].column, related[0].message.as_str()), (4, 24, "first here"));
}

/// The point of the whole module: a profile with many mistakes lists them all.
#[test]
fn all_mistakes_at_once() {
    let marked = "\
version: 1
base: ‸debian:Bookworm
card_size: ‸16
root_size: 4 GiB
‸tiem_zone: Europe/Berlin
locale: ‸de_DE
brick:
  mount: ‸/usr
  label: ‸far-too-long-a-label
user:
  name: ‸root
  password: ‸raspberry
  sudo: ‸true
network:
  subnet: 192.168.2.0/24
  gateway: ‸192.168.3.1
  ‸wifi: {ssid: Home, passphrase: ‸correct horse}
ntp: [‸a_b]
nodes:
  - {name: ‸Cluster01, address: 192.168.2.5}
  - {name: b, address: ‸192.168.2.255}
  - {name: c, address: ‸10.0.0.1}
  - {name: d, address: 192.168.2.6, ‸public: d.org}
  - {name: ‸d, address: ‸192.168.2.6}
  - ‸name: e
";
    let codes = [
        "base",
        "size",
        "unknown-key",
        "locale",
        "mount-point",
        "label",
        "user-name",
        "password",
        "sudo",
        "outside-subnet",
        "missing-key",
        "literal-secret",
        "dns-name",
        "node-name",
        "reserved-address",
        "outside-subnet",
        "misplaced-key",
        "duplicate-name",
        "duplicate-address",
        "missing-key",
    ];
    let (text, marks) = marks(marked);
    let errors = check(&text).unwrap_err();
    let expected: Vec<_> = codes.iter().zip(marks).map(|(code, (line, column))| (*code, line, column)).collect();
    assert_eq!(expected.len(), 20);
    assert_eq!(places(&errors), expected, "{}", errors.report().render(false, 120));
}

#[test]
fn the_report_underlines_the_value() {
    let errors = check(&nodes("  - {name: a, address: 192.168.3.5}")).unwrap_err();
    let text = errors.report().render(false, 120);
    assert!(text.contains("/nonexistent/cluster01.yaml:4:24"), "{text}");
    let underline = text.lines().find(|line| line.contains('─') && !line.contains("╭")).unwrap_or_default();
    let source = text.lines().find(|line| line.contains("name: a")).unwrap();
    let at = source.chars().collect::<String>().find("192.168.3.5").map(|at| source[..at].chars().count()).unwrap();
    assert_eq!(underline.chars().position(|c| c == '─' || c == '┬'), Some(at), "{text}");
    assert!(text.contains("hosts there have 192.168.2.1 to 192.168.2.254"), "{text}");
    assert_eq!(errors.to_string(), "/nonexistent/cluster01.yaml:4:24: the address 192.168.3.5 of `a` is outside the subnet 192.168.2.0/24");
}

#[test]
fn json_has_code_message_place_and_hint() {
    let errors = check(&top("nods: []")).unwrap_err();
    let json = serde_json::to_value(errors.report().problems()).unwrap();
    let expected = serde_json::json!([{
        "code": "unknown-key", "severity": "error", "message": "there is no key `nods` here", "line": 6, "column": 1,
        "hint": "did you mean `nodes`?", "related": []
    }]);
    assert_eq!(json, expected);
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let text = format!("\u{feff}nods: 1\r\n{}", top("").replace('\n', "\r\n"));
    assert_eq!(places(&check(&text).unwrap_err()), [("unknown-key", 1, 1)]);
}

#[test]
fn bad_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let large = write("large.yaml", &vec![b'#'; (1 << 20) + 1]);
    let latin1 = write("latin1.yaml", b"base: a\ncluster: k\xe4se\n");
    let stem = write("a b.yaml", top("").as_bytes());
    for (path, code, place) in [
        (folder.path().join("none.yaml"), Code::Unreadable, (0, 0)),
        (folder.path().to_owned(), Code::Unreadable, (0, 0)),
        (large, Code::TooLarge, (0, 0)),
        (latin1, Code::NotUtf8, (2, 11)),
        (stem, Code::ClusterName, (1, 1)),
    ] {
        let errors = load(&path, &Variables::default()).unwrap_err();
        let problem = &errors.report().problems()[0];
        assert_eq!((problem.code, (problem.line(), problem.column())), (code, place), "{errors}");
        assert!(!errors.report().render(false, 80).is_empty());
    }
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", ")));
    }
    let errors = check(&text).unwrap_err();
    assert_eq!(errors.report().problems()[0].code, Code::TooComplex);
}

#[test]
fn a_flood_of_mistakes_is_counted() {
    let text: String = (0..5000).map(|number| format!("k{number}: 1\n")).collect();
    let report = parse(&text, Path::new("a.yaml"), &Variables::default()).unwrap_err();
    assert_eq!(report.report().problems().len(), 500);
    assert_eq!(report.report().more(), 4503, "5000 keys and three that are missing");
}

/// Whatever a megabyte is full of, it is judged in a moment.
#[test]
fn large_files_do_not_hang() {
    let pieces = [
        "k", "[", "{", "- ", "? ", ": ", "a: ", "a: b\n", "- a\n", "&a ", "*a ", "!a ", "\"", "'", "#", "\n", "\t", " ", "|\n", "{a: ",
        "[a, ", "- - ", "\u{feff}", "%a\n", "---\n", "\\", "a\n", "<<: *a\n", "!env a\n", "[],", "- [",
    ];
    for piece in pieces {
        for start in ["", "a: [", "a: \"", "nodes:\n- "] {
            let text = format!("{start}{}", piece.repeat((1 << 18) / piece.len()));
            let begun = std::time::Instant::now();
            if let Err(errors) = check(&text) {
                assert!(!errors.report().render(false, 80).is_empty());
            }
            assert!(begun.elapsed().as_secs() < 20, "{start:?} {piece:?}");
        }
    }
    let keys: String = (0..45_000).map(|number| format!("k{number}: 1\n")).collect();
    assert_eq!(check(&keys).unwrap_err().report().more(), 44_503);
}
