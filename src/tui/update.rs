//! What a key, the mouse or the clock does to the player. Nothing here knows a terminal.

use super::index::{Detail, MarkKind, Row};
use super::keys::{self, Action, Key};
use super::matching;
use super::model::{Asking, Matches, Model, Overlay, View};
use super::story;
use super::theme::{Palette, Theme};
use super::view::{self, Target};
use crate::kernel::{Health, Span, StepNo, Time};
use crate::system::{Fault, Step};
use crate::talk::MessageId;

/// What reaches the player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The left button went down, or moved while it was down, on this cell.
    Press {
        /// Column, from 0.
        x: u16,
        /// Row, from 0.
        y: u16,
        /// It was down before.
        drag: bool,
    },
    /// The wheel turned: so many lines down.
    Scroll(i32),
    /// The terminal has this size now.
    Resize(u16, u16),
    /// So many milliseconds went by.
    Tick(u64),
}

/// What the player asks of the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the program.
    Quit,
    /// Put this into the clipboard.
    Copy(String),
    /// Take or release the mouse.
    Mouse(bool),
}

/// Takes one message.
pub fn update(model: &mut Model, message: Message) -> Option<Command> {
    let command = take(model, message);
    if model.ui.view == View::Topology || matches!(model.ui.overlay, Overlay::Fork { .. }) {
        model.look();
    }
    command
}

fn take(model: &mut Model, message: Message) -> Option<Command> {
    match message {
        Message::Key(key) => on_key(model, key),
        Message::Paste(text) => {
            if let Overlay::Prompt { line, .. } = &mut model.ui.overlay {
                line.extend(text.chars().filter(|char| !char.is_control()));
            }
            None
        }
        Message::Press { x, y, drag } => {
            on_press(model, x, y, drag);
            None
        }
        Message::Scroll(lines) => {
            match &mut model.ui.overlay {
                Overlay::None => scroll(model, lines),
                Overlay::Help { selected, .. } | Overlay::Fork { selected } => {
                    *selected = selected.saturating_add_signed(lines as isize);
                }
                Overlay::Prompt { .. } => {}
            }
            None
        }
        Message::Resize(width, height) => {
            model.ui.size = (width, height);
            None
        }
        Message::Tick(millis) => {
            tick(model, millis);
            None
        }
    }
}

fn on_key(model: &mut Model, key: Key) -> Option<Command> {
    if key == Key::Ctrl('c') {
        return Some(Command::Quit);
    }
    model.ui.says = None;
    match std::mem::take(&mut model.ui.overlay) {
        Overlay::None => {
            let action = keys::action(key)?;
            act(model, action)
        }
        Overlay::Prompt { asking, line } => on_prompt(model, key, asking, line),
        Overlay::Help { filter, selected } => on_help(model, key, filter, selected),
        Overlay::Fork { selected } => {
            on_fork(model, key, selected);
            None
        }
    }
}

