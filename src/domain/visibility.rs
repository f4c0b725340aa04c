//! Parts of Temporal's visibility queries.

/// The condition that finds the executions on a task queue. The language quotes as SQL does, with backslash escapes. A
/// server on `SQLite` (1.32) finds no queue with `"` or `\` in its name this way, because it keeps the escapes.
#[must_use]
pub fn on_task_queue(queue: &str) -> String {
    format!("TaskQueue = '{}'", queue.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
