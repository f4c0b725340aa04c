"""Starts one order and prints, as one line of JSON, its result or the failures that it ended with, outermost first."""

import argparse
import asyncio
import json
import os
import sys

from encryption import data_converter
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["address", "namespace", "task-queue", "workflow-id", "order", "item"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--quantity", type=int, required=True)
    parser.add_argument("--workflow", default="InventoryTask")
    return parser.parse_args()


def causes(error: BaseException | None) -> list[dict]:
    found = []
    while error is not None:
        kind = error.type if isinstance(error, ApplicationError) else type(error).__name__
        found.append({"type": kind, "message": getattr(error, "message", str(error))})
        error = error.__cause__
    return found


async def main() -> None:
    args = arguments()
    client = await Client.connect(args.address, namespace=args.namespace, data_converter=data_converter())
    order = {"OrderID": args.order, "Item": args.item, "Quantity": args.quantity}
    handle = await client.start_workflow(args.workflow, order, id=args.workflow_id, task_queue=args.task_queue)
    try:
        print(json.dumps({"result": await handle.result()}))
    except WorkflowFailureError as error:
        print(json.dumps({"failures": causes(error.cause)}))


asyncio.run(main())
# The interpreter aborts if a thread of the SDK (1.35) still runs while it shuts down.
sys.stdout.flush()
os._exit(0)
