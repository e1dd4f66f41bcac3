//! Messages and keyrings that are not what they should be.

use proptest::prelude::*;

use super::*;

static BY_ALICE: LazyLock<String> = LazyLock::new(|| ALICE.inline(TEXT, Made::default()));
static BY_MALLORY: LazyLock<String> = LazyLock::new(|| MALLORY.inline(TEXT, Made::default()));
static BESIDE: LazyLock<Vec<u8>> = LazyLock::new(|| ALICE.sign(b"x", Made { kind: SignatureType::Binary, ..Made::default() }));

#[test]
fn what_no_signature_covers_is_refused() {
    let good = BY_ALICE.clone();
    let (head, tail) = good.split_at(good.find("-----BEGIN PGP SIGNATURE").unwrap());
    let empty = "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n";
    let malformed = "well-formed";
    let cases = [
        ("unsigned", TEXT.to_owned(), "is not signed"),
        ("nothing", String::new(), "is not signed"),
        ("white space", "\n \n".to_owned(), "is not signed"),
        ("empty signature", format!("{head}{empty}"), "is not signed"),
        ("appended text", format!("{good}Suite: evil\n"), "text outside of the signed message, behind"),
        ("prepended text", format!("Suite: evil\n\n{good}"), "text outside of the signed message, in front of"),
        ("two messages", format!("{good}{good}"), "more than one signed message"),
        ("a message in a message", format!("{}\n{good}", &good[..60]), "more than one signed message"),
        ("two blocks of signatures", format!("{good}{tail}"), "more than one signed message"),
        ("other header", good.replacen("Hash: SHA256", "Comment: x", 1), malformed),
        ("header that goes on", good.replacen("Hash: SHA256", "Hash: SHA256\n \u{b}", 1), malformed),
        ("text for a header", good.replacen("Hash: SHA256\n", "Hash: SHA256\nSuite: evil\n", 1), malformed),
        ("unescaped dash", good.replacen("- -----\n", "-----\n", 1), malformed),
        ("carriage return", good.replacen("stable", "sta\rble", 1), malformed),
        ("zero byte", good.replacen("stable", "sta\0ble", 1), malformed),
        ("no signature", head.to_owned(), malformed),
        ("truncated", good[..good.len() - 40].to_owned(), malformed),
        ("truncated packet", message(TEXT, &ALICE.sign(b"", Made::default())[..200]), malformed),
        ("no base64", good.replacen(tail.lines().nth(2).unwrap(), "!!!!", 1), malformed),
        ("a key among signatures", message(TEXT, &alice()), malformed),
        ("changed text", good.replacen("stable", "staple", 1), "changed or damaged"),
        ("added line", good.replacen("Suite", "A: b\nSuite", 1), "changed or damaged"),
        ("space in front", good.replacen("Suite", " Suite", 1), "changed or damaged"),
    ];
    for (name, message, words) in cases {
        let error = verify(&message, &alice()).unwrap_err();
        assert!(error.to_string().contains(words) && error.kind() == Kind::Verification, "{name}: {error}");
    }
    let large = vec![b'\n'; MAX_MESSAGE + 1];
    let error = verify_inline(&large, &keyring(&alice()), *NOW).unwrap_err();
    assert_eq!(error, SignatureError::TooLarge { bytes: large.len(), limit: MAX_MESSAGE });
    let error = verify_detached(&large[1..], &BESIDE.repeat(17), &keyring(&alice()), *NOW).unwrap_err();
    assert_eq!(error, SignatureError::TooMany { limit: 16 }, "and not 64 times 16 MiB");
}

#[test]
fn keyrings_are_read_and_refused() {
    let armor = armored("PUBLIC KEY BLOCK", &alice());
    let two = keyring(format!("Comment\n{armor}\n{}", armored("PUBLIC KEY BLOCK", &MALLORY.certificate(&Shape::default()))).as_bytes());
    assert_eq!((two.len(), two.skipped(), two.is_empty()), (2, 0, false));
    // A key of version 9 in front is not understood, and does not disturb the other.
    let strange = [0xc6, 3, 9, 0, 0];
    let one = keyring(&[&strange[..], &alice()].concat());
    assert_eq!((one.len(), one.skipped()), (1, 1));
    assert!(verify_inline(ALICE.inline(TEXT, Made::default()).as_bytes(), &one, *NOW).is_ok());
    let many = strange.repeat(MAX_CERTIFICATES + 2);
    let cases: [(&[u8], &str); 9] = [
        (b"", "no OpenPGP key"),
        (b"text\n", "no OpenPGP key"),
        (&strange, "none of its 1 keys is understood"),
        (&alice()[..100], "damaged or cut off"),
        (&armor.as_bytes()[..200], "within its armour"),
        (b"\0\0\0\x20\x01\x01\0\x02KBXf\0\0", "keybox"),
        (&ALICE.sign(b"", Made::default()), "no OpenPGP key"),
        (&many, "more than 1000 keys"),
        (&vec![0x80; MAX_KEYRING + 1], "bytes, more than"),
    ];
    for (bytes, words) in cases {
        let error = Keyring::new("/k.gpg", bytes, Sha1Bindings::Tolerated).unwrap_err();
        assert!(error.to_string().contains(words) && error.to_string().starts_with("/k.gpg: "), "{error}");
        assert_eq!(error.kind(), Kind::Corrupt);
    }
}

/// Sets some bytes, and cuts the end off.
fn damage(bytes: &mut Vec<u8>, flips: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) {
    for (at, mask) in flips {
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_message_is_refused_or_says_the_same(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut message = BY_ALICE.clone().into_bytes();
        damage(&mut message, &flips, cut);
        if let Ok(verified) = verify_inline(&message, &keyring(&alice()), *NOW) {
            prop_assert_eq!(verified.text(), TEXT.as_bytes());
        }
    }

    #[test]
    fn damaged_packets_of_a_signature_do_not_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut packets = BESIDE.clone();
        damage(&mut packets, &flips, cut);
        let _ = verify_detached(b"x", &packets, &keyring(&alice()), *NOW);
        prop_assert!(verify_detached(b"y", &packets, &keyring(&alice()), *NOW).is_err());
    }

    #[test]
    fn a_damaged_keyring_does_not_make_others_trusted(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut keys = alice();
        damage(&mut keys, &flips, cut);
        if let Ok(keyring) = Keyring::new("a", &keys, Sha1Bindings::Tolerated) {
            prop_assert!(verify_inline(BY_MALLORY.as_bytes(), &keyring, *NOW).is_err());
            let _ = verify_inline(BY_ALICE.as_bytes(), &keyring, *NOW);
        }
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Keyring::new("a", &bytes, Sha1Bindings::Tolerated);
        let _ = verify_detached(b"x", &bytes, &keyring(&alice()), *NOW);
        prop_assert!(verify_inline(&bytes, &keyring(&alice()), *NOW).is_err());
    }
}
