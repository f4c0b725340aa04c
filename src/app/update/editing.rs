//! The two lines that can be edited: the fault plan and the filter. The filter applies while it is typed; a plan applies
//! when it is complete and valid.

use tui_input::InputRequest;

use crate::app::{App, command::Command, intent::Overlay, notice::Tone};

use super::operating::FAULTS_NOT_ALLOWED;

impl App {
    /// Begins to edit the fault plan.
    pub(super) fn edit_plan(&mut self) -> Vec<Command> {
        if !self.options.faults_allowed {
            return self.refuse(FAULTS_NOT_ALLOWED);
        }
        self.view.edit_line(self.composer.plan().to_string(), Overlay::Plan);
        Vec::new()
    }

    /// Begins to edit the filter.
    pub(super) fn edit_filter(&mut self) {
        self.view.edit_line(self.filter().to_owned(), Overlay::Filter);
    }

    /// Applies a key to the line.
    pub(super) fn edit(&mut self, request: InputRequest) {
        if self.view.edit(request) && self.overlay() == Overlay::Filter {
            let text = self.input().value().trim().to_owned();
            self.filter_by(&text);
            self.view.select_newest();
        }
    }

    /// Applies the line. A plan with a mistake stays open, with the mistake under its character.
    pub(super) fn submit(&mut self) {
        match (self.overlay(), self.edited_plan()) {
            (Overlay::Plan, Ok(plan)) => {
                self.notify(&format!("faults for new orders: {plan}"), Tone::Plain);
                self.composer.set_plan(plan);
            }
            (Overlay::Plan, Err(_)) => return,
            _ => {}
        }
        self.view.show(Overlay::None);
    }

    /// Shows only the orders that `text` finds.
    pub(in crate::app) fn filter_by(&mut self, text: &str) {
        self.view.filter_by(text, &mut self.orders, &self.options.retry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{Intent, testing::fixture::Scene};

    fn type_in(scene: &mut Scene, text: &str) {
        scene.press(Intent::Edit(InputRequest::DeleteLine));
        for character in text.chars() {
            scene.press(Intent::Edit(InputRequest::InsertChar(character)));
        }
    }

    #[test]
    fn a_plan_is_applied_only_if_it_is_valid() {
        let mut scene = Scene::new();
        scene.press(Intent::EditPlan);
        assert_eq!(scene.app.input().value(), "before-commit=34%error;after-commit=34%error");
        type_in(&mut scene, "after-commit=2*crush");
        assert_eq!(scene.app.edited_plan().unwrap_err().column, 16);
        scene.press(Intent::Submit);
        assert_eq!(scene.app.overlay(), Overlay::Plan);
        type_in(&mut scene, "after-commit=2*crash");
        scene.press(Intent::Submit);
        assert_eq!((scene.app.overlay(), scene.app.plan().to_string()), (Overlay::None, "after-commit=2*crash".into()));
    }

    #[test]
    fn a_plan_that_is_left_changes_nothing() {
        let mut scene = Scene::new();
        let before = scene.app.plan().clone();
        scene.press(Intent::EditPlan);
        type_in(&mut scene, "none");
        scene.press(Intent::Close);
        assert_eq!((scene.app.overlay(), scene.app.plan()), (Overlay::None, &before));
    }

    #[test]
    fn the_filter_applies_while_it_is_typed_and_escape_removes_it() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::FreshOrder);
        scene.press(Intent::Filter);
        type_in(&mut scene, "a12");
        assert_eq!(scene.app.rows().len(), 1);
        assert_eq!(scene.app.selected().unwrap().order, "A12");
        scene.press(Intent::Submit);
        assert_eq!((scene.app.overlay(), scene.app.filter()), (Overlay::None, "a12"));
        scene.press(Intent::Close);
        assert_eq!((scene.app.filter(), scene.app.rows().len()), ("", 2));
    }

    #[test]
    fn escape_leaves_a_filter_that_is_being_typed() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Filter);
        type_in(&mut scene, "b7");
        assert!(scene.app.rows().is_empty());
        scene.press(Intent::Close);
        assert_eq!((scene.app.overlay(), scene.app.filter(), scene.app.rows().len()), (Overlay::None, "", 1));
    }

    #[test]
    fn escape_restores_the_filter_that_was_applied_before() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Filter);
        type_in(&mut scene, "a12");
        scene.press(Intent::Submit);
        scene.press(Intent::Filter);
        type_in(&mut scene, "b7");
        scene.press(Intent::Close);
        assert_eq!((scene.app.overlay(), scene.app.filter(), scene.app.rows().len()), (Overlay::None, "a12", 1));
        scene.press(Intent::Close);
        assert_eq!(scene.app.filter(), "");
    }

    #[test]
    fn an_order_that_the_filter_hides_is_announced() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Filter);
        type_in(&mut scene, "a12");
        scene.press(Intent::Submit);
        scene.press(Intent::SeedOrder);
        assert!(scene.app.notice().is_none(), "the filter shows A12");
        scene.press(Intent::FreshOrder);
        let notice = scene.app.notice().unwrap();
        assert!(notice.text.contains("the filter \"a12\" hides it"), "{}", notice.text);
    }

    #[test]
    fn a_line_accepts_only_characters_that_a_screen_shows() {
        let mut scene = Scene::new();
        scene.press(Intent::Filter);
        type_in(&mut scene, "a\u{202e}\u{200b}\u{1b}\u{300}b ö");
        assert_eq!(scene.app.filter(), "ab ö");
    }
}
