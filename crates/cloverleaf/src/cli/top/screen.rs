//! What a person at `top` looks at: tab, order, filter, the row picked. Keys go in; what is visible comes out.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::cli::meta::Kind;
use crate::cli::table::{Column, Table};
use crate::cli::top::state::State;
use crate::cli::{entries, sessions, tree};

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Sessions,
    Subscriptions,
    Registrations,
}

impl Tab {
    pub(crate) const ALL: [Tab; 3] = [Tab::Sessions, Tab::Subscriptions, Tab::Registrations];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Tab::Sessions => "sessions",
            Tab::Subscriptions => "subscriptions",
            Tab::Registrations => "registrations",
        }
    }

    /// Which records it shows, if it shows records.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Tab::Sessions => None,
            Tab::Subscriptions => Some(Kind::Subscription),
            Tab::Registrations => Some(Kind::Registration),
        }
    }

    /// All that is listed, in the order in which it came.
    pub(crate) fn table(self, state: &State) -> Table {
        let table = match self.kind() {
            None => sessions::table(state.sessions().rows()),
            Some(kind) => entries::table(kind, state.entries(kind).rows()),
        };
        // A screen has no second line for what doesn't fit; details show it whole.
        table.cuttable()
    }

    /// How many rows its table has.
    pub(crate) fn listed(self, state: &State) -> usize {
        self.kind().map_or_else(|| state.sessions().rows().len(), |kind| state.entries(kind).rows().len())
    }

    pub(crate) fn total(self, state: &State) -> u64 {
        self.kind().map_or_else(|| state.sessions().total(), |kind| state.entries(kind).total())
    }
}

/// The order of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort {
    /// None: in the order in which rows came.
    pub(crate) column: Option<usize>,
    pub(crate) descending: bool,
}

impl Sort {
    /// Records with many sessions first; sessions as they came.
    pub(crate) fn first(table: &Table) -> Self {
        let column = table.columns().iter().position(|(_, column)| *column == Column::Count);
        Sort { column, descending: column.is_some() }
    }

    pub(crate) fn apply(self, table: &mut Table) {
        if let Some(column) = self.column {
            table.sort(column, self.descending);
        }
    }
}

/// What keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Browse,
    /// A filter is being typed.
    Filter,
    Help,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Quit,
}

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Screen {
    tab: Tab,
    mode: Mode,
    filter: String,
    /// Of each tab, in their order; the column may still have to be chosen.
    views: [View; 3],
    /// Whether all about the picked row is shown, and from which line on.
    details: Option<usize>,
    /// How many rows were visible the last time.
    page: usize,
}

#[derive(Debug, Default)]
struct View {
    sort: Option<Sort>,
    /// The picked row, which stays picked when rows move. Its place, for when it goes.
    id: Option<u64>,
    place: usize,
}

