//! Who selects what: an index from ids and tags to objects and back, so that a changed fact costs what it concerns
//! and not a walk over every object.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{CallId, InstanceId, ObjectId, Tag, TagFilter};
use crate::intent::Selector;
use crate::resource::{Place, Resource};

/// The index over the selectors of all objects of one engine.
#[derive(Debug)]
pub struct Index<R: Resource> {
    /// Objects that name an id, themselves or through a Node; nearly always one.
    named: BTreeMap<R::Id, Vec<ObjectId>>,
    /// Selectors by tag stand under the first of their filters; whoever comes through it checks the rest.
    tagged: BTreeMap<TagFilter, Tagged<R>>,
    /// Objects that select whatever there is.
    everything: BTreeSet<ObjectId>,
    /// The instances that objects are about.
    hosts: BTreeMap<InstanceId, Host<R>>,
    /// What names each instance.
    places: BTreeMap<InstanceId, BTreeSet<R::Id>>,
    /// The instances whose own list holds an id; nearly always one.
    listed: BTreeMap<R::Id, Vec<InstanceId>>,
}

/// The objects that are about one instance, and what it holds.
#[derive(Debug)]
struct Host<R: Resource> {
    objects: Vec<ObjectId>,
    /// What the instance's own list holds.
    listed: Vec<R::Id>,
    /// Before this call nobody asked for what is on the instance.
    since: CallId,
}

#[derive(Debug)]
struct Tagged<R: Resource> {
    objects: BTreeSet<ObjectId>,
    carriers: BTreeSet<R::Id>,
}

impl<R: Resource> Default for Index<R> {
    fn default() -> Self {
        Self {
            named: BTreeMap::new(),
            tagged: BTreeMap::new(),
            everything: BTreeSet::new(),
            hosts: BTreeMap::new(),
            places: BTreeMap::new(),
            listed: BTreeMap::new(),
        }
    }
}

