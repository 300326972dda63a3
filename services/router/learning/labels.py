"""How labels of public prompt collections map to Routor's categories and tiers.

A label of a collection says what task its prompts are; where it also bounds how demanding they
are, the tier is given. Labels that fit no single category are left out: no label is better than
a wrong one.
"""

import csv
from pathlib import Path
from typing import Final, NamedTuple

from services.catalog import Category, Tier

# Benchmarks that others are measured on: any source or label with one of these words in its
# name is never learned from. MMLU-Pro holds MMLU test questions, MGSM translates GSM8K's test
# set, FLASK takes prompts from WizardLM's.
KEPT_OUT: Final = ("mmlu", "gsm8k", "mgsm", "mt_bench", "mtbench", "mt-bench", "wizardlm", "flask",
                   "arena", "vicuna", "domain")  # fmt: skip
KEPT_IN: Final = ("gsm8k_train",)

RATED: Final = Path(__file__).parent / "rated" / "labels.tsv"

Label = tuple[Category | None, Tier | None]


class Rated(NamedTuple):
    """What somebody who read a public prompt says of it.

    `alternative`: a second category that can be defended. `gain`: how much likelier a strong
    model is to give a clearly better answer than a middling one, 0 (no more) to 9.
    """

    category: Category
    alternative: Category | None
    tier: Tier
    gain: int


_C, _T = Category, Tier

