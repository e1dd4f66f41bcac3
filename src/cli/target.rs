//! `IMAGE:/PATH`: an image on this computer and a path in it.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{failure::Failure, report::Report};
use crate::{
    disk::Storage,
    error::Kind,
    image::{self, Mounted},
    progress::Stop,
};

/// What such an argument names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) image: PathBuf,
    /// Absolute path in the image, as bytes; `None` when only the image is named.
    pub(super) path: Option<Vec<u8>>,
}

impl Target {
    /// Takes an argument apart. Colons may stand in both halves, so the longest beginning that is a file here is the image.
    pub(super) fn parse(argument: &OsStr) -> Result<Self, Failure> {
        let bytes = to_bytes(argument);
        let is_file = |image: &[u8]| std::fs::metadata(from_bytes(image)).is_ok_and(|meta| !meta.is_dir());
        let (image, path) = split(&bytes, &is_file);
        if path.is_none()
            && let Some(colon) = image.iter().rposition(|byte| *byte == b':')
            && !is_file(image)
            && is_file(&image[..colon])
        {
            let (image, path) = (&image[..colon], &image[colon + 1..]);
            let [image, path] = [image, path].map(|part| String::from_utf8_lossy(part).into_owned());
            return Err(Failure::new(Kind::Usage, format!("`{path}` is no path in an image, those begin with `/`"))
                .with_hint(format!("`{image}:/{path}`")));
        }
        Ok(Self { image: from_bytes(image).into(), path: path.map(<[u8]>::to_vec) })
    }

    /// Opens the image and reads its file systems.
    pub(super) fn open(&self, report: &Report, stop: &Stop) -> Result<Mounted, Failure> {
        let storage = open_image(&self.image, report, stop)?;
        Mounted::open(&storage).map_err(|error| Failure::from(error).while_doing(self.image.display().to_string()))
    }

    /// Whether both are in the same image, as far as their names tell.
    pub(super) fn is_in(&self, image: &Path) -> bool {
        self.image == image
    }
}

/// Opens an image on this computer, raw or packed.
pub(super) fn open_image(image: &Path, report: &Report, stop: &Stop) -> Result<Arc<dyn Storage>, Failure> {
    let shown = image.display();
    if ["http:", "https:"].iter().any(|scheme| image.starts_with(scheme)) {
        let text = "an address is given, but this command looks into files of this computer only".to_owned();
        return Err(Failure::new(Kind::Usage, text).with_hint("download the image; `build` and `plan` take an address as the base"));
    }
    let path =
        std::path::absolute(image).map_err(|error| Failure::new(Kind::Io, format!("the path of {shown} cannot be told: {error}")))?;
    Ok(image::open(&path, report, stop)?)
}

fn split<'a>(argument: &'a [u8], is_file: &dyn Fn(&[u8]) -> bool) -> (&'a [u8], Option<&'a [u8]>) {
    if is_file(argument) || [&b"http://"[..], b"https://"].iter().any(|scheme| argument.starts_with(scheme)) {
        return (argument, None);
    }
    let at = |colon: usize| (&argument[..colon], Some(&argument[colon + 1..]));
    let colons = || argument.windows(2).enumerate().filter(|(at, pair)| *at > 0 && *pair == b":/").map(|(at, _)| at);
    // Where there is no file at all, the first colon makes the most sensible message.
    let image_ends = colons().filter(|colon| is_file(&argument[..*colon])).last().or_else(|| colons().next());
    image_ends.map_or((argument, None), at)
}

#[cfg(unix)]
fn to_bytes(text: &OsStr) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(text).to_vec()
}

#[cfg(unix)]
fn from_bytes(bytes: &[u8]) -> OsString {
    <OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn to_bytes(text: &OsStr) -> Vec<u8> {
    text.to_string_lossy().into_owned().into_bytes()
}

#[cfg(not(unix))]
fn from_bytes(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn colons_may_stand_everywhere() {
        let files: [&str; 4] = ["a.img", "b:c.img", "d:/e.img", "f:"];
        let cases = [
            ("a.img", "a.img", None),
            ("a.img:/", "a.img", Some("/")),
            ("a.img:/etc/passwd", "a.img", Some("/etc/passwd")),
            ("a.img:/etc/x:/y", "a.img", Some("/etc/x:/y")),
            ("b:c.img", "b:c.img", None),
            ("b:c.img:/etc", "b:c.img", Some("/etc")),
            ("d:/e.img", "d:/e.img", None),
            ("d:/e.img:/etc", "d:/e.img", Some("/etc")),
            ("f::/etc", "f:", Some("/etc")),
            ("none.img:/etc:/x", "none.img", Some("/etc:/x")),
            ("none.img", "none.img", None),
            ("a.img:etc", "a.img:etc", None),
            ("https://host/a.img:/etc", "https://host/a.img:/etc", None),
            (":/etc", ":/etc", None),
            ("", "", None),
        ];
        for (argument, image, path) in cases {
            let is_file = |name: &[u8]| files.iter().any(|file| file.as_bytes() == name);
            assert_eq!(split(argument.as_bytes(), &is_file), (image.as_bytes(), path.map(str::as_bytes)), "{argument}");
        }
    }
}
