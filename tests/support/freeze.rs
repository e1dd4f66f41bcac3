//! Makes `tests/apt_frozen/`: chooses questions, cuts out what they can reach of an archive, and asks apt about that.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::print_stdout, reason = "figures are printed")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    fs,
};

use berry_image::debian::{Package, package::NeedKind, stanzas};

use super::{
    apt::{Action, Archive, Question, universe},
    frozen::{Case, Frozen, Setting},
    hostile::Random,
    questions::{older, random_questions, related, removals, upgradable},
};

/// What of a stanza decides who is chosen; neither people nor addresses stand there.
const FIELDS: [&str; 20] = [
    "Package",
    "Status",
    "Version",
    "Architecture",
    "Multi-Arch",
    "Essential",
    "Protected",
    "Important",
    "Priority",
    "Section",
    "Source",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Conflicts",
    "Breaks",
    "Replaces",
    "Provides",
    "Installed-Size",
];

/// End of a stanza with a file, without which apt installs nothing. Neither it nor the resolver looks at it where nothing is downloaded.
const ANY_FILE: &str = "\nFilename: any.deb\nSize: 1\nSHA256: 0000000000000000000000000000000000000000000000000000000000000000\n\n";

/// What is hard: names that one or many packages provide, alternatives, rivals of what is installed and of each other, versions that
/// are provided, large stacks, and what no archive has.
const HARD: &str = "glusterfs-server apache2 ddclient rsync
    glusterfs-server apache2 ddclient
    mail-transport-agent
    default-mta
    exim4
    postfix
    exim4 postfix
    nullmailer mailutils
    awk
    gawk mawk
    httpd-cgi
    apache2 nginx lighttpd
    libapache2-mod-php
    php-mysql php-fpm
    default-mysql-server
    mariadb-server galera-4
    libjson-pp-perl
    libhttp-tiny-perl liblwp-protocol-https-perl
    perl-modules-5.36 perl-doc
    python3-numpy python3-cryptography
    python3-pip python3-venv
    python3-dev libssl-dev
    libcurl4-openssl-dev
    libcurl4-gnutls-dev libcurl4-openssl-dev
    build-essential
    gcc-12 g++ clang
    librust-serde-json-dev
    librust-tokio-dev
    golang-go
    nodejs npm
    ruby bundler
    libghc-aeson-dev
    sysvinit-core
    systemd-cron
    cron anacron
    bcron
    busybox-syslogd
    rsyslog syslog-ng
    chrony
    chrony openntpd
    ntpsec
    network-manager
    ifupdown2
    openresolv
    resolvconf systemd-resolved
    isc-dhcp-client dhcpcd
    udhcpc
    usrmerge
    libpam-systemd elogind
    dbus-broker
    linux-image-arm64
    firmware-linux-free
    raspi-firmware
    u-boot-menu
    corosync pacemaker
    samba winbind
    nfs-kernel-server
    docker.io podman
    wireguard nftables ufw
    openssh-server dropbear
    tinyssh
    ceph
    qemu-system-arm
    default-jre-headless
    postgresql
    vim nano emacs-nox
    vim-tiny vim-nox
    texlive-latex-base
    fonts-dejavu x11-apps
    lightdm
    xserver-xorg-core
    debconf-2.0
    cdebconf
    libc-dev
    no-such-package
    rsync no-such-package
    java-runtime
    editor
    linux-headers-generic";

/// Freezes what `archive` says for a base with this status; prints figures.
pub fn freeze(archive: &Archive, status: &str) {
    let older_status = older(&archive.indices, status);
    let settings = settings(archive, status, &older_status);
    let installed: Vec<&str> = status.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    let asked = settings.iter().flat_map(|(_, questions)| questions).flat_map(|question| question.names.iter().map(String::as_str));
    let reached = reached(&archive.indices, installed.iter().copied().chain(asked).collect());
    let cut = |text: &String| strip(text, |name| reached.contains(name));
    let mut frozen = Frozen {
        indices: archive.indices.iter().map(cut).collect(),
        base: strip(status, |_| true),
        older: strip(&older_status, |_| true),
        auto: archive.auto.clone(),
        cases: Vec::new(),
    };
    let copy = Archive::new(frozen.auto.clone(), |parts| {
        let folder = parts.parent().unwrap();
        let mut sources = String::new();
        for (number, text) in frozen.indices.iter().enumerate() {
            let place = folder.join(format!("archive-{number}"));
            fs::create_dir(&place).unwrap();
            fs::write(place.join("Packages"), text.replace("\n\n", ANY_FILE)).unwrap();
            writeln!(sources, "deb [trusted=yes] file:{} ./", place.display()).unwrap();
        }
        fs::write(parts.join("copy.list"), sources).unwrap();
    });
    assert!(copy.indices.iter().zip(&frozen.indices).all(|(copy, text)| copy.replace(ANY_FILE, "\n\n") == *text), "in apt's order");
    let (mut same, mut all) = (0, 0);
    for (number, (setting, questions)) in settings.into_iter().enumerate() {
        let (status, name) = (frozen.status(&setting), format!("system-{number}"));
        let answers = copy.system(&name, &status).answers(&questions);
        if setting.held.is_empty() {
            let real = archive.system(&name, &status).answers(&questions);
            same += real.iter().zip(&answers).filter(|(real, answer)| real == answer).count();
            all += real.len();
        }
        let cases = questions.into_iter().zip(answers);
        frozen.cases.extend(cases.map(|(question, answer)| Case { setting: setting.clone(), question, answer }));
    }
    let packages: usize = frozen.indices.iter().map(|text| stanzas(text).count()).sum();
    println!("{same} of {all} answers are those of the whole archive");
    println!("{packages} packages, {} questions, {} bytes", frozen.cases.len(), frozen.write());
}

