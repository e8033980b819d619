"""Extract text of Office files that the document library ignores: charts and SmartArt."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.backends.documents.readers.charts import read_chart, read_diagram
from pipeline.backends.documents.readers.ooxml import Package
from pipeline.parse import Element

_CHART = re.compile(r"(?:ppt|xl)/charts/chart(?:Ex)?\d*\.xml")
_DIAGRAM = re.compile(r"(?:ppt|xl)/diagrams/data\d*\.xml")


def find_missed_elements(content: bytes, known: Iterable[Element]) -> tuple[list[Element], list[str]]:
    """Return the elements of charts and diagrams, without lines of diagrams that are among the elements.

    The second list has a warning for each damaged part.
    """
    known_lines = {line.strip() for element in known for line in element.text.split("\n")}
    elements: list[Element] = []
    package = Package(content)
    for name in sorted(package.names):
        root = package.parse(name) if _CHART.fullmatch(name) or _DIAGRAM.fullmatch(name) else None
        if root is None:
            continue
        if _CHART.fullmatch(name):
            elements += read_chart(root)
            continue
        lines = [line for each in read_diagram(root) for line in each.text.split("\n") if line not in known_lines]
        elements.append(Element("paragraph", "\n".join(lines)))
    return elements, [f"The part {name} is damaged and was left out." for name in package.damaged]
