"""The workflows and activities of an online shop, one workflow per situation that a worker meets in production.

`pace` is the unit of every interval and timeout: quick in a test, and slow enough to watch in a demonstration.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import nexusrpc
import nexusrpc.handler
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError
from temporalio.workflow import ActivityCancellationType

# The release of this code. Release 2 changed `PriceUpdate` without a patch.
RELEASE = os.environ.get("SHOP_RELEASE", "1")
# A task queue that has no worker.
CLOSED_WAREHOUSE = "closed-warehouse"


@dataclass
class Order:
    number: str
    pace: float = 0.2
    # How many times the order goes through the workflow, how many lines it has, or how often its card fails.
    count: int = 3

    def after(self, paces: float) -> timedelta:
        return timedelta(seconds=paces * self.pace)

    async def sleep(self, paces: float) -> None:
        await asyncio.sleep(paces * self.pace)


def fail_before(attempt: int, message: str, kind: str) -> None:
    if activity.info().attempt < attempt:
        raise ApplicationError(message, type=kind)


@activity.defn
async def charge_card(order: Order) -> str:
    try:
        fail_before(order.count + 1, "no answer from bank.example:443", "ConnectionError")
    except ApplicationError as error:
        message = "the card network is unavailable"
        raise ApplicationError(message, {"order": order.number}, type="PaymentUnavailable") from error
    return f"receipt-{order.number}"


@activity.defn
async def charge_stolen_card(order: Order) -> str:
    try:
        try:
            raise KeyError("cvc")
        except KeyError as error:
            raise ValueError("the bank rejected the card") from error
    except ValueError as error:
        message = f"order {order.number}: card reported stolen"
        raise ApplicationError(message, type="CardStolen", non_retryable=True) from error


@activity.defn
async def charge_voucher(order: Order) -> str:
    if activity.info().attempt < 3:
        message = "too many vouchers, come back later"
        raise ApplicationError(message, type="RateLimited", next_retry_delay=order.after(5))
    return "voucher accepted"


@activity.defn
async def print_label(order: Order) -> str:
    fail_before(2, "the printer is out of paper", "PrinterError")
    if activity.info().attempt < 4:
        await order.sleep(1000)
    return f"label-{order.number}"


@activity.defn
async def reserve_stock(order: Order) -> str:
    raise ApplicationError(f"no stock for {order.number} yet", type="OutOfStock")


@activity.defn
async def weigh_parcel(order: Order) -> str:
    fail_before(2, "the scale is in use", "ScaleBusy")
    await order.sleep(1000)
    return f"weight-{order.number}"


@activity.defn
async def pack_parcel(order: Order) -> str:
    return f"parcel-{order.number}"


@activity.defn
async def write_invoice(order: Order) -> str:
    fail_before(2, "the printer is out of paper", "PrinterError")
    await order.sleep(2)
    return f"invoice-{order.number}"


@activity.defn
async def send_mail(order: Order) -> str:
    fail_before(3, "450 4.2.1 mailbox busy", "SMTPError")
    return "sent"


@activity.defn
async def import_catalogue(order: Order) -> int:
    pages = 10
    done = activity.info().heartbeat_details
    for page in range(done[0]["page"] + 1 if done else 1, pages + 1):
        activity.heartbeat({"page": page, "of": pages})
        await order.sleep(0.5)
        if page == 4 and activity.info().attempt == 1:
            await order.sleep(1000)
    return pages


@activity.defn
async def look_up_price(order: Order) -> int:
    fail_before(3, "the price list is locked", "PriceListLocked")
    return 1999


@activity.defn
async def find_courier(order: Order) -> str:
    try:
        while True:
            activity.heartbeat("no courier yet")
            await order.sleep(0.5)
    except asyncio.CancelledError:
        await order.sleep(2)  # Withdraw the request from each courier.
        raise


@activity.defn
async def call_supplier(order: Order) -> str:
    await order.sleep(10)
    return "no answer"


@activity.defn
async def count_line(line: int) -> int:
    return line


@nexusrpc.service
class Customs:
    declare: nexusrpc.Operation[str, str]


@nexusrpc.handler.service_handler(service=Customs)
class CustomsOffice:
    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    @nexusrpc.handler.sync_operation
    async def declare(self, ctx: nexusrpc.handler.StartOperationContext, parcel: str) -> str:
        self.calls[parcel] += 1
        if self.calls[parcel] < 3:
            raise nexusrpc.HandlerError("the office is closed", type=nexusrpc.HandlerErrorType.UNAVAILABLE)
        return f"declaration-{parcel}"


def customs_endpoint(task_queue: str) -> str:
    return f"customs-{task_queue}"


async def run(step: Callable[[Order], Any], order: Order, **options: Any) -> Any:
    """Executes an activity with the shop's usual options."""
    usual = {
        "start_to_close_timeout": timedelta(seconds=10),
        "retry_policy": RetryPolicy(initial_interval=order.after(1), maximum_interval=order.after(4)),
    }
    return await workflow.execute_activity(step, order, **(usual | options))


@workflow.defn
class Checkout:
    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(charge_card, order)


@workflow.defn
class CheckoutWithStolenCard:
    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(charge_stolen_card, order)


@workflow.defn
class CheckoutWithVoucher:
    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(charge_voucher, order)


@workflow.defn
class Labelling:
    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(print_label, order, start_to_close_timeout=order.after(3))


@workflow.defn
class Reservation:
    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(reserve_stock, order, schedule_to_close_timeout=order.after(10))


@workflow.defn
class Weighing:
    """Has an attempt that still runs when the activity expires."""

    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(weigh_parcel, order, schedule_to_close_timeout=order.after(6))