/// Does what an action asks for.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Command> {
    let ask = |asking| Overlay::Prompt { asking, line: String::new() };
    match action {
        Action::Quit => return Some(Command::Quit),
        Action::PlayPause => play_or_pause(model),
        Action::Forward => step(model, 1),
        Action::Back => step(model, -1),
        Action::ForwardTen => step(model, 10),
        Action::BackTen => step(model, -10),
        Action::PageDown => scroll(model, page(model)),
        Action::PageUp => scroll(model, -page(model)),
        Action::Down => scroll(model, 1),
        Action::Up => scroll(model, -1),
        Action::Start => step(model, isize::MIN),
        Action::End => step(model, isize::MAX),
        Action::NextMark => to_mark(model, true, |_| true),
        Action::PreviousMark => to_mark(model, false, |_| true),
        Action::NextViolation => next_violation(model),
        Action::NextOfMessage => along_message(model, 1),
        Action::PreviousOfMessage => along_message(model, -1),
        Action::Cause => to_cause(model),
        Action::Faster => model.ui.speed = (model.ui.speed * 2).min(256),
        Action::Slower => model.ui.speed = (model.ui.speed / 2).max(1),
        Action::GoTo => model.ui.overlay = ask(Asking::GoTo),
        Action::Search => model.ui.overlay = ask(Asking::Search),
        Action::Filter => model.ui.overlay = ask(Asking::Filter),
        Action::Command => model.ui.overlay = ask(Asking::Command),
        Action::NextMatch => to_match(model, true),
        Action::PreviousMatch => to_match(model, false),
        Action::Detail => {
            model.ui.detail = model.ui.detail.next();
            let text = model.ui.filter.take().map(|filter| filter.text);
            if let Some(text) = text {
                set_filter(model, &text);
            }
        }
        Action::SelectMessage => select_message(model),
        Action::Open => open(model),
        Action::Left => along_lanes(model, -1),
        Action::Right => along_lanes(model, 1),
        Action::NextView => turn_view(model, 1),
        Action::PreviousView => turn_view(model, View::ALL.len() - 1),
        Action::View(view) => model.ui.view = view,
        Action::Fork => model.ui.overlay = Overlay::Fork { selected: 0 },
        Action::OtherRun => other_run(model),
        Action::Palette => set_palette(model, model.ui.theme.palette.next()),
        Action::Charset => model.ui.charset = model.ui.charset.other(),
        Action::Mouse => {
            model.ui.mouse = !model.ui.mouse;
            let says = if model.ui.mouse {
                "the mouse selects and scrubs again"
            } else {
                "the mouse is released: select text as usual, M takes it back"
            };
            model.ui.says = Some(says.to_owned());
            return Some(Command::Mouse(model.ui.mouse));
        }
        Action::Copy => {
            let command = replay(model);
            model.ui.says = Some(command.clone());
            return Some(Command::Copy(command));
        }
        Action::Help => model.ui.overlay = Overlay::Help { filter: String::new(), selected: 0 },
        Action::Clear => clear(model),
    }
    None
}

/// The command that opens this moment again.
pub(super) fn replay(model: &Model) -> String {
    let Model { recording, cursor, ui, .. } = model;
    let quoted = |word: &str| match word.contains([' ', '"', '\'', '$', '*', '(', '{', '[']) {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word.to_owned(),
    };
    let settings: String =
        recording.settings.iter().map(|setting| format!(" --set {}", quoted(setting))).collect();
    format!(
        "redeliver play {} --seed {}{settings} --at {} --view {}",
        quoted(recording.address()),
        recording.seed,
        cursor.at.step(),
        ui.view as u8
    )
}

fn say(model: &mut Model, text: impl Into<String>) {
    model.ui.says = Some(text.into());
}

fn clear(model: &mut Model) {
    if model.ui.playing {
        model.ui.playing = false;
    } else if model.ui.search.take().is_none()
        && model.ui.filter.take().is_none()
        && model.cursor.msg.take().is_none()
    {
        model.cursor.entity = None;
    }
}

fn turn_view(model: &mut Model, by: usize) {
    let at = View::ALL.iter().position(|view| *view == model.ui.view).unwrap_or(0);
    model.ui.view = View::ALL[(at + by) % View::ALL.len()];
}

fn set_palette(model: &mut Model, palette: Palette) {
    if model.ui.no_color {
        say(model, "NO_COLOR is set: the player stays monochrome");
        return;
    }
    model.ui.theme = Theme::new(palette, model.ui.true_color);
    say(model, format!("theme {}", palette.name()));
}

// ── moving ──

/// Moves the cursor by so many of the shown rows.
fn step(model: &mut Model, by: isize) {
    let rows = model.rows();
    let Some(last) = rows.len().checked_sub(1) else { return };
    // between two shown rows (a filter is on) back leads to the one that is shown before
    let between = rows.get(model.place()).is_some_and(|row| *row < model.cursor.at);
    let from = model.place().saturating_add(usize::from(between && by < 0));
    let before_all = rows[0] > model.cursor.at;
    let to = if before_all && by > 0 {
        (by as usize - 1).min(last)
    } else {
        from.saturating_add_signed(by).min(last)
    };
    model.cursor.at = rows[to];
}