# By source, then by the beginning of the label; "" is for every other label of the source.
SOURCES: Final[dict[str, dict[str, Label]]] = {
    "llmrouter14": {
        "trivia_qa": (_C.SIMPLE_QA, _T.SIMPLE),
        "natural_qa": (_C.SIMPLE_QA, _T.SIMPLE),
        "openbook_qa": (_C.SCIENCE, _T.SIMPLE),
        "arc_challenge": (_C.SCIENCE, _T.SIMPLE),
        "gpqa": (_C.SCIENCE, _T.COMPLEX),
        "mbpp": (_C.CODING, _T.LIGHT),
        "human_eval": (_C.CODING, _T.LIGHT),
        "math": (_C.MATH, _T.STANDARD),
        "agentverse-logicgrid": (_C.REASONING, _T.STANDARD),
        "commonsense_qa": (_C.REASONING, _T.SIMPLE),
        "commongen": (_C.INSTRUCTION_FOLLOWING, _T.LIGHT),
    },
    "mixeval": {
        "TriviaQA": (_C.SIMPLE_QA, _T.SIMPLE),
        "BoolQ": (_C.SIMPLE_QA, _T.SIMPLE),
        "DROP": (_C.EXTRACTION, _T.LIGHT),
        "CommonsenseQA": (_C.REASONING, _T.SIMPLE),
        "HellaSwag": (_C.REASONING, _T.LIGHT),
        "PIQA": (_C.REASONING, _T.SIMPLE),
        "SIQA": (_C.REASONING, _T.SIMPLE),
        "ARC": (_C.SCIENCE, _T.SIMPLE),
        "GPQA": (_C.SCIENCE, _T.COMPLEX),
        "MATH": (_C.MATH, _T.STANDARD),
    },
    "bbh": {
        "multistep_arithmetic": (_C.MATH, _T.LIGHT),
        "object_counting": (_C.REASONING, _T.LIGHT),
        "logical_deduction": (_C.REASONING, _T.STANDARD),
        "tracking_shuffled": (_C.REASONING, _T.LIGHT),
        "web_of_lies": (_C.REASONING, _T.LIGHT),
        "formal_fallacies": (_C.REASONING, _T.STANDARD),
        "temporal_sequences": (_C.REASONING, _T.LIGHT),
        "penguins_in_a_table": (_C.REASONING, _T.LIGHT),
        "boolean_expressions": (_C.REASONING, _T.LIGHT),
        "date_understanding": (_C.REASONING, _T.LIGHT),
        "geometric_shapes": (_C.REASONING, _T.STANDARD),
        "reasoning_about_colored": (_C.REASONING, _T.LIGHT),
        "navigate": (_C.REASONING, _T.LIGHT),
        "sports_understanding": (_C.SIMPLE_QA, _T.SIMPLE),
        "causal_judgement": (_C.REASONING, _T.LIGHT),
        "word_sorting": (_C.INSTRUCTION_FOLLOWING, _T.LIGHT),
    },
    "gsm8k_train": {"": (_C.MATH, _T.LIGHT)},
    "zeroeval_math_l5": {"": (_C.MATH, None)},
    "gaokao": {
        "Math": (_C.MATH, _T.STANDARD),
        "Physics": (_C.SCIENCE, _T.STANDARD),
        "Chemistry": (_C.SCIENCE, _T.STANDARD),
        "Biology": (_C.SCIENCE, None),
        "English_MCQs": (_C.MULTILINGUAL, None),
        "English_Reading": (_C.EXTRACTION, None),
    },
    "t0_templates": {
        "ag_news": (_C.EXTRACTION, None),
        "dbpedia": (_C.EXTRACTION, None),
        "trec": (_C.EXTRACTION, None),
        "quoref": (_C.EXTRACTION, None),
        "duorc": (_C.EXTRACTION, None),
        "adversarial": (_C.EXTRACTION, None),
        "imdb": (_C.EXTRACTION, None),
        "rotten": (_C.EXTRACTION, None),
        "amazon": (_C.EXTRACTION, None),
        "app_reviews": (_C.EXTRACTION, None),
        "gigaword": (_C.SUMMARIZATION, _T.LIGHT),
        "samsum": (_C.SUMMARIZATION, _T.LIGHT),
        "cnn_dailymail": (_C.SUMMARIZATION, _T.LIGHT),
        "multi_news": (_C.SUMMARIZATION, _T.LIGHT),
    },
    "bfcl_v4": dict.fromkeys(
        (
            "live_simple",
            "live_multiple",
            "live_parallel",
            "simple_python",
            "multiple",
            "parallel",
            "multi_turn_base",
        ),
        (_C.TOOL_USE, None),
    ),
    "mbpp": {"": (_C.CODING, _T.LIGHT)},
    "humaneval": {"": (_C.CODING, _T.LIGHT)},
    "uncommonroute_tiers": {
        "factual-qa": (_C.SIMPLE_QA, _T.SIMPLE),
        "definition": (_C.SIMPLE_QA, _T.SIMPLE),
        "translation": (_C.MULTILINGUAL, _T.SIMPLE),
        "greeting": (_C.CHAT, _T.NANO),
        "explanation": (None, _T.LIGHT),
        "simple-code": (_C.CODING, _T.LIGHT),
        "complex-code": (_C.CODING, None),
        "testing": (_C.CODING, _T.STANDARD),
        "code-review": (_C.CODING, _T.STANDARD),
        "infrastructure": (_C.CODING, _T.STANDARD),
        "comparison": (_C.RESEARCH, None),
        "debugging": (_C.DEBUGGING, None),
        "summary": (_C.SUMMARIZATION, _T.LIGHT),
        "rewrite": (_C.WRITING, _T.LIGHT),
        "documentation": (_C.WRITING, None),
        "extraction": (_C.EXTRACTION, _T.LIGHT),
        "classification": (_C.EXTRACTION, _T.LIGHT),
        "creative": (_C.CREATIVE, _T.LIGHT),
        "brainstorming": (None, _T.LIGHT),
        "structured-output": (_C.INSTRUCTION_FOLLOWING, _T.LIGHT),
        "data-analysis": (_C.RESEARCH, _T.STANDARD),
        "system-design": (_C.PLANNING, _T.COMPLEX),
        "architecture": (_C.PLANNING, _T.COMPLEX),
        "formal-proof": (_C.MATH, _T.COMPLEX),
        "algorithm-proof": (None, _T.COMPLEX),
        "math-derivation": (_C.MATH, _T.COMPLEX),
        "formal-logic": (_C.REASONING, _T.COMPLEX),
        "game-theory": (_C.REASONING, None),
        "logic-puzzle": (_C.REASONING, _T.STANDARD),
    },
    "alignbench_zh": {
        "逻辑推理": (_C.REASONING, None),
        "数学计算": (_C.MATH, None),
        "角色扮演": (_C.CREATIVE, None),
        "文本写作/创意": (_C.CREATIVE, None),
        "文本写作": (_C.WRITING, None),
        "基本任务/信息抽取": (_C.EXTRACTION, _T.LIGHT),
        "基本任务/常识知识": (_C.SIMPLE_QA, _T.SIMPLE),
        "基本任务/翻译": (_C.MULTILINGUAL, None),
        "中文理解/字词理解": (_C.MULTILINGUAL, None),
        "专业能力/物理": (_C.SCIENCE, None),
        "专业能力/生物医学": (_C.SCIENCE, None),
        "专业能力/化学": (_C.SCIENCE, None),
        "专业能力/天文": (_C.SCIENCE, None),
        "综合问答/寻求建议": (_C.CHAT, None),
    },
}