/// Whom to ask what.
fn settings(archive: &Archive, status: &str, older_status: &str) -> Vec<(Setting, Vec<Question>)> {
    let base = universe(&archive.indices, status, &archive.auto);
    let older = universe(&archive.indices, older_status, &archive.auto);
    let names: Vec<&str> = base.names().filter(|name| base.candidate(*name).is_some()).map(|name| base.text(name)).collect();
    let installed: Vec<&str> = base.names().filter(|name| base.installed(*name).is_some()).map(|name| base.text(name)).collect();
    let mut questions: Vec<Question> = Vec::new();
    for (number, line) in HARD.lines().enumerate() {
        let actions =
            if number == 0 { &[Action::Install, Action::InstallAll][..] } else { &[[Action::Install, Action::InstallAll][number % 2]][..] };
        questions.extend(actions.iter().map(|action| Question::new(*action, line.split_whitespace())));
    }
    questions.extend(random_questions(&names, 5, 120));
    questions.extend(removals(&base, 3, 2));
    let (upgradable, related) = (upgradable(&older), related(&older));
    let mut settings =
        vec![(Setting::default(), questions), (Setting { is_older: true, held: Vec::new() }, random_questions(&related, 11, 64))];
    let mut random = Random(17);
    let mut held = |from: &[&str], is_older, question: Question| {
        let held: BTreeSet<String> = (0..=random.below(3)).map(|_| from[random.below(from.len())].to_owned()).collect();
        settings.push((Setting { is_older, held: held.into_iter().collect() }, vec![question]));
    };
    for question in random_questions(&related, 19, 30) {
        held(&upgradable, true, question);
    }
    for question in random_questions(&names, 23, 6) {
        held(&installed, false, question);
    }
    settings
}

/// Names of all packages that can be reached from `start` by what anything needs or recommends, any alternative, whoever provides it.
fn reached<'a>(indices: &'a [String], start: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let packages: Vec<Package<'_>> =
        indices.iter().flat_map(|text| stanzas(text)).map(|stanza| Package::new(&stanza.unwrap()).unwrap()).collect();
    let mut by_name: BTreeMap<&str, Vec<&Package<'_>>> = BTreeMap::new();
    let mut providers: HashMap<&str, Vec<&str>> = HashMap::new();
    for package in &packages {
        by_name.entry(package.name).or_default().push(package);
        for (name, _) in &package.provides {
            providers.entry(name).or_default().push(package.name);
        }
    }
    let mut reached = BTreeSet::new();
    let mut pending: Vec<&str> = start.into_iter().collect();
    while let Some(name) = pending.pop() {
        if !reached.insert(name) {
            continue;
        }
        pending.extend(providers.get(name).into_iter().flatten());
        let needs = by_name.get(name).into_iter().flatten().flat_map(|package| &package.needs);
        pending.extend(needs.filter(|need| need.kind != NeedKind::Suggests).flat_map(|need| &need.any.0).map(|relation| relation.name));
    }
    reached
}

/// The stanzas of the packages whose names are wanted, without fields that nobody reads.
fn strip(text: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut stripped = String::new();
    for stanza in stanzas(text).map(Result::unwrap).filter(|stanza| is_wanted(stanza.get("Package").unwrap())) {
        for (field, value) in FIELDS.iter().filter_map(|field| Some((field, stanza.get(field)?))) {
            writeln!(stripped, "{field}: {}", value.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap();
        }
        stripped.push('\n');
    }
    stripped
}
