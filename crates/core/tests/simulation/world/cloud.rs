//! The scripted cloud: instances and their network interfaces, with the consequences that the vendor's pages describe.
//! What a read shows is how things are when it is sent, so two reads may disagree.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use keeper_core::call::{Identity, Item, Page, Query, ReadCall};
use keeper_core::failure::{Class, Effect as Outcome, Failure};
use keeper_core::id::{
    CallId, InstanceId, InterfaceId, PageToken, RequestId, ScalingGroupId, Tag, TagFilter,
};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use keeper_core::interface::{Belongings, Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use keeper_core::resource::Resource;
use keeper_core::scaling_member::{LifecycleState, MemberFacts, ScalingMember};
use keeper_core::surroundings::{Power, Surroundings};
use keeper_core::time::Moment;

use super::mood::{Mood, Refused};

/// The operations that read.
pub const INSTANCES: &str = "DescribeInstances";
pub const INTERFACES: &str = "DescribeNetworkInterfaces";
pub const MEMBERS: &str = "DescribeScalingInstances";

/// One instance. What is on it, the interfaces tell.
#[derive(Debug, Clone)]
pub struct Machine {
    pub facts: InstanceFacts,
    pub zone: &'static str,
    pub vpc: &'static str,
    pub power: Power,
    /// The cloud answers as if it did not exist.
    pub hidden: bool,
    /// Its own list of interfaces has an odd shape.
    pub listless: bool,
    /// Most interfaces on it.
    pub quota: usize,
    /// Takes an interface while it is running.
    pub hot_plug: bool,
    /// Since when its flag has been unprotected.
    pub unprotected_since: Option<Moment>,
    /// When anything but its flag changed.
    pub changed: Moment,
}

impl Machine {
    pub fn protected(&self) -> bool {
        self.facts.deletion_protection == Some(true)
    }

    pub fn set(&mut self, now: Moment, protected: bool) {
        self.unprotected_since = unprotected_since(self.unprotected_since, self.protected(), protected, now);
        self.facts.deletion_protection = Some(protected);
    }

    pub fn tags(&self) -> &[Tag] {
        self.facts.tags.as_deref().unwrap_or_default()
    }

    /// Whether the flag can be set on it, after the vendor's pages. Written here a second time, to compare with.
    pub fn applicable(&self) -> bool {
        self.facts.spot == Some(false) && self.facts.charge_type == Some(ChargeType::PostPaid)
    }
}

/// Since when a flag has been unprotected that takes this value now.
pub fn unprotected_since(
    before: Option<Moment>,
    was_protected: bool,
    protected: bool,
    now: Moment,
) -> Option<Moment> {
    if protected { None } else { before.filter(|_| !was_protected).or(Some(now)) }
}

/// One network interface.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a trouble of its own, and any of them may come together"
)]
pub struct Card {
    pub facts: InterfaceFacts,
    /// The cloud answers as if it did not exist.
    pub hidden: bool,
    /// Only listings of the region leave it out.
    pub skipped: bool,
    /// The instance's own list leaves it out.
    pub unlisted: bool,
    /// Its instance is not told.
    pub withheld: bool,
    /// The flag is refused with this code's class.
    pub refuses: Option<Class>,
    /// When it was last on which instance.
    pub been: BTreeMap<InstanceId, Moment>,
    /// When the flag was last refused so that it can't be set at all.
    pub refused_at: Option<Moment>,
    /// Since when its flag has been unprotected.
    pub unprotected_since: Option<Moment>,
    /// When anything but its flag changed.
    pub changed: Moment,
    /// Since when it may look as if it were gone.
    pub hidden_since: Option<Moment>,
}

impl Card {
    pub fn protected(&self) -> bool {
        self.facts.delete_on_release == Some(false)
    }

    pub fn set(&mut self, now: Moment, protected: bool) {
        self.unprotected_since = unprotected_since(self.unprotected_since, self.protected(), protected, now);
        self.facts.delete_on_release = Some(!protected);
    }

    pub fn tags(&self) -> &[Tag] {
        self.facts.tags.as_deref().unwrap_or_default()
    }

    /// The instance that it is on, on its way to or on its way off.
    pub fn instance(&self) -> Option<&InstanceId> {
        self.facts.instance.as_ref().and_then(Option::as_ref)
    }

    pub fn in_use(&self) -> bool {
        self.facts.status == Some(InterfaceStatus::InUse)
    }

    pub fn free(&self) -> bool {
        self.facts.status == Some(InterfaceStatus::Available)
    }

