use super::*;

const ME: &str = "me_1";

fn at(millis: u64) -> Moment {
    Moment::at(Duration::from_millis(millis))
}

fn candidate() -> Candidate {
    Candidate::new(ME.to_owned(), Timing { duration: Duration::from_secs(15) }, 7)
}

fn record(version: u32, holder: &str, transitions: i32, renewed: &str) -> Record {
    let sign = Sign {
        holder: holder.to_owned(),
        duration: Some(Duration::from_secs(15)),
        transitions,
        renewed: Some(renewed.to_owned()),
    };
    Record { version: version.to_string(), sign }
}

/// The Lease as a holder leaves it that lets go.
fn released(version: u32, transitions: i32) -> Record {
    let mut record = record(version, "", transitions, "some time");
    record.sign.duration = Some(RELEASED);
    record
}

/// What a write answers that succeeded.
fn written(version: u32, claim: Claim) -> Written {
    Written::Stands(record(version, ME, claim.transitions, "my time"))
}

/// Performs the write that is due, in no time.
fn write(candidate: &mut Candidate, now: Moment, version: u32) -> Claim {
    let claim = match candidate.next(now) {
        Step::Create(claim) | Step::Replace(_, claim) => claim,
        other => panic!("{other:?}"),
    };
    candidate.wrote(now, now, claim, written(version, claim));
    claim
}

/// One that leads since the time zero, with version 1.
fn leader() -> Candidate {
    let mut candidate = candidate();
    candidate.looked(at(0), None);
    write(&mut candidate, at(0), 1);
    assert!(candidate.lead(at(0)).is_some());
    candidate
}

#[test]
fn a_lease_that_is_not_there_is_made_and_one_that_was_let_go_is_taken_at_once() {
    let mut first = candidate();
    assert_eq!(first.next(at(0)), Step::Look);
    first.looked(at(5), None);
    assert_eq!(first.next(at(5)), Step::Create(Claim { transitions: 1, takes: true }));

    let mut second = candidate();
    second.looked(at(5), Some(released(8, 3)));
    assert_eq!(second.next(at(5)), Step::Replace("8".to_owned(), Claim { transitions: 4, takes: true }));
}

#[test]
fn i34_a_lead_is_counted_from_before_the_request() {
    let mut candidate = candidate();
    candidate.looked(at(0), None);
    let Step::Create(claim) = candidate.next(at(100)) else { panic!() };
    candidate.wrote(at(100), at(2_900), claim, written(1, claim));
    let lead = candidate.lead(at(2_900)).unwrap();
    assert_eq!(lead.window.until, Some(at(10_100)));
    assert_eq!(lead.window.unprotect_until, Some(at(5_100)));
    // The next renewal is due 3 s after the request, too.
    assert_eq!(candidate.next(at(2_900)), Step::Wait(at(3_100)));
    assert!(matches!(candidate.next(at(3_100)), Step::Replace(..)));
    // One that took longer than the lead is none.
    let mut slow = super::tests::candidate();
    slow.looked(at(0), None);
    let Step::Create(claim) = slow.next(at(0)) else { panic!() };
    slow.wrote(at(0), at(10_000), claim, written(1, claim));
    assert_eq!(slow.lead(at(10_000)), None);
}

#[test]
fn i34_whoever_waits_counts_from_after_the_answer_and_begins_anew_at_each_sign_of_life() {
    let mut spare = candidate();
    spare.looked(at(1_000), Some(record(1, "other", 1, "10:00:00")));
    let mut now = 1_000;
    // It goes on being alive, by a clock that is years away or goes backwards.
    for (millis, renewed) in [(4_000, "1970"), (7_000, "2106"), (9_000, "2105")] {
        now = millis;
        assert_eq!(spare.next(at(now)), Step::Look);
        spare.looked(at(now), Some(record(2, "other", 1, renewed)));
        assert!(matches!(spare.next(at(now)), Step::Wait(until) if until <= at(now + 1_250)));
    }
    // Then no more. Other writers may touch the object; that is no sign of life.
    for (more, version) in [(5_000, 3), (10_000, 4), (14_999, 5)] {
        spare.looked(at(now + more), Some(record(version, "other", 1, "2105")));
        assert!(matches!(spare.next(at(now + more)), Step::Wait(_)), "{more}");
    }
    assert_eq!(spare.next(at(now + 15_000)), Step::Look, "looked at just when it ends");
    spare.looked(at(now + 15_000), Some(record(5, "other", 1, "2105")));
    let claim = Claim { transitions: 2, takes: true };
    assert_eq!(spare.next(at(now + 15_000)), Step::Replace("5".to_owned(), claim));
    assert_eq!(spare.rival(), Some("other"));
}

