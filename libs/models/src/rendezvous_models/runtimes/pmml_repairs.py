"""
Rewrites a document so that the evaluator, PMML4S, computes what the specification demands, or refuses it.

Every difference is one small function on the parsed document, and was found by comparison with another
evaluator: tests/integration/test_pmml_referee.py. docs/models/pmml.md has the list for people.
"""

from collections.abc import Callable
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes import pmml_expressions as expressions
from rendezvous_models.runtimes import pmml_models as models
from rendezvous_models.runtimes import pmml_segments as segments
from rendezvous_models.runtimes import pmml_trees as trees
from rendezvous_models.runtimes.pmml_scorecards import rank_reason_codes

Repair = Callable[[Element], None]

REPAIRS: Final[tuple[Repair, ...]] = (
    expressions.refuse_types,
    models.refuse_models,
    models.refuse_regressions,
    models.refuse_general_regressions,
    models.refuse_clusters,
    expressions.join_array_lines,
    expressions.call_columns_as_elements,
    expressions.type_constants,
    expressions.refuse_functions,
    expressions.compare_numbers_as_numbers,
    expressions.let_missing_pass,
    expressions.give_bins_their_default,
    expressions.spell_out_xor,
    expressions.round_floats,
    models.declare_classes,
    models.complete_target_values,
    trees.give_last_predictions_a_node,
    trees.complete_distributions,
    trees.look_at_root_predicates,
    segments.prepare_segments,
    segments.average_by_class,
    segments.share_out_votes,
    segments.chain_with_all_outputs,
    models.compare_with_the_first_table,
    models.name_category_of_parameters,
    models.add_ordinal_offsets,
    models.skip_unknown_evidence,
    models.sort_rules,
    rank_reason_codes,
    segments.select_with_own_outputs,
)


class Repaired(NamedTuple):
    """
    What rows need, to fit a repaired document.

    *floats* are inputs of 32 bits; *texts* are the declared values of inputs that take other texts as well.
    """

    floats: frozenset[str]
    texts: dict[str, frozenset[str]]


def repair(root: Element) -> Repaired:
    """Change *root* in place; raises BadModelError for what cannot be mended or makes no sense."""
    try:
        for each in REPAIRS:
            each(root)
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise BadModelError(f"the PMML document makes no sense: {type(error).__name__}: {error}") from error
    texts = expressions.open_texts(root)
    expressions.declare_other_texts(root, texts)
    fields = root.iterfind("DataDictionary/DataField")
    floats = frozenset(each.get("name", "") for each in fields if each.get("dataType") == "float")
    return Repaired(floats, texts)
