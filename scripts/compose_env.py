"""Write ``.env`` for docker-compose.yml: every password at random. What the file already holds stays."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

PASSWORDS = (
    "POSTGRES_PASSWORD",
    "AIRFLOW_DB_PASSWORD",
    "WAREHOUSE_DB_PASSWORD",
    "REDIS_PASSWORD",
    "ADMIN_PASSWORD",
    "API_SECRET_KEY",
    "JWT_SECRET",
)


def complete(text: str) -> str:
    """The lines of ``text`` and one more for every name that it lacks."""
    present = {line.partition("=")[0].strip() for line in text.splitlines()}
    made = [f"{name}={secrets.token_hex(24)}\n" for name in PASSWORDS if name not in present]
    if "FERNET_KEY" not in present:
        made.append(f"FERNET_KEY={base64.urlsafe_b64encode(os.urandom(32)).decode()}\n")
    if "COMPOSE_PROFILES" not in present:
        made.append("COMPOSE_PROFILES=office\n")
    return text + ("\n" if text and not text.endswith("\n") else "") + "".join(made)


def main(path: Path) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    aside = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(complete(text))
    aside.replace(path)
    print(f"{path}: complete; the first user is admin, the password is ADMIN_PASSWORD in it")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
