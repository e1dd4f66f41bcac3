use super::*;

#[test]
fn where_nothing_is_known_both_ways_are_taken() {
    for (body, effects) in [
        (
            "if [ \"$DEBIAN_FRONTEND\" = x ]; then mystery 1; else mystery 2; fi; mystery 3",
            vec!["?other mystery 1", "?other mystery 2", "other mystery 3"],
        ),
        ("if [ -e /proc/x ]; then exit 0; fi; rm -f /etc/empty", vec!["?rm /etc/empty"]),
        ("[ -d /sys/x ] && rm -f /etc/empty; rm -f /etc/old.conf", vec!["?rm /etc/empty", "rm /etc/old.conf"]),
        ("x=a; if [ $HOME ]; then x=b; fi; [ $x = a ] && rm -f /etc/empty || :", vec!["?rm /etc/empty"]),
        ("x=a; if [ $HOME ]; then x=a; fi; [ $x = a ] || rm -f /etc/empty", vec![]),
        (
            "case $HOME in a) mystery 1;; b|c) mystery 2;; esac; rm -f /etc/empty",
            vec!["?other mystery 1", "?other mystery 2", "rm /etc/empty"],
        ),
        ("f() { [ $HOME ] && return 0; rm -f /etc/empty; }; f; rm -f /etc/old.conf", vec!["?rm /etc/empty", "rm /etc/old.conf"]),
        ("for x in $HOME; do rm -f \"/etc/empty\"; break; done; mystery", vec!["?rm /etc/empty", "other mystery"]),
        ("x=0; while [ $HOME ]; do [ $x = 1 ] && mystery 1; x=1; done; mystery 2", vec!["?other mystery 1", "other mystery 2"]),
        ("rm -f $HOME/x", vec!["other rm -f …/x"]),
        ("$HOME/x y", vec!["other …/x y"]),
        ("if mystery; then rm -f /etc/empty; fi", vec!["other mystery", "?rm /etc/empty"]),
        ("rm -f /etc/empty; [ -e /etc/empty ] && mystery || :", vec!["rm /etc/empty", "?other mystery"]),
        ("rm -rf /etc; [ -e /etc/empty ] || mystery", vec!["rm -r /etc", "?other mystery"]),
        ("mkdir /bin/x; [ -e /usr/bin/x ] || mystery", vec!["mkdir /bin/x", "?other mystery"]),
    ] {
        assert_eq!(install(body), effects, "{body}");
    }
}

#[test]
fn scripts_that_are_called_are_followed() {
    for (body, effects) in [
        ("helper one; mystery", vec!["rm /etc/empty", "other mystery"]),
        ("x=1; helper x || mystery", vec!["?rm /etc/old.conf", "?other mystery"]),
        ("helper loop", vec!["other helper loop"]),
        ("helper $HOME; mystery", vec!["?rm /etc/empty", "?other helper loop", "other mystery"]),
    ] {
        let effects: Vec<_> = effects.into_iter().map(str::to_owned).collect();
        assert_eq!(install(body), effects, "{body}");
    }
}

#[test]
fn what_is_known_decides() {
    for (body, truth) in [
        ("[ \"$1\" = install ]", true),
        ("[ \"$#\" -eq 1 ] && [ -z \"$2\" ]", true),
        ("test -f /etc/old.conf -a -d /etc -a ! -L /etc/old.conf", true),
        ("[ -L /bin ] && [ -h /etc/link ] && [ ! -e /etc/link ]", true),
        ("[ -x /bin/mystery ] && [ ! -x /etc/empty ] && [ ! -s /etc/empty ] && [ -s /etc/old.conf ]", true),
        ("x=a.b.c; [ ${x%.*} = a.b ] && [ ${x%%.*} = a ] && [ ${x#*.} = b.c ] && [ ${x##*.} = c ] && [ ${#x} = 5 ]", true),
        ("[ \"${none:-d}${1:+e}${none-f}${1-g}\" = defginstall ]", false),
        ("[ \"${none:-d}${1:+e}${none-f}${1-g}\" = definstall ]", true),
        ("[ \"$(dpkg --print-architecture)\" = arm64 ]", true),
        ("dpkg --compare-versions 1.0~rc1 lt 1.0 && dpkg --compare-versions '' lt-nl 1.0", false),
        ("dpkg --compare-versions 1:0.1 gt 2.0-1", true),
        ("getent passwd daemon >/dev/null && ! getent group nobody", true),
        ("id -u daemon >/dev/null 2>&1 && [ \"$(id -u daemon)\" = 1 ]", true),
        ("command -v mystery >/dev/null && ! which none && [ `command -v mystery` = /usr/bin/mystery ]", true),
        ("grep -q ^value= /etc/old.conf && ! grep -qs x /etc/none && ! grep -qx value= /etc/old.conf", true),
        (
            "dpkg-query -W adduser && ! dpkg-query -W none && [ \"$(dpkg-query -W -f='${Status}' removed)\" = 'deinstall ok config-files' ]",
            true,
        ),
        ("[ $(dpkg-divert --truename /usr/bin/x) = /usr/bin/x.real ] && [ -z \"$(dpkg-divert --list pack)\" ]", true),
        ("[ \"$(dirname /a/b/c)-$(basename /a/b/c.txt .txt)\" = /a/b-c ]", true),
        ("set -- a 'b c' d; shift; [ \"$*\" = 'b c d' ] && [ $# = 2 ]", true),
        ("x='a b'; set -- $x; [ $# = 2 ] && set -- \"$x\" && [ $# = 1 ]", true),
        ("case a.b in *.b) true;; *) false;; esac", true),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; [ $i = 3 ]", true),
        ("for i in 1 2 3; do [ $i = 2 ] && break; done; [ $i = 2 ]", true),
        ("f() { local x=1; y=2; }; x=0; f; [ $x$y = 02 ]", true),
        ("f() { return 3; }; f || [ $? = 3 ]", true),
        ("(x=1); [ -z \"$x\" ]", true),
        ("echo abc | grep -q b", true),
        ("[ \"$DPKG_MAINTSCRIPT_PACKAGE/$DPKG_MAINTSCRIPT_NAME/$DPKG_ROOT\" = pack/preinst/ ]", true),
        ("if false; then :; elif true; then true; else false; fi", true),
        ("! true || false", false),
        ("[ a = b -o \\( c = c -a ! d = e \\) ]", true),
        ("[ \"x$HOME\" = y ]", false),
        ("[ \"$(cat /etc/old.conf)\" = \"value=old\nother\" ]", true),
        ("cd /etc && [ -f old.conf ]", true),
        ("[ \"$(readlink /etc/link)\" = /usr/share/old ]", true),
        ("[ \"$(printf '%s-%s' a b)\" = a-b ] && [ \"$(echo -n x)\" = x ]", true),
        ("[ '$x' = \\$x ] && [ \"\\$x\" = '$x' ] && [ a\"b\"'c' = abc ]", true),
    ] {
        let expected = if truth { "rm /etc/empty" } else { "rm /etc/old.conf" };
        assert_eq!(install(&format!("if {body}; then rm /etc/empty; else rm /etc/old.conf; fi")), [expected], "{body}");
    }
}
