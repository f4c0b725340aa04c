//! Parts of Temporal's visibility queries.

/// The condition that finds the executions on a task queue. The language quotes as SQL does, with backslash escapes.
#[must_use]
pub fn on_task_queue(queue: &str) -> String {
    format!("TaskQueue = '{}'", queue.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Whether a value in quotes contains `"` or `\`. A server on `SQLite` (1.32) finds no execution by such a value, because it
/// keeps the escapes.
#[must_use]
pub fn has_unsearchable_value(query: &str) -> bool {
    let mut quote = None;
    let mut letters = query.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(_), '\\') if letters.next_if_eq(&'\'').is_some() => {}
            (Some(_), '\\') | (Some('\''), '"') => return true,
            (Some(opened), _) if opened == letter => quote = None,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_a_double_quote_or_a_backslash_are_found() {
        for queue in ["a\\", "a\\'b", "a\"b"] {
            assert!(has_unsearchable_value(&format!("{} AND A = 'b'", on_task_queue(queue))), "{queue}");
        }
        for queue in ["shop", "a'b", "' OR '' = '"] {
            assert!(!has_unsearchable_value(&on_task_queue(queue)), "{queue}");
        }
        assert!(has_unsearchable_value(r#"A = "a\"b""#) && !has_unsearchable_value(r#"A = "a'b" AND B = 'c'"#));
    }

    #[test]
    fn a_name_cannot_end_its_quotes() {
        for (queue, condition) in [
            ("shop", "TaskQueue = 'shop'"),
            ("a'b", "TaskQueue = 'a\\'b'"),
            ("' OR '' = '", "TaskQueue = '\\' OR \\'\\' = \\''"),
            ("a\\", "TaskQueue = 'a\\\\'"),
            ("a\\'b", "TaskQueue = 'a\\\\\\'b'"),
            ("a\"b", "TaskQueue = 'a\"b'"),
        ] {
            assert_eq!(on_task_queue(queue), condition);
        }
    }
}
