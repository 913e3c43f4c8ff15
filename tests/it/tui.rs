//! The player without a terminal: what keys do, and what is drawn, cell by cell and style by style.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use redeliver::scenario::{Scenario, embedded};
use redeliver::talk::MessageId;
use redeliver::tui::{
    Charset, Entry, Key, Message, Model, Palette, Picker, Recording, Theme, Ui, View, update, view,
};

/// A worker dies between its effect and its acknowledgement: message 3 takes effect twice.
const CRASH: &str = r#"
title = "A worker dies between its effect and its ack"
profile = "rabbitmq-4.2"
horizon = "30s"
seed = 42

[[rabbitmq.queue]]
name = "orders"

[[producer]]
name = "checkout"
publish = { exchange = "", routing_key = "orders" }
messages = 12
rate = "50/s"
confirm = true

[[consumer]]
name = "worker"
instances = 2
queue = "orders"
prefetch = 2
handler = { takes = "25ms", effect = "ledger" }

[[service]]
name = "ledger"
takes = "3ms"

[[fault]]
when = "m3 is effect"
do = { crash = "worker-1" }
restart_after = "200ms"
"#;

fn recording(settings: &[&str]) -> Recording {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    let loaded = Scenario::load("crash-between.toml", CRASH, &settings);
    let (scenario, _) = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let seed = scenario.seed();
    Recording::new(scenario, seed, settings)
}

fn ui(size: (u16, u16)) -> Ui {
    Ui { size, ..Ui::default() }
}

fn model(size: (u16, u16)) -> Model {
    Model::new(recording(&[]), ui(size))
}

pub(crate) fn press(model: &mut Model, keys: &str) {
    for key in keys.chars() {
        let key = if key == '\n' { Key::Enter } else { Key::Char(key) };
        update(model, Message::Key(key));
    }
}

pub(crate) fn drawn(model: &Model) -> Buffer {
    let (width, height) = model.ui.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend");
    terminal.draw(|frame| view(model, frame.buffer_mut())).expect("a test backend cannot fail");
    terminal.backend().buffer().clone()
}

/// The rows of a screen.
pub(crate) fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    buffer.content.chunks(width).map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
}

/// The rows, and below them each stretch of cells that is not plain: `3:10..14 fg=Red bold`.
pub(crate) fn with_styles(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let mut text: String =
        rows(buffer).iter().map(|row| format!("|{}|\n", row.trim_end())).collect();
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let style = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg, cell.modifier);
            let here = style(&row[x]);
            let end = (x..width).find(|&x| style(&row[x]) != here).unwrap_or(width);
            if here != (Color::Reset, Color::Reset, Modifier::empty()) {
                let (fg, bg, modifier) = here;
                let mut words = Vec::new();
                if fg != Color::Reset {
                    words.push(format!("fg={fg}"));
                }
                if bg != Color::Reset {
                    words.push(format!("bg={bg}"));
                }
                if !modifier.is_empty() {
                    words.push(format!("{modifier:?}").to_lowercase());
                }
                text.push_str(&format!("{y}:{x}..{end} {}\n", words.join(" ")));
            }
            x = end;
        }
    }
    text
}

/// A moment at which something is to be seen: right after message 5 came back.
fn at_the_violation(size: (u16, u16), view: View) -> Model {
    let mut model = model(size);
    press(&mut model, "!");
    press(&mut model, &(view as u8).to_string());
    model
}

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 36)];

#[test]
fn every_view_looks_as_it_did() {
    for size in SIZES {
        for view in View::ALL {
            let model = at_the_violation(size, view);
            let name = format!("{}-{}x{}", view.name().to_lowercase(), size.0, size.1);
            insta::assert_snapshot!(name, with_styles(&drawn(&model)));
        }
    }
}

#[test]
fn overlays_and_small_terminals_look_as_they_did() {
    for (name, size, keys) in [
        ("help", (80, 24), "!?"),
        ("command", (80, 24), "!:mes"),
        ("fork", (80, 24), "!F"),
        ("smallest", (60, 16), "!"),
        ("smallest-topology", (60, 16), "!1"),
        ("too-small", (40, 12), "!"),
    ] {
        let mut model = model(size);
        press(&mut model, keys);
        insta::assert_snapshot!(name, with_styles(&drawn(&model)));
    }
}

#[test]
fn in_ascii_every_cell_is_ascii() {
    for view in View::ALL {
        let mut model = at_the_violation((120, 36), view);
        model.ui.charset = Charset::Ascii;
        for row in rows(&drawn(&model)) {
            assert!(row.is_ascii(), "{}: {row}", view.name());
        }
    }
}

