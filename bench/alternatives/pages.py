"""Follow a cursor over HTTP pages and parse them: `python pages.py requests|dlt URL`. Prints what came, as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any


def bare(url: str) -> Iterator[list[dict[str, Any]]]:
    """A session and a loop."""
    import requests

    session, cursor = requests.Session(), None
    form = {"grant_type": "client_credentials", "client_id": "bench", "client_secret": "bench"}
    token = session.post(f"{url}/oauth/token", data=form).json()["access_token"]
    while True:
        asked = {"limit": 500} | ({"cursor": cursor} if cursor else {})
        answer = session.get(f"{url}/v1/workorders", params=asked, headers={"Authorization": f"Bearer {token}"}).json()
        yield answer["items"]
        cursor = answer["nextCursor"]
        if cursor is None:
            return


def dlt(url: str) -> Iterator[list[dict[str, Any]]]:
    """dlt's client with its own paginator and token handling."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

    token = OAuth2ClientCredentials(access_token_url=f"{url}/oauth/token", client_id="bench", client_secret="bench")
    paginator = JSONResponseCursorPaginator(cursor_path="nextCursor", cursor_param="cursor")
    client = RESTClient(url, auth=token, paginator=paginator, data_selector="items")
    yield from client.paginate("/v1/workorders", params={"limit": 500})


WAYS: dict[str, Callable[[str], Iterator[list[dict[str, Any]]]]] = {"requests": bare, "dlt": dlt}


if __name__ == "__main__":
    pages = WAYS[sys.argv[1]](sys.argv[2])
    records, begun = len(next(pages)), time.perf_counter()  # what is imported on the way stays out
    records += sum(len(page) for page in pages)
    print(json.dumps({"records": records, "seconds": round(time.perf_counter() - begun, 3)}))
