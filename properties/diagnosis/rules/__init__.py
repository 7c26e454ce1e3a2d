"""The rules of diagnosis: for each row of the catalogue, the symptoms that speak for it and against it."""

from refold.properties.diagnosis.rules.conditional import CAS_RULES
from refold.properties.diagnosis.rules.consumers import CHECKPOINT_RULES, LIVE_RULES, ORDER_RULES
from refold.properties.diagnosis.rules.locks import LOCK_RULES
from refold.properties.diagnosis.rules.logs import LOG_RULES
from refold.properties.diagnosis.rules.messages import CDC_RULES, DUAL_RULES
from refold.properties.diagnosis.rules.own import OWN_RULES
from refold.properties.diagnosis.rules.reading import READ_RULES
from refold.properties.diagnosis.rules.snapshots import REPLAY_RULES, SNAPSHOT_RULES
from refold.properties.diagnosis.rules.symptom import Rules, Symptom

__all__ = ["RULES", "Rules", "Symptom"]

RULES: Rules = {
    **LOG_RULES,
    **CAS_RULES,
    **CHECKPOINT_RULES,
    **LIVE_RULES,
    **ORDER_RULES,
    **SNAPSHOT_RULES,
    **REPLAY_RULES,
    **READ_RULES,
    **DUAL_RULES,
    **LOCK_RULES,
    **CDC_RULES,
    **OWN_RULES,
}
"""Row -> its symptoms."""
