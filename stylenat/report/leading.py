"""Which of several protocols of one metric speaks for it: the one that most claims name."""

from collections import Counter

from stylenat.report.load import Entry, ReportData


def planned_for(data: ReportData, metric: str) -> dict[str, list[Entry]]:
    """The measurements of models, not of controls, by the protocols of a metric that the run has."""
    found: dict[str, list[Entry]] = {}
    for entry in data.entries:
        protocol, model = data.protocols.get(entry.planned.protocol), data.models.get(entry.planned.model)
        if protocol is not None and protocol.metric == metric and model is not None and not model.control:
            found.setdefault(protocol.name, []).append(entry)
    return found


def leading(data: ReportData, metric: str) -> str:
    """The protocol of a metric that most claims name, of those that the run has; empty for none."""
    planned = planned_for(data, metric)
    named = Counter(judged.claim.protocol for judged in [*data.judged, *data.checks])
    return max(planned, key=lambda name: named[name], default="")  # the first of equals, in the plan's order
