//! Drawing: a function of the run, the cursor and what is open. One file per view.
//!
//! ```text
//! header     scenario │ profile │ seed │ run            state │ time │ event │ verdicts
//! tabs       1 Topology  [2 Space-time]  …
//! main       the view                                   dock (from 110 columns): the message,
//!                                                       the verdicts
//! strip      (80 to 109 columns) verdict, cause, message
//! timeline   depth of the queues, marks, the cursor
//! hints      keys; `? help` and `q quit` are never cut
//! ```

mod dock;
mod events;
mod fork;
mod header;
pub(super) mod help;
mod hints;
mod journey;
mod paint;
pub(super) mod picker;
pub(super) mod prompt;
mod space_time;
mod timeline;
mod topology;
mod verdicts;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::index::Row;
use super::model::{Model, Overlay, View};
use super::stage::Entity;
use super::theme::Role;
use crate::kernel::Time;
use paint::Paint;
pub(super) use topology::entities;

/// The smallest terminal in which the player can be used.
pub(super) const SMALLEST: (u16, u16) = (60, 16);

/// Where everything goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    header: u16,
    tabs: u16,
    /// The view, without its frame or rules.
    main: Rect,
    dock: Option<Rect>,
    strip: Option<Rect>,
    timeline: Rect,
    hints: u16,
    /// Parts have frames instead of rules between them.
    framed: bool,
}

/// The layout of a terminal of this size; `None` when it is too small.
pub(super) fn layout(size: (u16, u16)) -> Option<Layout> {
    let (width, height) = size;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let hints = height - 1;
    if width >= 110 && height >= 28 {
        let dock_width = (width * 3 / 10).clamp(36, 44);
        let timeline = Rect { x: 0, y: height - 5, width, height: 4 };
        let main = Rect { x: 0, y: 2, width: width - dock_width, height: height - 7 };
        let dock = Rect { x: main.width, width: dock_width, ..main };
        let strip = None;
        return Some(Layout {
            header: 0,
            tabs: 1,
            main,
            dock: Some(dock),
            strip,
            timeline,
            hints,
            framed: true,
        });
    }
    let timeline = Rect { x: 0, y: height - 3, width, height: 2 };
    let with_strip = width >= 80 && height >= 22;
    let strip = with_strip.then_some(Rect { x: 0, y: height - 7, width, height: 3 });
    let bottom = if with_strip { height - 8 } else { height - 4 };
    let main = Rect { x: 0, y: 3, width, height: bottom - 3 };
    Some(Layout { header: 0, tabs: 1, main, dock: None, strip, timeline, hints, framed: false })
}

/// Draws the player.
pub fn view(model: &Model, buf: &mut Buffer) {
    let area = buf.area;
    let mut paint = Paint::new(buf, &model.ui);
    paint.clear(area);
    let Some(layout) = layout((area.width, area.height)) else {
        too_small(model, &mut paint);
        return;
    };
    header::draw(model, &mut paint, layout.header);
    header::tabs(model, &mut paint, layout.tabs);
    let inside = main_area(model, &mut paint, &layout);
    match model.ui.view {
        View::Topology => topology::draw(model, &mut paint, inside),
        View::SpaceTime => space_time::draw(model, &mut paint, inside),
        View::Journey => journey::draw(model, &mut paint, inside),
        View::Verdicts => verdicts::draw(model, &mut paint, inside),
        View::Events => events::draw(model, &mut paint, inside),
    }
    if let Some(area) = layout.dock {
        dock::draw(model, &mut paint, area);
    }
    if let Some(area) = layout.strip {
        paint.rule(area, area.y - 1);
        dock::strip(model, &mut paint, area);
    }
    timeline::draw(model, &mut paint, layout.timeline, layout.framed);
    match &model.ui.overlay {
        Overlay::None => hints::draw(model, &mut paint, layout.hints),
        Overlay::Prompt { asking, line } => {
            prompt::draw(&mut paint, layout.hints, *asking, line);
        }
        Overlay::Help { filter, selected } => {
            hints::draw(model, &mut paint, layout.hints);
            let kafka = model.recording.stage.has_kafka();
            help::draw(&mut paint, filter, *selected, kafka);
        }
        Overlay::Fork { selected } => {
            hints::draw(model, &mut paint, layout.hints);
            fork::draw(model, &mut paint, *selected);
        }
    }
}

