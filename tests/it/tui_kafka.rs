//! The player on runs with Kafka: what its screens show at telling moments.

use redeliver::scenario::Scenario;
use redeliver::talk::kafka::KafkaNote;
use redeliver::talk::{MessageId, Note};
use redeliver::tui::{Charset, Key, Message, Model, Palette, Recording, Theme, Ui, View, update};

use crate::tui::{drawn, press, rows, with_styles};

/// acks=1: the followers stand still, the leader confirms what only it has, and dies.
const LEADER_CRASH: &str = r#"
title = "acks=1, and the leader dies before anybody has copied"
profile = "kafka-4.1"
horizon = "40s"
seed = 1

[[kafka.topic]]
name = "orders"
partitions = 1
replication_factor = 3

[[kafka.producer]]
name = "checkout"
client = "java-4.1"
topic = "orders"
messages = 100
rate = "20/s"
begins = "5s"
config = { acks = 1 }

[[kafka.consumer]]
name = "worker"
client = "java-4.1"
topics = "orders"
handler = { effect = "charge" }
config = { "auto.offset.reset" = "earliest" }

[[fault]]
at = "8s"
do = { pause = ["kafka-2", "kafka-3"] }
for = "600ms"

[[fault]]
at = "8500ms"
do = { crash = "kafka-1" }
restart_after = "15s"
"#;

/// Three members, one of which is restarted.
const REBALANCE: &str = r#"
title = "A pod is restarted"
profile = "kafka-4.1"
horizon = "40s"
seed = 1

[[kafka.topic]]
name = "orders"
partitions = 6

[[kafka.producer]]
name = "checkout"
topic = "orders"
key = "order-{key}"
keys = 60
messages = 150
rate = "10/s"
begins = "10s"

[[kafka.consumer]]
name = "worker"
instances = 3
client = "java-4.1"
topics = "orders"
handler = { takes = "2ms", effect = "charge" }
config = { "auto.offset.reset" = "earliest", "partition.assignment.strategy" = "range" }

[[fault]]
at = "20s"
do = { stop = "worker-1" }
restart_after = "2s"
"#;

/// A producer sends in transactions that stay open for a while; a reader of committed records waits.
const TRANSACTION: &str = r#"
title = "A transaction is open"
profile = "kafka-4.1"
horizon = "30s"
seed = 1

[[kafka.topic]]
name = "orders"
partitions = 1

[[kafka.producer]]
name = "checkout"
client = "java-4.1"
topic = "orders"
messages = 40
rate = "20/s"
begins = "5s"
transaction = { records = 10, takes = "1s" }
config = { "transactional.id" = "checkout" }

