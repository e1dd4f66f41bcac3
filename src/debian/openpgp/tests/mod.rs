//! Attacks on signatures, each refused by its name, with gpgv's opinion beside ours.

mod hostile;
mod kit;

use std::{fs, process::Command, sync::LazyLock};

use pgp::{crypto::hash::HashAlgorithm, packet::RevocationCode};

use self::kit::{ALICE, Certificate as Shape, DAY, HOUR, MALLORY, Made, NOW, Owner, armored, message};
use super::*;
use crate::{
    debian::sources::SignedBy,
    error::{Classified as _, Kind},
};

const TEXT: &str = "Origin: Test\nSuite: stable\n-----\n- x\n\nSHA256:\n 00 1 a\n";

fn keyring(bytes: &[u8]) -> Keyring {
    Keyring::new("a.gpg", bytes, Sha1Bindings::Tolerated).unwrap()
}

fn alice() -> Vec<u8> {
    static KEYS: LazyLock<Vec<u8>> = LazyLock::new(|| ALICE.certificate(&Shape::default()));
    KEYS.clone()
}

fn verify(message: &str, keys: &[u8]) -> Result<Verified, SignatureError> {
    verify_inline(message.as_bytes(), &keyring(keys), *NOW)
}

/// Why the only signature does not count.
fn reason(message: &str, keys: &[u8]) -> Reason {
    match verify(message, keys).unwrap_err() {
        SignatureError::NoneGood(mut rejected) if rejected.len() == 1 => rejected.remove(0).reason,
        other => panic!("{other}"),
    }
}

/// Whether gpgv finds a good signature, and none that is bad, in the words that apt looks for.
fn gpgv(message: &[u8], detached: Option<&[u8]>, keys: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut command = Command::new("gpgv");
    command.arg("--homedir").arg(dir.path()).args(["--status-fd", "1", "--keyring"]).arg(write("keys.gpg", keys));
    command.args(detached.map(|signature| write("signature", signature))).arg(write("message", message));
    let output = command.output().expect("gpgv; .ci/setup test installs it");
    let status = String::from_utf8_lossy(&output.stdout);
    status.contains("[GNUPG:] GOODSIG ") && status.contains("[GNUPG:] VALIDSIG ")
}

#[test]
fn a_good_message_is_verified() {
    let message = ALICE.inline(TEXT, Made::default());
    let verified = verify(&message, &alice()).unwrap();
    assert_eq!(verified.text(), TEXT.as_bytes());
    let [signer] = verified.signers() else { panic!("one signer") };
    assert_eq!((&signer.fingerprint, &signer.certificate), (&ALICE.subkey_fingerprint(), &ALICE.fingerprint()));
    assert_eq!((signer.user_id.as_str(), signer.file.as_str()), ("Alice's archive <alice@example.org>", "a.gpg"));
    assert!(verified.rejected().is_empty() && verified.notes().is_empty());
    assert!(gpgv(message.as_bytes(), None, &alice()));
    // As it may come through mail and Windows: white space at the ends of lines is not signed, and not handed on.
    let spaced = format!("\n{}\n\n", message.replace("Suite: stable\n", "Suite: stable \t\n").replace('\n', "\r\n"));
    assert_eq!(verify(&spaced, &alice()).unwrap().text(), TEXT.as_bytes());
    for made in [Made { by_primary: true, ..Made::default() }, Made { kind: SignatureType::Binary, ..Made::default() }] {
        let message = ALICE.inline(TEXT, made);
        assert!(verify(&message, &alice()).is_ok() && gpgv(message.as_bytes(), None, &alice()));
    }
    for text in ["", "\n", "a\n\n", "-\n"] {
        // The end of the last line belongs to the signature, and empty lines in front of it do not.
        let packets = ALICE.sign(text.strip_suffix('\n').unwrap_or(text).replace('\n', "\r\n").as_bytes(), Made::default());
        let message = kit::message(text, &packets);
        assert_eq!(verify(&message, &alice()).map(|verified| verified.text().to_owned()), Ok(text.as_bytes().to_owned()), "{text:?}");
        assert!(gpgv(message.as_bytes(), None, &alice()), "{text:?}");
    }
}

