"""Facts: what a diagnosis may look at, computed once from the history and the findings.

Everything here is about what was observed up to the violation: never the name of the system (`Opened.system`) or of a part's class.
"""

from refold.properties.diagnosis.facts.consumer import ConsumerFacts
from refold.properties.diagnosis.facts.decision import DecisionFacts
from refold.properties.diagnosis.facts.log import LogFacts
from refold.properties.diagnosis.facts.passing import PassingFacts
from refold.properties.diagnosis.facts.past import Past, tag_of

__all__ = ["Facts", "Past", "tag_of"]


class Facts(ConsumerFacts, PassingFacts, LogFacts, DecisionFacts):
    """Everything that a rule may ask."""
