//! Instants and durations as people write them. Never reads the clock except in [`now_s`].
//!
//! Instants are Unix seconds, UTC without leap seconds, and are written `2026-11-23T16:00:00Z`
//! (RFC 3339; seconds may be left out). Dates follow the proleptic Gregorian calendar (H. Hinnant,
//! "chrono-compatible low-level date algorithms").

use std::time::{SystemTime, UNIX_EPOCH};

use lightday_station::size::decimal;

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// The last second of the year 9999: sums of instants and durations cannot overflow below it.
pub const LATEST_S: u64 = 253_402_300_799;

/// The clock of this computer, in Unix seconds.
pub fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

/// Reads an instant: RFC 3339 in UTC, or plain Unix seconds.
///
/// # Errors
/// Says how to write one.
pub fn parse_instant(text: &str) -> Result<u64, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return if seconds <= LATEST_S {
            Ok(seconds)
        } else {
            Err(format!(
                "`{text}` seconds end after the year 9999: write at most {LATEST_S}"
            ))
        };
    }
    instant(text).ok_or_else(|| {
        format!("`{text}` is not an instant: write 2026-11-23T16:00:00Z (UTC), or Unix seconds")
    })
}

fn instant(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let mut date = date.split('-');
    let (y, m, d) = (date.next()?, date.next()?, date.next()?);
    let mut time = time.split(':');
    let (h, min, s) = (time.next()?, time.next()?, time.next().unwrap_or("00"));
    let widths = [(y, 4), (m, 2), (d, 2), (h, 2), (min, 2), (s, 2)];
    if date.next().is_some() || time.next().is_some() || widths.iter().any(|(t, w)| t.len() != *w) {
        return None;
    }
    let number = |t: &str| {
        t.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| t.parse::<u64>().ok())
    };
    let (y, m, d) = (number(y)??, number(m)??, number(d)??);
    let (h, min, s) = (number(h)??, number(min)??, number(s)??);
    let valid = (1970..=9999).contains(&y) && h < 24 && min < 60 && s < 60;
    if !valid || !(1..=12).contains(&m) || d < 1 || d > days_of_month(y, m) {
        return None;
    }
    Some(days_from_civil(y, m, d) * DAY_S + h * 3600 + min * 60 + s)
}

fn days_of_month(y: u64, m: u64) -> u64 {
    let leap = y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    match m {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(y: u64, m: u64, d: u64) -> u64 {
    let y = if m <= 2 { y - 1 } else { y };
    let (era, yoe) = (y / 400, y % 400);
    let doy = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Writes an instant as RFC 3339 in UTC, to the second.
pub fn show_instant(unix_s: u64) -> String {
    let days = (unix_s / DAY_S).min(2_932_896) + 719_468;
    let (era, doe) = (days / 146_097, days % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + u64::from(m <= 2);
    let s = unix_s % DAY_S;
    let (h, min, s) = (s / 3600, s / 60 % 60, s % 60);
    format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}Z")
}

/// Reads a duration: a whole or decimal number with `ms`, `s`, `min`, `h` or `d`. In milliseconds.
///
/// # Errors
/// Says how to write one.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(how(text)),
    };
    decimal(number.trim_end(), factor).ok_or_else(|| how(text))
}

fn how(text: &str) -> String {
    format!("`{text}` is not a duration: write a number and ms, s, min, h or d, such as 22h or 7d")
}

/// Writes a duration in seconds with the unit that suits it: `51.2 s`, `12.3 min`, `44.0 h`, `9.1 d`.
pub fn show_duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else if seconds < 7200.0 {
        format!("{:.1} min", seconds / 60.0)
    } else if seconds < 8.0 * 86_400.0 {
        format!("{:.1} h", seconds / 3600.0)
    } else {
        format!("{:.1} d", seconds / 86_400.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00Z", 951_825_600),
            ("2026-11-23T15:40:09Z", 1_795_448_409),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse_instant(text), Ok(seconds), "{text}");
        }
        assert_eq!(show_instant(1_795_448_409), "2026-11-23T15:40:09Z");
        for days in (0..60_000).step_by(7) {
            let s = days * DAY_S + 3_661;
            assert_eq!(parse_instant(&show_instant(s)), Ok(s));
        }
        for bad in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-11-23",
            "2026-11-23T24:00:00Z",
            "26-1-2T00:00:00Z",
            "2026-11-23T15:40:09",
            "2026-11-23T15:40:09+01:00",
            "-5",
            "253402300800",
            "18446744073709551615",
            "+026-11-23T15:40:09Z",
        ] {
            assert!(parse_instant(bad).is_err(), "{bad}");
        }
        // An instant beyond the calendar is shown as its last day rather than overflowing.
        assert!(show_instant(u64::MAX).starts_with("9999-12-31T"));
    }

    #[test]
    fn durations_are_exact() {
        for (text, ms) in [
            ("7d", 604_800_000),
            ("22h", 79_200_000),
            ("1.5h", 5_400_000),
            ("80 ms", 80),
            ("0.08s", 80),
            ("30min", 1_800_000),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for bad in [
            "",
            "7",
            "d",
            "-1d",
            "1e3s",
            "0.0001s",
            "7 weeks",
            "99999999999999999999d",
            "1.h",
            ".5h",
        ] {
            assert!(parse_duration_ms(bad).is_err(), "{bad}");
        }
    }
}
