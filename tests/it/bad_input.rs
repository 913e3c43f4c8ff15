//! Every mistake in a scenario is answered by its place, an excerpt and a mend, all mistakes at
//! once; and no input whatever makes the program panic.
//!
//! The corpus is one good scenario with one mistake after the other made in it. Its messages are
//! snapshots, so that they are read as a user would read them.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;

use redeliver::report::{Judged, Style, Summary, data, judged, text};
use redeliver::scenario::{LARGEST, Problem, Problems, Scenario, embedded};

/// A good scenario. The corpus changes a line of it here and there.
const GOOD: &str = r#"title = "A good scenario"
profile = "rabbitmq-4.2"
horizon = "10s"

[[rabbitmq.queue]]
name = "orders"
type = "quorum"

[[producer]]
name = "checkout"
publish = { routing_key = "orders" }
messages = 100
rate = "50/s"
confirm = true

[[consumer]]
name = "worker"
instances = 2
queue = "orders"
prefetch = 5
handler = { takes = "20ms", effect = "charge" }

[[fault]]
at = "1s"
do = { crash = "worker-1" }
restart_after = "500ms"

[expect]
stuck = "holds"
"#;

/// The good scenario with each text replaced by another.
fn with(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the good scenario does not say {from}");
        text.replacen(from, to, 1)
    })
}

/// The good scenario with more at its end.
fn and(more: &str) -> String {
    format!("{GOOD}\n{more}")
}

/// What a user is told about a file.
fn told(bytes: &[u8], settings: &[String]) -> Problems {
    match Scenario::load_bytes("shop.toml", bytes, settings) {
        Ok((_, warnings)) => warnings,
        Err(problems) => {
            assert!(!problems.may_run(), "refused without an error: {problems}");
            problems
        }
    }
}

/// What every message must have: a place in the text, an excerpt of it, and a mend.
fn well_told(problem: &Problem) {
    let (spot, said) = (&problem.spot, problem.render(false));
    let text = &spot.source.text;
    assert!(spot.range.start <= spot.range.end && spot.range.end <= text.len(), "{said}");
    assert!(text.is_char_boundary(spot.range.start), "{said}");
    let (line, column) = spot.line_column();
    assert!(line >= 1 && line <= text.lines().count().max(1) + 1 && column >= 1, "{said}");
    assert!(said.contains(&format!("{}:{line}:{column}", spot.source.name)), "{said}");
    assert!(!problem.title.is_empty() && !problem.title.ends_with('.'), "{said}");
    assert!(!problem.help.is_empty(), "no mend: {said}");
    assert!(problem.help.iter().all(|mend| !mend.trim().is_empty()), "an empty mend: {said}");
    for word in ["Some(", "None", "Err(", "unwrap", "::", "panicked", "src/"] {
        assert!(!problem.title.contains(word), "not a user's word, {word}: {said}");
    }
}

/// All messages of a class of mistakes, to be read.
fn read(cases: &[(&str, String)]) -> String {
    let mut page = String::new();
    for (what, text) in cases {
        let problems = told(text.as_bytes(), &[]);
        assert!(!problems.is_empty(), "nothing was said about: {what}");
        problems.iter().for_each(well_told);
        let _ = writeln!(page, "## {what}\n\n{}", problems.render(false));
    }
    page
}

#[test]
fn the_good_scenario_is_good() {
    assert_eq!(told(GOOD.as_bytes(), &[]), Problems::default());
}