/// Every state of the run in turn, in monochrome: no two moments may look alike, since something
/// happened in between.
#[test]
fn in_monochrome_no_two_moments_look_alike() {
    for view in View::ALL {
        let mut model = model((120, 36));
        model.ui.theme = Theme::new(Palette::Mono, true);
        press(&mut model, &(view as u8).to_string());
        let mut seen: Vec<(String, Buffer)> = Vec::new();
        for _ in 0..60 {
            let buffer = drawn(&model);
            for cell in &buffer.content {
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
            }
            let twin = seen.iter().find(|(_, other)| *other == buffer);
            assert!(twin.is_none(), "{} looks the same twice: {:?}", view.name(), model.cursor);
            seen.push((format!("{:?}", model.cursor), buffer));
            press(&mut model, ".");
        }
    }
}

/// The states of a message, of a node and of a verdict differ by sign and word, not by style.
#[test]
fn in_monochrome_states_differ_by_their_cells() {
    let mut model = model((120, 36));
    model.ui.theme = Theme::new(Palette::Mono, true);
    let state = |model: &Model| {
        let rows = rows(&drawn(model));
        rows.iter().find(|row| row.contains("state now")).map(|row| {
            row.split("state now").nth(1).unwrap_or("").trim_end_matches(['│', ' ']).to_owned()
        })
    };
    press(&mut model, ":m 4\n");
    let mut states = Vec::new();
    for _ in 0..30 {
        states.extend(state(&model));
        press(&mut model, ")");
    }
    states.dedup();
    let words: Vec<&str> = states.iter().map(|state| state.trim()).collect();
    assert_eq!(words, ["□ ready", "◆ unacked", "✓ acked"], "signs and words of m4");
}

#[test]
fn help_and_quit_are_never_cut_off() {
    for width in 60..=130 {
        let mut model = model((width, 24));
        model.ui.says = Some("something long to say ".repeat(10));
        let last = rows(&drawn(&model)).pop().expect("there are rows");
        assert!(last.trim_end().ends_with("? help  q quit"), "{width}: {last}");
    }
}

#[test]
fn a_step_back_undoes_a_step() {
    let mut model = model((80, 24));
    for _ in 0..50 {
        let before = model.cursor;
        press(&mut model, ".");
        let after = model.cursor;
        assert!(after.at > before.at, "{before:?}");
        press(&mut model, ",");
        assert_eq!(model.cursor, before);
        press(&mut model, ".");
        assert_eq!(model.cursor, after);
    }
    let here = model.cursor;
    press(&mut model, "><");
    assert_eq!(model.cursor, here);
}

#[test]
fn the_world_is_that_of_the_cursor_whichever_way_one_came() {
    let mut forward = model((80, 24));
    press(&mut forward, "1");
    let recording = recording(&[]);
    for _ in 0..80 {
        let no = forward.cursor.at.step();
        assert_eq!(*forward.world(), *recording.seek(no).world(), "ev {no}");
        press(&mut forward, ".");
    }
    for _ in 0..80 {
        press(&mut forward, ",");
        let no = forward.cursor.at.step();
        assert_eq!(*forward.world(), *recording.seek(no).world(), "ev {no}");
    }
}

#[test]
fn a_quorum_queue_is_drawn_at_the_node_that_leads_it() {
    let found = embedded::find("quorum-leader-crash").expect("it is embedded");
    let scenario = found.load().unwrap_or_else(|problems| panic!("{problems}"));
    let mut model = Model::new(Recording::new(scenario, 1, Vec::new()), ui((120, 36)));
    let hosts = |model: &Model| {
        let boxes: Vec<String> =
            rows(&drawn(model)).iter().map(|row| row.chars().skip(27).take(28).collect()).collect();
        let at = |text: &str| boxes.iter().position(|row| row.contains(text));
        (at("─ rabbit-1 ─"), at("─ rabbit-2 ─"), at(" orders "))
    };
    press(&mut model, "1");
    let (one, two, orders) = hosts(&model);
    assert!(one < orders && orders < two, "the first leader has it");
    press(&mut model, "!");
    let (one, two, orders) = hosts(&model);
    assert!(one < two && two < orders, "and the second, when the first is down");
    let stage = &model.recording.stage;
    assert!(["rabbit-1", "rabbit-2", "rabbit-3"].iter().all(|node| stage.named(node).is_some()));
}

