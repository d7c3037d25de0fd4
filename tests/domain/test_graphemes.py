"""Our count of graphemes against the PDS's own: a post that we think fits must be taken."""

from __future__ import annotations

import pytest

from bot.domain.reply import split

pytestmark = pytest.mark.network

TEXTS = {
    "devanagari": "नमस्ते दुनिया क्षत्रिय स्त्री प्रार्थना ",
    "bengali": "বাংলাদেশের প্রকৃতি অত্যন্ত সুন্দর ক্ষমা ",
    "tamil": "தமிழ்நாடு க்ஷத்ரியர் ஸ்ரீ ",
    "thai": "สวัสดีชาวโลกที่นี่ร้อนมาก ",
    "arabic": "مَرْحَبًا بِالعَالَمِ ",
    "korean": "한글 한글 ",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🇧🇪🇳🇱👍🏽❤️‍🔥 ",
    "marks": "é͓̽ ä̸͙ ",
    "line ends": "a\r\nb\n",
}


@pytest.fixture(scope="module")
def writer(localnet):
    return localnet.actor("graphemes")


@pytest.mark.parametrize("script", TEXTS)
def test_the_pds_takes_every_part_of_a_split_text(writer, script):
    parts = split(TEXTS[script] * 120)

    assert len(parts) > 1
    for part in parts:
        assert writer.post(part).uri
