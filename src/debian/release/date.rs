//! Dates of archives: `Sat, 11 Jul 2026 10:16:37 UTC`, as in mail (RFC 5322 section 3.3), always in UTC.

use time::{Date, Month, OffsetDateTime, Time};

/// Reads a date. The day of the week is not held against it.
pub(super) fn read(text: &str) -> Option<OffsetDateTime> {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let [weekday, day, month, year, time, zone] = words[..] else { return None };
    let weekday = weekday.strip_suffix(',')?;
    let is_weekday = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&weekday);
    if !is_weekday || !matches!(zone, "UTC" | "GMT" | "Z" | "+0000" | "-0000") || year.len() != 4 {
        return None;
    }
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = names.iter().position(|name| *name == month)? + 1;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(number(year)?.into(), month, small(day)?).ok()?;
    let [hour, minute, second] = time.split(':').map(small).collect::<Option<Vec<_>>>()?[..] else { return None };
    Some(date.with_time(Time::from_hms(hour, minute, second).ok()?).assume_utc())
}

fn small(text: &str) -> Option<u8> {
    u8::try_from(number(text)?).ok()
}

/// At most four digits.
fn number(text: &str) -> Option<u16> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}
