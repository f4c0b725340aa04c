//! Checks of a database in MySQL with SQL alone, independent of the program's audit.

use crate::mysql_server::Server;

/// Figures of the tables, all from one statement and therefore from one state. Each query uses `journal`, `effects` and
/// `ledger`, and returns 0 in a sound database.
const FIGURES: [(&str, &str); 7] = [
    ("missing lines", "SELECT MAX(seq) - COUNT(*) FROM journal"),
    ("lines after the document's", "SELECT MAX(seq) - (SELECT seq FROM DB.idempotence_document) FROM journal"),
    ("keys applied again", "SELECT COUNT(*) - COUNT(DISTINCT effect_key) FROM effects"),
    (
        "effects without their key",
        "SELECT COUNT(*) FROM effects LEFT JOIN ledger ON ledger.effect_key = effects.effect_key \
         AND ledger.seq = effects.seq WHERE ledger.seq IS NULL",
    ),
    ("keys without their effect", "SELECT (SELECT COUNT(*) FROM ledger) - (SELECT COUNT(*) FROM effects)"),
    (
        "units that the effects do not explain",
        "SELECT in_stock - (SELECT JSON_VALUE(line, '$.stock') FROM journal WHERE seq = 1) \
         - (SELECT SUM(delta) FROM effects) FROM DB.idempotence_document",
    ),
    (
        "units that the text of the document does not show",
        "SELECT in_stock - JSON_VALUE(body, '$.inStock') FROM DB.idempotence_document",
    ),
];

/// Returns the violations in `database`. Each order of `acknowledged` must have been applied once, with one unit, and no
/// other order.
pub fn violations(server: &Server, database: &str, acknowledged: &[String]) -> Vec<String> {
    let keys: Vec<_> = acknowledged.iter().map(|order| format!("'order:{order}'")).collect();
    let keys = if keys.is_empty() { "''".to_owned() } else { keys.join(",") };
    let lost = format!("SELECT {} - COUNT(*) FROM ledger WHERE effect_key IN ({keys})", acknowledged.len());
    let others = format!(
        "SELECT COUNT(*) FROM effects WHERE kind <> 'supplier' AND (delta <> -1 OR effect_key IS NULL OR effect_key \
         NOT IN ({keys}))"
    );
    let figures: Vec<_> = FIGURES
        .into_iter()
        .chain([("acknowledged orders lost", lost.as_str()), ("unexpected changes", others.as_str())])
        .collect();
    let selected: Vec<_> = figures.iter().map(|(_, query)| format!("COALESCE(({query}), 'NULL')")).collect();
    // Attempts are the most lines, and parsing them would take most of the time.
    let statement = format!(
        "WITH journal AS (SELECT seq, CONVERT(line USING utf8mb4) AS line FROM DB.idempotence_journal \
         WHERE generation = (SELECT generation FROM DB.idempotence_document)), \
         ledger AS (SELECT seq, CONVERT(effect_key USING utf8mb4) AS effect_key FROM DB.idempotence_ledger \
         WHERE generation = (SELECT generation FROM DB.idempotence_document)), \
         effects AS (SELECT seq, JSON_VALUE(line, '$.kind') AS kind, JSON_VALUE(line, '$.key') AS effect_key, \
         CAST(JSON_VALUE(line, '$.delta') AS SIGNED) AS delta FROM journal \
         WHERE seq > 1 AND line NOT LIKE '%\"kind\":\"attempt\"%' AND line NOT LIKE '%\"kind\":\"reject\"%') \
         SELECT CONCAT_WS(' ', {})",
        selected.join(", ")
    );
    let found = server.value(&statement.replace("DB.", &format!("{database}."))).expect("a row");
    let found: Vec<_> = found.split(' ').collect();
    assert_eq!(found.len(), figures.len(), "{found:?}");
    let wrong = figures.iter().zip(found).filter(|(_, found)| found.parse() != Ok(0.0));
    wrong.map(|((name, _), found)| format!("{name}: {found}")).collect()
}

#[test]
fn each_violation_is_found() {
    use idempotence::store::Location;
    let Some(server) = crate::mysql_server::shared() else { return };
    let database = server.database();
    let name = database.name.clone();
    drop(Location::MySql(Box::new(database)).open(None, &|_| {}).unwrap());
    let line = |seq: u32, text: &str| {
        server.admin(&format!("INSERT INTO {name}.idempotence_journal VALUES (1, {seq}, '{{\"seq\":{seq},{text}}}')"));
    };
    let order = |seq, id: &str, delta: i32| {
        line(seq, &format!("\"kind\":\"order\",\"key\":\"order:{id}\",\"delta\":{delta}"));
    };
    let key = |seq: u32, id: &str| {
        server.admin(&format!("INSERT INTO {name}.idempotence_ledger VALUES (1, 'order:{id}', {seq})"));
    };
    let document = |seq: u32, stock: i32| {
        server.admin(&format!(
            "UPDATE {name}.idempotence_document SET seq = {seq}, in_stock = {stock}, body = '{{\"inStock\":{stock}}}'"
        ));
    };
    let found = |acknowledged: &[&str]| {
        violations(server, &name, &acknowledged.iter().map(|&id| id.to_owned()).collect::<Vec<_>>())
    };
    order(2, "A", -1);
    key(2, "A");
    line(3, "\"kind\":\"attempt\"");
    document(3, 999);
    assert_eq!(found(&["A"]), Vec::<String>::new());
    assert_eq!(found(&["A", "B"]), ["acknowledged orders lost: 1"]);
    assert_eq!(found(&[]), ["unexpected changes: 1"]);
    server.admin(&format!("UPDATE {name}.idempotence_document SET in_stock = 998"));
    assert_eq!(
        found(&["A"]),
        ["units that the effects do not explain: -1", "units that the text of the document does not show: -1"]
    );
    document(3, 999);
    key(2, "B");
    assert_eq!(found(&["A", "B"]), ["keys without their effect: 1"]);
    order(5, "A", -1);
    document(4, 998);
    assert_eq!(
        found(&["A", "B"]),
        ["missing lines: 1", "lines after the document's: 1", "keys applied again: 1", "effects without their key: 1"]
    );
    line(4, "\"kind\":\"adjust\",\"delta\":0");
    document(5, 998);
    assert_eq!(found(&["A", "B"]).last().map(String::as_str), Some("unexpected changes: 1"));
}