#[test]
fn i34_the_end_of_a_lead_comes_before_anybody_else_may_begin() {
    // Whatever the two requests take, as long as a request may take.
    for (took, saw) in [(0, 0), (3_000, 0), (0, 3_000), (3_000, 3_000)] {
        let mut holder = candidate();
        holder.looked(at(0), None);
        let Step::Create(claim) = holder.next(at(0)) else { panic!() };
        holder.wrote(at(0), at(took), claim, written(1, claim));
        let end = holder.lead(at(took)).unwrap().window.until.unwrap();
        let mut spare = Candidate::new("other".to_owned(), holder.timing, 1);
        // The earliest in which the spare can have seen it: in the moment of the request.
        let seen = at(saw);
        spare.looked(seen, Some(record(1, ME, 1, "my time")));
        let mut now = seen;
        let begins = loop {
            match spare.next(now) {
                Step::Wait(until) => now = until,
                Step::Look => spare.looked(now, Some(record(1, ME, 1, "my time"))),
                Step::Replace(..) => break now,
                other => panic!("{other:?}"),
            }
        };
        assert!(begins.since(end) >= Duration::from_secs(5), "{end:?} {begins:?}");
        assert!(begins.since(seen) <= Duration::from_secs(15));
    }
}

#[test]
fn renewals_go_on_in_the_same_term() {
    let mut leader = leader();
    let first = leader.lead(at(0)).unwrap();
    for n in 1..5_u32 {
        let now = at(u64::from(n) * 3_000);
        let claim = write(&mut leader, now, n + 1);
        assert_eq!(claim, Claim { transitions: 1, takes: false });
        let lead = leader.lead(now).unwrap();
        assert_eq!((lead.term, lead.transitions), (first.term, 1));
        assert_eq!(lead.window.until, Some(now.after(Duration::from_secs(10))));
    }
}

#[test]
fn a_renewal_without_an_answer_is_looked_for_and_the_lead_ends_in_time() {
    let mut leader = leader();
    let Step::Replace(_, claim) = leader.next(at(3_000)) else { panic!() };
    leader.wrote(at(3_000), at(6_000), claim, Written::Unclear);
    let Step::Wait(again) = leader.next(at(6_000)) else { panic!() };
    assert!((at(7_000)..=at(7_250)).contains(&again));
    assert_eq!(leader.next(at(7_250)), Step::Look);
    assert_eq!(leader.time_for_a_request(at(7_250)), Duration::from_millis(2_750), "never beyond the end");
    leader.looked_in_vain(at(9_900));
    assert_eq!(leader.next(at(9_900)), Step::Wait(at(10_000)), "the end is told in time");
    assert!(leader.lead(at(9_999)).is_some());
    assert_eq!(leader.lead(at(10_000)), None);
    assert_eq!(leader.time_for_a_request(at(10_000)), Duration::from_secs(3));
}

#[test]
fn one_that_has_lapsed_is_taken_anew_and_counted_as_taken() {
    let mut leader = leader();
    // Nobody else was there: it still stands in our name.
    leader.looked_in_vain(at(9_900));
    assert!(matches!(leader.next(at(10_000)), Step::Wait(_)));
    assert_eq!(leader.next(at(11_200)), Step::Look);
    leader.looked(at(11_250), Some(record(1, ME, 1, "my time")));
    assert_eq!(leader.lead(at(11_250)), None);
    let claim = Claim { transitions: 2, takes: true };
    assert_eq!(leader.next(at(11_250)), Step::Replace("1".to_owned(), claim));
    leader.wrote(at(11_250), at(11_260), claim, written(2, claim));
    let lead = leader.lead(at(11_260)).unwrap();
    assert_eq!((lead.term, lead.transitions), (2, 2));
}

