//! How the cloud and the API server answer what the engine asks of them.

use keeper_core::authority::{AttachPermit, PreflightAnswer};
use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::{FlagWrite, Page, Reply, WriteCall};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::engine::{Action, CALL_DEADLINE};
use keeper_core::failure::{Class, Effect as Outcome, Failure};
use keeper_core::flag::Flag;
use keeper_core::id::{CallId, InstanceId, RequestId, ScalingGroupId};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use keeper_core::interface::InterfaceFacts;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::resource::Resource;
use keeper_core::scaling_member::{MemberFacts, ScalingMember};
use keeper_core::time::Moment;

use super::cloud::{eni, failure, i};
use super::store::Stored;
use super::{Arrived, AttachCall, Event, Fault, Read, World};

impl World {
    pub fn carry_out(&mut self, effect: Action, fault: Option<Fault>) {
        match effect {
            Action::ReadInstances(call, read) => {
                self.log.push("read instances".to_owned());
                self.sent.insert((false, call), self.now);
                self.reads.push(Read::Instances(self.now, read.clone()));
                let page = self.cloud.show_instances(self.now, &read);
                let flags: [fn(&InstanceFacts) -> _; 2] = [
                    |facts| (DeletionProtection::NAME, DeletionProtection::protected(facts)),
                    |facts| (AutoReleaseTime::NAME, AutoReleaseTime::protected(facts)),
                ];
                self.note_read(&read, &page, &flags);
                self.answer(fault, Event::Instances(call, shown(page, fault)));
            }
            Action::ReadInterfaces(call, read) => {
                self.log.push("read interfaces".to_owned());
                self.sent.insert((true, call), self.now);
                self.reads.push(Read::Interfaces(self.now, read.clone()));
                let page = self.cloud.show_interfaces(self.now, &read);
                let flag =
                    |facts: &InterfaceFacts| (DeleteOnRelease::NAME, DeleteOnRelease::protected(facts));
                self.note_read(&read, &page, &[flag]);
                self.answer(fault, Event::Interfaces(call, shown(page, fault)));
            }
            Action::WriteInstance(call, write) => {
                self.sent.insert((false, call), self.now);
                let result = self.write(call, &write, fault);
                self.answer(fault, Event::Instances(call, result));
            }
            Action::CancelReleaseTime(call, id, was, on_behalf) => {
                self.sent.insert((false, call), self.now);
                let result = self.cancel_release_time(call, &id, &was, fault);
                let request_id = accepted(&result);
                self.note_write(AutoReleaseTime::NAME, id.as_str(), true, &on_behalf, request_id);
                self.answer(fault, Event::Instances(call, result));
            }
            Action::WriteInterface(call, write) => {
                self.sent.insert((true, call), self.now);
                let result = self.write(call, &write, fault);
                self.answer(fault, Event::Interfaces(call, result));
            }
            Action::ReadMembers(call, read) => {
                self.log.push("read members".to_owned());
                self.sent.insert((false, call), self.now);
                self.reads.push(Read::Members(self.now, read.clone()));
                let page = self.cloud.show_members(self.now, &read);
                let flag = |facts: &MemberFacts| {
                    (ProtectedFromScaleIn::NAME, ProtectedFromScaleIn::protected(facts))
                };
                self.note_read(&read, &page, &[flag]);
                self.answer(fault, Event::Members(call, shown(page, fault)));
            }
            Action::WriteMembers(call, group, writes) => {
                self.sent.insert((false, call), self.now);
                let result = self.write_members(call, &group, &writes, fault);
                self.answer(fault, Event::Members(call, result));
            }
            Action::Attach(call, permit) => self.attach(call, &permit, fault),
            Action::Preflight(preflight, object) => {
                self.log.push(format!("preflight {object:?}"));
                let stored = self.store.values().find(|s| s.id == object);
                let answer = PreflightAnswer {
                    object: stored.map(|s| (s.generation, s.spec.terminating())),
                    holds_as_known: !self.cloud.mood.stale_view && self.holds_known(),
                    carried_out: stored.is_some_and(|s| s.carried_out == Some(s.generation)),
                    scale_in_carried_out: stored
                        .is_some_and(|s| s.scale_in_carried_out == Some(s.generation)),
                    attachments: stored.and_then(Stored::attachments),
                    exceptions: stored.map(|s| s.exceptions.clone()).unwrap_or_default(),
                    removals_due: stored.map(Stored::removals_due).unwrap_or_default(),
                };
                self.last_preflight = self.now;
                self.answer(fault, Event::Preflight(preflight, answer));
            }
            Action::Report(object, generation, mut part) => {
                self.log.push(format!("report {object:?}"));
                self.check_report(&object, generation, &part);
                self.note_requests(&object, &part);
                let desk = self.desks.entry(object.clone()).or_default();
                desk.lost.append(&mut part.lost);
                self.orphans.extend(part.orphans.drain(..).map(|it| it.instance));
                self.cancellations.extend(part.cancelled.drain(..).map(|it| (object.clone(), it)));
                (desk.newest, desk.dirty) = (Some((generation, *part)), true);
                self.send_status(&object, fault);
            }
        }
    }

