//! Parts of error messages: quoted values and suggestions.

use std::path::Path;

/// Maximum number of letters by which a misspelt name may differ from the suggested name.
const MAX_DIFFERENT_LETTERS: usize = 3;

/// Returns the name that was most likely meant, by its letters.
pub(crate) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(written, name);
    // A short name with that many different letters would match any word.
    names.min_by_key(distance).filter(|name| distance(name) <= MAX_DIFFERENT_LETTERS.min(name.len() / 2))
}

/// Quotes a value for a message: control and invisible characters are escaped, and a long value is cut.
pub(crate) fn quoted(value: &str) -> String {
    const MAX_CHARS: usize = 80;
    if value.chars().nth(MAX_CHARS).is_none() {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(MAX_CHARS).collect();
    format!("{start:?} (cut short)")
}

/// Quotes a path for a message, in full.
pub(crate) fn quoted_path(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_escapes_control_and_invisible_characters() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(quoted("a\u{1b}[2J\n"), "\"a\\u{1b}[2J\\n\"");
        assert_eq!(quoted("a\u{202e}b\u{200b}"), "\"a\\u{202e}b\\u{200b}\"");
        assert!(quoted(&"x".repeat(81)).ends_with("x\" (cut short)"));
    }

    #[test]
    fn a_misspelt_name_is_recognised_and_another_word_is_not() {
        let nearest = |written| nearest(written, ["do", "after", "outcome"].into_iter());
        assert_eq!((nearest("od"), nearest("afer"), nearest("outcomes")), (Some("do"), Some("after"), Some("outcome")));
        assert_eq!((nearest("it"), nearest("zzzzzz")), (None, None));
    }
}
