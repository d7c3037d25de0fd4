"""Which note a correction means, in any language."""

from __future__ import annotations

import pytest

from bot.domain.corrections import corrected


@pytest.mark.parametrize(
    ("notes", "said", "meant"),
    [
        (["mora em Lisboa", "tem dois gatos", "gosta de chá"], "moro em Braga", None),  # another form
        (["says: moro em Lisboa", "says: tenho dois gatos"], "moro em Braga", 0),
        (["says: moro em Lisboa", "says: tenho dois gatos"], "tenho três gatos", 1),
        (["mein Hund heißt Rex", "ich wohne in Bonn"], "mein Hund heißt Max", 0),
        (["mein Hund heißt Rex", "ich wohne in Bonn"], "ich wohne jetzt in Köln", 1),
        (["vit à Lyon", "a une chatte qui s'appelle Mina"], "ma chatte s'appelle Nina", 1),
        (["vivo en Sevilla", "mi perro se llama Max", "trabajo de enfermera"], "mi perro se llama Rex", 1),
        (["私は東京に住んでいます", "猫が好きです"], "私は大阪に住んでいます", 0),
        (["저는 서울에 살아요", "고양이를 좋아해요"], "저는 부산에 살아요", 0),
        (["ฉันอยู่ที่กรุงเทพ", "ฉันชอบแมว"], "ฉันอยู่ที่เชียงใหม่", 0),
        (["я живу в Києві", "у мене є собака Рекс"], "я живу у Львові", 0),
        (["мій собака зветься Рекс", "я живу в Києві"], "мій собака зветься Макс", 0),
        (["İzmir'de yaşıyorum", "iki kedim var"], "Ankara'da yaşıyorum", 0),
        (["mijn hond heet Rex", "ik woon in Gent"], "mijn hond heet Max", 0),
        (["我住在台北", "我喜欢喝茶"], "我住在高雄", 0),
        (["vivo a Roma", "lavoro come medico"], "lavoro come infermiera", 1),
        (["lives in Lisbon", "has a dog called Max"], "Porto, not Lisbon", 0),
        (["lives in Lisbon", "likes tea"], "I am a nurse", None),
        (["moro em Lisboa", "moro em Lisboa com a Ana"], "moro em Braga", None),  # which of the two?
        ([], "moro em Braga", None),
        (["", "…"], "moro em Braga", None),
        (["moro em Lisboa"], "…", None),
    ],
)
def test_the_note_that_shares_most_with_a_correction_is_meant_if_that_is_plain(notes, said, meant):
    assert corrected(notes, said) == meant