#[test]
fn one_that_slept_past_its_end_looks_before_it_does_anything() {
    let mut leader = leader();
    assert_eq!(leader.lead(at(3_600_000)), None);
    assert_eq!(leader.next(at(3_600_000)), Step::Look);
    leader.looked(at(3_600_010), Some(record(9, "other", 2, "now")));
    assert!(matches!(leader.next(at(3_600_010)), Step::Wait(_)));
    assert_eq!(leader.lead(at(3_600_010)), None);
}

#[test]
fn a_conflict_is_looked_at_and_what_was_found_decides() {
    type Expected = fn(&Step) -> bool;
    let renews: Expected = |step| matches!(step, Step::Replace(_, Claim { takes: false, .. }));
    let waits: Expected = |step| matches!(step, Step::Wait(_));
    let creates: Expected = |step| matches!(step, Step::Create(Claim { takes: true, transitions: 2 }));
    let takes: Expected = |step| matches!(step, Step::Replace(_, Claim { takes: true, .. }));
    for (what, found, leads, expected) in [
        ("somebody annotated it", Some(record(5, ME, 1, "my time")), true, renews),
        ("somebody entered another holder", Some(record(5, "a-person", 1, "x")), false, waits),
        ("somebody emptied the holder", Some(record(5, "", 1, "my time")), false, waits),
        ("somebody let it go in our name", Some(released(5, 1)), false, takes),
        ("somebody deleted it", None, false, creates),
        ("somebody entered an older state of ours", Some(record(5, ME, 0, "long ago")), true, renews),
    ] {
        let mut leader = leader();
        let Step::Replace(_, claim) = leader.next(at(3_000)) else { panic!() };
        leader.wrote(at(3_000), at(3_010), claim, Written::Overtaken);
        assert_eq!(leader.next(at(3_010)), Step::Look, "{what}");
        leader.looked(at(3_020), found);
        assert_eq!(leader.lead(at(3_020)).is_some(), leads, "{what}");
        let step = leader.next(at(3_020));
        assert!(expected(&step), "{what}: {step:?}");
    }
}

#[test]
fn a_lease_that_was_edited_by_hand_is_waited_for_a_whole_span() {
    let minute = Some(Duration::from_mins(1));
    for (what, holder, duration, waits) in [
        ("an emptied holder, who may not know yet", "", Some(Duration::from_secs(15)), 15),
        ("an empty Lease", "", None, 15),
        ("a longer span is the holder's", "other", minute, 60),
        ("a shorter one does not count", "other", Some(Duration::from_secs(2)), 15),
        ("an absurd one is not waited for", "other", Some(Duration::from_secs(1 << 30)), 300),
        ("our name, which we did not write", ME, Some(Duration::from_secs(15)), 15),
    ] {
        let mut found = record(1, holder, 1, "x");
        found.sign.duration = duration;
        let mut spare = candidate();
        let mut now = at(0);
        spare.looked(now, Some(found.clone()));
        loop {
            match spare.next(now) {
                Step::Wait(until) => now = until,
                Step::Look => spare.looked(now, Some(found.clone())),
                other => break assert!(matches!(other, Step::Replace(..)), "{what}: {other:?}"),
            }
        }
        assert_eq!(now, at(waits * 1_000), "{what}");
    }
}

#[test]
fn i34_a_deleted_lease_is_made_anew_for_nobody_but_by_who_led_until_then() {
    let mut spare = candidate();
    spare.looked(at(0), Some(record(1, "other", 4, "x")));
    spare.looked(at(60_000), None);
    assert_eq!(spare.next(at(60_000)), Step::Restore(4), "somebody may have taken it since");
    spare.restored(at(60_010));
    assert_eq!(spare.next(at(60_010)), Step::Look);

    let mut lapsed = leader();
    lapsed.looked(at(11_000), None);
    assert_eq!(lapsed.next(at(11_000)), Step::Restore(1));

    let mut leader = leader();
    leader.looked(at(3_000), None);
    assert_eq!(leader.lead(at(3_000)), None);
    assert_eq!(leader.next(at(3_000)), Step::Create(Claim { transitions: 2, takes: true }));
}