    pub fn tagged(&self, key: &str, value: &str) -> bool {
        self.tags().iter().any(|tag| tag.key.as_ref() == key && tag.value.as_ref() == value)
    }

    /// Whether the flag can be set on it, after the vendor's pages. Written here a second time, to compare with.
    pub fn applicable(&self) -> bool {
        self.refuses.is_none() && self.ours()
    }

    /// Whether it is nobody else's.
    pub fn ours(&self) -> bool {
        let foreign = ["terway", "terway-controller", "alibabacloud-erdma-controller"];
        let primary = self.facts.interface_type == Some(InterfaceType::Primary);
        self.facts.service_managed == Some(false)
            && (primary || self.facts.interface_type == Some(InterfaceType::Secondary))
            && (!primary || self.facts.primary_retainable)
            && !foreign.iter().any(|creator| self.tagged("creator", creator))
            && self.facts.traffic_mode.as_deref() != Some("HighPerformance")
    }
}

/// The membership of an instance in a scaling group.
#[derive(Debug, Clone)]
pub struct Membership {
    pub group: ScalingGroupId,
    pub state: LifecycleState,
    /// The cloud answers as if it did not exist.
    pub hidden: bool,
    /// A call that names it is refused.
    pub refuses: bool,
    /// The listing does not say of which group it is a member.
    pub groupless: bool,
    /// When anything but its protection changed.
    pub changed: Moment,
}

/// What is there.
#[derive(Debug, Default)]
pub struct Cloud {
    pub members: BTreeMap<InstanceId, Membership>,
    pub machines: BTreeMap<InstanceId, Machine>,
    pub cards: BTreeMap<InterfaceId, Card>,
    pub mood: Mood,
    pub page_size: usize,
    /// When a listing last left out what had moved between its pages: nobody can tell that from what it shows.
    pub skipped: Moment,
    /// Reads that were answered.
    pub answered: u64,
    /// The minute of the newest read of each operation, and how many were let through in it.
    pub passed: BTreeMap<&'static str, (u64, u32)>,
}

pub fn eni(name: &str) -> InterfaceId {
    InterfaceId::new(name)
}

pub fn i(name: &str) -> InstanceId {
    InstanceId::new(name)
}

pub fn tags(pairs: &[(&str, &str)]) -> Vec<Tag> {
    pairs.iter().map(|(key, value)| Tag::new(key, value)).collect()
}

pub fn filter(key: &str, value: &str) -> TagFilter {
    TagFilter { key: Arc::from(key), value: Some(Arc::from(value)) }
}

pub fn failure(class: Class, code: &str, effect: Outcome) -> Failure {
    Failure { operation: None, class, code: code.into(), request_id: None, effect, retry_after: None }
}

/// A pay-as-you-go instance.
pub fn payg(protected: bool, pairs: &[(&str, &str)]) -> InstanceFacts {
    InstanceFacts {
        deletion_protection: Some(protected),
        charge_type: Some(ChargeType::PostPaid),
        spot: Some(false),
        auto_release: Some(None),
        locks: Some(Vec::new()),
        tags: Some(tags(pairs)),
        surroundings: None,
    }
}

pub fn machine(now: Moment, facts: InstanceFacts) -> Machine {
    Machine {
        unprotected_since: (facts.deletion_protection != Some(true)).then_some(now),
        facts,
        zone: "z-1",
        vpc: "vpc-1",
        power: Power::Running,
        hidden: false,
        listless: false,
        quota: 5,
        hot_plug: true,
        changed: now,
    }
}

pub fn card(now: Moment, on: Option<&str>, interface_type: InterfaceType) -> Card {
    let belongings = Belongings {
        vpc_id: Some("vpc-1".into()),
        private_ips: vec!["10.0.0.1".into()],
        ..Belongings::default()
    };
    Card {
        facts: InterfaceFacts {
            delete_on_release: Some(true),
            zone_id: Some("z-1".into()),
            interface_type: Some(interface_type),
            status: Some(if on.is_some() { InterfaceStatus::InUse } else { InterfaceStatus::Available }),
            instance: Some(on.map(i)),
            service_managed: Some(false),
            traffic_mode: Some("Standard".into()),
            primary_retainable: true,
            tags: Some(Vec::new()),
            belongings: Arc::new(belongings),
        },
        hidden: false,
        skipped: false,
        unlisted: false,
        withheld: false,
        refuses: None,
        been: BTreeMap::new(),
        refused_at: None,
        unprotected_since: Some(now),
        changed: now,
        hidden_since: None,
    }
}