#[test]
fn jumps_land_on_what_they_say() {
    let mut model = model((80, 24));
    press(&mut model, ":e 70\n");
    assert_eq!(model.cursor.at.step(), 70);
    press(&mut model, ":t 0.1\n");
    let taken = |no| &model.recording.history().steps()[no as usize - 1];
    let no = model.cursor.at.step();
    assert!(taken(no).at.as_millis() <= 100 && taken(no + 1).at.as_millis() >= 100);
    update(&mut model, Message::Key(Key::Home));
    press(&mut model, "!");
    let violated = model.recording.findings.iter().filter_map(|finding| finding.violated_at());
    assert_eq!(Some(model.cursor.at.step()), violated.min());
    press(&mut model, "[");
    let no = model.cursor.at.step();
    let marks = &model.recording.marks;
    assert!(marks.iter().any(|mark| mark.step == no), "ev {no} is none of {marks:?}");
    press(&mut model, ":m 7\n");
    assert_eq!(model.recording.message_of(model.cursor.at), Some(MessageId(7)));
    press(&mut model, ")))");
    assert_eq!(model.recording.message_of(model.cursor.at), Some(MessageId(7)));
    update(&mut model, Message::Key(Key::Home));
    assert_eq!(model.place(), 0);
    update(&mut model, Message::Key(Key::End));
    assert_eq!(model.place(), model.rows().len() - 1);
    press(&mut model, "/m5\n");
    assert_eq!(model.recording.message_of(model.cursor.at), Some(MessageId(5)));
}

#[test]
fn a_cause_is_before_what_it_causes_and_leads_to_the_beginning() {
    let mut model = model((80, 24));
    press(&mut model, "!");
    let mut before = model.cursor.at;
    for _ in 0..100 {
        press(&mut model, "c");
        if model.cursor.at == before {
            break;
        }
        assert!(model.cursor.at.step() < before.step());
        before = model.cursor.at;
    }
    assert!(model.ui.says.as_deref().is_some_and(|says| says.contains("beginning")));
}

#[test]
fn a_filter_shows_only_what_fits_and_escape_lets_go_of_it() {
    let mut model = model((80, 24));
    let all = model.rows().len();
    press(&mut model, "fmsg=m5\n");
    assert!(!model.rows().is_empty() && model.rows().len() < all);
    for row in model.rows() {
        assert_eq!(model.recording.message_of(*row), Some(MessageId(5)));
    }
    update(&mut model, Message::Key(Key::Esc));
    assert_eq!(model.rows().len(), all);
}

#[test]
fn the_space_key_plays_to_the_end_and_stops_there() {
    let mut model = model((80, 24));
    press(&mut model, " ");
    for _ in 0..10_000 {
        update(&mut model, Message::Tick(100));
    }
    assert_eq!(model.place(), model.rows().len() - 1);
    assert!(!model.ui.playing);
}

#[test]
fn a_fork_goes_its_own_way_and_the_first_run_stays() {
    let mut model = model((80, 24));
    press(&mut model, ":e 40\nF");
    let first = model.recording.history().steps().to_vec();
    press(&mut model, "j\n");
    let steps = model.recording.history().steps();
    assert_eq!(steps[..40], first[..40]);
    assert_ne!(steps[40].step, first[40].step);
    assert_eq!((model.recording.letter, model.cursor.at.step()), ('B', 41));
    press(&mut model, "r");
    assert_eq!(model.recording.history().steps(), first);
}

#[test]
fn the_mouse_selects_scrolls_and_scrubs() {
    let mut model = model((120, 36));
    let click = |x, y| Message::Press { x, y, drag: false };
    update(&mut model, click(4, 1));
    assert_eq!(model.ui.view, View::Topology);
    press(&mut model, "2");
    update(&mut model, click(30, 8));
    let there = model.cursor.at;
    let row = &rows(&drawn(&model))[8];
    assert!(row.contains('▶') && row.contains(&there.step().to_string()), "{row}");
    update(&mut model, Message::Scroll(1));
    assert!(model.cursor.at > there);
    update(&mut model, click(117, 32));
    assert_eq!(model.now(), model.recording.end());
    update(&mut model, Message::Press { x: 20, y: 32, drag: true });
    assert!(model.now() < model.recording.end());
    // some terminals send this for the origin
    update(&mut model, click(u16::MAX, u16::MAX));
}