fn page(model: &Model) -> i32 {
    i32::from(model.ui.size.1.saturating_sub(12).max(4))
}

/// Up and down mean the list that the view shows.
fn scroll(model: &mut Model, lines: i32) {
    match model.ui.view {
        View::Verdicts => {
            let last = model.recording.findings.len().saturating_sub(1);
            model.ui.verdict = model.ui.verdict.saturating_add_signed(lines as isize).min(last);
        }
        View::Journey => along_message(model, lines as isize),
        _ => step(model, lines as isize),
    }
}

/// Goes to the end of a step.
pub(super) fn go_to_step(model: &mut Model, no: StepNo) {
    let no = no.min(model.recording.len());
    // a row that is shown, if the step has one
    let details = [model.ui.detail, Detail::Steps];
    let last = details.into_iter().find_map(|detail| {
        let rows = model.recording.index.rows(detail);
        let after = rows.partition_point(|row| *row <= Row::end_of_step(no));
        after.checked_sub(1).map(|place| rows[place]).filter(|row| row.step() == no)
    });
    model.cursor.at = last.unwrap_or(Row::of_step(no));
}

/// Goes to the last step that was taken by a time.
pub(super) fn go_to_time(model: &mut Model, time: Time) {
    let steps = model.recording.history().steps();
    go_to_step(model, steps.partition_point(|taken| taken.at <= time) as StepNo);
}

fn to_mark(model: &mut Model, forward: bool, wanted: impl Fn(MarkKind) -> bool) {
    let now = model.cursor.at.step();
    let marks = &model.recording.marks;
    let mut wanted = marks.iter().filter(|mark| wanted(mark.kind));
    let found = if forward {
        wanted.find(|mark| mark.step > now)
    } else {
        wanted.rev().find(|mark| mark.step < now)
    };
    match found.map(|mark| mark.step) {
        Some(no) => go_to_first_row(model, no),
        None if forward => say(model, "no marker after this"),
        None => say(model, "no marker before this"),
    }
}

/// Goes to the first row of a step: a fault stands there before what it costs.
fn go_to_first_row(model: &mut Model, no: StepNo) {
    model.cursor.at = story::row_of_step(&model.recording, no, None);
}

fn next_violation(model: &mut Model) {
    let now = model.cursor.at.step();
    let mut broken: Vec<_> = model
        .recording
        .findings
        .iter()
        .enumerate()
        .filter_map(|(place, finding)| Some((finding.violated_at()?, place)))
        .collect();
    broken.sort_unstable();
    let next = broken.iter().find(|(no, _)| *no > now).or(broken.first());
    match next.copied() {
        Some((no, place)) => {
            model.ui.verdict = place;
            let msg = model.recording.findings[place].msg();
            model.cursor.at = story::row_of_step(&model.recording, no, msg);
        }
        None => say(model, "no guarantee is violated in this run"),
    }
}

/// The rows of a message: those that the level of detail shows, and all of them in its journey.
pub(super) fn rows_of_message(model: &Model, msg: MessageId) -> Vec<Row> {
    let rows = model.recording.index.message(msg);
    if model.ui.view == View::Journey {
        return rows.to_vec();
    }
    let shown = model.recording.index.rows(model.ui.detail);
    rows.iter().copied().filter(|row| shown.binary_search(row).is_ok()).collect()
}

fn along_message(model: &mut Model, by: isize) {
    let Some(msg) = model.message() else {
        say(model, "no message here: move to an event of one, or type :m 7");
        return;
    };
    model.cursor.msg = Some(msg);
    let rows = rows_of_message(model, msg);
    let at = model.cursor.at;
    let found = if by > 0 {
        let after = rows.partition_point(|row| *row <= at);
        rows.get((after + by as usize - 1).min(rows.len().saturating_sub(1)))
            .filter(|row| **row > at)
    } else {
        let before = rows.partition_point(|row| *row < at);
        rows.get(before.saturating_sub(by.unsigned_abs())).filter(|row| **row < at)
    };
    match found {
        Some(row) => model.cursor.at = *row,
        None if by > 0 => say(model, format!("nothing more happens to {msg}")),
        None => say(model, format!("nothing happened to {msg} before this")),
    }
}