#[test]
fn keys_that_may_not_sign_are_refused_by_name() {
    let normal = Shape::default();
    let soft = |at| Some((RevocationCode::KeySuperseded, at));
    let hard = |at| Some((RevocationCode::KeyCompromised, at));
    // Name, certificate, what is expected of us, whether gpgv takes it.
    let cases: [(&str, Shape, Option<&str>, bool); 13] = [
        ("good", normal.clone(), None, true),
        ("expired key", Shape { ends: (Some(-HOUR / 2), None), ..normal.clone() }, Some("the key expired"), false),
        ("expired subkey", Shape { ends: (None, Some(-HOUR / 2)), ..normal.clone() }, Some("the key expired"), false),
        ("not yet expired", Shape { ends: (Some(DAY), Some(DAY)), ..normal.clone() }, None, true),
        ("revoked key", Shape { revoked: hard(-HOUR / 2), ..normal.clone() }, Some("the key was revoked"), false),
        ("revoked subkey", Shape { subkey_revoked: hard(-HOUR / 2), ..normal.clone() }, Some("the key was revoked"), false),
        ("replaced before", Shape { revoked: soft(-DAY), ..normal.clone() }, Some("the key was revoked"), false),
        // gpgv does not tell replaced from stolen.
        ("replaced after", Shape { revoked: soft(-HOUR / 2), ..normal.clone() }, None, false),
        ("no back-signature", Shape { has_back_signature: false, ..normal.clone() }, Some("not bound"), false),
        ("not for signing", Shape { subkey_signs: false, ..normal.clone() }, Some("not meant for signing"), false),
        ("bound by another", Shape { binder: Some(&*MALLORY), ..normal.clone() }, Some("not bound"), false),
        ("user ID revoked", Shape { user_revoked: true, ..normal.clone() }, Some("not bound"), true),
        ("SHA-1 bindings", Shape { hash: HashAlgorithm::Sha1, ..normal }, None, true),
    ];
    let message = ALICE.inline(TEXT, Made::default());
    let mut differ = Vec::new();
    for (name, certificate, expected, by_gpgv) in cases {
        let keys = ALICE.certificate(&certificate);
        match (verify(&message, &keys), expected) {
            (Ok(verified), None) => assert_eq!(verified.notes().len(), usize::from(name == "SHA-1 bindings"), "{name}"),
            (Err(error), Some(words)) if error.to_string().contains(words) => assert_eq!(error.kind(), Kind::Verification),
            (result, _) => panic!("{name}: {result:?}"),
        }
        if gpgv(message.as_bytes(), None, &keys) != by_gpgv {
            differ.push(name);
        }
    }
    assert!(differ.is_empty(), "gpgv: {differ:?}");
}

#[test]
fn sha1_bindings_are_refused_where_the_keyring_says_so() {
    let keys = ALICE.certificate(&Shape { hash: HashAlgorithm::Sha1, ..Shape::default() });
    let strict = Keyring::new("a.gpg", &keys, Sha1Bindings::Refused).unwrap();
    let message = ALICE.inline(TEXT, Made::default());
    let error = verify_inline(message.as_bytes(), &strict, *NOW).unwrap_err();
    assert!(error.to_string().contains("SHA-1 alone"), "{error}");
    // MD5 never counts.
    let md5 = ALICE.certificate(&Shape { hash: HashAlgorithm::Md5, ..Shape::default() });
    assert_eq!(reason(&message, &md5), Reason::Unbound);
    // A revocation counts whatever its hash.
    let revoked = Some((RevocationCode::NoReason, -DAY));
    let keys = ALICE.certificate(&Shape { hash: HashAlgorithm::Sha1, revoked, ..Shape::default() });
    let mut both = Keyring::new("a.gpg", &alice(), Sha1Bindings::Refused).unwrap();
    both.add(Keyring::new("b.gpg", &keys, Sha1Bindings::Refused).unwrap()).unwrap();
    let error = verify_inline(message.as_bytes(), &both, *NOW).unwrap_err().to_string();
    assert!(error.contains("revoked"), "the newer copy of the key knows it: {error}");
}

#[test]
fn signatures_that_do_not_count_are_refused_by_name() {
    let normal = Made::default();
    let cases: [(&str, Made, &str, bool); 8] = [
        // gpgv leaves this to apt, which refuses it.
        ("SHA-1", Made { hash: HashAlgorithm::Sha1, ..normal }, "SHA-1 is too weak", true),
        ("RIPEMD", Made { hash: HashAlgorithm::Ripemd160, ..normal }, "RIPEMD160 is too weak", true),
        ("SHA-224", Made { hash: HashAlgorithm::Sha224, ..normal }, "SHA224 is too weak", true),
        ("MD5", Made { hash: HashAlgorithm::Md5, ..normal }, "MD5 is too weak", false),
        ("expired", Made { ends: Some(-HOUR / 2), ..normal }, "it expired at 20", false),
        // gpgv takes it, and warns.
        ("future", Made { at: 2 * DAY, ..normal }, "in the future", true),
        ("before the key", Made { at: -200 * DAY, ..normal }, "older than its key", false),
        ("strange", Made { is_strange: true, ..normal }, "not understood", false),
    ];
    let mut differ = Vec::new();
    for (name, made, words, by_gpgv) in cases {
        let message = ALICE.inline(TEXT, made);
        let error = verify(&message, &alice()).unwrap_err();
        assert!(error.to_string().contains(words) && error.kind() == Kind::Verification, "{name}: {error}");
        // GnuPG looks for what the header names, we do not believe headers.
        let message = message.replacen("SHA256", "SHA256, SHA1, RIPEMD160, SHA224", 1);
        if gpgv(message.as_bytes(), None, &alice()) != by_gpgv {
            differ.push(name);
        }
    }
    assert!(differ.is_empty(), "gpgv: {differ:?}");
    assert!(verify(&ALICE.inline(TEXT, Made { at: 23 * HOUR, ..normal }), &alice()).is_ok(), "clocks are not that good");
    let mut packet = ALICE.sign(b"", normal);
    // Where the kind stands: the certification of a user ID is none of a file.
    packet[4] = 0x13;
    assert_eq!(reason(&message(TEXT, &packet), &alice()), Reason::WrongType);
    let small = Owner::with_bits(3, "small", 1024);
    let keys = small.certificate(&Shape::default());
    assert_eq!(reason(&small.inline(TEXT, normal), &keys), Reason::TooWeak("RSA of 1024 bits".to_owned()));
}

