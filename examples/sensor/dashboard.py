"""Shows what all sensors measure, the last measurements first for those that were there before."""

import argparse

import txaio

txaio.use_asyncio()

from autobahn.asyncio.component import Component, run  # noqa: E402
from autobahn.wamp.types import SubscribeOptions  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", default="ws://127.0.0.1:8080/ws")
parser.add_argument("--realm", default="realm1")
parser.add_argument("--count", type=int, help="end after so many measurements")
options = parser.parse_args()

component = Component(transports=options.url, realm=options.realm)


@component.on_join
async def joined(session, _details):
    shown = 0

    def measured(celsius, unit=None, details=None):
        nonlocal shown
        if shown == options.count:
            return
        name = details.topic.split(".")[1]
        print(f"{name}: {celsius} °C" if unit == "celsius" else f"{name}: {celsius}", flush=True)
        shown += 1
        if shown == options.count:
            session.leave()

    await session.subscribe(
        measured,
        "sensor..temperature",
        SubscribeOptions(match="wildcard", get_retained=True, details_arg="details"),
    )


if __name__ == "__main__":
    run([component], log_level="error")
