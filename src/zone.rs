//! Times for people: in the zone of whoever reads. What programs read has UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zone in which times are told.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// That of this process: of the variable TZ, or else of the machine. Where neither is known it is UTC, as in the operator's Pod.
    pub fn of_process() -> Self {
        Self(TimeZone::system())
    }

    #[cfg(any(test, feature = "plan"))]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// A time in whole seconds, with the offset of the zone as in RFC 3339.
    pub fn time(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.0.clone());
        let offset = if zoned.offset().is_zero() { "Z" } else { "%:z" };
        zoned.strftime(&format!("%Y-%m-%dT%H:%M:%S{offset}")).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_offset_that_the_zone_has_then() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let zone = |rule: &str| Zone(TimeZone::posix(rule).unwrap());
        assert_eq!(zone("CST-8").time(at("2026-11-30T17:09:37.9Z")), "2026-12-01T01:09:37+08:00");
        let berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(berlin.time(at("2026-07-01T00:00:00Z")), "2026-07-01T02:00:00+02:00");
        assert_eq!(berlin.time(at("2026-12-01T00:00:00Z")), "2026-12-01T01:00:00+01:00");
        assert_eq!(Zone::utc().time(at("2026-12-01T00:00:00Z")), "2026-12-01T00:00:00Z");
    }
}
