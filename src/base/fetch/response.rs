//! What the head of a response says about resuming, length and patience (RFC 9110).

use std::time::Duration;

use time::{OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description};
use ureq::http::{HeaderMap, HeaderName, header};

/// RFC 9110 §5.6.7, the only form that is still sent.
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// Status and headers.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
}

/// `Content-Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First byte; `None` in an answer that has no part to give.
    pub(super) start: Option<u64>,
    /// Size of the whole file, if the server tells it.
    pub(super) total: Option<u64>,
}

impl Head {
    pub(super) fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        self.text(header::CONTENT_LENGTH)?.trim().parse().ok()
    }

    pub(super) fn content_range(&self) -> Option<ContentRange> {
        content_range(self.text(header::CONTENT_RANGE)?)
    }

    /// How long the server wants to be left alone; `now` is the time of day.
    pub(super) fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        retry_after(self.text(header::RETRY_AFTER)?, now)
    }
}

/// `bytes START-END/TOTAL`, `bytes START-END/*`, `bytes */TOTAL`.
fn content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let total: Option<u64> = if total == "*" { None } else { Some(total.parse().ok()?) };
    if range == "*" {
        return Some(ContentRange { start: None, total });
    }
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end && total.is_none_or(|total| end < total)).then_some(ContentRange { start: Some(start), total })
}

fn retry_after(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that they do not fit are a long time, too.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?.assume_utc();
    Some(Duration::try_from(date - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn reads_ranges() {
        let range = |start, total| Some(ContentRange { start, total });
        for (text, expected) in [
            ("bytes 5-9/10", range(Some(5), Some(10))),
            ("bytes 5-9/*", range(Some(5), None)),
            ("bytes */10", range(None, Some(10))),
            ("bytes 9-5/10", None),
            ("bytes 5-10/10", None),
            ("bytes -5/10", None),
            ("items 5-9/10", None),
            ("bytes 99999999999999999999-9/10", None),
            ("", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_wishes_for_a_pause() {
        let now = datetime!(2024-05-01 10:00:00 UTC);
        let seconds = |text: &str| retry_after(text, now).map(|wish| wish.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Wed, 01 May 2024 10:02:00 GMT"), Some(120));
        assert_eq!(seconds("Wed, 01 May 2024 09:00:00 GMT"), Some(0));
        assert_eq!(seconds(&"9".repeat(30)), Some(u64::MAX));
        assert_eq!((seconds("soon"), seconds("-1"), seconds("")), (None, None, None));
    }
}
