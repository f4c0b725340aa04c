//! The situations of the Python shop, and what `watch ID --plain` prints of each.

/// A situation of the shop, the exit code, and the story. Its last line is about the execution.
pub struct Situation {
    pub name: &'static str,
    pub code: i32,
    pub workflow: &'static str,
    /// The scheduled activities.
    pub scheduled: &'static [Scheduled],
    pub rest: &'static [&'static str],
}

/// The name and the timeouts of an activity.
type Scheduled = (&'static str, &'static str);

impl Situation {
    /// All lines.
    pub fn story(&self) -> Vec<String> {
        let policy = "retry after 600 ms, then x2 up to 2.4 s, unlimited attempts";
        let input = "{\"count\":3,\"number\":\"ID\",\"pace\":0.6}";
        let first = format!("ID started: type {}({input}), task queue QUEUE, run RUN", self.workflow);
        let scheduled = self.scheduled.iter();
        let scheduled = scheduled.map(|(activity, timeouts)| format!("{activity}  scheduled: {policy}; {timeouts}"));
        let rest = self.rest.iter().map(|line| (*line).to_owned());
        std::iter::once(first).chain(scheduled).chain(rest).collect()
    }
}

const fn situation(
    name: &'static str,
    code: i32,
    workflow: &'static str,
    scheduled: &'static [Scheduled],
    rest: &'static [&'static str],
) -> Situation {
    Situation { name, code, workflow, scheduled, rest }
}

/// How an activity with retries ends.
pub const RETRIES: [Situation; 8] = [
    situation(
        "retries",
        0,
        "Checkout",
        &[("charge_card 1", "start-to-close 10 s")],
        &[
            "charge_card 1  attempt 1 failed: PaymentUnavailable: the card network is unavailable",
            "charge_card 1  attempt 2 due in 600 ms (policy: 600 ms)",
            "charge_card 1  attempt 2 failed: PaymentUnavailable: the card network is unavailable",
            "charge_card 1  attempt 3 due in 1.20 s (policy: 1.2 s)",
            "charge_card 1  attempt 3 failed: PaymentUnavailable: the card network is unavailable",
            "charge_card 1  attempt 4 due in 2.40 s (policy: 2.4 s)",
            "charge_card 1  completed: \"receipt-ID\" after 4 attempts",
            "ID completed: \"receipt-ID\"",
        ],
    ),
    situation(
        "non-retryable",
        1,
        "CheckoutWithStolenCard",
        &[("charge_stolen_card 1", "start-to-close 10 s")],
        &[
            "charge_stolen_card 1  attempt 1 failed: CardStolen: order ID: card reported stolen (not retryable)",
            "charge_stolen_card 1  FAILED: CardStolen: order ID: card reported stolen after 1 attempt",
            "ID FAILED: CardStolen: order ID: card reported stolen",
        ],
    ),
    situation(
        "next-retry-delay",
        0,
        "CheckoutWithVoucher",
        &[("charge_voucher 1", "start-to-close 10 s")],
        &[
            "charge_voucher 1  attempt 1 failed: RateLimited: too many vouchers, come back later",
            "charge_voucher 1  attempt 2 due in 3.00 s (next_retry_delay: 3 s)",
            "charge_voucher 1  attempt 2 failed: RateLimited: too many vouchers, come back later",
            "charge_voucher 1  attempt 3 due in 3.00 s (next_retry_delay: 3 s)",
            "charge_voucher 1  completed: \"voucher accepted\" after 3 attempts",
            "ID completed: \"voucher accepted\"",
        ],
    ),
    situation(
        "start-to-close",
        0,
        "Labelling",
        &[("print_label 1", "start-to-close 1.8 s")],
        &[
            "print_label 1  attempt 1 failed: PrinterError: the printer is out of paper",
            "print_label 1  attempt 2 due in 600 ms (policy: 600 ms)",
            "print_label 1  attempt 2 failed: Timeout: no answer within the start-to-close timeout (1.8 s) [outcome unknown]",
            "print_label 1  attempt 3 due in 1.20 s (policy: 1.2 s)",
            "print_label 1  attempt 3 failed: Timeout: no answer within the start-to-close timeout (1.8 s) [outcome unknown]",
            "print_label 1  attempt 4 due in 2.40 s (policy: 2.4 s)",
            "print_label 1  completed: \"label-ID\" after 4 attempts",
            "ID completed: \"label-ID\"",
        ],
    ),
    situation(
        "schedule-to-start",
        1,
        "Delivery",
        &[("pack_parcel 1", "start-to-close 10 s; schedule-to-start 3 s")],
        &[
            "pack_parcel 1  TIMED OUT: no worker took it within the schedule-to-start timeout (3 s) after 0 attempts",
            "ID FAILED: Timeout: no worker took it within the schedule-to-start timeout",
        ],
    ),
    // The next attempt would begin after the timeout, so the failure of the last one is that of the activity.
    situation(
        "schedule-to-close",
        1,
        "Reservation",
        &[("reserve_stock 1", "start-to-close 6 s; schedule-to-close 6 s; schedule-to-start 6 s")],
        &[
            "reserve_stock 1  attempt 1 failed: OutOfStock: no stock for ID yet",
            "reserve_stock 1  attempt 2 due in 600 ms (policy: 600 ms)",
            "reserve_stock 1  attempt 2 failed: OutOfStock: no stock for ID yet",
            "reserve_stock 1  attempt 3 due in 1.20 s (policy: 1.2 s)",
            "reserve_stock 1  attempt 3 failed: OutOfStock: no stock for ID yet",
            "reserve_stock 1  attempt 4 due in 2.40 s (policy: 2.4 s)",
            "reserve_stock 1  attempt 4 failed: OutOfStock: no stock for ID yet",
            "reserve_stock 1  FAILED: OutOfStock: no stock for ID yet after 4 attempts: the next attempt would begin after the schedule-to-close timeout",
            "ID FAILED: OutOfStock: no stock for ID yet",
        ],
    ),
    situation(
        "expires",
        1,
        "Weighing",
        &[("weigh_parcel 1", "start-to-close 3.6 s; schedule-to-close 3.6 s; schedule-to-start 3.6 s")],
        &[
            "weigh_parcel 1  attempt 1 failed: ScaleBusy: the scale is in use",
            "weigh_parcel 1  attempt 2 due in 600 ms (policy: 600 ms)",
            "weigh_parcel 1  attempt 2 failed: Timeout: no success within the schedule-to-close timeout (3.6 s) (not retryable) [outcome unknown]",
            "weigh_parcel 1  TIMED OUT: no success within the schedule-to-close timeout (3.6 s) after 2 attempts",
            "ID FAILED: Timeout: no success within the schedule-to-close timeout",
        ],
    ),
    situation(
        "heartbeat-timeout",
        0,
        "CatalogueImport",
        &[("import_catalogue 1", "start-to-close 10 s; heartbeat 3 s")],
        &[
            "import_catalogue 1  attempt 1 failed: Timeout: no heartbeat within the heartbeat timeout (3 s) [outcome unknown]",
            "import_catalogue 1  attempt 2 due in 600 ms (policy: 600 ms)",
            "import_catalogue 1  completed: 10 after 2 attempts",
            "ID completed: 10",
        ],
    ),
];