fn key() -> impl Strategy<Value = Message> {
    let chars = " .,><[]!)(c{}g/nNfa:mkjhl123457JFrTAMy?qG0869\u{e9}\u{4e2d}et ".chars();
    let chars: Vec<char> = chars.collect();
    prop_oneof![
        10 => prop::sample::select(chars).prop_map(|char| Message::Key(Key::Char(char))),
        2 => prop::sample::select(vec![
            Key::Enter, Key::Esc, Key::Tab, Key::BackTab, Key::Backspace, Key::Up, Key::Down,
            Key::Left, Key::Right, Key::PageUp, Key::PageDown, Key::Home, Key::End, Key::Ctrl('u'),
        ]).prop_map(Message::Key),
        1 => (any::<u16>(), any::<u16>(), any::<bool>())
            .prop_map(|(x, y, drag)| Message::Press { x: x % 140, y: y % 45, drag }),
        1 => (-3..3i32).prop_map(Message::Scroll),
        1 => (0..3_000u64).prop_map(Message::Tick),
        1 => Just(Message::Paste("m7\n\u{1b}[0m t>1.2 \u{4e2d}".to_owned())),
        1 => (1..160u16, 1..60u16).prop_map(|(width, height)| Message::Resize(width, height)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_at_any_size_panic_or_leave_the_run(
        messages in prop::collection::vec(key(), 1..80),
        size in (1..160u16, 1..60u16),
    ) {
        let mut model = Model::new(recording(&["producer.checkout.messages=8"]), ui(size));
        for message in messages {
            update(&mut model, message);
            drawn(&model);
            prop_assert!(model.cursor.at.step() <= model.recording.len());
        }
    }

    #[test]
    fn the_picker_takes_any_keys_at_any_size(
        messages in prop::collection::vec(key(), 1..60),
        size in (1..160u16, 1..60u16),
    ) {
        let mut picker = picker(size);
        for message in messages {
            let _ = picker.update(message);
            let mut buffer = Buffer::empty(Rect::new(0, 0, picker.ui.size.0, picker.ui.size.1));
            redeliver::tui::draw_picker(&picker, &mut buffer);
        }
    }
}

fn picker(size: (u16, u16)) -> Picker {
    let entry = |name: &str, title: &str, claim: Option<&str>| Entry {
        name: name.to_owned(),
        title: title.to_owned(),
        claim: claim.map(str::to_owned),
        text: format!(
            "# {title}\nprofile = \"rabbitmq-4.2\"\n\n[[rabbitmq.queue]]\nname = \"q\"\n"
        ),
    };
    let entries = vec![
        entry("crash-before-ack", "A worker dies between its effect and its ack", Some("R2")),
        entry("hello-queue", "A producer, a queue, a consumer", None),
        entry("r1-poison-without-dlq", "A poison message with nowhere to go", Some("R1")),
    ];
    Picker::new(entries, ui(size))
}

#[test]
fn the_picker_finds_by_words_and_opens_what_is_selected() {
    let mut picker = picker((80, 24));
    for key in "/poison r1".chars() {
        picker.update(Message::Key(Key::Char(key))).expect("nothing is chosen yet");
    }
    assert_eq!(picker.shown().len(), 1);
    assert_eq!(picker.update(Message::Key(Key::Enter)), Err("r1-poison-without-dlq".to_owned()));
    for (size, name) in [((80, 24), "picker-80x24"), ((120, 36), "picker-120x36")] {
        picker.ui.size = size;
        picker.filter.clear();
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        redeliver::tui::draw_picker(&picker, &mut buffer);
        insta::assert_snapshot!(name, with_styles(&buffer));
    }
}

/// What the player promises of a long run: it opens within two seconds, and any moment is shown
/// within 50 milliseconds. To be measured in a release build.
#[test]
#[ignore = "measures time"]
#[expect(clippy::disallowed_types, clippy::print_stderr, reason = "it is the clock that counts")]
fn a_run_of_a_hundred_thousand_messages_opens_and_seeks_at_once() {
    use std::time::Instant;
    let began = Instant::now();
    let recording = recording(&[
        "producer.checkout.messages=100000",
        "producer.checkout.rate=\"5000/s\"",
        "consumer.worker.prefetch=50",
        "consumer.worker.handler.takes=\"1ms\"",
        "service.ledger.takes=\"50us\"",
    ]);
    let opened = began.elapsed();
    let mut model = Model::new(recording, ui((120, 36)));
    let mut slowest = std::time::Duration::ZERO;
    for view in View::ALL {
        press(&mut model, &(view as u8).to_string());
        for place in 0..40u64 {
            let began = Instant::now();
            let no = model.recording.len() * (place * 17 % 40) / 40;
            press(&mut model, &format!(":e {no}\n"));
            drawn(&model);
            slowest = slowest.max(began.elapsed());
        }
    }
    eprintln!("{} steps: opened in {opened:?}, slowest seek {slowest:?}", model.recording.len());
    assert!(opened.as_millis() < 2_000, "{opened:?}");
    assert!(slowest.as_millis() < 50, "{slowest:?}");
}
