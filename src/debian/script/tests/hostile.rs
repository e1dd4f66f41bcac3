use super::*;

fn fails(script: &str) -> ScriptError {
    called(Kind::Preinst, &format!("#!/bin/sh\n{script}"), &["install"]).unwrap_err()
}

#[test]
fn what_would_not_end_is_given_up() {
    for script in [
        "while :; do :; done",
        "until false; do x=$x; done",
        "f() { f; }; f",
        "f() { g; }; g() { f; }; f",
        "f() { f | f; }; f",
        "x=a; while :; do x=$x$x; done",
        "eval_me='eval \"$eval_me\"'; eval \"$eval_me\"",
        "trap 'trap \"$x\" EXIT' EXIT; while :; do trap : EXIT; done",
        "while :; do $(:); done",
        "for i in /*/*/*/* /*/*/*/*; do while :; do [ -e $i ]; done; done",
    ] {
        assert_eq!(fails(script), ScriptError::TooComplex, "{script}");
    }
}

#[test]
fn nesting_costs_no_stack() {
    let deep = |open: &str, middle: &str, close: &str| [open.repeat(10_000), middle.to_owned(), close.repeat(10_000)].concat();
    let scripts = [
        deep("$(", "x", ")"),
        deep("echo $(", "x", ")"),
        deep("\"$(", "x", ")\""),
        deep("(", "x", ")"),
        deep("( ", "x", " )"),
        deep("{ ", "x", "; }"),
        deep("${a:-", "x", "}"),
        deep("\"${a:-", "x", "}\""),
        deep("$((", "1", "))"),
        format!("x=$(({}", "(".repeat(20_000)),
        deep("if ", "x", "; then :; fi"),
        deep("while ", "x", "; do :; done"),
        deep("case x in x) ", "x", ";; esac"),
        deep("f() { ", "x", "; }"),
        deep("! ", "x", ""),
        deep("`", "x", "`"),
        deep("eval ", "x", ""),
        deep("command ", "x", ""),
        deep("f() ", "{ x; }", ""),
        "$(".repeat(100_000),
        "$((".repeat(80_000),
        "\"$(cat <<E\n".repeat(20_000),
        "${x#".repeat(60_000),
        "if x; then :; el".repeat(10_000),
        format!("if x; then :; {} fi", "elif [ $HOME ]; then :; ".repeat(9_000)),
        format!("{} true", "[ $HOME ] && ".repeat(15_000)),
        format!("[ {} x ]", "! ".repeat(100_000)),
        format!("[ {} x ]", "\\( ".repeat(60_000)),
        format!("x=$(({}1))", "-".repeat(100_000)),
    ];
    // With a stack that is smaller than that of any thread of ours.
    let worker = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for script in scripts {
            let result = called(Kind::Preinst, &format!("#!/bin/sh\n{script}"), &["install"]);
            assert!(result.is_err() || script.starts_with(['!', '[', 'e', 'i', 'x', 'c', '`']), "{}", &script[..40]);
        }
    });
    worker.unwrap().join().unwrap();
}

#[test]
fn large_and_broken_texts_are_refused() {
    let large = format!("#!/bin/sh\n{}", "x".repeat(MAX_SIZE));
    assert!(matches!(called(Kind::Preinst, &large, &[]), Err(ScriptError::TooLarge { .. })));
    for script in [
        "'",
        "\"",
        "`",
        "${",
        "$(",
        "$((1",
        "cat <<E",
        "cat <<",
        "if",
        "if x; then",
        "case",
        "case x in",
        "case x in a",
        "for",
        "for x in",
        "f() ",
        "{",
        "(",
        ";",
        "&",
        "|",
        ")",
        "}",
        "a ||",
        "a |",
        "a && ;",
        ";;",
        "fi",
        "done",
        "a > ",
        "f() x",
        "x() (",
        "while x; done",
    ] {
        let result = called(Kind::Preinst, &format!("#!/bin/sh\n{script}"), &["install"]);
        assert!(matches!(result, Err(ScriptError::Syntax { .. })), "{script}: {result:?}");
    }
    assert!(matches!(fails("a <<'"), ScriptError::Syntax { .. }));
}

