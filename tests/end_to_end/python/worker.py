"""A worker under the product's names. It changes nothing, and its result is what it has read.

Prints `ready` once it is about to poll, and runs until it is killed or its standard input ends.
"""

import argparse
import asyncio
import json
import logging
import sys
from datetime import timedelta

from encryption import data_converter
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

# An order for this item fails permanently.
UNKNOWN = "999999"


@activity.defn(name="UpdateInventoryActivity")
async def update_inventory(order: dict) -> dict:
    if order["Item"] == UNKNOWN:
        raise ApplicationError(f"no {UNKNOWN} here", type="UnknownProduct", non_retryable=True)
    return {"Outcome": "applied", "Delta": -order["Quantity"], "Stock": 0, "Own": True}


@activity.defn(name="SupplierOrderActivity")
async def supplier_order(item: str, quantity: int) -> dict:
    return {"Outcome": "applied", "Delta": quantity, "Stock": 0, "Own": True}


@workflow.defn(name="InventoryWorkflow")
class InventoryWorkflow:
    @workflow.run
    async def run(self, order: dict) -> str:
        timeout = timedelta(seconds=10)
        await workflow.execute_activity(update_inventory, order, start_to_close_timeout=timeout)
        await workflow.execute_activity(
            supplier_order, args=[order["Item"], 1000], start_to_close_timeout=timeout
        )
        return json.dumps({name: order[name] for name in ["OrderID", "Item", "Quantity"]})


async def main() -> None:
    # The intended failure above would log a page of warnings.
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["address", "namespace", "task-queue"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    client = await Client.connect(args.address, namespace=args.namespace, data_converter=data_converter())
    worker = Worker(
        client,
        task_queue=args.task_queue,
        workflows=[InventoryWorkflow],
        activities=[update_inventory, supplier_order],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