impl Cloud {
    /// The instance's own list of its interfaces: one that is on its way to it does not stand there yet.
    pub fn list_of(&self, instance: &InstanceId) -> Vec<InterfaceId> {
        let there = |card: &Card| {
            matches!(card.facts.status, Some(InterfaceStatus::InUse | InterfaceStatus::Detaching))
                && card.instance() == Some(instance)
                && !card.unlisted
        };
        self.cards.iter().filter(|(_, card)| there(card)).map(|(id, _)| id.clone()).collect()
    }

    pub fn show_instances(
        &mut self,
        now: Moment,
        read: &ReadCall<Instance>,
    ) -> Result<Page<Instance>, Failure> {
        let blind = self.mood.to(INSTANCES).blind;
        let visible = |machine: &Machine| !machine.hidden && !blind;
        let all = self.machines.iter().filter(|(_, machine)| visible(machine));
        let all = all.map(|(id, machine)| {
            let mut facts = machine.facts.clone();
            facts.surroundings = Some(Arc::new(Surroundings {
                interfaces: (!machine.listless).then(|| self.list_of(id)),
                zone_id: Some(machine.zone.into()),
                vpc_id: Some(machine.vpc.into()),
                power: Some(machine.power),
            }));
            Item { id: id.clone(), name: None, facts }
        });
        let all = all.collect();
        self.show(now, INSTANCES, read, all, |facts| &mut facts.tags)
    }

    pub fn show_interfaces(
        &mut self,
        now: Moment,
        read: &ReadCall<Interface>,
    ) -> Result<Page<Interface>, Failure> {
        let listing = !matches!(read.query, Query::Ids(_));
        let blind = self.mood.to(INTERFACES).blind;
        let visible = |card: &Card| !(card.hidden || blind || listing && card.skipped);
        let all = self.cards.iter().filter(|(_, card)| visible(card));
        let all = all.map(|(id, card)| {
            let mut facts = card.facts.clone();
            if card.withheld {
                facts.instance = Some(None);
            }
            Item { id: id.clone(), name: None, facts }
        });
        let all = all.collect();
        self.show(now, INTERFACES, read, all, |facts| &mut facts.tags)
    }

    /// Pages by number: no snapshot, and each says how many there are.
    pub fn show_members(
        &mut self,
        now: Moment,
        read: &ReadCall<ScalingMember>,
    ) -> Result<Page<ScalingMember>, Failure> {
        let mood = self.mood.to(MEMBERS);
        let throttled = self.throttles(now, MEMBERS).then_some(Class::Throttled);
        if let Some(class) = mood.reads_fail.or(refusal(mood, read)).or(throttled) {
            return Err(failure(class, "Scripted", Outcome::None));
        }
        let asked = |id: &InstanceId| match &read.query {
            Query::Ids(ids) => {
                assert!((1..=20).contains(&ids.len()), "I5: a read by {} ids", ids.len());
                ids.contains(id) || mood.ignores_ids
            }
            Query::Region => true,
            Query::Tagged(_) => panic!("members have no tags"),
        };
        let shown = self.members.iter().filter(|(id, member)| !member.hidden && !mood.blind && asked(id));
        let all: Vec<Item<ScalingMember>> = shown
            .map(|(id, member)| {
                let group = (!member.groupless).then(|| member.group.clone());
                let state = Some(member.state);
                Item { id: id.clone(), name: None, facts: MemberFacts { instance: id.clone(), group, state } }
            })
            .collect();
        let number: usize = read.page.as_ref().map_or(1, |page| page.as_str().parse().unwrap());
        let start = (number - 1) * self.page_size + usize::from(mood.skips && number > 1);
        let items: Vec<_> = all.iter().skip(start).take(self.page_size).cloned().collect();
        let more = number * self.page_size < all.len() && !items.is_empty();
        self.answered += 1;
        Ok(Page {
            items,
            unreadable: usize::from(mood.unreadable),
            next: more.then(|| PageToken::new((number + 1).to_string())),
            total: Some(u64::try_from(all.len()).unwrap()),
            request_id: RequestId::new(format!("R-{}", self.answered)),
            identity: if mood.restless { Identity(self.answered) } else { mood.identity },
        })
    }

