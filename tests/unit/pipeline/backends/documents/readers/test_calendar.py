"""Calendars and contacts: one record each, with readable dates and labels."""

from tests.reading import read, text_of

CALENDAR = """BEGIN:VCALENDAR
X-WR-CALNAME:Choir
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Berlin:20260304T193000
SUMMARY:Rehearsal\\, big hall
RRULE:FREQ=WEEKLY;BYDAY=WE
DESCRIPTION:Bring sco
 res\\n\\nand water
ATTENDEE;CN="Falk, Sigrid":mailto:s@example.org
BEGIN:VALARM
DESCRIPTION:alarm
END:VALARM
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260501
SUMMARY:Holiday
END:VEVENT
END:VCALENDAR
"""
CONTACTS = """BEGIN:VCARD
VERSION:3.0
FN:Dr. Sigrid Falk
item1.TEL;TYPE=CELL,VOICE:0170 1234
ADR;TYPE=HOME:;;Strandweg 4;Norderby;;12345;Germany
PHOTO;ENCODING=b:AAAA
 BBBB
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;K=C3=A4the
END:VCARD
"""


def test_calendar__event_is_one_record():
    document = read("a.ics", CALENDAR)
    assert document.title == "Choir"
    assert document.blocks[0].text.split("\n\n") == [
        (
            "Rehearsal, big hall\nStart: 2026-03-04 19:30 (Europe/Berlin)\nRepeats: FREQ=WEEKLY;BYDAY=WE\n"
            "Attendee: Falk, Sigrid <s@example.org>\nDescription: Bring scores\nand water"
        ),
        "Holiday\nStart: 2026-05-01",
    ]


def test_contacts__person_is_one_record():
    assert text_of("a.vcf", CONTACTS).split("\n\n") == [
        "Dr. Sigrid Falk\nPhone (cell): 0170 1234\nAddress (home): Strandweg 4, Norderby, 12345, Germany",
        "Käthe Müller",
    ]