impl<R: Resource> Index<R> {
    /// Enters an object's selector. `known`: the targets known so far with their tags.
    pub fn insert<'a>(
        &mut self,
        object: &ObjectId,
        selector: &Selector<R>,
        known: &(impl Iterator<Item = (&'a R::Id, &'a [Tag])> + Clone),
    ) where
        R::Id: 'a,
    {
        for id in selector.named() {
            self.name(object, id);
        }
        for entry in selector.entries() {
            let carriers = || known.clone().filter(|(_, tags)| entry.matches(tags)).map(|(id, _)| id.clone());
            self.tagged
                .entry(entry.clone())
                .or_insert_with(|| Tagged { objects: BTreeSet::new(), carriers: carriers().collect() })
                .objects
                .insert(object.clone());
        }
        if selector.all {
            self.everything.insert(object.clone());
        }
    }

    /// Enters one id for an object.
    pub fn name(&mut self, object: &ObjectId, id: &R::Id) {
        let objects = self.named.entry(id.clone()).or_insert_with(|| Vec::with_capacity(1));
        if !objects.contains(object) {
            objects.push(object.clone());
        }
    }

    /// The objects that name an id.
    pub fn naming(&self, id: &R::Id) -> &[ObjectId] {
        self.named.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Takes one id of an object out.
    pub fn unname(&mut self, object: &ObjectId, id: &R::Id) {
        if let Some(objects) = self.named.get_mut(id) {
            objects.retain(|name| name != object);
            if objects.is_empty() {
                self.named.remove(id);
            }
        }
    }

    /// Takes an object's selector out.
    pub fn remove(&mut self, object: &ObjectId, selector: &Selector<R>) {
        for id in selector.named() {
            self.unname(object, id);
        }
        for entry in selector.entries() {
            if let Some(tagged) = self.tagged.get_mut(entry) {
                tagged.objects.remove(object);
                if tagged.objects.is_empty() {
                    self.tagged.remove(entry);
                }
            }
        }
        self.everything.remove(object);
    }

    /// Enters an instance that an object is about, with what its own list holds. `upcoming`: the next call.
    pub fn add_host(&mut self, object: &ObjectId, instance: &InstanceId, listed: &[R::Id], upcoming: CallId) {
        let new = || Host { objects: Vec::with_capacity(1), listed: Vec::new(), since: upcoming };
        let host = self.hosts.entry(instance.clone()).or_insert_with(new);
        if !host.objects.contains(object) {
            host.objects.push(object.clone());
        }
        if host.listed != listed {
            let old = std::mem::replace(&mut host.listed, listed.to_vec());
            self.unlist(instance, &old);
            for id in listed {
                self.listed.entry(id.clone()).or_default().push(instance.clone());
            }
        }
    }

    /// Takes an instance of an object out.
    pub fn remove_host(&mut self, object: &ObjectId, instance: &InstanceId) {
        let Some(host) = self.hosts.get_mut(instance) else { return };
        host.objects.retain(|name| name != object);
        if host.objects.is_empty()
            && let Some(host) = self.hosts.remove(instance)
        {
            self.unlist(instance, &host.listed);
        }
    }

    fn unlist(&mut self, instance: &InstanceId, listed: &[R::Id]) {
        for id in listed {
            if let Some(by) = self.listed.get_mut(id) {
                by.retain(|name| name != instance);
                if by.is_empty() {
                    self.listed.remove(id);
                }
            }
        }
    }

    /// Since when what is on the instance has been asked for.
    pub fn hosted_since(&self, instance: &InstanceId) -> CallId {
        self.hosts.get(instance).map_or(CallId(0), |host| host.since)
    }

    /// What the instance's own list was last known to hold.
    pub fn listed_on(&self, instance: &InstanceId) -> &[R::Id] {
        self.hosts.get(instance).map(|host| host.listed.as_slice()).unwrap_or_default()
    }

    /// The instances whose own list holds the target.
    pub fn listed_by(&self, id: &R::Id) -> &[InstanceId] {
        self.listed.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// What is on an instance, by its own list or by their own word.
    pub fn on<'a>(&'a self, instance: &InstanceId) -> impl Iterator<Item = &'a R::Id> + use<'a, R> {
        let listed = self.hosts.get(instance).into_iter().flat_map(|host| &host.listed);
        listed.chain(self.places.get(instance).into_iter().flatten())
    }

    /// Moves a target in the index from the instance that it was on to the one that it is on.
    pub fn move_to(&mut self, id: &R::Id, old: Option<&InstanceId>, new: Option<&InstanceId>) {
        if old == new {
            return;
        }
        if let Some(old) = old
            && let Some(there) = self.places.get_mut(old)
        {
            there.remove(id);
            if there.is_empty() {
                self.places.remove(old);
            }
        }
        if let Some(new) = new {
            self.places.entry(new.clone()).or_default().insert(id.clone());
        }
    }

    /// Whether anything is selected by tag, so that a listing whose tags can't be read is not complete.
    pub fn by_tag(&self) -> bool {
        !self.tagged.is_empty()
    }

    /// Whether anything is selected that nothing names, so that only a listing of the region can be complete.
    pub fn by_listing(&self) -> bool {
        self.by_tag() || !self.everything.is_empty()
    }

    /// Every id that is named.
    pub fn named_ids(&self) -> impl Iterator<Item = &R::Id> {
        self.named.keys()
    }

    /// How many ids are named.
    pub fn named_count(&self) -> usize {
        self.named.len()
    }

    /// The objects that may select this target: they name it, their first filter matches, they select whatever there is, or
    /// they are about an instance that it is on. The rest of their selector is not checked.
    pub fn candidates(&self, id: &R::Id, tags: &[Tag], place: Place<'_>) -> BTreeSet<&ObjectId> {
        let mut objects: BTreeSet<&ObjectId> = self.named.get(id).into_iter().flatten().collect();
        objects.extend(&self.everything);
        for filter in Self::filters(tags) {
            objects.extend(self.tagged.get(&filter).into_iter().flat_map(|t| &t.objects));
        }
        for instance in self.listed_by(id).iter().chain(place.instance()) {
            objects.extend(self.hosts.get(instance).into_iter().flat_map(|host| &host.objects));
        }
        objects
    }

    /// Whether a target stands under an entry of this selector, by the tags that could be read last.
    pub fn carries(&self, selector: &Selector<R>, id: &R::Id) -> bool {
        selector.entries().any(|entry| self.tagged.get(entry).is_some_and(|t| t.carriers.contains(id)))
    }

    /// Whether any object may select this target.
    pub fn concerns(&self, id: &R::Id, tags: &[Tag], place: Place<'_>) -> bool {
        self.named.contains_key(id)
            || !self.everything.is_empty()
            || Self::filters(tags).any(|f| self.tagged.contains_key(&f))
            || self.listed.contains_key(id)
            || place.instance().is_some_and(|instance| self.hosts.contains_key(instance))
    }

    /// Moves a target in the index from its old tags to its new ones.
    pub fn retag(&mut self, id: &R::Id, old: &[Tag], new: &[Tag]) {
        if old == new {
            return;
        }
        for filter in Self::filters(old) {
            if let Some(tagged) = self.tagged.get_mut(&filter) {
                tagged.carriers.remove(id);
            }
        }
        for filter in Self::filters(new) {
            if let Some(tagged) = self.tagged.get_mut(&filter) {
                tagged.carriers.insert(id.clone());
            }
        }
    }

    /// The targets that an object with this selector may have because it names them or they stand under its entries. The
    /// rest of the selector is not checked.
    pub fn reach<'a>(&'a self, selector: &'a Selector<R>) -> impl Iterator<Item = &'a R::Id> {
        let named = |id: &&R::Id| {
            selector.ids.contains(*id) || selector.node_ids.contains(*id) || selector.watch.contains(*id)
        };
        let first = selector.ids.union(&selector.node_ids);
        let watched = selector
            .watch
            .iter()
            .filter(|id| !selector.ids.contains(*id) && !selector.node_ids.contains(*id));
        let entries: Vec<&Tagged<R>> =
            selector.entries().filter_map(|entry| self.tagged.get(entry)).collect();
        let carriers = (0..entries.len()).flat_map(move |nth| {
            let (before, rest) = entries.split_at(nth);
            let before: Vec<&'a Tagged<R>> = before.to_vec();
            let here: Option<&'a Tagged<R>> = rest.first().copied();
            here.into_iter()
                .flat_map(|tagged| &tagged.carriers)
                .filter(move |id| !before.iter().any(|tagged| tagged.carriers.contains(*id)))
        });
        first.chain(watched).chain(carriers.filter(move |id| !named(id)))
    }

    fn filters(tags: &[Tag]) -> impl Iterator<Item = TagFilter> {
        tags.iter().flat_map(|tag| {
            [
                TagFilter { key: tag.key.clone(), value: Some(tag.value.clone()) },
                TagFilter { key: tag.key.clone(), value: None },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::InterfaceId;
    use crate::instance::Instance;
    use crate::interface::Interface;

    const KEYS: [&str; 3] = ["env", "team", "keep"];
    const VALUES: [&str; 2] = ["a", ""];

    type Named = BTreeSet<InstanceId>;

    fn ids() -> impl Strategy<Value = Named> {
        prop::collection::btree_set((0..6_u8).prop_map(|n| InstanceId::new(format!("i-{n}"))), 0..3)
    }

    fn tags() -> impl Strategy<Value = Vec<Tag>> {
        prop::collection::btree_map(0..KEYS.len(), 0..VALUES.len(), 0..3)
            .prop_map(|tags| tags.into_iter().map(|(k, v)| Tag::new(KEYS[k], VALUES[v])).collect())
    }

    fn filters() -> impl Strategy<Value = Vec<TagFilter>> {
        let filter = (0..KEYS.len(), prop::option::of(0..VALUES.len()))
            .prop_map(|(k, v)| TagFilter { key: KEYS[k].into(), value: v.map(|v| VALUES[v].into()) });
        prop::collection::vec(filter, 0..3)
    }

    fn selectors() -> impl Strategy<Value = Selector<Instance>> {
        (ids(), ids(), filters(), any::<bool>(), ids(), filters(), ids(), any::<bool>()).prop_map(
            |(ids, node_ids, tags, all, exclude_ids, exclude_tags, watch, shows_excluded)| Selector {
                ids,
                node_ids,
                tags,
                all,
                exclude_ids,
                exclude_tags,
                watch,
                shows_excluded,
            },
        )
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, Selector<Instance>),
        Remove(u8),
        Retag(u8, Vec<Tag>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..4_u8, selectors()).prop_map(|(n, s)| Step::Insert(n, s)),
            1 => (0..4_u8).prop_map(Step::Remove),
            3 => (0..6_u8, tags()).prop_map(|(n, t)| Step::Retag(n, t)),
        ];
        prop::collection::vec(step, 0..24)
    }

    fn object(n: u8) -> ObjectId {
        ObjectId::new("default", "o", &n.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_answers_like_a_walk_over_every_selector(steps in steps()) {
            let mut selection: Index<Instance> = Index::default();
            let mut objects: BTreeMap<ObjectId, Selector<Instance>> = BTreeMap::new();
            let mut targets: BTreeMap<InstanceId, Vec<Tag>> =
                (0..6).map(|n| (InstanceId::new(format!("i-{n}")), Vec::new())).collect();
            for step in steps {
                match step {
                    Step::Insert(n, selector) => {
                        let name = object(n);
                        if let Some(old) = objects.insert(name.clone(), selector.clone()) {
                            selection.remove(&name, &old);
                        }
                        let known = targets.iter().map(|(id, tags)| (id, tags.as_slice()));
                        selection.insert(&name, &selector, &known);
                    }
                    Step::Remove(n) => {
                        if let Some(old) = objects.remove(&object(n)) {
                            selection.remove(&object(n), &old);
                        }
                    }
                    Step::Retag(n, tags) => {
                        let id = InstanceId::new(format!("i-{n}"));
                        let old = targets.insert(id.clone(), tags.clone()).unwrap();
                        selection.retag(&id, &old, &tags);
                    }
                }
            }
            for (id, tags) in &targets {
                let wants = |s: &Selector<Instance>| s.named().any(|named| named == id);
                let first = |s: &Selector<Instance>| {
                    s.all || s.tags.first().is_some_and(|f| f.matches(tags)) || (s.shows_excluded && s.tags_exclude(tags))
                };
                let naive: BTreeSet<&ObjectId> =
                    objects.iter().filter(|(_, s)| wants(s) || first(s)).map(|(name, _)| name).collect();
                prop_assert_eq!(&selection.candidates(id, tags, Place::Free), &naive);
                prop_assert_eq!(selection.concerns(id, tags, Place::Free), !naive.is_empty());
            }
            for selector in objects.values() {
                let mut reached: Vec<&InstanceId> = selection.reach(selector).collect();
                reached.sort();
                let naive: Vec<&InstanceId> = targets
                    .iter()
                    .filter(|(id, tags)| {
                        selector.named().any(|named| named == *id)
                            || selector.tags.first().is_some_and(|f| f.matches(tags))
                            || (selector.shows_excluded && selector.tags_exclude(tags))
                    })
                    .map(|(id, _)| id)
                    .collect();
                prop_assert_eq!(reached, naive);
            }
            prop_assert_eq!(selection.by_tag(), objects.values().any(|s| s.entries().next().is_some()));
            prop_assert_eq!(selection.by_listing(), objects.values().any(Selector::needs_listing));
            let named: Named = objects.values().flat_map(Selector::named).cloned().collect();
            prop_assert_eq!(selection.named_ids().cloned().collect::<Named>(), named);
        }
    }

    #[derive(Debug, Clone)]
    enum Move {
        Host(u8, u8, Vec<u8>),
        NoHost(u8, u8),
        To(u8, Option<u8>),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let listed = prop::collection::btree_set(0..5_u8, 0..3).prop_map(|ids| ids.into_iter().collect());
        let one = prop_oneof![
            3 => (0..3_u8, 0..3_u8, listed).prop_map(|(o, i, l)| Move::Host(o, i, l)),
            1 => (0..3_u8, 0..3_u8).prop_map(|(o, i)| Move::NoHost(o, i)),
            3 => (0..5_u8, prop::option::of(0..3_u8)).prop_map(|(n, to)| Move::To(n, to)),
        ];
        prop::collection::vec(one, 0..24)
    }

    fn eni(n: u8) -> InterfaceId {
        InterfaceId::new(format!("eni-{n}"))
    }

    fn host(n: u8) -> InstanceId {
        InstanceId::new(format!("i-{n}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// I21: what is on an instance is found by the instance's own list and by the word of what is on it.
        #[test]
        fn i21_the_index_of_instances_answers_like_a_walk_over_all_that_is_on_them(moves in moves()) {
            let mut selection: Index<Interface> = Index::default();
            let mut hosts: BTreeMap<u8, (BTreeSet<u8>, Vec<u8>)> = BTreeMap::new();
            let mut places: BTreeMap<u8, Option<u8>> = (0..5).map(|n| (n, None)).collect();
            for step in moves {
                match step {
                    Move::Host(o, i, listed) => {
                        let ids: Vec<InterfaceId> = listed.iter().map(|n| eni(*n)).collect();
                        selection.add_host(&object(o), &host(i), &ids, CallId(1));
                        let known = hosts.entry(i).or_default();
                        known.0.insert(o);
                        known.1 = listed;
                    }
                    Move::NoHost(o, i) => {
                        selection.remove_host(&object(o), &host(i));
                        if let Some(known) = hosts.get_mut(&i) {
                            known.0.remove(&o);
                        }
                        hosts.retain(|_, (objects, _)| !objects.is_empty());
                    }
                    Move::To(n, to) => {
                        let old = places.insert(n, to).unwrap();
                        selection.move_to(&eni(n), old.map(host).as_ref(), to.map(host).as_ref());
                    }
                }
            }
            for (n, place) in &places {
                let on: BTreeSet<u8> = hosts
                    .iter()
                    .filter(|(i, (_, listed))| *place == Some(**i) || listed.contains(n))
                    .map(|(i, _)| *i)
                    .collect();
                let naive: BTreeSet<ObjectId> =
                    on.iter().flat_map(|i| &hosts[i].0).map(|o| object(*o)).collect();
                let there = place.map(host);
                let place = there.as_ref().map_or(Place::Free, Place::On);
                let found: BTreeSet<ObjectId> =
                    selection.candidates(&eni(*n), &[], place).into_iter().cloned().collect();
                prop_assert_eq!(found, naive.clone());
                prop_assert_eq!(selection.concerns(&eni(*n), &[], place), !naive.is_empty());
            }
            for i in hosts.keys() {
                let found: BTreeSet<&InterfaceId> = selection.on(&host(*i)).collect();
                let naive: BTreeSet<InterfaceId> = places
                    .iter()
                    .filter(|(n, place)| **place == Some(*i) || hosts[i].1.contains(n))
                    .map(|(n, _)| eni(*n))
                    .collect();
                prop_assert_eq!(found, naive.iter().collect::<BTreeSet<_>>());
            }
        }
    }
}
