"""Languages: stop words, detection of a text's language, names of months, words that mean "before".

The stop words are the most frequent words of each language in any corpus.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STOP_WORD_LISTS = {
    "ca": "el la els les de del que i a en un una és amb per no es va són això com més però ha què jo",
    "cs": "a se v na je že to s z do si jsem ale jak tak už mám jsou co když pro by být moje můj byl",
    "da": "og i at det er en den til på jeg de med for der ikke har som et vi min mit hvad du var af",
    "de": "der die das und ich ist nicht ein eine zu den mit auf für in es dem sich auch mein wie war von",
    "en": "the a an and to of in is it i my you that for on with was are have do did what at be this me"
    " your i'm it's don't that's",
    "es": "el la los las de que y a en un una es con por no se para mi lo como más pero yo qué tengo está",
    "et": "ja on ei see et ma oli mis kui ka aga mu seda oma mul nii siis veel või minu sa ta me",
    "eu": "eta da ez bat dut nire zer zen du dira ere baina nik hau izan naiz oso",
    "fi": "ja on ei se että olen minun mutta oli mitä kun niin myös minä sen ovat hän joka nyt vain tai",
    "fr": "le la les de des et à un une est en que je pas mon ma du dans pour il ce qui avec sur au suis",
    "ga": "agus an na is tá ar le i bhí mé go do sé sin mo níl ní ach seo leis",
    "hu": "a az és hogy nem egy is van meg ez de volt mi csak én már vagy nagyon mint kell azt",
    "id": "yang dan di ini itu saya dengan untuk tidak dari ada ke aku apa akan sudah bisa juga kamu pada",
    "it": "il la le di che e un una è in per non con sono mi del della ho ma come cosa gli mio mia più",
    "lt": "ir yra ne tai kad aš su bet mano kaip iš buvo į ką jau dar tik man kas per",
    "nl": "de het een en ik van is niet in dat te op zijn met voor mijn je er aan maar ook heb wat die was",
    "no": "og i det er en jeg på til ikke som med har den for av et min mitt hva vi de men så du var",
    "pl": "i w na nie się z do że to jest jak ale mam co o po za już mój moja tak czy dla jestem są",
    "pt": "o a os as de que e um uma é em para não com do da no na eu meu minha mas por como foi está são",
    "ro": "și de la în a un o nu este pe cu că să mai din sunt am ce care dar pentru mea meu era",
    "sv": "och i att det är en jag på som inte med för av den har till ett min mitt vad de men så om var",
    "tr": "ve bir bu da de ne için çok ben var mi değil ile ama gibi daha benim en o şey oldu",
}
STOP_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {lang: frozenset(words.split()) for lang, words in STOP_WORD_LISTS.items()}
)
SCRIPTS = (  # script, the language most often written in it, letters that only another language in it has
    (r"\p{Cyrillic}", "ru", ((r"[ђјљњћџ]", "sr"), (r"[іїєґў]", "uk"))),
    (r"\p{Greek}", "el", ()),
    (r"\p{Armenian}", "hy", ()),
    (r"\p{Hebrew}", "he", ()),
    (r"\p{Arabic}", "ar", ((r"[پچژگ]", "fa"),)),
    (r"\p{Devanagari}", "hi", ()),
    (r"\p{Tamil}", "ta", ()),
    (r"\p{Hangul}", "ko", ()),
    (r"[\p{Han}\p{Hiragana}\p{Katakana}]", "zh", ((r"[\p{Hiragana}\p{Katakana}]", "ja"),)),
    (r"\p{Thai}", "th", ()),
)
LATIN_OR_NOT = regex.compile(r"(\p{Latin})|\p{L}")


def detect(text: str, words: Sequence[str], hint: str | None = None) -> str | None:
    """The language of a text (ISO 639-1), by its script and the stop words among its `words`.

    `hint` is the language that the text declares; it decides where the words do not. None: unknown.
    """
    latin = [bool(letter) for letter in LATIN_OR_NOT.findall(text)]
    if latin and 2 * sum(latin) < len(latin):
        return _by_script(text)
    scores = {lang: sum(word in stop for word in words) for lang, stop in STOP_WORDS.items()}
    best = max(scores.values())
    ahead = [lang for lang, score in scores.items() if score == best > 0]
    if len(ahead) == 1:
        return ahead[0]
    return hint if not ahead or hint in ahead else None


def _by_script(text: str) -> str | None:
    counts = [(len(regex.findall(script, text)), lang, others) for script, lang, others in SCRIPTS]
    count, usual, others = max(counts, key=lambda each: each[0])
    lang = next((lang for letters, lang in others if regex.search(letters, text)), usual)
    return lang if count else None


MONTH_NAMES = """
january jan januar janvier enero janeiro gennaio januari styczeń январь января ocak tammikuu
february feb februar février fevrier febrero fevereiro febbraio februari luty февраль февраля şubat helmikuu
march märz mars marzo março maart marzec март марта mart maaliskuu
april apr avril abril aprile kwiecień апрель апреля nisan huhtikuu
may mai mayo maio maggio mei maj май мая mayıs toukokuu
june jun juni juin junio junho giugno czerwiec июнь июня haziran kesäkuu
july jul juli juillet julio julho luglio lipiec июль июля temmuz heinäkuu
august aug août agosto augustus sierpień август августа ağustos elokuu
september sep septembre septiembre setembro settembre wrzesień сентябрь сентября eylül syyskuu
october oct oktober octobre octubre outubro ottobre październik октябрь октября ekim lokakuu
november nov novembre noviembre novembro listopad ноябрь ноября kasım marraskuu
december dec dezember décembre diciembre dezembro dicembre grudzień декабрь декабря aralık joulukuu
"""
MONTHS: Mapping[str, int] = MappingProxyType(
    {name: month for month, names in enumerate(MONTH_NAMES.strip().splitlines(), 1) for name in names.split()}
)
BEFORE = {  # words for what was true and is no longer, by language; a regular expression each
    "ar": "قبل|سابقا|سابقاً|سابقًا",
    "ca": "abans|antigament|anteriorment",
    "cs": "dříve|předtím|kdysi",
    "da": "før|tidligere|førhen",
    "de": "früher|vorher|damals|ehemals|zuvor",
    "el": "πριν|παλιά|προηγουμένως",
    "en": "used to|before|previous|previously|former|formerly|earlier|originally|back then|in the past"
    "|no longer",
    "es": "antes|anteriormente|solía",
    "et": "varem|enne|ennem",
    "eu": "lehen|lehenago|aurretik",
    "fa": "قبلا|قبلاً|پیشتر|سابقا",
    "fi": "ennen|aiemmin|aikaisemmin",
    "fr": "avant|autrefois|auparavant|jadis",
    "ga": "roimhe|roimhe seo|tráth",
    "he": "לפני|בעבר|קודם",
    "hi": "पहले|पूर्व में",
    "hu": "korábban|azelőtt|régen",
    "hy": "նախկինում|առաջ",
    "id": "dulu|dahulu|sebelumnya",
    "it": "prima|una volta|in passato",
    "ko": r"(?:예전|이전|전에)\w*",
    "lt": "anksčiau|seniau|prieš tai",
    "nl": "vroeger|voorheen|eerder",
    "no": "før|tidligere",
    "pl": "dawniej|wcześniej|kiedyś|przedtem",
    "pt": "antes|antigamente|costumava|anteriormente",
    "ro": "înainte|odinioară|mai demult",
    "ru": "раньше|прежде|ранее",
    "sr": "раније|некада|пре",
    "sv": "förut|tidigare|förr|innan",
    "ta": "முன்பு|முன்னர்|முன்னால்",
    "tr": "önce|önceden|eskiden",
    "uk": "раніше|колись|перед тим",
}
UNSPACED_BEFORE = r"以前|かつて|(?<![\p{Han}の])前は|昔|之前|从前|從前|曾经|曾經|เมื่อก่อน"
# Finds a query about the past.
PAST = regex.compile(
    rf"\b(?:{'|'.join(BEFORE.values())})\b|{UNSPACED_BEFORE}".replace(" ", r"\s+"), regex.IGNORECASE
)
# Words of an answer that knows nothing, by language.
NOT_KNOWING: Mapping[str, str] = MappingProxyType(
    {
        "de": "weiß nicht keine ahnung leider noch nie gesagt erzählt erwähnt erzähl verrat sag mir "
        "erinnere erinnern notizen nichts darüber davon sicher wissen beantworten frage antwort",
        "en": "know don't doesn't didn't haven't hasn't can't cannot couldn't isn't not sure idea clue "
        "sorry afraid unfortunately yet tell telling told say said share shared mention mentioned "
        "mentioning remember recall notes memory nothing anything something never answer question "
        "find found have hmm no about",
        "es": "sé idea lo siento todavía aún nunca dijiste dicho contado cuentas cuéntame dime recuerdo "
        "mencionado mencionaste notas nada segura seguro saber respuesta pregunta",
        "fr": "sais pas aucune idée désolé désolée encore jamais dit raconté mentionné raconte dis "
        "souviens notes rien sûr sûre savoir réponse question",
        "it": "so idea mi dispiace ancora mai detto raccontato menzionato dimmi raccontami ricordo "
        "appunti niente nulla sicuro sicura sapere risposta domanda",
        "ja": "知りません 知らない 分かりません わかりません 分からない わからない "
        "ごめん すみません まだ 聞いていません 聞いていない "
        "教えて ください 覚えていません 覚えていない メモ ありません",
        "ko": "몰라요 모르겠어요 모릅니다 죄송해요 미안해요 아직 말해 알려 주세요 기억 없어요 들은",
        "nl": "weet niet geen idee sorry helaas nog nooit verteld gezegd genoemd vertel zeg herinner "
        "notities niets zeker weten antwoord vraag",
        "pt": "sei ideia desculpe desculpa ainda nunca disse contou mencionou conte conta diga lembro "
        "notas nada certeza saber resposta pergunta",
        "th": "ไม่รู้ ไม่ทราบ ขอโทษ ยังไม่ บอก จำไม่ได้ เคยบอก",
        "tr": "bilmiyorum bilgim fikrim yok üzgünüm maalesef henüz daha hiç söylemedin söyledin "
        "anlattın anlat söyle hatırlamıyorum notlarımda emin değilim cevap soru",
        "uk": "знаю уявлення вибач вибачте поки ще ніколи казав казала казали розповідав розкажи скажи "
        "пам'ятаю нотатках нічого впевнений впевнена відповідь питання",
    }
)
