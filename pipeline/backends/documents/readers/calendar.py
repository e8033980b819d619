"""Read calendars (iCalendar) and contacts (vCard): one record for each event, task or person."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.parse import Element
from pipeline.text.cleaning import clean_text

_PROPERTY = re.compile(r"(?:[\w-]+\.)?([A-Za-z-]+)((?:;[^:;\"]*(?:\"[^\"]*\"[^:;\"]*)*)*):(.*)", re.DOTALL)
_DATE_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d)(?::?\d\d)?(Z)?)?")
_PARAMETER = re.compile(r";([\w-]+)(?:=(\"[^\"]*\"|[^;]*))?")
_EVENT_NAMES = {
    "SUMMARY": "", "DTSTART": "Start", "DTEND": "End", "DUE": "Due", "DURATION": "Duration", "LOCATION": "Location",
    "RRULE": "Repeats", "RDATE": "Also on", "EXDATE": "Except", "ORGANIZER": "Organizer", "ATTENDEE": "Attendee",
    "DESCRIPTION": "Description", "STATUS": "Status", "CATEGORIES": "Categories", "URL": "URL", "COMMENT": "Comment",
    "PRIORITY": "Priority", "CONTACT": "Contact", "RESOURCES": "Resources", "COMPLETED": "Completed",
    "PERCENT-COMPLETE": "Percent complete",
}  # fmt: skip
_CONTACT_NAMES = {
    "FN": "", "NICKNAME": "Nickname", "ORG": "Organization", "TITLE": "Title", "ROLE": "Role", "TEL": "Phone",
    "EMAIL": "E-mail", "ADR": "Address", "URL": "URL", "BDAY": "Birthday", "ANNIVERSARY": "Anniversary", "NOTE": "Note",
    "CATEGORIES": "Categories", "IMPP": "Messenger", "RELATED": "Related", "GENDER": "Gender", "LANG": "Language",
}  # fmt: skip
_EVENT_TYPES = ("VEVENT", "VTODO", "VJOURNAL")


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    parameters: Mapping[str, str]
    value: str


def read_calendar(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read the events and tasks of a calendar; time zones and alarms are left out."""
    title: str | None = None
    elements: list[Element] = []
    stack: list[str] = []
    record: list[_Property] = []
    for part in _read_properties(file.text):
        if part.name == "BEGIN":
            stack.append(part.value.upper())
            record = [] if stack[-1] in _EVENT_TYPES else record
        elif part.name == "END":
            if stack and stack.pop() in _EVENT_TYPES:
                elements.append(_build_record(record, _EVENT_NAMES))
        elif part.name == "X-WR-CALNAME":
            title = part.value
        elif stack and stack[-1] in _EVENT_TYPES:
            record.append(part)
    return Reading(elements, title=title)


def read_contacts(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read the contacts of a vCard file; photos and keys are left out."""
    elements: list[Element] = []
    record: list[_Property] = []
    for part in _read_properties(file.text):
        if part.name == "BEGIN":
            record = []
        elif part.name == "END":
            if not any(inner.name == "FN" and inner.value for inner in record):
                names = [_format_name(inner) for inner in record if inner.name == "N"]
                record = [*names, *record]
            elements.append(_build_record(record, _CONTACT_NAMES))
        else:
            record.append(part)
    return Reading(elements)


def _format_name(part: _Property) -> _Property:
    # Only a structured name: family, given, additional names, prefixes.
    family, given, *rest = [*part.value.split(";"), "", ""]
    return _Property("FN", {}, " ".join(filter(None, [*reversed([value for value in rest if value]), given, family])))


def _read_properties(text: str) -> Iterator[_Property]:
    unfolded = re.sub(r"\n[ \t]", "", clean_text(text))
    # vCard 2.1 continues quoted-printable lines after a "=".
    unfolded = re.sub(r"(QUOTED-PRINTABLE[^\n]*)=\n", r"\1", unfolded, flags=re.IGNORECASE)
    for line in unfolded.split("\n"):
        match = _PROPERTY.fullmatch(line)
        if match:
            parameters = {name.upper(): (value or name).strip('"') for name, value in _PARAMETER.findall(match[2])}
            yield _Property(match[1].upper(), parameters, _decode(match[3].strip(), parameters))


def _decode(value: str, parameters: Mapping[str, str]) -> str:
    if parameters.get("ENCODING", "").upper() == "QUOTED-PRINTABLE" or "QUOTED-PRINTABLE" in parameters:
        try:
            value = quopri.decodestring(value.encode()).decode(parameters.get("CHARSET", "utf-8"), "replace")
        except LookupError:
            value = quopri.decodestring(value.encode()).decode("utf-8", "replace")
    return value


def _build_record(record: list[_Property], names: Mapping[str, str]) -> Element:
    order = list(names)
    known = sorted((part for part in record if part.name in names), key=lambda part: order.index(part.name))
    return Element("paragraph", "\n".join(filter(None, (_format(part, names[part.name]) for part in known))))


def _format(part: _Property, label: str) -> str:
    value = _format_value(part)
    if not value:
        return ""
    kinds = [kind.lower() for kind in part.parameters.get("TYPE", "").split(",") if kind] or [
        name.lower() for name in part.parameters if name in ("HOME", "WORK", "CELL", "FAX")
    ]
    kinds = [kind for kind in kinds if kind in ("home", "work", "cell", "fax", "mobile", "pager")]
    shown = f"{label} ({', '.join(kinds)})" if kinds else label
    return f"{shown}: {value}" if shown else value


def _format_value(part: _Property) -> str:
    if part.name in ("DTSTART", "DTEND", "DUE", "RDATE", "EXDATE", "COMPLETED", "BDAY", "ANNIVERSARY"):
        zone = part.parameters.get("TZID", "")
        dates = ", ".join(_DATE_TIME.sub(_format_date, value) for value in part.value.split(","))
        return f"{dates} ({zone})" if zone else dates
    if part.name in ("ORGANIZER", "ATTENDEE"):
        address = re.sub(r"^mailto:", "", part.value, flags=re.IGNORECASE)
        name = part.parameters.get("CN", "")
        return f"{name} <{address}>" if name and name != address else address
    if part.name in ("ADR", "ORG"):
        return ", ".join(filter(None, (_unescape(value).strip() for value in re.split(r"(?<!\\);", part.value))))
    value = _unescape(part.value)
    return re.sub(r"^(?:tel|mailto):", "", value) if part.name in ("TEL", "EMAIL") else value


def _format_date(match: re.Match[str]) -> str:
    year, month, day, hour, minute, utc = match.groups()
    time = f" {hour}:{minute}" if hour else ""
    return f"{year}-{month}-{day}{time}{' UTC' if utc else ''}"


def _unescape(value: str) -> str:
    text = re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], value)
    return re.sub(r"\n\s*\n", "\n", text).strip()
