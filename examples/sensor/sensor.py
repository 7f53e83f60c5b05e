"""A device that measures a temperature, publishes it, and lets others say how often."""

import argparse
import asyncio
import random

import txaio

txaio.use_asyncio()

from autobahn.asyncio.component import Component, run  # noqa: E402
from autobahn.wamp.exception import ApplicationError  # noqa: E402
from autobahn.wamp.types import PublishOptions  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("name", help="what to call the device; lower case letters, digits and _")
parser.add_argument("--url", default="ws://127.0.0.1:8080/ws")
parser.add_argument("--realm", default="realm1")
options = parser.parse_args()

component = Component(transports=options.url, realm=options.realm)


@component.on_join
async def joined(session, _details):
    prefix = f"sensor.{options.name}"
    interval = 1.0
    changed = asyncio.Event()

    def set_interval(seconds):
        nonlocal interval
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
            raise ApplicationError("sensor.error.invalid_interval", "expected a number of seconds above 0")
        interval = float(seconds)
        changed.set()
        return interval

    await session.register(set_interval, f"{prefix}.set_interval")
    print(f"{options.name} is measuring", flush=True)

    celsius = 20.0
    while session.is_connected():
        celsius += random.uniform(-0.5, 0.5)
        session.publish(
            f"{prefix}.temperature",
            round(celsius, 1),
            unit="celsius",
            options=PublishOptions(retain=True),
        )
        changed.clear()
        try:
            await asyncio.wait_for(changed.wait(), interval)
        except asyncio.TimeoutError:
            pass


if __name__ == "__main__":
    run([component], log_level="error")
