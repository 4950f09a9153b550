"""Where the platforms and the warehouse are: Airflow connections, read without importing Airflow where they stand in the
environment (``AIRFLOW_CONN_<ID>`` as JSON or URI), and through Airflow (metadata database, secrets backends) otherwise."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class ConnectionMissing(Exception):
    """No connection of that id stands anywhere."""


@dataclass(frozen=True)
class Connection:
    """The fields of an Airflow connection. ``repr`` hides the password."""

    conn_id: str
    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


def get(conn_id: str) -> Connection:
    """The connection ``conn_id``.

    :raises ConnectionMissing: naming the variable to set.
    :raises ValueError: where the variable holds neither JSON nor a URI.
    """
    text = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    if text:
        return parse(conn_id, text)
    if "AIRFLOW_HOME" in os.environ or "airflow" in sys.modules:
        return _from_airflow(conn_id)
    raise ConnectionMissing(
        f"connection {conn_id} is not set: export AIRFLOW_CONN_{conn_id.upper()}, or AIRFLOW_HOME where Airflow holds it"
    )


def parse(conn_id: str, text: str) -> Connection:
    """Read a connection written as JSON or as a URI, the two forms that Airflow takes."""
    if text.lstrip().startswith("{"):
        return _from_json(conn_id, text)
    return _from_uri(conn_id, text)


def _from_json(conn_id: str, text: str) -> Connection:
    told = _object(conn_id, text)
    return Connection(
        conn_id=conn_id,
        conn_type=told.get("conn_type") or "",
        host=_text(told.get("host")),
        port=_port(conn_id, told.get("port")),
        login=_text(told.get("login")),
        password=_text(told.get("password")),
        schema=_text(told.get("schema")),
        extra=_object(f"{conn_id} extra", told.get("extra") or {}),
    )


def _from_uri(conn_id: str, text: str) -> Connection:
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError(f"connection {conn_id}: expected JSON or a URI such as http://login:password@host:port/schema")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        port = parts.port
    except ValueError:
        port = _port(conn_id, parts.netloc.rpartition(":")[2])
    return Connection(
        conn_id=conn_id,
        conn_type=parts.scheme.replace("-", "_"),
        host=unquote(parts.hostname) if parts.hostname else None,
        port=port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path.lstrip("/")) or None,
        extra=_object(f"{conn_id} __extra__", query["__extra__"]) if "__extra__" in query else query,
    )


def _object(what: str, told: Any) -> dict[str, Any]:
    """Messages quote nothing: a secret may stand anywhere."""
    try:
        found = json.loads(told) if isinstance(told, str) else told
    except json.JSONDecodeError as error:
        raise ValueError(f"connection {what}: expected JSON or a URI, found broken JSON at character {error.pos}") from None
    if not isinstance(found, dict):
        raise ValueError(f"connection {what}: expected an object in JSON, {{…}}, found another type")
    return found


def _port(conn_id: str, told: Any) -> int | None:
    if told in (None, ""):
        return None
    if not str(told).isdecimal() or not 0 < int(told) < 65536:
        raise ValueError(f"connection {conn_id}: port: expected a number from 1 to 65535, found another value")
    return int(told)


def _text(told: Any) -> str | None:
    """A password of digits alone is often written without quotation marks."""
    return None if told is None else str(told)


def _from_airflow(conn_id: str) -> Connection:
    from airflow.sdk import Connection as AirflowConnection

    try:
        found = AirflowConnection.get(conn_id)
    except Exception as error:
        raise ConnectionMissing(
            f"connection {conn_id} is not set: export AIRFLOW_CONN_{conn_id.upper()} or run `airflow connections add {conn_id}`"
        ) from error
    return Connection(
        conn_id=conn_id,
        conn_type=found.conn_type or "",
        host=found.host,
        port=found.port,
        login=found.login,
        password=found.password,
        schema=found.schema,
        extra=dict(found.extra_dejson),
    )
