//! A zip archive of exactly one file (PKWARE APPNOTE 6.3.10), stored or deflated, zip64 where needed.
//!
//! Read from its end, as the format wants it; nothing may stand before its first member or after its end, and what the file's own
//! header says must agree with the directory.

use std::io::{BufReader, Read};

use flate2::{Crc, bufread::DeflateDecoder};

use super::{DecompressError, Format, explain, input::Input, limits::MAX_DIRECTORY, output::Output};
use crate::little_endian::{u16_at, u32_at, u64_at};

const END: (u32, usize) = (0x0605_4b50, 22);
const END64_LOCATOR: (u32, usize) = (0x0706_4b50, 20);
const END64: (u32, usize) = (0x0606_4b50, 56);
const ENTRY: (u32, usize) = (0x0201_4b50, 46);
const LOCAL: (u32, usize) = (0x0403_4b50, 30);
/// Extra field that holds what does not fit 32 bits.
const ZIP64_FIELD: u16 = 1;
const ENCRYPTED: u16 = 1;

/// What the directory says of the one file.
struct Member {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
}

pub(super) fn decode(input: &Input<'_>, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let (directory_offset, directory) = directory(input)?;
    let member = only_member(&directory)?;
    if member.flags & ENCRYPTED != 0 {
        return Err(DecompressError::Zip { what: "encryption".to_owned() });
    }
    let start = data_start(input, &member)?;
    let end = start.checked_add(member.compressed).filter(|end| *end <= directory_offset);
    let end = end.ok_or_else(|| corrupt(format!("its file goes on past the directory at {directory_offset}")))?;
    let part = BufReader::with_capacity(256 << 10, input.part(start, end - start));
    let mut crc = Crc::new();
    let before = output.size();
    let left = match member.method {
        0 => {
            let mut reader = part;
            copy(&mut reader, &mut crc, &member, output)?;
            0
        }
        8 => {
            let mut reader = DeflateDecoder::new(part);
            copy(&mut reader, &mut crc, &member, output)?;
            member.compressed - reader.total_in()
        }
        method => return Err(DecompressError::Zip { what: format!("compression method {method}") }),
    };
    let got = output.size() - before;
    if got != member.size {
        return Err(corrupt(format!("its file has {got} bytes, the directory says {}", member.size)));
    }
    if left != 0 {
        return Err(corrupt(format!("{left} bytes follow the compressed data of its file")));
    }
    if crc.sum() != member.crc {
        return Err(corrupt(format!("the CRC-32 of its file is {:08x}, expected {:08x}", crc.sum(), member.crc)));
    }
    Ok(())
}

fn copy(reader: &mut dyn Read, crc: &mut Crc, member: &Member, output: &mut Output<'_>) -> Result<(), DecompressError> {
    if member.size > output.room() {
        return Err(output.too_large());
    }
    let mut buffer = vec![0; 256 << 10];
    let mut left = member.size;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) => return Err(explain(Format::Zip, output.source_size(), &error)),
        };
        crc.update(&buffer[..count]);
        left = left
            .checked_sub(count as u64)
            .ok_or_else(|| corrupt(format!("its file has more than the {} bytes the directory says", member.size)))?;
        output.write(&buffer[..count])?;
    }
}

/// Offset and bytes of the directory.
fn directory(input: &Input<'_>) -> Result<(u64, Vec<u8>), DecompressError> {
    let size = input.size();
    let (end_offset, end) = end_record(input)?;
    let disks = [u16_at(&end, 4), u16_at(&end, 6)];
    let (mut len, mut offset) = (u64::from(u32_at(&end, 12)), u64::from(u32_at(&end, 16)));
    let mut directory_end = end_offset;
    if disks != [0, 0] && disks != [0xffff, 0xffff] {
        return Err(DecompressError::Zip { what: "several volumes".to_owned() });
    }
    if let Some(locator_offset) = end_offset.checked_sub(END64_LOCATOR.1 as u64) {
        let locator = bytes_at(input, locator_offset, END64_LOCATOR.1)?;
        if u32_at(&locator, 0) == END64_LOCATOR.0 {
            let at = u64_at(&locator, 8);
            let end64 = if at < locator_offset { bytes_at(input, at, END64.1)? } else { vec![0; END64.1] };
            if u32_at(&end64, 0) != END64.0 {
                return Err(corrupt(format!("no zip64 record stands at {at}")));
            }
            (len, offset, directory_end) = (u64_at(&end64, 40), u64_at(&end64, 48), at);
        }
    }
    if offset.checked_add(len) != Some(directory_end) {
        return Err(corrupt(format!("its directory is said to have {len} bytes at {offset}, in a file of {size}")));
    }
    if len > MAX_DIRECTORY {
        return Err(DecompressError::Zip { what: format!("a directory of {len} bytes") });
    }
    // At most 1 MiB, as just checked.
    Ok((offset, bytes_at(input, offset, len as usize)?))
}

