//! The table, written out a second time, and what must hold whatever happens.

use super::*;
use crate::time::Seconds;
use proptest::prelude::*;
use std::num::NonZeroU8;

const NOW: Timestamp = Timestamp::from_unix(1_000_000);
const MINE: AttemptId = AttemptId::from_bits(1);
const OTHER: AttemptId = AttemptId::from_bits(2);
const FRESH: AttemptId = AttemptId::from_bits(3);

fn policy() -> Policy {
    Policy {
        first_boot: FirstBoot::Install,
        complete_on: CompleteOn::Callback,
        on_failure: OnFailure::Local,
        attempts: NonZeroU8::new(3).unwrap(),
        deadline: Seconds::new(100),
        window: Seconds::new(1000),
        menu_install: MenuInstall::Refused,
    }
}

fn states() -> [State; 7] {
    let until = NOW.after(Seconds::new(1));
    [
        State::New,
        State::Armed { until },
        State::Installing { attempt: MINE, tries: 1, deadline: until },
        State::Installed,
        State::Failed { attempt: MINE, tries: 1 },
        State::Stalled { attempt: MINE, tries: 1 },
        State::Held,
    ]
}

const EVENTS: [Event; 13] = [
    Event::Boot { attempt: FRESH },
    Event::Arm,
    Event::Disarm,
    Event::Heartbeat { attempt: MINE },
    Event::Done { attempt: MINE },
    Event::Fail { attempt: MINE },
    Event::Heartbeat { attempt: OTHER },
    Event::Done { attempt: OTHER },
    Event::Fail { attempt: OTHER },
    Event::Deadline,
    Event::Hold,
    Event::Release,
    Event::Edit,
];

fn told(result: Result<(State, Action), Refused>) -> String {
    match result {
        Err(refused) => format!("!{refused:?}"),
        Ok((state, Action::Nothing)) => state.name().to_owned(),
        Ok((state, Action::Local)) => format!("{}+local", state.name()),
        Ok((state, Action::Install { .. })) => format!("{}+install", state.name()),
        Ok((state, Action::Hold)) => format!("{}+hold", state.name()),
    }
}

#[test]
#[rustfmt::skip]
fn the_table_before_deadlines() {
    let table: [[&str; 7]; 13] = [
        // new                  armed                 installing        installed          failed          stalled          held
        ["installing+install", "installing+install", "installing+local", "installed+local", "failed+local", "stalled+local", "held+hold"], // boot
        ["armed",              "armed",              "!Installing",      "armed",           "armed",        "armed",         "!Held"],     // arm
        ["!NotArmed",          "installed",          "!NotArmed",        "!NotArmed",       "!NotArmed",    "!NotArmed",     "!NotArmed"], // disarm
        ["!Over",              "!Over",              "installing",       "!Over",           "!Over",        "installing",    "!Over"],     // heartbeat
        ["!Over",              "!Over",              "installed",        "!Over",           "!Over",        "installed",     "!Over"],     // done
        ["!Over",              "!Over",              "failed",           "!Over",           "!Over",        "failed",        "!Over"],     // fail
        ["!Over",              "!Over",              "!Over",            "!Over",           "!Over",        "!Over",         "!Over"],     // heartbeat of another
        ["!Over",              "!Over",              "!Over",            "!Over",           "!Over",        "!Over",         "!Over"],     // done of another
        ["!Over",              "!Over",              "!Over",            "!Over",           "!Over",        "!Over",         "!Over"],     // fail of another
        ["!NotDue",            "!NotDue",            "!NotDue",          "!NotDue",         "!NotDue",      "!NotDue",       "!NotDue"],   // deadline
        ["held",               "held",               "held",             "held",            "held",         "held",          "held"],      // hold
        ["!NotHeld",           "!NotHeld",           "!NotHeld",         "!NotHeld",        "!NotHeld",     "!NotHeld",      "installed"], // release
        ["new",                "installed",          "installing",       "installed",       "failed",       "stalled",       "held"],      // edit
    ];
    for (event, row) in EVENTS.into_iter().zip(table) {
        for (state, expected) in states().into_iter().zip(row) {
            let found = told(step(state, event, &policy(), NOW));
            assert_eq!(found, expected, "{} in {}", event.name(), state.name());
        }
    }
}

