"""What the checks found in the newest batch of every lane that held records, as Data Docs of Great Expectations: ``reports/checks/``.

Only counts go in, never a value that was found: Data Docs would print it. The pages open without a network, as a report does: what Great
Expectations would have a browser fetch from elsewhere is cut out, and a page of our own lists them. ``checks/`` of the home holds the
results they are made from, in the form of Great Expectations.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petitions.model import BEIJING, SOURCE_LABELS, SOURCES
from petitions.quality import TICKET_SUITE, Suite, Tally, great_expectations
from petitions.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

    from petitions.landing import Manifest

SITE = "checks"
# A page's styles, scripts and pictures from elsewhere, and the advertisement at its foot.
_FOREIGN = re.compile(
    r"<script[^>]*\bsrc=\"?https?:[^>]*>\s*</script>|<link[^>]*\bhref=\"?https?:[^>]*>|<img[^>]*\bsrc=\"?https?:[^>]*>|<footer\b.*?</footer>",
    re.DOTALL,
)
_STYLE = (
    "<style>body{font-family:sans-serif;margin:24px;color:#222}table{border-collapse:collapse}td,th{border:1px solid #ccc;"
    "padding:4px 8px;text-align:left}a{color:#14508c}.text-success::before{content:'✓'}.text-danger::before{content:'✗'}"
    ".text-success{color:#2a7}.text-danger{color:#a33}</style>"
)


def publish(settings: Settings, manifest: Manifest, suites: Sequence[Suite]) -> Path:
    """Write the pages of one lane anew, from what its suites have added up over the batch; the index page."""
    from filelock import FileLock

    results, site = settings.home / "checks", settings.reports / SITE
    results.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(results / ".lock"):
        context = _context(results, site)
        named = [_keep(context, results, manifest, suite) for suite in suites]
        for suite in suites:
            shutil.rmtree(site / "validations" / suite.name / manifest.source, ignore_errors=True)
        context.build_data_docs(resource_identifiers=named, build_index=False)  # the index is ours
        for page in (site / "validations").rglob("*.html"):
            _free(page)
        for page in (site / "expectations").glob("*.html"):
            _free(page)
        for folder in ("images", "fonts"):
            shutil.rmtree(site / "static" / folder, ignore_errors=True)
        return _index(results, site)


def _context(results: Path, site: Path) -> AbstractDataContext:
    gx = great_expectations()
    from great_expectations.data_context.types.base import DataContextConfig

    memory = {"class_name": "InMemoryStoreBackend"}
    config = DataContextConfig(
        config_version=4.0,
        expectations_store_name="expectations",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        stores={
            "expectations": {"class_name": "ExpectationsStore", "store_backend": _folder(CHECKOUT / "expectations")},
            "results": {"class_name": "ValidationResultsStore", "store_backend": _folder(results)},
            "checkpoints": {"class_name": "CheckpointStore", "store_backend": memory},
            "validation_definition_store": {"class_name": "ValidationDefinitionStore", "store_backend": memory},
        },
        data_docs_sites={SITE: {"class_name": "SiteBuilder", "show_how_to_buttons": False, "store_backend": _folder(site)}},
        progress_bars={"globally": False},
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _folder(path: Path) -> dict[str, Any]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(path), "suppress_store_backend_id": True}


def _keep(context: AbstractDataContext, results: Path, manifest: Manifest, suite: Suite) -> Any:
    """Store what a suite found, in place of the lane's earlier batch; the identifier of the result."""
    gx = great_expectations()
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult, RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    found = []
    for number, expectation in suite.expectations.items():
        tally = suite.tallies.get(number, Tally())
        # A check that says nothing of a batch (yellow and within its bounds, or on too few records) has not failed.
        success = not tally.unexpected if expectation.meta["level"] == "red" else suite.told(number) is None
        nothing = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
        config = expectation.configuration
        found.append(ExpectationValidationResult(success=success, expectation_config=config, result=_counts(tally), exception_info=nothing))
    run = RunIdentifier(run_name=manifest.source, run_time=manifest.fetched_at)
    name = ExpectationSuiteIdentifier(suite.name)
    identifier = ValidationResultIdentifier(expectation_suite_identifier=name, run_id=run, batch_identifier=manifest.batch_id)
    good = sum(bool(one.success) for one in found)
    whole = ExpectationSuiteValidationResult(
        success=good == len(found),
        results=found,
        suite_name=suite.name,
        statistics={
            "evaluated_expectations": len(found),
            "successful_expectations": good,
            "unsuccessful_expectations": len(found) - good,
            "success_percent": 100 * good / len(found) if found else None,
        },
        meta={"run_id": run, "great_expectations_version": gx.__version__, "batch_id": manifest.batch_id},
    )
    shutil.rmtree(results / suite.name / manifest.source, ignore_errors=True)
    context.validation_results_store.set(identifier, whole)
    return identifier


def _counts(tally: Tally) -> dict[str, Any]:
    return {
        "element_count": tally.checked + tally.missing,
        "missing_count": tally.missing,
        "unexpected_count": tally.unexpected,
        "unexpected_percent": 100 * tally.share,
        "unexpected_percent_nonmissing": 100 * tally.share,
    }


def _free(page: Path) -> None:
    told = page.read_text(encoding="utf-8")
    if _STYLE not in told:
        page.write_text(_FOREIGN.sub("", told).replace("</head>", _STYLE + "</head>", 1), encoding="utf-8")


def _index(results: Path, site: Path) -> Path:
    """One line per lane and suite."""
    from jinja2 import Environment, FileSystemLoader

    rows = []
    for source in SOURCES:
        for suite in (source, TICKET_SUITE):
            for file in sorted(results.glob(f"{suite}/{source}/*/*.json")):
                statistics = json.loads(file.read_text(encoding="utf-8"))["statistics"]
                at = datetime.strptime(file.parent.name, "%Y%m%dT%H%M%S.%f%z").astimezone(BEIJING)
                kept = file.relative_to(results).with_suffix(".html")
                rows.append(
                    {
                        "label": SOURCE_LABELS[source],
                        "suite": "统一格式" if suite == TICKET_SUITE else "平台原始字段",
                        "at": f"{at:%Y-%m-%d %H:%M:%S}",
                        "checked": statistics["evaluated_expectations"],
                        "failed": statistics["unsuccessful_expectations"],
                        "page": f"validations/{kept.as_posix()}",
                    }
                )
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "report" / "templates"), autoescape=True)
    page = site / "index.html"
    page.write_text(templates.get_template("checks.html").render(rows=rows), encoding="utf-8")
    return page