# The scenarios of the Auto-J collections: real user queries.
_SCENARIOS: Final[dict[Category, str]] = {
    _C.WRITING: "functional_writing instructional_rewriting writing_legal_document"
    " writing_social_media_post writing_job_application writing_presentation_script"
    " writing_personal_essay writing_blog_post writing_advertisement writing_email"
    " writing_news_article writing_product_description language_polishing writing_marketing"
    " writing_technical_document paraphrasing writing_biography text_simplification"
    " text_correction writing_scientific_paper title_generation",
    _C.CREATIVE: "writing_song_lyrics creative_writing roleplay",
    _C.CODING: "code_generation explaining_code code_to_code_translation code_simplification",
    _C.DEBUGGING: "code_correction_rewriting",
    _C.MATH: "math_reasoning solving_exam_question_with_math",
    _C.SUMMARIZATION: "text_summarization note_summarization post_summarization",
    _C.EXTRACTION: "information_extraction keywords_extraction classification_identification"
    " topic_modeling reading_comprehension",
    _C.MULTILINGUAL: "text_to_text_translation",
    _C.PLANNING: "planning",
    _C.RESEARCH: "analyzing_general data_analysis",
    _C.SIMPLE_QA: "verifying_fact",
    _C.CHAT: "chitchat seeking_advice",
}
for _source in ("autoj_scenario", "autoj_pairwise"):
    SOURCES[_source] = {
        label: (category, None)
        for category, labels in _SCENARIOS.items()
        for label in labels.split()
    }


def label(source: str, name: str) -> Label | None:
    """Return the category and tier of a collection's label, None when it must not be learned."""
    if kept_out(source, name):
        return None
    rules = SOURCES.get(source, {})
    found = max((prefix for prefix in rules if name.startswith(prefix)), key=len, default=None)
    return rules[found] if found is not None else None


def kept_out(source: str, name: str) -> bool:
    """Tell whether prompts of a label must not be learned from at all."""
    words = f"{source} {name}".lower()
    return source not in KEPT_IN and any(word in words for word in KEPT_OUT)


def rated(path: Path = RATED) -> dict[tuple[str, str], Rated]:
    """Read what was said of public prompts one by one, by source and the prompt's id there."""
    with path.open(newline="") as file:
        return {
            (row["source"], row["prompt_id"]): Rated(
                Category(row["category"]),
                Category(row["alternative"]) if row["alternative"] != "-" else None,
                Tier[row["tier"]],
                int(row["gain"]),
            )
            for row in csv.DictReader(file, delimiter="\t")
        }