fn to_cause(model: &mut Model) {
    let mut no = model.cursor.at.step();
    // steps without notes are only the way from one to the next
    while let Some(taken) = model.recording.history().step(no) {
        no = taken.cause;
        let told = !model.recording.history().notes_of(no).is_empty();
        if no > 0 && (told || model.ui.detail == Detail::Steps) {
            go_to_step(model, no);
            return;
        }
    }
    say(model, "this was there from the beginning");
}

fn select_message(model: &mut Model) {
    match model.recording.message_of(model.cursor.at) {
        Some(msg) if model.cursor.msg != Some(msg) => {
            model.cursor.msg = Some(msg);
            say(model, format!("{msg} selected: ) and ( follow it, 3 shows its journey"));
        }
        Some(_) => model.cursor.msg = None,
        None => model.ui.overlay = Overlay::Prompt { asking: Asking::Command, line: "m ".into() },
    }
}

fn along_lanes(model: &mut Model, by: isize) {
    let lanes = model.recording.stage.lanes();
    let at = model.cursor.entity.and_then(|entity| lanes.iter().position(|lane| *lane == entity));
    let to = match at {
        Some(at) => at.saturating_add_signed(by).min(lanes.len().saturating_sub(1)),
        None if by > 0 => 0,
        None => lanes.len().saturating_sub(1),
    };
    model.cursor.entity = lanes.get(to).copied();
}

fn open(model: &mut Model) {
    match model.ui.view {
        View::Verdicts => {
            let finding = model.recording.findings.get(model.ui.verdict);
            let decided = finding.and_then(|it| Some((it.violated_at()?, it.msg())));
            match decided {
                Some((no, msg)) => {
                    model.cursor.at = story::row_of_step(&model.recording, no, msg);
                    model.cursor.msg = msg;
                    model.ui.view = View::SpaceTime;
                }
                None => say(model, "no event decides this one"),
            }
        }
        View::Journey => model.ui.view = View::SpaceTime,
        View::Topology | View::SpaceTime | View::Events => {
            if let Some(msg) = model.message() {
                model.cursor.msg = Some(msg);
                model.ui.view = View::Journey;
            } else {
                say(model, "this event is about no message");
            }
        }
    }
}

fn other_run(model: &mut Model) {
    match model.parent.take() {
        Some(parent) => {
            let no = model.cursor.at.step();
            let letter = parent.letter;
            model.parent = Some(model.set_recording(parent));
            go_to_step(model, no);
            say(model, format!("run {letter}"));
        }
        None => say(model, "there is only this run: F forks it"),
    }
}

// ── playing ──

fn play_or_pause(model: &mut Model) {
    let at_end = model.rows().last().is_none_or(|last| model.cursor.at >= *last);
    if !model.ui.playing && at_end {
        step(model, isize::MIN);
    }
    model.ui.playing = !model.ui.playing;
    model.ui.owed = 0;
}

fn tick(model: &mut Model, millis: u64) {
    if !model.ui.playing {
        return;
    }
    // a machine that slept must not make up for it
    model.ui.owed += millis.min(1_000) * u64::from(model.ui.speed);
    let events = model.ui.owed / 1_000;
    model.ui.owed %= 1_000;
    if events > 0 {
        let before = model.cursor.at;
        step(model, events as isize);
        if model.cursor.at == before {
            model.ui.playing = false;
        }
    }
}

// ── typing ──

fn on_prompt(model: &mut Model, key: Key, asking: Asking, mut line: String) -> Option<Command> {
    match key {
        Key::Esc => return None,
        Key::Enter => return answer(model, asking, line.trim()),
        Key::Backspace if line.is_empty() => return None,
        Key::Backspace => {
            line.pop();
        }
        Key::Ctrl('u') => line.clear(),
        Key::Tab if asking == Asking::Command => {
            if let Some(binding) = view::prompt::completions(&line).first() {
                binding.name.clone_into(&mut line);
            }
        }
        Key::Char(char) if line.len() < 200 => line.push(char),
        _ => {}
    }
    model.ui.overlay = Overlay::Prompt { asking, line };
    None
}

