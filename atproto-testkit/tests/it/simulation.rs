//! The firehose's consumer in the simulated network.

use atproto_testkit::{
    Faults,
    simulation::{Form, Simulation},
};

#[test]
fn without_faults_everything_comes_once_in_every_form() {
    for form in Form::ALL {
        let simulation = Simulation::seeded(1).form(form).faults(Faults::none()).hours(1);
        let outcome = simulation.run();
        assert!(outcome.is_sound(), "{outcome}");
        assert_eq!(outcome.deliveries, outcome.report.events, "{form:?}");
    }
}

#[test]
fn a_seed_repeats_a_run_exactly() {
    for form in Form::ALL {
        let run = |seed| Simulation::seeded(seed).form(form).hours(1).run();
        let first = run(3);
        assert_eq!(first, run(3));
        assert_ne!(first.digest, run(4).digest);
        assert_ne!(first.report.digest, run(4).report.digest);
    }
}

#[test]
fn nothing_is_lost_reordered_or_repeated_whatever_goes_wrong() {
    for seed in 0..3 {
        let outcome = Simulation::seeded(seed).hours(3).run();
        assert!(outcome.is_sound(), "{outcome}");
    }
}

#[test]
fn what_is_found_to_be_gone_makes_up_for_all_that_came_before() {
    // Here an account is fetched, and gone, for what comes long before the word of its deletion;
    // and the relay sends a message behind the next one of its account.
    let outcome = Simulation::seeded(0).hours(2).run();
    assert!(outcome.is_sound(), "{outcome}");
}
