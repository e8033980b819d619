"""Subtitles: sentences across cues with the time of their beginning."""

from tests.reading import read, text_of

SRT = """1
00:00:01,000 --> 00:00:04,000
<i>Welcome to the lecture
on tides.</i>

2
00:00:04,500 --> 00:00:06,000
ANNA: The moon pulls.

3
00:12:30,000 --> 00:12:33,000
The exam is on 14 May.
"""
VTT = """WEBVTT
Kind: captions

STYLE
::cue { color: red }

intro
00:01.000 --> 00:04.000 align:start
<v Bob>Hello <c.yellow>everyone</c> &amp; all

00:04.000 --> 00:06.000
Hello everyone & all
we start now

00:06.000 --> 00:08.000
we start now
with 42 tides
"""


def test_srt__sentences_are_joined_and_carry_their_time():
    assert text_of("a.srt", SRT) == (
        "[00:00:01] Welcome to the lecture on tides.\nANNA: The moon pulls.\n\n[00:12:30] The exam is on 14 May."
    )


def test_srt__is_found_by_its_content():
    assert read("talk.txt", SRT).media_type == "application/x-subrip"


def test_vtt__speaker_stays_and_tags_styles_and_repetitions_go():
    assert text_of("a.vtt", VTT) == "[00:00:01] Bob: Hello everyone & all we start now with 42 tides"


def test_srt__long_talk_ends_paragraphs_at_sentences():
    times = [(n, f"00:{n // 60:02}:{n % 60:02}") for n in range(1, 200)]
    cues = "\n".join(f"{n}\n{time},000 --> {time},900\nSentence {n} is here.\n" for n, time in times)
    paragraphs = text_of("a.srt", cues).split("\n\n")
    assert len(paragraphs) > 5
    assert all(text.startswith("[00:") and text.endswith(".") for text in paragraphs)


def test_vtt__a_line_that_is_a_number_stays():
    assert "42" in text_of("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n42\n\n00:03.000 --> 00:04.000\nend\n")


def test_srt__without_times_is_read_as_text():
    assert text_of("a.srt", "Just a text.") == "Just a text."
