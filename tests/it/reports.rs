//! What the program says of runs, as its readers see it: the claims of the guide, a violated
//! guarantee with its chain of causes, and the same as Markdown.

use redeliver::report::{Judged, Style, Summary, data, guide, judged, text};
use redeliver::scenario::{MOST_STEPS, Scenario, embedded};

const PLAIN: Style = Style { ascii: false, verbose: false };

fn load(name: &str) -> Scenario {
    embedded::find(name).expect("it is embedded").load().expect("it is good")
}

fn all() -> Vec<Scenario> {
    embedded::ALL.iter().map(|one| one.load().expect("it is good")).collect()
}

/// A text without the words that follow `before`: they change with every detail of the models, and
/// tell a reader nothing.
fn masked(text: &str, before: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |masked, part| {
        let end = part.find(char::is_whitespace).unwrap_or(part.len());
        masked + before + "*" + &part[end..]
    })
}

#[test]
fn the_guide_as_an_overview() {
    let scenarios = all();
    let pages: Vec<String> = guide::claims(&scenarios)
        .into_iter()
        .map(|claim| {
            let examined = guide::examine(claim, &scenarios);
            guide::text(&examined, PLAIN)
        })
        .collect();
    insta::assert_snapshot!(masked(&pages.join("\n"), "--at "));
}