#[test]
fn a_menu_installs_only_where_the_policy_says_so() {
    let allowed = Policy { menu_install: MenuInstall::Allowed, ..policy() };
    let refused = Policy { first_boot: FirstBoot::Local, ..policy() };
    let (choose, boot) = (Event::Choose { attempt: FRESH }, Event::Boot { attempt: FRESH });
    for state in states() {
        let as_boot = told(step(state, boot, &refused, NOW));
        assert_eq!(told(step(state, choose, &refused, NOW)), as_boot, "{}", state.name());
    }
    let chosen = states().map(|state| told(step(state, choose, &allowed, NOW)));
    let install = "installing+install";
    assert_eq!(
        chosen,
        [install, install, "installing+local", install, install, install, "held+hold"]
    );
    let willing = Policy { on_failure: OnFailure::Retry, ..policy() };
    let chosen = states().map(|state| told(step(state, choose, &willing, NOW)));
    let armed = chosen.iter().enumerate().filter(|(_, told)| told.contains("+install"));
    assert_eq!(armed.map(|(at, _)| at).collect::<Vec<_>>(), [1], "only what is armed: {chosen:?}");
    assert_eq!(chosen[0], "new+local", "its first boot is still to come");
    let retry = Policy { on_failure: OnFailure::Retry, ..allowed };
    let (next, _) = step(State::Installed, choose, &retry, NOW).unwrap();
    let (failed, _) = step(next, Event::Fail { attempt: FRESH }, &retry, NOW).unwrap();
    assert_eq!(told(step(failed, boot, &retry, NOW)), "failed+local", "it is not retried");
}

#[test]
fn nothing_is_installed_by_a_record_that_nobody_saw_when_it_was_armed() {
    let retry = Policy { on_failure: OnFailure::Retry, ..policy() };
    let boot = Event::Boot { attempt: FRESH };
    for state in states().into_iter().filter(|state| *state != State::New) {
        let (edited, _) = step(state, Event::Edit, &retry, NOW).unwrap();
        let (_, action) = step(edited, boot, &retry, NOW).unwrap();
        assert!(!matches!(action, Action::Install { .. }), "{}", state.name());
    }
    let (installing, _) = step(states()[2], Event::Edit, &retry, NOW).unwrap();
    let done = told(step(installing, Event::Done { attempt: MINE }, &retry, NOW));
    assert_eq!(done, "installed", "what is at work goes on");
    let (failed, _) = step(installing, Event::Fail { attempt: MINE }, &retry, NOW).unwrap();
    assert_eq!(told(step(failed, boot, &retry, NOW)), "failed+local");
}

#[test]
fn time_ends_armed_and_installing() {
    let later = NOW.after(Seconds::new(1));
    let at_end = |state, event| told(step(state, event, &policy(), later));
    let [_, armed, installing, ..] = states();
    assert_eq!(at_end(armed, Event::Deadline), "installed");
    assert_eq!(at_end(installing, Event::Deadline), "stalled");
    let boot = Event::Boot { attempt: FRESH };
    assert_eq!(at_end(armed, boot), "installed+local", "the window has closed");
    assert_eq!(at_end(installing, Event::Heartbeat { attempt: MINE }), "installing");
}

#[test]
fn the_first_boot_is_what_the_policy_says() {
    let first = |first_boot| {
        let policy = Policy { first_boot, ..policy() };
        told(step(State::New, Event::Boot { attempt: FRESH }, &policy, NOW))
    };
    assert_eq!(first(FirstBoot::Install), "installing+install");
    assert_eq!(first(FirstBoot::Hold), "held+hold");
    assert_eq!(first(FirstBoot::Local), "installed+local");
}

#[test]
fn an_install_that_completes_on_serve_is_never_installing() {
    let policy = Policy { complete_on: CompleteOn::Serve, ..policy() };
    let next = step(states()[1], Event::Boot { attempt: FRESH }, &policy, NOW).unwrap();
    let deadline = NOW.after(policy.deadline);
    assert_eq!(next, (State::Installed, Action::Install { attempt: FRESH, deadline }));
}

