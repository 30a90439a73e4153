//! Who is known to have switched flags of the target off, and where to look for the rest.

use keeper_alicloud::setting_operation;
use keeper_core::id::AccountName;
use keeper_core::trail::TrailedFlag;

use super::explanation::ChangedBy;
use super::switched_off::{SwitchedOff, merged};
use crate::api::WatchedObject;
use crate::cli::TargetId;
use crate::cluster_objects::ClusterObjects;

/// What could be read that may tell.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Whether the operator asks ActionTrail in the account; `None`: no configuration was read.
    pub attributes: Option<bool>,
    pub objects: Option<&'a ClusterObjects>,
    /// What the evidence log says; `None`: none was read.
    pub log: Option<&'a [SwitchedOff]>,
    /// Whether the last change that it shows was made by ecs-keeper.
    pub last_is_own: bool,
}

/// What these sources say of a target in an account.
pub fn changed_by(target: &TargetId, account: &AccountName, sources: Sources<'_>) -> ChangedBy {
    let told_by_log = sources.log.unwrap_or_default().to_vec();
    let told_by_status = sources.objects.map(|objects| told_by_status(target, account, objects));
    let switched_off = merged(told_by_log, told_by_status.unwrap_or_default());
    let known = switched_off.iter().any(|it| !it.calls.is_empty());
    let what_else = if known {
        "Of other changes it is not known by whom: ecs-keeper asks ActionTrail only about flags that it has set again".to_owned()
    } else {
        let who = if sources.last_is_own {
            "The last change that the log shows is ecs-keeper's own. Who made others"
        } else {
            "Who changed it last"
        };
        format!("{who} is not known: {}", why_unknown(sources))
    };
    let flags = TrailedFlag::ALL.into_iter().filter(|flag| flag.resource() == target.kind());
    let operations: Vec<String> =
        flags.map(|flag| format!("{} ({})", setting_operation(flag), flag.name())).collect();
    let message = format!(
        "{what_else}. Look in ActionTrail for {} with the resource name {}; it keeps the events of 90 days.",
        operations.join(" and "),
        target.id()
    );
    ChangedBy { known, switched_off, message }
}

/// Why none of the sources tells.
fn why_unknown(sources: Sources<'_>) -> &'static str {
    match (sources.attributes, sources.objects.is_some(), sources.log.is_some()) {
        (Some(false), ..) => "attribution is off in the configuration",
        (_, true, true) => "neither the status of objects nor the evidence log tells",
        (_, false, true) => "the evidence log does not tell, and no objects were read",
        (None, ..) => "no configuration was read that says whether ecs-keeper asks ActionTrail (--config)",
        (Some(true), true, false) => {
            "the status of objects does not tell, and no evidence log was read (--log)"
        }
        (Some(true), false, false) => "neither objects nor an evidence log (--log) were read",
    }
}

/// What the status of the objects of an account says, whoever selects the target now: an object that is not served any more, or that
/// can't be read, keeps what it has told.
fn told_by_status(target: &TargetId, account: &AccountName, objects: &ClusterObjects) -> Vec<SwitchedOff> {
    let may_be_own = |seen: &WatchedObject| seen.account().is_none_or(|own| own == *account);
    let own = objects.objects.iter().filter(|(_, object)| may_be_own(&object.seen));
    let rows = own.flat_map(|(id, object)| {
        let of_protection = object.seen.protection_status().map(|status| status.changes.clone());
        let changes = of_protection.or_else(|| Some(object.seen.retention_status()?.changes.clone()));
        let object = objects.name_of(id);
        changes.unwrap_or_default().into_iter().map(move |row| (object.clone(), row))
    });
    let of_target = rows.filter(|(_, row)| row.id == target.id());
    of_target.map(|(object, row)| SwitchedOff::of_row(&row, object)).collect()
}

#[cfg(test)]
mod tests {
    use keeper_core::id::InstanceId;

    use super::*;

    #[test]
    fn nothing_is_said_of_what_was_not_read() {
        let target = TargetId::Instance(InstanceId::new("i-a"));
        let why = |attributes, log, last_is_own| {
            let sources = Sources { attributes, objects: None, log, last_is_own };
            changed_by(&target, &AccountName::new("default"), sources).message
        };
        for (attributes, log, said) in [
            (None, None, "no configuration was read"),
            (None, Some(&[][..]), "the evidence log does not tell, and no objects were read"),
            (Some(true), None, "neither objects nor an evidence log"),
            (Some(false), Some(&[][..]), "attribution is off in the configuration"),
        ] {
            let told = why(attributes, log, false);
            assert!(told.starts_with(&format!("Who changed it last is not known: {said}")), "{told}");
            let told = why(attributes, log, true);
            let own = "The last change that the log shows is ecs-keeper's own. Who made others is not known";
            assert!(told.starts_with(&format!("{own}: {said}")), "{told}");
        }
    }
}
