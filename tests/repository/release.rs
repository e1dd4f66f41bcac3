//! A `Release` that is signed, and yet not to be used: of another time, another suite, or of no sense.

use std::fmt::Write as _;

use crate::{
    archive::{Archive, Signing, date, hex},
    attack::{Attack, all_fail},
    bench::Bench,
    kit::{DAY, HOUR, Made},
    site::Site,
};

fn good() -> Archive {
    Archive::new()
}

#[test]
fn of_another_time_or_suite() {
    let at = |date, valid_until| Archive { date, valid_until, made: Made { at: date.min(-HOUR), ..Made::default() }, ..good() }.files();
    let named = |suite, codename| Archive { suite, codename, ..good() }.files();
    let without = |name: &str| {
        good().with_release(|text| text.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect())
    };
    let words = |name: &str, value: &str| {
        good().with_release(|text| {
            let line = |line: &str| if line.starts_with(name) { format!("{name}: {value}\n") } else { format!("{line}\n") };
            text.lines().map(line).collect()
        })
    };
    let nameless = good().with_release(|text| text.replacen("Suite: stable\nCodename: bookworm\n", "", 1));
    all_fail(&[
        Attack::new("expired Valid-Until", "it was valid until", at(-HOUR * 3, Some(-HOUR))),
        Attack::new("Date in the future", "in the future", at(2 * DAY, Some(5 * DAY))),
        Attack::new("no Date", "no `Date`", without("Date")),
        Attack::new("Date that is none", "no date", words("Date", "yesterday")),
        Attack::new("Valid-Until that is none", "no date", words("Valid-Until", "never")),
        Attack::new("Date in another zone", "no date", words("Date", &date(-HOUR).replace("UTC", "-0800"))),
        Attack::new("other suite and code name", "expected `bookworm`", named("testing", "trixie")),
        Attack::new("no suite", "it is of no named suite, expected `bookworm`", nameless),
        Attack::new("suite with the code name in it", "expected `bookworm`", named("bookworm-updates", "xbookworm")),
        Attack::new("other architecture", "no packages for arm64 in main", Archive { architectures: vec!["armhf"], ..good() }.files())
            .code(4),
        Attack::new("missing component", "no packages for arm64 in main", Archive { components: vec!["contrib"], ..good() }.files())
            .code(4),
    ]);
}

#[test]
fn without_sense() {
    let change = |change: &dyn Fn(String) -> String| good().with_release(change);
    let added = |line: String| change(&move |text| format!("{text} {line}\n"));
    let digest = hex(b"");
    let weak = |name: &str, digits: usize| {
        let line = format!(" {} 12 main/binary-arm64/Packages.xz\n", "0".repeat(digits));
        change(&|text| format!("{}{name}:\n{line}", text.split("SHA256:").next().unwrap()))
    };
    let many = |count| {
        change(&move |text| {
            let mut text = text;
            (0..count).for_each(|number| writeln!(text, " {} 0 {number}", hex(b"")).unwrap());
            text
        })
    };
    all_fail(&[
        Attack::new("MD5 only", "too weak", weak("MD5Sum", 32)),
        Attack::new("SHA-1 only", "too weak", weak("SHA1", 40)),
        Attack::new("no files", "no files", change(&|text| text.split("SHA256:").next().unwrap().to_owned())),
        Attack::new("201,000 files", "more than 200000 files", many(201_000)),
        Attack::new("300,000 files", "more than 16777216", many(300_000)),
        Attack::new("path out of the archive", "leads out", added(format!("{digest} 0 ../../etc/passwd"))),
        Attack::new("absolute path", "leads out", added(format!("{digest} 0 /etc/passwd"))),
        Attack::new("path with a control character", "leads out", added(format!("{digest} 0 main/\u{1b}[2J"))),
        Attack::new("size that is none", "no number", added(format!("{digest} -1 x"))),
        Attack::new("size of 2^64", "no number", added(format!("{digest} 18446744073709551616 x"))),
        Attack::new("digest cut off", "digest", added(format!("{} 0 x", &digest[1..]))),
        Attack::new("an index twice, not the same", "twice", added(format!("{digest} 0 main/binary-arm64/Packages.xz"))),
        Attack::new("two stanzas", "more than one stanza", change(&|text| format!("{text}\nOrigin: Evil\n"))),
        Attack::new("a field twice", "stands twice", change(&|text| format!("Suite: stable\n{text}"))),
        Attack::new("not UTF-8", "expected `bookworm`", change(&|text| text.replacen("bookworm", "b\u{fffd}", 1))),
        Attack::new(
            "another codename that shows as the same",
            "expected `bookworm`",
            change(&|text| text.replacen("bookworm", "bookworm\u{200b}", 1).replacen("stable", "x", 1)),
        ),
    ]);
}

/// What was seen once is never gone back behind, in the lock or in the cache.
#[test]
fn freeze_and_rollback() {
    if !crate::support::is_root() {
        return;
    }
    let bench = Bench::new();
    let site = Site::new(good().files());
    bench.wants(&["alpha"], &site, "");
    bench.locks(&[]);
    site.offer(Archive::of_yesterday().files(), None);
    bench.refusal(3, "it was set back", &["--update"]).unwrap();
    // Nor in another form.
    site.offer(Archive { signing: Signing::Beside, ..Archive::of_yesterday() }.files(), None);
    bench.refusal(3, "it was set back", &["--update"]).unwrap();
    // Neither does an archive that no longer moves.
    bench.wants(&["alpha"], &site, "      expired: true\n");
    bench.refusal(3, "it was set back", &["--update"]).unwrap();
    bench.wants(&["alpha"], &site, "");
    // Only the cache knows, or only the lock.
    let lock = bench.locked().unwrap();
    std::fs::remove_file(bench.path("profile.lock")).unwrap();
    bench.refusal(3, "it was set back", &[]).unwrap();
    std::fs::remove_dir_all(bench.path("cache")).unwrap();
    std::fs::write(bench.path("profile.lock"), lock).unwrap();
    bench.refusal(3, "it was set back", &["--update"]).unwrap();
    // A newer one is welcome.
    site.offer(Archive { date: -HOUR, ..good() }.files(), None);
    bench.locks(&["--update"]);
}

/// The exceptions that the user makes by name.
#[test]
fn archives_that_no_longer_move() {
    if !crate::support::is_root() {
        return;
    }
    let expired = Archive { date: -90 * DAY, valid_until: Some(-80 * DAY), made: Made { at: -90 * DAY, ..Made::default() }, ..good() };
    let (bench, site) = (Bench::new(), Site::new(expired.files()));
    bench.wants(&["alpha"], &site, "");
    bench.refusal(3, "it was valid until", &[]).unwrap();
    bench.wants(&["alpha"], &site, "      expired: true\n");
    bench.locks(&[]);
}
