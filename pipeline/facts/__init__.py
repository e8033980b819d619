"""Facts: the numbers, dates and times of a text, and how they compare with those of other texts.

`find_facts` finds them. `find_unsupported` compares a claim with passages, `Statement.contradicts` compares the
statements of two passages.
"""

from pipeline.facts.claims import find_unsupported
from pipeline.facts.find import find_facts
from pipeline.facts.statements import Statement, distinct_statements
from pipeline.facts.words import write_in_digits

__all__ = ["Statement", "distinct_statements", "find_facts", "find_unsupported", "write_in_digits"]