#[test]
fn one_claim() {
    let scenarios = all();
    let claim = guide::claims(&scenarios).into_iter().find(|claim| claim.id == "R2");
    let examined = guide::examine(claim.expect("R2 is examined"), &scenarios);
    let says = |text: String, before| masked(&text, before);
    insta::assert_snapshot!("one_claim", says(guide::text(&examined, PLAIN), "--at "));
    insta::assert_snapshot!("one_claim_as_markdown", says(guide::markdown(&examined), "--at "));
    let json = format!("{:#}", guide::json(&examined));
    insta::assert_snapshot!("one_claim_as_json", says(json, "\"at\": "));
    let ascii = guide::text(&examined, Style { ascii: true, verbose: false });
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn a_broken_guarantee_with_its_causes() {
    for name in ["crash-before-ack", "r1-poison-without-dlq", "r5-ack-then-publish-crash"] {
        let scenario = load(name);
        let report = Judged::new(&scenario, scenario.seed(), MOST_STEPS);
        let report = masked(&text::report(&report, PLAIN), "history ");
        insta::assert_snapshot!(format!("report_of_{name}"), report);
    }
}

#[test]
fn a_broken_guarantee_as_markdown() {
    let scenario = load("crash-before-ack");
    let report = Judged::new(&scenario, scenario.seed(), MOST_STEPS);
    insta::assert_snapshot!(data::markdown(&report));
}

#[test]
fn what_a_scenario_teaches_is_in_every_report_of_one_run() {
    let scenario = load("r1-poison-with-dlq");
    let judged = Judged::new(&scenario, scenario.seed(), MOST_STEPS);
    let teach = scenario.teach();
    let words = [teach.question, teach.text, teach.look_at.first().copied()];
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for report in [text::report(&judged, PLAIN), data::markdown(&judged)] {
        for said in words {
            let said = said.expect("it says all three");
            assert!(flat(&report).contains(&flat(said)), "{said}\n{report}");
        }
    }
    let json = &data::json(&judged)["teach"];
    assert_eq!(json["question"].as_str(), teach.question);
    assert_eq!(json["look_at"][0].as_str(), teach.look_at.first().copied());
    let silent = load("crash-before-ack");
    let judged = Judged::new(&silent, silent.seed(), MOST_STEPS);
    assert!(data::json(&judged)["teach"]["text"].is_null());
    assert!(!text::report(&judged, PLAIN).contains("look at:"));
}

#[test]
fn a_range_of_seeds() {
    let scenario = load("crash-before-ack");
    let mut summary = Summary::default();
    for seed in 1..=20 {
        summary.add(&scenario, seed, &judged::quick(&scenario, seed, MOST_STEPS));
    }
    let report = masked(&summary.text(&scenario, PLAIN), "histories ");
    insta::assert_snapshot!("a_range_of_seeds", report);
    insta::assert_snapshot!("a_range_of_seeds_as_markdown", summary.markdown(&scenario));
}

/// Colours only repeat what words, signs and places say: without them nothing is missing.
#[test]
fn colours_carry_nothing_alone() {
    let wrong = "title = \"x\"\nhorizon = \"0s\"\nprofil = \"rabbitmq-4.2\"\n\n[[rabbitmq.queue]]\nname = \"q\"\n";
    let problems = Scenario::load("wrong.toml", wrong, &[]).expect_err("it is wrong");
    let (coloured, plain) = (problems.render(true), problems.render(false));
    assert!(coloured.contains('\u{1b}') && !plain.contains('\u{1b}'));
    assert_eq!(without_colours(&coloured), plain);
    assert!(plain.contains("error: ") && plain.contains("^^^^") && plain.contains("help: "));
}

/// A text without its escape sequences for colours.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain += before;
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

/// The path of the setting that the report blames for the loss, and whether the file says it.
fn blamed(name: &str, settings: &[&str]) -> String {
    let settings: Vec<String> = settings.iter().map(|it| (*it).to_owned()).collect();
    let text = embedded::find(name).expect("it is embedded").text;
    let (scenario, _) = Scenario::load(name, text, &settings).expect("it is good");
    let report = Judged::new(&scenario, scenario.seed(), MOST_STEPS);
    let breaches = report.outcome.verdicts.breaches();
    let lost = breaches.iter().position(|breach| breach.class.name() == "lost-acknowledged");
    let explained = &report.explanations[lost.expect("it is lost")];
    explained.setting.as_ref().map_or_else(String::new, |setting| setting.path.clone())
}

#[test]
fn a_setting_that_an_option_gave_is_no_default() {
    let text = embedded::find("crash-before-ack").expect("it is embedded").text;
    let option = "consumer.worker.prefetch=1".to_owned();
    let (scenario, _) = Scenario::load("crash-before-ack", text, &[option]).expect("it is good");
    let report = text::report(&Judged::new(&scenario, 1, MOST_STEPS), PLAIN);
    assert!(report.contains("--set consumer.worker.prefetch=1"), "{report}");
}

#[test]
fn a_loss_is_blamed_on_the_setting_that_would_have_prevented_it() {
    let cases: [(&str, &[&str], &str); 6] = [
        ("m1-power-loss", &[], "rabbitmq.queue.orders.type"),
        ("m1-transient-restart", &[], "producer.checkout.publish.persistent"),
        (
            "m1-persistent-restart",
            &["rabbitmq.queue.orders.durable=false"],
            "rabbitmq.queue.orders.durable",
        ),
        ("r2-broker-crash", &[], "rabbitmq.queue.order.process.arguments.x-dead-letter-strategy"),
        ("r5-broker-crash", &[], "consumer.worker.retry.wait_for_confirm"),
        ("r5-ack-then-publish-crash", &[], "consumer.worker.retry.order"),
    ];
    for (name, settings, path) in cases {
        assert_eq!(blamed(name, settings), path, "{name} {settings:?}");
    }
}

#[test]
fn a_fault_that_never_came_is_said() {
    let mut written = embedded::find("crash-before-ack").expect("it is embedded").text.to_owned();
    written.push_str("\n[[fault]]\nwhen = \"the 5000th effect\"\ndo = { crash = \"worker\" }\n");
    let (scenario, _) = Scenario::load("asks-too-much.toml", &written, &[]).expect("it is good");
    let judged = Judged::new(&scenario, 1, MOST_STEPS);
    let text = text::report(&judged, PLAIN);
    let line = written.lines().position(|line| line.contains("5000th")).map(|n| n + 1);
    let place = format!("asks-too-much.toml:{}:8", line.expect("it is there"));
    assert!(text.contains("what it waits for never came") && text.contains(&place), "{text}");
    assert_eq!(judged.outcome.facts.get("faults-that-never-came"), Some(1));
}
