//! Frames of `top`: what is known and what is looked at, as a screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Clear, List, ListState, Paragraph, Sparkline};

use crate::cli::output::plain;
use crate::cli::top::rates::{Rate, Rates};
use crate::cli::top::screen::{Mode, Screen, Tab, Visible};
use crate::cli::top::state::State;

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// What a rate takes beside its sparkline: name and number.
const RATE_WIDTH: u16 = 24;

const HELP: [&str; 12] = [
    "tab, left, right, 1-3   sessions, subscriptions, registrations",
    "up, down, j, k          pick a row",
    "page up, page down      by a page; of details, where they are shown",
    "home, end, g, G         the first, the last row",
    "enter                   all about the picked row, or no more",
    "/                       show only rows with a text in them",
    "esc                     close details, forget the filter",
    "s                       sort by the next column",
    "r                       turn the order round",
    "?                       this help",
    "q, control-c            quit",
    "any key closes this help",
];

/// Where the data comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) url: &'a str,
    pub(crate) realm: &'a str,
    pub(crate) is_connected: bool,
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, source: Source<'_>, state: &State, screen: &mut Screen) {
    let rows = [1, 1, 3, 1];
    let [title, totals, rates, tabs] = Layout::vertical(rows.map(Constraint::Length)).areas(frame.area());
    let top: u16 = rows.iter().sum();
    let rest = Rect { y: top, height: frame.area().height.saturating_sub(top), ..frame.area() };
    let [body, keys] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(rest);
    frame.render_widget(title_line(source), title);
    frame.render_widget(totals_line(state), totals);
    draw_rates(frame, rates, state.rates());
    draw_body(frame, tabs, body, state, screen);
    frame.render_widget(keys_line(screen), keys);
    if screen.mode() == Mode::Help {
        draw_help(frame);
    }
}

fn title_line(source: Source<'_>) -> Line<'_> {
    let mut spans = vec![Span::styled("cloverleaf top", BOLD)];
    if !source.is_connected {
        // In front, where a narrow terminal has room.
        spans.push(Span::styled("  connection lost, trying again", REVERSED));
    }
    spans.push(Span::raw(format!("  {} at {}", plain(source.realm), plain(source.url))));
    Line::from(spans)
}

fn totals_line(state: &State) -> Line<'static> {
    let totals = Tab::ALL.map(|tab| format!("{} {}", tab.name(), tab.total(state)));
    Line::raw(totals.join("   "))
}

/// Two columns of rates: what comes and what goes.
fn draw_rates(frame: &mut Frame<'_>, area: Rect, rates: &Rates) {
    let columns = Layout::horizontal([Constraint::Fill(1); 2]).spacing(2).areas::<2>(area);
    for (index, rate) in Rate::ALL.into_iter().enumerate() {
        let column = columns[index % 2];
        let row = Rect { y: column.y + index as u16 / 2, height: 1, ..column }.intersection(column);
        let [text, graph] =
            Layout::horizontal([Constraint::Length(RATE_WIDTH), Constraint::Fill(1)]).areas::<2>(row);
        frame
            .render_widget(Line::raw(format!("{:<12} {:>8.1}/s", rate.name(), rates.per_second(rate))), text);
        let last = rates.last(rate, usize::from(graph.width));
        frame.render_widget(Sparkline::default().data(last), graph);
    }
}

fn draw_body(frame: &mut Frame<'_>, tabs: Rect, body: Rect, state: &State, screen: &mut Screen) {
    let visible = screen.visible(state);
    frame.render_widget(tabs_line(&visible, state, screen), tabs);
    let details = screen.details(state);
    let heights = match details {
        Some(_) => [Constraint::Percentage(40), Constraint::Fill(1)],
        None => [Constraint::Fill(1), Constraint::Length(0)],
    };
    let [table, below] = Layout::vertical(heights).areas(body);
    screen.saw_page(usize::from(table.height.saturating_sub(1)));
    draw_table(frame, table, &visible);
    if let Some((lines, first)) = details {
        screen.saw_page(usize::from(below.height.saturating_sub(1)));
        let block = Block::new().borders(Borders::TOP).title(" details ");
        let lines = lines.into_iter().skip(first).take(usize::from(below.height)).map(Line::raw);
        frame.render_widget(Paragraph::new(Text::from_iter(lines)).block(block), below);
    }
}

