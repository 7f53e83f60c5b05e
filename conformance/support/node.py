"""A router with what only a config file can give: several realms, authroles, event histories, schemas.

| realm | what it is there for |
|---|---|
| `meta` | the meta API alone; nobody else's sessions are in it |
| `other` | to see that a realm keeps to itself |
| `silent` | no meta API |
| `crossbar` | the same as `meta`, as Crossbar.io answers |
| `history` | event histories, see `HISTORIES` |
| `typed` | declared topics and procedures, whose payloads are checked |

A client's authrole is that of the port it comes in by: `anonymous` and `admin` may do everything, `guest` may do what
`GUEST` says.
"""

import json
import pathlib
import tempfile

from router import RouterProcess

ROLES = ("anonymous", "admin", "guest")

# How long a session that was told GOODBYE may keep its connection.
GOODBYE_TIMEOUT_MS = 500

# Each number has three histories: `com.example.h7`, `com.example.h7.` and `com.example.h7..z`. Besides these there is one
# of `com.example.mixed.`, of which a guest may have a part, and one of that part that it may not have.
HISTORIES = 200
HISTORY_LIMIT = 20
MIXED_LIMIT = 60

# How many events there are in one answer.
ANSWER_LIMIT = 25

EVERYTHING = {"call": True, "register": True, "publish": True, "subscribe": True}

# All that a guest may do.
GUEST = [
    {"uri": "com.example.", "match": "prefix", "allow": EVERYTHING},
    {"uri": "com.example.secret.", "match": "prefix", "allow": {}},
    {"uri": "com.example.mixed.secret", "allow": {}},
    {"uri": "wamp.session.", "match": "prefix", "allow": {"call": True, "subscribe": True}},
    {"uri": "wamp.session.kill", "match": "prefix", "allow": {}},
    {"uri": "wamp.subscription.", "match": "prefix", "allow": {"call": True, "subscribe": True}},
    {"uri": "wamp.registration.on_create", "allow": {}},
]

# What is declared in the realm `typed`; payloads are checked there.
DECLARATIONS = {
    "com.example.typed.topic": {
        "type": "topic",
        "args": {"prefixItems": [{"type": "integer"}], "minItems": 1, "maxItems": 1},
        "kwargs": {"properties": {"unit": {"enum": ["m", "s"]}}, "additionalProperties": False},
    },
    "com.example.typed.procedure": {
        "type": "procedure",
        "args": {"items": {"type": "number"}, "minItems": 1},
        "result": {"args": {"prefixItems": [{"type": "number"}], "minItems": 1}},
        "progress": {"args": {"items": {"type": "string"}}},
    },
    "com.example.typed.error": {"type": "error", "args": {"items": {"type": "string"}}},
}


def _role(name: str, **permission) -> dict:
    if name == "guest":
        return {"name": name, "permissions": GUEST}
    return {"name": name, "permissions": [{"uri": "*", "allow": EVERYTHING, **permission}]}


def _realm(name: str, options: dict | None = None, permission: dict | None = None, **more) -> dict:
    roles = [_role(role, **permission or {}) for role in ROLES]
    return {"name": name, "roles": roles, "options": options or {}, **more}


def _histories() -> list[dict]:
    forms = (("com.example.h{}", "exact"), ("com.example.h{}.", "prefix"), ("com.example.h{}..z", "wildcard"))
    patterns = [(uri.format(number), match) for number in range(HISTORIES) for uri, match in forms]
    numbered = [{"uri": uri, "match": match, "limit": HISTORY_LIMIT} for uri, match in patterns]
    mixed = {"uri": "com.example.mixed.", "match": "prefix", "limit": MIXED_LIMIT}
    return [*numbered, mixed, {"uri": "com.example.mixed.secret"}]


def _config() -> dict:
    store = {"type": "memory", "event-history": _histories()}
    return {
        "version": 2,
        "limits": {"goodbye_timeout": GOODBYE_TIMEOUT_MS, "history_events_max": ANSWER_LIMIT},
        "realms": [
            _realm("meta"),
            _realm("other"),
            _realm("silent", {"enable_meta_api": False}),
            _realm("crossbar", {"compat": "crossbar"}, store=store),
            _realm("history", store=store),
            _realm("typed", permission={"validate": True}, schemas=["declarations.json"]),
        ],
        "transports": [transport(role) for role in ROLES],
    }


def transport(role: str = "anonymous") -> dict:
    """RawSocket and WebSocket on a free port, whose clients get this authrole."""
    auth = {"anonymous": {"type": "static", "role": role}}
    return {
        "type": "universal",
        "id": role,
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 0},
        "rawsocket": {"auth": auth},
        "websocket": {"ws": {"auth": auth}},
    }


class ConfiguredRouter(RouterProcess):
    """A router whose config file, and what that names, is in `directory`."""

    def __init__(self, directory: pathlib.Path, config: dict):
        file = directory / "node.json"
        file.write_text(json.dumps(config))
        super().__init__("--config", str(file), listeners=len(config["transports"]))


class Node(ConfiguredRouter):
    """The router that is described above."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="cloverleaf-node-")
        directory = pathlib.Path(self._directory.name)
        (directory / "declarations.json").write_text(json.dumps(DECLARATIONS))
        try:
            super().__init__(directory, _config())
        except BaseException:
            self._directory.cleanup()
            raise

    def port_of(self, role: str) -> int:
        """Where clients become sessions of this authrole."""
        return self.ports[ROLES.index(role)]

    def stop(self):
        super().stop()
        self._directory.cleanup()