#[test]
fn one_good_signature_will_do() {
    let data = TEXT.trim_end().replace('\n', "\r\n");
    let (good, other) = (ALICE.sign(data.as_bytes(), Made::default()), MALLORY.sign(data.as_bytes(), Made::default()));
    let verified = verify(&message(TEXT, &[other.clone(), good.clone()].concat()), &alice()).unwrap();
    let rejected = [Rejected { issuer: MALLORY.subkey_fingerprint(), reason: Reason::UnknownKey }];
    assert_eq!((verified.signers().len(), verified.rejected()), (1, &rejected[..]));
    let error = verify(&message(TEXT, &other), &alice()).unwrap_err().to_string();
    assert!(error.contains(&MALLORY.subkey_fingerprint()) && error.contains("none of the keyrings"), "{error}");
    assert!(!gpgv(message(TEXT, &other).as_bytes(), None, &alice()));
    assert_eq!(verify(&message(TEXT, &good.repeat(65)), &alice()), Err(SignatureError::TooMany { limit: 64 }));
    let two = [alice(), MALLORY.certificate(&Shape::default())].concat();
    let verified = verify(&message(TEXT, &[other, good].concat()), &two).unwrap();
    assert_eq!(verified.signers()[0].user_id, "Mallory\u{fffd}<mallory@example.org>");
    assert_eq!(verified.signers().len(), 2);
}

#[test]
fn fingerprints_restrict_the_keyring() {
    let message = ALICE.inline(TEXT, Made::default());
    let two = keyring(&[alice(), MALLORY.certificate(&Shape::default())].concat());
    let bound = |digits: String, is_exact| two.clone().only(&[SignedBy::Fingerprint { digits, is_exact }]);
    let cases = [
        (bound(ALICE.fingerprint(), false), true),
        (bound(ALICE.fingerprint(), true), false),
        (bound(ALICE.subkey_fingerprint(), false), true),
        (bound(ALICE.subkey_fingerprint(), true), true),
        (bound(MALLORY.fingerprint(), false), false),
        (two.clone().only(&[SignedBy::Keyring("/a".to_owned())]), true),
    ];
    for (number, (keyring, is_good)) in cases.into_iter().enumerate() {
        match verify_inline(message.as_bytes(), &keyring, *NOW) {
            Ok(_) => assert!(is_good, "{number}"),
            Err(error) => assert!(!is_good && error.to_string().contains("bound to other keys"), "{number}: {error}"),
        }
    }
}

#[test]
fn files_with_signatures_beside_them_are_verified() {
    let made = Made { kind: SignatureType::Binary, ..Made::default() };
    let data = "Origin: x\r\n trailing \nno end";
    let (binary, other) = (ALICE.sign(data.as_bytes(), made), MALLORY.sign(data.as_bytes(), made));
    let armor = armored("SIGNATURE", &binary);
    let ring = keyring(armored("PUBLIC KEY BLOCK", &alice()).as_bytes());
    for signature in [binary.clone(), armor.clone().into_bytes(), (armored("SIGNATURE", &other) + &armor).into_bytes()] {
        let verified = verify_detached(data.as_bytes(), &signature, &ring, *NOW).unwrap();
        assert_eq!((verified.text(), verified.signers().len()), (data.as_bytes(), 1));
    }
    assert!(gpgv(data.as_bytes(), Some(armor.as_bytes()), &alice()));
    let refused = |data: &str, signature: &str| verify_detached(data.as_bytes(), signature.as_bytes(), &ring, *NOW).unwrap_err();
    assert!(refused("Origin: y", &armor).to_string().contains("changed"));
    assert!(!gpgv(b"Origin: y", Some(armor.as_bytes()), &alice()));
    assert_eq!(refused(data, ""), SignatureError::Unsigned);
    assert!(matches!(refused(data, &format!("x\n{armor}")), SignatureError::Malformed { .. }));
    assert_eq!(refused(data, "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"), SignatureError::Unsigned);
}
