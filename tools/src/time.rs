//! Times as people write them.

use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// By the wall clock of the host, nanoseconds since 1970.
    Time(u64),
    /// The frame of this number.
    Number(u64),
}

/// How moments are written, for the manual and for errors.
pub(crate) const FORMS: &str = "2026-11-30T14:00:00Z, '2026-11-30 14:00', 14:00, 'yesterday 14:00', -10m (s, m, h, d), now, \
     or #123 for a frame's number";

/// A moment from its text, for clap.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    parse(text, Local::now()).ok_or_else(|| format!("a time is {FORMS}"))
}

fn parse<Z: TimeZone>(text: &str, now: DateTime<Z>) -> Option<Moment> {
    let text = text.trim();
    if let Some(number) = text.strip_prefix('#') {
        return number.parse().ok().map(Moment::Number);
    }
    let time =
        |time: &DateTime<Z>| u64::try_from(time.timestamp_nanos_opt()?).ok().map(Moment::Time);
    if text == "now" {
        return time(&now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        return time(&(now - chrono::Duration::from_std(duration(ago)?).ok()?));
    }
    if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        return u64::try_from(exact.timestamp_nanos_opt()?).ok().map(Moment::Time);
    }
    let zone = now.timezone();
    let local = |naive: NaiveDateTime| time(&zone.from_local_datetime(&naive).earliest()?);
    let today = now.date_naive();
    let of_day = |text: &str| {
        let forms = ["%H:%M:%S%.f", "%H:%M"];
        forms.iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
    };
    let day = |text: &str| match text {
        "today" => Some(today),
        "yesterday" => today.checked_sub_days(Days::new(1)),
        date => NaiveDate::parse_from_str(date, "%Y-%m-%d").ok(),
    };
    match text.split_once([' ', 'T']) {
        Some((date, clock)) => local(day(date)?.and_time(of_day(clock.trim())?)),
        None => match of_day(text) {
            Some(clock) => local(today.and_time(clock)),
            None => local(day(text)?.and_time(NaiveTime::MIN)),
        },
    }
}

/// `10m`, `2h30m`, `90` (seconds), `1.5h`.
pub(crate) fn duration(text: &str) -> Option<std::time::Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, others) = rest.split_at(end);
        let unit_end = others.find(|c: char| c.is_ascii_digit()).unwrap_or(others.len());
        let (unit, others) = others.split_at(unit_end);
        let unit = match unit.trim() {
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "ms" => 0.001,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = others;
    }
    std::time::Duration::try_from_secs_f64(seconds).ok()
}

/// A length of time from its text, for clap.
pub(crate) fn length(text: &str) -> Result<std::time::Duration, String> {
    duration(text)
        .filter(|length| !length.is_zero())
        .ok_or_else(|| "a length of time is a number with s, m, h or d: 90s, 10m, 2h30m".to_owned())
}

/// A time as people read it, in the host's own zone.
pub(crate) fn shown(time_ns: u64) -> String {
    let time = i64::try_from(time_ns).map(DateTime::from_timestamp_nanos);
    match time {
        Ok(time) => time.with_timezone(&Local).format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn times_of_every_form() {
        let zone = FixedOffset::east_opt(2 * 3600).unwrap();
        let now = zone.with_ymd_and_hms(2026, 11, 30, 10, 0, 0).unwrap();
        let at = |seconds: i64| Moment::Time((now.timestamp() + seconds) as u64 * 1_000_000_000);
        for (text, expected) in [
            ("now", at(0)),
            ("-10m", at(-600)),
            ("-1h30m", at(-5400)),
            ("-90", at(-90)),
            ("-0.5s", Moment::Time(now.timestamp() as u64 * 1_000_000_000 - 500_000_000)),
            ("2026-11-30T07:59:00Z", at(-60)),
            ("2026-11-30 09:59", at(-60)),
            ("2026-11-30T09:59:30", at(-30)),
            ("09:59", at(-60)),
            ("yesterday 10:00", at(-86_400)),
            ("today", at(-36_000)),
            ("2026-11-29", at(-36_000 - 86_400)),
            ("#77", Moment::Number(77)),
        ] {
            assert_eq!(parse(text, now), Some(expected), "{text}");
        }
        for wrong in ["", "-", "-10x", "tomorrow 14:00", "25:00", "#", "-99999999999999999999d"] {
            assert_eq!(parse(wrong, now), None, "{wrong}");
        }
        assert!(shown(0).starts_with("19"));
    }
}