fn inside(layout: &Layout) -> Rect {
    let main = layout.main;
    if layout.framed {
        Rect { x: main.x + 1, y: main.y + 1, width: main.width - 2, height: main.height - 2 }
    } else {
        main
    }
}

/// Draws the frame, or the rules, around the view.
fn main_area(model: &Model, paint: &mut Paint<'_>, layout: &Layout) -> Rect {
    let main = layout.main;
    if layout.framed {
        let (title, below) = match model.ui.view {
            View::Topology => (String::from("Topology"), "h/l select  enter journey"),
            View::SpaceTime => (
                space_time::title(model, inside(layout)),
                "j/k event  h/l lane  c cause  a detail  enter journey",
            ),
            View::Journey => (journey::title(model), "j/k event  enter shows it in space-time"),
            View::Verdicts => {
                (String::from("Verdicts"), "j/k guarantee  enter jumps to the event that decides")
            }
            View::Events => (events::title(model), "j/k event  f filter  a detail  enter journey"),
        };
        paint.frame(main, &title, below);
    } else {
        let whole = Rect { x: 0, y: main.y - 1, width: main.width, height: 1 };
        paint.rule(whole, main.y - 1);
        paint.rule(whole, main.bottom());
    }
    inside(layout)
}

/// What a click on a cell means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Another view.
    View(View),
    /// An event.
    Row(Row),
    /// An entity.
    Entity(Entity),
    /// A guarantee.
    Verdict(usize),
    /// A point on the timeline.
    Time(Time),
}

/// What is at a cell. Coordinates outside of the terminal, which some terminals send, are nothing.
pub(super) fn target(model: &Model, x: u16, y: u16) -> Option<Target> {
    let (width, height) = model.ui.size;
    if x >= width || y >= height {
        return None;
    }
    let layout = layout(model.ui.size)?;
    if y == layout.tabs {
        return header::tab_at(model, x).map(Target::View);
    }
    let at = ratatui::layout::Position { x, y };
    if layout.timeline.contains(at) {
        return timeline::time_at(model, layout.timeline, layout.framed, x).map(Target::Time);
    }
    let inside = inside(&layout);
    if !inside.contains(at) {
        return None;
    }
    match model.ui.view {
        View::Topology => topology::at(model, inside, at).map(Target::Entity),
        View::SpaceTime => space_time::at(model, inside, at),
        View::Journey => journey::at(model, inside, y).map(Target::Row),
        View::Verdicts => verdicts::at(model, inside, y).map(Target::Verdict),
        View::Events => events::at(model, inside, y).map(Target::Row),
    }
}

fn too_small(model: &Model, paint: &mut Paint<'_>) {
    let area = paint.buf.area;
    let counts = header::counts(model, paint.glyphs);
    let lines = [
        format!("redeliver needs {}x{} cells", SMALLEST.0, SMALLEST.1),
        format!("this terminal has {}x{}", area.width, area.height),
        String::new(),
        model.recording.scenario.name().to_owned(),
        format!("ev {}  {}", model.cursor.at.step(), counts),
        String::new(),
        "make it larger, or q to quit".to_owned(),
    ];
    let top = area.height.saturating_sub(lines.len() as u16) / 2;
    // the way out is never cut off by the lower edge
    let skip = lines.len().saturating_sub(usize::from(area.height));
    for (y, line) in (area.y + top..area.bottom()).zip(lines.iter().skip(skip)) {
        paint.text(area.x + 1, y, area.width.saturating_sub(1), line, Role::Text);
    }
}