fn answer(model: &mut Model, asking: Asking, line: &str) -> Option<Command> {
    match asking {
        Asking::Command => return command(model, line),
        Asking::GoTo => go(model, line),
        Asking::Search => {
            let rows = matching::rows(model, line);
            let none = rows.is_empty();
            model.ui.search = (!line.is_empty()).then(|| Matches { text: line.to_owned(), rows });
            if !line.is_empty() && none {
                say(model, format!("nothing matches {line}"));
            } else if !line.is_empty() {
                to_match(model, true);
            }
        }
        Asking::Filter => set_filter(model, line),
    }
    None
}

fn set_filter(model: &mut Model, line: &str) {
    model.ui.filter = None;
    if line.is_empty() {
        return;
    }
    let rows = matching::rows(model, line);
    if rows.is_empty() {
        say(model, format!("nothing matches {line}: the filter is off"));
    } else {
        model.ui.filter = Some(Matches { text: line.to_owned(), rows });
        step(model, 0);
    }
}

fn to_match(model: &mut Model, forward: bool) {
    let at = model.cursor.at;
    let Some(search) = &model.ui.search else {
        say(model, "search first: /");
        return;
    };
    let found = if forward {
        search.rows.get(search.rows.partition_point(|row| *row <= at)).or(search.rows.first())
    } else {
        let before = search.rows.partition_point(|row| *row < at);
        before.checked_sub(1).map_or(search.rows.last(), |place| search.rows.get(place))
    };
    if let Some(row) = found {
        model.cursor.at = *row;
    }
}

/// A place in the run as people write it: `78` is an event; `1.2s`, `@1.2` and `t 1.2` are times.
pub fn parse_place(text: &str) -> Option<Place> {
    let text = text.trim();
    if let Some(event) = text.strip_prefix("e ").or(text.strip_prefix("ev ")) {
        return event.trim().parse().ok().map(Place::Step);
    }
    if let Ok(no) = text.parse() {
        return Some(Place::Step(no));
    }
    let time = text.strip_prefix('@').or(text.strip_prefix("t ")).unwrap_or(text).trim();
    let bare = time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && time != text;
    let span: Span = if bare { format!("{time}s").parse().ok()? } else { time.parse().ok()? };
    Some(Place::Time(Time::ZERO + span))
}

/// A place in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After this step.
    Step(StepNo),
    /// At this time.
    Time(Time),
}

fn go(model: &mut Model, line: &str) {
    match parse_place(line) {
        Some(Place::Step(no)) => go_to_step(model, no),
        Some(Place::Time(time)) => go_to_time(model, time),
        None if line.is_empty() => {}
        None => say(model, format!("{line:?} is neither an event (78) nor a time (1.2s, 300ms)")),
    }
}

fn command(model: &mut Model, line: &str) -> Option<Command> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "" => None,
        "q" => Some(Command::Quit),
        "e" | "ev" | "t" => {
            go(model, line);
            None
        }
        "m" | "msg" => {
            select_by_number(model, rest);
            None
        }
        "theme" if !rest.is_empty() => {
            match Palette::named(rest) {
                Some(palette) => set_palette(model, palette),
                None => {
                    let names = Palette::ALL.map(Palette::name).join(", ");
                    say(model, format!("no theme {rest:?}: there are {names}"));
                }
            }
            None
        }
        "view" => {
            match View::named(rest) {
                Some(view) => model.ui.view = view,
                None => say(model, format!("no view {rest:?}")),
            }
            None
        }
        "filter" | "f" if word == "f" || !rest.is_empty() => {
            set_filter(model, rest);
            None
        }
        _ => {
            if let Some(action) = keys::named(line) {
                return act(model, action);
            }
            if parse_place(line).is_some() {
                go(model, line);
            } else {
                say(model, format!("no command {word:?}: ? lists them all"));
            }
            None
        }
    }
}

