"""Mail: the body once, attachments under their name, and a report of what was not read."""

from email.message import EmailMessage

import pytest

from tests.reading import read, text_of

PAGE = "<html><body><h1>Tours</h1><p>Tours start at 14:20 &amp; cost 8 EUR.</p></body></html>"


def mail(subject="Key", text="Under the mat.", sender="Anna <anna@example.org>"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "list@example.org", subject
    message["Date"] = "Wed, 04 Mar 2026 18:00:00 +0100"
    message.set_content(text)
    return message


def test_mail__headers_are_decoded_and_the_subject_is_the_title():
    document = read("a.eml", bytes(mail("Schlüssel der Mühle", sender="Käthe <k@example.org>")))
    assert document.title == "Schlüssel der Mühle"
    assert document.blocks[0].text == (
        "Subject: Schlüssel der Mühle\nFrom: Käthe <k@example.org>\nTo: list@example.org\n"
        "Date: Wed, 04 Mar 2026 18:00:00 +0100\n\nUnder the mat."
    )


def test_mail__attachments_are_read_and_the_others_reported():
    message = mail()
    message.add_attachment("Task;Person\nMusic;Elin\n", subtype="csv", filename="tasks.csv")
    message.add_attachment(mail("Inner", "The code is 5518."))
    message.add_attachment(b"\xff\xd8\xff\xe0\x00\x01", "audio", "mpeg", filename="song.mp3")
    message.add_attachment(b"xyz", "application", "ms-tnef", filename="winmail.dat")
    document = read("a.eml", bytes(message))
    headings = {block.headings: block.text for block in document.blocks}
    assert "| Music | Elin |" in headings["Attachment: tasks.csv",]
    assert "The code is 5518." in headings["Attachment: Inner.eml",]
    (unread,) = document.unread
    assert (unread.kind, unread.count, unread.total) == ("attachments", 2, 4)
    assert "song.mp3 (" in unread.where
    assert "winmail.dat (Outlook format)" in unread.where


def test_mail__the_same_attachment_is_read_once():
    message = mail()
    for name in ("a.csv", "copy.csv"):
        message.add_attachment("Task;Person\nMusic;Elin\n", subtype="csv", filename=name)
    assert text_of("a.eml", bytes(message)).count("Elin") == 1


def test_mail__inside_mail_inside_mail_stops_at_the_depth_limit():
    message = mail("level 0")
    for level in range(1, 8):
        outer = mail(f"level {level}", f"text {level}")
        outer.add_attachment(message)
        message = outer
    document = read("a.eml", bytes(message))
    assert "text 4" in "".join(block.text for block in document.blocks)
    assert "nested" in document.unread[0].where


def test_mail__pictures_of_the_layout_are_no_attachments():
    message = mail()
    message.add_alternative('<p>Under the mat.</p><img src="cid:logo">', subtype="html")
    message.get_payload()[1].add_related(b"\x89PNG\r\n\x1a\n1", "image", "png", cid="<logo>")
    document = read("a.eml", bytes(message))
    assert document.unread == ()
    assert document.blocks[0].text.count("Under the mat.") == 1


@pytest.mark.parametrize("stub", ["Please use a client that shows HTML.", ""])
def test_mail__html_is_read_if_the_text_is_a_stub(stub):
    message = mail(text=stub)
    message.add_alternative("<p>" + "The gate code is 5518 &amp; more. " * 5 + "</p>", subtype="html")
    text = text_of("a.eml", bytes(message))
    assert "The gate code is 5518 & more." in text
    assert "client" not in text


def test_mail__html_is_read_if_it_strikes_out_what_the_text_shows_as_valid():
    message = mail(text="The fee is 5 EUR 6 EUR.")
    message.add_alternative("<p>The fee is <s>5 EUR</s> 6 EUR.</p>", subtype="html")
    assert "The fee is ~~5 EUR~~ 6 EUR." in text_of("a.eml", bytes(message))


def test_mail__html_cells_and_paragraphs_stay_apart():
    message = mail()
    message.set_content(
        "<p>One</p><table><tr><th>Gate</th><th>Code</th></tr><tr><td>A</td><td>5518</td></tr></table>", "html"
    )
    text = text_of("a.eml", bytes(message))
    assert "| Gate | Code |" in text
    assert "| A | 5518 |" in text


def test_mail__encrypted_content_is_reported():
    message = mail()
    message.replace_header("Content-Type", 'application/pkcs7-mime; name="smime.p7m"')
    message["Content-Disposition"] = 'attachment; filename="smime.p7m"'
    (unread,) = read("a.eml", bytes(message)).unread
    assert unread.where == "smime.p7m (encrypted or signed)"


def test_mailbox__mails_are_sections_and_quotations_are_not_repeated():
    first, second = (
        mail("Key", "Where is it?\nIt is cold."),
        mail("Re: Key", "> Where is it?\n> It is cold.\n\nUnder the mat."),
    )
    content = b"".join(
        b"From anna@example.org Wed Mar  4 18:00:00 2026\n" + bytes(part) + b"\n" for part in (first, second)
    )
    document = read("list.mbox", content)
    assert [block.headings for block in document.blocks] == [("Key",), ("Re: Key",)]
    assert document.title == "list"
    assert sum(block.text.count("It is cold.") for block in document.blocks) == 1


def test_mhtml__is_read_as_a_page():
    content = (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/tours\r\nSubject: Tours\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/html\r\nContent-Location: https://example.org/tours\r\n\r\n{PAGE}\r\n"
        "--b\r\nContent-Type: text/css\r\nContent-Location: cid:1\r\n\r\nbody { color: red }\r\n--b--\r\n"
    )
    document = read("tours.mhtml", content)
    assert document.title == "Tours"
    assert document.blocks[0].text == "Tours start at 14:20 & cost 8 EUR."


def test_mail__header_with_raw_bytes_is_readable():
    raw = (
        "From: Käthe <k@example.org>\nTo: x@example.org\nSubject: Mühle\nDate: Wed, 4 Mar 2026 18:00:00 +0100\n\nText."
    )
    for encoding in ("utf-8", "latin-1"):
        assert "Subject: Mühle\nFrom: Käthe" in text_of("a.eml", raw.encode(encoding))


def test_mail__flowed_lines_are_joined_and_the_signature_stays():
    content = (
        "From: a@example.org\nTo: b@example.org\nSubject: Flow\nDate: Wed, 04 Mar 2026 18:00:00 +0100\n"
        "Content-Type: text/plain; format=flowed\n\nA long \nline that goes \non.\n-- \nAnna\n"
    )
    assert text_of("a.eml", content).endswith("\n\nA long line that goes on.\n-- \nAnna")


def test_mhtml__that_word_saved_has_the_title_of_its_page():
    content = (
        'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\nA Single File Web Page.\r\n\r\n'
        "--b\r\nContent-Location: file:///C:/plan.htm\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        'Content-Type: text/html; charset="windows-1252"\r\n\r\n'
        "<html><head><title>Plan</title></head><body><p>Caf=E9 opens at 8.</p></body></html>\r\n--b--\r\n"
    )
    document = read("x.mht", content)
    assert document.title == "Plan"
    assert document.blocks[0].text == "Café opens at 8."


def test_mail__invitation_is_read():
    message = mail()
    event = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Boat trip\nDTSTART:20260501T090000Z\nEND:VEVENT\nEND:VCALENDAR\n"
    message.add_alternative(event, subtype="calendar")
    assert "Boat trip\nStart: 2026-05-01 09:00 UTC" in text_of("a.eml", bytes(message))


def test_mailbox__long_lines_take_linear_time():
    line = b"From " + b"1" * 300_000
    assert b"1" * 50 in text_of("a.mbox", bytes(mail()) + b"\n" + line).encode()
