"""How models think aloud in plain words, where no tag parts the thought from the answer. Pure.

Such a text is not cut, because nothing tells where the thought ends: the model is told, and may mend it.
"""
# ruff: noqa: RUF001 - the letters are those of the languages

from __future__ import annotations

import re

OPENER = (
    r"ok(?:ay)?|al+right|hm+|so|well|now|first|sure|let(?: me|['’]s) (?:think|see)(?: about (?:this|it))?"
    r"|also|gut|bon|bien|bene|goed|хорошо|итак|так|tamam|好的?|嗯+|はい|さて|네|음"
)
VERB = (
    r"(?:is|was|has|wants?|wanted|asks?|asked|says?|said|seems|just|may|might|would|appears|needs?|mention(?:s|ed)"
    r"|tells|told|likes?|greet(?:s|ed)|repl(?:ies|ied)|wrote|writes|post(?:s|ed)|shares?|shared|thank(?:s|ed)"
    r"|responds?|responded)\b"
)
THE_USER = (
    rf"the user(?:['’]s\b| {VERB})|user {VERB}"
    r"|(?:de[rm]|den|die) (?:be)?nutzer(?:in)?\b|l['’](?:utilisateur|utilisatrice|utente)\b"
    r"|(?:el|la) usuari[oa]\b|[oa] (?:usuári[oa]|utilizador)\b|de gebruiker\b|kullanıcı\b|użytkowni\w+"
    r"|пользовател\w+|користувач\w*|(?:この)?ユーザー?(?:は|が|の|さん)|(?:这个|該|该)?(?:用户|用戶|使用者)"
    r"|(?:이 )?(?:사용자|유저)(?:가|는|의|님)"
)
TELL = "reply|respond|craft|draft|compose|produce"
ANSWER = r"(?:repl(?:y|ies)|respon[ds]e?|answer|post)"
INTENTION = (
    r"(?:(?:(?:we|i) (?:need to|should|must|have to)|need to) (?:just |simply |briefly |now )?"
    rf"(?:answer|acknowledge|greet|{TELL})|let['’]s (?:{TELL}))\b"
    r"|i(?:['’]ll| will| am going to) (?:reply|respond|answer)(?: to the user| (?:with|by)\b|[ \t]*:)"
    r"|i(?:['’]ll| will| should| need to) (?:now |first )?(?:remember|save|store|note|use|call)\b"
    r"[^.!?\n]{0,60}\b(?:the (?:user|note)|then (?:i(?:['’]ll| will) )?(?:reply|respond|answer)|tool)\b"
    r"|let me (?:call|use|invoke) (?:the|a|my) [\w`\"' ]{0,20}tool\b"
    rf"|let me (?:craft|draft|compose|formulate|write)\b[^.!?\n]{{0,40}}\b{ANSWER}\b"
)
THOUGHTS = (
    r"thoughts?|thinks|thinking|reasoning|rationale|(?:my )?th(?:ought|inking) process|chain of thought"
    r"|scratchpad|(?:inner|internal) (?:thoughts?|monologue|notes?)|notes? to self"
    r"|思考(?:过程)?|想法|思考過程|생각"
)
ASIDES = r"plan|draft(?: \d+)?|internal|ooc|meta|system(?: note)?"  # only before a colon
STATED = re.compile(rf"\s*(?:(?:{OPENER})[,.:!…，、。]*\s*){{0,4}}(?:{THE_USER}|{INTENTION})", re.IGNORECASE)
MARKED = re.compile(  # *thinks: ...*, // plan: ..., [note to self: ...], > Thinking: ..., 「思考」...
    r"\s*(?:(?:[-*_#>(\[{「（【]|//|/\*)\s*){1,8}"
    rf"(?:(?:{THOUGHTS})[ \t]*(?:[:：\])}}」）】]|[*_]{{1,3}}[ \t]*(?:[:：]|\n)|\n)|(?:{ASIDES})[ \t]*[:：])",
    re.IGNORECASE,
)
LABELLED = re.compile(
    r"\s*(?:(?:first |rough )?draft(?: reply| response| answer)?(?: \d+)?|notes? to self"
    r"|(?:my )?plan(?=[ \t]*[:：][ \t]*\n)|思考(?:过程)?|思考過程)[ \t]*[:：]"
    r"|[^\w\s]*[ \t]*thinking[ \t]*(?:\.{2,}|…)[ \t]*\n",
    re.IGNORECASE,
)
REMARK = re.compile(  # on a line of its own behind the answer, or about its length
    rf"\n[ \t]*(?:\*\*|__|#+[ \t]*)?(?:{THOUGHTS}|explanation(?=[ \t]*[:*_]+\s*(?:the|this|my) {ANSWER}\b)"
    r"|(?:character|word) count)(?:\*\*|__)?[ \t]*:"
    r"|(?:\A|\n)[ \t]*[(\[*]+[ \t]*note:[^)\]\n]{0,80}\b(?:characters|graphemes|character limit)\b"
    r"|[(\[*][ \t]*(?:(?:character|word) count\b[^)\]\n]{0,30}|~?\d{1,4} (?:characters|chars|graphemes))"
    r"[ \t]*[)\]*]\s*\Z",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"\{\{[ \t]*\w{1,30}[ \t]*\}\}"
    r"|[\[{<](?:(?:your|insert)\b[^\]}>\n]{0,40}"
    r"|user(?: ?name)?|name|handle|person|recipient|reply|response|answer)[\]}>](?!\()",
    re.IGNORECASE,
)


def thinks_aloud(text: str) -> bool:
    """Whether the text begins as a thought does, or remarks on itself."""
    return any(begin.match(text) for begin in (STATED, MARKED, LABELLED)) or bool(REMARK.search(text))


def has_placeholder(text: str) -> bool:
    """Whether a place is left to be filled: "Hello [name]!", "{{reply}}"."""
    return bool(PLACEHOLDER.search(text))
