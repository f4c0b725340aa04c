//! Applies effects to a database for a fixed time, in processes of their own.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use idempotence::store::{
    Location, Store, StoreHandle,
    mysql::{MySqlDatabase, MySqlHost, MySqlTls},
};
use mysql_async::{Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, TxOpts, prelude::Queryable};

use crate::{ledger::one_unit, mean, median};

/// First argument of a process that applies effects.
pub const ARGUMENT: &str = "apply-effects";

/// How long the effects are counted.
const COUNTED: Duration = Duration::from_secs(2);

/// A database, and how an effect is applied to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Our store in a file.
    Json(&'a str),
    /// Our store in MySQL, on this port.
    MySql(u16, &'a str),
    /// One transaction per effect, on this port.
    OneByOne(u16, &'a str),
}

impl<'a> Target<'a> {
    fn arguments(self) -> [String; 3] {
        let (kind, port, name) = match self {
            Self::Json(path) => ("json", 0, path),
            Self::MySql(port, name) => ("mysql", port, name),
            Self::OneByOne(port, name) => ("one-by-one", port, name),
        };
        [kind.to_owned(), port.to_string(), name.to_owned()]
    }

    fn parse(kind: &str, port: &str, name: &'a str) -> Self {
        let port = port.parse().unwrap();
        match kind {
            "json" => Self::Json(name),
            "mysql" => Self::MySql(port, name),
            _ => Self::OneByOne(port, name),
        }
    }
}

/// Effects per second of all processes together, and the median seconds of an effect.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub per_second: f64,
    pub seconds: f64,
}

/// Applies effects from several processes, each with a number of effects in flight.
pub fn apply(target: Target, processes: usize, in_flight: usize) -> Measured {
    let start = |number: usize| {
        let prefix = format!("{}-{number}", uuid::Uuid::new_v4());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ARGUMENT).args(target.arguments()).args([prefix, in_flight.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(read_line(&mut output), "ready\n");
        (child, output)
    };
    let mut started: Vec<_> = (0..processes).map(start).collect();
    for (child, _) in &mut started {
        drop(child.stdin.take());
    }
    let ended = started.into_iter().map(|(mut child, mut output): (Child, _)| {
        let line = read_line(&mut output);
        assert!(child.wait().unwrap().success());
        let (per_second, seconds) = line.trim().split_once(' ').unwrap();
        [per_second, seconds].map(|number| number.parse::<f64>().unwrap())
    });
    let (per_second, seconds): (Vec<_>, Vec<_>) = ended.map(|[per_second, seconds]| (per_second, seconds)).unzip();
    Measured { per_second: per_second.iter().sum(), seconds: mean(&seconds) }
}

fn read_line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line
}

/// The process that [`apply`] starts.
pub fn process(arguments: &[String]) {
    let [kind, port, name, prefix, in_flight] = arguments else { panic!("{arguments:?}") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let in_flight = in_flight.parse().unwrap();
    let applied = match Target::parse(kind, port, name) {
        Target::OneByOne(port, name) => {
            let pool = pool(port, name, in_flight);
            runtime.block_on(run(in_flight, prefix, |id| one_transaction(&pool, id)))
        }
        target => {
            let store = &open(target);
            runtime.block_on(run(in_flight, prefix, |id| async move {
                store.commit(one_unit(&id)).await.unwrap();
            }))
        }
    };
    println!("{} {}", applied.per_second, applied.seconds);
}

async fn run<F: Future<Output = ()>>(in_flight: usize, prefix: &str, effect: impl Fn(String) -> F) -> Measured {
    let ids = |kind: &'static str| (0..).map(move |number| format!("{kind}{number}-{prefix}"));
    // Opens all connections.
    stream::iter(ids("w").take(in_flight)).map(&effect).buffer_unordered(in_flight).collect::<Vec<()>>().await;
    println!("ready");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let begun = Instant::now();
    let timed = |id| {
        let applied = effect(id);
        async move {
            let since = Instant::now();
            applied.await;
            since.elapsed().as_secs_f64()
        }
    };
    let measured = ids("e").take_while(|_| begun.elapsed() < COUNTED);
    let seconds: Vec<f64> = stream::iter(measured).map(timed).buffer_unordered(in_flight).collect().await;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let effects = seconds.len() as f64;
    Measured { per_second: effects / begun.elapsed().as_secs_f64(), seconds: median(seconds) }
}

fn open(target: Target) -> StoreHandle {
    let location = match target {
        Target::Json(path) => Location::File(path.into()),
        Target::MySql(port, name) | Target::OneByOne(port, name) => Location::MySql(Box::new(database(port, name))),
    };
    location.open(None, &|_| {}).unwrap()
}

/// A database that the test server has created.
pub fn database(port: u16, name: &str) -> MySqlDatabase {
    MySqlDatabase {
        host: MySqlHost::Tcp { host: "127.0.0.1".into(), port },
        user: name.to_owned(),
        password: Some("secret".to_owned().into()),
        name: name.to_owned(),
        tls: MySqlTls::Off,
    }
}

fn pool(port: u16, name: &str, connections: usize) -> Pool {
    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some(name))
        .pass(Some("secret"))
        .db_name(Some(name))
        .prefer_socket(false)
        .tcp_nodelay(true)
        .pool_opts(
            PoolOpts::default()
                .with_constraints(PoolConstraints::new(connections, connections).unwrap())
                .with_reset_connection(false),
        );
    Pool::new(Opts::from(options))
}

/// Tables of an application that records each effect with its key in a transaction of its own.
pub const BASELINE_TABLES: &str = "\
    CREATE TABLE stock (product VARBINARY(64) PRIMARY KEY, in_stock BIGINT NOT NULL) ENGINE=InnoDB; \
    CREATE TABLE ledger (effect_key VARBINARY(512) PRIMARY KEY, payload VARBINARY(128) NOT NULL, \
    delta BIGINT NOT NULL, stock_after BIGINT NOT NULL) ENGINE=InnoDB; \
    INSERT INTO stock VALUES ('123456', 100000000)";

async fn one_transaction(pool: &Pool, id: String) {
    let mut connection = pool.get_conn().await.unwrap();
    let mut transaction = connection.start_transaction(TxOpts::default()).await.unwrap();
    let stock: Option<i64> =
        transaction.exec_first("SELECT in_stock FROM stock WHERE product = ? FOR UPDATE", (b"123456",)).await.unwrap();
    let key = format!("order:{id}");
    let recorded: Option<i64> =
        transaction.exec_first("SELECT stock_after FROM ledger WHERE effect_key = ?", (&key,)).await.unwrap();
    assert_eq!(recorded, None);
    let stock = stock.unwrap() - 1;
    transaction
        .exec_drop(
            "INSERT INTO ledger (effect_key, payload, delta, stock_after) VALUES (?, ?, -1, ?)",
            (&key, "1 x 123456", stock),
        )
        .await
        .unwrap();
    transaction.exec_drop("UPDATE stock SET in_stock = ? WHERE product = ?", (stock, b"123456")).await.unwrap();
    transaction.commit().await.unwrap();
}
