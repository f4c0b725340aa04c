//! What a scenario must come to by the rules.
