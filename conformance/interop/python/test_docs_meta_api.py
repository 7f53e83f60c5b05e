"""What docs/meta-api.md shows is so: its examples run, and print what stands there."""

import asyncio
import contextlib
import os
import pathlib
import re
import signal
import textwrap

import pytest
from autobahn.wamp.exception import SerializationError
from autobahn.wamp.types import CallResult, PublishOptions
from clients import Clients, Link
from router import RouterProcess

PAGE = (pathlib.Path(__file__).parents[3] / "docs/meta-api.md").read_text()
SET_UP = "The examples"
IDS = re.findall(r"^\| `(\w+)` \| (\d{16}) \|", PAGE, re.M)
IMPORTED = {
    "asyncio": asyncio,
    "CallResult": CallResult,
    "PublishOptions": PublishOptions,
    "SerializationError": SerializationError,
}

# What differs from run to run, on the page and on the screen.
VARYING = [
    (r"\b20\d\d-\d\d-\d\dT[\d:.]+Z", "(time)"),
    (r"\b([3-9A-Y]{4}-){5}[3-9A-Y]{4}\b", "(authid)"),
    (r"\b127\.0\.0\.1:\d+", "(address)"),
    (rf"\b(?!{'|'.join(number for _, number in IDS)})\d{{10,16}}\b", "(id)"),
    (r"  +", " "),
]


def sections():
    """The headings of the page, each with its blocks: language and text."""
    parts = re.split(r"^##+ (.+)\n", PAGE, flags=re.M)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        yield heading.replace("`", ""), re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


EXAMPLES = [
    pytest.param(language, block, id=f"{heading}-{language}")
    for heading, blocks in sections()
    for language, block in blocks
    if language in ("console", "python") and heading != SET_UP
]


async def run_python(block, scope):
    """Runs a block as the body of a function, and returns what it has named."""
    code = f"async def body():\n{textwrap.indent(block, '    ')}\n    return locals()\n"
    scope = IMPORTED | scope
    exec(compile(code, "docs/meta-api.md", "exec"), scope)
    return await scope["body"]()


async def run_console(block, names, router, directory):
    """Types the commands of a block, and compares what they print with what it shows."""
    binary = pathlib.Path(os.environ["CLOVERLEAF_BIN"]).absolute()
    env = os.environ | {"PATH": f"{binary.parent}:{os.environ['PATH']}", "CLOVERLEAF_URL": router.url}
    ids = {number: str(names[name]) for name, number in IDS}
    screen, started = directory / "screen", []
    try:
        with screen.open("wb") as output:
            for command in re.findall(r"^\$ (.+)", block, re.M):
                for number, meant in ids.items():
                    command = command.replace(number, meant)
                is_left = command.endswith(" &")
                seen = screen.stat().st_size
                process = await asyncio.create_subprocess_shell(
                    command.removesuffix(" &"), stdout=output, stderr=output, env=env, start_new_session=True
                )
                started.append(process)
                while is_left and screen.stat().st_size == seen:
                    await asyncio.sleep(0.01)
                if not is_left:
                    await process.wait()
        while not is_shown(block, screen.read_text(), ids) and any(process.returncode is None for process in started):
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        pass  # It has taken too long; what is on the screen by now may say why.
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    printed = screen.read_text()
    assert is_shown(block, printed, ids), f"the page shows\n{block}\nbut there came\n{printed}"


def is_shown(block, printed, ids):
    """Whether a block shows what was printed. Lines of several processes may come in any order."""
    for number, meant in ids.items():
        printed = printed.replace(meant, number)
    shown = [plain(line) for line in block.splitlines() if not line.startswith("$ ")]
    lines = [plain(line) for line in printed.splitlines()]
    if re.search(r"^\$ .+ &$", block, re.M):
        return len(lines) == len(shown) and all(any(fits(line, came) for came in lines) for line in shown)
    return fits("\n".join(shown), "\n".join(lines))


def plain(line):
    """A line without what differs from run to run."""
    for pattern, word in VARYING:
        line = re.sub(pattern, word, line)
    return line


def fits(shown, printed):
    pattern = re.escape(shown).replace(re.escape("\n...\n"), r"\n(?:.*\n)?").replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, printed, re.S) is not None


@pytest.mark.parametrize(("language", "block"), EXAMPLES)
async def test_an_example_of_the_page_does_what_it_shows(language, block, tmp_path):
    set_up = dict(sections())[SET_UP]
    for text in [text for kind, text in set_up if kind == "yaml"]:
        name = re.match(r"# (\S+)", text)[1]
        (tmp_path / name).write_text(text.replace("port: 8080", "port: 0"))
    router = RouterProcess("--config", str(tmp_path / "node.yaml"))
    clients = Clients(router, Link("websocket", "json"))
    try:
        other, session = await clients.join_many(2)
        (prepare,) = [text for kind, text in set_up if kind == "python"]
        names = await run_python(prepare, {"self": other, "details": other.details})
        if language == "python":
            await run_python(block, names | {"session": session})
        else:
            await run_console(block, names, router, tmp_path)
    finally:
        await clients.close()
        router.stop()


def test_the_page_has_all_that_the_router_answers_and_publishes():
    sources = pathlib.Path(__file__).parents[3] / "crates/router/src/meta"
    for file in ("procedure.rs", "events.rs"):
        uris = re.findall(r'^    \w+ = "(wamp\.[\w.]+)";', (sources / file).read_text(), re.M)
        assert uris
        for uri in uris:
            assert f"`{uri}`" in PAGE, uri
