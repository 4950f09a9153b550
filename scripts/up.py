"""Airflow with scheduler and web page, the reports in it, until Ctrl-C. Run by ``make up``, on this machine's loopback only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def main() -> int:
    print(f"Airflow: http://localhost:8080 (user admin, password in {os.environ['AIRFLOW_HOME']}/admin-password.json)")
    print("Reports: http://localhost:8080/petition-reports/ (信访报表 in Airflow's menu)", flush=True)
    # Airflow starts its parts by the bare name of its command.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # a shell starts a background job with the interrupt ignored, and Airflow would inherit that
    airflow = subprocess.Popen([sys.executable, "-m", "airflow", "standalone"])
    # Airflow stops its parts in order when it gets the interrupt; Ctrl-C reaches it by itself, a plain kill is passed on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: airflow.send_signal(signal.SIGINT))
    return airflow.wait()


if __name__ == "__main__":
    sys.exit(main())