/// What is visible of a table.
pub(crate) struct Visible {
    pub(crate) table: Table,
    pub(crate) sort: Sort,
    pub(crate) picked: Option<usize>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Screen {
            tab: Tab::Sessions,
            mode: Mode::Browse,
            filter: String::new(),
            views: Default::default(),
            details: None,
            page: 1,
        }
    }

    /// A key was pressed.
    pub(crate) fn key(&mut self, key: KeyEvent, state: &State) -> Flow {
        if key.kind == KeyEventKind::Release {
            return Flow::Continue;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Flow::Quit } else { Flow::Continue };
        }
        match self.mode {
            Mode::Help => self.mode = Mode::Browse,
            Mode::Filter => self.filter_key(key.code),
            Mode::Browse => return self.browse_key(key.code, state),
        }
        Flow::Continue
    }

    fn filter_key(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.mode = Mode::Browse,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Browse;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(char) => self.filter.push(char),
            _ => {}
        }
    }

    fn browse_key(&mut self, code: KeyCode, state: &State) -> Flow {
        let page = isize::try_from(self.page).unwrap_or(isize::MAX);
        match code {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.turn(1),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => self.turn(Tab::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='3') => self.go_to(Tab::ALL[digit as usize - '1' as usize]),
            KeyCode::Char('s') => self.sort_by_next(state),
            KeyCode::Char('r') => {
                let sort = self.sort(&self.tab.table(state));
                self.view_mut().sort = Some(Sort { descending: !sort.descending, ..sort });
            }
            KeyCode::Enter => self.details = if self.details.is_some() { None } else { Some(0) },
            KeyCode::Esc if self.details.is_some() => self.details = None,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Up | KeyCode::Char('k') => self.move_by(-1, state),
            KeyCode::Down | KeyCode::Char('j') => self.move_by(1, state),
            KeyCode::PageUp => self.scroll_by(-page, state),
            KeyCode::PageDown => self.scroll_by(page, state),
            KeyCode::Home | KeyCode::Char('g') => self.move_by(isize::MIN, state),
            KeyCode::End | KeyCode::Char('G') => self.move_by(isize::MAX, state),
            _ => {}
        }
        Flow::Continue
    }

    /// So many rows, or lines of details, were visible.
    pub(crate) const fn saw_page(&mut self, page: usize) {
        self.page = if page == 0 { 1 } else { page };
    }

    /// What is visible now. The picked row is found again where it has moved to.
    pub(crate) fn visible(&mut self, state: &State) -> Visible {
        let mut table = self.tab.table(state);
        let sort = self.sort(&table);
        let filter = self.filter.to_lowercase();
        table.retain(|row| row.iter().any(|cell| cell.to_lowercase().contains(&filter)));
        sort.apply(&mut table);
        let view = self.view_mut();
        let last = table.rows().len().checked_sub(1);
        let picked = last.map(|last| {
            let found = table.rows().iter().position(|row| row_id(row).is_some() && row_id(row) == view.id);
            let place = found.unwrap_or(view.place).min(last);
            view.place = place;
            view.id = row_id(&table.rows()[place]);
            place
        });
        Visible { table, sort, picked }
    }

    /// The lines about the picked row, and which one is the first to be shown; `None` if they aren't asked for.
    pub(crate) fn details(&mut self, state: &State) -> Option<(Vec<String>, usize)> {
        let first = self.details?;
        let lines = self
            .picked(state)
            .map_or_else(|| vec!["nothing is picked".to_owned()], |id| self.lines(id, state));
        let first = first.min(lines.len().saturating_sub(1));
        self.details = Some(first);
        Some((lines, first))
    }

    /// The record whose sessions are needed to show what is asked for.
    pub(crate) fn wants_members(&mut self, state: &State) -> Option<(Kind, u64)> {
        self.details?;
        let kind = self.tab.kind()?;
        Some((kind, self.picked(state)?))
    }

    pub(crate) const fn tab(&self) -> Tab {
        self.tab
    }

    pub(crate) const fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn filter(&self) -> &str {
        &self.filter
    }

    fn picked(&mut self, state: &State) -> Option<u64> {
        let picked = self.visible(state).picked;
        picked.and_then(|_| self.view().id)
    }

    fn lines(&self, id: u64, state: &State) -> Vec<String> {
        let Some(kind) = self.tab.kind() else {
            return state.sessions().get(id).map(|session| tree::lines(&session.dict)).unwrap_or_default();
        };
        let entry = state.entries(kind).get(id);
        let mut lines = entry.map(|entry| tree::lines(&entries::record(kind, entry))).unwrap_or_default();
        if let Some(members) = state.members(kind, id) {
            lines.push("sessions".to_owned());
            lines.extend(members.iter().map(|session| match state.sessions().get(*session) {
                Some(details) => {
                    format!("  {session}  {}", crate::cli::output::plain(details.text("authid")))
                }
                None => format!("  {session}"),
            }));
        }
        lines
    }

    fn view(&self) -> &View {
        &self.views[self.tab as usize]
    }

    fn view_mut(&mut self) -> &mut View {
        &mut self.views[self.tab as usize]
    }

    fn sort(&self, table: &Table) -> Sort {
        self.view().sort.unwrap_or_else(|| Sort::first(table))
    }

    fn turn(&mut self, by: usize) {
        self.go_to(Tab::ALL[(self.tab as usize + by) % Tab::ALL.len()]);
    }

    const fn go_to(&mut self, tab: Tab) {
        self.tab = tab;
        if self.details.is_some() {
            self.details = Some(0);
        }
    }

    /// By the next column; behind the last one, in the order in which rows came.
    fn sort_by_next(&mut self, state: &State) {
        let table = self.tab.table(state);
        let next = self.sort(&table).column.map_or(0, |column| column + 1);
        let column = table.columns().get(next).map(|_| next);
        let is_count = table.columns().get(next).is_some_and(|(_, column)| *column == Column::Count);
        self.view_mut().sort = Some(Sort { column, descending: is_count });
    }

    fn move_by(&mut self, rows: isize, state: &State) {
        let visible = self.visible(state);
        let Some(picked) = visible.picked else { return };
        let place = picked.saturating_add_signed(rows).min(visible.table.rows().len() - 1);
        let view = self.view_mut();
        view.place = place;
        view.id = row_id(&visible.table.rows()[place]);
        if self.details.is_some() {
            self.details = Some(0);
        }
    }

    /// Scrolls what is longest: details where they are shown.
    fn scroll_by(&mut self, by: isize, state: &State) {
        match self.details {
            Some(first) => self.details = Some(first.saturating_add_signed(by)),
            None => self.move_by(by, state),
        }
    }
}

