"""The example applications in Python, run as their README says."""

import asyncio
import os
import pathlib
import sys

from autobahn.wamp.exception import ApplicationError
from clients import Clients, Link

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
START_TIMEOUT_S = 15


async def start(router, script, *args):
    url = f"ws://127.0.0.1:{router.port}/ws"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "sensor" / script),
        *args,
        "--url",
        url,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
    )


async def line(process):
    async with asyncio.timeout(START_TIMEOUT_S):
        return (await process.stdout.readline()).decode().rstrip()


async def test_a_dashboard_shows_what_sensors_measure(router):
    sensor = await start(router, "sensor.py", "kitchen")
    clients = Clients(router, Link("rawsocket", "cbor"))
    try:
        assert await line(sensor) == "kitchen is measuring"
        session = await clients.join()
        assert await session.call("sensor.kitchen.set_interval", 0.05) == 0.05
        try:
            await session.call("sensor.kitchen.set_interval", "never")
        except ApplicationError as error:
            assert error.error == "sensor.error.invalid_interval"
        else:
            raise AssertionError("it takes nonsense")

        dashboard = await start(router, "dashboard.py", "--count", "3")
        for _ in range(3):
            shown = await line(dashboard)
            assert shown.startswith("kitchen: ") and shown.endswith(" °C"), shown
        async with asyncio.timeout(START_TIMEOUT_S):
            assert await dashboard.wait() == 0
    finally:
        sensor.kill()
        await sensor.wait()
        await clients.close()