#[test]
fn retries_end_at_the_limit() {
    let policy = Policy { on_failure: OnFailure::Retry, ..policy() };
    let boot = |tries| {
        let failed = State::Failed { attempt: MINE, tries };
        told(step(failed, Event::Boot { attempt: FRESH }, &policy, NOW))
    };
    assert_eq!(boot(1), "installing+install");
    assert_eq!(boot(2), "installing+install");
    assert_eq!(boot(3), "failed+local");
    assert_eq!(boot(u8::MAX), "failed+local");
}

#[test]
fn attempts_are_named_in_one_way_only() {
    let id = AttemptId::from_bits(0xabc);
    assert_eq!(id.to_string().parse(), Ok(id));
    for bad in ["", "abc", "+0000000000000000000000000000abc", "00000000000000000000000000000ABC"] {
        assert_eq!(bad.parse::<AttemptId>(), Err(NoAttempt), "{bad}");
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let first = [FirstBoot::Install, FirstBoot::Hold, FirstBoot::Local];
    let complete = [CompleteOn::Callback, CompleteOn::Serve];
    let failure = [OnFailure::Local, OnFailure::Retry];
    (0..3usize, 0..2usize, 0..2usize, 1u8..5, 1u32..50, 1u32..50).prop_map(
        move |(f, c, o, attempts, deadline, window)| Policy {
            first_boot: first[f],
            complete_on: complete[c],
            on_failure: failure[o],
            attempts: NonZeroU8::new(attempts).unwrap(),
            deadline: Seconds::new(deadline),
            window: Seconds::new(window),
            menu_install: MenuInstall::Refused,
        },
    )
}

proptest! {
    /// Whatever happens in whatever order: an install follows an arming (or is the first boot
    /// under a policy that says so), one arming pays for at most `attempts` of them, an attempt
    /// is never begun twice, and every other boot is local or held.
    #[test]
    fn nothing_installs_without_leave(
        policy in any_policy(),
        happenings in prop::collection::vec((0usize..10, 0i64..30, 0u128..4), 1..80),
    ) {
        let (mut state, mut now) = (State::New, NOW);
        let mut leave = match policy.first_boot {
            FirstBoot::Install => u32::from(policy.attempts.get()),
            _ => 0,
        };
        let mut begun: Vec<AttemptId> = Vec::new();
        for (number, (kind, pause, back)) in happenings.into_iter().enumerate() {
            now = Timestamp::from_unix(now.as_unix() + pause);
            let fresh = AttemptId::from_bits(1000 + number as u128);
            let attempt = begun.iter().rev().nth(back as usize).copied().unwrap_or(fresh);
            let event = [
                Event::Boot { attempt: fresh }, Event::Arm, Event::Disarm,
                Event::Heartbeat { attempt }, Event::Done { attempt }, Event::Fail { attempt },
                Event::Deadline, Event::Hold, Event::Release, Event::Edit,
            ][kind];
            let Ok((next, action)) = step(state, event, &policy, now) else { continue };
            match (event, action) {
                (Event::Boot { .. }, Action::Install { attempt, .. }) => {
                    prop_assert!(leave > 0, "install in {} without leave", state.name());
                    prop_assert!(!begun.contains(&attempt));
                    prop_assert_eq!(attempt, fresh);
                    begun.push(attempt);
                    leave -= 1;
                    if policy.on_failure == OnFailure::Local
                        || policy.complete_on == CompleteOn::Serve
                    {
                        leave = 0;
                    }
                }
                (Event::Boot { .. }, Action::Local) => {
                    prop_assert!(state != State::Held);
                }
                (Event::Boot { .. }, Action::Hold) => prop_assert_eq!(next, State::Held),
                (Event::Boot { .. }, Action::Nothing) => prop_assert!(false, "a boot untold"),
                (_, action) => prop_assert_eq!(action, Action::Nothing),
            }
            match event {
                Event::Arm => leave = u32::from(policy.attempts.get()),
                Event::Disarm | Event::Hold | Event::Done { .. } => leave = 0,
                Event::Edit if state != State::New => leave = 0,
                _ => {}
            }
            state = next;
        }
    }
}