fn tabs_line(visible: &Visible, state: &State, screen: &Screen) -> Line<'static> {
    let mut spans = Vec::new();
    for tab in Tab::ALL {
        let style = if tab == screen.tab() { REVERSED } else { Style::new() };
        spans.push(Span::styled(format!(" {} ", tab.name()), style));
    }
    spans.push(Span::raw(format!("  {}", shown(visible, state, screen))));
    if let Some(column) = visible.sort.column.and_then(|column| visible.table.columns().get(column)) {
        let arrow = if visible.sort.descending { '▼' } else { '▲' };
        spans.push(Span::raw(format!("  by {} {arrow}", column.0)));
    }
    if screen.mode() == Mode::Filter {
        spans.push(Span::styled(format!("  /{}_", plain(screen.filter())), BOLD));
    } else if !screen.filter().is_empty() {
        spans.push(Span::raw(format!("  /{}", plain(screen.filter()))));
    }
    Line::from(spans)
}

/// How many rows are shown of how many. A filter looks at those that are listed, which need not be all.
fn shown(visible: &Visible, state: &State, screen: &Screen) -> String {
    let (shown, listed) = (visible.table.rows().len(), screen.tab().listed(state));
    let total = screen.tab().total(state);
    if screen.filter().is_empty() || listed as u64 == total {
        format!("{shown} of {total}")
    } else {
        format!("{shown} of {listed} listed, {total} in all")
    }
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, visible: &Visible) {
    let mut lines = visible.table.lines(Some(usize::from(area.width))).into_iter();
    let [names, rows] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::styled(lines.next().unwrap_or_default(), BOLD), names);
    let mut list = ListState::default().with_selected(visible.picked);
    frame.render_stateful_widget(List::new(lines).highlight_style(REVERSED), rows, &mut list);
}

fn keys_line(screen: &Screen) -> Line<'static> {
    Line::raw(match screen.mode() {
        Mode::Browse => "q quit  tab next  enter details  / filter  s sort  r reverse  ? help",
        Mode::Filter => "enter keep the filter  esc forget it",
        Mode::Help => "any key closes the help",
    })
}