    /// SetInstancesProtection: one that is no member of the group has the whole call refused.
    pub fn protect_members(&mut self, group: &ScalingGroupId, ids: &[InstanceId]) -> Result<(), Failure> {
        let takes = |id: &InstanceId| {
            self.members.get(id).is_some_and(|member| member.group == *group && !member.refuses)
        };
        if ids.iter().all(takes) {
            Ok(())
        } else {
            Err(failure(Class::Busy, "InvalidInstanceId.NotFound", Outcome::None))
        }
    }

    pub fn set_member(&mut self, id: &InstanceId, protected: bool) {
        if let Some(member) = self.members.get_mut(id)
            && matches!(member.state, LifecycleState::InService | LifecycleState::Protected)
        {
            member.state = if protected { LifecycleState::Protected } else { LifecycleState::InService };
        }
    }

    fn show<R: Resource>(
        &mut self,
        now: Moment,
        operation: &'static str,
        read: &ReadCall<R>,
        mut all: Vec<Item<R>>,
        tags: fn(&mut R::Facts) -> &mut Option<Vec<Tag>>,
    ) -> Result<Page<R>, Failure>
    where
        R::Id: Display,
    {
        let mood = self.mood.to(operation);
        let throttled = self.throttles(now, operation).then_some(Class::Throttled);
        if let Some(class) = mood.reads_fail.or(refusal(mood, read)).or(throttled) {
            return Err(failure(class, "Scripted", Outcome::None));
        }
        if let Some((_, given)) = read.page.as_ref().and_then(|token| token.as_str().split_once('@')) {
            let given = Moment::at(Duration::from_millis(given.parse().unwrap()));
            if mood.token_life.is_some_and(|life| now.since(given) > life) {
                return Err(failure(Class::Unrecognized, "InvalidParameter.NextToken", Outcome::None));
            }
        }
        let skips = mood.skips && read.page.is_some() && !matches!(read.query, Query::Ids(_));
        if skips {
            self.skipped = now;
        }
        match &read.query {
            Query::Ids(ids) => {
                assert!((1..=100).contains(&ids.len()), "I5: a read by {} ids", ids.len());
                all.retain(|item| ids.contains(&item.id) || mood.ignores_ids);
                if mood.denies && all.len() < ids.len() {
                    return Err(failure(Class::Gone, "InvalidId.NotFound", Outcome::None));
                }
            }
            Query::Tagged(filters) => {
                let matches = |item: &mut Item<R>, f: &TagFilter| {
                    tags(&mut item.facts).as_ref().is_some_and(|t| f.matches(t))
                };
                all = all
                    .into_iter()
                    .filter_map(|mut item| filters.iter().all(|f| matches(&mut item, f)).then_some(item))
                    .take(1000)
                    .collect();
            }
            Query::Region => {}
        }
        // A token tells where to go on, and when it was given.
        let token = read.page.as_ref().map_or("", PageToken::as_str);
        let token = token.split_once('@').map_or(token, |(token, _)| token);
        let mut start = all.partition_point(|item| item.id.to_string().as_str() < token);
        start += usize::from(skips);
        let rest = all.split_off(start.min(all.len()));
        let given = now.since(Moment::default()).as_millis();
        let next = rest.get(self.page_size).map(|item| PageToken::new(format!("{}@{given}", item.id)));
        let mut items: Vec<Item<R>> = rest.into_iter().take(self.page_size).collect();
        if mood.odd_tags {
            for item in &mut items {
                *tags(&mut item.facts) = None;
            }
        }
        self.answered += 1;
        Ok(Page {
            items,
            unreadable: usize::from(mood.unreadable),
            // Less than any id.
            next: if mood.circles { next.or(Some(PageToken::new("-"))) } else { next },
            total: None,
            request_id: RequestId::new(format!("R-{}", self.answered)),
            identity: if mood.restless { Identity(self.answered) } else { mood.identity },
        })
    }

    /// Whether the minute's quota of this operation is used up.
    fn throttles(&mut self, now: Moment, operation: &'static str) -> bool {
        let minute = now.since(Moment::default()).as_secs() / 60;
        let passed = self.passed.entry(operation).or_default();
        if passed.0 != minute {
            *passed = (minute, 0);
        }
        let full = self.mood.to(operation).quota.is_some_and(|quota| passed.1 >= quota);
        passed.1 += u32::from(!full);
        full
    }