    pub fn set_flag(&mut self, target: &str, protected: bool) {
        let now = self.now;
        if let Some(card) = self.cloud.cards.get_mut(&eni(target)) {
            card.set(now, protected);
        }
        if let Some(machine) = self.cloud.machines.get_mut(&i(target)) {
            machine.set(now, protected);
        }
    }

    fn write<F: Flag>(
        &mut self,
        call: CallId,
        write: &FlagWrite<F>,
        fault: Option<Fault>,
    ) -> Result<Reply<F::Of>, Failure> {
        let protected = matches!(write.call, WriteCall::Protect(_));
        let result = self.write_flag(call, &write.call, fault);
        self.note_write(
            F::NAME,
            write.call.target().as_ref(),
            protected,
            &write.on_behalf,
            accepted(&result),
        );
        result
    }

    fn write_flag<F: Flag>(
        &mut self,
        call: CallId,
        write: &WriteCall<F>,
        fault: Option<Fault>,
    ) -> Result<Reply<F::Of>, Failure> {
        let (id, protected) = match write {
            WriteCall::Protect(id) => (id.to_string(), true),
            WriteCall::Unprotect(permit) => (permit.target().to_string(), false),
        };
        self.log.push(format!("write {id} {protected}"));
        if fault == Some(Fault::LoseCall) {
            return Err(failure(Class::Transient, "Lost", Outcome::Unknown));
        }
        self.check_write(call, &id, protected);
        let arrived = Arrived { at: self.now, id: id.clone(), protected };
        let card = self.cloud.cards.get(&eni(&id));
        let known = card.is_some() || self.cloud.machines.contains_key(&i(&id));
        let refused = card.and_then(|card| card.refuses).or(self.cloud.mood.writes_fail);
        if let (Some(Fault::Fail(class)), _) | (_, Some(class)) = (fault, refused) {
            self.refused.push(arrived);
            if let Some(card) = self.cloud.cards.get_mut(&eni(&id))
                && class == Class::NotApplicable
            {
                card.refused_at = Some(self.now);
            }
            return Err(failure(class, "Scripted", Outcome::None));
        }
        self.arrived.push(arrived);
        let mood = self.cloud.mood;
        if !known {
            return Err(failure(Class::Gone, "NotFound", Outcome::None));
        } else if mood.ignore_writes {
            // It is accepted, and that is all.
        } else if mood.late.is_zero() {
            self.set_flag(&id, protected);
        } else {
            self.schedule(mood.late, None, Event::Apply(id, protected));
        }
        match fault {
            Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::Unknown)),
            _ => Ok(Reply::Accepted(self.request_id("W"))),
        }
    }

    fn cancel_release_time(
        &mut self,
        call: CallId,
        id: &InstanceId,
        was: &str,
        fault: Option<Fault>,
    ) -> Result<Reply<Instance>, Failure> {
        self.log.push(format!("cancel the release time of {id}"));
        if fault == Some(Fault::LoseCall) {
            return Err(failure(Class::Transient, "Lost", Outcome::Unknown));
        }
        self.check_cancelling(call, id);
        if let (Some(Fault::Fail(class)), _) | (_, Some(class)) = (fault, self.cloud.mood.writes_fail) {
            return Err(failure(class, "Scripted", Outcome::None));
        }
        self.cancelled.push((self.now, id.to_string(), was.to_owned()));
        match self.cloud.machines.get(id).map(|machine| machine.facts.charge_type) {
            None => return Err(failure(Class::Gone, "NotFound", Outcome::None)),
            Some(Some(ChargeType::PrePaid)) => {
                return Err(failure(Class::NotApplicable, "ChargeTypeViolation", Outcome::None));
            }
            Some(_) => {}
        }
        let mood = self.cloud.mood;
        if mood.ignore_writes {
            // It is accepted, and that is all.
        } else if mood.late.is_zero() {
            self.set_release_time(id.as_str(), None);
        } else {
            self.schedule(mood.late, None, Event::Unset(id.clone()));
        }
        match fault {
            Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::Unknown)),
            _ => Ok(Reply::Accepted(self.request_id("C"))),
        }
    }

    fn write_members(
        &mut self,
        call: CallId,
        group: &ScalingGroupId,
        writes: &[FlagWrite<ProtectedFromScaleIn>],
        fault: Option<Fault>,
    ) -> Result<Reply<ScalingMember>, Failure> {
        let ids: Vec<InstanceId> = writes.iter().map(|write| write.call.target().clone()).collect();
        let protects = |write: &FlagWrite<_>| matches!(write.call, WriteCall::Protect(_));
        let protected = writes.first().is_some_and(protects);
        let alike = writes.iter().all(|write| protects(write) == protected);
        assert!(alike && (1..=20).contains(&ids.len()), "one call: {writes:?}");
        let result = self.write_group(call, group, (&ids, protected), fault);
        for write in writes {
            let id = write.call.target().as_str();
            self.note_write(ProtectedFromScaleIn::NAME, id, protected, &write.on_behalf, accepted(&result));
        }
        result
    }

    fn write_group(
        &mut self,
        call: CallId,
        group: &ScalingGroupId,
        (ids, protected): (&[InstanceId], bool),
        fault: Option<Fault>,
    ) -> Result<Reply<ScalingMember>, Failure> {
        self.log.push(format!("write members {ids:?} of {group} {protected}"));
        if fault == Some(Fault::LoseCall) {
            return Err(failure(Class::Transient, "Lost", Outcome::Unknown));
        }
        for id in ids {
            self.check_member_write(call, id, protected);
        }
        if let (Some(Fault::Fail(class)), _) | (_, Some(class)) = (fault, self.cloud.mood.writes_fail) {
            return Err(failure(class, "Scripted", Outcome::None));
        }
        self.scale_in_calls.push((self.now, ids.iter().map(ToString::to_string).collect(), protected));
        self.cloud.protect_members(group, ids)?;
        let mood = self.cloud.mood;
        for id in ids.iter().filter(|_| !mood.ignore_writes) {
            if mood.late.is_zero() {
                self.cloud.set_member(id, protected);
            } else {
                self.schedule(mood.late, None, Event::SetMember(id.clone(), protected));
            }
        }
        match fault {
            Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::Unknown)),
            _ => Ok(Reply::Accepted(self.request_id("M"))),
        }
    }

    /// The id of an answer to a write: no two are the same.
    fn request_id(&self, of: &str) -> RequestId {
        RequestId::new(format!("{of}-{}", self.actions))
    }

    fn attach(&mut self, call: CallId, permit: &AttachPermit, fault: Option<Fault>) {
        let (id, to) = (permit.interface().clone(), permit.instance().clone());
        self.log.push(format!("attach {id} {to}"));
        self.sent.insert((true, call), self.now);
        let object = self.check_attach(&id, &to);
        let mut result = match fault {
            Some(Fault::LoseCall) => Err(failure(Class::Transient, "Lost", Outcome::Unknown)),
            Some(Fault::Fail(class)) => Err(failure(class, "Scripted", Outcome::None)),
            _ if !self.cloud.mood.attach_late.is_zero() => Ok(()),
            _ => self.cloud.attach(self.now, &id, &to),
        };
        let accepted = result.is_ok();
        if accepted {
            let late = self.cloud.mood.attach_late;
            if late.is_zero() {
                self.schedule(self.cloud.mood.attach_takes, None, Event::Settle(id.clone()));
            } else {
                self.schedule(late, None, Event::Begin(id.clone(), to.clone()));
            }
            if fault == Some(Fault::FailAfter) {
                result = Err(failure(Class::Transient, "Scripted", Outcome::Unknown));
            }
        }
        let intent = self.store.values().find(|s| s.id == object).and_then(|s| s.intent(&id, &to));
        self.attached.push(AttachCall {
            at: self.now,
            object,
            interface: id,
            instance: to,
            intent,
            call: (self.crashes, call),
            refused: false,
            accepted,
        });
        let result = result.map(|()| Reply::Accepted(RequestId::new("A")));
        self.answer(fault, Event::Interfaces(call, result));
    }

    /// When a call was sent, if its answer still counts.
    pub fn answered(&mut self, of_interface: bool, call: CallId) -> Option<Moment> {
        self.sent.remove(&(of_interface, call)).filter(|at| self.now.since(*at) < CALL_DEADLINE)
    }
}

/// The id of the answer, if there is one.
fn accepted<K: Resource>(result: &Result<Reply<K>, Failure>) -> Option<RequestId> {
    match result {
        Ok(Reply::Accepted(request_id)) => Some(request_id.clone()),
        Ok(Reply::Page(_)) | Err(_) => None,
    }
}

/// What a read is answered with.
fn shown<K: Resource>(page: Result<Page<K>, Failure>, fault: Option<Fault>) -> Result<Reply<K>, Failure> {
    match fault {
        Some(Fault::Fail(class)) => Err(failure(class, "Scripted", Outcome::None)),
        Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::None)),
        _ => page.map(Reply::Page),
    }
}