fn draw_help(frame: &mut Frame<'_>) {
    let width = HELP.iter().map(|line| line.len()).max().unwrap_or_default() + 4;
    let (width, height) = (u16::try_from(width).unwrap_or(u16::MAX), HELP.len() as u16 + 2);
    let area = frame.area().centered(Constraint::Length(width), Constraint::Length(height));
    let block = Block::bordered().title(" help ");
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(HELP.map(|line| Line::raw(format!(" {line}"))).to_vec()).block(block),
        area,
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};

    use super::*;
    use crate::cli::meta::Kind;
    use crate::cli::top::state::tests::{described, session};
    use crate::cli::top::state::{Happening, Listing, Rows, Update};

    fn state() -> State {
        let subscriptions = vec![described(11, "com.a", 2), described(12, "com.b", 30)];
        State::new(Listing {
            sessions: Rows::new((1..=40).map(|id| session(id, &format!("user{id}"))).collect(), 5),
            subscriptions: Rows::new(subscriptions, 0),
            registrations: Rows::default(),
        })
    }

    fn press(screen: &mut Screen, state: &State, keys: &[KeyCode]) {
        for key in keys {
            screen.key(KeyEvent::from(*key), state);
        }
    }

    fn frame(width: u16, height: u16, is_connected: bool, state: &State, screen: &mut Screen) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let source = Source { url: "ws://127.0.0.1:8080/ws", realm: "realm1", is_connected };
        terminal.draw(|frame| draw(frame, source, state, screen)).unwrap();
        let buffer = terminal.backend().buffer();
        let cells = |y| (0..width).map(move |x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| cells(y).trim_end().to_owned()).collect()
    }

    #[test]
    fn a_frame_has_totals_rates_and_a_table() {
        let (mut state, mut screen) = (state(), Screen::new());
        for _ in 0..3 {
            state.apply(Update::Happened(Happening::Entered(Kind::Subscription, 11)));
        }
        state.tick(Duration::from_secs(2));
        state.tick(Duration::from_secs(2));
        press(&mut screen, &state, &[KeyCode::Char('2')]);
        let expected = [
            "cloverleaf top  realm1 at ws://127.0.0.1:8080/ws",
            "sessions 45   subscriptions 2   registrations 0",
            "joins             0.0/s                  leaves            0.0/s",
            "subscribes        0.0/s █                unsubscribes      0.0/s",
            "registers         0.0/s                  unregisters       0.0/s",
            " sessions  subscriptions  registrations   2 of 2  by subscribers ▼",
            "id  match  uri    subscribers  created",
            "12  exact  com.b           30  -",
            "11  exact  com.a            5  -",
            "",
            "q quit  tab next  enter details  / filter  s sort  r reverse  ? help",
        ];
        assert_eq!(frame(80, 11, true, &state, &mut screen), expected);
    }

    #[test]
    fn a_lost_connection_is_told_on_top() {
        let (state, mut screen) = (state(), Screen::new());
        let lines = frame(45, 10, false, &state, &mut screen);
        assert_eq!(lines[0], "cloverleaf top  connection lost, trying again");
    }

    #[test]
    fn rows_scroll_so_that_the_picked_one_is_seen() {
        let (state, mut screen) = (state(), Screen::new());
        frame(80, 20, true, &state, &mut screen);
        press(&mut screen, &state, &[KeyCode::PageDown]);
        let lines = frame(80, 20, true, &state, &mut screen);
        assert!(lines[18].starts_with("13 "), "{lines:#?}");
        press(&mut screen, &state, &[KeyCode::End]);
        let lines = frame(80, 20, true, &state, &mut screen);
        assert!(lines[18].starts_with("40 "), "{lines:#?}");
        assert!(lines[5].contains("40 of 45"), "{lines:#?}");
    }

    #[test]
    fn details_filter_and_help_have_their_place() {
        let (state, mut screen) = (state(), Screen::new());
        press(&mut screen, &state, &[KeyCode::Char('/'), KeyCode::Char('3'), KeyCode::Char('9')]);
        let lines = frame(80, 30, true, &state, &mut screen);
        assert!(lines[5].ends_with("1 of 40 listed, 45 in all  /39_"), "{lines:#?}");
        press(&mut screen, &state, &[KeyCode::Enter, KeyCode::Enter]);
        let lines = frame(80, 30, true, &state, &mut screen);
        assert!(lines[7].starts_with("39 "), "{lines:#?}");
        assert!(lines.iter().any(|line| line.starts_with(" details ──")), "{lines:#?}");
        assert!(lines.contains(&"authid      user39".to_owned()), "{lines:#?}");
        press(&mut screen, &state, &[KeyCode::Char('?')]);
        let lines = frame(80, 30, true, &state, &mut screen);
        assert!(lines.iter().any(|line| line.contains("any key closes this help")), "{lines:#?}");
    }

    #[test]
    fn no_terminal_is_too_small() {
        let (mut state, mut screen) = (state(), Screen::new());
        state.tick(Duration::from_secs(1));
        for keys in [&[][..], &[KeyCode::Enter], &[KeyCode::Char('?')]] {
            press(&mut screen, &state, keys);
            for (width, height) in (0..30).flat_map(|width| (0..14).map(move |height| (width, height))) {
                frame(width, height, true, &state, &mut screen);
            }
        }
    }
}
