use super::*;

#[test]
fn nothing_is_nothing() {
    for body in [
        "",
        ":",
        "# a comment without an end",
        "exit 0\nmystery",
        "echo \"a $1 b\" >&2",
        "if [ \"$1\" = upgrade ]; then mystery; fi",
        "case \"$1\" in install) ;; *) mystery ;; esac",
        "[ ! -e /etc/old.conf ] || true; [ -e /etc/none ] || exit 0; mystery",
        "rm -f /etc/none /etc/none.d/*",
        "if [ -n \"$2\" ] && dpkg --compare-versions \"$2\" lt 1.0; then rm -rf /etc; fi",
        "not-there --do-it || true",
        "for x in a b; do test \"$x\" = c && mystery; done; true",
        "mkdir -p /usr/bin",
        "test -x /usr/bin/none && /usr/bin/none\ntrue",
        "f() { return 0; mystery; }\nf",
        "cat <<EOF >/dev/null\n$(echo x)\nEOF",
    ] {
        assert_eq!(install(body), [""; 0], "{body}");
    }
}

#[test]
fn changes_are_told_in_order() {
    for (body, effects) in [
        ("rm -f /etc/old.conf", vec!["rm /etc/old.conf"]),
        ("mystery a 'b c'", vec!["other mystery a b c"]),
        ("rm -rf /etc/empty; mkdir -p /a/b", vec!["rm -r /etc/empty", "mkdir /a/b"]),
        ("echo x > /etc/new; echo y >> etc/new2", vec!["write /etc/new", "write /etc/new2"]),
        ("for f in /etc/*.conf; do rm $f; done", vec!["rm /etc/old.conf"]),
        ("exit 3", vec!["fail 3"]),
        ("false\nmystery", vec!["fail 1"]),
        ("rm /etc/none; mystery", vec!["fail 1"]),
        ("(mystery; exit 1) || true", vec!["other mystery"]),
        ("x=$(mystery)", vec!["other mystery"]),
        ("cat <<EOF >/dev/null\n$(mystery)\nEOF", vec!["other mystery"]),
        ("trap f EXIT; f() { rm -f /etc/empty $x; }; x=/etc; exit 0", vec!["?other rm -f /etc/empty …"]),
        ("rm() { command rm -f /etc/empty; }; rm", vec!["rm /etc/empty"]),
        ("f() { mystery; }; unset -f f; f", vec!["other f"]),
        ("set -u; : \"${x:-y}\"; echo $x; mystery", vec!["fail 2"]),
        ("eval \"$HOME\"; [ -n \"$x\" ] && mystery || :", vec!["other eval …", "?other mystery"]),
        ("uniq /etc/old.conf /etc/new", vec!["other uniq /etc/old.conf /etc/new"]),
        ("alias f='mystery one'\nf", vec!["other alias f=mystery one", "other f"]),
        ("eval 'mystery one'", vec!["other mystery one"]),
        ("/usr/bin/mystery | cat", vec!["other /usr/bin/mystery"]),
        ("echo /etc/empty | while read x; do rm -f $x; done", vec!["rm /etc/empty"]),
        ("date | while read x; do rm -f /etc/empty; done", vec!["?rm /etc/empty"]),
        ("(while read -r d; do rmdir \"$d\" 2>/dev/null || true; done) <<E\n/none\n/etc\n/opt/empty\nE", vec!["rmdir /opt/empty"]),
        ("printf '/etc/empty\\n/etc/old.conf\\n' | xargs -r rm -f", vec!["rm /etc/empty", "rm /etc/old.conf"]),
        ("date | xargs rm", vec!["?other rm …"]),
        (
            "chmod -x /etc/old.conf; sed -i -e s/a/b/ /etc/old.conf; sed -n p /etc/old.conf",
            vec!["chmod -x /etc/old.conf", "write /etc/old.conf"],
        ),
        ("sed -e 's/a/b/w /etc/new' /etc/old.conf", vec!["other sed -e s/a/b/w /etc/new /etc/old.conf"]),
        ("sort -uo /etc/new /etc/old.conf", vec!["other sort -uo /etc/new /etc/old.conf"]),
        ("sed -n 'w/etc/new' /etc/old.conf", vec!["other sed -n w/etc/new /etc/old.conf"]),
        ("sed 1etouch /etc/old.conf", vec!["other sed 1etouch /etc/old.conf"]),
        ("umask 022; umask 077", vec!["other umask"]),
        ("trap 'rm -f /etc/empty' EXIT", vec!["?rm /etc/empty"]),
    ] {
        assert_eq!(install(body), effects, "{body}");
    }
}

#[test]
fn a_line_and_a_reason_are_told() {
    let foreseen = called(Kind::Prerm, "#! /bin/sh -e\n\nif true; then\n  mystery \"$(\\date)\" '\u{7}ü'\nfi\n", &["remove"]).unwrap();
    let [done] = foreseen.effects.as_slice() else { panic!("{foreseen:?}") };
    assert_eq!((done.line, done.certain), (4, true));
    let Effect::Other { command, why } = &done.effect else { panic!("{done:?}") };
    assert_eq!((command.as_str(), why.as_str()), ("mystery … \\u{7}\\u{fc}", "its arguments are not known"));
    assert_eq!(foreseen.unknown().count(), 1);
}

#[test]
fn other_interpreters_are_refused() {
    for script in ["#!/usr/bin/perl\n1;", "#!/usr/bin/python3\n", "\x7fELF", "", "no interpreter", "#!/bin/sh\n\0"] {
        assert!(matches!(called(Kind::Preinst, script, &["install"]), Err(ScriptError::NotShell(_))), "{script:?}");
    }
    for script in ["#!/bin/sh", "#! /bin/bash -e\n", "#!/usr/bin/env bash\n", "#!/bin/dash\n:"] {
        assert!(called(Kind::Preinst, script, &["install"]).unwrap().is_nothing(), "{script:?}");
    }
}