[[kafka.consumer]]
name = "worker"
client = "java-4.1"
topics = "orders"
handler = { effect = "charge" }
config = { "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }
"#;

/// Messages are kept for less time than the consumer needs.
const RETENTION: &str = r#"
title = "Retention overtakes a slow consumer"
profile = "kafka-4.1"
horizon = "60s"
seed = 1

[kafka]
config = { "log.retention.check.interval.ms" = 5000, "log.segment.delete.delay.ms" = 0 }

[[kafka.topic]]
name = "orders"
partitions = 1
config = { "retention.ms" = 10000, "segment.ms" = 5000 }

[[kafka.producer]]
name = "checkout"
client = "java-4.1"
topic = "orders"
messages = 200
rate = "10/s"
begins = "5s"

[[kafka.consumer]]
name = "worker"
client = "java-4.1"
topics = "orders"
handler = { takes = "500ms", effect = "charge" }
config = { "auto.offset.reset" = "latest", "max.poll.records" = 10 }
"#;

fn model(text: &str, size: (u16, u16)) -> Model {
    let loaded = Scenario::load("kafka.toml", text, &[]);
    let (scenario, _) = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let seed = scenario.seed();
    let ui = Ui { size, ..Ui::default() };
    Model::new(Recording::new(scenario, seed, Vec::new()), ui)
}

fn at(text: &str, size: (u16, u16), time: &str, view: View) -> Model {
    let mut model = model(text, size);
    press(&mut model, &format!(":t {time}\n{}", view as u8));
    model
}

fn text_of(model: &Model) -> String {
    rows(&drawn(model)).join("\n")
}

#[test]
fn telling_moments_look_as_they_did() {
    let moments = [
        ("before-the-crash", LEADER_CRASH, "8.49"),
        ("after-the-crash", LEADER_CRASH, "8.55"),
        ("rebalance", REBALANCE, "20.5"),
        ("transaction", TRANSACTION, "6.2"),
        ("overtaken", RETENTION, "25"),
    ];
    for (name, text, time) in moments {
        for size in [(80, 24), (120, 36)] {
            for view in [View::Topology, View::SpaceTime] {
                let mut model = at(text, size, time, view);
                let (width, height) = size;
                let view = view.name().to_lowercase();
                if size == (120, 36) && view == "topology" {
                    insta::assert_snapshot!(
                        format!("kafka-{name}-{view}-styled"),
                        with_styles(&drawn(&model))
                    );
                }
                model.ui.theme = Theme::new(Palette::Mono, true);
                insta::assert_snapshot!(
                    format!("kafka-{name}-{view}-{width}x{height}"),
                    text_of(&model).lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
                );
            }
        }
    }
}

#[test]
fn the_journey_of_a_lost_record_tells_who_became_leader_without_it() {
    let mut model = model(LEADER_CRASH, (120, 36));
    press(&mut model, "!3");
    assert!(model.message().is_some(), "the journey is that of the message that was lost");
    let text = text_of(&model);
    for told in ["appended", "leads now, without it", "cut it off"] {
        assert!(text.contains(told), "{told} is missing in\n{text}");
    }
    insta::assert_snapshot!("kafka-journey-lost-120x36", text);
}

#[test]
fn the_journey_of_a_record_goes_on_to_its_commit() {
    let mut model = model(TRANSACTION, (120, 36));
    press(&mut model, ":m 5\n3");
    let text = text_of(&model);
    for told in ["has a copy of it", "is past it", "its transaction is committed", "past it"] {
        assert!(text.contains(told), "{told} is missing in\n{text}");
    }
    press(&mut model, "]");
    update(&mut model, Message::Key(Key::End));
    insta::assert_snapshot!("kafka-journey-committed-120x36", text_of(&model));
}

#[test]
fn a_chain_of_causes_leads_from_a_lost_record_to_the_crash() {
    let model = model(LEADER_CRASH, (120, 36));
    let lost = model.recording.findings.iter().find(|it| it.name == "lost-acknowledged");
    let why = lost.and_then(|it| it.why.as_ref()).expect("records are lost");
    let chain: Vec<&str> = why.chain.iter().map(|link| link.what.as_str()).collect();
    assert!(chain[0].contains("truncated orders-0"), "{chain:#?}");
    assert!(chain.iter().any(|it| it.contains("the leader of orders-0")), "{chain:#?}");
    assert!(chain.iter().any(|it| it.contains("kafka-1 is killed")), "{chain:#?}");
}

/// A packet that only keeps something alive has no row of its own in the story.
#[test]
fn heartbeats_and_empty_fetches_are_folded_and_can_be_shown() {
    let mut model = at(REBALANCE, (120, 36), "12", View::SpaceTime);
    assert!(!text_of(&model).contains("Heartbeat ok"));
    let folded = model.rows().len();
    press(&mut model, "aa");
    assert!(model.rows().len() > 3 * folded, "all steps are many more");
    press(&mut model, "fkind=deliver\n");
    let all = (0..40).fold(String::new(), |all, _| {
        press(&mut model, ">");
        all + &text_of(&model)
    });
    assert!(all.contains("Heartbeat") && all.contains("replica fetch"), "names of packets");
}

#[test]
fn the_protocol_of_a_group_is_told_by_its_names() {
    let mut model = at(REBALANCE, (120, 36), "20", View::SpaceTime);
    let all = (0..120).fold(String::new(), |all, _| {
        press(&mut model, ".");
        all + &text_of(&model)
    });
    for name in ["LeaveGroup", "JoinGroup", "SyncGroup", "REBALANCE_IN_PROGRESS"] {
        assert!(all.contains(name), "{name} is missing");
    }
}

#[test]
fn a_run_with_both_systems_shows_both() {
    let found = redeliver::scenario::embedded::find("guide-orders").expect("it is embedded");
    let scenario = found.load().unwrap_or_else(|problems| panic!("{problems}"));
    let ui = Ui { size: (120, 36), ..Ui::default() };
    let mut model = Model::new(Recording::new(scenario, 1, Vec::new()), ui);
    press(&mut model, ":t 5\n1");
    let text = text_of(&model);
    for told in ["─ rabbit ─", "kafka-1 leads", "group reader", "orders-0"] {
        assert!(text.contains(told), "{told} is missing in\n{text}");
    }
}

/// What a fold hides can still be followed: the cursor stands on the line that tells of it.
#[test]
fn every_message_of_a_fold_can_be_followed() {
    let mut model = model(LEADER_CRASH, (120, 36));
    let notes = model.recording.history().notes();
    let last = notes.iter().rev().find_map(|noted| match noted.note {
        Note::Kafka(KafkaNote::Appended { msg, .. }) => Some(msg),
        _ => None,
    });
    let MessageId(last) = last.expect("something was appended");
    press(&mut model, &format!(":m {last}\n2"));
    for _ in 0..6 {
        press(&mut model, ")");
        assert_eq!(model.recording.message_of(model.cursor.at), Some(MessageId(last)));
    }
}

#[test]
fn every_kafka_screen_is_ascii_in_ascii() {
    for view in View::ALL {
        let mut model = at(LEADER_CRASH, (120, 36), "8.55", view);
        model.ui.charset = Charset::Ascii;
        for row in rows(&drawn(&model)) {
            assert!(row.is_ascii(), "{}: {row}", view.name());
        }
    }
}

#[test]
fn what_is_selected_is_described_at_any_size() {
    for size in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        let mut model = at(REBALANCE, size, "20.5", View::Topology);
        let mut seen = Vec::new();
        for _ in 0..30 {
            press(&mut model, "l");
            drawn(&model);
            seen.extend(model.cursor.entity);
        }
        seen.dedup();
        assert!(seen.len() > 12, "brokers, partitions, members: {seen:?}");
    }
}
