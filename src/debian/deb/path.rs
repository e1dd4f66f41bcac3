//! Paths of members.

use super::{MemberFault, limits};

/// The absolute path for one as archives have them: relative, perhaps with `./` before and a slash behind it.
pub(super) fn absolute(path: &[u8]) -> Result<Vec<u8>, MemberFault> {
    if path.starts_with(b"/") {
        return Err(MemberFault::Absolute);
    }
    if path.is_empty() {
        return Err(MemberFault::EmptyName);
    }
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if path.is_empty() || path == b"." {
        return Ok(b"/".to_vec());
    }
    if path.len() >= limits::MAX_PATH {
        return Err(MemberFault::PathTooLong);
    }
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" => return Err(MemberFault::EmptyName),
            b"." => return Err(MemberFault::Dot),
            b".." => return Err(MemberFault::DotDot),
            name if name.contains(&b'\n') => return Err(MemberFault::LineEnd),
            name if name.len() > limits::MAX_NAME => return Err(MemberFault::NameTooLong),
            _ => {}
        }
    }
    Ok([b"/", path].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute() {
        for (path, expected) in [("./", "/"), (".", "/"), ("./a", "/a"), ("a/b/", "/a/b"), ("./.a/..b", "/.a/..b"), ("./...", "/...")] {
            assert_eq!(absolute(path.as_bytes()).unwrap(), expected.as_bytes(), "{path}");
        }
        assert_eq!(absolute(&[b'a'; 246]).unwrap().len(), 247);
        assert_eq!(absolute(&b"a/".repeat(2042)).unwrap().len(), 4084);
    }

    #[test]
    fn others_are_refused() {
        use MemberFault::{Absolute, Dot, DotDot, EmptyName, LineEnd, NameTooLong, PathTooLong};
        for (path, fault) in [
            ("/a", Absolute),
            ("/", Absolute),
            ("", EmptyName),
            (".//a", EmptyName),
            ("a//b", EmptyName),
            ("a//", EmptyName),
            ("./../a", DotDot),
            ("a/../../b", DotDot),
            ("..", DotDot),
            ("././a", Dot),
            ("a/.", Dot),
            ("a\nb", LineEnd),
        ] {
            assert_eq!(absolute(path.as_bytes()), Err(fault), "{path}");
        }
        assert_eq!(absolute(&[b'a'; 247]), Err(NameTooLong));
        assert_eq!(absolute(&b"ab/".repeat(1366)), Err(PathTooLong));
    }
}