/// The id of a row, which stands first in all tables.
fn row_id(row: &[String]) -> Option<u64> {
    row.first()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::top::state::tests::{described, session};
    use crate::cli::top::state::{Happening, Listing, Rows, Update};

    fn state() -> State {
        let sessions = (1..=5).map(|id| session(id, &format!("user{id}"))).collect();
        let subscriptions =
            vec![described(11, "com.a", 2), described(12, "com.b", 30), described(13, "org.c", 4)];
        State::new(Listing {
            sessions: Rows::new(sessions, 0),
            subscriptions: Rows::new(subscriptions, 0),
            registrations: Rows::default(),
        })
    }

    fn press(screen: &mut Screen, state: &State, keys: &[KeyCode]) -> Flow {
        let flows = keys.iter().map(|key| screen.key(KeyEvent::from(*key), state));
        flows.last().unwrap_or(Flow::Continue)
    }

    fn type_text(screen: &mut Screen, state: &State, text: &str) {
        for char in text.chars() {
            press(screen, state, &[KeyCode::Char(char)]);
        }
    }

    fn ids(screen: &mut Screen, state: &State) -> Vec<u64> {
        screen.visible(state).table.rows().iter().filter_map(|row| row_id(row)).collect()
    }

    fn picked(screen: &mut Screen, state: &State) -> Option<u64> {
        screen.picked(state)
    }

    #[test]
    fn records_are_sorted_by_their_sessions_at_first_and_by_any_column_then() {
        let (mut screen, state) = (Screen::new(), state());
        assert_eq!(ids(&mut screen, &state), [1, 2, 3, 4, 5]);
        press(&mut screen, &state, &[KeyCode::Char('2')]);
        assert_eq!(ids(&mut screen, &state), [12, 13, 11]);
        press(&mut screen, &state, &[KeyCode::Char('r')]);
        assert_eq!(ids(&mut screen, &state), [11, 13, 12]);
        // `created`, the order in which rows came, `id`, `match`, `uri`.
        for _ in 0..5 {
            press(&mut screen, &state, &[KeyCode::Char('s')]);
        }
        assert_eq!(screen.visible(&state).sort, Sort { column: Some(2), descending: false });
        press(&mut screen, &state, &[KeyCode::Char('r')]);
        assert_eq!(ids(&mut screen, &state), [13, 12, 11]);
    }

    #[test]
    fn a_filter_leaves_the_rows_with_the_text_in_any_column_and_case() {
        let (mut screen, state) = (Screen::new(), state());
        type_text(&mut screen, &state, "/USER4q");
        assert_eq!(ids(&mut screen, &state), Vec::<u64>::new(), "while it is typed, q is a letter");
        press(&mut screen, &state, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!(ids(&mut screen, &state), [4]);
        press(&mut screen, &state, &[KeyCode::Esc]);
        assert_eq!(ids(&mut screen, &state), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_picked_row_stays_picked_when_rows_move() {
        let (mut screen, mut state) = (Screen::new(), state());
        press(&mut screen, &state, &[KeyCode::Char('2'), KeyCode::Down]);
        assert_eq!(picked(&mut screen, &state), Some(13));
        state.apply(Update::Looked(Kind::Subscription, 13, Some(described(13, "org.c", 99))));
        assert_eq!(picked(&mut screen, &state), Some(13));
        assert_eq!(screen.visible(&state).picked, Some(0), "it has moved up");
        state.apply(Update::Happened(Happening::Deleted(Kind::Subscription, 13)));
        assert_eq!(picked(&mut screen, &state), Some(12), "when it goes, what is in its place is picked");
    }

    #[test]
    fn moving_stops_at_both_ends() {
        let (mut screen, state) = (Screen::new(), state());
        press(&mut screen, &state, &[KeyCode::Up]);
        assert_eq!(picked(&mut screen, &state), Some(1));
        press(&mut screen, &state, &[KeyCode::End, KeyCode::Down]);
        assert_eq!(picked(&mut screen, &state), Some(5));
        screen.saw_page(3);
        press(&mut screen, &state, &[KeyCode::PageUp]);
        assert_eq!(picked(&mut screen, &state), Some(2));
        press(&mut screen, &state, &[KeyCode::Home]);
        assert_eq!(picked(&mut screen, &state), Some(1));
        press(&mut screen, &state, &[KeyCode::Char('3'), KeyCode::Down, KeyCode::End, KeyCode::PageDown]);
        assert_eq!(picked(&mut screen, &state), None, "there are no registrations");
    }

    #[test]
    fn details_of_a_record_name_its_sessions() {
        let (mut screen, mut state) = (Screen::new(), state());
        assert!(screen.details(&state).is_none());
        press(&mut screen, &state, &[KeyCode::Enter]);
        assert_eq!(screen.wants_members(&state), None, "sessions have no members");
        let (lines, _) = screen.details(&state).unwrap();
        assert!(lines.contains(&"authid      user1".to_owned()), "{lines:?}");
        press(&mut screen, &state, &[KeyCode::Char('2')]);
        assert_eq!(screen.wants_members(&state), Some((Kind::Subscription, 12)));
        state.apply(Update::Members(Kind::Subscription, 12, vec![2, 77]));
        let (lines, _) = screen.details(&state).unwrap();
        assert!(lines.ends_with(&["  2  user2".to_owned(), "  77".to_owned()]), "{lines:?}");
        press(&mut screen, &state, &[KeyCode::Esc]);
        assert!(screen.details(&state).is_none());
    }

    #[test]
    fn long_details_are_scrolled_to_their_last_line_at_most() {
        let (mut screen, state) = (Screen::new(), state());
        press(&mut screen, &state, &[KeyCode::Enter]);
        screen.saw_page(4);
        press(&mut screen, &state, &[KeyCode::PageDown]);
        assert_eq!(screen.details(&state).unwrap().1, 4);
        press(&mut screen, &state, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::PageDown]);
        let (lines, first) = screen.details(&state).unwrap();
        assert_eq!(first, lines.len() - 1);
        press(&mut screen, &state, &[KeyCode::Down]);
        assert_eq!(screen.details(&state).unwrap().1, 0, "another row is shown from its first line");
    }

    #[test]
    fn it_ends_by_q_or_control_c() {
        let (mut screen, state) = (Screen::new(), state());
        assert_eq!(press(&mut screen, &state, &[KeyCode::Char('q')]), Flow::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        type_text(&mut screen, &state, "/q");
        assert_eq!(screen.key(interrupt, &state), Flow::Quit);
        press(&mut screen, &state, &[KeyCode::Enter, KeyCode::Char('?')]);
        assert_eq!(
            press(&mut screen, &state, &[KeyCode::Char('q')]),
            Flow::Continue,
            "any key closes the help"
        );
        assert_eq!(screen.mode(), Mode::Browse);
    }
}
