//! The line that is edited.

use tui_input::{Input, InputRequest};

use crate::domain::sanitize;

/// The longest line that can be typed.
const MAX_INPUT_CHARS: usize = 400;

/// Applies a key to the line. Returns whether the line may have changed.
pub fn edit(input: &mut Input, request: InputRequest) -> bool {
    let full = input.value().chars().count() >= MAX_INPUT_CHARS;
    if matches!(request, InputRequest::InsertChar(character) if full || !is_visible(character)) {
        return false;
    }
    input.handle(request);
    true
}

/// Whether the screen shows this character in a line: no line feed of a paste, and nothing invisible.
fn is_visible(character: char) -> bool {
    let mut text = [0; 4];
    let text = character.encode_utf8(&mut text);
    sanitize(text, 1) == *text
}
