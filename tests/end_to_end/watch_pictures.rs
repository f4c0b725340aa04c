//! The text of the page of `watch ID` for each situation of the Python shop that has ended: without ids, ages and durations, and
//! of each lane only the marks.

/// A situation of the shop, and its page.
pub struct Picture {
    pub situation: &'static str,
    pub page: &'static str,
}

const fn picture(situation: &'static str, page: &'static str) -> Picture {
    Picture { situation, page }
}

pub const PICTURES: [Picture; 17] = [
    picture(
        "retries",
        "\
── retries-ID  Checkout  Completed
 completed (AGO): \"receipt-retries-ID\"
▌ charge_card 1 ··✗✓
── charge_card 1
 #1 to #2 · not observed
 #3 ✗ failed  PaymentUnavailable: the card network is unavailable
 #4 ✓ completed
 failure     PaymentUnavailable: the card network is unavailable
 effect      #3 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      \"receipt-retries-ID\"
 input       {\"count\":3,\"number\":\"retries-ID\",\"pace\":0.3}",
    ),
    picture(
        "non-retryable",
        "\
── non-retryable-ID  CheckoutWithStolenC…  Failed
 failed: CardStolen: order non-retryable-ID: card reported stolen (AGO)
▌ charge_stolen_card 1 ◆
── charge_stolen_card 1
 #1 ◆ failed, not retryable
 failure     CardStolen: order non-retryable-ID: card reported stolen (not
             retryable)
 effect      #1 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 input       {\"count\":3,\"number\":\"non-retryable-ID\",\"pace\":0.3}",
    ),
    picture(
        "next-retry-delay",
        "\
── next-retry-delay-ID  CheckoutWithVoucher  Completed
 completed (AGO): \"voucher accepted\"
▌ charge_voucher 1 ·✗✓
── charge_voucher 1
 #1 · not observed
 #2 ✗ failed  RateLimited: too many vouchers, come back later
 #3 ✓ completed
 failure     RateLimited: too many vouchers, come back later
 effect      #2 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      \"voucher accepted\"
 input       {\"count\":3,\"number\":\"next-retry-delay-ID\",\"pace\":0.3}",
    ),
    picture(
        "start-to-close",
        "\
── start-to-close-ID  Labelling  Completed
 completed (AGO): \"label-start-to-close-ID\"
▌ print_label 1 ··~✓
── print_label 1
 #1 to #2 · not observed
 #3 ~ timed out  start-to-close
 #4 ✓ completed
 failure     no answer within the start-to-close timeout (900 ms)
 effect      #3 OUTCOME UNKNOWN: it may still run, or may have taken effect; a
             retry is safe only if the activity is idempotent
 timeouts    start-to-close 900 ms
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      \"label-start-to-close-ID\"
 input       {\"count\":3,\"number\":\"start-to-close-ID\",\"pace\":0.3}",
    ),
    picture(
        "schedule-to-close",
        "\
── schedule-to-close-ID  Reservation  Failed
 failed: OutOfStock: no stock for schedule-to-close-ID yet (AGO)
▌ reserve_stock 1 ··✗✗
── reserve_stock 1
 #1 to #2 · not observed
 #3 ✗ failed  OutOfStock: no stock for schedule-to-close-ID yet
 #4 ✗ failed  OutOfStock: no stock for schedule-to-close-ID yet
 failure     OutOfStock: no stock for schedule-to-close-ID yet
 no retry    the next attempt would begin after the schedule-to-close timeout
 effect      #4 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 3 s, schedule-to-close 3 s, schedule-to-start 3 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 input       {\"count\":3,\"number\":\"schedule-to-close-ID\",\"pace\":0.3}",
    ),
    picture(
        "schedule-to-start",
        "\
── schedule-to-start-ID  Delivery  Failed
 failed: no worker took it within the schedule-to-start timeout (AGO)
▌ pack_parcel 1
── pack_parcel 1
    waited TIME for a worker
 failure     no worker took it within the schedule-to-start timeout (1.5 s)
 effect      NOT STARTED: no worker took it, so it had no effect
 timeouts    start-to-close 10 s, schedule-to-start 1.5 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 input       {\"count\":3,\"number\":\"schedule-to-start-ID\",\"pace\":0.3}",
    ),
    picture(
        "expires",
        "\
── expires-ID  Weighing  Failed
 failed: no success within the schedule-to-close timeout (AGO)
▌ weigh_parcel 1 ✗~
── weigh_parcel 1
 #1 ✗ failed  ScaleBusy: the scale is in use
 #2 ~ timed out  schedule-to-close
 failure     no success within the schedule-to-close timeout (1.8 s) (not
             retryable)
 effect      #2 OUTCOME UNKNOWN: it may still run, or may have taken effect; a
             retry is safe only if the activity is idempotent
 timeouts    start-to-close 1.8 s, schedule-to-close 1.8 s, schedule-to-start
             1.8 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 input       {\"count\":3,\"number\":\"expires-ID\",\"pace\":0.3}",
    ),
    picture(
        "heartbeat-timeout",
        "\
── heartbeat-timeout-ID  CatalogueImport  Completed
 completed (AGO): 10
▌ import_catalogue 1 ~✓
── import_catalogue 1
 #1 ~ timed out  heartbeat
 #2 ✓ completed
 failure     no heartbeat within the heartbeat timeout (1.5 s)
 effect      #1 OUTCOME UNKNOWN: it may still run, or may have taken effect; a
             retry is safe only if the activity is idempotent
 timeouts    start-to-close 10 s, heartbeat 1.5 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      10
 input       {\"count\":3,\"number\":\"heartbeat-timeout-ID\",\"pace\":0.3}",
    ),
    picture(
        "parallel",
        "\
── parallel-ID  Fulfilment  Completed
 completed (AGO): [\"parcel-parallel-ID\",\"invoice-parallel-ID\",\"sent\",\"receipt-paral…
  pack_parcel ✓
  write_invoice ✗✓
  send_mail ·✗✓
▌ charge_card ··✗✓
── charge_card
 #1 to #2 · not observed
 #3 ✗ failed  PaymentUnavailable: the card network is unavailable
 #4 ✓ completed
 failure     PaymentUnavailable: the card network is unavailable
 effect      #3 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      \"receipt-parallel-ID\"
 input       {\"count\":3,\"number\":\"parallel-ID\",\"pace\":0.3}",
    ),
    picture(
        "local-activity",
        "\
── local-activity-ID  Quote  Completed
 completed (AGO): [1999,1999]
  local look_up_price ✓
▌ local look_up_price ✓
  timer 1 ✓
  timer 2 ✓
── local look_up_price
 state       ✓ completed
 attempts    3; the history records only the last
 result      1999",
    ),
    picture(
        "child",
        "\
── child-ID  Purchase  Completed
 completed (AGO): \"receipt-child-ID without a deposit\"
  child Checkout ✓
▌ child CheckoutWithStole… ✗
── child CheckoutWithStolenCard
 state       ✗ failed
 workflow    child-ID-deposit
 run         RUN
 failure     CardStolen: order child-ID: card reported stolen",
    ),
    picture(
        "nexus",
        "\
── nexus-ID  ForeignDelivery  Completed
 completed (AGO): \"declaration-nexus-ID\"
▌ nexus declare ✓
── nexus customs-QUEUE/Customs/declare
 state       ✓ completed
 result      \"declaration-nexus-ID\"",
    ),
    picture(
        "cancelled-activity",
        "\
── cancelled-activity-ID  CourierSearch  Completed
 completed (AGO): \"collected by the customer\"
  timer 1 ✓
▌ find_courier 1 ◆
── find_courier 1
 #1 ◆ cancelled  Cancelled
 failure     Cancelled (not retryable)
 effect      #1 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 10 s, heartbeat 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 input       {\"count\":3,\"number\":\"cancelled-activity-ID\",\"pace\":0.3}",
    ),
    picture(
        "cancel-requested",
        "\
── cancel-requested-ID  SupplierCall  Completed
 completed (AGO): \"no answer\"
  timer 1 ✓
▌ call_supplier 1 ✓
── call_supplier 1
 #1 ✓ completed
 timeouts    start-to-close 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      \"no answer\"
 input       {\"count\":3,\"number\":\"cancel-requested-ID\",\"pace\":0.3}",
    ),
    picture(
        "timer",
        "\
── timer-ID  Reminder  Completed
 completed (AGO): \"reminded\"
▌ timer 1 ✓
── timer 1
 state       ✓ fired",
    ),
    picture(
        "signals",
        "\
── signals-ID  Basket  Completed
 completed (AGO): [\"tea\",\"mugs\",\"spoons\"]
  signals (4) »
▌ update rename_item ✓
── update rename_item
 state       ✓ completed
 input       \"cups\"
             \"mugs\"
 result      [\"tea\",\"mugs\",\"spoons\"]",
    ),
    picture(
        "continue-as-new",
        "\
── continue-as-new-ID  Subscription  Completed
 completed (AGO): \"cancelled by the customer\"
▌ send_mail 1 ·✗✓
── send_mail 1
 #1 · not observed
 #2 ✗ failed  SMTPError: 450 4.2.1 mailbox busy
 #3 ✓ completed
 failure     SMTPError: 450 4.2.1 mailbox busy
 effect      #2 REPORTED by its worker; whether it took effect is unknown
 timeouts    start-to-close 10 s
 retry       after 300 ms, x2 up to 1.2 s, unlimited
 result      \"sent\"
 input       {\"count\":1,\"number\":\"continue-as-new-ID\",\"pace\":0.3}",
    ),
];
