//! No secret in a report, whatever is wrong around it; and no panic, whatever the text.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::support::{KEY, Variables, check};
use crate::profile::{ProfileErrors, parse};

const CANARY: &str = "hunter2canary";

fn silent(errors: &ProfileErrors, text: &str) {
    let report = errors.report();
    let json = serde_json::to_string(report.problems()).unwrap();
    for shown in
        [errors.to_string(), report.render(false, 100), report.render(true, 40), json, format!("{errors:?}"), format!("{errors:#?}")]
    {
        assert!(!shown.contains("canary"), "{text}\n\n{shown}");
    }
}

#[test]
fn no_secret_in_any_report() {
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----";
    for text in [
        format!("user:\n  password: {CANARY}\n  nam: x\n"),
        format!("user:\n  password: \"{CANARY}\"\n"),
        format!("user:\n  password: {CANARY} : x\n"),
        format!("user:\n  password: [{CANARY}\n"),
        format!("user:\n  password: [{CANARY}, {{a: {CANARY}}}]\n"),
        format!("user:\n  password: *{CANARY}\n"),
        format!("user:\n  password: !{CANARY}\n"),
        format!("user:\n  password: !{CANARY} [a]\n"),
        format!("user:\n  password: @{CANARY}\n"),
        format!("user:\n  password: %{CANARY}\n"),
        format!("user:\n  password: \"{CANARY}\n"),
        format!("user:\n  password: |\n    one\n    {CANARY}\n  nam: x\n"),
        format!("user:\n  password: one\n    {CANARY}\n  nam: x\n"),
        format!("user:\n  password:\n    {CANARY}\n   bad: x\n"),
        format!("user:\n  password: {CANARY}\n  password: {CANARY}\n"),
        format!("user:\n  pasword: {CANARY}\n"),
        format!("user:\n  Passwort: {CANARY}\n"),
        format!("x: &x {CANARY}\nuser:\n  password: *x\n"),
        format!("user: {{password: $y${CANARY}, nam: x}}\n"),
        format!("user:\n  # password: {CANARY}\n  nam: x\n"),
        format!("user:\n  keys:\n    - |\n      {private}\n      {CANARY}\n"),
        format!("user:\n  keys:\n    - {private}\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----\n"),
        format!("user:\n  keys:\n    - {private}\n    - {CANARY}\n"),
        format!("network:\n  wifi: {{ssid: a, passphrase: {CANARY}}}\n"),
        format!("network:\n  wifi: {{ssid: a, psk: {CANARY}}}\n"),
        format!("network:\n  wifi:\n    ssid: a passphrase: {CANARY}\n"),
        format!("base: https://me:{CANARY}@example.org/a.img\n"),
        format!("base: [https://me:{CANARY}@example.org/a.img\nnodes: x\n"),
        format!("network:\n  passphrase: {CANARY}\n  ssid: [\n"),
        format!("a: b\n---\npassword: {CANARY}\n"),
    ] {
        silent(&check(&text).unwrap_err(), &text);
    }
}

#[test]
fn no_secret_of_a_reference() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, CANARY).unwrap();
    let set = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    let variables = Variables::of(&[("WORD", CANARY), ("KEY", KEY)]);
    for mode in [0o644, 0o600] {
        set(mode);
        for text in [
            "user: {password: !env WORD, keys: !env WORD}\nnetwork: {wifi: {ssid: a, passphrase: !file file}}\n",
            "user: {password: !file file, keys: [!file file]}\nnodes: [{name: !env WORD}]\n",
            "user: {password: !env KEY}\n",
        ] {
            silent(&parse(text, &folder.path().join("p.yaml"), &variables).unwrap_err(), text);
        }
    }
}

#[test]
fn no_secret_in_a_profile_s_debug() {
    let text = "base: debian:bookworm\nnetwork: {subnet: 10.0.0.0/8, gateway: 10.0.0.1, wifi: {ssid: a, country: DE, passphrase: !env WORD}}\n\
                nodes: [{name: a, address: 10.0.0.2}]\n";
    let loaded = parse(text, Path::new("p.yaml"), &Variables::of(&[("WORD", CANARY)])).unwrap();
    assert!(!format!("{loaded:?}").contains("canary"));
}

/// Pieces that profiles are made of, so that random texts get past the grammar.
fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "base",
        "nodes",
        "network",
        "user",
        "password",
        "keys",
        "name",
        "address",
        "count",
        "first_address",
        "subnet",
        "wifi",
        "brick",
        "size",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "!env X",
        "!file /",
        "!x ",
        "&a ",
        "*a",
        "\"",
        "'",
        "|\n",
        ">\n",
        "#",
        "%",
        "---\n",
        "...\n",
        "192.168.2.0/24",
        "pi%02d",
        "4 GiB",
        "true",
        "~",
        "1",
        "debian:bookworm",
        "\t",
        "\u{feff}",
        "ä",
        "\r\n",
        "? ",
        "<<",
    ];
    prop_oneof![8 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => ".{0,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        if let Err(errors) = check(&text) {
            prop_assert!(!errors.report().is_empty());
            prop_assert!(!errors.report().render(false, 60).is_empty());
            for problem in errors.report().problems() {
                prop_assert!(problem.line() >= 1 && problem.column() >= 1);
            }
        }
    }

    /// A good profile with a few bytes changed gets further than any random text.
    #[test]
    fn no_slip_of_the_finger_makes_it_panic(slips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut bytes = include_bytes!("../../../profiles/cluster01.yaml").to_vec();
        for (at, byte) in slips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(errors) = check(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(!errors.report().render(false, 60).is_empty());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(errors) = check(&text) {
            prop_assert!(!errors.report().render(false, 60).is_empty());
        }
    }
}
