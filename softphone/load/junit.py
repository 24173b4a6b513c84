"""A report as JUnit XML: a test case for each objective, as CI systems read it."""

from xml.etree.ElementTree import Element, SubElement, tostring

from softphone.load.report import LoadReport

__all__ = ["junit"]


def junit(report: LoadReport) -> bytes:
    """Write the file: an objective that did not hold is a failure; of a void run all are errors."""
    verdicts = report.verdicts
    failures = 0 if report.void else sum(not verdict.held for verdict in verdicts)
    suite = Element("testsuite", name="softphone load", tests=str(len(verdicts)), time=f"{report.seconds:g}")
    suite.set("failures", str(failures))
    suite.set("errors", str(len(verdicts) if report.void else 0))
    for verdict in verdicts:
        case = SubElement(suite, "testcase", classname="softphone.load", name=verdict.objective)
        if report.void:
            SubElement(case, "error", message="; ".join(report.void))
        elif not verdict.held:
            SubElement(case, "failure", message=str(verdict)).text = "\n".join(_reasons(report, verdict.objective))
    text: bytes = tostring(suite, encoding="utf-8", xml_declaration=True)
    return text


def _reasons(report: LoadReport, objective: str) -> list[str]:
    if objective == "hearing":
        return [str(fault) for fault in report.faults]
    if objective == "max_failures":
        return [f"{count} x {cause}" for cause, count in (report.failures | report.dropped).items()]
    return []
