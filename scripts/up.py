"""Airflow with scheduler and web page, and a web page of the reports, until Ctrl-C. Run by ``make up``, on this machine's loopback only."""

from __future__ import annotations

import functools
import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

REPORTS_PORT = 8081


def main() -> int:
    reports = Path(os.environ["PETITIONS_HOME"]) / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(QuietHandler, directory=str(reports))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", REPORTS_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"Airflow: http://localhost:8080 (user admin, password in {os.environ['AIRFLOW_HOME']}/admin-password.json)")
    print(f"Reports: http://localhost:{REPORTS_PORT}", flush=True)
    # Airflow starts its parts by the bare name of its command.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["AIRFLOW__PETITIONS__REPORTS_URL"] = f"http://localhost:{REPORTS_PORT}/"
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # a shell starts a background job with the interrupt ignored, and Airflow would inherit that
    airflow = subprocess.Popen([sys.executable, "-m", "airflow", "standalone"])
    # Airflow stops its parts in order when it gets the interrupt; Ctrl-C reaches it by itself, a plain kill is passed on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: airflow.send_signal(signal.SIGINT))
    return airflow.wait()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Who read which report is nobody's log."""


if __name__ == "__main__":
    sys.exit(main())