#[test]
fn of_two_that_take_at_once_only_the_one_leads_whose_write_stands() {
    let mut loser = candidate();
    loser.looked(at(0), Some(released(1, 1)));
    let Step::Replace(_, claim) = loser.next(at(0)) else { panic!() };
    loser.wrote(at(0), at(5), claim, Written::Overtaken);
    assert_eq!(loser.lead(at(5)), None);
    assert_eq!(loser.next(at(5)), Step::Look);
    loser.looked(at(10), Some(record(2, "other", 2, "x")));
    assert!(matches!(loser.next(at(10)), Step::Wait(_)));
    // An answer that shows somebody else's name is no lead either.
    loser.wrote(at(20), at(25), claim, Written::Stands(record(3, "other", 2, "x")));
    assert_eq!(loser.lead(at(25)), None);
}

#[test]
fn the_api_server_is_not_asked_more_than_once_a_second_by_one_that_waits() {
    let mut spare = candidate();
    let (mut now, mut looks) = (at(0), 0);
    while now < at(60_000) {
        match spare.next(now) {
            Step::Wait(until) => now = until,
            Step::Look if looks % 3 == 2 => {
                looks += 1;
                spare.looked_in_vain(now);
            }
            Step::Look => {
                looks += 1;
                spare.looked(now, Some(record(1, "other", 1, &looks.to_string())));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((45..=61).contains(&looks), "{looks}");
}

/// An API server that holds one Lease.
#[derive(Default)]
struct Server {
    version: u32,
    stands: Option<Record>,
}

impl Server {
    fn put(&mut self, holder: &str, duration: Duration, transitions: i32) -> Record {
        self.version += 1;
        let sign = Sign {
            holder: holder.to_owned(),
            duration: Some(duration),
            transitions,
            // No two writes have the same time.
            renewed: Some(self.version.to_string()),
        };
        let record = Record { version: self.version.to_string(), sign };
        self.stands = Some(record.clone());
        record
    }

    fn create(&mut self, holder: &str, duration: Duration, claim: Claim) -> Written {
        match self.stands {
            Some(_) => Written::Overtaken,
            None => Written::Stands(self.put(holder, duration, claim.transitions)),
        }
    }

    fn replace(&mut self, version: &str, holder: &str, duration: Duration, claim: Claim) -> Written {
        match &self.stands {
            Some(record) if record.version == version => {
                Written::Stands(self.put(holder, duration, claim.transitions))
            }
            _ => Written::Overtaken,
        }
    }
}

/// One replica in a schedule, and the request that it has under way.
struct Replica {
    candidate: Candidate,
    step: Option<Step>,
    began: Moment,
    arrives: Moment,
    /// The answer, once the request has arrived at the server.
    answer: Option<Answer>,
    answered: Moment,
}

enum Answer {
    Lost,
    Found(Option<Record>),
    Wrote(Written),
}

impl Replica {
    /// Goes on by a tick.
    fn live(&mut self, now: Moment, server: &mut Server, dice: &mut Dice) {
        let duration = self.candidate.timing.duration;
        let Some(step) = self.step.clone() else {
            let step = self.candidate.next(now);
            if !matches!(step, Step::Wait(_)) {
                let most = self.candidate.time_for_a_request(now);
                self.began = now;
                self.arrives = now.after(dice.part_of(most));
                self.answered = now.after(most);
                self.answer = None;
                self.step = Some(step);
            }
            return;
        };
        if self.answer.is_none() && now >= self.arrives {
            let identity = self.candidate.identity.clone();
            let answer = match &step {
                Step::Look => Answer::Found(server.stands.clone()),
                Step::Create(claim) => Answer::Wrote(server.create(&identity, duration, *claim)),
                Step::Restore(transitions) => Answer::Wrote(match server.stands {
                    Some(_) => Written::Overtaken,
                    None => Written::Stands(server.put("", duration, *transitions)),
                }),
                Step::Replace(version, claim) => {
                    Answer::Wrote(server.replace(version, &identity, duration, *claim))
                }
                Step::Wait(_) => unreachable!(),
            };
            let left = self.answered.since(now);
            self.answer = Some(if !dice.calm && dice.one_in(8) {
                Answer::Lost
            } else {
                self.answered = now.after(dice.part_of(left));
                answer
            });
        }
        if now < self.answered {
            return;
        }
        self.step = None;
        match (step, self.answer.take().unwrap_or(Answer::Lost)) {
            (Step::Look, Answer::Found(found)) => self.candidate.looked(now, found),
            (Step::Look, _) | (Step::Restore(_), Answer::Lost) => self.candidate.looked_in_vain(now),
            (Step::Restore(_), _) => self.candidate.restored(now),
            (Step::Create(claim) | Step::Replace(_, claim), answer) => {
                let how = if let Answer::Wrote(how) = answer { how } else { Written::Unclear };
                self.candidate.wrote(self.began, now, claim, how);
            }
            (Step::Wait(_), _) => unreachable!(),
        }
    }
}

struct Dice {
    jitter: Jitter,
    /// Nothing is lost any more.
    calm: bool,
}

impl Dice {
    fn one_in(&mut self, n: u64) -> bool {
        self.jitter.next_u64().is_multiple_of(n)
    }

    fn part_of(&mut self, span: Duration) -> Duration {
        // Mostly quick.
        let most = if self.one_in(4) { span } else { span / 20 };
        let millis = u64::try_from(most.as_millis()).unwrap();
        Duration::from_millis(self.jitter.next_u64() % (millis + 1))
    }
}

/// Requests are slow or lost, replicas sleep, and a person deletes, empties and edits the Lease at the worst moments.
fn schedule(seed: u64) {
    const TICK: u64 = 20;
    const TROUBLE: u64 = 180_000;
    const END: u64 = 300_000;

    let mut dice = Dice { jitter: Jitter::new(seed), calm: false };
    let mut server = Server::default();
    let timing = Timing { duration: Duration::from_secs(15) };
    let mut replicas: Vec<Replica> = (0..3)
        .map(|n| Replica {
            candidate: Candidate::new(format!("replica-{n}"), timing, seed + n),
            step: None,
            began: Moment::default(),
            arrives: Moment::default(),
            answer: None,
            answered: Moment::default(),
        })
        .collect();
    let mut asleep = [at(0); 3];
    for tick in 0..END / TICK {
        let now = at(tick * TICK);
        // Trouble begins when all have seen the Lease, and ends after three minutes.
        let known = replicas.iter().all(|replica| replica.candidate.seen);
        if known && tick * TICK < TROUBLE && dice.one_in(400) {
            let stands = server.stands.clone().map(|record| record.sign);
            match (stands, dice.jitter.next_u64() % 5) {
                (Some(_), 0) => server.stands = None,
                (Some(sign), 1) => {
                    server.put("", sign.duration.unwrap(), sign.transitions);
                }
                (Some(sign), 2) => {
                    server.put("a-person", sign.duration.unwrap(), sign.transitions);
                }
                _ => {
                    let who = usize::try_from(dice.jitter.next_u64() % 3).unwrap();
                    asleep[who] = now.after(dice.part_of(Duration::from_secs(40)));
                }
            }
        }
        dice.calm = tick * TICK >= TROUBLE;
        for (who, replica) in replicas.iter_mut().enumerate() {
            if now >= asleep[who] {
                replica.live(now, &mut server, &mut dice);
            }
        }
        let lead: Vec<usize> = (0..3).filter(|who| replicas[*who].candidate.lead(now).is_some()).collect();
        assert!(lead.len() <= 1, "{lead:?} lead at {now:?}");
    }
    let end = at(END - TICK);
    assert!(replicas.iter().any(|replica| replica.candidate.lead(end).is_some()), "nobody leads in the end");
}

#[test]
fn i34_whatever_happens_no_two_lead_at_once_and_in_the_end_one_does() {
    for seed in 0..300 {
        let passed = std::panic::catch_unwind(|| schedule(seed));
        assert!(passed.is_ok(), "schedule {seed} failed");
    }
}
