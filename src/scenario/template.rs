//! The scenario that `redeliver new` writes.

/// A commented scenario that works, with this name in its first line.
pub fn template(name: &str) -> String {
    include_str!("template.toml").replace("NAME", name)
}

#[cfg(test)]
mod tests {
    use super::template;
    use crate::check::Verdict;
    use crate::scenario::{Met, Scenario};

    fn load(settings: &[&str]) -> Scenario {
        let settings: Vec<String> = settings.iter().map(|it| (*it).to_owned()).collect();
        let read = Scenario::load("shop.toml", &template("shop"), &settings);
        let (scenario, warnings) = read.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(warnings.is_empty(), "{warnings}");
        scenario
    }

    #[test]
    fn it_shows_a_repeated_effect_with_every_seed() {
        let scenario = load(&[]);
        assert!(!scenario.expectations().is_empty());
        for seed in 1..=50 {
            let outcome = scenario.judge(seed);
            assert_eq!(scenario.met(&outcome), Met::Yes, "seed {seed}");
            let repeated = outcome.verdicts.named("duplicate-effect");
            assert!(matches!(repeated, Some(Verdict::Violated(_))), "seed {seed}: {repeated:?}");
        }
    }

    #[test]
    fn a_poison_message_added_to_it_ends_in_the_dead_letter_queue() {
        let scenario = load(&["producer.checkout.poison={messages=[7]}"]);
        for seed in 1..=50 {
            let outcome = scenario.judge(seed);
            assert_eq!(scenario.met(&outcome), Met::Yes, "seed {seed}");
            let looped = outcome.verdicts.named("poison-loop");
            assert!(matches!(looped, Some(Verdict::Holds)), "seed {seed}: {looped:?}");
        }
    }

    #[test]
    fn a_service_that_deduplicates_mends_it() {
        let outcome = load(&["service.billing.dedup=true"]).judge(1);
        let repeated = outcome.verdicts.named("duplicate-effect");
        assert!(matches!(repeated, Some(Verdict::Holds)), "{repeated:?}");
    }
}
