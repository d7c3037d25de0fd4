"""Everything memory raises.

MemoryFault
 +-- EditRefused       the edit breaks a rule; the message tells a brain how to correct it
 +-- UnknownPerson     nobody of that DID or handle
 +-- UnknownNote       no note, or passage, of that id
 +-- UnknownRevision   no revision of that id in this person's history
 +-- ImportRefused     the document is malformed or foreign, or contradicts what is here
 +-- SchemaNewer       the database was written by a newer scrubjay
 +-- SchemaOlder       the database was written by an older scrubjay
 +-- DatabaseUnavailable   the database cannot be opened
 |    +-- DatabaseUrlWrong  no database can be opened by this URL, now or later
 +-- AnotherPerson     a transaction that is bound to one person was asked about another
 +-- EncoderMissing    the package of this encoder is not installed
"""

from __future__ import annotations


class MemoryFault(Exception):
    """Memory could not do what was asked."""

    def __str__(self) -> str:
        return " ".join([(self.__doc__ or "").split("\n")[0], *map(str, self.args)])


class EditRefused(MemoryFault):
    """The memory was not changed:"""


class UnknownPerson(MemoryFault):
    """Nobody is remembered under this DID or handle:"""


class UnknownNote(MemoryFault):
    """There is no such note:"""


class UnknownRevision(MemoryFault):
    """There is no such revision in this person's history:"""


class ImportRefused(MemoryFault):
    """Nothing of this person was imported:"""


class SchemaNewer(MemoryFault):
    """The database was written by a newer scrubjay; install that version, or restore a backup. Found:"""


class SchemaOlder(MemoryFault):
    """The database was written by an older scrubjay; run `scrubjay db upgrade`. Found:"""


class DatabaseUnavailable(MemoryFault):
    """The database cannot be used:"""


class DatabaseUrlWrong(DatabaseUnavailable):
    """The database cannot be used:"""


class AnotherPerson(MemoryFault):
    """The transaction is bound to one person, and not to this one:"""


class EncoderMissing(MemoryFault):
    """The encoder's package is not installed:"""