    /// AttachNetworkInterface: refused by code, or accepted and under way.
    pub fn attach(&mut self, now: Moment, id: &InterfaceId, to: &InstanceId) -> Result<(), Failure> {
        let refuse = |class, code| Err(failure(class, code, Outcome::None));
        if let Some((class, code)) = self.mood.attach_refused {
            return refuse(class, code);
        }
        let taken = self.list_of(to).len();
        let Some(machine) = self.machines.get(to) else {
            return refuse(Class::Gone, "InvalidInstanceId.NotFound");
        };
        let Some(card) = self.cards.get_mut(id) else { return refuse(Class::Gone, "InvalidEniId.NotFound") };
        let belongings = &card.facts.belongings;
        if !card.free() {
            return refuse(Class::Busy, "InvalidOperation.InvalidEniState");
        } else if card.facts.zone_id.as_deref() != Some(machine.zone) {
            return refuse(Class::NotApplicable, "InvalidOperation.AvailabilityZoneMismatch");
        } else if belongings.vpc_id.as_deref() != Some(machine.vpc) {
            return refuse(Class::NotApplicable, "InvalidOperation.VpcMismatch");
        } else if taken >= machine.quota {
            return refuse(Class::Locked, "EniPerInstanceLimitExceeded");
        } else if machine.power == Power::Between {
            return refuse(Class::Busy, "InvalidOperation.InvalidEcsState");
        } else if machine.power == Power::Running && !machine.hot_plug {
            return refuse(Class::Locked, "InvalidOperation.EniHotPlugNotSupported");
        }
        card.facts.status = Some(InterfaceStatus::Attaching);
        card.facts.instance = Some(Some(to.clone()));
        card.changed = now;
        Ok(())
    }

    /// What was on its way has come to its end.
    pub fn settle(&mut self, now: Moment, id: &InterfaceId) {
        let fails = self.mood.attach_fails;
        let resets = self.mood.attach_resets;
        let Some(card) = self.cards.get_mut(id) else { return };
        match card.facts.status {
            Some(InterfaceStatus::Attaching) if !fails => {
                card.facts.status = Some(InterfaceStatus::InUse);
                if resets {
                    card.set(now, false);
                }
            }
            Some(InterfaceStatus::Attaching | InterfaceStatus::Detaching) => {
                card.facts.status = Some(InterfaceStatus::Available);
                card.facts.instance = Some(None);
            }
            _ => return,
        }
        card.changed = now;
    }

    /// The instance is released: what has the flag false stays, and is a secondary interface from now on.
    pub fn release(&mut self, now: Moment, instance: &InstanceId) {
        self.machines.remove(instance);
        self.members.remove(instance);
        self.cards.retain(|_, card| {
            if card.instance() != Some(instance) {
                return true;
            }
            card.facts.status = Some(InterfaceStatus::Available);
            card.facts.instance = Some(None);
            card.facts.interface_type = card.facts.interface_type.map(|of| match of {
                InterfaceType::Primary => InterfaceType::Secondary,
                other => other,
            });
            card.changed = now;
            card.protected()
        });
    }
}

/// What is wrong with the read itself.
fn refusal<R: Resource>(mood: Mood, read: &ReadCall<R>) -> Option<Class>
where
    R::Id: Display,
{
    let poisoned = match &read.query {
        Query::Ids(ids) => mood.poison && ids.iter().any(|id| id.to_string() == "i-poison"),
        _ => false,
    };
    let refused = match mood.refuses {
        Some(Refused::Filter) => matches!(read.query, Query::Tagged(_)),
        Some(Refused::Token) => read.page.is_some(),
        Some(Refused::Anything) => true,
        None => false,
    };
    (poisoned || refused).then_some(Class::Bug)
}

/// What the newest answer said of one target, of the reads sent since our last write and the last start.
#[derive(Debug, Clone)]
pub struct Shown {
    pub call: CallId,
    pub protected: Option<bool>,
    pub tags: Vec<Tag>,
    /// When the read was sent.
    pub at: Moment,
    /// It was on an instance.
    pub in_use: bool,
    pub free: bool,
}

/// What passed between the engine and the cloud about one target.
#[derive(Debug, Clone, Default)]
pub struct Track {
    pub shown: Option<Shown>,
    /// The newest write, and since when its answer is awaited.
    pub written: Option<(CallId, Option<Moment>)>,
}

/// The name under which what passed about an instance's release time is noted.
pub fn release_time_of(id: &InstanceId) -> String {
    format!("{id}, release time")
}

/// The name under which what passed about an instance's membership is noted.
pub fn member_of(id: &InstanceId) -> String {
    format!("{id}, scale-in")
}
