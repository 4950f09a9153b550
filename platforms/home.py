"""Where the stand-ins live: ``<home>/platforms/`` with the year, its changes, the secrets, the database and the drop folders."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from platforms.life import Change, Life, changed, load_changes, load_lives, save

LOOPBACK = "127.0.0.1"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class DemoHome:
    """The paths of one home, and the few steps that fill it."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root.resolve() / "platforms"

    @property
    def database(self) -> Path:
        return self.folder / "smart_city.sqlite"

    @property
    def messages(self) -> Path:
        return self.folder / "drop" / "online_politics"

    @property
    def registers(self) -> Path:
        return self.folder / "drop" / "visits"

    @property
    def connections_file(self) -> Path:
        return self.folder / "connections.json"

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self._state()["now"])

    def build(self, now: datetime | None = None, seed: int | None = None) -> datetime:
        """Make what is not there yet, for ``now`` and ``seed`` (default: what the home has; a fresh one: the end of the demo year).

        Returns the platforms' now. Building again with the same now, seed and changes writes nothing.
        """
        for folder in (self.folder, self.messages, self.registers):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self.folder / ".lock"):
            self._make_secrets()
            state = self._state()
            seed = seed if seed is not None else state.get("seed", 2023)
            now = now or datetime.fromisoformat(state.get("now", "2023-12-31T23:59:59"))
            wanted = {"seed": seed, "now": now.isoformat(), "made_by": _fingerprint(), "changes": _digest(self.folder / "changes.json")}
            if state != wanted:
                if (state.get("seed"), state.get("made_by")) != (seed, wanted["made_by"]):
                    self._make_year(seed)
                self._render(now)
                write_private(self.folder / "state.json", wanted)
        return now

    def change(self, ticket_id: str, field: str, value: str) -> None:
        """Change one fact in the demo platform, as of its now.

        :raises UnknownChange: when the ticket or the field is not there; nothing is changed then.
        """
        now = self.build()
        path = self.folder / "changes.json"
        changes = [*load_changes(path), Change(ticket_id, field, value, now)]
        changed(load_lives(self.folder / "lives.json"), changes, now)
        save(path, changes)
        self.build()

    def lives(self) -> list[Life]:
        return load_lives(self.folder / "lives.json")

    def secret(self, name: str) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "secrets.json").read_text(encoding="utf-8"))[name]
        return found

    def connections(self, ports: dict[str, int]) -> dict[str, dict[str, Any]]:
        """The five connections in Airflow's JSON form."""

        def http(name: str) -> dict[str, Any]:
            return {"conn_type": "http", "schema": "http", "host": LOOPBACK, "port": ports[name], **self.secret(name)}

        return {
            "petitions_provincial": http("provincial"),
            "petitions_smart_city": {"conn_type": "sqlite", "host": str(self.database)},
            "petitions_online_politics": {"conn_type": "fs", "extra": {"path": str(self.messages)}},
            "petitions_hotline_12345": http("hotline_12345"),
            "petitions_visits": {"conn_type": "fs", "extra": {"path": str(self.registers)}},
        }

    def _state(self) -> dict[str, Any]:
        path = self.folder / "state.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def _make_secrets(self) -> None:
        path = self.folder / "secrets.json"
        if not path.exists():
            made = {
                name: {"login": f"demo-{secrets.token_hex(4)}", "password": secrets.token_urlsafe(32)}
                for name in ("provincial", "hotline_12345")
            }
            write_private(path, made)

    def _make_year(self, seed: int) -> None:
        from platforms.demo import demo_year  # the working-day calendar is only needed to make a year

        save(self.folder / "lives.json", demo_year(seed))
        for folder in (self.messages, self.registers):
            for path in (*folder.glob("网络问政_2023????.*"), *folder.glob("来访登记_2023????.xlsx")):
                path.unlink()

    def _render(self, now: datetime) -> None:
        from platforms.online_politics import write_exports
        from platforms.smart_city import write_database
        from platforms.visits import write_registers

        lives, changes = self.lives(), load_changes(self.folder / "changes.json")
        write_database(self.database, changed(lives, [one for one in changes if one.ticket_id.startswith("smart_city:")], now), now)
        write_exports(self.messages, lives, changes, now)
        write_registers(self.registers, lives, now)


def write_private(path: Path, told: Any) -> None:
    """Aside and renamed, readable by the owner alone."""
    aside = path.with_suffix(".partial")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(told, stream, ensure_ascii=False, indent=1)
    aside.replace(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def _fingerprint() -> str:
    """Of the code that makes the year: a home made by an older one is made again."""
    digest = hashlib.sha256()
    for path in sorted((*_HERE.glob("*.py"), *(_HERE / "demo").glob("*.py"))):
        if path.name not in ("__main__.py", "processes.py", "http_service.py", "provincial.py", "hotline.py"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