/// Several activities, and parts of a workflow that are not activities.
pub const PARTS: [Situation; 5] = [
    situation(
        "parallel",
        0,
        "Fulfilment",
        &[
            ("charge_card", "start-to-close 10 s"),
            ("pack_parcel", "start-to-close 10 s"),
            ("send_mail", "start-to-close 10 s"),
            ("write_invoice", "start-to-close 10 s"),
        ],
        &[
            "charge_card  attempt 1 failed: PaymentUnavailable: the card network is unavailable",
            "charge_card  attempt 2 due in 600 ms (policy: 600 ms)",
            "charge_card  attempt 2 failed: PaymentUnavailable: the card network is unavailable",
            "charge_card  attempt 3 due in 1.20 s (policy: 1.2 s)",
            "charge_card  attempt 3 failed: PaymentUnavailable: the card network is unavailable",
            "charge_card  attempt 4 due in 2.40 s (policy: 2.4 s)",
            "charge_card  completed: \"receipt-ID\" after 4 attempts",
            "pack_parcel  completed: \"parcel-ID\" after 1 attempt",
            "send_mail  attempt 1 failed: SMTPError: 450 4.2.1 mailbox busy",
            "send_mail  attempt 2 due in 600 ms (policy: 600 ms)",
            "send_mail  attempt 2 failed: SMTPError: 450 4.2.1 mailbox busy",
            "send_mail  attempt 3 due in 1.20 s (policy: 1.2 s)",
            "send_mail  completed: \"sent\" after 3 attempts",
            "write_invoice  attempt 1 failed: PrinterError: the printer is out of paper",
            "write_invoice  attempt 2 due in 600 ms (policy: 600 ms)",
            "write_invoice  completed: \"invoice-ID\" after 2 attempts",
            "ID completed: [\"parcel-ID\",\"invoice-ID\",\"sent\",\"receipt-ID\"]",
        ],
    ),
    situation(
        "local-activity",
        0,
        "Quote",
        &[],
        &[
            "local activity look_up_price",
            "local activity look_up_price completed: 1999 after TIME, 3 attempts",
            "local activity look_up_price",
            "local activity look_up_price completed: 1999 after TIME, 3 attempts",
            "timer 1, fires in TIME",
            "timer 1 fired after TIME",
            "timer 2, fires in TIME",
            "timer 2 fired after TIME",
            "ID completed: [1999,1999]",
        ],
    ),
    situation(
        "child",
        0,
        "Purchase",
        &[],
        &[
            "child workflow Checkout ID-checkout",
            "child workflow Checkout ID-checkout completed: \"receipt-ID\" after TIME",
            "child workflow CheckoutWithStolenCard ID-deposit",
            "child workflow CheckoutWithStolenCard ID-deposit FAILED: CardStolen: order ID: card reported stolen after TIME",
            "ID completed: \"receipt-ID without a deposit\"",
        ],
    ),
    situation(
        "cancelled-activity",
        0,
        "CourierSearch",
        &[("find_courier 1", "start-to-close 10 s; heartbeat 10 s")],
        &[
            "find_courier 1  cancellation requested",
            "find_courier 1  attempt 1 failed: Cancelled (not retryable)",
            "find_courier 1  cancelled after 1 attempt",
            "timer 1, fires in TIME",
            "timer 1 fired after TIME",
            "ID completed: \"collected by the customer\"",
        ],
    ),
    situation(
        "timer",
        0,
        "Reminder",
        &[],
        &["timer 1, fires in TIME", "timer 1 fired after TIME", "ID completed: \"reminded\""],
    ),
];

/// The story of a basket, whose worker must run before it begins.
pub const SIGNALS: Situation = situation(
    "signals",
    0,
    "Basket",
    &[],
    &[
        "signal add_item(\"tea\") from CLIENT",
        "signal add_item(\"cups\") from CLIENT",
        "signal add_item(\"spoons\") from CLIENT",
        "signal pay() from CLIENT",
        "update rename_item(\"cups\", \"mugs\")",
        "update rename_item completed: [\"tea\",\"mugs\",\"spoons\"] after TIME",
        "ID completed: [\"tea\",\"mugs\",\"spoons\"]",
    ],
);
