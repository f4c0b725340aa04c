//! `watch` on a real server: from the end of an attempt to the screen, requests per second, and the cost of an idle page.
//! The list of 10,000 executions is measured without a server.

mod counting_proxy;
mod list;
mod shop;

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    Figure, median,
    orders::serve,
    screen::{Screen, cpu_seconds, resident_megabytes},
};
use counting_proxy::CountingProxy;
use shop::Shop;

/// Attempts whose way to the screen is measured.
const ATTEMPTS: u32 = 20;

/// Open executions in the list.
const EXECUTIONS: usize = 200;

/// How long the requests of a page are counted, and the time before for the first requests.
const COUNTED: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_secs(5);

/// How long idle pages are measured, and the time before. At first, ages are shown in seconds and change the screen, and the
/// list describes its rows more often.
const WATCHED: Duration = Duration::from_mins(1);
const AGED: Duration = Duration::from_mins(3);

/// Limit of the cost and the memory of an idle page, as a multiple of the idle dashboard's in the same run. Processor time is
/// counted in hundredths of a second, about 7 % of what an idle page needs in this time.
const MAX_RATIO: f64 = 1.2;

/// Limit from the end of an attempt to the screen: the longest time between two polls, and the way from there.
const MAX_MILLIS: f64 = 300.0 + 20.0;

pub fn measure() -> Vec<Figure> {
    let mut figures = vec![list::measure()];
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (_server, address) = serve(folder.path());
    let shop = Shop::open(&address);
    figures.push(attempt_to_screen(&shop));
    figures.extend(requests(&shop));
    figures.extend(idle(&shop));
    figures
}

/// From the end of an attempt, as the server reports it, to the last byte of the frame that shows it. Most of it is the wait
/// for the next poll, so the largest value counts.
fn attempt_to_screen(shop: &Shop) -> Figure {
    let state = tempfile::tempdir().unwrap();
    let execution = shop.deliver("attempts", 0);
    let mut screen = Screen::watch(state.path(), &shop.address, &[&execution]);
    let (clock, instant) = (SystemTime::now(), Instant::now());
    screen.shows(&Shop::failure(1));
    let series: Vec<_> = (2..2 + ATTEMPTS)
        .map(|attempt| {
            let drawn = clock + (screen.shows(&Shop::failure(attempt)) - instant);
            drawn.duration_since(shop.end_of(&execution, attempt)).unwrap().as_secs_f64() * 1e3
        })
        .collect();
    screen.quit();
    shop.terminate(&execution);
    let most = series.iter().copied().fold(0.0, f64::max);
    Figure {
        name: "watch: attempt end to screen, largest of 20",
        measured: format!("{most:.0} ms (median {:.0} ms)", median(series)),
        wanted: format!("at most {MAX_MILLIS} ms").into(),
        reached: most <= MAX_MILLIS,
    }
}

/// Requests while an execution with a retried activity and a growing history is on the screen, and while the list is.
fn requests(shop: &Shop) -> Vec<Figure> {
    let proxy = CountingProxy::start(&shop.address);
    let state = tempfile::tempdir().unwrap();
    let count = |arguments: &[&str], shown: &str| {
        let mut screen = Screen::watch(state.path(), &proxy.address(), arguments);
        screen.shows(shown);
        thread::sleep(SETTLED);
        let from = Instant::now();
        thread::sleep(COUNTED);
        let counted = proxy.requests(from..Instant::now());
        screen.quit();
        counted
    };
    let execution = shop.deliver("requests", 1_000);
    let page = count(&[&execution], &Shop::failure(2));
    shop.terminate(&execution);
    shop.fill(EXECUTIONS);
    let list = count(&[], "200");
    let any = |_: &str| true;
    let is_list = |method: &str| matches!(method, "ListWorkflowExecutions" | "CountWorkflowExecutions");
    let is_description = |method: &str| method == "DescribeWorkflowExecution";
    let second = Duration::from_secs(1);
    vec![
        Figure {
            name: "watch: requests, an execution on the screen",
            measured: format!("{:.1}/s, {} in a second", page.per_second(any), page.most_within(second, any)),
            wanted: "at most 4/s".into(),
            reached: page.most_within(second, any) <= 4,
        },
        Figure {
            name: "watch: descriptions, 200 open executions",
            measured: format!(
                "{:.1}/s, {} in a second",
                list.per_second(is_description),
                list.most_within(second, is_description)
            ),
            wanted: "at most 16/s".into(),
            reached: list.most_within(second, is_description) <= 16,
        },
        Figure {
            name: "watch: list requests, 200 open executions",
            measured: format!("{:.2}/s, {} in 2 s", list.per_second(is_list), list.most_within(2 * second, is_list)),
            wanted: "at most 1 in 2 s".into(),
            reached: list.most_within(2 * second, is_list) <= 1,
        },
    ]
}

/// Cost of the page of a quiet execution, of the list of 200 of them, and of the dashboard with a worker, at the same time.
fn idle(shop: &Shop) -> Vec<Figure> {
    let states = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [page, list, dashboard] = states.each_ref().map(tempfile::TempDir::path);
    let quiet = Shop::quiet(0);
    let mut screens = [
        Screen::watch(page, &shop.address, &[&quiet]),
        Screen::watch(list, &shop.address, &[]),
        Screen::open(dashboard, &shop.address),
    ];
    for (screen, shown) in screens.iter_mut().zip(["Subscription", "Subscription", "● ready"]) {
        screen.shows(shown);
    }
    thread::sleep(AGED);
    let cpu = || screens.each_ref().map(|screen| cpu_seconds(screen.pid()));
    let before = cpu();
    thread::sleep(WATCHED);
    let after = cpu();
    let percent = [0, 1, 2].map(|index| (after[index] - before[index]) / WATCHED.as_secs_f64() * 100.0);
    let megabytes = screens.each_ref().map(|screen| resident_megabytes(screen.pid()));
    for screen in screens {
        screen.quit();
    }
    let figure = |name, measured: f64, dashboard: f64, unit: &str| {
        let ratio = measured / dashboard;
        Figure {
            name,
            measured: format!("{ratio:.2}x ({measured:.2}{unit}, {dashboard:.2}{unit})"),
            wanted: format!("at most {MAX_RATIO}x the idle dashboard's").into(),
            reached: ratio <= MAX_RATIO,
        }
    };
    vec![
        figure("watch: an idle execution beside the dashboard", percent[0], percent[2], " %"),
        figure("watch: its resident memory", megabytes[0], megabytes[2], " MB"),
        figure("watch: a list of 200 idle executions", percent[1], percent[2], " %"),
        figure("watch: its resident memory", megabytes[1], megabytes[2], " MB"),
    ]
}
