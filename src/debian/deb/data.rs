//! The data member: what the package puts onto a system.

use md5::{Digest as _, Md5};

use super::{DebError, Member, MemberFault, MemberKind, Part, limits, path};
use crate::{
    disk::{Storage as _, Window},
    progress::Stop,
    tar::{self, Dialect, Reader},
    tree::Content,
};

/// Bytes that are read and hashed at once.
const CHUNK: usize = 256 << 10;

/// Reads all members from front to back, once.
pub(super) fn read(archive: Window, stop: &Stop) -> Result<Vec<Member>, DebError> {
    let mut members = Vec::new();
    let mut room = limits::MAX_TEXT;
    let mut buffer = vec![0; CHUNK];
    for member in Reader::new(archive, Dialect::Deb) {
        let member = member.map_err(|source| DebError::Tar { part: Part::Data, source })?;
        if stop.is_requested() {
            return Err(DebError::Interrupted);
        }
        let member = checked(member, &mut buffer, stop)?;
        let target = match &member.kind {
            MemberKind::HardLink(target) | MemberKind::Symlink(target) => target.len(),
            _ => 0,
        };
        let text = member.path.len() + target + member.user.len() + member.group.len();
        room = room.checked_sub(text).filter(|_| members.len() < limits::MAX_MEMBERS).ok_or(DebError::TooMany { part: Part::Data })?;
        members.push(member);
    }
    check_places(&members)?;
    Ok(members)
}

/// A member by itself.
fn checked(member: tar::Member, buffer: &mut [u8], stop: &Stop) -> Result<Member, DebError> {
    let fail = |fault| DebError::Member { path: member.path.escape_ascii().to_string(), fault };
    let path = path::absolute(&member.path).map_err(fail)?;
    if member.uid == u32::MAX || member.gid == u32::MAX {
        return Err(fail(MemberFault::Owner));
    }
    let kind = match member.kind {
        tar::Kind::Folder => MemberKind::Folder,
        _ if path == b"/" => return Err(fail(MemberFault::Root)),
        tar::Kind::File(content) => {
            let md5 = md5(&content, buffer, stop)?;
            MemberKind::File { content, md5 }
        }
        tar::Kind::HardLink(target) => MemberKind::HardLink(path::absolute(&target).map_err(|_| fail(MemberFault::HardLink))?),
        tar::Kind::Symlink(target) if target.is_empty() => return Err(fail(MemberFault::EmptyTarget)),
        tar::Kind::Symlink(target) if target.len() > limits::MAX_TARGET => return Err(fail(MemberFault::TargetTooLong)),
        tar::Kind::Symlink(target) => MemberKind::Symlink(target),
        tar::Kind::CharDevice { major, minor } => MemberKind::CharDevice { major, minor },
        tar::Kind::BlockDevice { major, minor } => MemberKind::BlockDevice { major, minor },
        tar::Kind::Fifo => MemberKind::Fifo,
    };
    let tar::Member { permissions, uid, gid, user, group, mtime, .. } = member;
    Ok(Member { path, permissions, uid, gid, user, group, mtime: mtime.seconds, kind })
}

fn md5(content: &Content, buffer: &mut [u8], stop: &Stop) -> Result<[u8; 16], DebError> {
    let mut hasher = Md5::new();
    let mut offset = 0;
    while offset < content.size() {
        if stop.is_requested() {
            return Err(DebError::Interrupted);
        }
        // At most the buffer's size.
        let chunk = (content.size() - offset).min(buffer.len() as u64) as usize;
        content.read_exact_at(offset, &mut buffer[..chunk]).map_err(DebError::Read)?;
        hasher.update(&buffer[..chunk]);
        offset += chunk as u64;
    }
    Ok(hasher.finalize().into())
}

/// What members are to each other: no path twice, nothing below what is no folder, hard links to earlier files.
///
/// In an order by names, what lies below a member follows it at once. dpkg makes symbolic links after everything else, so what lies
/// below one would go through whatever the system has in its place; no real package ships such, whichever comes first.
fn check_places(members: &[Member]) -> Result<(), DebError> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|a, b| names(&members[*a].path).cmp(names(&members[*b].path)));
    let fail = |member: &Member, fault| Err(DebError::Member { path: member.path.escape_ascii().to_string(), fault });
    let mut last: Option<&Member> = None;
    let mut blocked: Option<&Member> = None;
    for member in order.iter().map(|index| &members[*index]) {
        let is_folder = matches!(member.kind, MemberKind::Folder);
        if let Some(last) = last.filter(|last| last.path == member.path)
            && !(is_folder && matches!(last.kind, MemberKind::Folder))
        {
            return fail(member, MemberFault::Twice);
        }
        match blocked.filter(|blocked| is_below(&member.path, &blocked.path)).map(|blocked| &blocked.kind) {
            Some(MemberKind::Symlink(_)) => return fail(member, MemberFault::BelowSymlink),
            Some(_) => return fail(member, MemberFault::BelowFile),
            None => {}
        }
        last = Some(member);
        if !is_folder {
            blocked = last;
        }
    }
    for (index, member) in members.iter().enumerate() {
        let MemberKind::HardLink(target) = &member.kind else { continue };
        let found = order.binary_search_by(|at| names(&members[*at].path).cmp(names(target))).map(|at| order[at]);
        if !found.is_ok_and(|at| at < index && matches!(members[at].kind, MemberKind::File { .. })) {
            return fail(member, MemberFault::HardLink);
        }
    }
    Ok(())
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').skip(1).filter(|name| !name.is_empty())
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}