/// The record at the very end, with a comment of up to 65,535 bytes behind it.
fn end_record(input: &Input<'_>) -> Result<(u64, Vec<u8>), DecompressError> {
    let size = input.size();
    let tail_len = size.min(END.1 as u64 + 0xffff);
    // At most 65,557.
    let tail = bytes_at(input, size - tail_len, tail_len as usize)?;
    let is_end = |at: usize| u32_at(&tail, at) == END.0;
    let mut last = None;
    for at in (0..=tail.len().saturating_sub(END.1)).rev().filter(|at| tail.len() >= END.1 && is_end(*at)) {
        let behind = tail.len() - at - END.1;
        let comment = usize::from(u16_at(&tail, at + 20));
        if behind == comment {
            return Ok((size - tail_len + at as u64, tail[at..at + END.1].to_vec()));
        }
        last = last.or(Some((at, behind, comment)));
    }
    match last {
        Some((at, behind, comment)) if behind > comment => {
            let offset = size - tail_len + (at + END.1 + comment) as u64;
            Err(DecompressError::Trailing { format: Format::Zip.name(), offset, len: size - offset })
        }
        _ => Err(DecompressError::Truncated { format: Format::Zip.name(), size }),
    }
}

/// The one entry of the directory that is no folder.
fn only_member(directory: &[u8]) -> Result<Member, DecompressError> {
    let mut rest = directory;
    let mut files = Vec::new();
    let mut lowest = u64::MAX;
    while !rest.is_empty() {
        if rest.len() < ENTRY.1 || u32_at(rest, 0) != ENTRY.0 {
            return Err(corrupt(format!("byte {} of its directory begins no entry", directory.len() - rest.len())));
        }
        let lens = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
        let whole = ENTRY.1 + lens.iter().sum::<usize>();
        let entry = rest.get(..whole).ok_or_else(|| corrupt("the last entry of its directory is cut off".to_owned()))?;
        let (name, extra) = entry[ENTRY.1..].split_at(lens[0]);
        let member = member(entry, name, &extra[..lens[1]])?;
        lowest = lowest.min(member.offset);
        if !name.ends_with(b"/") {
            files.push(member);
        }
        rest = &rest[whole..];
    }
    let count = files.len() as u64;
    match (files.pop(), count) {
        (Some(_), 1) if lowest != 0 => Err(corrupt(format!("{lowest} bytes stand before its first member"))),
        (Some(member), 1) => Ok(member),
        _ => Err(DecompressError::Members { files: count }),
    }
}

/// Reads an entry; a size or offset of 32 ones stands in the zip64 field, in this order.
fn member(entry: &[u8], name: &[u8], extra: &[u8]) -> Result<Member, DecompressError> {
    let mut wide = zip64_field(extra);
    let mut number = |at: usize| -> Result<u64, DecompressError> {
        let small = u32_at(entry, at);
        if small != u32::MAX {
            return Ok(small.into());
        }
        let (head, rest) = wide.split_at_checked(8).ok_or_else(|| corrupt("its directory lacks a size or offset".to_owned()))?;
        wide = rest;
        Ok(u64_at(head, 0))
    };
    let size = number(24)?;
    let compressed = number(20)?;
    let offset = number(42)?;
    Ok(Member { name: name.to_vec(), flags: u16_at(entry, 8), method: u16_at(entry, 10), crc: u32_at(entry, 16), compressed, size, offset })
}

fn zip64_field(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let (id, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + len) else { break };
        if id == ZIP64_FIELD {
            return field;
        }
        extra = &extra[4 + len..];
    }
    &[]
}

/// Where the file's bytes begin, by its own header, which must name the same file.
fn data_start(input: &Input<'_>, member: &Member) -> Result<u64, DecompressError> {
    let head = bytes_at(input, member.offset, LOCAL.1)?;
    let name_len = usize::from(u16_at(&head, 26));
    // Offsets inside the file are far below 2⁶⁴, or reading the header had failed.
    let name_offset = member.offset + LOCAL.1 as u64;
    let name = bytes_at(input, name_offset, name_len)?;
    if u32_at(&head, 0) != LOCAL.0 || name != member.name || u16_at(&head, 8) != member.method {
        return Err(corrupt(format!("the header of its file at {} does not agree with the directory", member.offset)));
    }
    Ok(name_offset + name_len as u64 + u64::from(u16_at(&head, 28)))
}

fn bytes_at(input: &Input<'_>, offset: u64, len: usize) -> Result<Vec<u8>, DecompressError> {
    let mut bytes = vec![0; len];
    input.read_exact_at(offset, &mut bytes).map_err(|error| explain(Format::Zip, input.size(), &error))?;
    Ok(bytes)
}

fn corrupt(reason: String) -> DecompressError {
    DecompressError::Corrupt { format: Format::Zip.name(), reason }
}
