//! The two lines that can be edited: the fault plan and the filter. What is typed shows its effect at once; a wrong
//! plan shows where it is wrong, and is not taken.

use tui_input::{Input, InputRequest};

use crate::{
    app::{App, Command, Overlay, notice::Tone},
    domain::sanitize,
    faults::{FaultPlan, PlanError},
};

/// The longest line that can be typed, in characters.
const LONGEST: usize = 400;

impl App {
    pub(in crate::app) fn edit_plan(&mut self) -> Vec<Command> {
        if !self.setup().faults_allowed {
            return self.refuse(NOT_ALLOWED);
        }
        self.input = Input::new(self.plan().to_string());
        self.show(Overlay::Plan);
        Vec::new()
    }

    pub(in crate::app) fn edit_filter(&mut self) {
        self.input = Input::new(self.filter().to_owned());
        self.show(Overlay::Filter);
    }

    pub(in crate::app) fn edit(&mut self, request: InputRequest) {
        let full = self.input.value().chars().count() >= LONGEST;
        if matches!(request, InputRequest::InsertChar(character) if full || !is_harmless(character)) {
            return;
        }
        self.input.handle(request);
        if self.overlay == Overlay::Filter {
            let text = self.input.value().trim().to_owned();
            self.filter_by(&text);
            self.selection = None;
        }
    }

    pub(in crate::app) fn submit(&mut self) -> Vec<Command> {
        match (self.overlay, self.edited_plan()) {
            (Overlay::Plan, Ok(plan)) => {
                self.notify(&format!("next orders: faults {plan}"), Tone::Plain);
                self.plan = plan;
            }
            // The mistake is on the screen, under its character.
            (Overlay::Plan, Err(_)) => return Vec::new(),
            _ => {}
        }
        self.show(Overlay::None);
        Vec::new()
    }

    /// The plan as it is typed.
    ///
    /// # Errors
    /// [`PlanError`], with the character.
    pub fn edited_plan(&self) -> Result<FaultPlan, PlanError> {
        self.input.value().parse()
    }
}

/// A line feed of a paste, or what would be invisible on the screen, is no part of a line.
fn is_harmless(character: char) -> bool {
    let mut text = [0; 4];
    let text = character.encode_utf8(&mut text);
    sanitize(text, 1) == *text
}

pub(in crate::app) const NOT_ALLOWED: &str =
    "this server is not on loopback: planned faults are for a server of your own";

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
    fn a_plan_is_taken_only_when_it_is_right() {
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
    fn the_filter_holds_while_it_is_typed_and_goes_with_escape() {
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
    fn a_line_takes_no_character_that_a_screen_does_not_show() {
        let mut scene = Scene::new();
        scene.press(Intent::Filter);
        type_in(&mut scene, "a\u{202e}\u{200b}\u{1b}\u{300}b ö");
        assert_eq!(scene.app.filter(), "ab ö");
    }
}
