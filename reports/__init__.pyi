__all__: list[str]

from .documents.html import html_report as html_report
from .documents.json_report import result_json as result_json
from .documents.terminal import print_result as print_result
from .documents.terminal import terminal_report as terminal_report
from .pictures.spacetime import spacetime_svg as spacetime_svg
from .words.explained import Explained as Explained
from .words.explained import explain as explain
from .words.explained import explain_result as explain_result
from .words.explanation import headline as headline
from .words.failure import failure_message as failure_message
from .words.sentences import action_sentence as action_sentence
from .words.sentences import plan_sentences as plan_sentences
from .words.sentences import record_sentence as record_sentence