@workflow.defn
class Backorder:
    """Waits for stock for ever."""

    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(reserve_stock, order)


@workflow.defn
class Delivery:
    @workflow.run
    async def run(self, order: Order) -> str:
        return await run(
            pack_parcel, order, task_queue=CLOSED_WAREHOUSE, schedule_to_start_timeout=order.after(5)
        )


@workflow.defn
class CatalogueImport:
    @workflow.run
    async def run(self, order: Order) -> int:
        return await run(import_catalogue, order, heartbeat_timeout=order.after(5))


@workflow.defn
class Fulfilment:
    @workflow.run
    async def run(self, order: Order) -> list[str]:
        steps = [pack_parcel, write_invoice, send_mail, charge_card]
        return await asyncio.gather(*[run(step, order, activity_id=step.__name__) for step in steps])


@workflow.defn
class Quote:
    """Retries inside one workflow task, and then with a timer between the attempts."""

    @workflow.run
    async def run(self, order: Order) -> list[int]:
        prices = []
        for threshold in [timedelta(minutes=1), order.after(0.1)]:
            price = await workflow.execute_local_activity(
                look_up_price,
                order,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(initial_interval=order.after(1)),
                local_retry_threshold=threshold,
            )
            prices.append(price)
        return prices


@workflow.defn
class Purchase:
    @workflow.run
    async def run(self, order: Order) -> str:
        me = workflow.info().workflow_id
        receipt = await workflow.execute_child_workflow(Checkout.run, order, id=f"{me}-checkout")
        try:
            await workflow.execute_child_workflow(CheckoutWithStolenCard.run, order, id=f"{me}-deposit")
        except ChildWorkflowError:
            return f"{receipt} without a deposit"
        return receipt


@workflow.defn
class ForeignDelivery:
    """Calls a Nexus operation. Its retry intervals are the server's."""

    @workflow.run
    async def run(self, order: Order) -> str:
        endpoint = customs_endpoint(workflow.info().task_queue)
        customs = workflow.create_nexus_client(service=Customs, endpoint=endpoint)
        return await customs.execute_operation(Customs.declare, order.number)


@workflow.defn
class CourierSearch:
    """Cancels an activity that notices it."""

    @workflow.run
    async def run(self, order: Order) -> str:
        search = asyncio.ensure_future(
            run(
                find_courier,
                order,
                heartbeat_timeout=timedelta(seconds=10),
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        )
        await asyncio.sleep(order.pace * 3)
        search.cancel()
        try:
            return await search
        except ActivityError:
            return "collected by the customer"


@workflow.defn
class SupplierCall:
    """Cancels an activity that does not notice it."""

    @workflow.run
    async def run(self, order: Order) -> str:
        call = asyncio.ensure_future(
            run(call_supplier, order, cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
        )
        await asyncio.sleep(order.pace * 3)
        call.cancel()
        return await call


@workflow.defn
class Reminder:
    @workflow.run
    async def run(self, order: Order) -> str:
        await workflow.sleep(order.after(10), summary="wait for the payment")
        return "reminded"


@workflow.defn
class Basket:
    def __init__(self) -> None:
        self.items: list[str] = []
        self.paid = False

    @workflow.run
    async def run(self, order: Order) -> list[str]:
        await workflow.wait_condition(lambda: self.paid)
        return self.items

    @workflow.signal
    def add_item(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    def pay(self) -> None:
        self.paid = True

    @workflow.update
    def rename_item(self, old: str, new: str) -> list[str]:
        self.items = [new if item == old else item for item in self.items]
        return self.items

    @rename_item.validator
    def has_item(self, old: str, new: str) -> None:
        if old not in self.items:
            raise ValueError(f"no {old} in the basket")


@workflow.defn
class Discount:
    """Has a bug: its workflow tasks fail, but the workflow does not."""

    @workflow.run
    async def run(self, order: Order) -> int:
        return order.count // 0


@workflow.defn
class PriceUpdate:
    @workflow.run
    async def run(self, order: Order) -> str:
        if RELEASE == "1":
            await workflow.sleep(order.after(5))
        return await run(pack_parcel, order)


@workflow.defn
class Subscription:
    """A delivery per month, each in its own run."""

    @workflow.run
    async def run(self, order: Order) -> str:
        await run(send_mail, order)
        if order.count > 1:
            workflow.continue_as_new(replace(order, count=order.count - 1))
        return "cancelled by the customer"


@workflow.defn
class Stocktaking:
    """Has a marker per line, and fails a few times at the end."""

    @workflow.run
    async def run(self, order: Order) -> str:
        for first in range(0, order.count, 200):
            lines = range(first, min(first + 200, order.count))
            await asyncio.gather(*[
                workflow.execute_local_activity(count_line, line, start_to_close_timeout=timedelta(minutes=1))
                for line in lines
            ])
        return await run(send_mail, order)


WORKFLOWS = [
    Checkout, CheckoutWithStolenCard, CheckoutWithVoucher, Labelling, Reservation, Weighing, Backorder, Delivery,
    CatalogueImport, Fulfilment, Quote, Purchase, ForeignDelivery, CourierSearch, SupplierCall, Reminder, Basket,
    Discount, PriceUpdate, Subscription, Stocktaking,
]  # fmt: skip
ACTIVITIES = [
    charge_card, charge_stolen_card, charge_voucher, print_label, reserve_stock, weigh_parcel, pack_parcel,
    write_invoice, send_mail, import_catalogue, look_up_price, find_courier, call_supplier, count_line,
]  # fmt: skip