#[test]
fn long_words_and_documents_are_no_trouble() {
    let word = "a".repeat(200_000);
    for script in [format!("echo {word} >/dev/null"), format!("cat <<E >/dev/null\n{word}\nE\n"), format!(": '{word}'")] {
        // They are longer than any word that is kept.
        let result = called(Kind::Preinst, &format!("#!/bin/sh\n{script}"), &["install"]);
        assert!(matches!(result, Err(ScriptError::TooComplex)) || result.unwrap().is_nothing());
    }
    let slow = |length: usize| format!("#!/bin/sh\ncase {} in {}b) mystery;; esac", "a".repeat(length), "*a".repeat(length / 10));
    assert!(called(Kind::Preinst, &slow(2_000), &["install"]).unwrap().is_nothing());
    assert_eq!(called(Kind::Preinst, &slow(20_000), &["install"]), Err(ScriptError::TooComplex));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1500))]

    #[test]
    fn any_text_comes_to_an_end(text in "(#!/bin/(ba)?sh\n)?\\PC{0,200}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = called(Kind::Preinst, &format!("#!/bin/sh\n{text}"), &["install"]);
        let tree = system();
        let script = [b"#!/bin/bash\n", bytes.as_slice()].concat();
        let call = Call { script: &script, kind: Kind::Postrm, package: "pack", package_architecture: "all", arguments: &["remove"] };
        let _ = foresee(&call, &World { tree: &tree, architecture: "arm64", installed: &installed });
    }

    #[test]
    fn any_run_of_the_shells_words_comes_to_an_end(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..120), bash in proptest::bool::ANY) {
        let script = format!("#!/bin/{}\n{}", if bash { "bash" } else { "sh" }, words.concat());
        if let Ok(foreseen) = called(Kind::Postinst, &script, &["configure", "1.0"]) {
            for done in foreseen.effects {
                if let Effect::Other { command, why } = done.effect {
                    assert!(!why.is_empty() && command.chars().all(|character| character == '…' || (' '..='~').contains(&character)), "{command}");
                }
            }
        }
    }
}

/// What scripts are made of.
const WORDS: &[&str] = &[
    " ",
    " ",
    " ",
    "\n",
    "\n",
    ";",
    "; ",
    "&",
    "&&",
    "||",
    "|",
    "!",
    " ! ",
    "(",
    ")",
    "((",
    "))",
    "{ ",
    " }",
    "$",
    "${",
    "}",
    "$(",
    "$((",
    "`",
    "'",
    "\"",
    "\\",
    "if ",
    " then ",
    " else ",
    " elif ",
    " fi",
    "while ",
    "until ",
    " do ",
    " done",
    "for x in ",
    "case x in ",
    " esac",
    ";;",
    "f() ",
    "f ",
    "x=",
    "y+=",
    "x",
    "$x",
    "${x:-",
    "${x%",
    "${x#",
    "$1",
    "$@",
    "$*",
    "$#",
    "$?",
    "=",
    "-",
    ":",
    "*",
    "?",
    "[",
    "]",
    "[ ",
    " ]",
    "[[ ",
    " ]]",
    "<<E\n",
    "\nE\n",
    "<<-'E'\n",
    "<",
    ">",
    ">>",
    ">&2",
    "2>/dev/null",
    "/etc/old.conf",
    "/",
    "..",
    "~",
    "#",
    "0",
    "1",
    "99",
    "a",
    "b",
    "é",
    "…",
    "\t",
    "\r",
    "\u{7f}",
    "\u{fffd}",
    "set -e",
    "set -- ",
    "shift",
    "local ",
    "export ",
    "read ",
    "eval ",
    "exec ",
    "exit ",
    "return ",
    "break",
    "continue",
    "trap ",
    ". ",
    "cd ",
    "echo ",
    "printf '%s' ",
    "cat ",
    "test ",
    "rm -f ",
    "mv ",
    "cp ",
    "ln -s ",
    "mkdir -p ",
    "chmod -x ",
    "sed -i ",
    "grep -q ",
    "xargs ",
    "env ",
    "command -v ",
    "dpkg --compare-versions ",
    "dpkg-divert --add ",
    "dpkg-maintscript-helper rm_conffile ",
    " -- ",
    "adduser --system ",
    "update-alternatives --install ",
    "deb-systemd-helper ",
    "getent passwd ",
    "mystery",
    "true",
    "false",
    "unset ",
    "IFS=",
    "PATH=",
];
