//! The outer archive.

use crate::{
    archive::{ar, control_tar, deb, file, folder, header, member, tar, version},
    table::{Case, case},
};

pub fn cases() -> Vec<Case> {
    let (control, data) = (member("control.tar", &control_tar()), member("data.tar", &tar([folder("./")])));
    let other = member("data.tar", &tar([folder("./"), file("./other", "")]));
    let plain = || deb([]);
    let cut = |by: usize| plain()[..plain().len() - by].to_vec();
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = plain();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let with = |parts: &[&Vec<u8>]| ar(&parts.iter().map(|part| (*part).clone()).collect::<Vec<_>>());
    let version = version();
    let signature = member("_gpgorigin", b"odd");
    let odd_data = [header("data.tar", "1537"), tar([folder("./")]), b"\0".to_vec()].concat();
    vec![
        case("accept_plain", plain(), "/", "ceu"),
        case(
            "accept_slashes_behind_names",
            ar(&[member("debian-binary/", b"2.0\n"), member("control.tar/", &control_tar()), member("data.tar/", &tar([folder("./")]))]),
            "/",
            "ceu",
        ),
        case("accept_underscore_members_between", with(&[&version, &signature, &control, &signature, &data]), "/", "ceu"),
        case("accept_signature_at_the_end", with(&[&version, &control, &data, &signature]), "/", "ceu"),
        case("accept_later_minor_version", with(&[&member("debian-binary", b"2.7\nmore\n"), &control, &data]), "/", "ceu"),
        case("iffy_unknown_member_at_the_end", with(&[&version, &control, &data, &member("new.tar", b"")]), "/", "ceu"),
        case("iffy_garbage_at_the_end", [plain(), vec![b'x'; 70]].concat(), "Ar: Header", "ceu"),
        case("iffy_a_few_zeroes_at_the_end", [plain(), vec![0; 6]].concat(), "Ar: Truncated", "ceu"),
        case("iffy_no_padding_at_the_end", [with(&[&version, &control]), odd_data.clone()].concat(), "Ar: Truncated", "ceu"),
        case(
            "iffy_padding_is_zero",
            [with(&[&version, &control]), odd_data, b"\0".to_vec(), signature.clone()].concat(),
            "Ar: Padding",
            "ceu",
        ),
        case("iffy_text_behind_a_size", changed(8 + 48, b"4 junk    "), "Ar: Header", "ceu"),
        case("reject_empty_file", Vec::new(), "Ar: Magic", ""),
        case("reject_magic_only", b"!<arch>\n".to_vec(), "Ar: Missing(\"debian-binary\")", ""),
        case("reject_no_archive", b"PK\x03\x04 and so on, whatever it may be, for a hundred bytes".to_vec(), "Ar: Magic", ""),
        case("reject_thin_archive", changed(0, b"!<thin>\n"), "Ar: Magic", ""),
        case("reject_old_format", b"0.939000\n5\nabcde".to_vec(), "Ar: OldFormat", ""),
        case("reject_next_major_version", with(&[&member("debian-binary", b"3.0\n"), &control, &data]), "Version: 3.0", ""),
        case("reject_version_without_line_end", with(&[&member("debian-binary", b"2.0"), &control, &data]), "Ar: Version", ""),
        case("reject_version_with_junk", with(&[&member("debian-binary", b"2.0x\n"), &control, &data]), "Ar: Version", ""),
        case("reject_no_version", with(&[&control, &data]), "Ar: Order { found: \"control.tar\", expected: \"debian-binary\" }", ""),
        case(
            "reject_underscore_member_first",
            with(&[&signature, &version, &control, &data]),
            "Ar: Order { found: \"_gpgorigin\", expected: \"debian-binary\" }",
            "",
        ),
        case("reject_no_control", with(&[&version, &data]), "Ar: Order { found: \"data.tar\", expected: \"control.tar\" }", ""),
        case("reject_no_data", with(&[&version, &control]), "Ar: Missing(\"data.tar\")", "e"),
        case(
            "reject_data_before_control",
            with(&[&version, &data, &control]),
            "Ar: Order { found: \"data.tar\", expected: \"control.tar\" }",
            "",
        ),
        case(
            "reject_unknown_member_between",
            with(&[&version, &control, &member("new.tar", b""), &data]),
            "Ar: Order { found: \"new.tar\", expected: \"data.tar\" }",
            "e",
        ),
        case(
            "reject_two_control_members",
            with(&[&version, &control, &control, &data]),
            "Ar: Order { found: \"control.tar\", expected: \"data.tar\" }",
            "e",
        ),
        case("malicious_second_data_member", with(&[&version, &control, &data, &other]), "Ar: Twice(\"data.tar\")", "ceu"),
        case(
            "malicious_second_data_member_compressed",
            with(&[&version, &control, &data, &member("data.tar.xz", b"")]),
            "Ar: Twice(\"data.tar.xz\")",
            "ceu",
        ),
        case("malicious_control_member_behind", with(&[&version, &control, &data, &control]), "Ar: Twice(\"control.tar\")", "ceu"),
        case("malicious_second_version", with(&[&version, &control, &data, &version]), "Ar: Twice(\"debian-binary\")", "ceu"),
        case(
            "iffy_bzip2",
            with(&[&version, &control, &member("data.tar.bz2", b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0")]),
            "Compression: data data.tar.bz2",
            "eu",
        ),
        case("iffy_lzma", with(&[&version, &control, &member("data.tar.lzma", b"")]), "Compression: data data.tar.lzma", "e"),
        case(
            "reject_unknown_compression",
            with(&[&version, &control, &member("data.tar.lz4", b"")]),
            "Compression: data data.tar.lz4",
            "e",
        ),
        case(
            "malicious_tar_called_gz",
            with(&[&version, &control, &member("data.tar.gz", &tar([folder("./")]))]),
            "Decompress: data: the gzip file is damaged: invalid gzip header",
            "ceu",
        ),
        case("reject_damaged_header_end", changed(8 + 58, b"x"), "Ar: Header", ""),
        case("reject_size_no_number", changed(8 + 48, b"4x        "), "Ar: Header", ""),
        case("reject_size_negative", changed(8 + 48, b"-4        "), "Ar: Header", ""),
        case("iffy_size_blank", [with(&[&version, &control]), header("_x", ""), data.clone()].concat(), "Ar: Header", "ceu"),
        case(
            "malicious_size_above_the_rest",
            [with(&[&version, &control]), header("data.tar", "9999999999"), tar([folder("./")])].concat(),
            "Ar: Size { member: \"data.tar\", size: 9999999999, left: 1536 }",
            "e",
        ),
        case("reject_cut_off_in_the_data", cut(600), "Ar: Size { member: \"data.tar\", size: 1536, left: 936 }", "e"),
        case("reject_cut_off_in_a_header", plain()[..100].to_vec(), "Ar: Truncated", ""),
        case("reject_name_with_long_number", with(&[&version, &control, &member("#1/8", b"data.tar")]), "Ar: Header", "e"),
        case("malicious_name_with_nul", with(&[&version, &control, &member("data.tar\0.gz", &tar([folder("./")]))]), "Ar: Header", "ceu"),
    ]
}
