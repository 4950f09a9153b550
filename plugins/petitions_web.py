"""The folder of reports on Airflow's web server, behind its log-in.

Airflow serves the applications of plugins without asking who comes, under every auth manager. Each request here goes through its own
check first: who may read the DAG ``petition_report`` may read the reports, so that Airflow's roles grant them. A browser without a session
is sent to log in.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

from petitions.settings import Settings

GUARD = Depends(requires_access_dag("GET", param_dag_id="petition_report"))
HEADERS = {
    # A report quotes what citizens wrote. It is shown as a page of no origin: nothing in it can act in Airflow for the reader.
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads allow-modals allow-popups allow-popups-to-escape-sandbox",
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@cache
def application() -> FastAPI:
    """Serves ``reports/`` of the home: its files and the page of each folder, no listings and nothing beside it."""
    app = FastAPI(dependencies=[GUARD], openapi_url=None)
    folder = StaticFiles(directory=Settings.from_environment().reports, html=True, check_dir=False)

    @app.get("/{path:path}")
    async def file(path: str, request: Request) -> Response:
        if any(part.startswith(".") for part in path.split("/")):
            raise HTTPException(404)  # a lock, or a report that is being written
        answer = await folder.get_response(path or ".", request.scope)
        answer.headers.update(HEADERS)
        return answer

    app.add_exception_handler(HTTPException, to_log_in)  # type: ignore[arg-type]
    return app


async def to_log_in(request: Request, error: HTTPException) -> Response:
    """A browser without a valid session goes to Airflow's log-in and comes back; programs get the status."""
    if error.status_code != 401 or "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, error)
    root = API_ROOT_PATH.rstrip("/")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{root}/api/v2/auth/login?next={quote(here, safe='')}", 302)
