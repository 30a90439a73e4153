//! The parameters that say for how long a new subscription is paid.

use jiff::SignedDuration;

use crate::wire::{Params, Refusal};

/// The periods that an operation has, after its descriptions of Period and PeriodUnit.
#[derive(Clone, Copy)]
pub(super) struct Periods {
    months: &'static [i64],
    weeks: &'static [i64],
}

impl Periods {
    pub(super) const RUN: Self =
        Self { months: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 24, 36, 48, 60], weeks: &[1, 2, 3, 4] };
    pub(super) const CREATE: Self = Self { months: &[1, 2, 3, 6, 12], weeks: &[] };
}

const WEEK: i64 = 7;
/// How long a subscription's month is isn't documented.
const MONTH: i64 = 30;

/// Reads Period and PeriodUnit, which subscriptions need and others can't have.
pub(super) fn parse(
    params: &Params,
    subscription: bool,
    periods: Periods,
) -> Result<Option<SignedDuration>, Refusal> {
    let period = params.integer("Period")?;
    let unit = params.get("PeriodUnit");
    if !subscription {
        let given = period.map(|_| "Period").or(unit.map(|_| "PeriodUnit"));
        return given.map_or(Ok(None), |name| Err(Refusal::invalid(name)));
    }
    let period = period.ok_or_else(|| Refusal::missing("Period"))?;
    let (known, days) = match unit {
        None | Some("Month") => (periods.months, MONTH),
        Some("Week") => (periods.weeks, WEEK),
        Some(_) => return Err(Refusal::invalid("PeriodUnit")),
    };
    if !known.contains(&period) {
        return Err(Refusal::invalid("Period"));
    }
    Ok(Some(SignedDuration::from_hours(24 * days * period)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(pairs: &[(&str, &str)], periods: Periods) -> Result<Option<i64>, String> {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let params = Params::from_pairs(&pairs).expect("no duplicates");
        let period = parse(&params, true, periods).map_err(|refusal| refusal.code.into_owned())?;
        Ok(period.map(|period| period.as_hours() / 24))
    }

    #[test]
    fn periods_are_the_vendors_and_no_others() {
        for (period, unit, run, create) in [
            ("1", None, Some(30), Some(30)),
            ("6", None, Some(180), Some(180)),
            ("6", Some("Month"), Some(180), Some(180)),
            ("9", None, Some(270), None),
            ("10", None, None, None),
            ("0", None, None, None),
            ("60", None, Some(1800), None),
            ("61", None, None, None),
        ] {
            let given: Vec<_> = [("Period", Some(period)), ("PeriodUnit", unit)]
                .into_iter()
                .filter_map(|(n, v)| Some((n, v?)))
                .collect();
            assert_eq!(days(&given, Periods::RUN).ok().flatten(), run, "{given:?}");
            assert_eq!(days(&given, Periods::CREATE).ok().flatten(), create, "{given:?}");
        }
        let weeks = |period| days(&[("Period", period), ("PeriodUnit", "Week")], Periods::RUN);
        assert_eq!((weeks("4"), weeks("5")), (Ok(Some(28)), Err("InvalidParameter".to_owned())));
        assert!(days(&[("Period", "1"), ("PeriodUnit", "Week")], Periods::CREATE).is_err());
        let years = days(&[("Period", "1"), ("PeriodUnit", "Year")], Periods::RUN);
        assert_eq!(years, Err("InvalidParameter".to_owned()));
        assert_eq!(days(&[], Periods::RUN), Err("MissingParameter".to_owned()));
    }
}
