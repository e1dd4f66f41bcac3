//! Paths, links and places of members.

use crate::{
    archive::{deb, entry, file, folder, hard_link, long, symlink, tar, with_tar},
    table::{Case, case},
};

pub fn cases() -> Vec<Case> {
    let a = || file("./a", "hello");
    let deep = "x".repeat(246);
    let path = |len: usize| {
        let mut path = format!("./{}", format!("{deep}/").repeat(len / 247));
        path.push_str(&"y".repeat(len - len / 247 * 247));
        [path.as_bytes(), b"\0"].concat()
    };
    vec![
        case("accept_without_dot", deb([folder("usr/"), file("usr/a", "")]), "/ /usr /usr/a", "ceu"),
        case("accept_root_as_dot", with_tar(&tar([folder("."), a()])), "/ /a", "ceu"),
        case("accept_folder_twice", deb([folder("./d/"), folder("./d").mode(0o700)]), "/ /d /d", "ceu"),
        case(
            "accept_name_of_246",
            deb([long(b'L', format!("./{deep}\0").as_bytes()), a()]),
            "/ /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "ceu",
        ),
        case(
            "accept_odd_names",
            deb([file("./a b\\c\"\t\x7f…", ""), file("./-x", ""), file("./..a", ""), file("./...", "")]),
            "/ /a b\\\\c\\\"\\t\\x7f\\xe2\\x80\\xa6 /-x /..a /...",
            "ceu",
        ),
        case("accept_symlink_out", deb([symlink("./l", "../../../etc/passwd"), symlink("./m", "/etc")]), "/ /l /m", "ceu"),
        case("iffy_no_parent", deb([file("./no/parent", "")]), "/ /no/parent", "ce"),
        case("iffy_folder_after_its_file", deb([file("./d/a", ""), folder("./d/")]), "/ /d/a /d", "ce"),
        case("malicious_absolute", deb([file("/etc/passwd", "x")]), "Member: /etc/passwd: Absolute", "ce"),
        case("malicious_dot_dot", deb([file("../a", "x")]), "Member: ../a: DotDot", "ceu"),
        case("malicious_dot_dot_within", deb([folder("./a/"), file("./a/../../b", "x")]), "Member: ./a/../../b: DotDot", "ceu"),
        case("malicious_dot_dot_at_the_end", deb([folder("./a/"), folder("./a/..")]), "Member: ./a/..: DotDot", "ceu"),
        case("malicious_dot_dot_as_long_name", deb([long(b'L', b"./a/../../b\0"), a()]), "Member: ./a/../../b: DotDot", "ce"),
        case("iffy_two_slashes", deb([folder("./d/"), file("./d//a", "")]), "Member: ./d//a: EmptyName", "ceu"),
        case("iffy_dot_within", deb([folder("./d/"), file("./d/./a", "")]), "Member: ./d/./a: Dot", "ceu"),
        case("iffy_two_dots_before", deb([file("././a", "")]), "Member: ././a: Dot", "ceu"),
        case("reject_line_end", deb([file("./a\nb", "")]), "Member: ./a\\nb: LineEnd", "ce"),
        case(
            "reject_name_of_247",
            deb([long(b'L', format!("./{deep}x\0").as_bytes()), a()]),
            "Member: ./xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: NameTooLong",
            "ce",
        ),
        case(
            "reject_path_of_4087",
            deb([long(b'L', &path(4086)), a()]),
            "Member: ./xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: PathTooLong",
            "ce",
        ),
        case("malicious_root_as_file", with_tar(&tar([file("./", "").put(0, b".\0")])), "Member: .: Root", "ce"),
        case("malicious_root_as_symlink", with_tar(&tar([symlink("./", "/tmp")])), "Member: ./: Root", "ceu"),
        case("reject_file_twice", deb([a(), a()]), "Member: /a: Twice", "ceu"),
        case("malicious_file_then_symlink", deb([a(), symlink("./a", "/etc/passwd")]), "Member: /a: Twice", "ceu"),
        case("malicious_symlink_then_file", deb([symlink("./a", "/etc/passwd"), a()]), "Member: /a: Twice", "ceu"),
        case("malicious_symlink_then_folder", deb([symlink("./a", "/etc"), folder("./a/").mode(0o777)]), "Member: /a: Twice", "ceu"),
        case("malicious_folder_then_symlink", deb([folder("./a/"), symlink("./a", "/etc")]), "Member: /a: Twice", "ceu"),
        case("malicious_file_through_symlink", deb([symlink("./d", "/tmp"), file("./d/a", "x")]), "Member: /d/a: BelowSymlink", "ce"),
        case(
            "malicious_file_through_later_symlink",
            deb([folder("./e/"), file("./d/a", "x"), symlink("./d", "e")]),
            "Member: /d/a: BelowSymlink",
            "ce",
        ),
        case(
            "malicious_folder_through_symlink",
            deb([symlink("./d", "/"), folder("./d/tmp/").mode(0o777)]),
            "Member: /d/tmp: BelowSymlink",
            "ce",
        ),
        case("malicious_file_below_a_file", deb([a(), file("./a/b", "x")]), "Member: /a/b: BelowFile", "ce"),
        case("malicious_file_below_a_later_file", deb([file("./a/b", "x"), a()]), "Member: /a/b: BelowFile", "ce"),
        case("malicious_file_below_a_device", deb([entry(b'6', "./p"), file("./p/x", "")]), "Member: /p/x: BelowFile", "ce"),
        case("accept_hard_link_without_dot", deb([a(), hard_link("./b", "a")]), "/ /a /b", "ceu"),
        case("reject_hard_link_to_nothing", deb([hard_link("./b", "./a")]), "Member: /b: HardLink", "ce"),
        case("reject_hard_link_to_a_later_file", deb([hard_link("./b", "./a"), a()]), "Member: /b: HardLink", "ce"),
        case("reject_hard_link_to_itself", deb([hard_link("./b", "./b")]), "Member: /b: HardLink", "ce"),
        case("malicious_hard_link_out", deb([hard_link("./b", "../../../etc/passwd")]), "Member: ./b: HardLink", "ce"),
        case("malicious_hard_link_to_the_system", deb([hard_link("./b", "/etc/passwd")]), "Member: ./b: HardLink", "ce"),
        case("reject_hard_link_to_a_folder", deb([folder("./d/"), hard_link("./b", "./d")]), "Member: /b: HardLink", "ce"),
        case("iffy_hard_link_to_a_symlink", deb([symlink("./l", "a"), hard_link("./b", "./l")]), "Member: /b: HardLink", "ce"),
        case("iffy_hard_link_to_a_hard_link", deb([a(), hard_link("./b", "./a"), hard_link("./c", "./b")]), "Member: /c: HardLink", "ceu"),
        case("iffy_hard_link_by_absolute_path", deb([a(), hard_link("./b", "/a")]), "Member: ./b: HardLink", "ceu"),
        case("reject_hard_link_empty", deb([a(), hard_link("./b", "")]), "Member: ./b: HardLink", "ce"),
        case("reject_symlink_empty", deb([symlink("./l", "")]), "Member: ./l: EmptyTarget", "ce"),
        case("reject_symlink_of_4096", deb([long(b'K', &[b'x'; 4096]), symlink("./l", "x")]), "Member: ./l: TargetTooLong", "ce"),
    ]
}