fn select_by_number(model: &mut Model, text: &str) {
    let number = text.trim_start_matches('m').parse().ok().map(MessageId);
    match number.filter(|msg| !model.recording.index.message(*msg).is_empty()) {
        Some(msg) => {
            model.cursor.msg = Some(msg);
            if model.recording.message_of(model.cursor.at) != Some(msg)
                && let Some(row) = rows_of_message(model, msg).first()
            {
                model.cursor.at = *row;
            }
        }
        None => say(model, format!("no message {text:?} in this run")),
    }
}

// ── overlays ──

fn on_help(
    model: &mut Model,
    key: Key,
    mut filter: String,
    mut selected: usize,
) -> Option<Command> {
    match key {
        Key::Esc => return None,
        Key::Char('q' | '?') if filter.is_empty() => return None,
        Key::Enter => {
            let rows = view::help::rows(&filter);
            let row = rows.get(selected.min(rows.len().saturating_sub(1)))?;
            return act(model, row.action);
        }
        Key::Up => selected = selected.saturating_sub(1),
        Key::Down => selected += 1,
        Key::PageUp => selected = selected.saturating_sub(10),
        Key::PageDown => selected += 10,
        Key::Backspace => {
            filter.pop();
            selected = 0;
        }
        Key::Char(char) if filter.len() < 40 => {
            filter.push(char);
            selected = 0;
        }
        _ => {}
    }
    selected = selected.min(view::help::rows(&filter).len().saturating_sub(1));
    model.ui.overlay = Overlay::Help { filter, selected };
    None
}

/// The steps that could be taken at the cursor, with the one that was taken first.
pub(super) fn choices(model: &Model) -> Vec<Step> {
    let taken = model.recording.history().step(model.cursor.at.step() + 1);
    let mut choices: Vec<Step> = taken.map(|taken| taken.step.clone()).into_iter().collect();
    choices.extend(model.world().enabled());
    let nodes = model.world().nodes().map(|(id, _)| id);
    choices.extend(nodes.map(|id| match model.world().health(id) {
        Health::Up => Step::Fault(Fault::Kill(id)),
        Health::Paused => Step::Fault(Fault::Resume(id)),
        Health::Dead | Health::Off => Step::Fault(Fault::Restart(id)),
    }));
    let mut seen: Vec<Step> = Vec::new();
    for choice in choices {
        if !seen.contains(&choice) {
            seen.push(choice);
        }
    }
    seen
}

fn on_fork(model: &mut Model, key: Key, mut selected: usize) {
    match key {
        Key::Esc | Key::Char('q' | 'F') => return,
        Key::Up | Key::Char('k') => selected = selected.saturating_sub(1),
        Key::Down | Key::Char('j') => selected += 1,
        Key::Enter => {
            fork(model, selected);
            return;
        }
        _ => {}
    }
    let last = choices(model).len().saturating_sub(1);
    model.ui.overlay = Overlay::Fork { selected: selected.min(last) };
}

fn fork(model: &mut Model, selected: usize) {
    let no = model.cursor.at.step();
    let choices = choices(model);
    let Some(step) = choices.get(selected) else { return };
    let taken = model.recording.history().step(no + 1);
    if taken.is_some_and(|taken| taken.step == *step) {
        say(model, "that is what happened: choose another step");
        return;
    }
    match model.recording.fork(no, step) {
        Some(recording) => {
            let letter = recording.letter;
            model.parent = Some(model.set_recording(recording));
            go_to_step(model, no + 1);
            say(model, format!("run {letter} goes its own way from ev {}: r leads back", no + 1));
        }
        None => say(model, "that step is not possible here"),
    }
}

// ── the mouse ──

fn on_press(model: &mut Model, x: u16, y: u16, drag: bool) {
    if model.ui.overlay != Overlay::None {
        return;
    }
    match view::target(model, x, y) {
        Some(Target::Time(time)) => {
            model.ui.playing = false;
            go_to_time(model, time);
        }
        _ if drag => {}
        Some(Target::View(view)) => model.ui.view = view,
        Some(Target::Row(row)) => model.cursor.at = row,
        Some(Target::Entity(entity)) => model.cursor.entity = Some(entity),
        Some(Target::Verdict(place)) => model.ui.verdict = place,
        None => {}
    }
}
