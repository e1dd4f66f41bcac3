//! Who signed, with what, and what stands around it.

use pgp::{crypto::hash::HashAlgorithm, packet::RevocationCode};

use crate::{
    archive::{Archive, Signing},
    attack::{Attack, all_fail},
    kit::{ALICE, Certificate, DAY, HOUR, MALLORY, Made},
};

/// What is done to a signed message.
type Change = Box<dyn FnOnce(String) -> String>;

fn good() -> Archive {
    Archive::new()
}

#[test]
fn signatures_that_do_not_count() {
    let archive = good();
    let made = |made: Made| Archive { made, ..good() }.files();
    let made_by = |certificate: Certificate| ALICE.certificate(&certificate);
    let normal = Made::default();
    let shape = Certificate::default;
    let text = archive.release(&archive.indices());
    let unsigned = archive.with_message(|_| text.clone());
    all_fail(&[
        Attack::new("unsigned InRelease", "is not signed", unsigned),
        Attack::new("empty InRelease", "is not signed", archive.with_message(|_| String::new())),
        Attack::new("wrong key", "none of the keyrings of this source", Archive { owner: &MALLORY, ..good() }.files()),
        Attack::new("expired key", "the key expired", good().files())
            .key(&made_by(Certificate { ends: (Some(-HOUR / 2), None), ..shape() })),
        Attack::new("expired subkey", "the key expired", good().files())
            .key(&made_by(Certificate { ends: (None, Some(-HOUR / 2)), ..shape() })),
        Attack::new("revoked key", "the key was revoked", good().files())
            .key(&made_by(Certificate { revoked: Some((RevocationCode::KeyCompromised, -HOUR / 2)), ..shape() })),
        Attack::new("revoked subkey", "the key was revoked", good().files())
            .key(&made_by(Certificate { subkey_revoked: Some((RevocationCode::NoReason, -HOUR / 2)), ..shape() })),
        Attack::new("subkey of another", "not bound", good().files()).key(&made_by(Certificate { binder: Some(&*MALLORY), ..shape() })),
        Attack::new("signature from the future", "in the future", made(Made { at: 2 * DAY, ..normal })),
        Attack::new("expired signature", "it expired at", made(Made { ends: Some(-HOUR / 2), ..normal })),
        Attack::new("SHA-1 over the data", "SHA-1 is too weak", made(Made { hash: HashAlgorithm::Sha1, ..normal })),
        Attack::new("MD5 over the data", "MD5 is too weak", made(Made { hash: HashAlgorithm::Md5, ..normal })),
        Attack::new("signature older than its key", "older than its key", made(Made { at: -200 * DAY, ..normal })),
        Attack::new(
            "changed after it was signed",
            "changed or damaged",
            archive.with_message(|text| text.replacen("Label: Test", "Label: Best", 1)),
        ),
    ]);
}

#[test]
fn text_that_no_signature_covers() {
    let archive = good();
    let evil = archive.release(&archive.indices()).replacen("Label: Test", "Label: Evil", 1);
    let signature = |text: &str| text[text.find("-----BEGIN PGP SIGNATURE").unwrap()..].to_owned();
    let inside = |text: String| text.replacen("Origin: Test\n", "Origin: Test\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n", 1);
    let malformed = "no well-formed signed message";
    let cases: [(&str, &str, Change); 13] = [
        ("text in front of the signed message", "in front of", Box::new(move |text| format!("{evil}\n{text}"))),
        ("text behind it", "text outside of the signed message, behind", Box::new(|text| format!("{text}Suite: evil\n"))),
        ("two signed messages", "more than one signed message", Box::new(|text| format!("{text}{text}"))),
        ("a signed message in a signed message", "signed message", Box::new(inside)),
        ("two blocks of signatures", "more than one signed message", Box::new(move |text| format!("{text}{}", signature(&text)))),
        ("a line with an unescaped dash", malformed, Box::new(|text| text.replacen("Label: Test\n", "Label: Test\n-x\n", 1))),
        (
            "an escape that hides a line",
            "changed or damaged",
            Box::new(|text| text.replacen("Label: Test\n", "- Label: Test\n- Label: Evil\n", 1)),
        ),
        (
            "an escape in front of each line",
            "",
            Box::new(|text| text.replacen("Origin: Test", "Origin: Pest", 1).replacen("Label", "- Label", 1)),
        ),
        ("a text among the headers", malformed, Box::new(|text| text.replacen("Hash: SHA256\n", "Hash: SHA256\nSuite: evil\n", 1))),
        ("a carriage return that hides a line", malformed, Box::new(|text| text.replacen("Label: Test\n", "Label: Test\rEvil\n", 1))),
        ("a zero byte", malformed, Box::new(|text| text.replacen("Label: Test\n", "Label: Te\0st\n", 1))),
        ("cut off within the signature", malformed, Box::new(|text| text[..text.len() - 60].to_owned())),
        ("the signature left out", malformed, Box::new(|text| text[..text.find("-----BEGIN PGP SIGNATURE").unwrap()].to_owned())),
    ];
    let attacks = cases.map(|(name, words, change)| Attack::new(name, words, good().with_message(change)));
    all_fail(&attacks);
}

#[test]
fn signatures_beside_the_release() {
    let archive = Archive { signing: Signing::Beside, ..good() };
    let with = |change: &dyn Fn(&mut crate::archive::Files)| {
        let mut files = archive.files();
        change(&mut files);
        files
    };
    let (release, signature) = (archive.path("Release"), archive.path("Release.gpg"));
    let other = Archive { owner: &MALLORY, ..archive.clone() }.files();
    let older = Archive { signing: Signing::Beside, ..Archive::of_yesterday() }.files();
    let stripped = {
        let text = archive.release(&archive.indices());
        let mut files = archive.files();
        files.remove(&signature);
        files.insert(archive.path("InRelease"), text.into_bytes());
        files
    };
    all_fail(&[
        Attack::new("signature stripped, and Release without Release.gpg", "not signed", stripped),
        Attack::new("Release without Release.gpg", "neither `InRelease` nor `Release.gpg`", with(&|files| drop(files.remove(&signature)))),
        Attack::new(
            "Release.gpg by another key",
            "none of the keyrings",
            with(&|files| drop(files.insert(signature.clone(), other[&signature].clone()))),
        ),
        Attack::new(
            "Release.gpg of an older Release",
            "changed or damaged",
            with(&|files| drop(files.insert(signature.clone(), older[&signature].clone()))),
        ),
        Attack::new("empty Release.gpg", "not signed", with(&|files| drop(files.insert(signature.clone(), Vec::new())))),
        Attack::new(
            "Release.gpg is a web page",
            "signed message",
            with(&|files| drop(files.insert(signature.clone(), b"<html>".to_vec()))),
        ),
        Attack::new("Release with a line more", "changed or damaged", with(&|files| files.get_mut(&release).unwrap().extend(b"X: y\n"))),
        Attack::new(
            "keys instead of signatures",
            "something else than a signature",
            with(&|files| drop(files.insert(signature.clone(), ALICE.certificate(&Certificate::default())))),
        ),
    ]);
}
