"""Runs the shop's worker, and starts its workflows.

    watched.py worker --address A --queue Q             prints `ready`, and runs until its standard input ends
    watched.py start SITUATION --address A --queue Q --id ID    prints the workflow id and run id as JSON
    watched.py signal NAME --address A --queue Q --id ID        sends a signal

With --encrypted, payloads are encrypted as in `encryption.py`. With --shipped, failures and identities do not name folders,
processes and hosts. SHOP_RELEASE selects the release of the worker's code.
"""

import argparse
import asyncio
import json
import os
import logging
import re
import sys
from dataclasses import replace
from datetime import timedelta

import shop
import temporalio.converter
from encryption import data_converter
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.nexus.v1 import EndpointSpec
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


class FailuresWithoutFolders(DefaultFailureConverter):
    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        super().to_failure(exception, payload_converter, failure)
        failure.stack_trace = re.sub(r'File ".*/', 'File "', failure.stack_trace)


def converter(args: argparse.Namespace) -> DataConverter:
    if args.encrypted:
        return data_converter()
    default = temporalio.converter.default()
    return replace(default, failure_converter_class=FailuresWithoutFolders) if args.shipped else default


SITUATIONS = {
    "retries": shop.Checkout,
    "non-retryable": shop.CheckoutWithStolenCard,
    "next-retry-delay": shop.CheckoutWithVoucher,
    "start-to-close": shop.Labelling,
    "schedule-to-close": shop.Reservation,
    "expires": shop.Weighing,
    "schedule-to-start": shop.Delivery,
    "heartbeat-timeout": shop.CatalogueImport,
    "keeps-failing": shop.Backorder,
    "parallel": shop.Fulfilment,
    "local-activity": shop.Quote,
    "child": shop.Purchase,
    "nexus": shop.ForeignDelivery,
    "cancelled-activity": shop.CourierSearch,
    "cancel-requested": shop.SupplierCall,
    "timer": shop.Reminder,
    "waits-for-signal": shop.Basket,
    "signals": shop.Basket,
    "workflow-task-failure": shop.Discount,
    "undecodable-input": shop.Checkout,
    "non-determinism": shop.PriceUpdate,
    "continue-as-new": shop.Subscription,
    "long-history": shop.Stocktaking,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    worker, start, signal = [commands.add_parser(name) for name in ["worker", "start", "signal"]]
    for command in [worker, start, signal]:
        command.add_argument("--address", required=True)
        command.add_argument("--namespace", default="default")
        command.add_argument("--queue", required=True)
        command.add_argument("--encrypted", action="store_true")
        command.add_argument("--shipped", action="store_true")
    start.add_argument("situation", choices=SITUATIONS)
    for command in [start, signal]:
        command.add_argument("--id", required=True)
    signal.add_argument("signal")
    start.add_argument("--pace", type=float, default=0.2, help="seconds; unit of every interval and timeout")
    start.add_argument("--count", type=int, default=3, help="runs, lines of the order, or failures of its card")
    start.add_argument("--executions", type=int, help="start this many, with the ids ID-1, ID-2 and so on")
    return parser.parse_args()


async def work(client: Client, queue: str) -> None:
    logging.disable(logging.WARNING)  # Most activities of this shop fail.
    worker = Worker(
        client,
        task_queue=queue,
        workflows=shop.WORKFLOWS,
        activities=shop.ACTIVITIES,
        nexus_service_handlers=[shop.CustomsOffice()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=1000,
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        default_heartbeat_throttle_interval=timedelta(milliseconds=100),
        graceful_shutdown_timeout=timedelta(0),
    )
    await create_endpoint(client, queue)
    async with worker:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def create_endpoint(client: Client, queue: str) -> None:
    endpoint = EndpointSpec(name=shop.customs_endpoint(queue))
    endpoint.target.worker.namespace = client.namespace
    endpoint.target.worker.task_queue = queue
    try:
        await client.operator_service.create_nexus_endpoint(CreateNexusEndpointRequest(spec=endpoint))
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise


async def start_one(client: Client, args: argparse.Namespace, name: str) -> WorkflowHandle:
    order: shop.Order | RawValue = shop.Order(name, args.pace, args.count)
    if args.situation == "undecodable-input":
        order = RawValue(Payload(metadata={"encoding": b"binary/shop-v9"}, data=b"\x08\x96\x01"))
    workflow = SITUATIONS[args.situation].__name__
    handle = await client.start_workflow(workflow, order, id=name, task_queue=args.queue)
    if args.situation == "signals":
        for item in ["tea", "cups", "spoons"]:
            await handle.signal(shop.Basket.add_item, item)
        await handle.execute_update(shop.Basket.rename_item, args=["cups", "mugs"])
        await handle.signal(shop.Basket.pay)
    return handle


async def start(client: Client, args: argparse.Namespace) -> None:
    names = [f"{args.id}-{number + 1}" for number in range(args.executions)] if args.executions else [args.id]
    for handle in await asyncio.gather(*[start_one(client, args, name) for name in names]):
        print(json.dumps({"id": handle.id, "run": handle.result_run_id}))


async def main() -> None:
    args = arguments()
    identity = "worker@shop" if args.shipped else None
    client = await Client.connect(
        args.address, namespace=args.namespace, data_converter=converter(args), identity=identity
    )
    match args.command:
        case "worker":
            await work(client, args.queue)
        case "start":
            await start(client, args)
        case "signal":
            await client.get_workflow_handle(args.id).signal(args.signal)


asyncio.run(main())
# The interpreter aborts if a thread of the SDK (1.35) still runs while it shuts down.
sys.stdout.flush()
os._exit(0)