#[test]
fn files_that_are_no_scenarios() {
    let mut page = String::new();
    let cases: [(&str, Vec<u8>); 9] = [
        ("an empty file", Vec::new()),
        ("blanks only", b"\n \n\t\n".to_vec()),
        ("comments only", b"# a plan\n\n# for later\n".to_vec()),
        ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0".to_vec()),
        ("text in Latin-1", b"title = \"ok\"\nhorizon = \"1s\" # \xfcber\n".to_vec()),
        ("text in UTF-16", b"\xff\xfet\0i\0t\0l\0e\0".to_vec()),
        ("ten megabytes", b"messages = 1\n".repeat(800_000)),
        ("JSON", br#"{ "title": "x", "horizon": "1s" }"#.to_vec()),
        ("a web page", b"<!DOCTYPE html>\n<html>\n<body>404</body>\n</html>\n".to_vec()),
    ];
    for (what, bytes) in &cases {
        let problems = told(bytes, &[]);
        assert!(!problems.is_empty(), "nothing was said about: {what}");
        problems.iter().for_each(well_told);
        let _ = writeln!(page, "## {what}\n\n{}", problems.render(false));
    }
    insta::assert_snapshot!(page);
}

#[test]
fn lines_that_are_no_toml() {
    let page = read(&[
        ("a duration without quotes", with(&[("\"20ms\"", "20ms")])),
        ("a text without quotes", with(&[("name = \"worker\"", "name = worker")])),
        ("a quote that is not closed", with(&[("\"orders\"\ntype", "\"orders\ntype")])),
        ("no equals sign", with(&[("messages = 100", "messages 100")])),
        ("no value", with(&[("prefetch = 5", "prefetch =")])),
        ("a header that is not closed", with(&[("[[consumer]]", "[[consumer]")])),
        ("a list that is not closed", with(&[("\"orders\" }", "[\"orders\" }")])),
        ("a key twice", with(&[("prefetch = 5", "prefetch = 5\nprefetch = 6")])),
        ("a number that is too large", with(&[("= 100", "= 99999999999999999999")])),
        (
            "several, and other mistakes next to them",
            with(&[
                ("horizon = \"10s\"", "horizon = 10s"),
                ("rate = \"50/s\"", "rate = \"50 per second\""),
                ("prefetch = 5", "prefetch : 5"),
                ("do = { crash = \"worker-1\" }", "do = { crash = \"wroker-1\" }"),
            ]),
        ),
        ("a thousand lists in one another", and(&format!("deep = {}", "[".repeat(1_000)))),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn keys_that_nobody_knows_or_nobody_wrote() {
    let page = read(&[
        ("a typing error", with(&[("prefetch", "prefetsch")])),
        ("a word of another library", with(&[("prefetch", "prefetch_count")])),
        ("a word of nowhere", with(&[("prefetch", "colour")])),
        ("a key in the wrong table", with(&[("confirm = true", "prefetch = 5")])),
        ("one table where there can be several", with(&[("[[producer]]", "[producer]")])),
        ("several tables where there is one", with(&[("[expect]", "[[expect]]")])),
        (
            "a list in place of a table",
            with(&[("{ takes = \"20ms\", effect = \"charge\" }", "[1]")]),
        ),
        ("keys that must be there", and("[[consumer]]\n")),
        (
            // and nothing is said about the queue that lost its name
            "a typing error in a name that others refer to",
            with(&[("name = \"orders\"", "nmae = \"orders\"")]),
        ),
        ("a name that is a number", with(&[("name = \"worker\"", "name = 7")])),
        ("an empty name", with(&[("name = \"worker\"", "name = \"\"")])),
        ("a name that would clear the screen", {
            with(&[("name = \"worker\"", "name = \"\\u001b[2Jworker\"")])
        }),
        ("a table that begins with the wrong word", with(&[("[[rabbitmq.queue]]", "[[queue]]")])),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn wrong_units_and_numbers_out_of_range() {
    let page = read(&[
        ("a duration without a unit", with(&[("\"10s\"", "10")])),
        ("a unit that does not exist", with(&[("\"10s\"", "\"10 fortnights\"")])),
        ("a unit with another name", with(&[("\"20ms\"", "\"20 millis\"")])),
        ("a negative duration", with(&[("\"20ms\"", "\"-20ms\"")])),
        ("an empty duration", with(&[("\"10s\"", "\"\"")])),
        ("a horizon of zero", with(&[("\"10s\"", "\"0s\"")])),
        ("a horizon of a million years", with(&[("\"10s\"", "\"8766000000h\"")])),
        ("a rate without a unit", with(&[("\"50/s\"", "50")])),
        ("a rate of zero", with(&[("\"50/s\"", "\"0/s\"")])),
        ("a rate beyond the clock", with(&[("\"50/s\"", "\"1e300/s\"")])),
        ("a fraction of a message", with(&[("messages = 100", "messages = 99.5")])),
        ("less than no messages", with(&[("messages = 100", "messages = -1")])),
        ("a number in quotes", with(&[("prefetch = 5", "prefetch = \"5\"")])),
        ("a prefetch that AMQP cannot say", with(&[("prefetch = 5", "prefetch = 65536")])),
        ("a word for true", with(&[("confirm = true", "confirm = \"true\"")])),
        ("a probability of one half", with(&[("effect = \"charge\"", "fails = 0.5")])),
        (
            "seconds where RabbitMQ takes milliseconds",
            with(&[("type = \"quorum\"", "arguments = { x-message-ttl = \"60s\" }")]),
        ),
        (
            "a distribution of nothing",
            with(&[("takes = \"20ms\"", "takes = { gaussian = \"20ms\" }")]),
        ),
        (
            "a range from long to short",
            with(&[("takes = \"20ms\"", "takes = { uniform = [\"5ms\", \"1ms\"] }")]),
        ),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn names_that_lead_nowhere_or_to_two() {
    let page = read(&[
        ("a dangling queue", with(&[("queue = \"orders\"", "queue = \"oders\"")])),
        (
            "a dangling queue that resembles nothing",
            with(&[("queue = \"orders\"", "queue = \"x\"")]),
        ),
        ("a dangling exchange", with(&[("{ routing_key", "{ exchange = \"events\", routing_key")])),
        ("an instance too many", with(&[("crash = \"worker-1\"", "crash = \"worker-3\"")])),
        ("a queue that is to crash", with(&[("crash = \"worker-1\"", "crash = \"orders\"")])),
        (
            "a service that nobody declares",
            with(&[("crash = \"worker-1\"", "outage = \"charge\"")]),
        ),
        ("two queues with one name", and("[[rabbitmq.queue]]\nname = \"orders\"\n")),
        ("two participants with one name", with(&[("\"checkout\"", "\"worker-2\"")])),
        ("a producer called like the broker", with(&[("\"checkout\"", "\"rabbit\"")])),
        ("an exchange that is there anyway", and("[[rabbitmq.exchange]]\nname = \"amq.topic\"\n")),
        (
            "a broken scenario and a dangling name: both",
            with(&[("prefetch", "prefetsch"), ("queue = \"orders\"", "queue = \"oders\"")]),
        ),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn combinations_that_cannot_be() {
    let page = read(&[
        (
            "properties that a quorum queue cannot have",
            with(&[(
                "type = \"quorum\"",
                "type = \"quorum\"\ndurable = false\narguments = { x-max-priority = 10 }",
            )]),
        ),
        (
            "what the version denies",
            with(&[
                ("rabbitmq-4.2", "rabbitmq-4.3"),
                ("type = \"quorum\"", "type = \"classic\"\ndurable = false"),
                ("prefetch = 5", "prefetch = 5\nglobal = true"),
            ]),
        ),
        ("an exclusive queue without an owner", with(&[("type = \"quorum\"", "exclusive = true")])),
        ("a window that nothing opens", with(&[("confirm = true", "window = 10")])),
        (
            "a skewed choice without a share",
            with(&[("confirm", "keys = { count = 9, pick = \"skewed\" }\nconfirm")]),
        ),
        (
            "a retry that does not say how",
            with(&[("prefetch", "on_failure = \"retry\"\nprefetch")]),
        ),
        (
            "a copy that waits for confirms on a plain channel",
            with(&[(
                "effect = \"charge\"",
                "forward = { routing_key = \"orders\", wait_for_confirm = true }",
            )]),
        ),
        (
            "poison of two kinds, for a message that there is not",
            with(&[("confirm", "poison = { messages = [101], fails = 2, kills = true }\nconfirm")]),
        ),
        ("a bound on nothing", and("[judge]\nbound = [{ unacked = 5 }, {}]\n")),
        ("a cluster without a clear majority", and("[rabbitmq]\nnodes = 4\n")),
        (
            "a home for what has none, or another",
            and("[rabbitmq]\nnodes = 3\n\
                 [[rabbitmq.queue]]\nname = \"all\"\ntype = \"quorum\"\nnode = \"rabbit-2\"\n\
                 [[rabbitmq.queue]]\nname = \"one\"\nnode = \"rabbit\"\n\
                 [[rabbitmq.queue]]\nname = \"later\"\nnode = \"rabbit-2\"\nexists = false\n"),
        ),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn faults_that_contradict_each_other() {
    let fault = |text: &str| and(&format!("[[fault]]\n{text}\n"));
    let page = read(&[
        ("a crash of what is down", fault("at = \"1200ms\"\ndo = { crash = \"worker-1\" }")),
        ("a restart of what is up", fault("at = \"3s\"\ndo = { restart = \"worker\" }")),
        ("a stop of what is paused", {
            let pause = "at = \"2s\"\ndo = { pause = \"checkout\" }\n[[fault]]\n";
            fault(&format!("{pause}at = \"3s\"\ndo = {{ stop = \"checkout\" }}"))
        }),
        ("a link that heals and was never cut", {
            fault("at = \"3s\"\ndo = { heal = { from = \"checkout\", to = \"rabbit\" } }")
        }),
        ("both a time and an event", {
            fault("at = \"3s\"\nwhen = \"m7 is delivered\"\ndo = { crash = \"checkout\" }")
        }),
        ("neither", fault("do = { crash = \"checkout\" }")),
        ("nothing that is done", fault("at = \"3s\"\ndo = {}")),
        ("two things at once", {
            fault("at = \"3s\"\ndo = { crash = \"checkout\", stop = \"worker-2\" }")
        }),
        ("after the end", fault("at = \"11s\"\ndo = { crash = \"checkout\" }")),
        ("an undoing that goes with another fault", {
            fault("at = \"3s\"\ndo = { crash = \"checkout\" }\nfor = \"1s\"")
        }),
        ("a partition with one side", {
            fault("at = \"3s\"\ndo = { partition = [[\"checkout\", \"rabbit\"]] }")
        }),
        ("an event that nobody knows", {
            fault("when = \"m7 is deliverd\"\ndo = { crash = \"checkout\" }")
        }),
        ("an event without what happens", fault("when = \"m7\"\ndo = { crash = \"checkout\" }")),
        ("a message that nobody sends", {
            fault("when = \"m101 is delivered\"\ndo = { crash = \"checkout\" }")
        }),
        ("a group where one is meant", {
            fault("when = \"m7 is delivered to worker\"\ndo = { crash = \"checkout\" }")
        }),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn expectations_of_nothing() {
    let page = read(&[
        ("a guarantee that nobody judges", with(&[("stuck =", "stuk =")])),
        ("a verdict that there is not", with(&[("\"holds\"", "\"hold\"")])),
        ("a guarantee that is a number", with(&[("\"holds\"", "\">= 3\"")])),
        ("a number that is a guarantee", with(&[("stuck =", "delivered =")])),
        ("a comparison with nothing", with(&[("stuck = \"holds\"", "delivered = \">= many\"")])),
        ("a claim that the guide does not make", with(&[("title =", "claim = \"R11\"\ntitle =")])),
        ("all of them", {
            let more = "enqueud = 5\nleak = \"maybe\"\n";
            with(&[("[expect]\n", &format!("[expect]\n{more}"))])
        }),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn what_is_legal_and_surprising() {
    let page = read(&[
        ("more messages than time", with(&[("messages = 100", "messages = 1_000_000_000")])),
        ("a queue that nobody reads", and("[[rabbitmq.queue]]\nname = \"audit\"\n")),
        (
            "a key that no queue has",
            with(&[("routing_key = \"orders\"", "routing_key = \"order\"")]),
        ),
        (
            "dead letters for nobody",
            with(&[(
                "type = \"quorum\"",
                "arguments = { x-dead-letter-exchange = \"amq.direct\" }",
            )]),
        ),
        ("settings without an effect", with(&[("confirm = true", "on_nack = \"give-up\"")])),
        ("something put right after the end", with(&[("\"500ms\"", "\"20s\"")])),
    ]);
    insta::assert_snapshot!(page);
}

#[test]
fn runs_that_are_too_large() {
    let page = read(&[
        ("more messages than numbers", with(&[("messages = 100", "messages = 5_000_000_000")])),
        ("more with all instances", {
            with(&[("messages = 100", "messages = 4_000_000_000\ninstances = 2")])
        }),
        ("more participants than anybody looks at", {
            (0..11).fold(GOOD.to_owned(), |text, n| {
                text + &format!(
                    "\n[[consumer]]\nname = \"c{n}\"\ninstances = 1000\nqueue = \"orders\"\n"
                )
            })
        }),
    ]);
    insta::assert_snapshot!(page);
    let billion = with(&[("messages = 100", "messages = 1_000_000_000"), ("50/s", "1000000000/s")]);
    let (scenario, _) = Scenario::load("shop.toml", &billion, &[]).expect("it is possible");
    let needed = scenario.estimate().judged;
    let problem = scenario.too_heavy(needed, 8_000_000_000).expect("it is too much for 8 GB");
    well_told(&problem);
    insta::assert_snapshot!("a_billion_messages", problem.render(false));
    assert_eq!(scenario.too_heavy(needed, needed), None, "what fits may run");
}

#[test]
fn settings_of_the_command_line() {
    let cases: [&[&str]; 15] = [
        &["horizn=1s"],
        &["consumer.worker.prefech=1"],
        &["consumer.wroker.prefetch=1"],
        &["rabbitmq.queue.oders.type=classic"],
        &["consumer.worker.prefetch=lots"],
        &["consumer.worker.prefetch="],
        &["consumer.worker=1"],
        &["consumer.9.prefetch=1"],
        &["producer.checkout.publish.routing_kee=x"],
        &["service.charge.takes=1s"],
        &["horizon.seconds=1"],
        &["consumer=5"],
        &["prefetch"],
        &["=1"],
        &["horizon=0s", "seed=-4", "title", "consumer.worker.queue=oders"],
    ];
    let mut page = String::new();
    for settings in cases {
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        let problems = told(GOOD.as_bytes(), &settings);
        assert!(!problems.is_empty(), "nothing was said about {settings:?}");
        problems.iter().for_each(well_told);
        let _ = writeln!(page, "## {}\n\n{}", settings.join(" "), problems.render(false));
    }
    insta::assert_snapshot!(page);
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let text = with(&[
        ("horizon = \"10s\"", "horizon = 10"),
        ("type = \"quorum\"", "type = \"quorom\""),
        ("routing_key", "routing_kee"),
        ("messages = 100", "messages = \"many\""),
        ("queue = \"orders\"", "queue = \"oders\""),
        ("prefetch = 5", "prefetch = 5x"),
        ("at = \"1s\"", "at = \"1 fortnight\""),
        ("restart_after", "restart_aftr"),
    ]) + "delivered = 5\n[[rabbitmq.queue]]\nname = \"orders\"\n";
    let problems = told(text.as_bytes(), &[]);
    assert_eq!(problems.errors(), 9, "{problems}");
    let lines: Vec<usize> = problems.iter().map(|it| it.spot.line_column().0).collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn more_mistakes_than_a_screen_holds_are_counted() {
    let text = (0..60_000).fold(String::new(), |text, n| text + &format!("key{n} = 1\n"));
    assert!(text.len() < LARGEST);
    let problems = told(text.as_bytes(), &[]);
    assert_eq!(problems.errors(), 60_002, "two keys are missing as well");
    let said = problems.render(false);
    assert!(said.ends_with("... and 59962 more: mend these first\n"), "{said}");
}

/// A run in a test may need so much memory.
const SMALL: u64 = 30_000_000;
/// And take so many steps.
const FEW: u64 = 2_000;

/// Loads, and when that is possible runs, reports, and looks at every message. Only a panic or a
/// poor message can fail.
fn survive(bytes: &[u8], settings: &[String]) {
    let scenario = match Scenario::load_bytes("mutated.toml", bytes, settings) {
        Ok((scenario, warnings)) => {
            warnings.iter().for_each(well_told);
            scenario
        }
        Err(problems) => {
            assert!(!problems.may_run() && !problems.render(true).is_empty());
            return problems.iter().for_each(well_told);
        }
    };
    if scenario.estimate().judged > SMALL {
        well_told(&scenario.too_heavy(u64::MAX, SMALL).expect("more than there is room for"));
        return;
    }
    let report = Judged::new(&scenario, 1, FEW);
    assert!(!text::report(&report, Style { ascii: true, verbose: true }).is_empty());
    assert!(data::json(&report).is_object() && data::markdown(&report).starts_with("## "));
    let parse = |line: &str| serde_json::from_str(line).map(|_: serde_json::Value| ());
    assert!(data::jsonl(&scenario, 1, FEW, parse).is_ok());
    let mut summary = Summary::default();
    summary.add(&scenario, u64::MAX, &judged::quick(&scenario, u64::MAX, FEW));
    assert!(!summary.text(&scenario, Style::default()).is_empty());
}

/// What a mutation does to the lines of a scenario.
#[derive(Clone, Debug)]
enum Mutation {
    Delete(Index),
    Duplicate(Index),
    Swap(Index, Index),
    /// Replaces a number by another.
    Number(Index, &'static str),
    /// Replaces a word by another word of the same file: a name, a key, a unit, a verdict.
    Word(Index, Index),
    /// Replaces a value by something of another type.
    Value(Index, &'static str),
    /// Puts something in at any place.
    Insert(Index, String),
    /// Leaves out everything after a place.
    Cut(Index),
    /// Adds a line of another scenario.
    Graft(Index, Index, Index),
    /// Gives a key the value that another scenario gives it.
    Borrow(Index, Index),
    /// Replaces a duration by another.
    Duration(Index, &'static str),
    /// Makes true false, or false true.
    Flip(Index),
}

const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "2",
    "7",
    "255",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "0.0000001",
];
const DURATIONS: [&str; 8] = ["0s", "1ns", "999us", "1ms", "30ms", "7s", "1h", "8760h"];
const VALUES: [&str; 18] = [
    "true",
    "\"\"",
    "\"0s\"",
    "\"1ns\"",
    "\"365d\"",
    "\"8760h\"",
    "\"100%\"",
    "\"0%\"",
    "\"1/h\"",
    "\"1000000000/s\"",
    "[]",
    "{}",
    "[[]]",
    "{ exponential = \"0s\" }",
    "{ poisson = \"1000000/s\" }",
    "1979-05-27T07:32:00Z",
    "\"all\"",
    "nan",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Mutation::Delete),
        1 => at().prop_map(Mutation::Duplicate),
        1 => (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => (at(), proptest::sample::select(&NUMBERS[..])).prop_map(|(a, n)| Mutation::Number(a, n)),
        1 => (at(), at()).prop_map(|(a, b)| Mutation::Word(a, b)),
        1 => (at(), proptest::sample::select(&VALUES[..])).prop_map(|(a, v)| Mutation::Value(a, v)),
        1 => (at(), "[\"'{}\\[\\]=#.,\n\\\\ä€0a]{1,3}").prop_map(|(a, text)| Mutation::Insert(a, text)),
        1 => at().prop_map(Mutation::Cut),
        1 => (at(), at(), at()).prop_map(|(a, b, c)| Mutation::Graft(a, b, c)),
        // most files survive these, so that they run
        6 => (at(), at()).prop_map(|(a, b)| Mutation::Borrow(a, b)),
        6 => (at(), proptest::sample::select(&DURATIONS[..]))
            .prop_map(|(a, d)| Mutation::Duration(a, d)),
        4 => at().prop_map(Mutation::Flip),
        4 => (at(), proptest::sample::select(&NUMBERS[..5]))
            .prop_map(|(a, n)| Mutation::Number(a, n)),
    ]
}

/// Stretches of `text` that `of` is true for.
fn stretches(text: &str, of: impl Fn(char) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| of(*c)) {
        match found.last_mut() {
            Some(last) if last.end == at => last.end += c.len_utf8(),
            _ => found.push(at..at + c.len_utf8()),
        }
    }
    found
}

fn mutate(text: &mut String, mutation: &Mutation) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    match mutation {
        Mutation::Delete(at) => drop(lines.remove(at.index(count))),
        Mutation::Duplicate(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
        Mutation::Swap(a, b) => lines.swap(a.index(count), b.index(count)),
        Mutation::Graft(at, which, line) => {
            let other = which.get(embedded::ALL).text;
            let others: Vec<&str> = other.lines().collect();
            lines.insert(at.index(count), (*line.get(&others)).to_owned());
        }
        Mutation::Value(at, value) => {
            let keyed: Vec<usize> = (0..count).filter(|&n| lines[n].contains('=')).collect();
            if !keyed.is_empty() {
                let line = &mut lines[*at.get(&keyed)];
                let key = line.split('=').next().unwrap_or_default().to_owned();
                *line = format!("{key}= {value}");
            }
        }
        Mutation::Borrow(at, which) => {
            let keyed: Vec<usize> = (0..count).filter(|&n| lines[n].contains(" = ")).collect();
            if !keyed.is_empty() {
                let line = &mut lines[*at.get(&keyed)];
                let key = line.split(" = ").next().unwrap_or_default().to_owned() + " = ";
                let others = embedded::ALL.iter().flat_map(|it| it.text.lines());
                let others: Vec<&str> = others.filter(|line| line.starts_with(&key)).collect();
                if !others.is_empty() {
                    *line = (*which.get(&others)).to_owned();
                }
            }
        }
        Mutation::Flip(at) => {
            let words = [("true", "false"), ("false", "true")];
            let found = words.map(|(from, to)| {
                text.match_indices(from).map(|(n, _)| (n, from, to)).collect::<Vec<_>>()
            });
            let found = found.concat();
            if !found.is_empty() {
                let (n, from, to) = *at.get(&found);
                text.replace_range(n..n + from.len(), to);
            }
            return;
        }
        Mutation::Duration(at, duration) => {
            let quoted = stretches(text, |c| c.is_ascii_alphanumeric() || matches!(c, '"' | '.'));
            let found: Vec<_> = quoted
                .into_iter()
                .filter(|it| {
                    let word = &text[it.clone()];
                    word.starts_with('"') && word.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
                })
                .collect();
            if !found.is_empty() {
                text.replace_range(at.get(&found).clone(), &format!("\"{duration}\""));
            }
            return;
        }
        Mutation::Number(at, number) => {
            let found = stretches(text, |c| c.is_ascii_digit());
            if !found.is_empty() {
                text.replace_range(at.get(&found).clone(), number);
            }
            return;
        }
        Mutation::Word(at, by) => {
            let found = stretches(text, |c| c.is_alphanumeric() || matches!(c, '-' | '_'));
            if !found.is_empty() {
                let word = text[by.get(&found).clone()].to_owned();
                text.replace_range(at.get(&found).clone(), &word);
            }
            return;
        }
        Mutation::Insert(at, what) => {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            return text.insert_str(*at.get(&places), what);
        }
        Mutation::Cut(at) => {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            return text.truncate(*at.get(&places));
        }
    }
    *text = lines.join("\n");
}

proptest! {
    #[test]
    fn no_mutated_scenario_makes_anything_panic(
        which in any::<Index>(),
        mutations in vec(mutation(), 1..5),
    ) {
        let mut text = which.get(embedded::ALL).text.to_owned();
        mutations.iter().for_each(|it| mutate(&mut text, it));
        survive(text.as_bytes(), &[]);
    }

    #[test]
    fn no_bytes_make_anything_panic(
        which in any::<Index>(),
        at in any::<Index>(),
        bytes in vec(any::<u8>(), 0..40),
    ) {
        survive(&bytes, &[]);
        let mut text = which.get(embedded::ALL).text.as_bytes().to_vec();
        let at = at.index(text.len());
        text.splice(at..(at + bytes.len() / 2).min(text.len()), bytes);
        survive(&text, &[]);
    }

    #[test]
    fn no_setting_makes_anything_panic(
        which in any::<Index>(),
        setting in "[a-z]{0,4}[.\"=]{0,3}[a-z0-9.\"=äÖ€ -]{0,30}",
        key in any::<Index>(),
        value in proptest::sample::select(&VALUES[..]),
    ) {
        let text = which.get(embedded::ALL).text;
        survive(text.as_bytes(), &[setting]);
        // a key of the file itself, by the path that the command line would write
        let keys: Vec<String> = paths(text);
        survive(text.as_bytes(), &[format!("{}={value}", key.get(&keys))]);
    }
}

/// A fuzz test of files that are all refused, or all accepted, would show little.
#[test]
fn mutations_are_neither_all_fatal_nor_all_harmless() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (any::<Index>(), vec(mutation(), 1..5));
    let mut runs = 0;
    for _ in 0..200 {
        let (which, mutations) = strategy.new_tree(&mut runner).expect("there is one").current();
        let mut text = which.get(embedded::ALL).text.to_owned();
        mutations.iter().for_each(|it| mutate(&mut text, it));
        let loaded = Scenario::load("mutated.toml", &text, &[]);
        runs += usize::from(loaded.is_ok_and(|(it, _)| it.estimate().judged <= SMALL));
    }
    assert!((40..160).contains(&runs), "{runs} of 200 mutated scenarios run");
}

/// The paths of all keys that a scenario says on lines of their own.
fn paths(text: &str) -> Vec<String> {
    let mut table = String::new();
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("[[").and_then(|line| line.split(']').next()) {
            let nth = match counts.iter_mut().find(|(name, _)| name == header) {
                Some((_, count)) => {
                    *count += 1;
                    *count
                }
                None => {
                    counts.push((header.to_owned(), 1));
                    1
                }
            };
            table = format!("{header}.{nth}.");
        } else if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next())
        {
            table = format!("{header}.");
        } else if let Some((key, _)) = line.split_once('=') {
            paths.push(format!("{table}{}", key.trim()));
        }
    }
    paths
}
