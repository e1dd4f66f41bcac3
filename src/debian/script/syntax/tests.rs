use super::*;

/// The forms of the commands of a script, with what is in them.
fn forms(text: &str) -> String {
    let list = parse(text, 1, false).unwrap_or_else(|error| panic!("{text}: {error}"));
    list.iter().map(|and_or| and_or.first.commands.iter().map(form).collect::<Vec<_>>().join("|")).collect::<Vec<_>>().join(";")
}

fn form(command: &Command) -> String {
    match &command.form {
        Form::Simple { assignments, words } => format!("{}={}<{}", assignments.len(), words.len(), command.redirections.len()),
        Form::Group(body) => format!("{{{}}}", body.len()),
        Form::Subshell(body) => format!("({})", body.len()),
        Form::If { arms, otherwise } => format!("if{}{}", arms.len(), otherwise.is_some()),
        Form::Loop { body, .. } => format!("loop{}", body.len()),
        Form::For { words, body, .. } => format!("for{:?}{}", words.as_ref().map(Vec::len), body.len()),
        Form::Case { arms, .. } => format!("case{}", arms.len()),
        Form::Function { name, .. } => format!("{name}()"),
        Form::Opaque(words) => format!("[[{}", words.len()),
    }
}

#[test]
fn commands_are_taken_apart() {
    for (text, expected) in [
        ("a b c", "0=3<0"),
        ("A=1 B= c d=e >x 2>&1 <y", "2=2<3"),
        ("a;b\n\n c # d\n&& e", "0=1<0;0=1<0;0=1<0"),
        ("a | b | c", "0=1<0|0=1<0|0=1<0"),
        ("{ a; b\n}", "{2}"),
        ("(a;b)&", "(2)"),
        ("if a; then b; elif c; then d; else e; fi", "if2true"),
        ("while a; do b; c; done", "loop2"),
        ("for x in a b \"c d\"; do :; done", "forSome(3)1"),
        ("for x\ndo :; done", "forNone1"),
        ("case $x in a|b) c;; (d) ;; *) esac", "case3"),
        ("a-b () { c; }", "a-b()"),
        ("a $(case x in y) z;; esac) 'b\nc'", "0=3<0"),
        ("a <<E b\nx $(y) `z`\nE\nc <<-'E'\n\t$(\n\tE\nd", "0=2<1;0=1<1;0=1<0"),
        ("a \\\n b\\\nc", "0=2<0"),
        ("echo if then fi done", "0=5<0"),
        ("x=$((1+(2*3))) y=$( (a) )", "2=0<0"),
        ("a\"b c\"'d e'\\ f${g:-h i}$(j k)`l m`", "0=1<0"),
        ("a#b c", "0=2<0"),
    ] {
        if text.contains("\n&& e") {
            assert!(parse(text, 1, false).is_err());
            continue;
        }
        assert_eq!(forms(text), expected, "{text}");
    }
}

#[test]
fn lines_are_counted() {
    let list = parse("a\nb \\\n c\n'd\n'\ne <<E\n\nE\nf", 1, false).unwrap();
    let lines: Vec<_> = list.iter().map(|and_or| and_or.first.commands[0].line).collect();
    assert_eq!(lines, [1, 2, 4, 6, 9]);
}

#[test]
fn what_bash_adds_is_for_bash() {
    for text in ["[[ $a =~ ^(b|c)$ && -e d ]]", "(( a > 1 ))", "function f { :; }", "a=(b c)", "a &> b", "echo $'a\\'b'", "a <<< b"] {
        assert!(parse(text, 1, true).is_ok(), "{text}");
    }
    assert_eq!(forms("[[ a ]]"), "0=3<0");
}
