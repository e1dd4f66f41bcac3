//! The control member.

use crate::{
    archive::{CONTROL, ar, entry, file, folder, hard_link, long, member, symlink, tar, version, with_control},
    table::{Case, case},
};

pub fn cases() -> Vec<Case> {
    let control = || file("./control", CONTROL);
    let data = member("data.tar", &tar([folder("./")]));
    let name = "x".repeat(101);
    vec![
        case("accept_control_without_root", with_control([control()]), "/", "ceu"),
        case("accept_control_without_dot", with_control([file("control", CONTROL), file("md5sums", "")]), "/", "ceu"),
        case("iffy_control_file_with_dot", with_control([control(), file("./x.y", "")]), "/", "ceu"),
        case("reject_control_missing", with_control([folder("./"), file("./md5sums", "")]), "Control: control: Missing", "ce"),
        case("reject_control_twice", with_control([control(), control()]), "Control: ./control: Twice", "ceu"),
        case("malicious_control_symlink", with_control([symlink("./control", "/etc/passwd")]), "Control: ./control: Kind", "ce"),
        case(
            "malicious_control_file_symlink",
            with_control([control(), symlink("./postinst", "/etc/shadow")]),
            "Control: ./postinst: Kind",
            "ceu",
        ),
        case("iffy_control_hard_link", with_control([control(), hard_link("./preinst", "./control")]), "Control: ./preinst: Kind", "ce"),
        case("reject_control_folder", with_control([control(), folder("./d/")]), "Control: ./d/: Kind", "ce"),
        case("reject_control_file_below", with_control([control(), folder("./d/"), file("./d/a", "")]), "Control: ./d/: Kind", "ce"),
        case("malicious_control_dot_dot", with_control([control(), file("./../x", "")]), "Control: ./../x: Name", "c"),
        case("malicious_control_absolute", with_control([control(), file("/x", "")]), "Control: /x: Name", "ceu"),
        case("malicious_control_list", with_control([control(), file("./list", "/etc\n")]), "Control: ./list: Name", "ceu"),
        case("malicious_control_fifo", with_control([control(), entry(b'6', "./postinst")]), "Control: ./postinst: Kind", "ce"),
        case(
            "reject_control_long_name",
            with_control([control(), long(b'L', name.as_bytes()), file("x", "")]),
            "Control: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: Name",
            "ce",
        ),
        case("iffy_control_name_with_space", with_control([control(), file("./a b", "")]), "Control: ./a b: Name", "ceu"),
        case(
            "reject_control_not_text",
            with_control([file("./control", CONTROL).data(&[CONTROL.as_bytes(), b"X-A: \xff\n"].concat())]),
            "Control: control: NotText",
            "ceu",
        ),
        case(
            "iffy_control_pax",
            with_control([entry(b'x', "./x").data(b"12 mtime=1.5"), control()]),
            "Tar: control: `./x` in the archive: members of type `x` (pax records) are not supported",
            "c",
        ),
        case(
            "reject_control_cut_off",
            ar(&[version(), member("control.tar", &tar([control()])[..600]), data]),
            "Tar: control: the archive is cut off: it has 600 bytes, and the record at 1024 goes on",
            "c",
        ),
    ]
}
