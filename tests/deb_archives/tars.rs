//! Headers of the data archive.

use crate::{
    archive::{Entry, deb, entry, file, folder, hard_link, long, symlink, tar, with_tar},
    table::{Case, case},
};

fn a() -> Entry {
    file("./a", "hello")
}

pub fn cases() -> Vec<Case> {
    let plain = || tar([folder("./"), a()]);
    let cut = |len: usize| with_tar(&plain()[..len]);
    let long_name = [b"./".to_vec(), vec![b'n'; 200], b"\0".to_vec()].concat();
    let damaged = {
        let mut bytes = plain();
        bytes[512 + 3] ^= 1;
        bytes
    };
    let nameless = {
        let mut bytes = tar([folder("./"), a(), file("./b", "")]);
        // As dpkg takes it: a header without a name and a sum that is wrong ends the archive.
        bytes[1536..1539].fill(0);
        bytes
    };
    vec![
        case(
            "accept_every_kind",
            deb([a(), hard_link("./b", "./a"), symlink("./c", "a"), entry(b'6', "./p"), folder("./d/")]),
            "/ /a /b /c /p /d",
            "ceu",
        ),
        case("accept_v7", with_tar(&tar([folder("./").put(257, &[0; 8]), a().put(257, &[0; 8])])), "/ /a", "ceu"),
        case("accept_ustar_prefix", deb([folder("./d/"), file("x", "").put(257, b"ustar\x0000").put(345, b"./d")]), "/ /d /d/x", "ceu"),
        case(
            "accept_long_name",
            deb([long(b'L', &long_name), file("./short", "x")]),
            "/ /nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
            "ceu",
        ),
        case("accept_long_target", deb([long(b'K', &long_name), symlink("./a", "short")]), "/ /a", "ceu"),
        case("accept_large_owner", deb([a().put(108, b"\x80\0\0\0\x7f\xff\xff\xff")]), "/ /a", "ceu"),
        case("accept_old_time", deb([a().put(136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe")]), "/ /a", "ceu"),
        case("accept_size_in_base_256", deb([a().put(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x05")]), "/ /a", "ceu"),
        case("accept_device", deb([entry(b'3', "./null").put(329, b"0000001\0").put(337, b"0000003\0")]), "/ /null", "ceu"),
        case("accept_setuid", deb([a().mode(0o4755)]), "/ /a", "ceu"),
        case("accept_type_in_mode", deb([a().mode(0o100_644)]), "/ /a", "ceu"),
        case("accept_folder_by_slash", deb([entry(b'0', "./d/")]), "/ /d", "ceu"),
        case("accept_file_of_type_nul", deb([entry(0, "./a").data(b"x")]), "/ /a", "ceu"),
        case("accept_much_padding", with_tar(&[plain(), vec![0; 10240]].concat()), "/ /a", "ceu"),
        case("iffy_one_block_at_the_end", cut(plain().len() - 512), "/ /a", "ceu"),
        case(
            "iffy_no_end",
            cut(plain().len() - 1024),
            "Tar: data: the archive is cut off: it has 1536 bytes, and the record at 1536 goes on",
            "ceu",
        ),
        case("iffy_no_members", with_tar(&tar([])), "", "ceu"),
        case("iffy_nothing_at_all", with_tar(&[]), "Tar: data: the archive is cut off: it has 0 bytes, and the record at 0 goes on", "eu"),
        case(
            "malicious_archive_behind_the_end",
            with_tar(&[plain(), tar([file("./hidden", "")])].concat()),
            "Tar: data: something stands at 2560, behind the end of the archive, where zeroes are expected",
            "ceu",
        ),
        case(
            "malicious_archive_behind_one_block",
            with_tar(&[&plain()[..1536], &[0; 512], &tar([file("./hidden", "")])].concat()),
            "Tar: data: something stands at 2048, behind the end of the archive, where zeroes are expected",
            "ceu",
        ),
        case(
            "reject_cut_off_at_512",
            cut(512 + 100),
            "Tar: data: the archive is cut off: it has 612 bytes, and the record at 512 goes on",
            "ce",
        ),
        case(
            "reject_cut_off_before_content",
            cut(1024),
            "Tar: data: the archive is cut off: it has 1024 bytes, and the record at 512 goes on",
            "e",
        ),
        case(
            "reject_cut_off_in_content",
            cut(1024 + 3),
            "Tar: data: the archive is cut off: it has 1027 bytes, and the record at 512 goes on",
            "e",
        ),
        case("reject_check_sum", with_tar(&damaged), "Tar: data: the archive is damaged at 512: the check sum is 3201, expected 3200", "e"),
        case(
            "malicious_nameless_header",
            with_tar(&nameless),
            "Tar: data: the archive is damaged at 1536: the check sum is 3005, expected 3196",
            "eu",
        ),
        case("reject_empty_name", deb([file("", "x")]), "Member: : EmptyName", "ce"),
        case(
            "malicious_size_of_a_gigabyte",
            deb([entry(b'0', "./a").size(1 << 30)]),
            "Tar: data: the archive is cut off: it has 2048 bytes, and the record at 512 goes on",
            "e",
        ),
        case(
            "malicious_size_of_all",
            deb([entry(b'0', "./a").put(124, b"777777777777")]),
            "Tar: data: the archive is cut off: it has 2048 bytes, and the record at 512 goes on",
            "e",
        ),
        case(
            "malicious_negative_size",
            deb([entry(b'0', "./a").put(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0")]),
            "Tar: data: the archive is damaged at 512: the field `size` is negative",
            "e",
        ),
        case(
            "malicious_size_beyond_63_bits",
            deb([entry(b'0', "./a").put(124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xfe\0")]),
            "Tar: data: the archive is damaged at 512: the field `size` is too large",
            "e",
        ),
        case(
            "malicious_size_beyond_64_bits",
            deb([entry(b'0', "./a").put(124, b"\x80\0\x01\0\0\0\0\0\0\0\0\0")]),
            "Tar: data: the archive is damaged at 512: the field `size` is too large",
            "e",
        ),
        case(
            "reject_member_size_no_number",
            deb([a().put(124, b"0000000000x\0")]),
            "Tar: data: the archive is damaged at 512: the field `size` is no octal number",
            "e",
        ),
        case(
            "reject_size_blank",
            deb([file("./a", "").put(124, &[b' '; 12])]),
            "Tar: data: the archive is damaged at 512: the field `size` is blank",
            "e",
        ),
        case("iffy_size_empty", deb([file("./a", "").put(124, &[0; 12])]), "/ /a", "ceu"),
        case("iffy_owner_empty", deb([a().put(108, &[0; 8])]), "/ /a", "ceu"),
        case("iffy_number_after_spaces", deb([a().put(108, b"     17\0")]), "/ /a", "ceu"),
        case(
            "reject_owner_no_number",
            deb([a().put(108, b"root\0\0\0\0")]),
            "Tar: data: the archive is damaged at 512: the field `uid` is no octal number",
            "e",
        ),
        case(
            "malicious_owner_beyond_32_bits",
            deb([a().put(108, b"\x80\0\0\x01\0\0\0\0")]),
            "Tar: data: the archive is damaged at 512: 4294967296 is no user or group",
            "e",
        ),
        case("malicious_owner_none", deb([a().put(108, b"\x80\0\0\0\xff\xff\xff\xff")]), "Member: ./a: Owner", "ceu"),
        case(
            "reject_mode_no_number",
            deb([a().put(100, b"rw-r--r-")]),
            "Tar: data: the archive is damaged at 512: the field `mode` is no octal number",
            "eu",
        ),
        case(
            "malicious_mode_of_another_type",
            deb([a().mode(0o120_777)]),
            "Tar: data: the archive is damaged at 512: its mode, 120777, is not one of its type",
            "ceu",
        ),
        case(
            "reject_device_no_number",
            deb([entry(b'3', "./n").put(329, b"x\0\0\0\0\0\0\0").put(337, b"0000003\0")]),
            "Tar: data: the archive is damaged at 512: the field `device` is no octal number",
            "eu",
        ),
        case("iffy_device_empty", deb([entry(b'3', "./n")]), "/ /n", "ceu"),
        case(
            "malicious_folder_with_content",
            deb([folder("./d/").data(&file("./hidden", "").bytes())]),
            "Tar: data: the archive is damaged at 512: it has no content, but a size of 512 bytes",
            "ceu",
        ),
        case(
            "malicious_folder_by_slash_with_content",
            deb([entry(b'0', "./d/").data(&file("./hidden", "").bytes())]),
            "Tar: data: the archive is damaged at 512: a folder has content",
            "ceu",
        ),
        case(
            "malicious_symlink_with_content",
            deb([symlink("./l", "x").data(&file("./hidden", "").bytes())]),
            "Tar: data: the archive is damaged at 512: it has no content, but a size of 512 bytes",
            "ceu",
        ),
        case(
            "malicious_hard_link_with_content",
            deb([a(), hard_link("./l", "./a").data(&file("./hidden", "").bytes())]),
            "Tar: data: the archive is damaged at 1536: it has no content, but a size of 512 bytes",
            "ceu",
        ),
        case(
            "malicious_fifo_with_content",
            deb([entry(b'6', "./p").data(&file("./hidden", "").bytes())]),
            "Tar: data: the archive is damaged at 512: it has no content, but a size of 512 bytes",
            "ceu",
        ),
        case(
            "malicious_pax_path",
            deb([entry(b'x', "./x").data(b"15 path=./b\n  "), a()]),
            "Tar: data: `./x` in the archive: members of type `x` (pax records) are not supported",
            "e",
        ),
        case(
            "malicious_pax_size",
            deb([entry(b'x', "./x").data(b"12 size=512\n"), a()]),
            "Tar: data: `./x` in the archive: members of type `x` (pax records) are not supported",
            "ce",
        ),
        case(
            "malicious_pax_and_long_name",
            deb([entry(b'x', "./x").data(b"12 path=./b\n"), long(b'L', b"./c\0"), a()]),
            "Tar: data: `./x` in the archive: members of type `x` (pax records) are not supported",
            "ce",
        ),
        case(
            "reject_pax_for_all",
            deb([entry(b'g', "./g").data(b"12 path=./b\n"), a()]),
            "Tar: data: `./g` in the archive: members of type `g` (pax records for all members) are not supported",
            "ce",
        ),
        case(
            "reject_sparse",
            deb([entry(b'S', "./a").data(b"x")]),
            "Tar: data: `./a` in the archive: members of type `S` (a sparse file) are not supported",
            "ce",
        ),
        case(
            "reject_other_volume",
            deb([entry(b'M', "./a").data(b"x")]),
            "Tar: data: `./a` in the archive: members of type `M` (a file that goes on from another volume) are not supported",
            "ce",
        ),
        case(
            "reject_volume_label",
            deb([entry(b'V', "label"), a()]),
            "Tar: data: `label` in the archive: members of type `V` (the label of a volume) are not supported",
            "ce",
        ),
        case(
            "reject_backup_folder",
            deb([entry(b'D', "./d/").data(b"Na\0\0")]),
            "Tar: data: `./d/` in the archive: members of type `D` (a folder of an incremental backup) are not supported",
            "ce",
        ),
        case(
            "reject_solaris_records",
            deb([entry(b'X', "./x").data(b"12 path=./b\n"), a()]),
            "Tar: data: `./x` in the archive: members of type `X` (records of Solaris) are not supported",
            "ce",
        ),
        case(
            "iffy_contiguous_file",
            deb([entry(b'7', "./a").data(b"x")]),
            "Tar: data: `./a` in the archive: members of type `7` (a contiguous file) are not supported",
            "ce",
        ),
        case(
            "reject_unknown_type",
            deb([entry(b'Z', "./a").data(b"x")]),
            "Tar: data: `./a` in the archive: members of type `Z` (unknown) are not supported",
            "ce",
        ),
        case(
            "reject_socket",
            deb([entry(b's', "./a").mode(0o140_755)]),
            "Tar: data: `./a` in the archive: members of type `s` (unknown) are not supported",
            "ce",
        ),
        case(
            "iffy_foreign_magic",
            deb([a().put(257, b"ustar\x0012")]),
            "Tar: data: the archive is damaged at 512: its magic is `ustar\\x0012`, which is neither that of ustar nor of GNU tar",
            "ceu",
        ),
        case(
            "malicious_path_with_nul",
            deb([a().put(4, b"b\0/evil")]),
            "Tar: data: the archive is damaged at 512: the field `name` is not only NUL behind its end",
            "ceu",
        ),
        case(
            "malicious_long_name_with_nul",
            deb([long(b'L', b"./c\0/evil"), a()]),
            "Tar: data: the archive is damaged at 512: a long name holds a NUL",
            "ceu",
        ),
        case(
            "malicious_long_name_goes_on",
            deb([long(b'L', b"./b/c\0").size(3), a()]),
            "Tar: data: the archive is damaged at 512: something stands behind the end of a long name",
            "ce?",
        ),
        case(
            "malicious_long_name_empty",
            deb([long(b'L', b""), a()]),
            "Tar: data: the archive is damaged at 512: a long name is empty, or the second one of its member",
            "ce?",
        ),
        case(
            "malicious_long_name_of_a_gigabyte",
            deb([entry(b'L', "././@LongLink").size(1 << 30), a()]),
            "Tar: data: the archive is cut off: it has 3072 bytes, and the record at 512 goes on",
            "eu",
        ),
        case(
            "malicious_two_long_names",
            deb([long(b'L', b"./b\0"), long(b'L', b"./c\0"), a()]),
            "Tar: data: the archive is damaged at 1536: a long name is empty, or the second one of its member",
            "ceu",
        ),
        case(
            "iffy_long_target_of_a_file",
            deb([long(b'K', b"./b\0"), a()]),
            "Tar: data: the archive is damaged at 1536: a long target stands before what is no link",
            "ceu",
        ),
        case(
            "reject_long_name_of_nothing",
            deb([long(b'L', b"./b\0")]),
            "Tar: data: the archive is damaged at 1536: the archive ends where the member of a long name is expected",
            "ceu",
        ),
    ]
}
